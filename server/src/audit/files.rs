//! The port's part for files of backups and snapshots: with the audit around it, and without.

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Caller, Files};
use umbel_app::shown::{AuditAction, BackupFilesShown, FileAsked, FilesShown};
use umbel_guest::{BackupId, GuestId, SnapshotId};

use crate::backend::Bare;
use crate::guests::files::FileTaken;
use crate::panel::Panel;

#[async_trait]
impl Files for Bare<'_> {
    async fn backup_files(
        &self,
        caller: &Caller,
        backup: BackupId,
        path: String,
    ) -> Result<BackupFilesShown, AppError> {
        self.guests.backup_files(caller, backup, &path).await
    }

    async fn backup_open(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        self.guests.backup_open(caller, backup).await
    }

    async fn backup_close(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        self.guests.backup_close(caller, backup).await
    }

    async fn snapshot_files(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        path: String,
    ) -> Result<FilesShown, AppError> {
        self.guests.snapshot_files(caller, guest, snapshot, &path).await
    }
}

impl Panel {
    /// In the audit with what was asked for, from when it begins.
    pub async fn backup_file(
        &self,
        caller: &Caller,
        backup: BackupId,
        asked: &FileAsked,
    ) -> Result<FileTaken, AppError> {
        let what = self.backup(AuditAction::BackupFile, backup).await?.detail(&format!("{} {backup}", asked.path));
        self.audit.change(caller, what, self.guests.backup_file(caller, backup, asked)).await
    }

    pub async fn snapshot_file(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        asked: &FileAsked,
    ) -> Result<FileTaken, AppError> {
        let what = self.guest(AuditAction::SnapshotFile, guest).await?.detail(&format!("{} {snapshot}", asked.path));
        self.audit.change(caller, what, self.guests.snapshot_file(caller, guest, snapshot, asked)).await
    }
}

#[async_trait]
impl Files for Panel {
    async fn backup_files(
        &self,
        caller: &Caller,
        backup: BackupId,
        path: String,
    ) -> Result<BackupFilesShown, AppError> {
        Bare(self).backup_files(caller, backup, path).await
    }

    async fn backup_open(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        let what = self.backup(AuditAction::BackupOpen, backup).await?;
        self.audit.change(caller, what, Bare(self).backup_open(caller, backup)).await
    }

    async fn backup_close(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        let what = self.backup(AuditAction::BackupClose, backup).await?;
        self.audit.change(caller, what, Bare(self).backup_close(caller, backup)).await
    }

    async fn snapshot_files(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        path: String,
    ) -> Result<FilesShown, AppError> {
        Bare(self).snapshot_files(caller, guest, snapshot, path).await
    }
}
