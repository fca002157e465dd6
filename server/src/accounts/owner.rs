//! Whose something new is: that of whoever asks, or of a group that they manage.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{AccountId, FieldErrors, GroupId, GroupRole, PanelRight};

use crate::store::Tx;
use crate::store::groups::{group_fetch, member_fetch, owner_name};

#[derive(Clone, Debug)]
pub struct Owner {
    pub id: AccountId,
    /// A group's begins with an @.
    pub name: String,
}

impl Owner {
    pub fn myself(caller: &Caller) -> Self {
        Self { id: caller.account.id, name: caller.account.name.clone() }
    }

    /// Without a group, whoever asks, or the group that their token is bound to. What is wrong is said of the field
    /// `group`; whoever isn't in a group isn't told that it is there.
    pub async fn of(tx: &mut Tx, caller: &Caller, group: Option<GroupId>) -> Result<Self, AppError> {
        let invalid = |message: &str| AppError::Invalid(FieldErrors::one("group", message));
        let group = match (group, caller.bound) {
            (None, None) => return Ok(Self::myself(caller)),
            (Some(group), Some(bound)) if group != bound => return Err(invalid("This token is another group's.")),
            (Some(group), _) | (None, Some(group)) => group,
        };
        let role = member_fetch(&mut *tx, group, caller.account.id).await?;
        let manages = role == Some(GroupRole::Manager) || caller.may(PanelRight::ManageGroups).is_ok();
        match group_fetch(tx, group).await? {
            Some(group) if manages => Ok(Self { id: group.id.as_owner(), name: owner_name(&group.name) }),
            Some(_) if role.is_some() => Err(invalid("Only those who manage a group do that for it.")),
            _ => Err(invalid("There is no such group.")),
        }
    }
}
