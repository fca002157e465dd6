use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use futures::stream;
use umbel_app::backend::Backups;
use umbel_app::shown::{BackupTaken, BackupsShown, CloneDraft, Created, PlanDraft};
use umbel_guest::{BackupId, GuestId};

use super::guests::Acted;
use super::{Json, Path};
use crate::http::attachment::attachment;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done};
use crate::panel::Panel;
use crate::vault::download::Download;

/// Backups of all guests that you may see, also of those that are gone.
///
/// The newest first. Those of guests that are gone are their last owner's and administrators'.
#[utoipa::path(get, path = "/backups")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<BackupsShown>, Problem> {
    Ok(axum::Json(panel.backup_list(&caller).await?))
}

/// Backups of a guest, the newest first.
#[utoipa::path(get, path = "/guests/{guest}/backups")]
pub async fn list_of(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<axum::Json<BackupsShown>, Problem> {
    Ok(axum::Json(panel.backup_list_of(&caller, guest).await?))
}

/// Sets how often a guest is backed up by itself, and how many of those backups are kept; or that it isn't.
///
/// The oldest goes once another one is there.
#[utoipa::path(put, path = "/guests/{guest}/backup-plan")]
pub async fn plan(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<PlanDraft>,
) -> Result<Done, Problem> {
    panel.backup_plan_set(&caller, guest, draft).await?;
    Ok(Done)
}

/// Keeps a copy of a guest's disk elsewhere, whether the guest runs or not.
///
/// The disk is as a snapshot has it. Once that is taken, the guest may be started, stopped and purged meanwhile.
#[utoipa::path(post, path = "/guests/{guest}/backups")]
pub async fn take(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<Accepted<BackupTaken>, Problem> {
    Ok(Accepted(panel.backup_take(&caller, guest).await?))
}

/// Makes a backup its guest's disk again and starts it.
///
/// All of it is read and checked before the guest is touched. The disk that it had is among its snapshots for an hour.
#[utoipa::path(post, path = "/backups/{backup}/restore")]
pub async fn restore(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.backup_restore(&caller, backup).await?);
    Ok(Accepted(Acted { operation }))
}

/// The disk of a backup as a file, packed with zstd.
///
/// It is the whole disk of the guest, with every secret on it. `Umbel-Disk-Bytes` and `Umbel-Disk-SHA256` say what it is once
/// it is unpacked; what is damaged is cut off before its end. It can be imported as an image.
#[utoipa::path(
    get,
    path = "/backups/{backup}/disk",
    responses((status = 200, description = "The disk.", content((Vec<u8> = "application/zstd")))),
)]
pub async fn download(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
) -> Result<Response, Problem> {
    Ok(file(panel.backup_download(&caller, backup).await?))
}

/// As it goes out.
pub fn file(download: Download) -> Response {
    let name = format!("{}.disk.zst", download.spec.name);
    let about = [("umbel-disk-bytes", download.disk_bytes.to_string()), ("umbel-disk-sha256", download.sha256.clone())];
    // An error on the way cuts the file off, so that nobody takes a part for the whole.
    let parts = stream::unfold(download, |mut download| async move { Some((download.next().await?, download)) });
    let mut response = attachment("application/zstd", &name, None, Body::from_stream(parts));
    for (name, value) in about {
        // Numbers fit in a header.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Makes another guest of a backup, of the same owner, and starts it.
///
/// Its name, its place in the network, its host keys and its machine id are its own.
#[utoipa::path(post, path = "/backups/{backup}/clone")]
pub async fn clone(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
    Json(draft): Json<CloneDraft>,
) -> Result<Accepted<Created>, Problem> {
    Ok(Accepted(panel.backup_clone(&caller, backup, draft).await?))
}

/// Removes a backup for good.
#[utoipa::path(delete, path = "/backups/{backup}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
) -> Result<Done, Problem> {
    panel.backup_remove(&caller, backup).await?;
    Ok(Done)
}
