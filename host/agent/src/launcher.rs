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
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, FcntlArg, fcntl};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    ForkResult, Gid, Uid, chdir, dup2_stdin, dup2_stdout, execve, execveat, fork, setgroups, setresgid, setresuid,
    setsid,
};
use serde::{Deserialize, Serialize};
use umbel_wire::launch::{LISTENER_FD, ORDER_FD, RING_FD};

use crate::in_full;
use crate::process::start_time;

#[derive(Debug, Serialize, Deserialize)]
pub struct LaunchOrder {
    pub walls: Walls,
    /// Files of the guest's cgroups that a process writes 0 to in order to join.
    pub cgroup: Vec<PathBuf>,
    /// Where the guest's own tmpfs is mounted, and its size.
    pub work: PathBuf,
    pub work_bytes: u64,
    /// `None` only tries whether the walls can be raised.
    pub shim: Option<ShimFiles>,
}

/// The shim's program and the numbers of inherited descriptors, all above those of the contract.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShimFiles {
    pub program: PathBuf,
    pub listener: RawFd,
    pub ring: RawFd,
    pub order: RawFd,
    /// Gets `pid start-time` as soon as there is a shim; locked for as long as we are here.
    pub note: RawFd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Walls {
    /// Own uid and gid, and namespaces: the agent is root.
    Own { uid: u32, gid: u32 },
    /// Namespaces inside of an unprivileged user namespace.
    UserNamespace,
    /// None that needs a right; the shim ends its descendants itself.
    Bare,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaunchReply {
    Started { pid: i32, start_time: u64 },
    Failed { step: String, error: String },
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
    #[error("joining the cgroup through {0}")]
    Cgroup(PathBuf, #[source] io::Error),
    #[error("a user namespace")]
    UserNamespace(#[source] nix::Error),
    #[error("the ids of the user namespace, {0}")]
    IdMap(&'static str, #[source] io::Error),
    #[error("namespaces of its own")]
    Namespaces(#[source] nix::Error),
    #[error("forking pid 1 of the namespace")]
    Fork(#[source] nix::Error),
    #[error("noting the shim's process")]
    Note(#[source] io::Error),
    #[error("keeping mounts private")]
    Private(#[source] nix::Error),
    #[error("mounting the guest's tmpfs at {0}")]
    Work(PathBuf, #[source] nix::Error),
    #[error("mounting /proc of the namespace")]
    Proc(#[source] nix::Error),
    #[error("opening the shim {0}")]
    Program(PathBuf, #[source] io::Error),
    #[error("handing over descriptors")]
    Descriptors(#[source] nix::Error),
    #[error("forbidding core dumps")]
    CoreLimit(#[source] nix::Error),
    #[error("giving up the agent's groups and user")]
    Ids(#[source] nix::Error),
    #[error("giving up every future right")]
    NoNewPrivileges(#[source] nix::Error),
    #[error("entering the root directory")]
    Chdir(#[source] nix::Error),
    #[error("starting the shim {0}")]
    Exec(PathBuf, #[source] nix::Error),
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
    answer(&mut report, &LaunchReply::Failed { step, error: cause })?;
    Err(failed)
}

fn launch(report: &mut File) -> Result<(), LauncherError> {
    let mut order = Vec::new();
    io::stdin().read_to_end(&mut order).map_err(LauncherError::Order)?;
    let order: LaunchOrder = serde_json::from_slice(&order).map_err(LauncherError::Content)?;

    // Neither Ctrl-C nor a closed terminal of the agent is meant for a guest.
    setsid().map_err(LauncherError::Session)?;

    for file in &order.cgroup {
        fs::write(file, "0").map_err(|source| LauncherError::Cgroup(file.clone(), source))?;
    }

    // The PID namespace is that of children, so that the next fork makes its pid 1.
    let others = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    match order.walls {
        Walls::Own { .. } => unshare(others).map_err(LauncherError::Namespaces)?,
        Walls::UserNamespace => {
            enter_user_namespace()?;
            unshare(others).map_err(LauncherError::Namespaces)?;
        }
        Walls::Bare => {}
    }

    match fork_once().map_err(LauncherError::Fork)? {
        ForkResult::Child => match become_shim(&order) {
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

/// As pid 1 of the namespace, still with every right.
fn become_shim(order: &LaunchOrder) -> Result<Option<Infallible>, LauncherError> {
    if order.walls != Walls::Bare {
        raise_mounts(order)?;
    }
    let Some(shim) = &order.shim else { return Ok(None) };

    // A session of its own as pid 1, without a terminal.
    setsid().map_err(LauncherError::Session)?;
    hand_over(shim)?;

    // Opened while we may still pass every directory on the way to it.
    let open = fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&shim.program);
    let program = open.map_err(|source| LauncherError::Program(shim.program.clone(), source))?;

    // The memory of a guest in a core dump would lie about on the host.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(LauncherError::CoreLimit)?;

    // Groups first: without the user there would be no right to change them.
    if let Walls::Own { uid, gid } = order.walls {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        setgroups(&[]).map_err(LauncherError::Ids)?;
        setresgid(gid, gid, gid).map_err(LauncherError::Ids)?;
        setresuid(uid, uid, uid).map_err(LauncherError::Ids)?;
    }

    // No set-uid program gives anything back.
    prctl::set_no_new_privs().map_err(LauncherError::NoNewPrivileges)?;
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

/// A mount namespace with the guest's own tmpfs and the /proc of its PID namespace.
fn raise_mounts(order: &LaunchOrder) -> Result<(), LauncherError> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(LauncherError::Namespaces)?;

    // Nothing mounted here is seen outside.
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(LauncherError::Private)?;

    // With exec: the kernel maps its memory from there. Gone with the namespace.
    let owner = match order.walls {
        Walls::Own { uid, gid } => format!("uid={uid},gid={gid},"),
        Walls::UserNamespace | Walls::Bare => String::new(),
    };
    let options = format!("{owner}mode=0700,size={}", order.work_bytes);
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("umbel"), &order.work, Some("tmpfs"), flags, Some(options.as_str()))
        .map_err(|error| LauncherError::Work(order.work.clone(), error))?;

    // The processes of the host are nobody's business in there.
    let flags = flags | MsFlags::MS_NOEXEC;
    match (mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>), order.walls) {
        // In a container a user namespace may not see more of /proc than the container does; the old
        // one serves as well.
        (Err(nix::Error::EPERM), Walls::UserNamespace) => Ok(()),
        (mounted, _) => mounted.map_err(LauncherError::Proc),
    }
}

/// One user and one group, who are who they were outside.
fn enter_user_namespace() -> Result<(), LauncherError> {
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

/// Puts every descriptor in the place of the launch contract and marks the rest to be closed.
#[expect(unsafe_code, reason = "dup2(2) and close_range(2) on descriptors of the launch contract")]
fn hand_over(shim: &ShimFiles) -> Result<(), LauncherError> {
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|source| LauncherError::Program("/dev/null".into(), source))?;
    dup2_stdin(&null).map_err(LauncherError::Descriptors)?;
    let log = io::stderr().as_fd().try_clone_to_owned().map_err(LauncherError::Note)?;
    dup2_stdout(&log).map_err(LauncherError::Descriptors)?;
    // Both may have the numbers that are filled next.
    drop((null, log));
    for (from, to) in [(shim.listener, LISTENER_FD), (shim.ring, RING_FD), (shim.order, ORDER_FD)] {
        // SAFETY: plain numbers; what `to` was is of no more use in this process.
        nix::errno::Errno::result(unsafe { libc::dup2(from, to) }).map_err(LauncherError::Descriptors)?;
    }
    let after = u32::try_from(ORDER_FD + 1).unwrap_or_default();
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
