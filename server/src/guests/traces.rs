//! What of a guest's disk would not be in an image that is made of it.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::publish::Found;
use umbel_guest::{GuestId, GuestRight, PanelRight, SnapshotId};
use umbel_wire::agent::DiskOf;

use super::snapshots::{has_disk, kept};
use super::{Guests, from_host};

impl Guests {
    /// Looks into the snapshot; takes a few seconds.
    pub async fn snapshot_traces(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<Vec<Found>, AppError> {
        let of = self.disk_of(caller, guest, snapshot).await?;
        caller.may(PanelRight::ManageImages)?;
        self.parts.link.host.snapshot_traces(of).await.map_err(from_host)
    }

    /// What is on a disk goes to others in an image, so only who may do all with its guest may do this.
    pub(crate) async fn disk_of(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<DiskOf, AppError> {
        let source = self.allowed(caller, guest, GuestRight::Delete).await?;
        has_disk(&source)?;
        let image = kept(&self.parts.db, guest, snapshot).await?.image;
        Ok(DiskOf { guest, snapshot, image, size: source.spec.disk, kind: source.spec.disk_kind })
    }
}
