//! The agent over its Unix socket: one request at a time on a connection, a few connections kept.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::UnixStream;
use tokio::time::timeout;
use umbel_guest::publish::Found;
use umbel_guest::{
    DiskKind, DiskSize, Forward, Generation, GuestId, ImageId, KernelId, Limits, Logins, NetworkId, Series, Setup,
    SnapshotId, Span, StrayName, SysRqKey, UploadId, VolumeId,
};
use umbel_wire::agent::{
    BuildSeen, DiskFacts, DiskOf, DiskSource, FilesRead, HostFacts, ImageFacts, ImageSaid, Inventory, KernelFacts,
    MemoryInside, Moved, NetworkFacts, ParcelDeed, ParcelFacts, ParcelOrder, Reply, Request, SnapshotFacts, StartOrder,
    StopHow, StorageFacts, StrayFacts, VERSION, VolumeAt, VolumeFacts, Wall,
};
use umbel_wire::frame::{self, FrameError};

use super::{Host, HostError, listener};

/// Connections kept between requests.
const KEPT: usize = 4;
/// How long an answer is waited for: a start raises walls, a disk or an image may be gigabytes.
const SOON: Duration = Duration::from_secs(20);
/// What is unpacked may be large, and so may what is before it in the queue.
const VERY_LONG: Duration = Duration::from_secs(3600);
const LONG: Duration = Duration::from_secs(300);

/// A client of the agent. Connects when it is first asked, and again whenever it must.
#[derive(Debug)]
pub struct Agent {
    socket: PathBuf,
    kept: Mutex<Vec<UnixStream>>,
    /// The inventory waits on a connection of its own, so that a new life of the agent is noticed:
    /// its versions begin anew.
    watching: tokio::sync::Mutex<Option<UnixStream>>,
}

impl Agent {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, kept: Mutex::default(), watching: tokio::sync::Mutex::default() }
    }

    async fn connect(&self) -> Result<UnixStream, HostError> {
        let away = |e: io::Error| HostError::Away(FrameError::Io(e));
        let mut stream = UnixStream::connect(&self.socket).await.map_err(away)?;
        match exchange(&mut stream, &Request::Hello { version: VERSION }, SOON).await? {
            Reply::Hello { .. } => Ok(stream),
            other => Err(unexpected("hello", other)),
        }
    }

    async fn call(&self, request: &Request, patience: Duration) -> Result<Reply, HostError> {
        let kept = self.kept.lock().ok().and_then(|mut kept| kept.pop());
        if let Some(mut stream) = kept {
            match exchange(&mut stream, request, patience).await {
                // The agent was restarted since: asked again below, as every request may be.
                Err(error) if error.is_away() => {}
                done => return self.keep(stream, done),
            }
        }
        let mut stream = self.connect().await?;
        let done = exchange(&mut stream, request, patience).await;
        self.keep(stream, done)
    }

    fn keep(&self, stream: UnixStream, done: Result<Reply, HostError>) -> Result<Reply, HostError> {
        let reply = done?;
        if let Ok(mut kept) = self.kept.lock()
            && kept.len() < KEPT
        {
            kept.push(stream);
        }
        Ok(reply)
    }

    async fn done(&self, name: &'static str, request: Request, patience: Duration) -> Result<(), HostError> {
        match self.call(&request, patience).await? {
            Reply::Done => Ok(()),
            other => Err(unexpected(name, other)),
        }
    }
}

async fn exchange(stream: &mut UnixStream, request: &Request, patience: Duration) -> Result<Reply, HostError> {
    let content = frame::to_json(request).map_err(HostError::Away)?;
    let answer = timeout(patience, async {
        frame::aio::write(stream, &content).await?;
        frame::aio::read(stream).await
    });
    let late = |_| HostError::Away(FrameError::Io(io::ErrorKind::TimedOut.into()));
    let answer = answer.await.map_err(late)?.map_err(HostError::Away)?;
    frame::from_json(&answer).map_err(|error| HostError::Protocol { request: "a request", answer: error.to_string() })
}

fn unexpected(request: &'static str, reply: Reply) -> HostError {
    match reply {
        Reply::Refused(refusal) => HostError::Refused(refusal),
        other => HostError::Protocol { request, answer: format!("{other:?}").chars().take(200).collect() },
    }
}

