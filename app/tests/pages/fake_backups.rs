use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backups, Caller};
use umbel_app::shown::{BackupTaken, BackupsShown, CloneDraft, Created, PlanDraft};
use umbel_guest::{BackupId, GuestId, OperationId};

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
