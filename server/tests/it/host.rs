//! The agent's client over a real socket, against a simulated host that speaks the real protocol.

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use umbel_guest::files::{FileAsk, FilePath};
use umbel_guest::{
    DiskKind, DiskSize, Forward, Generation, GuestId, HostNumber, ImageId, InstanceId, KernelId, Limits, Logins,
    Memory, NetworkId, Slot, SnapshotId, Span, SysRqKey, UploadId, VolumeAccess, VolumeId,
};
use umbel_server::clock::Clock;
use umbel_server::host::{Agent, Host, HostError, Simulated};
use umbel_wire::agent::{
    BuildState, DiskOf, DiskSource, FilesOf, FilesRead, ImageSaid, Moved, Profile, Refusal, Reply, Request, StopHow,
    VERSION, VolumeAt,
};
use umbel_wire::frame;
use uuid::Uuid;

/// Serves until it is dropped.
struct Served {
    _tasks: JoinSet<()>,
}

fn serve(socket: &Path, host: Simulated) -> Served {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).expect("a short path");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(converse(stream, host.clone()));
        }
    });
    Served { _tasks: tasks }
}

async fn converse(mut stream: UnixStream, host: Simulated) {
    while let Ok(content) = frame::aio::read(&mut stream).await {
        let request = frame::from_json(&content).expect("a request of the protocol");
        let done = |done: Result<(), HostError>| done.map(|()| Reply::Done);
        let reply = match request {
            Request::Hello { version } => {
                assert_eq!(version, VERSION);
                let instance: InstanceId = "abcdef".parse().expect("a slug");
                Ok(Reply::Hello { version, instance, profile: Profile::Hosting })
            }
            Request::Host {} => host.facts().await.map(Reply::Host),
            Request::Walls {} => host.walls().await.map(|walls| Reply::Walls { walls }),
            Request::Kernels {} => host.kernels().await.map(|kernels| Reply::Kernels { kernels }),
            Request::Images {} => host.images().await.map(|images| Reply::Images { images }),
            Request::ImagePrepare { image } => host.image_prepare(image).await.map(Reply::Image),
            Request::DiskCreate { guest, generation, image, size, kind } => {
                done(host.disk_create(guest, generation, image, size, kind).await)
            }
            Request::Disk { guest } => host.disk(guest).await.map(Reply::Disk),
            Request::DiskSwap { guest, generation, keep, with } => {
                host.disk_swap(guest, generation, keep, with).await.map(Reply::Snapshot)
            }
            Request::DiskSwapBack { guest, generation, keep, with } => {
                done(host.disk_swap_back(guest, generation, keep, with).await)
            }
            Request::SnapshotTake { guest, generation, snapshot } => {
                host.snapshot_take(guest, generation, snapshot).await.map(Reply::Snapshot)
            }
            Request::SnapshotLend { guest, snapshot, upload, image, size, kind } => {
                done(host.snapshot_lend(guest, snapshot, upload, image, size, kind).await)
            }
            Request::DiskUpload { guest, generation, upload, image, size, kind } => {
                done(host.disk_upload(guest, generation, upload, image, size, kind).await)
            }
            Request::SnapshotRemove { guest, snapshot } => done(host.snapshot_remove(guest, snapshot).await),
            Request::VolumeCreate { volume, size } => done(host.volume_create(volume, size).await),
            Request::VolumeGrow { volume, size } => done(host.volume_grow(volume, size).await),
            Request::VolumeRemove { volume } => done(host.volume_remove(volume).await),
            Request::Volumes {} => host.volumes().await.map(|volumes| Reply::Volumes { volumes }),
            Request::VolumeAttach { guest, generation, at } => done(host.volume_attach(guest, generation, at).await),
            Request::VolumeDetach { guest, generation, volume } => {
                done(host.volume_detach(guest, generation, volume).await)
            }
            Request::Parcel(order) => host.parcel(order).await.map(|facts| Reply::Parcel { facts }),
            Request::Start(order) => done(host.start(order).await),
            Request::Stop { guest, generation, how } => done(host.stop(guest, generation, how).await),
            Request::Purge { guest, generation } => done(host.purge(guest, generation).await),
            Request::ImageImport { image, upload, said } => done(host.image_import(image, upload, said).await),
            Request::ImageMaking { image } => host.image_making(image).await.map(|percent| Reply::Making { percent }),
            Request::ImageStop { image } => done(host.image_stop(image).await),
            Request::ImagePublish { image, of, logins, said } => {
                host.image_publish(image, of, logins, said).await.map(|found| Reply::Traces { found })
            }
            Request::SnapshotTraces { of } => host.snapshot_traces(of).await.map(|found| Reply::Traces { found }),
            Request::FilesRead(asked) => done(host.files_read(asked).await),
            Request::RecipeBuild { upload, recipe } => {
                let listener = host.recipe_build(upload, recipe).await.expect("begun");
                let content = frame::to_json(&Reply::Listens).expect("a reply");
                frame::aio::write(&mut stream, &content).await.expect("heard");
                let rights = [listener.as_raw_fd()];
                let rights = [ControlMessage::ScmRights(&rights)];
                sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&[0])], &rights, MsgFlags::empty(), None)
                    .expect("sent");
                continue;
            }
            Request::RecipeSeen { upload, from, wait_ms } => {
                host.recipe_seen(upload, from, wait_ms).await.map(Reply::Built)
            }
            Request::RecipeEnd { upload } => done(host.recipe_end(upload).await),
            Request::ImageRemove { image } => done(host.image_remove(image).await),
            Request::KernelAdd { kernel, upload } => done(host.kernel_add(kernel, upload).await),
            Request::KernelRemove { kernel } => done(host.kernel_remove(kernel).await),
            Request::Limit { guest, generation, limits } => done(host.limit(guest, generation, limits).await),
            Request::Pause { guest, generation, paused } => done(host.pause(guest, generation, paused).await),
            Request::DiskCopy { guest, generation, of, snapshot } => {
                done(host.disk_copy(guest, generation, of, snapshot).await)
            }
            Request::SetupPut { guest, generation, setup } => done(host.setup_put(guest, generation, *setup).await),
            Request::SysRq { guest, generation, key } => done(host.sysrq(guest, generation, key).await),
            Request::Metrics { guest, span } => host.metrics(guest, span).await.map(Reply::Series),
            Request::MemoryInside { guest } => host.memory_inside(guest).await.map(Reply::MemoryInside),
            Request::NetworkEnsure { network } => host.network_ensure(network).await.map(Reply::Network),
            Request::Networks {} => host.networks().await.map(|networks| Reply::Networks { networks }),
            Request::Traffic {} => host.traffic().await.map(|moved| Reply::Traffic { moved }),
            Request::NetworkForwards { network, forwards } => done(host.network_forwards(network, forwards).await),
            Request::NetworkRemove { network } => done(host.network_remove(network).await),
            Request::Storage {} => host.storage().await.map(Reply::Storage),
            Request::Strays {} => host.strays().await.map(|strays| Reply::Strays { strays }),
            Request::DiskAdopt { guest, generation, stray } => done(host.disk_adopt(guest, generation, stray).await),
            Request::Inventory { after, wait_ms } => host.inventory(after, wait_ms).await.map(Reply::Inventory),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(HostError::Refused(refusal)) => Reply::Refused(refusal),
            Err(error) => panic!("{error}"),
        };
        let content = frame::to_json(&reply).expect("a reply");
        if frame::aio::write(&mut stream, &content).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn every_answer_comes_through_and_a_new_life_of_the_agent_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("agent.sock");
    let agent = Agent::new(socket.clone());
    assert!(agent.facts().await.expect_err("nobody is there").is_away());

    let host = Simulated::new(Clock::System);
    let served = serve(&socket, host.clone());
    assert_eq!(agent.facts().await.expect("it is there").cores, 2);
    assert_eq!(agent.images().await.expect("it is there").len(), 2);
    let guest = GuestId(Uuid::now_v7());
    let refused = agent.stop(guest, Generation::FIRST, StopHow::Kill).await.expect_err("no such guest");
    assert!(matches!(refused, HostError::Refused(Refusal::NotRunning)), "{refused:?}");
    every_request(&agent).await;
    let moved = Moved { received: 1, sent: 2 };
    host.set_moved(guest, moved);
    assert_eq!(agent.traffic().await.expect("there"), [(guest, moved)]);
    for _ in 0..5 {
        host.set_away(false);
    }
    let version = agent.inventory(0, 0).await.expect("it is there").version;
    assert!(version > 5);

    drop(served);
    assert!(agent.inventory(version, 0).await.expect_err("it is gone").is_away());
    let _served = serve(&socket, Simulated::new(Clock::System));
    // A kept connection to the old life is no error for whoever asks.
    agent.kernels().await.expect("asked again on a new connection");
    let asked = Instant::now();
    let inventory = agent.inventory(version, 5_000).await.expect("it is there");
    assert!(inventory.version < version, "versions begin anew");
    assert!(asked.elapsed() < Duration::from_secs(2), "a new life is not waited for");
}