#[async_trait]
impl Host for Agent {
    async fn facts(&self) -> Result<HostFacts, HostError> {
        match self.call(&Request::Host {}, SOON).await? {
            Reply::Host(facts) => Ok(facts),
            other => Err(unexpected("host", other)),
        }
    }

    async fn storage(&self) -> Result<StorageFacts, HostError> {
        match self.call(&Request::Storage {}, LONG).await? {
            Reply::Storage(facts) => Ok(facts),
            other => Err(unexpected("storage", other)),
        }
    }

    async fn walls(&self) -> Result<Vec<Wall>, HostError> {
        match self.call(&Request::Walls {}, SOON).await? {
            Reply::Walls { walls } => Ok(walls),
            other => Err(unexpected("walls", other)),
        }
    }

    async fn kernels(&self) -> Result<Vec<KernelFacts>, HostError> {
        match self.call(&Request::Kernels {}, SOON).await? {
            Reply::Kernels { kernels } => Ok(kernels),
            other => Err(unexpected("kernels", other)),
        }
    }

    async fn kernel_add(&self, kernel: KernelId, upload: UploadId) -> Result<(), HostError> {
        self.done("kernel_add", Request::KernelAdd { kernel, upload }, LONG).await
    }

    async fn kernel_remove(&self, kernel: KernelId) -> Result<(), HostError> {
        self.done("kernel_remove", Request::KernelRemove { kernel }, SOON).await
    }

    async fn images(&self) -> Result<Vec<ImageFacts>, HostError> {
        match self.call(&Request::Images {}, SOON).await? {
            Reply::Images { images } => Ok(images),
            other => Err(unexpected("images", other)),
        }
    }

    async fn image_prepare(&self, image: ImageId) -> Result<ImageFacts, HostError> {
        match self.call(&Request::ImagePrepare { image }, LONG).await? {
            Reply::Image(facts) => Ok(facts),
            other => Err(unexpected("image_prepare", other)),
        }
    }

    async fn image_making(&self, image: ImageId) -> Result<Option<u8>, HostError> {
        match self.call(&Request::ImageMaking { image }, SOON).await? {
            Reply::Making { percent } => Ok(percent),
            other => Err(unexpected("image_making", other)),
        }
    }

    async fn image_stop(&self, image: ImageId) -> Result<(), HostError> {
        self.done("image_stop", Request::ImageStop { image }, SOON).await
    }

    async fn image_import(&self, image: ImageId, upload: UploadId, said: ImageSaid) -> Result<(), HostError> {
        self.done("image_import", Request::ImageImport { image, upload, said }, VERY_LONG).await
    }

    async fn image_publish(
        &self,
        image: ImageId,
        of: DiskOf,
        logins: Logins,
        said: ImageSaid,
    ) -> Result<Vec<Found>, HostError> {
        match self.call(&Request::ImagePublish { image, of, logins, said }, VERY_LONG).await? {
            Reply::Traces { found } => Ok(found),
            other => Err(unexpected("image_publish", other)),
        }
    }

    async fn snapshot_traces(&self, of: DiskOf) -> Result<Vec<Found>, HostError> {
        match self.call(&Request::SnapshotTraces { of }, LONG).await? {
            Reply::Traces { found } => Ok(found),
            other => Err(unexpected("snapshot_traces", other)),
        }
    }

    async fn files_read(&self, asked: FilesRead) -> Result<(), HostError> {
        self.done("files_read", Request::FilesRead(asked), VERY_LONG).await
    }

    async fn recipe_build(&self, upload: UploadId, recipe: String) -> Result<TcpListener, HostError> {
        // On a connection of its own: a descriptor comes with the answer.
        let mut stream = self.connect().await?;
        match exchange(&mut stream, &Request::RecipeBuild { upload, recipe }, LONG).await? {
            Reply::Listens => {
                let listener = timeout(SOON, listener::receive(&stream)).await;
                let listener = listener.map_err(|_| HostError::Away(FrameError::Io(io::ErrorKind::TimedOut.into())))?;
                listener.map_err(|error| HostError::Away(FrameError::Io(error)))
            }
            other => Err(unexpected("recipe_build", other)),
        }
    }

    async fn recipe_seen(&self, upload: UploadId, from: u64, wait_ms: u32) -> Result<BuildSeen, HostError> {
        match self.call(&Request::RecipeSeen { upload, from, wait_ms }, LONG).await? {
            Reply::Built(seen) => Ok(seen),
            other => Err(unexpected("recipe_seen", other)),
        }
    }

