//! The agent's socket. Who connects is known by SO_PEERCRED: root, the agent's own user and the
//! panel's, nobody else. A connection begins with a hello; it carries one request at a time.

use std::fs;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::Uid;
use rustix::fs::{FlockOperation, flock};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use umbel_uml::xstate;
use umbel_wire::Layout;
use umbel_wire::agent::{Reply, Request, VERSION};
use umbel_wire::frame::{self, FrameError};

use crate::cgroup::Hierarchy;
use crate::processors::Processors;
use crate::state::{OpenError, PanelIds, State, Walls};
use crate::tree::{self, TreeError};
use crate::uid::{Range, UidError};
use crate::walls::Without;
use crate::{disk, image, in_full, launch, metrics, parcel, recipe, request, room, setup, volume, watch, workshop};

/// How long another agent's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("making the directory {path}")]
    Directory { path: PathBuf, source: io::Error },
    #[error("{path} is closed to guests, who run as users of their own: chmod o+x {path}, or choose another --data")]
    Closed { path: PathBuf },
    #[error("locking {path}")]
    Lock { path: PathBuf, source: io::Error },
    #[error("another agent serves the data directory {data}")]
    Taken { data: PathBuf },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Show(#[from] TreeError),
    #[error(transparent)]
    Uids(#[from] UidError),
    #[error("adopting shims whose launcher has ended")]
    Subreaper(#[source] nix::Error),
    #[error("starting the runtime")]
    Runtime(#[source] io::Error),
    #[error("listening on {path}")]
    Listen { path: PathBuf, source: io::Error },
    #[error("taking as many descriptors as there may be")]
    Descriptors(#[source] nix::Error),
    #[error("guarding the room on the disk")]
    Room(#[source] io::Error),
    #[error("starting to measure guests")]
    Metrics(#[source] io::Error),
    #[error("hearing signals")]
    Signals(#[source] io::Error),
}

pub fn run(
    layout: Layout,
    panel: PanelIds,
    without: Without,
    dns: Option<Ipv4Addr>,
    kernels: Vec<PathBuf>,
    show: &[PathBuf],
    hold_below_mib: Option<u64>,
    processors: Processors,
    build_mib: u64,
) -> Result<(), ServeError> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("UMBEL_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    make_directories(&layout)?;
    let shown = tree::shown(&layout, show)?;
    let _alone = lock(&layout, PATIENCE)?;
    // Launchers end before their shims: those come to us, and their end is ours to take off the table.
    prctl::set_child_subreaper(true).map_err(ServeError::Subreaper)?;
    let walls = walls(&layout, &without)?;
    if !without.is_empty() {
        tracing::warn!(%without, "walls are switched off: guests may break out");
    }
    let mut state = State::open(layout, panel, walls, without, kernels)?;
    state.processors = processors;
    state.builder.most_mib = build_mib;
    if let Some(dns) = dns {
        state.networks.ask_for_names(dns);
    }
    state.tree = tree::make(&state.layout, shown, state.entries().iter().all(|(_, entry)| entry.run.is_none()));
    if xstate::is_needed() {
        let library = state.layout.run().join("preload.so");
        xstate::write(&library).map_err(|source| ServeError::Directory { path: library.clone(), source })?;
        tracing::info!("this processor has more registers than kernels before 6.13 know; they are helped");
        state.preload = Some(library);
    }
    let state = Arc::new(state);
    state.kernels.sweep();
    workshop::recover(&state);
    recipe::recover(&state);
    setup::recover(&state);
    image::sweep(&state.layout);
    raise_descriptors().map_err(ServeError::Descriptors)?;
    metrics::measure(Arc::clone(&state)).map_err(ServeError::Metrics)?;
    room::guard(Arc::clone(&state), hold_below_mib).map_err(ServeError::Room)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(ServeError::Runtime)?;
    let served = runtime.block_on(serve(&state));
    // A request that is under way on a thread of its own is not waited for: all may be repeated.
    runtime.shutdown_background();
    served
}

/// Some eleven for each guest: its shim, its end, its switch, its counters. The usual soft limit is for a hundred.
fn raise_descriptors() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}

async fn serve(state: &Arc<State>) -> Result<(), ServeError> {
    watch::recover(state);
    disk::snapshot::recover(state);
    volume::recover(state);
    parcel::recover(state);
    let path = state.layout.agent_socket();
    let listener = listen(state, &path).map_err(|source| ServeError::Listen { path: path.clone(), source })?;
    let heard = |kind| signal(kind).map_err(ServeError::Signals);
    let (mut term, mut int, mut hup) =
        (heard(SignalKind::terminate())?, heard(SignalKind::interrupt())?, heard(SignalKind::hangup())?);
    // Known before somebody waits for it.
    let warm = Arc::clone(state);
    drop(tokio::task::spawn_blocking(move || warm.kernels.all()));
    tracing::info!(instance = %state.layout.instance(), profile = ?state.profile(), "the agent listens");
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(converse(Arc::clone(state), stream))),
                // Out of descriptors, for example: better soon than never.
                Err(error) => {
                    tracing::error!(cause = in_full(&error), "accepting a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hup.recv() => break,
        }
    }
    // Whoever connects now should learn at once that nobody is there.
    let _ = fs::remove_file(&path);
    tracing::info!("the agent ends; guests run on");
    Ok(())
}

async fn converse(state: Arc<State>, mut stream: UnixStream) {
    if !is_heard(&state, &stream) {
        tracing::warn!(peer = ?stream.peer_cred().ok(), "somebody who is not heard connected");
        return;
    }
    if let Err(error) = exchange(&state, &mut stream).await
        && !matches!(error, FrameError::Closed)
    {
        tracing::warn!(cause = in_full(&error), "a connection is over");
    }
}

fn is_heard(state: &State, stream: &UnixStream) -> bool {
    let Ok(peer) = stream.peer_cred() else { return false };
    [0, Uid::effective().as_raw(), state.panel.uid.as_raw()].contains(&peer.uid())
}

async fn exchange(state: &Arc<State>, stream: &mut UnixStream) -> Result<(), FrameError> {
    let mut greeted = false;
    loop {
        let content = frame::aio::read(stream).await?;
        let request: Request = frame::from_json(&content)?;
        greeted |= matches!(request, Request::Hello { version: VERSION });
        if !greeted && !matches!(request, Request::Hello { .. }) {
            return Err(FrameError::Io(io::Error::other("a request before the hello")));
        }
        let reply: Reply = request::answer(state, request).await;
        frame::aio::write(stream, &frame::to_json(&reply)?).await?;
        if reply == Reply::Listens {
            hand_over(state, stream).await?;
        }
    }
}

/// The socket of a build's loopback; without one the connection ends, and whoever asked asks again.
async fn hand_over(state: &State, stream: &UnixStream) -> Result<(), FrameError> {
    let gone = || FrameError::Io(io::Error::other("the build is over"));
    let listener = state.builder.listener().ok_or_else(gone)?;
    let rights = [listener.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&rights)];
    let send = || Ok(sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&[0])], &rights, MsgFlags::MSG_NOSIGNAL, None)?);
    stream.async_io(Interest::WRITABLE, send).await.map(drop).map_err(FrameError::Io)
}

fn listen(state: &State, path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    chown(path, None, Some(state.panel.gid.as_raw()))?;
    Ok(listener)
}

/// Directories that everything lies in. Guests and panel may pass those that hold their own.
fn make_directories(layout: &Layout) -> Result<(), ServeError> {
    let hosting = Uid::effective().is_root();
    let (open, pass) = if hosting { (0o755, 0o711) } else { (0o700, 0o700) };
    let images = layout.data().join("images");
    let kernels = layout.data().join("kernels");
    let work = layout.run().join("w");
    for (path, mode) in [
        (layout.ledger(), 0o700),
        (layout.adopt(), 0o700),
        (layout.guests(), pass),
        (layout.volumes(), 0o700),
        (images, open),
        (kernels, open),
        (layout.run().to_owned(), open),
        (layout.shim_sockets(), pass),
        (work, pass),
    ] {
        let made = fs::create_dir_all(&path);
        let made = made.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
        made.map_err(|source| ServeError::Directory { path: path.clone(), source })?;
    }
    let closed = |path: &&Path| fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o001 == 0);
    match layout.data().ancestors().chain(layout.run().ancestors()).find(closed) {
        Some(path) if hosting => Err(ServeError::Closed { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Held by the one agent of a data directory; given back with the process.
#[derive(Debug)]
pub struct Lock {
    _file: fs::File,
}

/// One agent per data directory. What an agent that was just killed had forked and not yet turned
/// into a program still holds its lock: that takes moments, and is waited for so long.
pub fn lock(layout: &Layout, patience: Duration) -> Result<Lock, ServeError> {
    let path = layout.ledger().join("lock");
    let failed = |source| ServeError::Lock { path: path.clone(), source };
    fs::create_dir_all(layout.ledger()).map_err(failed)?;
    fs::set_permissions(layout.ledger(), fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let file = fs::File::options().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    let until = Instant::now() + patience;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(ServeError::Taken { data: layout.data().to_owned() }),
            Err(error) => return Err(failed(error.into())),
        }
    }
}

/// As root every wall, or the reason why there will be no guest; as an ordinary user what there is.
pub fn walls(layout: &Layout, without: &Without) -> Result<Walls, ServeError> {
    if Uid::effective().is_root() {
        let range = Range::claim(layout.data(), layout.instance().as_str())?;
        let cgroups = Hierarchy::prepare(layout.instance()).map_err(|error| in_full(&error));
        return Ok(Walls::Hosting { range, cgroups });
    }
    Ok(Walls::Personal { namespaces: launch::try_namespaces(&layout.run().join("w").join("probe"), without) })
}
