use leptos::prelude::*;
use umbel_guest::{KernelId, OperationId, UploadId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{KernelPage, Who};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::{KernelChange, KernelDraft, KernelFilter, KernelSettings},
};

#[server(prefix = "/_sf", endpoint = "kernel_list", output = Answer)]
pub async fn kernel_list(#[server(default)] cursor: String) -> Result<KernelPage, AppError> {
    let caller = told(caller())?;
    told(backend()?.kernel_list(&caller, KernelFilter { cursor, ..KernelFilter::default() }).await)
}

/// A place for files, which come by `PUT /api/v1/uploads/{upload}/{name}`.
#[server(prefix = "/_sf", endpoint = "upload_begin", output = Answer)]
pub async fn upload_begin() -> Result<UploadId, AppError> {
    let caller = told(caller())?;
    told(backend()?.upload_begin(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "kernel_add", output = Answer)]
pub async fn kernel_add(
    upload: String,
    name: String,
    #[server(default)] note: String,
) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    told(backend()?.kernel_add(&caller, KernelDraft { upload, name, note }).await)
}

#[server(prefix = "/_sf", endpoint = "kernel_set_retired", output = Answer)]
pub async fn kernel_set_retired(kernel: KernelId, retired: bool) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.kernel_change(&caller, kernel, KernelChange { retired: Some(retired), note: None }).await)
}

#[server(prefix = "/_sf", endpoint = "kernel_set_note", output = Answer)]
pub async fn kernel_set_note(kernel: KernelId, #[server(default)] note: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.kernel_change(&caller, kernel, KernelChange { note: Some(note), retired: None }).await)
}

#[server(prefix = "/_sf", endpoint = "kernel_remove", output = Answer)]
pub async fn kernel_remove(kernel: KernelId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.kernel_remove(&caller, kernel).await)
}

/// Who may choose a kernel, and who may put one in.
#[server(prefix = "/_sf", endpoint = "kernel_set_settings", output = Answer)]
pub async fn kernel_set_settings(choice: Who, upload: Who) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.kernel_set_settings(&caller, KernelSettings { choice, upload }).await)
}
