//! What everybody does with their own account: a new password, and a look at where they are signed in.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::SessionShown;
use umbel_guest::{AccountName, FieldErrors};

use super::passwords::{HashError, Password};
use super::second_factor::name_of;
use super::{Accounts, bad_password, chosen};
use crate::store::accounts::{Credentials, account_credentials, account_set_password};
use crate::store::sessions::{session_delete_all, session_delete_of, session_list};

impl Accounts {
    /// Ends the account's other sessions. Tries are counted as sign-ins are: whoever finds an open
    /// browser shall not guess the password in it.
    pub async fn password_change(
        &self,
        caller: &Caller,
        old: String,
        new: String,
        again: String,
    ) -> Result<(), AppError> {
        let mut errors = FieldErrors::default();
        if new == old && !old.is_empty() {
            errors.0.push(umbel_guest::FieldError::new("password", "This is the present password. Choose another."));
        }
        let old = errors.take(Password::given(old).map_err(|bad| bad_password("password_old", bad)));
        let new = chosen(&mut errors, new, &again);
        let (Some(old), Some(new), true) = (old, new, errors.is_empty()) else {
            return Err(AppError::Invalid(errors));
        };

        let name = name_of(caller)?;
        let before = self.present(caller, &name, "password_old", old).await?;
        let hash = self.passwords.hash(new).await?;

        let mut tx = self.db.begin().await?;
        let now = account_credentials(&mut tx, &name).await?.ok_or(AppError::NotSignedIn)?;
        // Somebody was faster: what was checked above is no longer the present password.
        if now.password_hash != before.password_hash {
            return Err(not_the_present_one("password_old"));
        }
        account_set_password(&mut tx, now.account.id, &hash, false).await?;
        let ended = session_delete_all(&mut tx, now.account.id, Some(&caller.session)).await?;
        tx.commit().await?;
        self.live.end(ended.iter().map(String::as_str));
        tracing::info!(name = name.as_str(), sessions = ended.len(), "a password was changed");
        self.people_changed();
        Ok(())
    }

    /// Refused, with word at that field, unless it is the caller's own; tries are counted as sign-ins are.
    pub async fn password_check(&self, caller: &Caller, field: &'static str, password: String) -> Result<(), AppError> {
        let password = Password::given(password);
        let password = password.map_err(|bad| AppError::Invalid(bad_password(field, bad).into()))?;
        self.present(caller, &name_of(caller)?, field, password).await.map(drop)
    }

    /// What the password was right for.
    async fn present(
        &self,
        caller: &Caller,
        name: &AccountName,
        field: &'static str,
        password: Password,
    ) -> Result<Credentials, AppError> {
        let attempt = self.tries.take(Some(name), caller.came.address, self.clock.now())?;
        let found = account_credentials(&self.db, name).await?.ok_or(AppError::NotSignedIn)?;
        match self.passwords.verify(password, Some(found.password_hash.clone())).await {
            Ok(true) => attempt.succeeded(),
            Ok(false) => return Err(not_the_present_one(field)),
            Err(error) => {
                if matches!(error, HashError::Busy) {
                    attempt.succeeded();
                }
                return Err(error.into());
            }
        }
        Ok(found)
    }

    /// Where the caller is signed in.
    pub async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionShown>, AppError> {
        let list = session_list(&self.db, caller.account.id, self.clock.now()).await?;
        let shown = list.into_iter().map(|session| SessionShown {
            current: session.id == caller.session,
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            address: session.address,
            user_agent: session.user_agent,
        });
        Ok(shown.collect())
    }

    /// Ends one of the caller's own, also the one that the call came with.
    pub async fn session_end(&self, caller: &Caller, session: String) -> Result<(), AppError> {
        if !session_delete_of(&self.db, &session, caller.account.id).await? {
            return Err(AppError::not_found("sign-in"));
        }
        self.live.end([session.as_str()]);
        self.people_changed();
        Ok(())
    }
}

fn not_the_present_one(field: &str) -> AppError {
    AppError::Invalid(FieldErrors::one(field, "This is not the present password."))
}
