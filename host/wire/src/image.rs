//! What is said of an image, and what is known of one.

use serde::{Deserialize, Serialize};
use umbel_guest::{DiskSize, ImageId, ImageKind, ImageOrigin, Memory};

/// What somebody says of an image that they put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSaid {
    pub title: String,
    pub description: String,
    pub default_user: String,
    pub suggested_memory: Memory,
    /// How it came; whether it was made of a guest the agent knows by itself.
    #[serde(default)]
    pub origin: ImageOrigin,
    /// From where: an address, or nothing.
    #[serde(default)]
    pub came_from: String,
    /// In somebody's words.
    #[serde(default)]
    pub tested_with: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    pub id: ImageId,
    pub title: String,
    pub description: String,
    pub origin: ImageOrigin,
    /// Of the smallest base, its length and what it holds; nothing of the host's own files.
    pub sha256: String,
    pub kind: ImageKind,
    /// As the kernel calls it; `None` where it has none of its own.
    pub file_system: Option<String>,
    /// Whether it is as large as the disk, whichever size that has; otherwise as large as it came.
    pub fills_disk: bool,
    /// Who signs in to a new guest.
    pub default_user: String,
    /// Sizes that its disks can have.
    pub sizes: Vec<DiskSize>,
    /// What its bases take of the host's disk.
    pub taken_bytes: u64,
    pub suggested_memory: Memory,
    /// As [`ImageSaid`] has both.
    pub came_from: String,
    pub tested_with: String,
}
