//! Memory and disk sizes, in MiB.

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// Sizes a disk may have, in MiB. Fixed, so that every size has one immutable base that all disks
/// of that size share; the file system fills it and is never resized on the host.
pub const DISK_LADDER_MIB: [u32; 9] = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

/// The least memory a guest boots with and the most that one may ask for, in MiB. Debian's 6.1 kernel
/// never came to a prompt with 32, and panicked now and then with 48.
pub const MEMORY_MIB: std::ops::RangeInclusive<u32> = 64..=65536;

/// Memory of a guest in MiB, within [`MEMORY_MIB`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Memory(u32);

impl Memory {
    pub const DEFAULT: Self = Self(64);

    pub fn from_mib(mib: u32) -> Result<Self, FieldError> {
        if MEMORY_MIB.contains(&mib) {
            Ok(Self(mib))
        } else {
            let (least, most) = (MEMORY_MIB.start(), MEMORY_MIB.end());
            Err(FieldError::new("memory_mib", format!("Memory is {least} to {most} MiB; {mib} was asked for.")))
        }
    }

    pub fn mib(self) -> u32 {
        self.0
    }

    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }
}

impl TryFrom<u32> for Memory {
    type Error = FieldError;

    fn try_from(mib: u32) -> Result<Self, FieldError> {
        Self::from_mib(mib)
    }
}

impl From<Memory> for u32 {
    fn from(memory: Memory) -> u32 {
        memory.0
    }
}

/// Size of a disk in MiB, one of [`DISK_LADDER_MIB`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct DiskSize(u32);

impl DiskSize {
    pub const DEFAULT: Self = Self(256);

    pub fn from_mib(mib: u32) -> Result<Self, FieldError> {
        if DISK_LADDER_MIB.contains(&mib) {
            return Ok(Self(mib));
        }
        let ladder = DISK_LADDER_MIB.map(|m| m.to_string()).join(", ");
        Err(FieldError::new("disk_mib", format!("A disk has one of these sizes in MiB: {ladder}.")))
    }

    pub fn mib(self) -> u32 {
        self.0
    }

    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }

    pub fn ladder() -> impl Iterator<Item = Self> {
        DISK_LADDER_MIB.into_iter().map(Self)
    }
}

impl TryFrom<u32> for DiskSize {
    type Error = FieldError;

    fn try_from(mib: u32) -> Result<Self, FieldError> {
        Self::from_mib(mib)
    }
}

impl From<DiskSize> for u32 {
    fn from(size: DiskSize) -> u32 {
        size.0
    }
}

/// `64 MiB`, `1 GiB`: whole units only, as people say them.
pub fn in_words(mib: u32) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) { format!("{} GiB", mib / 1024) } else { format!("{mib} MiB") }
}
