//! Taking over what the agent's launcher left behind, and starting the kernel on a terminal of its own.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::Winsize;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpid, setsid};
use umbel_uml::management::Notices;
use umbel_uml::{BadInterface, BadPath, Card, CommandLine, Disk, Link, Place, RootDisk, Source, Told, xstate};
use umbel_wire::launch::{CARD_CONTROL_FD, CARD_FD, LISTENER_FD, ORDER_FD, RING_FD, ShimOrder, TERMINAL_FD, Task};
use umbel_wire::ring::{RingError, RingWriter};
use umbel_wire::{frame, launch};

use crate::landlock::{self, LandlockError};
use crate::seccomp::{Filters, SeccompError};

#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("descriptor {0} was not handed over")]
    Descriptor(RawFd, #[source] nix::Error),
    #[error("reading the order")]
    Order(#[source] io::Error),
    #[error("understanding the order")]
    OrderContent(#[source] frame::FrameError),
    #[error("hiding from other processes of the same uid")]
    Dumpable(#[source] nix::Error),
    #[error("forbidding core dumps")]
    CoreLimit(#[source] nix::Error),
    #[error("adopting the processes of the guest")]
    Subreaper(#[source] nix::Error),
    #[error("opening the console ring")]
    Ring(#[source] RingError),
    #[error("opening a terminal")]
    Terminal(#[source] nix::Error),
    #[error("keeping the terminal")]
    TerminalKept(#[source] io::Error),
    #[error("listening for the kernel's notices")]
    Notices(#[source] io::Error),
    #[error(transparent)]
    Path(#[from] BadPath),
    #[error(transparent)]
    Interface(#[from] BadInterface),
    #[error("starting the kernel {path}")]
    Kernel { path: String, source: io::Error },
    #[error(transparent)]
    Landlock(#[from] LandlockError),
    #[error(transparent)]
    Seccomp(#[from] SeccompError),
    #[error("waiting for something to happen")]
    Poll(#[source] nix::Error),
}

/// Everything that the shim was started with.
#[derive(Debug)]
pub struct Outfit {
    pub order: ShimOrder,
    pub listener: UnixListener,
    pub ring: RingWriter,
    /// The master side of the kernel's terminal.
    pub terminal: OwnedFd,
    /// What the guest's card is plugged into, open for the kernel, and what the agent keeps its port of the
    /// switch with. Both stay under their numbers: the agent finds them there.
    pub cable: Option<(OwnedFd, OwnedFd)>,
}

/// Whether we are pid 1 of a PID namespace: then the kernel ends everything with us.
pub fn is_init() -> bool {
    getpid().as_raw() == 1
}

pub fn take_over() -> Result<Outfit, LaunchError> {
    // The kernel process shares our uid; without this it could attach to us with ptrace(2).
    prctl::set_dumpable(false).map_err(LaunchError::Dumpable)?;

    // A panic is abort(): a core would hold all of the guest's memory.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(LaunchError::CoreLimit)?;

    // Outside of a PID namespace orphans of the guest must come to us to be ended.
    if !is_init() {
        prctl::set_child_subreaper(true).map_err(LaunchError::Subreaper)?;
    }

    let mut order = String::new();
    File::from(inherited(ORDER_FD)?).read_to_string(&mut order).map_err(LaunchError::Order)?;
    let order: ShimOrder = frame::from_json(order.as_bytes()).map_err(LaunchError::OrderContent)?;
    let ring = File::from(inherited(RING_FD)?);
    let ring = RingWriter::begin(&ring, order.generation).map_err(LaunchError::Ring)?;
    let listener = UnixListener::from(inherited(LISTENER_FD)?);
    let terminal = inherited(TERMINAL_FD)?;
    let switched = order.card.as_ref().is_some_and(|card| card.link == launch::Link::Switch);
    let cable = switched.then(cable).transpose()?;
    Ok(Outfit { order, listener, ring, terminal, cable })
}

/// The first is the kernel's, who finds it by its number.
fn cable() -> Result<(OwnedFd, OwnedFd), LaunchError> {
    let card = inherited(CARD_FD)?;
    fcntl(&card, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|e| LaunchError::Descriptor(CARD_FD, e))?;
    Ok((card, inherited(CARD_CONTROL_FD)?))
}

/// A descriptor that the launcher put in place, closed for the programs that we start.
#[expect(unsafe_code, reason = "taking ownership of inherited descriptors")]
fn inherited(fd: RawFd) -> Result<OwnedFd, LaunchError> {
    // SAFETY: called once for each descriptor of the launch contract, before any other is opened;
    // a missing one is found by fcntl below and never used.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(|e| LaunchError::Descriptor(fd.as_raw_fd(), e))?;
    Ok(fd)
}

/// A running kernel and the terminal that it talks on.
#[derive(Debug)]
pub struct Kernel {
    pub child: Child,
    pub master: OwnedFd,
    /// Kept open so that the master never hangs up: the end is learnt from the process.
    _slave: OwnedFd,
    pub notices: Notices,
    pub line: CommandLine,
}

/// Starts the kernel. All signals are blocked in us and must be unblocked in it.
pub fn boot(order: &ShimOrder, terminal: BorrowedFd<'_>) -> Result<Kernel, LaunchError> {
    let line = CommandLine {
        memory: order.memory,
        mode: order.mode,
        setup: order.setup.clone(),
        clock: order.clock,
        boot: order.boot,
        root_disk: match &order.root_disk {
            launch::RootDisk::Cow { child, base } => RootDisk::Cow { child: child.clone(), base: base.clone() },
            launch::RootDisk::Plain { file } => RootDisk::Plain { file: file.clone() },
            launch::RootDisk::Tree { root } => RootDisk::Tree { root: root.clone() },
            launch::RootDisk::Tools { initrd, from, to, task } => {
                RootDisk::Tools { initrd: initrd.clone(), from: source(from), to: to.clone(), told: told(*task) }
            }
        },
        disks: order.volumes.as_ref().map(disks).transpose()?.unwrap_or_default(),
        hostname: order.name.clone(),
        card: order.card.as_ref().map(card).transpose()?,
        uml_dir: order.work.join("uml"),
        notify: order.work.join("notify"),
    };
    let arguments = line.arguments()?;
    let notices = Notices::bind(&line.notify).map_err(LaunchError::Notices)?;

    let master = terminal.try_clone_to_owned().map_err(LaunchError::TerminalKept)?;
    let slave = other_side(&master).map_err(LaunchError::Terminal)?;
    fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(LaunchError::Terminal)?;
    let end = || slave.as_fd().try_clone_to_owned().map(Stdio::from);

    // The terminal is open: nothing is opened from here on but what the kernel and we have in the jail.
    if order.filters.landlock {
        landlock::restrict(order)?;
    }
    let filters = order.filters.seccomp.then(|| Filters::new(order.mode)).transpose()?;

    let mut command = Command::new(&order.kernel);
    let failed = |source| LaunchError::Kernel { path: order.kernel.display().to_string(), source };
    command.arg0("linux").args(arguments).env_clear().current_dir(&order.work);
    command.env("TMPDIR", &order.work).env("HOME", &order.work).env("TERM", "linux");
    command.envs(order.preload.as_ref().map(|library| (xstate::VARIABLE, library)));
    command.stdin(end().map_err(failed)?).stdout(end().map_err(failed)?).stderr(end().map_err(failed)?);
    in_its_own_session(&mut command, filters);
    let child = command.spawn().map_err(failed)?;
    Ok(Kernel { child, master, _slave: slave, notices, line })
}

/// What the first program of a root with tools finds in its environment.
fn told(task: Task) -> Vec<(&'static str, Told)> {
    match task {
        Task::Unpack { packing, bytes } => vec![
            ("TASK", Told::Word("unpack")),
            ("PACKING", Told::Word(packing.name())),
            ("BYTES", Told::Number(bytes)),
        ],
        Task::Convert => vec![("TASK", Told::Word("convert"))],
        Task::Grow => vec![("TASK", Told::Word("grow"))],
        Task::Traces => vec![("TASK", Told::Word("traces"))],
        Task::Files { ask, most } => {
            vec![("TASK", Told::Word("files")), ("ASK", Told::Word(ask.word())), ("MOST", Told::Number(most))]
        }
        Task::Publish { logins } => vec![("TASK", Told::Word("publish")), ("LOGINS", Told::Word(logins.name()))],
    }
}

fn source(from: &launch::Source) -> Source {
    match from.clone() {
        launch::Source::File { file } => Source::File { file },
        launch::Source::Plain { file } => Source::Plain { file },
        launch::Source::Cow { child, base } => Source::Cow { child, base },
    }
}

nix::ioctl_write_int_bad!(open_other_side, libc::TIOCGPTPEER);
nix::ioctl_write_ptr_bad!(set_window_size, libc::TIOCSWINSZ, Winsize);

/// The side of the terminal that the kernel has, opened without a name: the jail has no device for it
/// (ioctl_tty(2), TIOCGPTPEER). It begins with a size that every program can live with.
#[expect(unsafe_code, reason = "two ioctls, and taking ownership of what one opened")]
fn other_side(master: &OwnedFd) -> nix::Result<OwnedFd> {
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the master is open and `size` lives through the call, which only reads it.
    unsafe { set_window_size(master.as_raw_fd(), &raw const size) }?;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the master is open; the call takes a number.
    let slave = unsafe { open_other_side(master.as_raw_fd(), flags) }?;
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(slave) })
}

fn disks(volumes: &launch::Volumes) -> Result<Vec<Disk>, BadPath> {
    volumes
        .disks
        .iter()
        .map(|disk| Disk::new(Place::Volume(disk.slot), &disk.file(&volumes.place), disk.access))
        .collect()
}

fn card(card: &launch::Card) -> Result<Card, LaunchError> {
    let link = match &card.link {
        launch::Link::Tap { name, driver: launch::Driver::Vector } => Link::Tap(name.parse()?),
        launch::Link::Tap { name, driver: launch::Driver::Legacy } => Link::LegacyTap(name.parse()?),
        launch::Link::Switch => Link::Datagram(CARD_FD),
    };
    Ok(Card { link, mac: card.mac, address: card.address, gateway: card.gateway })
}

/// A session without controlling terminal, so that no key on the console is a signal, and no blocked
/// signals. Without a PID namespace it dies with us besides. System calls are filtered for it alone: we start
/// it, and it can neither attach to us nor write to our memory.
#[expect(unsafe_code, reason = "code between fork(2) and execve(2)")]
fn in_its_own_session(command: &mut Command, filters: Option<Filters>) {
    let dies_with_us = !is_init();
    let prepare = move || {
        setsid()?;
        SigSet::empty().thread_set_mask()?;
        if dies_with_us {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
        }
        if let Some(filters) = &filters {
            filters.apply().map_err(io::Error::other)?;
        }
        Ok(())
    };
    // SAFETY: only async-signal-safe system calls (signal-safety(7)) and no allocation.
    unsafe { command.pre_exec(prepare) };
}
