//! From a name and a password to an account. An unknown name takes the same work and gets the same answer as a
//! wrong password. How an account stands is told only to whoever has proved to be its own, with the second factor
//! where there is one.

use std::net::IpAddr;

use umbel_app::AppError;
use umbel_app::shown::{AccountShown, AccountState};
use umbel_guest::{AccountName, FieldErrors};

use super::passwords::{HashError, Password};
use super::second_factor::HalfIn;
use super::{Accounts, bad_password, shown};
use crate::store::accounts::{Account, account_credentials, account_signed_in};

/// What a right password opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedIn {
    All(AccountShown),
    /// A code is owed: [`Accounts::sign_in_code`].
    Half(HalfIn),
}

impl Accounts {
    /// Counted by name and by address. Records the sign-in; the session is made by whoever asked.
    pub async fn sign_in(&self, name: &str, password: String, address: Option<IpAddr>) -> Result<SignedIn, AppError> {
        let password =
            Password::given(password).map_err(|bad| AppError::Invalid(bad_password("password", bad).into()))?;
        // A telephone's keyboard begins with a capital and ends with a space.
        let name = name.trim().to_ascii_lowercase().parse::<AccountName>().ok();
        let attempt = self.tries.take(name.as_ref(), address, self.clock.now())?;

        let found = match &name {
            Some(name) => account_credentials(&self.db, name).await?,
            None => None,
        };
        let hash = found.as_ref().map(|found| found.password_hash.clone());
        let right = match self.passwords.verify(password, hash).await {
            Ok(right) => right,
            Err(error) => {
                // Nothing was learned from it.
                if matches!(error, HashError::Busy) {
                    attempt.succeeded();
                }
                return Err(error.into());
            }
        };
        let Some(found) = found.filter(|_| right) else {
            tracing::info!(name = name.as_ref().map(AccountName::as_str), ?address, "a sign-in failed");
            return Err(AppError::Invalid(FieldErrors::one("form", "Name or password is wrong.")));
        };
        attempt.succeeded();
        let now = self.clock.now();
        if found.account.second_factor {
            return Ok(SignedIn::Half(HalfIn::now(found.account.name, &found.password_hash, now)));
        }
        lets_in(&found.account, now)?;
        let mut account = found.account;
        account_signed_in(&self.db, account.id, now).await?;
        account.last_sign_in_at = Some(now);
        tracing::info!(name = account.name.as_str(), ?address, "signed in");
        self.people_changed();
        Ok(SignedIn::All(shown(account, now)))
    }
}

/// Refused with the reason: whoever asks this has proved to be the account's own.
pub(super) fn lets_in(account: &Account, now: i64) -> Result<(), AppError> {
    let why = match account.state(now) {
        AccountState::Active | AccountState::FirstPassword => return Ok(()),
        AccountState::Waiting => "This account waits for the approval of an administrator.",
        AccountState::Suspended => "This account is suspended. An administrator can reinstate it.",
        AccountState::Expired => "This account has ended. An administrator can give it more time.",
        AccountState::Leaving => "This account is being deleted.",
    };
    tracing::info!(name = account.name.as_str(), state = account.state(now).word(), "a sign-in was refused");
    Err(AppError::Invalid(FieldErrors::one("form", why)))
}