    async fn recipe_end(&self, upload: UploadId) -> Result<(), HostError> {
        self.done("recipe_end", Request::RecipeEnd { upload }, LONG).await
    }

    async fn image_remove(&self, image: ImageId) -> Result<(), HostError> {
        self.done("image_remove", Request::ImageRemove { image }, SOON).await
    }

    async fn disk_create(
        &self,
        guest: GuestId,
        generation: Generation,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError> {
        self.done("disk_create", Request::DiskCreate { guest, generation, image, size, kind }, LONG).await
    }

    async fn disk(&self, guest: GuestId) -> Result<DiskFacts, HostError> {
        match self.call(&Request::Disk { guest }, SOON).await? {
            Reply::Disk(facts) => Ok(facts),
            other => Err(unexpected("disk", other)),
        }
    }

    async fn setup_put(&self, guest: GuestId, generation: Generation, setup: Setup) -> Result<(), HostError> {
        let setup = Box::new(setup);
        self.done("setup_put", Request::SetupPut { guest, generation, setup }, SOON).await
    }

    async fn disk_copy(
        &self,
        guest: GuestId,
        generation: Generation,
        of: GuestId,
        snapshot: SnapshotId,
    ) -> Result<(), HostError> {
        self.done("disk_copy", Request::DiskCopy { guest, generation, of, snapshot }, LONG).await
    }

    async fn disk_swap(
        &self,
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    ) -> Result<SnapshotFacts, HostError> {
        match self.call(&Request::DiskSwap { guest, generation, keep, with }, LONG).await? {
            Reply::Snapshot(facts) => Ok(facts),
            other => Err(unexpected("disk_swap", other)),
        }
    }

    async fn disk_swap_back(
        &self,
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    ) -> Result<(), HostError> {
        self.done("disk_swap_back", Request::DiskSwapBack { guest, generation, keep, with }, SOON).await
    }

    async fn snapshot_take(
        &self,
        guest: GuestId,
        generation: Generation,
        snapshot: SnapshotId,
    ) -> Result<SnapshotFacts, HostError> {
        match self.call(&Request::SnapshotTake { guest, generation, snapshot }, LONG).await? {
            Reply::Snapshot(facts) => Ok(facts),
            other => Err(unexpected("snapshot_take", other)),
        }
    }

    async fn snapshot_lend(
        &self,
        guest: GuestId,
        snapshot: SnapshotId,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError> {
        let request = Request::SnapshotLend { guest, snapshot, upload, image, size, kind };
        self.done("snapshot_lend", request, VERY_LONG).await
    }

    async fn disk_upload(
        &self,
        guest: GuestId,
        generation: Generation,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError> {
        let request = Request::DiskUpload { guest, generation, upload, image, size, kind };
        self.done("disk_upload", request, LONG).await
    }

    async fn snapshot_remove(&self, guest: GuestId, snapshot: SnapshotId) -> Result<(), HostError> {
        self.done("snapshot_remove", Request::SnapshotRemove { guest, snapshot }, SOON).await
    }

    async fn volume_create(&self, volume: VolumeId, size: DiskSize) -> Result<(), HostError> {
        self.done("volume_create", Request::VolumeCreate { volume, size }, SOON).await
    }

    async fn volume_grow(&self, volume: VolumeId, size: DiskSize) -> Result<(), HostError> {
        self.done("volume_grow", Request::VolumeGrow { volume, size }, SOON).await
    }

    async fn volume_remove(&self, volume: VolumeId) -> Result<(), HostError> {
        self.done("volume_remove", Request::VolumeRemove { volume }, LONG).await
    }

    async fn volumes(&self) -> Result<Vec<VolumeFacts>, HostError> {
        match self.call(&Request::Volumes {}, SOON).await? {
            Reply::Volumes { volumes } => Ok(volumes),
            other => Err(unexpected("volumes", other)),
        }
    }

    async fn volume_attach(&self, guest: GuestId, generation: Generation, at: VolumeAt) -> Result<(), HostError> {
        self.done("volume_attach", Request::VolumeAttach { guest, generation, at }, SOON).await
    }

    async fn volume_detach(&self, guest: GuestId, generation: Generation, volume: VolumeId) -> Result<(), HostError> {
        self.done("volume_detach", Request::VolumeDetach { guest, generation, volume }, SOON).await
    }

    async fn parcel(&self, order: ParcelOrder) -> Result<Option<ParcelFacts>, HostError> {
        let patience = if order.deed == (ParcelDeed::See {}) { SOON } else { LONG };
        match self.call(&Request::Parcel(order), patience).await? {
            Reply::Done => Ok(None),
            Reply::Parcel { facts } => Ok(facts),
            other => Err(unexpected("parcel", other)),
        }
    }

    async fn start(&self, order: StartOrder) -> Result<(), HostError> {
        self.done("start", Request::Start(order), SOON).await
    }

    async fn stop(&self, guest: GuestId, generation: Generation, how: StopHow) -> Result<(), HostError> {
        self.done("stop", Request::Stop { guest, generation, how }, SOON).await
    }

    async fn purge(&self, guest: GuestId, generation: Generation) -> Result<(), HostError> {
        self.done("purge", Request::Purge { guest, generation }, SOON).await
    }

    async fn inventory(&self, after: u64, wait_ms: u32) -> Result<Inventory, HostError> {
        let mut watching = self.watching.lock().await;
        let (mut stream, after) = match watching.take() {
            Some(stream) => (stream, after),
            None => (self.connect().await?, 0),
        };
        let patience = SOON + Duration::from_millis(wait_ms.into());
        match exchange(&mut stream, &Request::Inventory { after, wait_ms }, patience).await? {
            Reply::Inventory(inventory) => {
                *watching = Some(stream);
                Ok(inventory)
            }
            other => Err(unexpected("inventory", other)),
        }
    }

    async fn limit(&self, guest: GuestId, generation: Generation, limits: Limits) -> Result<(), HostError> {
        self.done("limit", Request::Limit { guest, generation, limits }, SOON).await
    }

    async fn pause(&self, guest: GuestId, generation: Generation, paused: bool) -> Result<(), HostError> {
        self.done("pause", Request::Pause { guest, generation, paused }, SOON).await
    }

    async fn sysrq(&self, guest: GuestId, generation: Generation, key: SysRqKey) -> Result<(), HostError> {
        self.done("sysrq", Request::SysRq { guest, generation, key }, SOON).await
    }

    async fn metrics(&self, guest: Option<GuestId>, span: Span) -> Result<Series, HostError> {
        match self.call(&Request::Metrics { guest, span }, SOON).await? {
            Reply::Series(series) => Ok(series),
            other => Err(unexpected("metrics", other)),
        }
    }

    async fn memory_inside(&self, guest: GuestId) -> Result<MemoryInside, HostError> {
        match self.call(&Request::MemoryInside { guest }, SOON).await? {
            Reply::MemoryInside(memory) => Ok(memory),
            other => Err(unexpected("memory_inside", other)),
        }
    }

    async fn network_ensure(&self, network: NetworkId) -> Result<NetworkFacts, HostError> {
        match self.call(&Request::NetworkEnsure { network }, SOON).await? {
            Reply::Network(facts) => Ok(facts),
            other => Err(unexpected("network_ensure", other)),
        }
    }

    async fn networks(&self) -> Result<Vec<NetworkFacts>, HostError> {
        match self.call(&Request::Networks {}, SOON).await? {
            Reply::Networks { networks } => Ok(networks),
            other => Err(unexpected("networks", other)),
        }
    }

    async fn network_forwards(&self, network: NetworkId, forwards: Vec<Forward>) -> Result<(), HostError> {
        match self.call(&Request::NetworkForwards { network, forwards }, SOON).await? {
            Reply::Done | Reply::Network(_) => Ok(()),
            other => Err(unexpected("network_forwards", other)),
        }
    }

    async fn traffic(&self) -> Result<Vec<(GuestId, Moved)>, HostError> {
        match self.call(&Request::Traffic {}, SOON).await? {
            Reply::Traffic { moved } => Ok(moved),
            other => Err(unexpected("traffic", other)),
        }
    }

    async fn network_remove(&self, network: NetworkId) -> Result<(), HostError> {
        self.done("network_remove", Request::NetworkRemove { network }, SOON).await
    }

    async fn strays(&self) -> Result<Vec<StrayFacts>, HostError> {
        match self.call(&Request::Strays {}, SOON).await? {
            Reply::Strays { strays } => Ok(strays),
            other => Err(unexpected("strays", other)),
        }
    }

    async fn disk_adopt(&self, guest: GuestId, generation: Generation, stray: StrayName) -> Result<(), HostError> {
        self.done("disk_adopt", Request::DiskAdopt { guest, generation, stray }, LONG).await
    }
}
