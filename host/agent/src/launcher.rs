//! `umbel-agent launch`: what happens between the agent and a guest's shim. A program of its own, so
//! that everything is done in one thread, and so that a killed agent takes nothing with it.
//!
//! Standard input is the [`LaunchOrder`], standard output takes [`LaunchReply`]s, standard error is
//! the shim's log. It joins the cgroup, enters a PID namespace and forks; the child is pid 1 there,
//! raises the other walls, gives up every right and becomes the shim.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, FcntlArg, OFlag, fcntl};
use nix::pty::{PtyMaster, grantpt, posix_openpt, unlockpt};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, Gid, Uid, chdir, dup2_stdin, dup2_stdout, execve, execveat, fork, setsid};
use serde::{Deserialize, Serialize};
use umbel_wire::launch::{CARD_CONTROL_FD, CARD_FD, LISTENER_FD, ORDER_FD, RING_FD, TERMINAL_FD};

use crate::jail::{self, Inmate, Jail, JailError};
use crate::process::start_time;
use crate::rights::{self, Before, ProcessLimits, RightsError};
use crate::walls::{WallName, Without};
use crate::{in_full, processors};

#[derive(Debug, Serialize, Deserialize)]
pub struct LaunchOrder {
    pub walls: Walls,
    pub without: Without,
    /// Files of the guest's cgroups that a process writes 0 to in order to join.
    pub cgroup: Vec<PathBuf>,
    pub network: NetworkNamespace,
    /// The owner's group, the only one of the guest's processes; `None` is the number of its uid.
    pub group: Option<u32>,
    pub jail: Jail,
    pub limits: ProcessLimits,
    /// Where the guest is to run, if not anywhere.
    pub processor: Option<usize>,
    /// `None` only tries whether the walls can be raised.
    pub shim: Option<ShimFiles>,
}

/// Where a guest's network cards look for what they are plugged into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkNamespace {
    /// A new one with nothing in it.
    #[default]
    Own,
    /// The one that this file stands for (setns(2)), of the owner's network. Needs root.
    Of(PathBuf),
}

