//! The port's part for files that go into guests and come out of them.

use async_trait::async_trait;
use umbel_guest::{GuestId, OperationId, UploadId};

use super::Caller;
use crate::AppError;
use crate::shown::{FileFetchDraft, FileSendDraft, ParcelsShown};

#[async_trait]
pub trait Parcels: Send + Sync {
    /// Those that go and went lately, and what of it can be downloaded.
    async fn file_list(&self, caller: &Caller, guest: GuestId) -> Result<ParcelsShown, AppError>;
    /// A place for a file that is to go into the guest.
    async fn file_upload_begin(&self, caller: &Caller, guest: GuestId) -> Result<UploadId, AppError>;
    async fn file_send(&self, caller: &Caller, guest: GuestId, draft: FileSendDraft) -> Result<OperationId, AppError>;
    async fn file_fetch(&self, caller: &Caller, guest: GuestId, draft: FileFetchDraft)
    -> Result<OperationId, AppError>;
}
