//! The agent's client over a real socket, against a simulated host that speaks the real protocol.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use umbel_guest::{Generation, GuestId, InstanceId};
use umbel_server::clock::Clock;
use umbel_server::host::{Agent, Host, HostError, Simulated};
use umbel_wire::agent::{Profile, Refusal, Reply, Request, StopHow, VERSION};
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
            Request::Kernels {} => host.kernels().await.map(|kernels| Reply::Kernels { kernels }),
            Request::Images {} => host.images().await.map(|images| Reply::Images { images }),
            Request::ImagePrepare { image } => host.image_prepare(image).await.map(Reply::Image),
            Request::DiskCreate { guest, generation, image, size, kind } => {
                done(host.disk_create(guest, generation, image, size, kind).await)
            }
            Request::Start(order) => done(host.start(order).await),
            Request::Stop { guest, generation, how } => done(host.stop(guest, generation, how).await),
            Request::Purge { guest, generation } => done(host.purge(guest, generation).await),
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
    assert_eq!(agent.images().await.expect("it is there").len(), 1);
    let guest = GuestId(Uuid::now_v7());
    let refused = agent.stop(guest, Generation::FIRST, StopHow::Kill).await.expect_err("no such guest");
    assert!(matches!(refused, HostError::Refused(Refusal::NotRunning)), "{refused:?}");
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
