//! What the panel may ask of the agent: a closed list. The agent checks every invariant itself; no
//! path, uid or command is ever passed in.
//!
//! One connection carries one request at a time, each answered by one [`Reply`].

use serde::{Deserialize, Serialize};
use umbel_guest::files::NoFile;
use umbel_guest::publish::Found;
use umbel_guest::{
    Attachment, Boot, Clock, DiskKind, DiskSize, Forward, Generation, GuestId, GuestName, HostNumber, ImageId,
    InstanceId, KernelFeatures, KernelId, KernelMode, KernelOrigin, Limits, Logins, Memory, NetworkId, ParcelId, Seen,
    Series, Setup, SetupSeen, SnapshotId, Span, UploadId, VolumeId, WallState,
};
pub use umbel_guest::{ImageKind, StrayName, SysRqKey};

pub use crate::build::{BuildSeen, BuildState};
pub use crate::disks::{
    BaseUse, DiskFacts, DiskOf, DiskSource, DiskUse, SnapshotFacts, StorageFacts, StrayFacts, VolumeAt, VolumeFacts,
};
pub use crate::files::{FilesOf, FilesRead};
pub use crate::image::{ImageFacts, ImageSaid};
pub use crate::parcel::{ParcelDeed, ParcelFacts, ParcelOrder};

