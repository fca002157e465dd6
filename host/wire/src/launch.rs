//! What a shim is told at its start.
//!
//! The agent's launcher starts the shim with descriptor 3 a listening Unix stream socket, 4 the
//! console ring (read and write), 5 this order as JSON to be read to its end, 6 the master side of an
//! unlocked terminal, 7 what the guest's card is plugged into, where that is a descriptor, and then 8 what must
//! stay open for as long as it is; 0 is /dev/null, 1 and 2 are its log. The agent takes copies of 7 and 8 from the
//! shim's process, where they stay under these numbers. Everything else is closed. Paths are as the shim sees them, which is in its jail.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use umbel_guest::files::FileAsk;
use umbel_guest::{
    Boot, Clock, Generation, GuestId, GuestName, KernelMode, Logins, Memory, Slot, VolumeAccess, VolumeId,
};

pub const LISTENER_FD: i32 = 3;
pub const RING_FD: i32 = 4;
pub const ORDER_FD: i32 = 5;
pub const TERMINAL_FD: i32 = 6;
/// The last ones, since they may be missing: both are there or neither is.
pub const CARD_FD: i32 = 7;
pub const CARD_CONTROL_FD: i32 = 8;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShimOrder {
    pub guest: GuestId,
    pub generation: Generation,
    pub name: GuestName,
    pub kernel: PathBuf,
    /// Loaded before the kernel's C library, where the processor makes that necessary.
    pub preload: Option<PathBuf>,
    pub memory: Memory,
    pub mode: KernelMode,
    pub clock: Clock,
    pub boot: Boot,
    pub root_disk: RootDisk,
    /// What it is told once, as a disk that is only read.
    pub setup: Option<PathBuf>,
    /// None for a guest of the agent's own.
    pub volumes: Option<Volumes>,
    pub card: Option<Card>,
    /// An exec tmpfs of the guest's own: TMPDIR, management console. Gone with its mount namespace.
    pub work: PathBuf,
    pub filters: Filters,
}

/// The place of a guest's volumes, those that come later too, and which it begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volumes {
    pub place: PathBuf,
    pub disks: Vec<VolumeDisk>,
}

/// A volume where its guest finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeDisk {
    pub volume: VolumeId,
    pub slot: Slot,
    pub access: VolumeAccess,
}

impl VolumeDisk {
    /// Its file below the place of the guest's volumes. The name says all that there is to know of it, and is what the
    /// agent knows it by.
    pub fn file(self, place: &Path) -> PathBuf {
        volumes_with(place, self.access).join(format!("{}.{}", self.slot, self.volume))
    }

    /// What a name says of it.
    pub fn of_name(name: &str, access: VolumeAccess) -> Option<Self> {
        let (slot, volume) = name.split_once('.')?;
        Some(Self { volume: volume.parse().ok()?, slot: slot.parse().ok()?, access })
    }
}

/// Those that are written to and those that are only read lie in directories of their own, so that the one can be mounted
/// for reading alone.
pub fn volumes_with(place: &Path, access: VolumeAccess) -> PathBuf {
    place.join(match access {
        VolumeAccess::ReadWrite => "w",
        VolumeAccess::ReadOnly => "r",
    })
}

/// Walls that a process raises itself, when it needs no more than what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    pub landlock: bool,
    pub seccomp: bool,
}

/// A network card, and the guest's place in its /24.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    pub link: Link,
    pub mac: [u8; 6],
    pub address: Ipv4Addr,
    /// The way out, which also answers for names; a switch has none.
    pub gateway: Option<Ipv4Addr>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// A tap of this name in the shim's network namespace.
    Tap { name: String, driver: Driver },
    /// The socket [`CARD_FD`].
    Switch,
}

/// The kernel's side of a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    Vector,
    /// Of kernels that have no other: `eth0=tuntap`.
    Legacy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disk", rename_all = "snake_case", deny_unknown_fields)]
pub enum RootDisk {
    Cow {
        child: PathBuf,
        base: PathBuf,
    },
    Plain {
        file: PathBuf,
    },
    /// A directory of the host, read-only.
    Tree {
        root: PathBuf,
    },
    /// In memory, with the tools for one task: a guest of the agent's own, that ends when it is done.
    Tools {
        initrd: PathBuf,
        from: Source,
        to: PathBuf,
        task: Task,
    },
}

/// What a task reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// What is never written to.
    File { file: PathBuf },
    /// A copy of a guest's plain disk: its journal is played back.
    Plain { file: PathBuf },
    /// The same of a copy-on-write disk, which is a child of the base.
    Cow { child: PathBuf, base: PathBuf },
}

impl Source {
    pub fn file(&self) -> &Path {
        match self {
            Self::File { file } | Self::Plain { file } | Self::Cow { child: file, .. } => file,
        }
    }

    /// What of it is written to.
    pub fn written(&self) -> Option<&Path> {
        match self {
            Self::File { .. } => None,
            Self::Plain { file } | Self::Cow { child: file, .. } => Some(file),
        }
    }
}

/// What a guest of the agent's own is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// What is packed in the first `bytes` of the one disk comes onto the other: a tar archive in a new file system,
    /// anything else as it is.
    Unpack { packing: Packing, bytes: u64 },
    /// A disk in QEMU's format (docs/interop/qcow2.rst of QEMU) comes onto the other as it is.
    Convert,
    /// The file system on the second disk becomes as large as that is.
    Grow,
    /// Says what of a guest's disk is one guest's own; writes nothing.
    Traces,
    /// The files of a guest's disk come into a new file system on the other, without what is one guest's own.
    Publish { logins: Logins },
    /// What lies on a guest's disk comes onto the other as it is asked for: a list of no more than so many, what a file
    /// holds, an archive. Where it is stands in the root with the tools.
    Files { ask: FileAsk, most: u64 },
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    None,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}
