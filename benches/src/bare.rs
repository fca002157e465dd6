//! The same kernel by hand: the program and the command line of a guest that runs, with a disk and
//! directories of its own, on a bare terminal.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use umbel_guest::KernelMode;

use crate::Failure;
use crate::machine::Process;

/// A terminal that held so much may have been full.
const FULL: usize = 512;
/// The most that is read at once.
const DRAIN: usize = 256 * 1024;

/// How a guest was started.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    program: PathBuf,
    /// Loaded before its C library, as by the agent.
    preload: Option<PathBuf>,
    arguments: Vec<String>,
    scratch: PathBuf,
    /// The network namespace that it is started in, where that is another (ip-netns(8)).
    namespace: Option<String>,
}

impl Recipe {
    /// Reads it off a kernel that runs.
    pub(crate) fn of(kernel: &Process, scratch: PathBuf) -> Result<Self, Failure> {
        let program = kernel.outside("/linux").ok_or("the kernel has no program")?;
        let mut arguments = kernel.arguments();
        if arguments.len() < 2 {
            return Err(format!("the command line of a kernel can't be read: {arguments:?}").into());
        }
        arguments.remove(0);
        if let Some(base) = kernel.outside("/base") {
            for argument in arguments.iter_mut().filter(|argument| argument.starts_with("ubd0=")) {
                *argument = argument.replace(",/base", &format!(",{}", base.display()));
            }
        }
        let preload = kernel.outside("/preload.so");
        Ok(Self { program, preload, arguments, scratch, namespace: None })
    }

    /// The same guest with another kernel.
    pub(crate) fn with_kernel(&self, program: &std::path::Path, mode: KernelMode) -> Self {
        let mut arguments = self.arguments.clone();
        arguments.retain(|argument| argument != "seccomp=on");
        if mode == KernelMode::Fast {
            arguments.push("seccomp=on".into());
        }
        Self { program: program.to_owned(), arguments, ..self.clone() }
    }

    /// The same guest with its card on another tap, in the network namespace of this name.
    pub(crate) fn plugged(&self, namespace: &str, tap: &str, address: &str, gateway: &str) -> Self {
        let other = |argument: &String| match argument.split_once('=') {
            Some(("vec0:transport", card)) => {
                let part = |part: &str| if part.starts_with("ifname=") { format!("ifname={tap}") } else { part.into() };
                let parts: Vec<String> = card.split(',').map(part).collect();
                format!("vec0:transport={}", parts.join(","))
            }
            Some(("eth0", card)) => {
                format!("eth0=tuntap,{tap},{}", card.rsplit(',').next().unwrap_or_default())
            }
            // <client>:<server>:<gateway>:<mask>:… (kernel: admin-guide/nfs/nfsroot).
            Some(("ip", place)) => {
                let rest: Vec<&str> = place.split(':').skip(3).collect();
                format!("ip={address}::{gateway}:{}", rest.join(":"))
            }
            _ => argument.clone(),
        };
        let namespace = Some(namespace.to_owned());
        Self { arguments: self.arguments.iter().map(other).collect(), namespace, ..self.clone() }
    }

    /// Of the guest's card.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        self.arguments.iter().find_map(|argument| argument.strip_prefix("ip=")?.split(':').next()?.parse().ok())
    }

    /// The same arguments with a disk and directories in `place`.
    fn arguments_in(&self, place: &std::path::Path) -> Vec<String> {
        let place = place.display();
        let other = |argument: &String| {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            match (key, value.split_once(',')) {
                ("ubd0", Some((_, base))) => format!("ubd0={place}/disk,{base}"),
                ("uml_dir", _) => format!("uml_dir={place}"),
                ("mconsole", _) => format!("mconsole=notify:{place}/notify"),
                _ => argument.clone(),
            }
        };
        self.arguments.iter().map(other).collect()
    }

    pub(crate) fn boot(&self) -> Result<Bare, Failure> {
        let place = tempfile::Builder::new().prefix("bare-").tempdir_in(&self.scratch)?;
        let notify = UnixDatagram::bind(place.path().join("notify"))?;
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None)?;
        fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        fcntl(&terminal.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut command = match &self.namespace {
            // It becomes the kernel, so the process stays the same.
            Some(namespace) => {
                let mut command = Command::new("/usr/bin/nsenter");
                command.arg(format!("--net=/run/netns/{namespace}")).arg("--").arg(&self.program);
                command
            }
            None => {
                let mut command = Command::new(&self.program);
                command.arg0("linux");
                command
            }
        };
        command.args(self.arguments_in(place.path())).env_clear().env("TERM", "linux");
        // Memory where the agent puts it too: in a tmpfs.
        command.env("TMPDIR", "/dev/shm").env("HOME", place.path()).process_group(0);
        command.envs(self.preload.as_ref().map(|library| ("LD_PRELOAD", library)));
        let end = || terminal.slave.try_clone().map(Stdio::from);
        let kernel = command.stdin(end()?).stdout(end()?).stderr(end()?).spawn()?;
        Ok(Bare {
            kernel,
            terminal: File::from(terminal.master),
            unread: Vec::new(),
            has_booted: false,
            _notify: notify,
            place,
        })
    }
}

/// A kernel on a bare terminal; dropped, every process of it ends.
#[derive(Debug)]
pub(crate) struct Bare {
    kernel: Child,
    terminal: File,
    unread: Vec<u8>,
    /// Something that was waited for has come, so signals no longer end it.
    has_booted: bool,
    _notify: UnixDatagram,
    place: TempDir,
}

