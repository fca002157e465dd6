use leptos::prelude::*;
use umbel_guest::publish::Found;
use umbel_guest::{GuestId, OperationId, SnapshotId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::SnapshotsShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::{CloneDraft, PlanDraft, RebuildDraft, SnapshotDraft},
};
#[cfg(feature = "ssr")]
use umbel_guest::FieldError;

/// Of a guest that is there, so a refusal is no status of the page.
#[server(prefix = "/_sf", endpoint = "snapshot_list", output = Answer)]
pub async fn snapshot_list(guest: GuestId) -> Result<SnapshotsShown, AppError> {
    let caller = told(caller())?;
    backend()?.snapshot_list(&caller, guest).await
}

/// What of it would not be in an image.
#[server(prefix = "/_sf", endpoint = "snapshot_traces", output = Answer)]
pub async fn snapshot_traces(guest: GuestId, snapshot: SnapshotId) -> Result<Vec<Found>, AppError> {
    let caller = told(caller())?;
    backend()?.snapshot_traces(&caller, guest, snapshot).await
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

/// Errors of its image come as those of `image`.
#[server(prefix = "/_sf", endpoint = "guest_rebuild", output = Answer)]
pub async fn guest_rebuild(guest: GuestId, image: String) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_rebuild(&caller, guest, RebuildDraft { image }).await)
}

/// Errors of its name come as those of `new_name`, which stands beside the name of a snapshot.
#[server(prefix = "/_sf", endpoint = "snapshot_clone", output = Answer)]
pub async fn snapshot_clone(guest: GuestId, snapshot: SnapshotId, new_name: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let made = backend()?.snapshot_clone(&caller, guest, snapshot, CloneDraft { name: new_name }).await;
    let made = told(made.map_err(|error| error.of_field(&["name"], "new_name")))?;
    leptos_axum::redirect(&paths::guest_console(made.guest));
    Ok(())
}

/// An empty interval is no plan.
#[server(prefix = "/_sf", endpoint = "plan_set", output = Answer)]
pub async fn plan_set(
    guest: GuestId,
    #[server(default)] every: String,
    #[server(default)] keep: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let wrong = |error: FieldError| AppError::Invalid(error.into());
    let every = Some(every.as_str()).filter(|word| !word.is_empty()).map(str::parse).transpose();
    let keep = match keep.trim() {
        "" => Ok(0),
        text => text.parse().map_err(|_| FieldError::new("keep", "A whole number.")),
    };
    let draft = PlanDraft { every: told(every.map_err(wrong))?, keep: told(keep.map_err(wrong))? };
    told(backend()?.plan_set(&caller, guest, draft).await)
}

#[server(prefix = "/_sf", endpoint = "snapshot_remove", output = Answer)]
pub async fn snapshot_remove(guest: GuestId, snapshot: SnapshotId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.snapshot_remove(&caller, guest, snapshot).await)
}
