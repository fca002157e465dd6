use leptos::prelude::*;
use umbel_guest::{BackupId, GuestId, SnapshotId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{BackupFilesShown, FilesShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
};

/// The root where the path is empty.
#[server(prefix = "/_sf", endpoint = "backup_files", output = Answer)]
pub async fn backup_files(backup: BackupId, #[server(default)] path: String) -> Result<BackupFilesShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.backup_files(&caller, backup, path).await)
}

#[server(prefix = "/_sf", endpoint = "backup_open", output = Answer)]
pub async fn backup_open(backup: BackupId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.backup_open(&caller, backup).await)?;
    leptos_axum::redirect(&paths::backup_files(backup, ""));
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "backup_close", output = Answer)]
pub async fn backup_close(backup: BackupId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.backup_close(&caller, backup).await)?;
    leptos_axum::redirect(paths::BACKUPS);
    Ok(())
}

/// The root where the path is empty.
#[server(prefix = "/_sf", endpoint = "snapshot_files", output = Answer)]
pub async fn snapshot_files(
    guest: GuestId,
    snapshot: SnapshotId,
    #[server(default)] path: String,
) -> Result<FilesShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.snapshot_files(&caller, guest, snapshot, path).await)
}
