use leptos::prelude::*;
use umbel_guest::{GuestId, OperationId, SnapshotId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::SnapshotsShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::SnapshotDraft,
};

/// Of a guest that is there, so a refusal is no status of the page.
#[server(prefix = "/_sf", endpoint = "snapshot_list", output = Answer)]
pub async fn snapshot_list(guest: GuestId) -> Result<SnapshotsShown, AppError> {
    let caller = told(caller())?;
    backend()?.snapshot_list(&caller, guest).await
}

#[server(prefix = "/_sf", endpoint = "snapshot_take", output = Answer)]
pub async fn snapshot_take(guest: GuestId, #[server(default)] name: String) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    told(backend()?.snapshot_take(&caller, guest, SnapshotDraft { name }).await).map(|taken| taken.operation)
}

#[server(prefix = "/_sf", endpoint = "snapshot_restore", output = Answer)]
pub async fn snapshot_restore(guest: GuestId, snapshot: SnapshotId) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    told(backend()?.snapshot_restore(&caller, guest, snapshot).await)
}

#[server(prefix = "/_sf", endpoint = "snapshot_remove", output = Answer)]
pub async fn snapshot_remove(guest: GuestId, snapshot: SnapshotId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.snapshot_remove(&caller, guest, snapshot).await)
}
