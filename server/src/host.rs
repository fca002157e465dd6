//! What is asked of the machine: the agent's requests as a trait, its real client over a Unix socket
//! ([`agent`]), what was last heard of it ([`link`]), and a simulated one for tests ([`simulated`]).

pub mod agent;
pub mod link;
mod listener;
pub mod simulated;

use std::net::TcpListener;

use async_trait::async_trait;
use umbel_guest::publish::Found;
use umbel_guest::{
    DiskKind, DiskSize, Forward, Generation, GuestId, ImageId, KernelId, Limits, Logins, NetworkId, Series, Setup,
    SnapshotId, Span, StrayName, SysRqKey, UploadId, VolumeId,
};
use umbel_wire::agent::{
    BuildSeen, DiskFacts, DiskOf, DiskSource, FilesRead, HostFacts, ImageFacts, ImageSaid, Inventory, KernelFacts,
    MemoryInside, Moved, NetworkFacts, ParcelFacts, ParcelOrder, Refusal, SnapshotFacts, StartOrder, StopHow,
    StorageFacts, StrayFacts, VolumeAt, VolumeFacts, Wall,
};
use umbel_wire::frame::FrameError;

pub use agent::Agent;
pub use link::{Heard, Link};
pub use simulated::Simulated;

/// Why something was not done on the host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Nobody answers; the same may be asked again.
    #[error("the agent does not answer")]
    Away(#[source] FrameError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It answered something else than what was asked.
    #[error("the agent answered {answer} to {request}")]
    Protocol { request: &'static str, answer: String },
}

impl HostError {
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

/// One method per request of [`umbel_wire::agent::Request`]. Every one of them may be repeated.
#[async_trait]
pub trait Host: std::fmt::Debug + Send + Sync + 'static {
    async fn facts(&self) -> Result<HostFacts, HostError>;
    async fn storage(&self) -> Result<StorageFacts, HostError>;
    async fn walls(&self) -> Result<Vec<Wall>, HostError>;
    async fn kernels(&self) -> Result<Vec<KernelFacts>, HostError>;
    async fn kernel_add(&self, kernel: KernelId, upload: UploadId) -> Result<(), HostError>;
    async fn kernel_remove(&self, kernel: KernelId) -> Result<(), HostError>;
    async fn images(&self) -> Result<Vec<ImageFacts>, HostError>;
    async fn image_prepare(&self, image: ImageId) -> Result<ImageFacts, HostError>;
    async fn image_import(&self, image: ImageId, upload: UploadId, said: ImageSaid) -> Result<(), HostError>;
    /// In percent, how much of what it is made of has been read, as far as that can be said.
    async fn image_making(&self, image: ImageId) -> Result<Option<u8>, HostError>;
    /// One that is being made fails then.
    async fn image_stop(&self, image: ImageId) -> Result<(), HostError>;
    /// Answers what of the guest's is not in it.
    async fn image_publish(
        &self,
        image: ImageId,
        of: DiskOf,
        logins: Logins,
        said: ImageSaid,
    ) -> Result<Vec<Found>, HostError>;
    async fn snapshot_traces(&self, of: DiskOf) -> Result<Vec<Found>, HostError>;
    /// Puts it among the uploads.
    async fn files_read(&self, asked: FilesRead) -> Result<(), HostError>;
    /// Answers the socket on which the build asks for what is on its mirrors.
    async fn recipe_build(&self, upload: UploadId, recipe: String) -> Result<TcpListener, HostError>;
    /// What it has said after so many bytes; waits until there is something.
    async fn recipe_seen(&self, upload: UploadId, from: u64, wait_ms: u32) -> Result<BuildSeen, HostError>;
    async fn recipe_end(&self, upload: UploadId) -> Result<(), HostError>;
    async fn image_remove(&self, image: ImageId) -> Result<(), HostError>;
    async fn disk_create(
        &self,
        guest: GuestId,
        generation: Generation,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError>;
    /// What it is told once, at its next start; before its disk too.
    async fn setup_put(&self, guest: GuestId, generation: Generation, setup: Setup) -> Result<(), HostError>;
    /// What its disk takes.
    async fn disk(&self, guest: GuestId) -> Result<DiskFacts, HostError>;
    /// Out of a copy that is kept of another guest's.
    async fn disk_copy(
        &self,
        guest: GuestId,
        generation: Generation,
        of: GuestId,
        snapshot: SnapshotId,
    ) -> Result<(), HostError>;
    async fn disk_swap(
        &self,
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    ) -> Result<SnapshotFacts, HostError>;
    async fn disk_swap_back(
        &self,
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    ) -> Result<(), HostError>;
    async fn snapshot_take(
        &self,
        guest: GuestId,
        generation: Generation,
        snapshot: SnapshotId,
    ) -> Result<SnapshotFacts, HostError>;
    /// What it holds, as `disk` of that upload.
    async fn snapshot_lend(
        &self,
        guest: GuestId,
        snapshot: SnapshotId,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError>;
    /// A guest's disk of such a one.
    async fn disk_upload(
        &self,
        guest: GuestId,
        generation: Generation,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError>;
    async fn snapshot_remove(&self, guest: GuestId, snapshot: SnapshotId) -> Result<(), HostError>;
    /// Empty.
    async fn volume_create(&self, volume: VolumeId, size: DiskSize) -> Result<(), HostError>;
    async fn volume_grow(&self, volume: VolumeId, size: DiskSize) -> Result<(), HostError>;
    async fn volume_remove(&self, volume: VolumeId) -> Result<(), HostError>;
    /// Those that are there, and which guests that run have them.
    async fn volumes(&self) -> Result<Vec<VolumeFacts>, HostError>;
    async fn volume_attach(&self, guest: GuestId, generation: Generation, at: VolumeAt) -> Result<(), HostError>;
    async fn volume_detach(&self, guest: GuestId, generation: Generation, volume: VolumeId) -> Result<(), HostError>;
    /// Something about a file on its way into a guest or out of it; what there is of it, where that was asked.
    async fn parcel(&self, order: ParcelOrder) -> Result<Option<ParcelFacts>, HostError>;
    async fn start(&self, order: StartOrder) -> Result<(), HostError>;
    async fn stop(&self, guest: GuestId, generation: Generation, how: StopHow) -> Result<(), HostError>;
    async fn purge(&self, guest: GuestId, generation: Generation) -> Result<(), HostError>;
    /// Answers when the inventory is past the version `after`, or after `wait_ms`. An agent that was
    /// started anew answers at once, whatever `after` says.
    async fn inventory(&self, after: u64, wait_ms: u32) -> Result<Inventory, HostError>;
    async fn limit(&self, guest: GuestId, generation: Generation, limits: Limits) -> Result<(), HostError>;
    async fn pause(&self, guest: GuestId, generation: Generation, paused: bool) -> Result<(), HostError>;
    async fn sysrq(&self, guest: GuestId, generation: Generation, key: SysRqKey) -> Result<(), HostError>;
    /// Of all guests together where none is named.
    async fn metrics(&self, guest: Option<GuestId>, span: Span) -> Result<Series, HostError>;
    async fn memory_inside(&self, guest: GuestId) -> Result<MemoryInside, HostError>;
    async fn network_ensure(&self, network: NetworkId) -> Result<NetworkFacts, HostError>;
    async fn networks(&self) -> Result<Vec<NetworkFacts>, HostError>;
    /// All ports that lead into the network; others lead nowhere afterwards.
    async fn network_forwards(&self, network: NetworkId, forwards: Vec<Forward>) -> Result<(), HostError>;
    /// What has passed each guest's card on a bridge, ever.
    async fn traffic(&self) -> Result<Vec<(GuestId, Moved)>, HostError>;
    async fn network_remove(&self, network: NetworkId) -> Result<(), HostError>;
    async fn strays(&self) -> Result<Vec<StrayFacts>, HostError>;
    async fn disk_adopt(&self, guest: GuestId, generation: Generation, stray: StrayName) -> Result<(), HostError>;
}
