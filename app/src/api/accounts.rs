use leptos::prelude::*;
use umbel_guest::AccountId;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{
    AccountShown, FirstPassword, GuestsThen, ImportShown, PersonPage, PersonShown, Registration, RegistrationSettings,
    SessionShown,
};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::{GuestsLeft, ImportDraft, PersonFilter},
};
#[cfg(feature = "ssr")]
use umbel_guest::FieldErrors;

#[server(prefix = "/_sf", endpoint = "account_me", output = Answer)]
pub async fn account_me() -> Result<AccountShown, AppError> {
    Ok(told(caller())?.account)
}

#[server(prefix = "/_sf", endpoint = "account_fetch", output = Answer)]
pub async fn account_fetch(account: AccountId) -> Result<PersonShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.account_fetch(&caller, account).await)
}

#[server(prefix = "/_sf", endpoint = "account_list", output = Answer)]
pub async fn account_list(
    #[server(default)] name: String,
    #[server(default)] state: String,
    #[server(default)] cursor: String,
) -> Result<PersonPage, AppError> {
    let caller = told(caller())?;
    let filter = PersonFilter { name, state, cursor, ..PersonFilter::default() };
    told(backend()?.account_list(&caller, filter).await)
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

#[server(prefix = "/_sf", endpoint = "account_suspend", output = Answer)]
pub async fn account_suspend(account: AccountId, guests: GuestsThen) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_suspend(&caller, account, guests).await)
}

#[server(prefix = "/_sf", endpoint = "account_reinstate", output = Answer)]
pub async fn account_reinstate(account: AccountId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_reinstate(&caller, account).await)
}

#[server(prefix = "/_sf", endpoint = "account_set_expiry", output = Answer)]
pub async fn account_set_expiry(account: AccountId, expires: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_set_expiry(&caller, account, expires).await)
}

/// `guests` is one of the form's words; the name of the heir counts for one of them only. Whoever deletes an
/// account types its name.
#[server(prefix = "/_sf", endpoint = "account_remove", output = Answer)]
pub async fn account_remove(
    account: AccountId,
    #[server(default)] guests: String,
    to: String,
    confirm: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    // Who may not even ask, or asks for nobody, is refused by the deletion itself, which leaves its row.
    if let Ok(PersonShown { account: AccountShown { name, .. }, .. }) = backend()?.account_fetch(&caller, account).await
        && confirm.trim() != name
    {
        return told(Err(AppError::Invalid(FieldErrors::one("confirm", format!("Type {name} to delete it.")))));
    }
    let guests = told(guests_left(&guests, to))?;
    told(backend()?.account_remove(&caller, account, guests).await)?;
    leptos_axum::redirect(paths::PEOPLE);
    Ok(())
}

#[cfg(feature = "ssr")]
fn guests_left(word: &str, to: String) -> Result<GuestsLeft, AppError> {
    match word {
        "none" => Ok(GuestsLeft::None),
        "delete" => Ok(GuestsLeft::Delete),
        "give" => Ok(GuestsLeft::Give(to)),
        _ => Err(AppError::Invalid(FieldErrors::one("guests", "Choose what becomes of its guests."))),
    }
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

/// Of one that waits for approval.
#[server(prefix = "/_sf", endpoint = "account_decide", output = Answer)]
pub async fn account_decide(account: AccountId, approved: bool) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.account_decide(&caller, account, approved).await)
}

#[server(prefix = "/_sf", endpoint = "registration_fetch", output = Answer)]
pub async fn registration_fetch() -> Result<RegistrationSettings, AppError> {
    let caller = told(caller())?;
    told(backend()?.registration_fetch(&caller).await)
}

/// Whether people make accounts of their own.
#[server(prefix = "/_sf", endpoint = "registration_set", output = Answer)]
pub async fn registration_set(registration: Registration) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.registration_set(&caller, RegistrationSettings { registration }).await)
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
