//! The port's part for backups of guests.

use async_trait::async_trait;
use umbel_guest::{BackupId, GuestId, OperationId};

use super::Caller;
use crate::AppError;
use crate::shown::{BackupTaken, BackupsShown, CloneDraft, Created, PlanDraft};

#[async_trait]
pub trait Backups: Send + Sync {
    /// Of all guests that the caller may see, and of those that are gone and were theirs.
    async fn backup_list(&self, caller: &Caller) -> Result<BackupsShown, AppError>;
    async fn backup_list_of(&self, caller: &Caller, guest: GuestId) -> Result<BackupsShown, AppError>;
    /// How often one is made by itself, and how many of those are kept; or that none is.
    async fn backup_plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError>;
    async fn backup_take(&self, caller: &Caller, guest: GuestId) -> Result<BackupTaken, AppError>;
    /// Its guest is started with it; the disk that it had is kept for a while.
    async fn backup_restore(&self, caller: &Caller, backup: BackupId) -> Result<OperationId, AppError>;
    /// Another guest, of the same owner, with its disk.
    async fn backup_clone(&self, caller: &Caller, backup: BackupId, draft: CloneDraft) -> Result<Created, AppError>;
    /// For good.
    async fn backup_remove(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError>;
}
