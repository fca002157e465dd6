//! How a caller stands to guests. What that lets them do, the table in [`umbel_guest::rights`] says.

use std::collections::{HashMap, HashSet};

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{Access, AccountId, GuestId, GuestRight, Relation, Role, Shares};

use super::Guests;
use crate::store::StoreError;
use crate::store::groups::{managed_list, manages};
use crate::store::guests::{Guest, guest_fetch};
use crate::store::shares::{share_fetch, share_list_with};

/// What a caller may reach, read once for many guests.
#[derive(Clone, Debug)]
pub struct Reach {
    role: Role,
    account: AccountId,
    shared: HashMap<GuestId, Shares>,
    /// Members of groups that the account manages.
    managed: HashSet<AccountId>,
}

impl Reach {
    /// To that guest of that owner; without a guest, to whatever else is the owner's.
    pub fn to(&self, owner: AccountId, guest: Option<GuestId>) -> Access {
        let shares = guest.and_then(|guest| self.shared.get(&guest)).copied();
        // Of what is no guest's a group tells nothing.
        let managed = guest.is_some() && self.managed.contains(&owner);
        Access { role: self.role, relation: relation(owner == self.account, managed, shares) }
    }

    pub fn sees(&self, owner: AccountId, guest: Option<GuestId>) -> bool {
        self.to(owner, guest).may(GuestRight::View).is_ok()
    }
}

fn relation(owns: bool, managed: bool, shares: Option<Shares>) -> Relation {
    match (owns, managed, shares) {
        (true, ..) => Relation::Owner,
        (false, true, shares) => Relation::Managed(shares),
        (false, false, Some(shares)) => Relation::Shared(shares),
        (false, false, None) => Relation::Stranger,
    }
}

impl Guests {
    pub async fn reach(&self, caller: &Caller) -> Result<Reach, StoreError> {
        let (role, account) = (caller.account.role, caller.account.id);
        let shared = share_list_with(&self.parts.db, account).await?.into_iter().collect();
        let managed = managed_list(&self.parts.db, account).await?.into_iter().collect();
        Ok(Reach { role, account, shared, managed })
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
        let relation = if found.owner == account {
            Relation::Owner
        } else {
            relation(false, manages(db, account, found.owner).await?, share_fetch(db, guest, account).await?)
        };
        let access = Access { role: caller.account.role, relation };
        access.may(GuestRight::View).map_err(|_| missing())?;
        Ok((found, access))
    }
}
