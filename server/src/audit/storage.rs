//! The port's part for the host's disk: with the audit around it, and without.

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Caller, Storage};
use umbel_app::shown::{AuditAction, StorageShown};
use umbel_guest::{GuestId, SnapshotId};

use crate::backend::Bare;
use crate::panel::Panel;

#[async_trait]
impl Storage for Bare<'_> {
    async fn storage(&self, caller: &Caller) -> Result<StorageShown, AppError> {
        self.guests.storage(caller).await
    }

    async fn leftover_remove(&self, caller: &Caller, of: GuestId, id: Option<SnapshotId>) -> Result<(), AppError> {
        self.guests.leftover_remove(caller, of, id).await
    }
}

#[async_trait]
impl Storage for Panel {
    async fn storage(&self, caller: &Caller) -> Result<StorageShown, AppError> {
        Bare(self).storage(caller).await
    }

    async fn leftover_remove(&self, caller: &Caller, of: GuestId, id: Option<SnapshotId>) -> Result<(), AppError> {
        let what = self.guest(AuditAction::LeftoverRemove, of).await?;
        let what = what.detail(&id.map(|snapshot| snapshot.to_string()).unwrap_or_default());
        self.audit.change(caller, what, Bare(self).leftover_remove(caller, of, id)).await
    }
}
