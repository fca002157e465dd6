//! `umbel-agent build`: what stands between the agent and a recipe's programs. Four processes, each for what the next may
//! not do itself:
//!
//! | | who it is | what it does |
//! |---|---|---|
//! | the program | root | waits |
//! | the watcher, pid 1 of a namespace | root | says who is who in the jail; ends, and with it everything, when the agent lets go of its other end, and when it takes too long or too much |
//! | the door | root, then root of the jail only | raises the walls, sends the agent the socket of the jail's loopback |
//! | the host of the jail, pid 1 of another namespace | root of the jail, with few rights | runs the recipe, buries orphans |

use std::fmt;
use std::fs::{self, File};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, dup2_stdin, fork, setgroups, sethostname, setresgid, setresuid, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};
use serde::{Deserialize, Serialize};
use umbel_recipe::build;
use umbel_wire::frame::{self, FrameError};

use super::{measure, room};
use crate::in_full;
use crate::jail::JailError;

/// How often the watcher looks.
const LOOK: Duration = Duration::from_millis(500);
/// How often it counts what was written.
const COUNT: Duration = Duration::from_secs(3);
const FILES: u64 = 4096;
/// What installing packages takes, and no more: nothing of networks, of other processes, of the machine.
const KEPT: [CapabilitySet; 13] = [
    CapabilitySet::CHOWN,
    CapabilitySet::DAC_OVERRIDE,
    CapabilitySet::DAC_READ_SEARCH,
    CapabilitySet::FOWNER,
    CapabilitySet::FSETID,
    CapabilitySet::KILL,
    CapabilitySet::SETGID,
    CapabilitySet::SETUID,
    CapabilitySet::SETPCAP,
    CapabilitySet::SETFCAP,
    CapabilitySet::SYS_CHROOT,
    // For mounts in its own mount namespace.
    CapabilitySet::SYS_ADMIN,
    CapabilitySet::MKNOD,
];

#[derive(Debug, Serialize, Deserialize)]
pub struct BuildOrder {
    /// An empty directory: the mount point of the root.
    pub place: PathBuf,
    pub work: PathBuf,
    /// Files that a process writes 0 to in order to join the cgroup.
    pub cgroup: Vec<PathBuf>,
    /// The first of the ids, and how many there are. The last is nobody's.
    pub ids: [u32; 2],
    pub most_bytes: u64,
    pub seconds: u64,
}

/// How it ended, where that is not the recipe's own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Walls,
    TooMuch,
    TooLong,
    NoRoom,
    LetGo,
}

impl Ending {
    const ALL: [(Self, i32); 5] =
        [(Self::Walls, 120), (Self::TooMuch, 121), (Self::TooLong, 122), (Self::NoRoom, 123), (Self::LetGo, 124)];

    pub fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, its)| *its == code).map(|(ending, _)| ending)
    }

    fn code(self) -> i32 {
        Self::ALL.into_iter().find(|(ending, _)| *ending == self).map_or(1, |(_, code)| code)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Walls => "its walls could not be raised",
            Self::TooMuch => "it writes more than a build may",
            Self::TooLong => "it takes longer than a build may",
            Self::NoRoom => "less than 10 % of the host's disk is free",
            Self::LetGo => "it was ended",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("reading the order")]
    Order(#[source] FrameError),
    #[error("{0}")]
    Step(&'static str, #[source] io::Error),
    #[error("joining the cgroup through {0}")]
    Cgroup(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Room(#[from] JailError),
}

/// A step by its name.
fn at<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> BuildError {
    move |error| BuildError::Step(step, error.into())
}

/// The status that the program ends with.
pub fn main() -> i32 {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("umbel: {}", in_full(&error));
            Ending::Walls.code()
        }
    }
}

fn run() -> Result<i32, BuildError> {
    let mut agent = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().map_err(at("keeping the agent's end"))?);
    let null = File::open("/dev/null").map_err(at("opening /dev/null"))?;
    dup2_stdin(&null).map_err(at("closing the input"))?;
    let order: BuildOrder =
        frame::read(&mut agent).and_then(|order| frame::from_json(&order)).map_err(BuildError::Order)?;
    setsid().map_err(at("a session of its own"))?;
    umask(Mode::from_bits_truncate(0o022));
    unshare(CloneFlags::CLONE_NEWPID).map_err(at("a pid namespace"))?;
    match fork_once().map_err(at("forking the watcher"))? {
        ForkResult::Parent { child } => {
            drop(agent);
            wait(child)
        }
        ForkResult::Child => std::process::exit(said(watch(&order, &agent))),
    }
}

