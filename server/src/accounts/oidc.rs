//! Accounts of those whom a provider elsewhere vouches for: only by a link that was made here, never by a name that is
//! the same. The provider itself is asked by [`crate::oidc`].

use std::net::IpAddr;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountShown, Role};
use umbel_guest::{AccountId, AccountName, FieldErrors};

use super::people::{conflict, first_password};
use super::rate_limit::Try;
use super::second_factor::HalfIn;
use super::sign_in::{SignedIn, lets_in};
use super::{Accounts, fresh, shown};
use crate::oidc::{Identity, SecondFactorBy};
use crate::store::StoreError;
use crate::store::accounts::{account_credentials, account_fetch, account_insert, account_signed_in};
use crate::store::oidc::{OidcLink, oidc_link_delete, oidc_link_fetch, oidc_link_fetch_of, oidc_link_insert};

impl Accounts {
    /// A try of whoever comes back from the provider, counted by address as those with passwords are.
    pub fn oidc_try(&self, address: Option<IpAddr>) -> Result<Try, AppError> {
        Ok(self.tries.take(None, address, self.clock.now())?)
    }

    /// Whose identity it is here.
    pub async fn oidc_account(&self, who: &Identity) -> Result<Option<AccountId>, AppError> {
        let link = oidc_link_fetch(&self.db, &who.issuer, &who.subject).await?;
        Ok(link.map(|link| link.account))
    }

    /// The provider stands for the password, and for nothing else: how the account stands counts, and so does its
    /// second factor, unless the provider asks for one.
    pub async fn oidc_sign_in(
        &self,
        account: AccountId,
        second: SecondFactorBy,
        address: Option<IpAddr>,
    ) -> Result<SignedIn, AppError> {
        let now = self.clock.now();
        let mut account = account_fetch(&self.db, account).await?.ok_or(AppError::NotSignedIn)?;
        if account.second_factor && second == SecondFactorBy::Panel {
            let found = account_credentials(&self.db, &account.name).await?.ok_or(AppError::NotSignedIn)?;
            return Ok(SignedIn::Half(HalfIn::now(account.name, &found.password_hash, now)));
        }
        lets_in(&account, now)?;
        account_signed_in(&self.db, account.id, now).await?;
        account.last_sign_in_at = Some(now);
        tracing::info!(name = account.name.as_str(), ?address, "signed in by the provider");
        self.people_changed();
        Ok(SignedIn::All(shown(account, now)))
    }

    /// A new account for somebody who has none, with the usual limits and without a password that anybody knows. A
    /// name that is taken stays its owner's.
    pub async fn oidc_open(&self, who: &Identity) -> Result<AccountShown, AppError> {
        let refused = |why: String| AppError::Invalid(FieldErrors::one("form", why));
        let name = who.name.trim().to_ascii_lowercase().parse::<AccountName>().map_err(|_| {
            refused(format!("The provider calls you {:?}, which can't be a name here. Ask an administrator.", who.name))
        })?;
        let hash = self.passwords.hash(first_password()).await?;
        let now = self.clock.now();
        let account = fresh(name, Role::User, now);
        let (issuer, subject) = (who.issuer.clone(), who.subject.clone());
        let link = OidcLink { issuer, subject, account: account.id, created_at: now, opened: true };
        let mut tx = self.db.begin().await?;
        account_insert(&mut tx, &account, &hash).await.map_err(|error| {
            if !error.is_duplicate() {
                return error.into();
            }
            refused(format!(
                "There is an account {} already. If it is yours, sign in with its password and link it on your account page.",
                account.name
            ))
        })?;
        oidc_link_insert(&mut tx, &link).await.map_err(linked_already)?;
        tx.commit().await?;
        tracing::info!(name = account.name.as_str(), "an account was opened by the provider");
        self.people_changed();
        Ok(shown(account, now))
    }

    /// The caller's own link, if there is one.
    pub async fn oidc_link(&self, caller: &Caller) -> Result<Option<OidcLink>, AppError> {
        Ok(oidc_link_fetch_of(&self.db, caller.account.id).await?)
    }

    pub async fn oidc_link_add(&self, caller: &Caller, who: &Identity) -> Result<(), AppError> {
        let link = OidcLink {
            issuer: who.issuer.clone(),
            subject: who.subject.clone(),
            account: caller.account.id,
            created_at: self.clock.now(),
            opened: false,
        };
        oidc_link_insert(&self.db, &link).await.map_err(linked_already)?;
        tracing::info!(name = caller.account.name, "an account was linked to the provider");
        self.people_changed();
        Ok(())
    }

    pub async fn oidc_link_remove(&self, caller: &Caller) -> Result<(), AppError> {
        let link = oidc_link_fetch_of(&self.db, caller.account.id).await?;
        let link = link.ok_or_else(|| conflict("Your account is not linked."))?;
        if link.opened {
            return Err(conflict(
                "Your account was opened by the provider and has no password. Ask an administrator to reset it: that \
                 gives you one and ends the link.",
            ));
        }
        oidc_link_delete(&self.db, caller.account.id).await?;
        tracing::info!(name = caller.account.name, "a link to the provider was removed");
        self.people_changed();
        Ok(())
    }
}

fn linked_already(error: StoreError) -> AppError {
    if !error.is_duplicate() {
        return error.into();
    }
    conflict("One of the two is linked already: your account here, or the one at the provider to another account.")
}
