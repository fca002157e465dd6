use leptos::prelude::*;
use umbel_guest::{GuestId, OperationId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::ParcelsShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::{FileFetchDraft, FileSendDraft},
};
#[cfg(feature = "ssr")]
use umbel_guest::{FieldError, ParcelSize};

/// Of a guest that is there, so a refusal is no status of the page.
#[server(prefix = "/_sf", endpoint = "file_list", output = Answer)]
pub async fn file_list(guest: GuestId) -> Result<ParcelsShown, AppError> {
    let caller = told(caller())?;
    backend()?.file_list(&caller, guest).await
}

/// What was uploaded for it.
#[server(prefix = "/_sf", endpoint = "file_send", output = Answer)]
pub async fn file_send(
    guest: GuestId,
    #[server(default)] upload: String,
    #[server(default)] name: String,
) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    told(backend()?.file_send(&caller, guest, FileSendDraft { upload, name }).await)
}

#[server(prefix = "/_sf", endpoint = "file_fetch", output = Answer)]
pub async fn file_fetch(
    guest: GuestId,
    #[server(default)] path: String,
    #[server(default)] most_mib: String,
) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    let most_mib = match most_mib.trim() {
        "" => Ok(ParcelSize::DEFAULT.mib()),
        text => text.parse().map_err(|_| AppError::Invalid(FieldError::new("most_mib", "A whole number.").into())),
    };
    let draft = FileFetchDraft { path, most_mib: told(most_mib)? };
    told(backend()?.file_fetch(&caller, guest, draft).await)
}
