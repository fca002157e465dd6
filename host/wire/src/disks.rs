//! What is said of disks: what one is made of, and what they take.

use serde::{Deserialize, Serialize};
use umbel_guest::{
    DiskKind, DiskSize, GuestId, ImageId, Slot, SnapshotId, StrayName, UploadId, VolumeAccess, VolumeId,
};

/// A copy that is kept of a guest's disk, and what that disk was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskOf {
    pub guest: GuestId,
    pub snapshot: SnapshotId,
    pub image: ImageId,
    pub size: DiskSize,
    pub kind: DiskKind,
}

/// What a disk is made of that takes another's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum DiskSource {
    Image {
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    },
    /// A copy of one that is kept.
    Snapshot {
        snapshot: SnapshotId,
    },
    /// One that is kept no longer, whose file it is.
    Moved {
        snapshot: SnapshotId,
    },
    /// A whole one that the panel has put into its directory of uploads.
    Upload {
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    },
}

/// A volume, and how a guest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeAt {
    pub volume: VolumeId,
    pub slot: Slot,
    pub access: VolumeAccess,
    /// As large as it is to be: a shorter file is made so long, a longer one is refused.
    pub size: DiskSize,
}

/// What files take of the host's disk, in bytes; also of guests and snapshots that the panel knows nothing of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageFacts {
    pub bases: Vec<BaseUse>,
    pub disks: Vec<DiskUse>,
    /// What comes in, until it is taken over or a day old, and files on their way into guests or out of them.
    pub uploads_bytes: u64,
    pub kernels_bytes: u64,
    pub ballast_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseUse {
    pub image: ImageId,
    pub size: DiskSize,
    pub taken_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskUse {
    pub guest: GuestId,
    pub taken_bytes: u64,
    pub snapshots: Vec<(SnapshotId, u64)>,
}

/// A guest's disk on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// Without its base, if it has one.
    pub taken_bytes: u64,
    /// Whether a copy shares its blocks until one of both changes, and takes no time.
    pub shares_blocks: bool,
}

/// A copy of a guest's disk that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFacts {
    pub taken_bytes: u64,
    /// For how long its guest stood still for it, in milliseconds; `None` where it did not run.
    pub stood_still_ms: Option<u32>,
}

/// A volume as it lies on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeFacts {
    pub volume: VolumeId,
    pub size_bytes: u64,
    pub taken_bytes: u64,
    /// Guests that run and have it.
    pub held_by: Vec<GuestId>,
}

/// A root image that may be adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayFacts {
    pub name: StrayName,
    pub size_bytes: u64,
    /// Its file system by the magic number, for example `ext4`; `None` where it has none that is known.
    pub file_system: Option<String>,
    /// Why it can't be adopted now: something has it open, it is a copy-on-write child, its size.
    pub refused: Option<String>,
}
