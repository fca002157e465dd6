//! What takes how much of the host's disk: for administrators.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use umbel_guest::{GuestId, ImageId, SnapshotId};

use crate::client::Client;
use crate::error::Error;

/// The most first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    pub disk_total_mib: u64,
    pub disk_free_mib: u64,
    pub images: Vec<StoredImage>,
    pub guests: Vec<StoredGuest>,
    /// Guests that are not told one by one.
    pub others: u64,
    pub others_bytes: u64,
    pub volumes_bytes: u64,
    pub uploads_bytes: u64,
    pub kernels_bytes: u64,
    pub ballast_bytes: u64,
    pub leftovers: Vec<Leftover>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    pub image: ImageId,
    pub taken_bytes: u64,
    pub guests: u64,
    pub saved_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGuest {
    pub guest: GuestId,
    pub name: String,
    pub owner: String,
    pub disk_mib: u32,
    pub taken_bytes: u64,
    pub snapshots: u64,
    pub snapshots_bytes: u64,
}

/// Files that the panel has no row of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    pub guest: GuestId,
    /// Of the guest that it is a snapshot of, if there is one.
    pub guest_name: Option<String>,
    pub snapshot: Option<SnapshotId>,
    pub taken_bytes: u64,
}

impl Client {
    pub async fn storage(&self) -> Result<Storage, Error> {
        self.api(Method::GET, "/host/storage").read().await
    }

    /// For good; without a snapshot, all of the guest.
    pub async fn leftover_remove(&self, guest: GuestId, snapshot: Option<SnapshotId>) -> Result<(), Error> {
        let path = match snapshot {
            Some(snapshot) => format!("/host/leftovers/{guest}/snapshots/{snapshot}"),
            None => format!("/host/leftovers/{guest}"),
        };
        self.api(Method::DELETE, &path).done().await.map(drop)
    }
}
