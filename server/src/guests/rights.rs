//! How a caller stands to guests. What that lets them do, the table in [`umbel_guest::rights`] says.

use std::collections::HashMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{Access, AccountId, GuestId, GuestRight, Relation, Role, Shares};

use super::Guests;
use crate::store::StoreError;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::shares::{share_fetch, share_list_with};

/// What a caller may reach, read once for many guests.
#[derive(Clone, Debug)]
pub struct Reach {
    role: Role,
    account: AccountId,
    shared: HashMap<GuestId, Shares>,
}

impl Reach {
    /// To that guest of that owner; without a guest, to whatever else is the owner's.
    pub fn to(&self, owner: AccountId, guest: Option<GuestId>) -> Access {
        let shares = guest.and_then(|guest| self.shared.get(&guest)).copied();
        Access { role: self.role, relation: relation(owner == self.account, shares) }
    }

    pub fn sees(&self, owner: AccountId, guest: Option<GuestId>) -> bool {
        self.to(owner, guest).may(GuestRight::View).is_ok()
    }
}

fn relation(owns: bool, shares: Option<Shares>) -> Relation {
    match (owns, shares) {
        (true, _) => Relation::Owner,
        (false, Some(shares)) => Relation::Shared(shares),
        (false, None) => Relation::Stranger,
    }
}

impl Guests {
    pub async fn reach(&self, caller: &Caller) -> Result<Reach, StoreError> {
        let (role, account) = (caller.account.role, caller.account.id);
        let shared = share_list_with(&self.parts.db, account).await?.into_iter().collect();
        Ok(Reach { role, account, shared })
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
        let owns = found.owner == caller.account.id;
        let shares = if owns { None } else { share_fetch(&self.parts.db, guest, caller.account.id).await? };
        let access = Access { role: caller.account.role, relation: relation(owns, shares) };
        access.may(GuestRight::View).map_err(|_| missing())?;
        Ok((found, access))
    }
}
