//! Accounts that people make for themselves, where administrators have opened that: at once, or waiting for one of
//! them. One that waits is a name and a password, and nothing else until it is approved.

use std::net::IpAddr;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountShown, Registration, RegistrationSettings, Role};
use umbel_guest::{AccountId, AccountName, FieldErrors, PanelRight};

use super::people::{conflict, taken};
use super::{Accounts, chosen, fresh, shown};
use crate::store::StoreError;
use crate::store::accounts::{
    Account, Standing, account_count_waiting, account_delete, account_fetch, account_insert, account_set_standing,
};
use crate::store::db::On;
use crate::store::meta::{Key, panel_fetch, panel_put};

/// So many wait at most.
pub const MOST_WAITING: u32 = 200;

/// What whoever registers types.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Registering {
    pub name: String,
    pub password: String,
    pub password_again: String,
}

impl std::fmt::Debug for Registering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registering").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Accounts {
    /// What is open to whoever isn't in.
    pub async fn registration(&self) -> Result<Registration, AppError> {
        Ok(registration(&self.db).await?)
    }

    pub async fn registration_settings(&self, caller: &Caller) -> Result<RegistrationSettings, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        Ok(RegistrationSettings { registration: self.registration().await? })
    }

    /// Who waits already goes on waiting.
    pub async fn registration_set(&self, caller: &Caller, settings: RegistrationSettings) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        panel_put(&self.db, Key::Registration, settings.registration.word()).await?;
        tracing::info!(?settings, by = caller.account.name, "who may register was changed");
        self.people_changed();
        Ok(())
    }

    /// A try, before anything is done for it. Those that succeed count too: each makes an account.
    pub async fn registration_try(&self, address: Option<IpAddr>) -> Result<(), AppError> {
        if self.registration().await? == Registration::Off {
            return Err(closed());
        }
        Ok(self.tries.register(address, self.clock.now())?)
    }

    /// Makes the account, which lets its owner in at once or waits.
    pub async fn register(&self, who: Registering, address: Option<IpAddr>) -> Result<AccountShown, AppError> {
        let mut wrong = FieldErrors::default();
        let name = wrong.take(who.name.trim().parse::<AccountName>());
        let password = chosen(&mut wrong, who.password, &who.password_again);
        let (Some(name), Some(password), true) = (name, password, wrong.is_empty()) else {
            return Err(AppError::Invalid(wrong));
        };
        let hash = self.passwords.hash(password).await?;

        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let standing = match registration(&mut tx).await? {
            Registration::Off => return Err(closed()),
            Registration::Approval if account_count_waiting(&mut tx).await? >= MOST_WAITING => return Err(full()),
            Registration::Approval => Standing::Waiting,
            Registration::Open => Standing::Active,
        };
        let account = Account { standing, ..fresh(name, Role::User, now) };
        account_insert(&mut tx, &account, &hash).await.map_err(|error| taken(error, &account.name))?;
        tx.commit().await?;
        tracing::info!(name = account.name.as_str(), ?standing, ?address, "somebody registered");
        self.people_changed();
        Ok(shown(account, now))
    }

    /// Lets an account in that waits, or deletes it; one that was decided about is left alone.
    pub async fn people_decide(&self, caller: &Caller, account: AccountId, approved: bool) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let mut tx = self.db.begin().await?;
        let found = account_fetch(&mut tx, account).await?.ok_or_else(|| AppError::not_found("account"))?;
        if !found.waits() {
            return Err(conflict(&format!("{} doesn't wait for approval.", found.name)));
        }
        if approved {
            account_set_standing(&mut tx, account, Standing::Active).await?;
        } else {
            account_delete(&mut tx, account).await?;
        }
        tx.commit().await?;
        tracing::info!(name = found.name.as_str(), approved, by = caller.account.name, "a registration was decided");
        self.people_changed();
        Ok(())
    }
}

/// A word that only a newer panel knows is the careful one.
async fn registration(on: impl Into<On<'_>>) -> Result<Registration, StoreError> {
    let word = panel_fetch(on, Key::Registration).await?;
    Ok(word.and_then(|word| word.parse().ok()).unwrap_or_default())
}

fn closed() -> AppError {
    AppError::Forbidden { reason: "Nobody makes an account of their own here. Ask an administrator.".into() }
}

fn full() -> AppError {
    conflict("Too many accounts wait for approval already. Ask an administrator, or try again later.")
}
