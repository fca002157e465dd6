use leptos::prelude::*;
#[cfg(feature = "ssr")]
use umbel_guest::FieldError;
use umbel_guest::{BackupId, GuestId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::BackupsShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::{CloneDraft, PlanDraft},
};

/// Of a guest; without one, of all that may be seen.
#[server(prefix = "/_sf", endpoint = "backup_list", output = Answer)]
pub async fn backup_list(#[server(default)] guest: Option<GuestId>) -> Result<BackupsShown, AppError> {
    let caller = told(caller())?;
    match guest {
        Some(guest) => backend()?.backup_list_of(&caller, guest).await,
        None => backend()?.backup_list(&caller).await,
    }
}

/// An empty interval is no plan. Its fields stand beside those of a plan of snapshots, so they have names of their own.
#[server(prefix = "/_sf", endpoint = "backup_plan_set", output = Answer)]
pub async fn backup_plan_set(
    guest: GuestId,
    #[server(default)] backup_every: String,
    #[server(default)] backup_keep: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let wrong = |error: FieldError| AppError::Invalid(error.into());
    let every = Some(backup_every.as_str()).filter(|word| !word.is_empty()).map(str::parse).transpose();
    let every = every.map_err(|error: FieldError| FieldError::new("backup_every", error.message));
    let keep = match backup_keep.trim() {
        "" => Ok(0),
        text => text.parse().map_err(|_| FieldError::new("backup_keep", "A whole number.")),
    };
    let draft = PlanDraft { every: told(every.map_err(wrong))?, keep: told(keep.map_err(wrong))? };
    let set = backend()?.backup_plan_set(&caller, guest, draft).await;
    told(set.map_err(|error| error.of_field(&["keep"], "backup_keep")))
}

#[server(prefix = "/_sf", endpoint = "backup_take", output = Answer)]
pub async fn backup_take(guest: GuestId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.backup_take(&caller, guest).await).map(drop)
}

/// How it goes is the operation's to tell.
#[server(prefix = "/_sf", endpoint = "backup_restore", output = Answer)]
pub async fn backup_restore(backup: BackupId) -> Result<(), AppError> {
    let caller = told(caller())?;
    let operation = told(backend()?.backup_restore(&caller, backup).await)?;
    leptos_axum::redirect(&paths::operation(operation));
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "backup_clone", output = Answer)]
pub async fn backup_clone(backup: BackupId, name: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let made = told(backend()?.backup_clone(&caller, backup, CloneDraft { name }).await)?;
    leptos_axum::redirect(&paths::guest_console(made.guest));
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "backup_remove", output = Answer)]
pub async fn backup_remove(backup: BackupId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.backup_remove(&caller, backup).await)
}
