//! Volumes: disks that guests have beside their own.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use umbel_guest::{GroupId, GuestId, GuestName, VolumeAccess, VolumeId, VolumeState};

use crate::client::Client;
use crate::error::Error;

/// Those that one may see, by their owners' names and their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volumes {
    pub volumes: Vec<Volume>,
    /// Files on the host that the panel knows nothing of; for administrators.
    pub strays: Vec<StrayVolume>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub id: VolumeId,
    pub name: String,
    pub owner_name: String,
    pub size_mib: u32,
    pub state: VolumeState,
    /// Nothing while the host can't be asked.
    pub taken_bytes: Option<u64>,
    pub created_at: i64,
    pub attached: Vec<VolumeGuest>,
}

/// A guest that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGuest {
    pub guest: GuestId,
    pub guest_name: GuestName,
    /// Its name in the guest, for example `/dev/ubdc`.
    pub device: String,
    pub access: VolumeAccess,
    /// Whether the guest runs and has it now.
    pub is_there: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayVolume {
    pub id: VolumeId,
    pub size_bytes: u64,
    pub taken_bytes: u64,
}

impl Client {
    pub async fn volume_list(&self) -> Result<Volumes, Error> {
        self.api(Method::GET, "/volumes").read().await
    }

    pub async fn volume_fetch(&self, volume: VolumeId) -> Result<Volume, Error> {
        self.api(Method::GET, &format!("/volumes/{volume}")).read().await
    }

    /// Empty; a group's, where one is said.
    pub async fn volume_create(&self, name: &str, size_mib: u32, group: Option<GroupId>) -> Result<Volume, Error> {
        let draft = serde_json::json!({ "name": name, "size_mib": size_mib, "group": group });
        self.api(Method::POST, "/volumes").json(&draft).read().await
    }

    /// Larger only.
    pub async fn volume_grow(&self, volume: VolumeId, size_mib: u32) -> Result<Volume, Error> {
        let change = serde_json::json!({ "size_mib": size_mib });
        self.api(Method::PATCH, &format!("/volumes/{volume}")).json(&change).read().await
    }

    /// For good.
    pub async fn volume_remove(&self, volume: VolumeId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/volumes/{volume}")).done().await.map(drop)
    }

    pub async fn volume_attach(&self, guest: GuestId, volume: VolumeId, access: VolumeAccess) -> Result<Volume, Error> {
        let draft = serde_json::json!({ "access": access });
        self.api(Method::PUT, &format!("/guests/{guest}/volumes/{volume}")).json(&draft).read().await
    }

    pub async fn volume_detach(&self, guest: GuestId, volume: VolumeId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/guests/{guest}/volumes/{volume}")).done().await.map(drop)
    }
}
