//! The second factor: switched on with a first code, used once for each code, switched off with a code or by
//! an administrator. [`codes`](super::codes) is what is pure of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountShown, RecoveryCodes, SecondFactorShown, SecondFactorStart};
use umbel_guest::{AccountId, AccountName, FieldErrors, PanelRight};

use super::codes::{Secret, Typed, recovery_codes};
use super::sign_in::lets_in;
use super::{Accounts, shown};
use crate::clock::{HOUR, MINUTE};
use crate::error::internal;
use crate::hex::sha256_hex;
use crate::store::Db;
use crate::store::accounts::{account_credentials, account_fetch, account_signed_in};
use crate::store::second_factors::{
    SecondFactor, recovery_code_count, recovery_code_use, second_factor_begin, second_factor_confirm,
    second_factor_delete, second_factor_fetch, second_factor_use_step,
};
use crate::store::sessions::session_delete_all;

/// How long a secret that was shown waits for its first code.
const CONFIRM: i64 = HOUR;
/// How long a password that was right waits for its code.
pub(super) const HALF: i64 = 10 * MINUTE;

/// Somebody whose password was right, and who owes a code. The session keeps it between the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfIn {
    pub(super) name: AccountName,
    /// A hash of the hash that the password was checked against: a new password ends it.
    pub(super) password: String,
    pub(super) at: i64,
}

impl HalfIn {
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn now(name: AccountName, password_hash: &str, at: i64) -> Self {
        Self { name, password: sha256_hex(password_hash.as_bytes()), at }
    }
}

impl Accounts {
    /// The second half of a sign-in. Tries are counted as passwords are.
    pub async fn sign_in_code(
        &self,
        half: &HalfIn,
        code: &str,
        address: Option<IpAddr>,
    ) -> Result<AccountShown, AppError> {
        let now = self.clock.now();
        let found = account_credentials(&self.db, &half.name)
            .await?
            .filter(|found| now - half.at < HALF && sha256_hex(found.password_hash.as_bytes()) == half.password);
        let mut account = found.ok_or(AppError::NotSignedIn)?.account;
        self.code_used(&account.name, account.id, code, address).await?;
        lets_in(&account, now)?;
        account_signed_in(&self.db, account.id, now).await?;
        account.last_sign_in_at = Some(now);
        tracing::info!(name = account.name.as_str(), ?address, "signed in with a second factor");
        self.people_changed();
        Ok(shown(account, now))
    }

    pub async fn second_factor(&self, caller: &Caller) -> Result<SecondFactorShown, AppError> {
        let found = second_factor_fetch(&self.db, caller.account.id).await?;
        Ok(match found.and_then(|found| found.confirmed_at) {
            None => SecondFactorShown::Off,
            Some(since) => {
                SecondFactorShown::On { since, codes_left: recovery_code_count(&self.db, caller.account.id).await? }
            }
        })
    }

    /// A new secret, told this once; nothing changes until a code of it was right.
    pub async fn second_factor_begin(&self, caller: &Caller) -> Result<SecondFactorStart, AppError> {
        let (account, secret) = (caller.account.id, Secret::random());
        let sealed = self.seal.seal(&account.to_string(), secret.bytes());
        if !second_factor_begin(&self.db, account, &sealed, self.clock.now()).await? {
            let message = "Your second factor is on already. Switch it off first.".into();
            return Err(AppError::Conflict { message });
        }
        Ok(SecondFactorStart { secret: secret.text(), uri: secret.uri(&caller.account.name) })
    }