pub const VERSION: u32 = 12;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Hello {
        version: u32,
    },
    /// What the machine has: memory, room, cores.
    Host {},
    /// What files of ours take of the host's disk, one by one; every one of them is looked at for it.
    Storage {},
    /// Which walls stand around guests. Two programs may be run for it, so no step of a guest asks it.
    Walls {},
    /// Kernels that can be started now, probed.
    Kernels {},
    /// Takes over the kernel that the panel has put into its directory of uploads: `linux`, and the
    /// libraries that it came with in `lib/`. Repeating it does no harm.
    KernelAdd {
        kernel: KernelId,
        upload: UploadId,
    },
    /// Refused for a kernel that a process was started with; what is only meant to use it, the panel knows.
    /// Repeating it does no harm.
    KernelRemove {
        kernel: KernelId,
    },
    /// Images that disks can be made of now.
    Images {},
    /// Builds the image that comes with Umbel and the bases of its ladder, if they aren't there.
    ImagePrepare {
        image: ImageId,
    },
    /// Makes an image of what the panel has put into its directory of uploads, as `disk`: a file system, a disk that is
    /// divided or in QEMU's format, a tar archive; all of them may be packed. Repeating it does no harm.
    ImageImport {
        image: ImageId,
        upload: UploadId,
        said: ImageSaid,
    },
    /// How far it is with an image, in percent, as far as that can be said.
    ImageMaking {
        image: ImageId,
    },
    /// Stops making it, which fails then; one that isn't being made is left alone.
    ImageStop {
        image: ImageId,
    },
    /// Makes an image of a guest's disk as a snapshot has it, without what is one guest's own. Repeating it does no harm.
    ImagePublish {
        image: ImageId,
        of: DiskOf,
        logins: Logins,
        said: ImageSaid,
    },
    /// Builds what a recipe says, in a jail without a network but its own loopback, and puts it into the panel's directory
    /// of that upload, as `disk`. Answered when the jail is up; then a descriptor comes, on which whoever asked answers
    /// for the recipe's mirrors. Repeating it ends what was begun and begins anew. One at a time.
    RecipeBuild {
        upload: UploadId,
        recipe: String,
    },
    /// What it has said after so many bytes. Answers when there is something, or after `wait_ms`.
    RecipeSeen {
        upload: UploadId,
        from: u64,
        wait_ms: u32,
    },
    /// Ends it, if it is that one, and takes away what there is of it. Repeating it does no harm.
    RecipeEnd {
        upload: UploadId,
    },
    /// What of it that is.
    SnapshotTraces {
        of: DiskOf,
    },
    /// Reads a list, a file or an archive off a disk and puts it into the panel's directory of an upload. Changes nothing
    /// else. Repeating it does no harm; one at a time.
    FilesRead(FilesRead),
    /// Refused for an image that a guest's disk is a child of, and for one that nobody put in. Repeating it does no harm.
    ImageRemove {
        image: ImageId,
    },
    DiskCreate {
        guest: GuestId,
        generation: Generation,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    },
    /// What the guest is told at its next start, and once only; in the place of what was to be told before. Also of a
    /// guest that is not made yet. Repeating it does no harm.
    SetupPut {
        guest: GuestId,
        generation: Generation,
        setup: Box<Setup>,
    },
    /// What the guest's disk takes of the host's, and how a copy of it is made.
    Disk {
        guest: GuestId,
    },
    /// Keeps a copy of the disk as it is at one moment, whether its guest runs or not: one that does is asked to write
    /// what it holds back and stands still meanwhile. Repeating it does no harm.
    SnapshotTake {
        guest: GuestId,
        generation: Generation,
        snapshot: SnapshotId,
    },
    /// Repeating it does no harm.
    SnapshotRemove {
        guest: GuestId,
        snapshot: SnapshotId,
    },
    /// Writes what such a copy holds, whole and without its base, into the panel's directory of that upload, as `disk`:
    /// the panel's own to read. Repeating it does no harm.
    SnapshotLend {
        guest: GuestId,
        snapshot: SnapshotId,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    },
    /// Makes a guest's disk of a whole one that the panel has put into its directory of uploads, as `disk`. One that is
    /// copy-on-write has of it what differs from the base. Repeating it does no harm.
    DiskUpload {
        guest: GuestId,
        generation: Generation,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    },
    /// Makes a guest's disk of a copy that is kept of another one's. Repeating it does no harm.
    DiskCopy {
        guest: GuestId,
        generation: Generation,
        of: GuestId,
        snapshot: SnapshotId,
    },
    /// Of a guest that has no process: its disk is kept as `keep`, and another one made. Repeating it does no harm, a
    /// failure leaves the disk as it was.
    DiskSwap {
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    },
    /// Takes the same back: what was kept is the disk again. Repeating it does no harm.
    DiskSwapBack {
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    },
    /// Makes an empty volume. Repeating it does no harm; one of another size is refused.
    VolumeCreate {
        volume: VolumeId,
        size: DiskSize,
    },
    /// Larger only, and only while no guest that runs has it. Repeating it does no harm.
    VolumeGrow {
        volume: VolumeId,
        size: DiskSize,
    },
    /// For good. Refused while a guest that runs has it. Repeating it does no harm.
    VolumeRemove {
        volume: VolumeId,
    },
    /// Those that are there, and which guests have them now.
    Volumes {},
    /// Gives a volume to a guest that runs. Refused where others have it in a way that shuts this one out. Repeating it
    /// does no harm.
    VolumeAttach {
        guest: GuestId,
        generation: Generation,
        at: VolumeAt,
    },
    /// Takes it from a guest that runs; refused while the guest has it open. Repeating it does no harm.
    VolumeDetach {
        guest: GuestId,
        generation: Generation,
        volume: VolumeId,
    },
    /// A file on its way into a guest that runs, or out of it.
    Parcel(ParcelOrder),
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
    /// Changes limits of a guest while it runs; also heard where it doesn't.
    Limit {
        guest: GuestId,
        generation: Generation,
        limits: Limits,
    },
    /// Freezes a running guest, or lets it go on. Repeating it does no harm.
    Pause {
        guest: GuestId,
        generation: Generation,
        paused: bool,
    },
    /// A key of the magic SysRq (kernel: admin-guide/sysrq), said through the management console. What
    /// it answers stands on the guest's console.
    SysRq {
        guest: GuestId,
        generation: Generation,
        key: SysRqKey,
    },
    /// What was measured of a guest; of all guests together where none is named.
    Metrics {
        guest: Option<GuestId>,
        span: Span,
    },
    /// What the guest's own kernel says of its memory. Asked only while somebody looks, since it wakes it.
    MemoryInside {
        guest: GuestId,
    },
    /// Makes the network if it isn't there. Repeating it does no harm.
    NetworkEnsure {
        network: NetworkId,
    },
    Networks {},
    /// What has passed each guest's card, whether it is plugged in now or was before.
    Traffic {},
    /// The ports that lead into the network, all of them: others lead nowhere afterwards.
    NetworkForwards {
        network: NetworkId,
        forwards: Vec<Forward>,
    },
    /// Refused while guests are plugged in. Repeating it does no harm.
    NetworkRemove {
        network: NetworkId,
    },
    /// Root images that lie in the agent's directory for adoption, put there by whoever administers the
    /// host; only names ever travel.
    Strays {},
    /// Makes a guest's disk of one of them, as a plain copy. Repeating it does no harm.
    DiskAdopt {
        guest: GuestId,
        generation: Generation,
        stray: StrayName,
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
    pub mode: KernelMode,
    pub clock: Clock,
    pub boot: Boot,
    pub limits: Limits,
    pub card: Option<Card>,
    /// What it has from its first moment; one that it can't have refuses the start.
    #[serde(default)]
    pub volumes: Vec<VolumeAt>,
}