/// The shim's program and the numbers of inherited descriptors, all above those of the contract.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShimFiles {
    /// As it is called in the jail, where there is one.
    pub program: PathBuf,
    pub listener: RawFd,
    pub ring: RawFd,
    pub order: RawFd,
    /// What the guest's card is plugged into, where that is a descriptor.
    pub card: Option<RawFd>,
    /// What must stay open beside it.
    pub card_control: Option<RawFd>,
    /// Gets `pid start-time` as soon as there is a shim; locked for as long as we are here.
    pub note: RawFd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Walls {
    /// The agent is root: own uid, and namespaces.
    Own { uid: u32 },
    /// Namespaces inside of an unprivileged user namespace.
    UserNamespace,
    /// None that needs a right; the shim ends its descendants itself.
    Bare,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaunchReply {
    Started {
        pid: i32,
        start_time: u64,
    },
    /// `wall` where it is one that could not be raised.
    Failed {
        wall: Option<WallName>,
        step: String,
        error: String,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    #[error("reading the order")]
    Order(#[source] io::Error),
    #[error("understanding the order")]
    Content(#[source] serde_json::Error),
    #[error("keeping the way back to the agent")]
    Report(#[source] nix::Error),
    #[error("answering the agent")]
    Answer(#[source] io::Error),
    #[error("a session of its own")]
    Session(#[source] nix::Error),
    #[error("opening a terminal")]
    Terminal(#[source] nix::Error),
    #[error("joining the cgroup through {0}")]
    Cgroup(PathBuf, #[source] io::Error),
    #[error("a user namespace")]
    UserNamespace(#[source] nix::Error),
    #[error("the ids of the user namespace, {0}")]
    IdMap(&'static str, #[source] io::Error),
    #[error("a {0} of its own")]
    Namespace(WallName, #[source] nix::Error),
    #[error("opening the network namespace {0}")]
    OwnersNetwork(PathBuf, #[source] io::Error),
    #[error("entering the network namespace {0}")]
    EnterNetwork(PathBuf, #[source] nix::Error),
    #[error("forking pid 1 of the namespace")]
    Fork(#[source] nix::Error),
    #[error("noting the shim's process")]
    Note(#[source] io::Error),
    #[error(transparent)]
    Jail(#[from] JailError),
    #[error("opening the shim {0}")]
    Program(PathBuf, #[source] io::Error),
    #[error("handing over descriptors")]
    Descriptors(#[source] nix::Error),
    #[error(transparent)]
    Rights(#[from] RightsError),
    #[error("entering the root directory")]
    Chdir(#[source] nix::Error),
    #[error("starting the shim {0}")]
    Exec(PathBuf, #[source] nix::Error),
}

impl LauncherError {
    /// The wall that could not be raised, if it is one.
    fn wall(&self) -> Option<WallName> {
        match self {
            Self::Cgroup(..) => Some(WallName::Cgroup),
            Self::Namespace(wall, _) => Some(*wall),
            Self::OwnersNetwork(..) | Self::EnterNetwork(..) => Some(WallName::NetworkNamespace),
            Self::Jail(JailError::Private(_) | JailError::Work(..) | JailError::Proc(_)) => {
                Some(WallName::MountNamespace)
            }
            Self::Jail(JailError::Device(..) | JailError::DeviceGroup(..)) => Some(WallName::Devices),
            Self::Jail(_) => Some(WallName::RootDirectory),
            Self::Rights(error) => Some(error.wall()),
            _ => None,
        }
    }
}

/// Only returns if there is no shim, or in the parent of the one there is.
pub fn main() -> Result<(), LauncherError> {
    // Closed by a successful execve, which is how the agent knows.
    let report = fcntl(io::stdout().as_fd(), FcntlArg::F_DUPFD_CLOEXEC(64)).map_err(LauncherError::Report)?;
    let mut report = adopt(report);
    let failed = match launch(&mut report) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let step = failed.to_string();
    let cause = std::error::Error::source(&failed).map_or_else(|| step.clone(), in_full);
    answer(&mut report, &LaunchReply::Failed { wall: failed.wall(), step, error: cause })?;
    Err(failed)
}

fn launch(report: &mut File) -> Result<(), LauncherError> {
    let mut order = Vec::new();
    io::stdin().read_to_end(&mut order).map_err(LauncherError::Order)?;
    let order: LaunchOrder = serde_json::from_slice(&order).map_err(LauncherError::Content)?;

    // Neither Ctrl-C nor a closed terminal of the agent is meant for a guest.
    setsid().map_err(LauncherError::Session)?;
    // One that it may not have: it runs wherever it may.
    let _ = order.processor.map(processors::stay_on);
    // Names that are made for the guest have the modes that they are made with.
    umask(Mode::from_bits_truncate(0o022));

    // While the cgroup doesn't forbid it yet: the jail has no device to open one with.
    let terminal = open_terminal().map_err(LauncherError::Terminal)?;

    for file in &order.cgroup {
        fs::write(file, "0").map_err(|source| LauncherError::Cgroup(file.clone(), source))?;
    }
    enter_namespaces(&order)?;

    match fork_once().map_err(LauncherError::Fork)? {
        ForkResult::Child => match become_shim(&order, &terminal) {
            // A probe that raised every wall.
            Ok(None) => std::process::exit(0),
            Ok(Some(never)) => match never {},
            Err(error) => Err(error),
        },
        ForkResult::Parent { child } => {
            let start_time = start_time(child.as_raw()).unwrap_or_default();
            if let Some(shim) = &order.shim {
                let note = adopt(shim.note);
                (&note).write_all(format!("{child} {start_time}").as_bytes()).map_err(LauncherError::Note)?;
            }
            answer(report, &LaunchReply::Started { pid: child.as_raw(), start_time })
        }
    }
}

/// One after the other, so that one that can't be had has its name.
fn enter_namespaces(order: &LaunchOrder) -> Result<(), LauncherError> {
    if order.walls == Walls::Bare {
        return Ok(());
    }
    if order.walls == Walls::UserNamespace {
        enter_user_namespace()?;
    }
    if order.without.keeps(WallName::NetworkNamespace) {
        enter_network(&order.network)?;
    }
    // The PID namespace is that of children, so that the next fork makes its pid 1.
    for (wall, flag) in [
        (WallName::IpcNamespace, CloneFlags::CLONE_NEWIPC),
        (WallName::UtsNamespace, CloneFlags::CLONE_NEWUTS),
        (WallName::PidNamespace, CloneFlags::CLONE_NEWPID),
    ] {
        if order.without.keeps(wall) {
            unshare(flag).map_err(|e| LauncherError::Namespace(wall, e))?;
        }
    }
    Ok(())
}

fn enter_network(network: &NetworkNamespace) -> Result<(), LauncherError> {
    match network {
        NetworkNamespace::Own => {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|e| LauncherError::Namespace(WallName::NetworkNamespace, e))
        }
        NetworkNamespace::Of(path) => {
            let file = File::open(path).map_err(|e| LauncherError::OwnersNetwork(path.clone(), e))?;
            setns(file, CloneFlags::CLONE_NEWNET).map_err(|e| LauncherError::EnterNetwork(path.clone(), e))
        }
    }
}

/// As pid 1 of the namespace, still with every right.
fn become_shim(order: &LaunchOrder, terminal: &PtyMaster) -> Result<Option<Infallible>, LauncherError> {
    // Opened while its name and every directory on the way to it are still ours to see.
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|source| LauncherError::Program("/dev/null".into(), source))?;
    raise_mounts(order)?;
    let Some(shim) = &order.shim else { return Ok(None) };

    // A session of its own as pid 1, without a terminal.
    setsid().map_err(LauncherError::Session)?;
    hand_over(shim, terminal, null)?;
    let open = fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&shim.program);
    let program = open.map_err(|source| LauncherError::Program(shim.program.clone(), source))?;

    let before = match order.walls {
        Walls::Own { uid } => Before::Root { uid, gid: order.group.unwrap_or(uid) },
        Walls::UserNamespace => Before::UserNamespace,
        Walls::Bare => Before::User,
    };
    rights::give_up(before, order.limits, &order.without)?;
    umask(Mode::from_bits_truncate(0o077));
    chdir("/").map_err(LauncherError::Chdir)?;

    let failed = |error| LauncherError::Exec(shim.program.clone(), error);
    let path = CString::new(shim.program.as_os_str().as_bytes()).map_err(|_| failed(nix::Error::EINVAL))?;
    let arguments = [c"umbel-shim"];
    let environment: [CString; 0] = [];
    match execve(&path, &arguments, &environment) {
        // A directory above it is closed to the guest's user: the file that is open already will do.
        Err(nix::Error::EACCES) => {
            execveat(&program, c"", &arguments, &environment, AtFlags::AT_EMPTY_PATH).map(Some).map_err(failed)
        }
        other => other.map(Some).map_err(failed),
    }
}

/// A mount namespace, and in it the jail; without one, only the guest's own tmpfs and /proc where the
/// host has them.
fn raise_mounts(order: &LaunchOrder) -> Result<(), LauncherError> {
    if order.walls == Walls::Bare || !order.without.keeps(WallName::MountNamespace) {
        return Ok(());
    }
    let inmate = inmate(order.walls, order.group, &order.without);
    unshare(CloneFlags::CLONE_NEWNS).map_err(|e| LauncherError::Namespace(WallName::MountNamespace, e))?;
    jail::keep_private()?;
    if order.without.keeps(WallName::RootDirectory) {
        return Ok(jail::enter(&order.jail, inmate)?);
    }
    jail::mount_work(&order.jail.place, order.jail.work_bytes, inmate)?;
    Ok(jail::mount_proc(Path::new("/proc"), inmate)?)
}

pub(crate) fn inmate(walls: Walls, group: Option<u32>, without: &Without) -> Inmate {
    let (uid, gid) = match walls {
        Walls::Own { uid } => (uid, group.unwrap_or(uid)),
        Walls::UserNamespace | Walls::Bare => (Uid::effective().as_raw(), Gid::effective().as_raw()),
    };
    Inmate {
        uid,
        gid,
        makes_devices: matches!(walls, Walls::Own { .. }),
        all_devices: !without.keeps(WallName::Devices),
        own_processes: without.keeps(WallName::PidNamespace),
    }
}

/// One user and one group, who are who they were outside.
pub(crate) fn enter_user_namespace() -> Result<(), LauncherError> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(LauncherError::UserNamespace)?;
    let write = |file: &'static str, text: String| {
        fs::write(Path::new("/proc/self").join(file), text).map_err(|source| LauncherError::IdMap(file, source))
    };
    // A group map needs this first (user_namespaces(7)).
    write("setgroups", "deny".into())?;
    write("uid_map", format!("{uid} {uid} 1"))?;
    write("gid_map", format!("{gid} {gid} 1"))
}

/// A terminal's master side, its other side unlocked: whoever holds it can open that too (ioctl_tty(2),
/// TIOCGPTPEER), without a name for it. Numbered above what is handed over.
fn open_terminal() -> nix::Result<PtyMaster> {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    Ok(master)
}

/// Puts every descriptor in the place of the launch contract and marks the rest to be closed.
#[expect(unsafe_code, reason = "dup2(2) and close_range(2) on descriptors of the launch contract")]
fn hand_over(shim: &ShimFiles, terminal: &PtyMaster, null: File) -> Result<(), LauncherError> {
    // It may have a number that is filled below, and must not close one of those when it goes.
    let terminal =
        fcntl(terminal, FcntlArg::F_DUPFD_CLOEXEC(CARD_CONTROL_FD + 1)).map_err(LauncherError::Descriptors)?;
    let terminal = adopt(terminal);
    dup2_stdin(&null).map_err(LauncherError::Descriptors)?;
    let log = io::stderr().as_fd().try_clone_to_owned().map_err(LauncherError::Note)?;
    dup2_stdout(&log).map_err(LauncherError::Descriptors)?;
    // Both may have the numbers that are filled next.
    drop((null, log));
    let always = [
        (shim.listener, LISTENER_FD),
        (shim.ring, RING_FD),
        (shim.order, ORDER_FD),
        (terminal.as_raw_fd(), TERMINAL_FD),
    ];
    let card = [shim.card.map(|fd| (fd, CARD_FD)), shim.card_control.map(|fd| (fd, CARD_CONTROL_FD))];
    for (from, to) in always.into_iter().chain(card.into_iter().flatten()) {
        // SAFETY: plain numbers; what `to` was is of no more use in this process.
        nix::errno::Errno::result(unsafe { libc::dup2(from, to) }).map_err(LauncherError::Descriptors)?;
    }
    // Everything behind the last, which is the card where there is one.
    let after = if shim.card.is_some() { CARD_CONTROL_FD + 1 } else { CARD_FD };
    let after = u32::try_from(after).unwrap_or_default();
    // SAFETY: only marks descriptors; those still needed are used before the execve that closes them.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, after, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    nix::errno::Errno::result(marked).map(drop).map_err(LauncherError::Descriptors)
}

fn answer(report: &mut File, reply: &LaunchReply) -> Result<(), LauncherError> {
    let mut line = serde_json::to_vec(reply).map_err(|error| LauncherError::Answer(error.into()))?;
    line.push(b'\n');
    report.write_all(&line).map_err(LauncherError::Answer)
}

#[expect(unsafe_code, reason = "fork(2)")]
fn fork_once() -> nix::Result<ForkResult> {
    // SAFETY: this process has one thread.
    unsafe { fork() }
}

#[expect(unsafe_code, reason = "taking ownership of a descriptor")]
fn adopt(fd: RawFd) -> File {
    // SAFETY: handed over by the agent or just made; nobody else here owns it.
    File::from(unsafe { OwnedFd::from_raw_fd(fd) })
}