    /// Switches it on and ends the account's other sign-ins: those came with a password alone.
    pub async fn second_factor_confirm(&self, caller: &Caller, code: &str) -> Result<RecoveryCodes, AppError> {
        let name = name_of(caller)?;
        let now = self.clock.now();
        let attempt = self.tries.take(Some(&name), caller.came.address, now)?;
        let found = second_factor_fetch(&self.db, caller.account.id).await?;
        let found = found.filter(|found| found.confirmed_at.is_none() && now - found.created_at < CONFIRM);
        let found = found.ok_or_else(nothing_begun)?;
        let Typed::Totp(code) = Typed::read(code) else { return Err(six_digits()) };
        let step = self.secret(&found)?.step_of(&code, now).ok_or_else(not_the_code)?;
        attempt.succeeded();

        let (codes, hashes) = recovery_codes();
        let mut tx = self.db.begin().await?;
        if !second_factor_confirm(&mut tx, found.account, &found.sealed, now, step, &hashes).await? {
            return Err(nothing_begun());
        }
        let ended = session_delete_all(&mut tx, found.account, Some(&caller.session)).await?;
        tx.commit().await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(name = name.as_str(), sessions = ended.len(), "a second factor was switched on");
        self.people_changed();
        Ok(RecoveryCodes { codes })
    }

    pub async fn second_factor_disable(&self, caller: &Caller, code: &str) -> Result<(), AppError> {
        let name = name_of(caller)?;
        if !caller.account.second_factor {
            return Err(AppError::Conflict { message: "Your second factor is off.".into() });
        }
        self.code_used(&name, caller.account.id, code, caller.came.address).await?;
        second_factor_delete(&self.db, caller.account.id).await?;
        tracing::info!(name = name.as_str(), "a second factor was switched off");
        self.people_changed();
        Ok(())
    }

    /// For who has lost it; ends the account's sign-ins, since the telephone may be somebody else's now.
    pub async fn people_reset_second_factor(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        if account == caller.account.id {
            let message = "Switch off your own second factor on your account page, with a code.".into();
            return Err(AppError::Conflict { message });
        }
        let found = account_fetch(&self.db, account).await?.ok_or_else(|| AppError::not_found("account"))?;
        let ended = reset_second_factor(&self.db, account).await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(name = found.name.as_str(), by = caller.account.name, "a second factor was reset");
        self.people_changed();
        Ok(())
    }

    /// Uses the code up, or says that it isn't one.
    pub(super) async fn code_used(
        &self,
        name: &AccountName,
        account: AccountId,
        code: &str,
        address: Option<IpAddr>,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        let attempt = self.tries.take_code(name, address, now)?;
        let found = second_factor_fetch(&self.db, account).await?.filter(|found| found.confirmed_at.is_some());
        let good = match (Typed::read(code), found) {
            (Typed::Totp(code), Some(found)) => match self.secret(&found)?.step_of(&code, now) {
                Some(step) => second_factor_use_step(&self.db, account, step).await?,
                None => false,
            },
            (Typed::Recovery(hash), Some(_)) => recovery_code_use(&self.db, account, &hash).await?,
            _ => false,
        };
        if !good {
            tracing::info!(name = name.as_str(), ?address, "a code of a second factor was wrong");
            return Err(not_the_code());
        }
        attempt.succeeded();
        Ok(())
    }

    fn secret(&self, found: &SecondFactor) -> Result<Secret, AppError> {
        let bytes = self.seal.open(&found.account.to_string(), &found.sealed).map_err(|error| internal(&error))?;
        Secret::of(bytes).ok_or_else(|| internal(&super::seal::SealError::Open))
    }
}

/// Takes it away and ends the account's sign-ins, whose ids it tells.
pub async fn reset_second_factor(db: &Db, account: AccountId) -> Result<Vec<String>, AppError> {
    let mut tx = db.begin().await?;
    if !second_factor_delete(&mut tx, account).await? {
        return Err(AppError::Conflict { message: "This account has no second factor.".into() });
    }
    let ended = session_delete_all(&mut tx, account, None).await?;
    tx.commit().await?;
    Ok(ended)
}

pub(super) fn name_of(caller: &Caller) -> Result<AccountName, AppError> {
    caller.account.name.parse().map_err(|_| AppError::NotSignedIn)
}

fn not_the_code() -> AppError {
    let message = "This code is wrong, too old, or was used before. Each works once: wait for the next one.";
    AppError::Invalid(FieldErrors::one("code", message))
}

fn six_digits() -> AppError {
    AppError::Invalid(FieldErrors::one("code", "Type the six digits that the app shows."))
}

fn nothing_begun() -> AppError {
    AppError::Conflict { message: "There is no secret that waits for its first code. Begin anew.".into() }
}