impl Bare {
    /// Reads until `text` has come; how many bytes that were.
    pub(crate) fn until(&mut self, text: &str, patience: Duration) -> Result<usize, Failure> {
        let end = Instant::now() + patience;
        let wanted = text.as_bytes();
        // Bytes that are read and can't be part of the text any more are only counted.
        let mut gone = 0;
        loop {
            if let Some(at) = self.unread.windows(wanted.len()).position(|window| window == wanted) {
                self.unread.drain(..at + wanted.len());
                self.has_booted = true;
                return Ok(gone + at + wanted.len());
            }
            let settled = self.unread.len().saturating_sub(wanted.len());
            gone += settled;
            self.unread.drain(..settled);
            let bytes = self.read(end).map_err(|error| format!("waiting for {text:?}: {error}"))?;
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// The same, and what came; for words, not for floods.
    pub(crate) fn said_until(&mut self, text: &str, patience: Duration) -> Result<String, Failure> {
        let end = Instant::now() + patience;
        let wanted = text.as_bytes();
        loop {
            if let Some(at) = self.unread.windows(wanted.len()).position(|window| window == wanted) {
                let said: Vec<u8> = self.unread.drain(..at + wanted.len()).collect();
                return Ok(String::from_utf8_lossy(&said).into_owned());
            }
            let bytes = self.read(end).map_err(|error| {
                let tail = String::from_utf8_lossy(&self.unread);
                format!("waiting for {text:?}: {error}; it said {tail:?}")
            })?;
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// Whatever comes next from the terminal.
    pub(crate) fn read(&mut self, end: Instant) -> Result<Vec<u8>, Failure> {
        let left = end.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, left)? == 0 {
            return Err("nothing came in time".into());
        }
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        while bytes.len() < DRAIN {
            match self.terminal.read(&mut buffer) {
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if self.has_booted && bytes.len() >= FULL {
            // On a bare terminal a flood stops for ever otherwise, see the shim's say_there_is_room.
            kill(Pid::from_raw(self.kernel.id().cast_signed()), Signal::SIGIO)?;
        }
        Ok(bytes)
    }

    /// Processor time of the kernel and all that it started, by the one directory that they all name.
    pub(crate) fn processor(&self) -> Result<Duration, Failure> {
        Ok(self.processes()?.iter().map(Process::processor).sum())
    }

    fn processes(&self) -> Result<Vec<Process>, Failure> {
        let place = self.place.path().display().to_string();
        let all = Process::all()?.into_iter();
        Ok(all.filter(|p| p.arguments().iter().any(|argument| argument.contains(&place))).collect())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.terminal.write_all(bytes)?)
    }
}

impl Bare {
    /// Ends all of them: one look at the processes of the machine for all, not one for each.
    pub(crate) fn end_all(bares: Vec<Self>) {
        let places: Vec<String> = bares.iter().map(|bare| bare.place.path().display().to_string()).collect();
        kill_all(&places);
        drop(bares);
    }
}

/// Kills every process whose command line names one of the places; how many those were.
fn kill_all(places: &[String]) -> usize {
    let names = |argument: &String| places.iter().any(|place| argument.contains(place));
    let ours = Process::all().unwrap_or_default().into_iter().filter(|p| p.arguments().iter().any(names));
    ours.filter(|process| kill(Pid::from_raw(process.0), Signal::SIGKILL).is_ok()).count()
}

impl Drop for Bare {
    fn drop(&mut self) {
        // Killing the kernel alone would leave the guest's programs running natively, without it, and
        // some of them are in groups of their own. All have its command line.
        let place = [self.place.path().display().to_string()];
        for _ in 0..100 {
            let killed = kill_all(&place);
            // Reaped, so that it is not found again.
            let _ = self.kernel.wait();
            if killed == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_disk_and_the_directories_differ() {
        let arguments = [
            "mem=64M",
            "ubd0=/d/disk0,/i/base.ext4",
            "uml_dir=/w/uml",
            "mconsole=notify:/w/notify",
            "hostname=a",
            "rw",
        ];
        let arguments = arguments.map(str::to_owned).to_vec();
        let recipe = Recipe { program: "/k".into(), preload: None, arguments, scratch: "/s".into(), namespace: None };
        let other =
            ["mem=64M", "ubd0=/p/disk,/i/base.ext4", "uml_dir=/p", "mconsole=notify:/p/notify", "hostname=a", "rw"];
        assert_eq!(recipe.arguments_in("/p".as_ref()), other);
    }

    #[test]
    fn another_mode_tap_and_place() {
        let arguments = ["mem=64M", "seccomp=on", "vec0:transport=tap,ifname=t0,mac=02:00:00:00:00:01,depth=128,gro=1"];
        let place = "ip=10.64.0.2::10.64.0.1:255.255.255.0:a:vec0:off:10.64.0.1";
        let arguments = arguments.iter().chain([&place]).map(|argument| (*argument).to_owned()).collect();
        let recipe = Recipe { program: "/k".into(), preload: None, arguments, scratch: "/s".into(), namespace: None };
        let other = recipe.plugged("ns", "mine", "198.18.0.2", "198.18.0.1");
        assert_eq!(other.arguments[2], "vec0:transport=tap,ifname=mine,mac=02:00:00:00:00:01,depth=128,gro=1");
        assert_eq!(other.arguments[3], "ip=198.18.0.2::198.18.0.1:255.255.255.0:a:vec0:off:10.64.0.1");
        let strict = recipe.with_kernel("/other".as_ref(), KernelMode::Strict);
        assert!(!strict.arguments.contains(&"seccomp=on".to_owned()) && strict.program.ends_with("other"));
        assert!(strict.with_kernel("/k".as_ref(), KernelMode::Fast).arguments.contains(&"seccomp=on".to_owned()));
    }
}