async fn volumes(agent: &Agent, guest: GuestId) {
    let (volume, [small, large]) =
        (VolumeId(Uuid::now_v7()), [64, 128].map(|mib| DiskSize::from_mib(mib).expect("a size")));
    agent.volume_create(volume, small).await.expect("made");
    agent.volume_grow(volume, large).await.expect("larger");
    let at = VolumeAt { volume, slot: Slot::C, access: VolumeAccess::ReadWrite, size: large };
    let not_running = |done: Result<(), HostError>| matches!(done, Err(HostError::Refused(Refusal::NotRunning)));
    assert!(not_running(agent.volume_attach(guest, Generation::FIRST, at).await));
    assert!(not_running(agent.volume_detach(guest, Generation::FIRST, volume).await));
    let there = agent.volumes().await.expect("there");
    assert_eq!(there.iter().map(|facts| (facts.volume, facts.size_bytes)).collect::<Vec<_>>(), [(volume, 128 << 20)]);
    agent.volume_remove(volume).await.expect("gone");
}

/// One call of each that the others here don't make.
fn said() -> ImageSaid {
    ImageSaid {
        title: "Mine".into(),
        description: String::new(),
        default_user: "root".into(),
        suggested_memory: Memory::DEFAULT,
        origin: umbel_guest::ImageOrigin::Imported,
        came_from: String::new(),
        tested_with: String::new(),
    }
}

