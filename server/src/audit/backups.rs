//! The port's part for backups of guests: with the audit around it, and without.

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backups, Caller};
use umbel_app::shown::{AuditAction, BackupTaken, BackupsShown, CloneDraft, Created, PlanDraft};
use umbel_guest::{BackupId, GuestId, OperationId};

use crate::backend::Bare;
use crate::panel::Panel;
use crate::vault::download::Download;

#[async_trait]
impl Backups for Bare<'_> {
    async fn backup_list(&self, caller: &Caller) -> Result<BackupsShown, AppError> {
        self.guests.backup_list(caller).await
    }

    async fn backup_list_of(&self, caller: &Caller, guest: GuestId) -> Result<BackupsShown, AppError> {
        self.guests.backup_list_of(caller, guest).await
    }

    async fn backup_plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError> {
        self.guests.backup_plan_set(caller, guest, draft).await
    }

    async fn backup_take(&self, caller: &Caller, guest: GuestId) -> Result<BackupTaken, AppError> {
        self.guests.backup_take(caller, guest).await
    }

    async fn backup_restore(&self, caller: &Caller, backup: BackupId) -> Result<OperationId, AppError> {
        self.guests.backup_restore(caller, backup).await
    }

    async fn backup_clone(&self, caller: &Caller, backup: BackupId, draft: CloneDraft) -> Result<Created, AppError> {
        self.guests.backup_clone(caller, backup, draft).await
    }

    async fn backup_remove(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        self.guests.backup_remove(caller, backup).await
    }
}

impl Panel {
    /// In the audit from when it begins.
    pub async fn backup_download(&self, caller: &Caller, backup: BackupId) -> Result<Download, AppError> {
        let what = self.backup(AuditAction::BackupDownload, backup).await?;
        self.audit.change(caller, what, self.guests.backup_download(caller, backup)).await
    }
}

#[async_trait]
impl Backups for Panel {
    async fn backup_list(&self, caller: &Caller) -> Result<BackupsShown, AppError> {
        Bare(self).backup_list(caller).await
    }

    async fn backup_list_of(&self, caller: &Caller, guest: GuestId) -> Result<BackupsShown, AppError> {
        Bare(self).backup_list_of(caller, guest).await
    }

    async fn backup_plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError> {
        let words =
            draft.every.map_or_else(|| "none".to_owned(), |every| format!("{} keep={}", every.word(), draft.keep));
        let what = self.guest(AuditAction::BackupPlan, guest).await?.detail(&words);
        self.audit.change(caller, what, Bare(self).backup_plan_set(caller, guest, draft)).await
    }

    async fn backup_take(&self, caller: &Caller, guest: GuestId) -> Result<BackupTaken, AppError> {
        let what = self.guest(AuditAction::BackupTake, guest).await?;
        self.audit.change(caller, what, Bare(self).backup_take(caller, guest)).await
    }

    async fn backup_restore(&self, caller: &Caller, backup: BackupId) -> Result<OperationId, AppError> {
        let what = self.backup(AuditAction::BackupRestore, backup).await?;
        self.audit.change(caller, what, Bare(self).backup_restore(caller, backup)).await
    }

    async fn backup_clone(&self, caller: &Caller, backup: BackupId, draft: CloneDraft) -> Result<Created, AppError> {
        let what = self.backup(AuditAction::BackupClone, backup).await?.detail(&format!("{} {backup}", draft.name));
        self.audit.change(caller, what, Bare(self).backup_clone(caller, backup, draft)).await
    }

    async fn backup_remove(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        let what = self.backup(AuditAction::BackupRemove, backup).await?;
        self.audit.change(caller, what, Bare(self).backup_remove(caller, backup)).await
    }
}