/// A guest's network card: what it is plugged into, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Never [`Attachment::None`].
    pub attachment: Attachment,
    pub network: NetworkId,
    pub number: HostNumber,
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
    Hello {
        version: u32,
        instance: InstanceId,
        profile: Profile,
    },
    Host(HostFacts),
    Storage(StorageFacts),
    Walls {
        walls: Vec<Wall>,
    },
    Kernels {
        kernels: Vec<KernelFacts>,
    },
    Images {
        images: Vec<ImageFacts>,
    },
    Image(ImageFacts),
    Disk(DiskFacts),
    Snapshot(SnapshotFacts),
    Traces {
        found: Vec<Found>,
    },
    /// A byte follows, and with it a socket that listens (unix(7), SCM_RIGHTS).
    Listens,
    Built(BuildSeen),
    Making {
        percent: Option<u8>,
    },
    Volumes {
        volumes: Vec<VolumeFacts>,
    },
    /// `None`: the guest has no such disk any more.
    Parcel {
        facts: Option<ParcelFacts>,
    },
    Done,
    Inventory(Inventory),
    Series(Series),
    MemoryInside(MemoryInside),
    Network(NetworkFacts),
    Networks {
        networks: Vec<NetworkFacts>,
    },
    Traffic {
        moved: Vec<(GuestId, Moved)>,
    },
    Strays {
        strays: Vec<StrayFacts>,
    },
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
}

/// One wall around guests, and whether it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    pub name: String,
    pub state: WallState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFacts {
    pub id: KernelId,
    /// As the file says it, for example `6.1.176`.
    pub version: String,
    pub origin: KernelOrigin,
    pub sha256: String,
    pub size_bytes: u64,
    pub features: KernelFeatures,
    /// What a guest is given where nobody chooses.
    pub is_default: bool,
}

/// The guest's own word, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryInside {
    pub total_kib: u32,
    pub available_kib: u32,
}

/// Bytes that have passed a guest's cards on the bridge since the host has its network. Grows, but for a host
/// that lost the last of it as it went down, and for a guest that came into another network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Into the guest.
    pub received: u64,
    /// Out of it.
    pub sent: u64,
}

impl Moved {
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { received: self.received.saturating_add(other.received), sent: self.sent.saturating_add(other.sent) }
    }

    /// What came since it was `before`; nothing where it has shrunk.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { received: self.received.saturating_sub(before.received), sent: self.sent.saturating_sub(before.sent) }
    }
}

/// A network as it stands on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFacts {
    pub network: NetworkId,
    /// The first three bytes of its /24.
    pub subnet: [u8; 3],
    /// Whether there is a bridge with a way out; a switch there is always.
    pub has_bridge: bool,
    pub forwards: Vec<Forward>,
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
    /// What it wrote to its management console, the oldest first: hostile text, not much of it.
    pub said: Vec<Said>,
    /// What became of what it is told, if it was told anything.
    pub setup: Option<SetupSeen>,
}

/// A line that root in the guest wrote to /proc/mconsole: any bytes, at most 512 of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// µs since the epoch, UTC.
    pub at: i64,
    pub text: String,
    /// How many lines before this one came too fast and were not kept.
    #[serde(default)]
    pub missed: u32,
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
    #[error("the image {image} can't be used: {reason}")]
    BadImage { image: ImageId, reason: String },
    #[error("the image {image} is in use")]
    ImageInUse { image: ImageId },
    #[error("the image {image} is not made: somebody has stopped it")]
    ImageStopped { image: ImageId },
    #[error("the kernel {kernel} is in use")]
    KernelInUse { kernel: KernelId },
    #[error("there is no snapshot {snapshot} of this guest")]
    UnknownSnapshot { snapshot: SnapshotId },
    #[error("there is no volume {volume} on the host")]
    UnknownVolume { volume: VolumeId },
    #[error("the volume {volume} can't be used: {reason}")]
    BadVolume { volume: VolumeId, reason: String },
    #[error("the volume is in use: {reason}")]
    VolumeInUse { volume: VolumeId, reason: String },
    #[error("another file is on its way into this guest or out of it")]
    ParcelUnderWay { parcel: ParcelId },
    #[error("the file can't be taken over: {reason}")]
    BadParcel { reason: String },
    #[error("the guest has the disk open that the file is on")]
    ParcelOpen,
    #[error("there is no upload {upload}")]
    UnknownUpload { upload: UploadId },
    #[error("{why}")]
    NoFile { why: NoFile },
    #[error("the recipe can't be built: {reason}")]
    BadRecipe { reason: String },
    #[error("another recipe is being built")]
    BuildUnderWay,
    #[error("there is no file {stray} for adoption")]
    UnknownStray { stray: String },
    #[error("the file {stray} can't be adopted: {reason}")]
    BadStray { stray: String, reason: String },
    #[error("there is no network {network}")]
    UnknownNetwork { network: NetworkId },
    #[error("guests are plugged into the network")]
    NetworkInUse,
    #[error("the port {host_port} of the host can't be led anywhere: {reason}")]
    BadForward { host_port: u16, reason: String },
    #[error("this host can't do that: {what}")]
    NotHere { what: String },
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
    #[error("the guest is paused")]
    IsPaused,
    #[error("the wall {wall} can't be raised: {reason}")]
    Wall { wall: String, reason: String },
    /// A step on the host failed; which one and why, for the operator.
    #[error("{step}: {error}")]
    Failed { step: String, error: String },
}