async fn published(agent: &Agent, guest: GuestId, snapshot: SnapshotId) {
    let (image, kind) = ("tiny-1".parse().expect("a slug"), DiskKind::Cow);
    let of = DiskOf { guest, snapshot, image, size: DiskSize::DEFAULT, kind };
    let found = agent.snapshot_traces(of.clone()).await.expect("looked at");
    let image: ImageId = "class-1".parse().expect("a slug");
    assert_eq!(agent.image_publish(image.clone(), of, Logins::Keep, said()).await.expect("made"), found);
    assert!(agent.images().await.expect("there").iter().any(|known| known.id == image));
    agent.image_remove(image).await.expect("gone");
}

/// The socket that comes is the very one: who connects there is heard here.
async fn built(agent: &Agent) {
    let upload = UploadId(Uuid::nil());
    let listener = agent.recipe_build(upload, String::new()).await.expect("begun");
    let address = listener.local_addr().expect("bound");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
    let (came, heard) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
    assert_eq!(came.expect("connected").local_addr().expect("bound"), heard.expect("heard").1);
    let seen = agent.recipe_seen(upload, 0, 0).await.expect("seen");
    assert_eq!((seen.log.as_str(), seen.state), ("umbel: packages\n", BuildState::Done {}));
    agent.recipe_end(upload).await.expect("ended");
}