fn said(done: Result<i32, BuildError>) -> i32 {
    done.unwrap_or_else(|error| {
        eprintln!("umbel: {}", in_full(&error));
        Ending::Walls.code()
    })
}

fn wait(child: Pid) -> Result<i32, BuildError> {
    loop {
        match waitpid(child, None) {
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(at("waiting")(error)),
            Ok(status) => {
                if let Some(code) = code_of(status) {
                    return Ok(code);
                }
            }
        }
    }
}

fn code_of(status: WaitStatus) -> Option<i32> {
    match status {
        WaitStatus::Exited(_, code) => Some(code),
        // As a shell has it.
        WaitStatus::Signaled(_, signal, _) => Some(128 + signal as i32),
        _ => None,
    }
}

/// As pid 1: what is in here ends with it.
fn watch(order: &BuildOrder, agent: &UnixStream) -> Result<i32, BuildError> {
    // Whoever waits for it may be killed alone.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(at("ending with the agent"))?;
    let (mut ours, theirs) = UnixStream::pair().map_err(at("a pair of sockets"))?;
    let door = match fork_once().map_err(at("forking the door"))? {
        ForkResult::Child => {
            drop(ours);
            std::process::exit(said(door(order, agent, theirs)));
        }
        ForkResult::Parent { child } => child,
    };
    drop(theirs);
    let mut number = [0; 4];
    // If it failed, it has said why.
    if ours.read_exact(&mut number).is_ok() {
        let process = PathBuf::from(format!("/proc/{}", u32::from_le_bytes(number)));
        let map = ids(order.ids);
        for name in ["uid_map", "gid_map"] {
            fs::write(process.join(name), &map).map_err(at("giving the jail its ids"))?;
        }
        ours.write_all(&[0]).map_err(at("telling the door"))?;
    }
    let begun = Instant::now();
    let mut counted = begun;
    loop {
        let mut agents = [PollFd::new(agent.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::MAX);
        match poll(&mut agents, patience) {
            Ok(0) | Err(nix::Error::EINTR) => {}
            // It says nothing but that it is gone.
            Ok(_) => return Ok(Ending::LetGo.code()),
            Err(error) => return Err(at("watching the agent")(error)),
        }
        if let Ok(status) = waitpid(door, Some(WaitPidFlag::WNOHANG))
            && let Some(code) = code_of(status)
        {
            return Ok(code);
        }
        if let Some(ending) = too_far(order, begun, &mut counted)? {
            return Ok(ending.code());
        }
    }
}

fn too_far(order: &BuildOrder, begun: Instant, counted: &mut Instant) -> Result<Option<Ending>, BuildError> {
    if begun.elapsed().as_secs() > order.seconds {
        return Ok(Some(Ending::TooLong));
    }
    if !measure::has_room(&order.work).map_err(at("asking for the room left"))? {
        return Ok(Some(Ending::NoRoom));
    }
    if counted.elapsed() < COUNT {
        return Ok(None);
    }
    let taken = measure::taken(&order.work).map_err(at("counting what is written"))?;
    *counted = Instant::now();
    Ok((taken.is_none_or(|taken| taken.bytes > order.most_bytes)).then_some(Ending::TooMuch))
}

/// Of user_namespaces(7): who has a number in there, and who that is outside.
fn ids([first, count]: [u32; 2]) -> String {
    let last = count - 1;
    format!("0 {first} {last}\n65534 {} 1\n", first + last)
}

fn door(order: &BuildOrder, agent: &UnixStream, mut watcher: UnixStream) -> Result<i32, BuildError> {
    // As it is called outside: /proc is still the host's.
    let own = fs::read_link("/proc/self").map_err(at("finding its own number"))?;
    let own: u32 = own.to_str().and_then(|own| own.parse().ok()).unwrap_or_default();
    for file in &order.cgroup {
        fs::write(file, "0").map_err(|source| BuildError::Cgroup(file.clone(), source))?;
    }
    unshare(CloneFlags::CLONE_NEWNS).map_err(at("a mount namespace"))?;
    room::enter(&order.place, &order.work, order.ids[0])?;
    // Mounts that come along into this one are locked (mount_namespaces(7)).
    let all = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(all).map_err(at("a user namespace and what belongs to it"))?;
    watcher.write_all(&own.to_le_bytes()).map_err(at("asking for ids"))?;
    watcher.read_exact(&mut [0]).map_err(at("waiting for ids"))?;
    setgroups(&[]).map_err(at("having no groups"))?;
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid).map_err(at("becoming the jail's group"))?;
    setresuid(uid, uid, uid).map_err(at("becoming the jail's root"))?;
    sethostname("build").map_err(at("naming the jail"))?;
    // Whoever could make another would have all rights in it again.
    for kind in ["user", "net", "ipc", "uts", "cgroup", "pid"] {
        fs::write(format!("/proc/sys/user/max_{kind}_namespaces"), "0").map_err(at("forbidding namespaces"))?;
    }
    loopback_up().map_err(at("setting up the loopback"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, build::PORT)).map_err(at("listening on the loopback"))?;
    let rights = [listener.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(agent.as_raw_fd(), &[IoSlice::new(&[0])], &rights, MsgFlags::empty(), None)
        .map_err(at("sending the listener"))?;
    drop((listener, watcher));
    close_all().map_err(at("closing what is not the jail's"))?;
    match fork_once().map_err(at("forking the host of the jail"))? {
        ForkResult::Child => std::process::exit(said(host())),
        ForkResult::Parent { child } => wait(child),
    }
}

/// As pid 1 of the jail.
fn host() -> Result<i32, BuildError> {
    room::mount_proc(Path::new("/proc"))?;
    give_up().map_err(at("giving up rights"))?;
    for (what, most) in [(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_NOFILE, FILES), (Resource::RLIMIT_MEMLOCK, 0)] {
        let (_, have) = nix::sys::resource::getrlimit(what).map_err(at("asking for limits"))?;
        setrlimit(what, most.min(have), most.min(have)).map_err(at("setting limits"))?;
    }
    let environment = [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/work"),
        ("TMPDIR", "/tmp"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ];
    let mut command = Command::new("/bin/sh");
    command.args(["-eu", build::SCRIPT]).env_clear().envs(environment).current_dir("/work");
    let first = command.spawn().map_err(at("starting the recipe"))?;
    let first = Pid::from_raw(first.id().cast_signed());
    loop {
        match waitpid(None, None) {
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(at("waiting for the recipe")(error)),
            Ok(status) if status.pid() == Some(first) => {
                if let Some(code) = code_of(status) {
                    // What the watcher says is told apart from what programs say.
                    return Ok(if Ending::of(code).is_some() { 1 } else { code });
                }
            }
            Ok(_) => {}
        }
    }
}

fn give_up() -> io::Result<()> {
    let kept = KEPT.into_iter().fold(CapabilitySet::empty(), CapabilitySet::union);
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            // There are no more.
            Err(rustix::io::Errno::INVAL) => break,
            done => done?,
        }
    }
    clear_ambient_capability_set()?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)?;
    Ok(set_no_new_privs(true)?)
}

