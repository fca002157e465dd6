//! What the panel may ask of the agent: a closed list. The agent checks every invariant itself; no
//! path, uid or command is ever passed in.
//!
//! One connection carries one request at a time, each answered by one [`Reply`].

use serde::{Deserialize, Serialize};
use umbel_guest::{DiskKind, DiskSize, Generation, GuestId, GuestName, ImageId, InstanceId, KernelId, Memory, Seen};

pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Hello {
        version: u32,
    },
    /// What the machine has: memory, room, walls.
    Host {},
    /// Kernels that can be started now, probed.
    Kernels {},
    /// Images that disks can be made of now.
    Images {},
    /// Builds the image that comes with Umbel and the bases of its ladder, if they aren't there.
    ImagePrepare {
        image: ImageId,
    },
    DiskCreate {
        guest: GuestId,
        generation: Generation,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    },
    Start(StartOrder),
    Stop {
        guest: GuestId,
        generation: Generation,
        how: StopHow,
    },
    /// Removes every file of a guest that has no process. Repeating it does no harm.
    Purge {
        guest: GuestId,
        generation: Generation,
    },
    /// What is there. Answers when the inventory's version is past `after`, or after `wait_ms`.
    Inventory {
        after: u64,
        wait_ms: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartOrder {
    pub guest: GuestId,
    pub generation: Generation,
    pub name: GuestName,
    pub kernel: KernelId,
    pub image: ImageId,
    pub disk: DiskSize,
    pub disk_kind: DiskKind,
    pub memory: Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopHow {
    /// Ctrl-Alt-Del through the management console; the guest shuts itself down, or doesn't.
    ShutDown,
    /// Every process of the guest, at once.
    Kill,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Hello { version: u32, instance: InstanceId, profile: Profile },
    Host(HostFacts),
    Kernels { kernels: Vec<KernelFacts> },
    Images { images: Vec<ImageFacts> },
    Image(ImageFacts),
    Done,
    Inventory(Inventory),
    Refused(Refusal),
}

/// Which walls stand around guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The agent is root: own uid, PID namespace and cgroup per guest.
    Hosting,
    /// The agent is an ordinary user: the owner's own uid, whatever walls a user can raise. For
    /// trusted guests.
    Personal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    pub profile: Profile,
    pub memory_total_mib: u32,
    pub memory_available_mib: u32,
    pub cores: u32,
    /// Room in the file system of the data directory.
    pub disk_total_mib: u64,
    pub disk_free_mib: u64,
    pub walls: Vec<Wall>,
}

/// One wall around guests, and whether it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    pub name: String,
    pub stands: bool,
    /// What it is, or why it doesn't stand and what would help.
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFacts {
    pub id: KernelId,
    /// As the file says it, for example `6.1.176`.
    pub version: String,
    /// Where it came from, in words.
    pub origin: String,
    pub sha256: String,
    pub size_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    pub id: ImageId,
    pub title: String,
    pub description: String,
    pub sha256: String,
    /// Sizes whose base is there.
    pub sizes: Vec<DiskSize>,
    pub suggested_memory: Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Grows with every change, within one life of the agent.
    pub version: u64,
    pub guests: Vec<GuestFacts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestFacts {
    pub guest: GuestId,
    /// Of the start that `seen` speaks of.
    pub generation: Generation,
    pub seen: Seen,
    /// Whether its disk exists.
    pub has_disk: bool,
}

/// Why the agent did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum Refusal {
    #[error("the agent speaks version {have} of its protocol, the panel {asked}")]
    Version { have: u32, asked: u32 },
    #[error("the order is older ({asked}) than what the agent has done ({have})")]
    Stale { asked: Generation, have: Generation },
    #[error("there is no kernel {kernel}")]
    UnknownKernel { kernel: KernelId },
    #[error("the kernel {kernel} can't be used: {reason}")]
    BadKernel { kernel: KernelId, reason: String },
    #[error("there is no image {image}")]
    UnknownImage { image: ImageId },
    #[error("a file of the image {image} is missing: {file}")]
    ImageMissing { image: ImageId, file: String },
    #[error("the guest has no disk")]
    NoDisk,
    #[error("the disk does not belong to its image any more: {reason}")]
    BadDisk { reason: String },
    #[error("the disk is full: {free_mib} MiB are left on the host")]
    DiskFull { free_mib: u64 },
    #[error("the host has too little memory: {available_mib} MiB of {wanted_mib}")]
    NoMemory { wanted_mib: u32, available_mib: u32 },
    #[error("the guest still has processes")]
    StillRunning,
    #[error("the guest is not running")]
    NotRunning,
    #[error("the wall {wall} can't be raised: {reason}")]
    Wall { wall: String, reason: String },
    /// A step on the host failed; which one and why, for the operator.
    #[error("{step}: {error}")]
    Failed { step: String, error: String },
}
