//! Copies of guests' disks.

use reqwest::Method;
use umbel_guest::publish::Found;
use umbel_guest::{Every, GuestId, OperationId, SnapshotId};

use crate::answers::{Acted, Created, Snapshots, Taken};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The guest's disk, and the copies of it, the newest first.
    pub async fn snapshots(&self, guest: GuestId) -> Result<Snapshots, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/snapshots")).read().await
    }

    /// What of it would not be in an image that is made of it; takes a few seconds.
    pub async fn snapshot_traces(&self, guest: GuestId, snapshot: SnapshotId) -> Result<Vec<Found>, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/snapshots/{snapshot}/traces")).read().await
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

    /// How often one is taken by itself, and how many of those are kept; or none.
    pub async fn plan_set(&self, guest: GuestId, every: Option<Every>, keep: u32) -> Result<(), Error> {
        let draft = serde_json::json!({ "every": every, "keep": keep });
        self.api(Method::PUT, &format!("/guests/{guest}/snapshot-plan")).json(&draft).done().await.map(drop)
    }

    /// Another guest, of the same owner, with its disk.
    pub async fn snapshot_clone(&self, guest: GuestId, snapshot: SnapshotId, name: &str) -> Result<Created, Error> {
        let draft = serde_json::json!({ "name": name });
        self.api(Method::POST, &format!("/guests/{guest}/snapshots/{snapshot}/clone")).json(&draft).read().await
    }

    pub async fn snapshot_remove(&self, guest: GuestId, snapshot: SnapshotId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/guests/{guest}/snapshots/{snapshot}")).done().await.map(drop)
    }
}
