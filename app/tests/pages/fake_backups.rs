use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backups, Caller, Files, Parcels};
use umbel_app::shown::{
    BackupFilesShown, BackupTaken, BackupsShown, CloneDraft, Created, FileFetchDraft, FileHere, FileSendDraft, FileWay,
    FilesShown, OpenState, OperationState, ParcelShown, ParcelsShown, PlanDraft,
};
use umbel_guest::{BackupId, GuestId, OperationId, SnapshotId, UploadId};

use super::Fake;

#[async_trait]
impl Backups for Fake {
    async fn backup_list(&self, _: &Caller) -> Result<BackupsShown, AppError> {
        Ok(self.backups.clone())
    }

    async fn backup_list_of(&self, _: &Caller, _: GuestId) -> Result<BackupsShown, AppError> {
        Ok(self.backups.clone())
    }

    async fn backup_plan_set(&self, _: &Caller, _: GuestId, _: PlanDraft) -> Result<(), AppError> {
        Err(AppError::not_found("guest"))
    }

    async fn backup_take(&self, _: &Caller, _: GuestId) -> Result<BackupTaken, AppError> {
        Err(AppError::not_found("guest"))
    }

    async fn backup_restore(&self, _: &Caller, _: BackupId) -> Result<OperationId, AppError> {
        Err(AppError::not_found("backup"))
    }

    async fn backup_clone(&self, _: &Caller, _: BackupId, _: CloneDraft) -> Result<Created, AppError> {
        Err(AppError::not_found("backup"))
    }

    async fn backup_remove(&self, _: &Caller, _: BackupId) -> Result<(), AppError> {
        Err(AppError::not_found("backup"))
    }
}

#[async_trait]
impl Files for Fake {
    async fn backup_files(&self, _: &Caller, backup: BackupId, path: String) -> Result<BackupFilesShown, AppError> {
        let row = self.backups.rows.iter().find(|row| row.id == backup).ok_or_else(|| AppError::not_found("backup"))?;
        let files = (self.opened == OpenState::Open).then(|| FilesShown { path, ..self.files.clone() });
        let (guest_name, made_at, opened) = (row.guest_name.clone(), row.made_at, self.opened.clone());
        Ok(BackupFilesShown { backup, guest_name, made_at, opened, files })
    }

    async fn backup_open(&self, _: &Caller, _: BackupId) -> Result<(), AppError> {
        Ok(())
    }

    async fn backup_close(&self, _: &Caller, _: BackupId) -> Result<(), AppError> {
        Ok(())
    }

    async fn snapshot_files(
        &self,
        _: &Caller,
        _: GuestId,
        _: SnapshotId,
        path: String,
    ) -> Result<FilesShown, AppError> {
        Ok(FilesShown { path, ..self.files.clone() })
    }
}

/// One that came out and is here, one that did not go.
#[async_trait]
impl Parcels for Fake {
    async fn file_list(&self, _: &Caller, guest: GuestId) -> Result<ParcelsShown, AppError> {
        let row = |way, name: &str, state, here| ParcelShown {
            operation: OperationId(guest.0),
            way,
            name: name.into(),
            requester: "anna".into(),
            state,
            said: "The guest is at it.".into(),
            at: 1_790_000_000_000_000,
            here,
        };
        let here = FileHere { name: "log.tar".into(), bytes: 10_240, until: 1_790_003_600_000_000 };
        let failed = OperationState::Failed { reason: "the guest says: <b>no</b> room".into() };
        Ok(ParcelsShown {
            runs: true,
            rows: vec![
                row(FileWay::Out, "/var/log", OperationState::Done, Some(here)),
                row(FileWay::In, "data.bin", failed, None),
                row(FileWay::In, "other.bin", OperationState::Running, None),
            ],
        })
    }

    async fn file_upload_begin(&self, _: &Caller, _: GuestId) -> Result<UploadId, AppError> {
        Err(AppError::not_found("guest"))
    }

    async fn file_send(&self, _: &Caller, _: GuestId, _: FileSendDraft) -> Result<OperationId, AppError> {
        Err(AppError::not_found("guest"))
    }

    async fn file_fetch(&self, _: &Caller, _: GuestId, _: FileFetchDraft) -> Result<OperationId, AppError> {
        Err(AppError::not_found("guest"))
    }
}
