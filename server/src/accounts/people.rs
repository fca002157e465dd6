//! Accounts as administrators manage them.

use rand::Rng as _;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountState, FirstPassword, PersonFilter, PersonPage, PersonShown, Role, Topic};
use umbel_guest::{AccountId, AccountName, FieldError, FieldErrors, PanelRight};

use super::passwords::{Password, Passwords};
use super::{Accounts, fresh, shown};
use crate::etag::Tagged as _;
use crate::pages::{self, PAGE_MOST};
use crate::store::account_pages::{Sought, account_page};
use crate::store::accounts::{
    Account, Standing, account_count_administrators, account_fetch, account_fetch_counted, account_insert,
    account_set_password, account_set_role,
};
use crate::store::oidc::oidc_link_delete;
use crate::store::sessions::session_delete_all;
use crate::store::tokens::token_delete_all;
use crate::store::{Db, StoreError, Tx};

impl Accounts {
    /// Its `next` is where the accounts after these begin.
    pub async fn people_list(&self, caller: &Caller, filter: PersonFilter) -> Result<PersonPage, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let now = self.clock.now();
        let (sought, limit) = sought(filter, now).map_err(AppError::Invalid)?;
        let people = account_page(&self.db, &sought, limit + 1).await?;
        let (people, next) = pages::cut(people, limit, |(last, _)| pages::cursor(&last.name, last.id));
        let counted = |(account, guests)| PersonShown { account: shown(account, now), guests };
        Ok(PersonPage { rows: people.into_iter().map(counted).collect(), next })
    }

    pub async fn people_fetch(&self, caller: &Caller, account: AccountId) -> Result<PersonShown, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let found = account_fetch_counted(&self.db, account).await?;
        let (found, guests) = found.ok_or_else(|| AppError::not_found("account"))?;
        Ok(PersonShown { account: shown(found, self.clock.now()), guests })
    }

    /// With a first password that must be changed.
    pub async fn people_create(&self, caller: &Caller, name: String, role: String) -> Result<FirstPassword, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let mut errors = FieldErrors::default();
        let name = errors.take(name.trim().parse::<AccountName>());
        let role = errors.take(role.parse::<Role>());
        let (Some(name), Some(role)) = (name, role) else { return Err(AppError::Invalid(errors)) };
        let first = first_password();
        let hash = self.passwords.hash(first.clone()).await?;
        let account = Account { must_change_password: true, ..fresh(name, role, self.clock.now()) };
        account_insert(&self.db, &account, &hash).await.map_err(|error| taken(error, &account.name))?;
        tracing::info!(name = account.name.as_str(), by = caller.account.name, "an account was made");
        self.people_changed();
        Ok(FirstPassword { account: account.id, name: account.name.into(), password: first.reveal() })
    }

    /// Pages, consoles and event streams that are open follow at once. Nobody changes their own role, and one
    /// administrator stays.
    pub async fn people_set_role(&self, caller: &Caller, account: AccountId, role: String) -> Result<(), AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let role: Role = role.parse().map_err(|error: FieldError| AppError::Invalid(error.into()))?;
        if account == caller.account.id {
            return Err(conflict("You can't change your own role. Another administrator can."));
        }
        let mut tx = self.db.begin().await?;
        let found = account_fetch(&mut tx, account).await?.ok_or_else(|| AppError::not_found("account"))?;
        is_decided(&found)?;
        caller.expected(&shown(found.clone(), self.clock.now()).etag())?;
        if found.role == role {
            return Ok(());
        }
        one_stays(&mut tx, &found).await?;
        account_set_role(&mut tx, account, role).await?;
        tx.commit().await?;
        tracing::info!(name = found.name.as_str(), role = role.word(), by = caller.account.name, "a role was changed");
        self.events.publish(Topic::Rights(account));
        self.people_changed();
        Ok(())
    }

    /// A new first password; ends the account's sessions and tokens.
    pub async fn people_reset_password(&self, caller: &Caller, account: AccountId) -> Result<FirstPassword, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        if account == caller.account.id {
            return Err(conflict("Change your own password on your account page."));
        }
        let found = account_fetch(&self.db, account).await?.ok_or_else(|| AppError::not_found("account"))?;
        is_decided(&found)?;
        let (first, ended) = reset_password(&self.db, &self.passwords, account).await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(name = found.name.as_str(), by = caller.account.name, "a password was reset");
        self.people_changed();
        Ok(FirstPassword { account, name: found.name.into(), password: first.reveal() })
    }
}

/// What the fields say, or all that is wrong with them.
fn sought(filter: PersonFilter, now: i64) -> Result<(Sought, u32), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let name = wrong.take(pages::text("name", filter.name));
    let role = wrong.take(pages::word("role", &filter.role, &Role::ALL, Role::word));
    let state = wrong.take(pages::word("state", &filter.state, &AccountState::ALL, AccountState::word));
    let last = wrong.take(pages::last(&filter.cursor));
    let limit = wrong.take(pages::limit(&filter.limit, PAGE_MOST));
    let (Some(name), Some(role), Some(state), Some(last), Some(limit)) = (name, role, state, last, limit) else {
        return Err(wrong);
    };
    Ok((Sought { name, role, state, now, last }, limit))
}

/// Until it is approved or refused, nothing else is made of an account that waits.
pub(super) fn is_decided(account: &Account) -> Result<(), AppError> {
    if account.waits() {
        return Err(conflict(&format!("{} waits for approval. Approve it first.", account.name)));
    }
    Ok(())
}

/// Refused where the account is the only administrator who can sign in.
pub(super) async fn one_stays(tx: &mut Tx, account: &Account) -> Result<(), AppError> {
    let counts = account.role == Role::Administrator && account.standing == Standing::Active;
    if counts && account.expires_at.is_none() && account_count_administrators(tx).await? <= 1 {
        return Err(conflict("This is the only administrator who can sign in for good. Make another one first."));
    }
    Ok(())
}

/// Gives an account a first password; ends its sessions and tokens, whose ids it tells, and its link to the sign-in
/// provider: whoever had the old password may have made some.
pub async fn reset_password(
    db: &Db,
    passwords: &Passwords,
    account: AccountId,
) -> Result<(Password, Vec<String>), AppError> {
    let first = first_password();
    let hash = passwords.hash(first.clone()).await?;
    let mut tx = db.begin().await?;
    if !account_set_password(&mut tx, account, &hash, true).await? {
        return Err(AppError::not_found("account"));
    }
    let mut ended = session_delete_all(&mut tx, account, None).await?;
    ended.extend(token_delete_all(&mut tx, account).await?);
    oidc_link_delete(&mut tx, account).await?;
    tx.commit().await?;
    Ok((first, ended))
}

pub(super) fn first_password() -> Password {
    Password::first(rand::rng().random())
}

pub(super) fn taken(error: StoreError, name: &AccountName) -> AppError {
    if error.is_duplicate() {
        return AppError::Invalid(FieldErrors::one("name", format!("There is an account {name} already.")));
    }
    error.into()
}

pub(super) fn conflict(message: &str) -> AppError {
    AppError::Conflict { message: message.into() }
}
