use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{CloneDraft, Created, PlanDraft, SnapshotDraft, SnapshotTaken, SnapshotsShown};
use umbel_guest::publish::Found;
use umbel_guest::{GuestId, SnapshotId};

use super::guests::Acted;
use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done};
use crate::panel::Panel;

/// A guest's disk and the copies of it that are kept.
///
/// The newest first; also what a reset or a restore has put aside, until its time has come.
#[utoipa::path(get, path = "/guests/{guest}/snapshots")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<axum::Json<SnapshotsShown>, Problem> {
    Ok(axum::Json(panel.snapshot_list(&caller, guest).await?))
}

/// What of a guest's disk would not be in an image that is made of a snapshot.
///
/// It is looked for in the snapshot, which takes a few seconds. What is `logins` goes or stays as the image's draft says.
#[utoipa::path(get, path = "/guests/{guest}/snapshots/{snapshot}/traces")]
pub async fn traces(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
) -> Result<axum::Json<Vec<Found>>, Problem> {
    Ok(axum::Json(panel.snapshot_traces(&caller, guest, snapshot).await?))
}

/// Keeps a copy of a guest's disk, whether it runs or not.
///
/// What a guest that runs has not written to its disk yet, it is asked to write; it stands still while the copy is made.
/// Its memory is not in it.
#[utoipa::path(post, path = "/guests/{guest}/snapshots")]
pub async fn take(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<SnapshotDraft>,
) -> Result<Accepted<SnapshotTaken>, Problem> {
    Ok(Accepted(panel.snapshot_take(&caller, guest, draft).await?))
}

/// Makes a snapshot its guest's disk and starts it.
///
/// The disk that it had is among its snapshots for an hour.
#[utoipa::path(post, path = "/guests/{guest}/snapshots/{snapshot}/restore")]
pub async fn restore(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.snapshot_restore(&caller, guest, snapshot).await?);
    Ok(Accepted(Acted { operation }))
}

/// Sets how often a copy of a guest's disk is taken by itself, and how many of those are kept; or that none is.
#[utoipa::path(put, path = "/guests/{guest}/snapshot-plan")]
pub async fn plan(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<PlanDraft>,
) -> Result<Done, Problem> {
    panel.plan_set(&caller, guest, draft).await?;
    Ok(Done)
}

/// Makes another guest of a snapshot, of the same owner, and starts it.
///
/// Its name, its place in the network, its host keys and its machine id are its own.
#[utoipa::path(post, path = "/guests/{guest}/snapshots/{snapshot}/clone")]
pub async fn clone(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
    Json(draft): Json<CloneDraft>,
) -> Result<Accepted<Created>, Problem> {
    Ok(Accepted(panel.snapshot_clone(&caller, guest, snapshot, draft).await?))
}

/// Removes a snapshot for good.
#[utoipa::path(delete, path = "/guests/{guest}/snapshots/{snapshot}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
) -> Result<Done, Problem> {
    panel.snapshot_remove(&caller, guest, snapshot).await?;
    Ok(Done)
}