/// netdevice(7); a new network namespace has one card, and that is down.
#[expect(unsafe_code, reason = "SIOCSIFFLAGS, which no crate wraps")]
fn loopback_up() -> io::Result<()> {
    let mut name = [0; libc::IFNAMSIZ];
    for (to, byte) in name.iter_mut().zip(b"lo") {
        *to = byte.cast_signed();
    }
    let flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
    let request = libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    // SAFETY: the request lives through the call, which only reads it.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    nix::errno::Errno::result(done)?;
    Ok(())
}

/// But for output and input.
#[expect(unsafe_code, reason = "close_range(2)")]
fn close_all() -> io::Result<()> {
    // SAFETY: nothing that is open above is used after this.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    nix::errno::Errno::result(closed)?;
    Ok(())
}

#[expect(unsafe_code, reason = "fork(2)")]
fn fork_once() -> nix::Result<ForkResult> {
    // SAFETY: this process has one thread.
    unsafe { fork() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_in_there_is_anybody_outside() {
        assert_eq!(ids([1_600_061_439, 4096]), "0 1600061439 4095\n65534 1600065534 1\n");
    }

    #[test]
    fn every_ending_is_known_by_its_code() {
        for (ending, code) in Ending::ALL {
            assert_eq!((Ending::of(code), ending.code()), (Some(ending), code));
        }
        assert_eq!(Ending::of(1), None);
    }
}