async fn every_request(agent: &Agent) {
    let (guest, network) = (GuestId(Uuid::now_v7()), NetworkId(Uuid::now_v7()));
    let (kernel, generation): (KernelId, _) = ("mine".parse().expect("a slug"), Generation::FIRST);
    agent.kernel_add(kernel.clone(), UploadId(Uuid::nil())).await.expect("taken over");
    agent.kernel_remove(kernel).await.expect("gone");
    built(agent).await;
    let image: ImageId = "mine-1".parse().expect("a slug");
    agent.image_stop(image.clone()).await.expect("nothing is made");
    assert_eq!(agent.image_making(image.clone()).await.expect("told"), None);
    agent.image_import(image.clone(), UploadId(Uuid::nil()), said()).await.expect("taken over");
    assert!(agent.images().await.expect("there").iter().any(|known| known.id == image && known.title == "Mine"));
    agent.image_remove(image).await.expect("gone");
    agent
        .disk_create(guest, generation, "tiny-1".parse().expect("a slug"), DiskSize::DEFAULT, DiskKind::Cow)
        .await
        .expect("made");
    let (taken, aside) = (SnapshotId(Uuid::now_v7()), SnapshotId(Uuid::now_v7()));
    assert!(agent.setup_put(guest, generation, crate::setup::nothing()).await.is_ok());
    assert_eq!(agent.disk(guest).await.expect("it has one").taken_bytes, 0);
    agent.snapshot_take(guest, generation, taken).await.expect("taken");
    let with = DiskSource::Snapshot { snapshot: taken };
    agent.disk_swap(guest, generation, aside, with.clone()).await.expect("swapped");
    agent.disk_swap_back(guest, generation, aside, with).await.expect("as before");
    agent.disk_copy(GuestId(Uuid::now_v7()), generation, guest, taken).await.expect("copied");
    published(agent, guest, taken).await;
    let used = agent.storage().await.expect("looked at").disks;
    assert!(used.iter().any(|disk| disk.guest == guest && disk.snapshots == [(taken, 0)]), "{used:?}");
    let (nowhere, tiny): (_, ImageId) = (UploadId(Uuid::nil()), "tiny-1".parse().expect("a slug"));
    let unknown = |done: Result<(), HostError>| matches!(done, Err(HostError::Refused(Refusal::UnknownUpload { .. })));
    let (size, kind) = (DiskSize::DEFAULT, DiskKind::Cow);
    assert!(unknown(agent.snapshot_lend(guest, taken, nowhere, tiny.clone(), size, kind).await));
    let of = FilesOf::Upload { upload: nowhere, size };
    let asked = FilesRead { of, ask: FileAsk::List, path: FilePath::default(), to: nowhere };
    assert!(unknown(agent.files_read(asked).await));
    let new = GuestId(Uuid::now_v7());
    assert!(unknown(agent.disk_upload(new, generation, nowhere, tiny, size, kind).await));
    agent.snapshot_remove(guest, taken).await.expect("gone");
    agent.limit(guest, generation, Limits::default()).await.expect("heard");
    let not_running = |done: Result<(), HostError>| matches!(done, Err(HostError::Refused(Refusal::NotRunning)));
    assert!(not_running(agent.pause(guest, generation, true).await));
    assert!(not_running(agent.sysrq(guest, generation, SysRqKey::Sync).await));
    assert!(not_running(agent.memory_inside(guest).await.map(drop)));
    volumes(agent, guest).await;
    assert_eq!(agent.metrics(None, Span::Hour).await.expect("measured").samples.len(), 720);
    assert_eq!(agent.network_ensure(network).await.expect("made").network, network);
    let forward = Forward { host_port: 20_000, to: HostNumber::new(2).expect("a number"), guest_port: 22 };
    agent.network_forwards(network, vec![forward]).await.expect("led");
    assert_eq!(agent.networks().await.expect("there")[0].forwards, [forward]);
    agent.network_remove(network).await.expect("gone");
    assert_eq!(agent.strays().await.expect("none"), []);
    let stray = agent.disk_adopt(guest, generation, "root_fs".parse().expect("a name")).await.expect_err("not there");
    assert!(matches!(stray, HostError::Refused(Refusal::UnknownStray { .. })), "{stray:?}");
    agent.purge(guest, generation).await.expect("gone");
}
