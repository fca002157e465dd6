//! Groups: administrators make them and say who is in them as what. A manager sees the members and reaches
//! their guests as the table of rights says; whoever is put in or out is told at once, pages and consoles
//! that are open included.

use std::collections::BTreeSet;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GroupDraft, GroupRoll, GroupShown, MemberDraft, MemberShown, Topic};
use umbel_guest::{AccountId, AccountName, FieldErrors, GroupId, GroupKind, GroupName, GroupRole, PanelRight};
use uuid::Uuid;

use super::Accounts;
use crate::etag::Tagged as _;
use crate::store::accounts::{account_fetch_by_name, account_rights_changed};
use crate::store::groups::{
    Group, Member, group_change, group_delete, group_fetch, group_insert, group_list, group_list_of, member_delete,
    member_fetch, member_list, member_put,
};
use crate::store::guests::guest_list_of;
use crate::store::volumes::volume_list_of;
use crate::store::{StoreError, Tx};

/// On a panel.
const MOST_GROUPS: usize = 1000;
/// In one group.
const MOST_MEMBERS: usize = 1000;

impl Accounts {
    /// All of them for administrators, for others their own.
    pub async fn group_list(&self, caller: &Caller) -> Result<Vec<GroupShown>, AppError> {
        let own = group_list_of(&self.db, caller.account.id).await?;
        let role = |id| own.iter().find(|(group, _)| *group == id).map(|(_, role)| *role);
        let all = caller.may(PanelRight::ManageGroups).is_ok();
        let groups = group_list(&self.db).await?.into_iter().map(|group| (role(group.id), group));
        Ok(groups.filter(|(role, _)| all || role.is_some()).map(|(role, group)| shown(group, role)).collect())
    }

    pub async fn group_fetch(&self, caller: &Caller, group: GroupId) -> Result<GroupRoll, AppError> {
        let found = group_fetch(&self.db, group).await?.ok_or_else(missing)?;
        let role = member_fetch(&self.db, group, caller.account.id).await?;
        let all = caller.may(PanelRight::ManageGroups).is_ok() || role == Some(GroupRole::Manager);
        if !all && role.is_none() {
            return Err(missing());
        }
        let sees = |member: &Member| all || member.role == GroupRole::Manager || member.account == caller.account.id;
        let people = member_list(&self.db, group).await?.into_iter().filter(sees).map(|member| MemberShown {
            account: member.account,
            name: member.account_name,
            role: member.role,
            since: member.since,
            guests: member.guests,
        });
        Ok(GroupRoll { people: people.collect(), group: shown(found, role) })
    }

    pub async fn group_create(&self, caller: &Caller, draft: GroupDraft) -> Result<GroupShown, AppError> {
        caller.may(PanelRight::ManageGroups)?;
        let (name, kind) = checked(&draft)?;
        let id = GroupId(Uuid::now_v7());
        let group = Group { id, name, kind, created_at: self.clock.now(), members: 0 };
        let mut tx = self.db.begin().await?;
        if group_list(&mut tx).await?.len() >= MOST_GROUPS {
            let message = format!("There are {MOST_GROUPS} groups already. Remove one that isn't used any more first.");
            return Err(AppError::Conflict { message });
        }
        group_insert(&mut tx, &group).await.map_err(|error| taken(error, &group.name))?;
        tx.commit().await?;
        tracing::info!(group = group.name.as_str(), by = caller.account.name, "a group was made");
        self.people_changed();
        Ok(shown(group, None))
    }

    /// Its name and what it is for.
    pub async fn group_change(&self, caller: &Caller, group: GroupId, draft: GroupDraft) -> Result<(), AppError> {
        caller.may(PanelRight::ManageGroups)?;
        let (name, kind) = checked(&draft)?;
        let mut tx = self.db.begin().await?;
        let found = group_fetch(&mut tx, group).await?.ok_or_else(missing)?;
        caller.expected(&shown(found, None).etag())?;
        group_change(&mut tx, group, &name, kind).await.map_err(|error| taken(error, &name))?;
        tx.commit().await?;
        self.people_changed();
        Ok(())
    }

