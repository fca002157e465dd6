//! The port's part for the host's disk.

use async_trait::async_trait;
use umbel_guest::{GuestId, SnapshotId};

use super::Caller;
use crate::AppError;
use crate::shown::StorageShown;

#[async_trait]
pub trait Storage: Send + Sync {
    async fn storage(&self, caller: &Caller) -> Result<StorageShown, AppError>;
    /// Of a guest that the panel has no row of, or of such a snapshot; for good.
    async fn leftover_remove(&self, caller: &Caller, of: GuestId, id: Option<SnapshotId>) -> Result<(), AppError>;
}
