use serde::{Deserialize, Serialize};
use umbel_guest::{GuestId, ImageId, SnapshotId};

/// What takes how much of the host's disk, the most first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StorageShown {
    pub disk_total_mib: u64,
    pub disk_free_mib: u64,
    pub images: Vec<StoredImage>,
    /// Those that take most; of the others, how many there are and what they take together.
    pub guests: Vec<StoredGuest>,
    pub others: u64,
    pub others_bytes: u64,
    pub volumes_bytes: u64,
    /// What came in and is not taken over yet.
    pub uploads_bytes: u64,
    pub kernels_bytes: u64,
    /// Kept to be given back when it becomes tight.
    pub ballast_bytes: u64,
    pub leftovers: Vec<LeftoverShown>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StoredImage {
    pub image: ImageId,
    pub taken_bytes: u64,
    /// Guests whose disks are children of it.
    pub guests: u64,
    /// What these would take more, if each had a copy of its own.
    pub saved_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StoredGuest {
    pub guest: GuestId,
    pub name: String,
    pub owner: String,
    pub disk_mib: u32,
    pub taken_bytes: u64,
    pub snapshots: u64,
    pub snapshots_bytes: u64,
}

/// Files of a guest, or of a snapshot of one, that the panel has no row of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct LeftoverShown {
    pub guest: GuestId,
    /// Of the guest that it is a snapshot of, if there is one.
    pub guest_name: Option<String>,
    pub snapshot: Option<SnapshotId>,
    pub taken_bytes: u64,
}
