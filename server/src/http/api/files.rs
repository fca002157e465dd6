use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures::stream;
use umbel_app::backend::Files;
use umbel_app::shown::{BackupFilesShown, FileAsked, FilesShown, PathAsked};
use umbel_guest::{BackupId, GuestId, SnapshotId};

use super::{Path, Query};
use crate::guests::files::FileTaken;
use crate::http::attachment::attachment;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::Done;
use crate::panel::Panel;

/// What lies in a directory of a backup, once it is open.
///
/// Names are the guest's: a byte that could deceive stands as `%` and two hexadecimal digits, and `%` itself as `%25`. `path`
/// takes what a row has as `path`. Links are not followed. Of a directory 10,000 are listed.
#[utoipa::path(get, path = "/backups/{backup}/files")]
pub async fn of_backup(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
    Query(PathAsked { path }): Query<PathAsked>,
) -> Result<axum::Json<BackupFilesShown>, Problem> {
    Ok(axum::Json(panel.backup_files(&caller, backup, path).await?))
}

/// Opens a backup: its disk is fetched and checked, to be looked into.
///
/// `GET` of its files says how far that is. It is closed when nobody has looked into it for an hour. It takes what the guest
/// had written of the host's disk; of one person two are open at once.
#[utoipa::path(post, path = "/backups/{backup}/open")]
pub async fn open(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
) -> Result<Done, Problem> {
    panel.backup_open(&caller, backup).await?;
    Ok(Done)
}

/// Closes a backup that is looked into.
#[utoipa::path(delete, path = "/backups/{backup}/open")]
pub async fn close(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
) -> Result<Done, Problem> {
    panel.backup_close(&caller, backup).await?;
    Ok(Done)
}

/// A file of a backup that is open, or what lies beneath a directory as an archive.
///
/// At most 4 GiB. In an archive are files, directories and links, with their owners and modes; no devices, pipes and sockets.
#[utoipa::path(
    get,
    path = "/backups/{backup}/content",
    responses((status = 200, description = "What it holds.", content((Vec<u8> = "application/octet-stream"), (Vec<u8> = "application/x-tar")))),
)]
pub async fn take_of_backup(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(backup): Path<BackupId>,
    Query(asked): Query<FileAsked>,
) -> Result<Response, Problem> {
    Ok(answer(panel.backup_file(&caller, backup, &asked).await?))
}

/// What lies in a directory of a snapshot.
///
/// As of a backup that is open. It is looked for in the snapshot, which takes a few seconds.
#[utoipa::path(get, path = "/guests/{guest}/snapshots/{snapshot}/files")]
pub async fn of_snapshot(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
    Query(PathAsked { path }): Query<PathAsked>,
) -> Result<axum::Json<FilesShown>, Problem> {
    Ok(axum::Json(panel.snapshot_files(&caller, guest, snapshot, path).await?))
}

/// A file of a snapshot, or what lies beneath a directory as an archive.
///
/// As of a backup that is open.
#[utoipa::path(
    get,
    path = "/guests/{guest}/snapshots/{snapshot}/content",
    responses((status = 200, description = "What it holds.", content((Vec<u8> = "application/octet-stream"), (Vec<u8> = "application/x-tar")))),
)]
pub async fn take_of_snapshot(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
    Query(asked): Query<FileAsked>,
) -> Result<Response, Problem> {
    Ok(answer(panel.snapshot_file(&caller, guest, snapshot, &asked).await?))
}

pub fn answer(taken: FileTaken) -> Response {
    let kind = if taken.is_archive { "application/x-tar" } else { "application/octet-stream" };
    let (name, bytes) = (taken.name.clone(), taken.bytes);
    // An error on the way cuts it off before its length.
    let parts = stream::unfold(taken, |mut taken| async move { Some((taken.next().await?, taken)) });
    attachment(kind, &name, Some(bytes), Body::from_stream(parts))
}
