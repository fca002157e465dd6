use leptos::prelude::*;
use umbel_guest::AccountId;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{AccountShown, FirstPassword, ImportShown, SessionShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::ImportDraft,
};

#[server(prefix = "/_sf", endpoint = "account_me", output = Answer)]
pub async fn account_me() -> Result<AccountShown, AppError> {
    Ok(told(caller())?.account)
}

#[server(prefix = "/_sf", endpoint = "account_list", output = Answer)]
pub async fn account_list() -> Result<Vec<AccountShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.account_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "account_create", output = Answer)]
pub async fn account_create(name: String, role: String) -> Result<FirstPassword, AppError> {
    let caller = told(caller())?;
    told(backend()?.account_create(&caller, name, role).await)
}

/// A box that isn't ticked sends nothing.
#[server(prefix = "/_sf", endpoint = "account_import", output = Answer)]
pub async fn account_import(lines: String, #[server(default)] only_check: bool) -> Result<ImportShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.account_import(&caller, ImportDraft { lines, only_check }).await)
}

#[server(prefix = "/_sf", endpoint = "account_set_role", output = Answer)]
pub async fn account_set_role(account: AccountId, role: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_set_role(&caller, account, role).await)
}

#[server(prefix = "/_sf", endpoint = "account_set_enabled", output = Answer)]
pub async fn account_set_enabled(account: AccountId, enabled: bool) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_set_enabled(&caller, account, enabled).await)
}

#[server(prefix = "/_sf", endpoint = "account_reset_password", output = Answer)]
pub async fn account_reset_password(account: AccountId) -> Result<FirstPassword, AppError> {
    let caller = told(caller())?;
    told(backend()?.account_reset_password(&caller, account).await)
}

#[server(prefix = "/_sf", endpoint = "account_reset_second_factor", output = Answer)]
pub async fn account_reset_second_factor(account: AccountId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_reset_second_factor(&caller, account).await)
}

#[server(prefix = "/_sf", endpoint = "session_list", output = Answer)]
pub async fn session_list() -> Result<Vec<SessionShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.session_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "session_end", output = Answer)]
pub async fn session_end(session: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.session_end(&caller, session).await)
}
