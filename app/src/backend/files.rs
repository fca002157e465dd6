//! The port's part for single files of backups and snapshots. Files themselves leave over HTTP alone.

use async_trait::async_trait;
use umbel_guest::{BackupId, GuestId, SnapshotId};

use super::Caller;
use crate::AppError;
use crate::shown::{BackupFilesShown, FilesShown};

#[async_trait]
pub trait Files: Send + Sync {
    /// How it stands, and once it is open what lies in that directory; the root where the path is empty.
    async fn backup_files(&self, caller: &Caller, backup: BackupId, path: String)
    -> Result<BackupFilesShown, AppError>;
    /// Has its disk fetched. Repeating it does no harm.
    async fn backup_open(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError>;
    /// Repeating it does no harm.
    async fn backup_close(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError>;
    async fn snapshot_files(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        path: String,
    ) -> Result<FilesShown, AppError>;
}
