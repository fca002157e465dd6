//! How a caller stands to guests. What that lets them do, the table in [`umbel_guest::rights`] says.

use std::collections::HashMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{Access, AccountId, GroupId, GroupRole, GuestId, GuestRight, Relation, Role, Shares};

use super::Guests;
use crate::store::StoreError;
use crate::store::groups::{Reached, reached_fetch, reached_list};
use crate::store::guests::{Guest, guest_fetch};
use crate::store::shares::{share_fetch, share_list_with};

/// What a caller may reach, read once for many guests.
#[derive(Clone, Debug)]
pub struct Reach {
    role: Role,
    /// Of a token that is bound to a group, nobody's.
    account: Option<AccountId>,
    shared: HashMap<GuestId, Shares>,
    /// By groups.
    reached: HashMap<AccountId, Reached>,
}

impl Reach {
    /// To that guest of that owner; without a guest, to whatever else is the owner's.
    pub fn to(&self, owner: AccountId, guest: Option<GuestId>) -> Access {
        let shares = guest.and_then(|guest| self.shared.get(&guest)).copied();
        // Of what is no guest's a group tells nothing.
        let reached = guest.and_then(|_| self.reached.get(&owner)).copied();
        Access { role: self.role, relation: relation(self.account == Some(owner), reached, shares) }
    }

    /// To an owner's guests as a whole, whatever single ones are shared.
    pub fn to_all_of(&self, owner: AccountId) -> Access {
        let reached = self.reached.get(&owner).copied();
        Access { role: self.role, relation: relation(self.account == Some(owner), reached, None) }
    }

    pub fn sees(&self, owner: AccountId, guest: Option<GuestId>) -> bool {
        self.to(owner, guest).may(GuestRight::View).is_ok()
    }
}

fn relation(owns: bool, reached: Option<Reached>, shares: Option<Shares>) -> Relation {
    match (owns, reached, shares) {
        (true, ..) | (false, Some(Reached::Own(GroupRole::Manager)), _) => Relation::Owner,
        (false, Some(Reached::Own(GroupRole::Member)), shares) => Relation::Member(shares),
        (false, Some(Reached::Managed), shares) => Relation::Managed(shares),
        (false, None, Some(shares)) => Relation::Shared(shares),
        (false, None, None) => Relation::Stranger,
    }
}

impl Guests {
    pub async fn reach(&self, caller: &Caller) -> Result<Reach, StoreError> {
        let (db, role, account) = (&self.parts.db, caller.role(), caller.account.id);
        if let Some(group) = caller.bound.map(GroupId::as_owner) {
            let reached = reached_fetch(db, account, group).await?.map(|how| (group, how)).into_iter().collect();
            return Ok(Reach { role, account: None, shared: HashMap::new(), reached });
        }
        let shared = share_list_with(db, account).await?.into_iter().collect();
        let reached = reached_list(db, account).await?.into_iter().collect();
        Ok(Reach { role, account: Some(account), shared, reached })
    }

    /// The guest, if it is the caller's to see.
    pub async fn visible(&self, caller: &Caller, guest: GuestId) -> Result<Guest, AppError> {
        self.found(caller, guest).await.map(|(guest, _)| guest)
    }

    /// The guest, if the caller may do that with it. What they may not even see isn't there.
    pub async fn allowed(&self, caller: &Caller, guest: GuestId, right: GuestRight) -> Result<Guest, AppError> {
        let (guest, access) = self.found(caller, guest).await?;
        access.may(right)?;
        Ok(guest)
    }

    /// The guest, if it is the caller's to see, with what they may do with it.
    pub async fn found(&self, caller: &Caller, guest: GuestId) -> Result<(Guest, Access), AppError> {
        let missing = || AppError::not_found("guest");
        let found = guest_fetch(&self.parts.db, guest).await?.ok_or_else(missing)?;
        let (db, account) = (&self.parts.db, caller.account.id);
        let relation = match caller.bound.map(GroupId::as_owner) {
            Some(group) if found.owner == group => relation(false, reached_fetch(db, account, group).await?, None),
            Some(_) => Relation::Stranger,
            None if found.owner == account => Relation::Owner,
            None => {
                relation(false, reached_fetch(db, account, found.owner).await?, share_fetch(db, guest, account).await?)
            }
        };
        let access = Access { role: caller.role(), relation };
        access.may(GuestRight::View).map_err(|_| missing())?;
        Ok((found, access))
    }
}
