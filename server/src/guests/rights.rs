//! How a caller stands to guests. What that lets them do, the table in [`umbel_guest::rights`] says.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{Access, AccountId, GuestId, GuestRight, Relation, Role};

use super::Guests;
use crate::store::guests::{Guest, guest_fetch};

/// What a caller may reach.
#[derive(Clone, Debug)]
pub struct Reach {
    role: Role,
    account: AccountId,
}

impl Reach {
    pub fn of(caller: &Caller) -> Self {
        Self { role: caller.account.role, account: caller.account.id }
    }

    /// To a guest of that owner, or to whatever else is theirs.
    pub fn to(&self, owner: AccountId) -> Access {
        let relation = if owner == self.account { Relation::Owner } else { Relation::Stranger };
        Access { role: self.role, relation }
    }

    pub fn sees(&self, owner: AccountId) -> bool {
        self.to(owner).may(GuestRight::View).is_ok()
    }
}

impl Guests {
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

    /// The same with what the caller may do with it.
    pub async fn found(&self, caller: &Caller, guest: GuestId) -> Result<(Guest, Access), AppError> {
        let missing = || AppError::not_found("guest");
        let found = guest_fetch(&self.parts.db, guest).await?.ok_or_else(missing)?;
        let access = Reach::of(caller).to(found.owner);
        access.may(GuestRight::View).map_err(|_| missing())?;
        Ok((found, access))
    }
}
