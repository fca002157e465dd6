//! The one-time link that makes the first administrator. Whoever holds it owns the panel, so the
//! database knows only a hash of its token.

use subtle::ConstantTimeEq as _;
use umbel_app::AppError;
use umbel_app::shown::{AccountShown, Role};
use umbel_guest::{AccountName, FieldErrors};

use super::{Accounts, chosen, fresh, link_token, shown};
use crate::hex::sha256_hex;
use crate::store::accounts::{account_count_administrators, account_fetch_by_name, account_insert};
use crate::store::meta::{Key, panel_fetch, panel_put, panel_take};
use crate::store::{Db, StoreError};

/// A new token where nobody can administrate this panel; earlier ones are no good any more.
pub async fn token(db: &Db) -> Result<Option<String>, StoreError> {
    let mut tx = db.begin().await?;
    if account_count_administrators(&mut tx).await? > 0 {
        return Ok(None);
    }
    let token = link_token();
    panel_put(&mut tx, Key::FirstRun, &sha256_hex(token.as_bytes())).await?;
    tx.commit().await?;
    Ok(Some(token))
}

impl Accounts {
    /// A new one-time token if there is no administrator who can sign in; earlier ones are no good any more.
    pub async fn first_run_token(&self) -> Result<Option<String>, AppError> {
        Ok(token(&self.db).await?)
    }

    /// Whether the token still makes an administrator.
    pub async fn first_run_is_open(&self, token: &str) -> Result<bool, AppError> {
        let Some(stored) = panel_fetch(&self.db, Key::FirstRun).await? else { return Ok(false) };
        let same: bool = stored.as_bytes().ct_eq(sha256_hex(token.as_bytes()).as_bytes()).into();
        Ok(same && account_count_administrators(&self.db).await? == 0)
    }

    /// Makes the first administrator. The token is used up by success only, and by one of many tries.
    pub async fn first_run(
        &self,
        token: &str,
        name: &str,
        password: String,
        password_again: String,
    ) -> Result<AccountShown, AppError> {
        // Before anything is hashed for a stranger.
        if !self.first_run_is_open(token).await? {
            return Err(closed());
        }
        let mut errors = FieldErrors::default();
        let name = errors.take(name.trim().parse::<AccountName>());
        let password = chosen(&mut errors, password, &password_again);
        let (Some(name), Some(password), true) = (name, password, errors.is_empty()) else {
            return Err(AppError::Invalid(errors));
        };
        let hash = self.passwords.hash(password).await?;

        let mut tx = self.db.begin().await?;
        let is_first = account_count_administrators(&mut tx).await? == 0;
        if !is_first || !panel_take(&mut tx, Key::FirstRun, &sha256_hex(token.as_bytes())).await? {
            return Err(closed());
        }
        if account_fetch_by_name(&mut tx, &name).await?.is_some() {
            return Err(AppError::Invalid(FieldErrors::one("name", format!("There is an account {name} already."))));
        }
        let account = fresh(name, Role::Administrator, self.clock.now());
        account_insert(&mut tx, &account, &hash).await?;
        tx.commit().await?;
        tracing::info!(name = account.name.as_str(), "the first administrator is there");
        self.people_changed();
        Ok(shown(account, self.clock.now()))
    }
}

fn closed() -> AppError {
    AppError::Forbidden {
        reason: "This link works once; it has been used, or a newer one was made. \
                 `umbel admin first-run-link` prints a new one while there is no administrator."
            .into(),
    }
}
