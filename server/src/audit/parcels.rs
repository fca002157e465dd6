//! The port's part for files that go into guests and come out of them: with the audit around it, and without.

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Caller, Parcels};
use umbel_app::shown::{AuditAction, AuditKind, FileFetchDraft, FileSendDraft, ParcelsShown};
use umbel_guest::{GuestId, OperationId, UploadId};

use super::What;
use crate::backend::Bare;
use crate::guests::FileDownload;
use crate::panel::Panel;
use crate::store::operations::operation_fetch;

#[async_trait]
impl Parcels for Bare<'_> {
    async fn file_list(&self, caller: &Caller, guest: GuestId) -> Result<ParcelsShown, AppError> {
        self.guests.file_list(caller, guest).await
    }

    async fn file_upload_begin(&self, caller: &Caller, guest: GuestId) -> Result<UploadId, AppError> {
        self.guests.file_upload_allowed(caller, guest).await?;
        self.uploads.begin_parcel(caller).await
    }

    async fn file_send(&self, caller: &Caller, guest: GuestId, draft: FileSendDraft) -> Result<OperationId, AppError> {
        let named = |upload| self.uploads.named(caller, upload);
        self.guests.file_send(caller, guest, draft, named).await
    }

    async fn file_fetch(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: FileFetchDraft,
    ) -> Result<OperationId, AppError> {
        self.guests.file_fetch(caller, guest, draft).await
    }
}

impl Panel {
    /// In the audit from when it begins, with what it is called and how long it is.
    pub async fn file_download(&self, caller: &Caller, operation: OperationId) -> Result<FileDownload, AppError> {
        let what = match operation_fetch(&self.store, operation).await?.and_then(|found| found.guest) {
            Some(guest) => self.guest(AuditAction::FileDownload, guest).await?,
            None => What::new(AuditAction::FileDownload, AuditKind::Guest),
        };
        let what = what.detail(&operation.to_string());
        self.audit.change(caller, what, self.guests.file_download(caller, operation)).await
    }
}

#[async_trait]
impl Parcels for Panel {
    async fn file_list(&self, caller: &Caller, guest: GuestId) -> Result<ParcelsShown, AppError> {
        Bare(self).file_list(caller, guest).await
    }

    async fn file_upload_begin(&self, caller: &Caller, guest: GuestId) -> Result<UploadId, AppError> {
        let what = self.guest(AuditAction::UploadBegin, guest).await?;
        self.audit.change(caller, what, Bare(self).file_upload_begin(caller, guest)).await
    }

    async fn file_send(&self, caller: &Caller, guest: GuestId, draft: FileSendDraft) -> Result<OperationId, AppError> {
        let what = self.guest(AuditAction::FileSend, guest).await?;
        let what = what.detail(&format!("{} upload {}", draft.name, draft.upload));
        self.audit.change(caller, what, Bare(self).file_send(caller, guest, draft)).await
    }

    async fn file_fetch(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: FileFetchDraft,
    ) -> Result<OperationId, AppError> {
        let what = self.guest(AuditAction::FileFetch, guest).await?;
        let what = what.detail(&format!("{} at most {} MiB", draft.path, draft.most_mib));
        self.audit.change(caller, what, Bare(self).file_fetch(caller, guest, draft)).await
    }
}
