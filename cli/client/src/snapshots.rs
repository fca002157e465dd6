//! Copies of guests' disks.

use reqwest::Method;
use umbel_guest::{GuestId, OperationId, SnapshotId};

use crate::answers::{Acted, Snapshots, Taken};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The guest's disk, and the copies of it, the newest first.
    pub async fn snapshots(&self, guest: GuestId) -> Result<Snapshots, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/snapshots")).read().await
    }

    /// Without a name it is numbered.
    pub async fn snapshot_take(&self, guest: GuestId, name: &str) -> Result<Taken, Error> {
        let draft = serde_json::json!({ "name": name });
        self.api(Method::POST, &format!("/guests/{guest}/snapshots")).json(&draft).read().await
    }

    /// The guest is started with it.
    pub async fn snapshot_restore(&self, guest: GuestId, snapshot: SnapshotId) -> Result<Option<OperationId>, Error> {
        let asked = self.api(Method::POST, &format!("/guests/{guest}/snapshots/{snapshot}/restore"));
        Ok(asked.read::<Acted>().await?.operation)
    }

    pub async fn snapshot_remove(&self, guest: GuestId, snapshot: SnapshotId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/guests/{guest}/snapshots/{snapshot}")).done().await.map(drop)
    }
}