    /// Its members stay as they are; nobody reaches anything by it any more. Not while it owns guests.
    pub async fn group_remove(&self, caller: &Caller, group: GroupId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageGroups)?;
        let mut tx = self.db.begin().await?;
        let found = group_fetch(&mut tx, group).await?.ok_or_else(missing)?;
        let guests = guest_list_of(&mut tx, group.as_owner()).await?.len();
        if guests > 0 {
            let many = if guests == 1 { "a guest".to_owned() } else { format!("{guests} guests") };
            let name = &found.name;
            let message = format!("{name} has {many}. Give them to somebody else or purge them first.");
            return Err(AppError::Conflict { message });
        }
        let volumes = volume_list_of(&mut tx, group.as_owner()).await?;
        if let Some(volume) = volumes.first() {
            let message = format!("{} has the volume {}. Remove its volumes first.", found.name, volume.name);
            return Err(AppError::Conflict { message });
        }
        let told = follow(&mut tx, group, None).await?;
        if !group_delete(&mut tx, group).await? {
            return Err(missing());
        }
        tx.commit().await?;
        tracing::info!(%group, by = caller.account.name, "a group was removed");
        self.group_told(told);
        Ok(())
    }

    /// Is exactly that from now on, whatever it was in the group before.
    pub async fn member_put(&self, caller: &Caller, group: GroupId, draft: MemberDraft) -> Result<(), AppError> {
        caller.may(PanelRight::ManageGroups)?;
        let mut wrong = FieldErrors::default();
        let name = wrong.take(draft.name.trim().to_ascii_lowercase().parse::<AccountName>());
        let role = wrong.take(draft.role.parse::<GroupRole>());
        let (Some(name), Some(role)) = (name, role) else { return Err(AppError::Invalid(wrong)) };
        let invalid = |message: String| AppError::Invalid(FieldErrors::one("name", message));

        let mut tx = self.db.begin().await?;
        let found = group_fetch(&mut tx, group).await?.ok_or_else(missing)?;
        let account = account_fetch_by_name(&mut tx, &name).await?.filter(|found| !found.waits());
        let account = account.ok_or_else(|| invalid(format!("There is no account {name}.")))?.id;
        let is_new = member_fetch(&mut tx, group, account).await?.is_none();
        if is_new && is_full(&found) {
            return Err(invalid(format!("A group has at most {MOST_MEMBERS} members.")));
        }
        member_put(&mut tx, group, account, role, self.clock.now()).await?;
        let told = follow(&mut tx, group, Some(account)).await?;
        tx.commit().await?;
        tracing::info!(%group, name = name.as_str(), role = role.word(), by = caller.account.name, "a member was put");
        self.group_told(told);
        Ok(())
    }

    pub async fn member_remove(&self, caller: &Caller, group: GroupId, account: AccountId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageGroups)?;
        let mut tx = self.db.begin().await?;
        let told = follow(&mut tx, group, Some(account)).await?;
        if !member_delete(&mut tx, group, account).await? {
            return Err(AppError::not_found("member"));
        }
        tx.commit().await?;
        tracing::info!(%group, %account, by = caller.account.name, "a member was removed");
        self.group_told(told);
        Ok(())
    }

    fn group_told(&self, accounts: BTreeSet<AccountId>) {
        for account in accounts {
            self.events.publish(Topic::Rights(account));
        }
        self.people_changed();
    }
}

/// Whoever may do more or less when a group changes: its managers, and the one who was put in or out; all of
/// its members where it is the group that goes. Counted in the same transaction, so that other panels notice too.
pub(super) async fn follow(
    tx: &mut Tx,
    group: GroupId,
    account: Option<AccountId>,
) -> Result<BTreeSet<AccountId>, StoreError> {
    let members = member_list(&mut *tx, group).await?;
    let concerned = members.iter().filter(|member| account.is_none() || member.role == GroupRole::Manager);
    let accounts: BTreeSet<AccountId> = concerned.map(|member| member.account).chain(account).collect();
    for account in &accounts {
        account_rights_changed(&mut *tx, *account).await?;
    }
    Ok(accounts)
}

/// Whether nobody more may be put in.
pub(super) fn is_full(group: &Group) -> bool {
    group.members as usize >= MOST_MEMBERS
}

/// Every wrong field is named at once.
fn checked(draft: &GroupDraft) -> Result<(GroupName, GroupKind), AppError> {
    let mut wrong = FieldErrors::default();
    let name = wrong.take(draft.name.trim().parse::<GroupName>());
    let kind = wrong.take(draft.kind.parse::<GroupKind>());
    match (name, kind) {
        (Some(name), Some(kind)) => Ok((name, kind)),
        _ => Err(AppError::Invalid(wrong)),
    }
}

fn missing() -> AppError {
    AppError::not_found("group")
}

fn taken(error: StoreError, name: &GroupName) -> AppError {
    if error.is_duplicate() {
        return AppError::Invalid(FieldErrors::one("name", format!("There is a group {name} already.")));
    }
    error.into()
}

fn shown(group: Group, role: Option<GroupRole>) -> GroupShown {
    GroupShown {
        id: group.id,
        name: group.name,
        kind: group.kind,
        created_at: group.created_at,
        members: group.members,
        role,
    }
}
