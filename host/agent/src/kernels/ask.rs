//! Asking a kernel what it is. That is running what somebody else has made, so it happens in a jail like
//! a guest's, with a user, processes and a network of its own, and with little time and room.
//!
//! `umbel-agent ask` is a program of its own, as the launcher is. It forks twice: pid 1 of the namespace
//! is ours, and when it ends everything ends that the kernel may have started.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup2_stdin, execve, fork, setsid};
use serde::{Deserialize, Serialize};

use crate::jail::{self, Access, Bind, Jail, JailError};
use crate::launcher::{LauncherError, Walls, enter_user_namespace, inmate};
use crate::libraries::{self, Library, LibraryError};
use crate::rights::{self, Before, FILES, ProcessLimits, RightsError};
use crate::walls::{WallName, Without};

/// Of answers: a configuration has about 100 KiB.
const ANSWER_MAX: usize = 1 << 20;
const COMPLAINT_MAX: usize = 4 << 10;
/// A kernel answers within milliseconds; a busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of the processor, in seconds.
const WORK_MAX: u64 = 3;
/// Address space in bytes: a kernel maps itself and no memory of a guest yet.
const SPACE_MAX: u64 = 2 << 30;
/// Status of ours when it came to no question.
const NOT_ASKED: u8 = 125;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    Version,
    Configuration,
    Help,
}

impl Question {
    fn argument(self) -> &'static str {
        match self {
            Self::Version => "--version",
            Self::Configuration => "--showconfig",
            Self::Help => "--help",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Libraries(#[from] LibraryError),
    #[error("it came with a C library of its own, for which this host can make no jail")]
    NoJail,
    #[error("making {path}")]
    Place { path: PathBuf, source: io::Error },
    #[error("asking for {}", .question.argument())]
    Run { question: Question, source: io::Error },
    #[error("it took longer than {WORK_MAX} s of the processor, or {} s in all, over {}", PATIENCE.as_secs(), .question.argument())]
    TooLong { question: Question },
    #[error("it answered {} with more than {} KiB", .question.argument(), ANSWER_MAX >> 10)]
    TooMuch { question: Question },
    #[error("it could not be asked: {said}")]
    NotAsked { said: String },
    #[error("it ended with {status} over {}: {said}", .question.argument())]
    Failed { question: Question, status: String, said: String },
}

/// Who asks, and with which walls around.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Directory for mount points.
    pub place: PathBuf,
    pub walls: Walls,
    pub without: Without,
}

#[derive(Debug, Serialize, Deserialize)]
struct AskOrder {
    kernel: PathBuf,
    libraries: Vec<Library>,
    place: PathBuf,
    walls: Walls,
    without: Without,
    question: Question,
}

impl AskOrder {
    fn has_jail(&self) -> bool {
        self.walls != Walls::Bare
            && self.without.keeps(WallName::MountNamespace)
            && self.without.keeps(WallName::RootDirectory)
    }
}

impl Asker {
    /// What the kernel writes to its standard output.
    pub fn ask(&self, file: &Path, own: Option<&Path>, question: Question) -> Result<String, AskError> {
        // A mount point of its own, so that nobody waits for another kernel's answer.
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let place = self.place.join(ASKED.fetch_add(1, Ordering::Relaxed).to_string());
        let at = |source| AskError::Place { path: place.clone(), source };
        fs::create_dir_all(&place).map_err(at)?;
        let mut order = AskOrder {
            kernel: file.canonicalize().map_err(at)?,
            libraries: Vec::new(),
            place: place.canonicalize().map_err(at)?,
            walls: self.walls,
            without: self.without.clone(),
            question,
        };
        if order.has_jail() {
            order.libraries = libraries::closure(&[&order.kernel], own)?;
        } else if own.is_some() {
            return Err(AskError::NoJail);
        }
        let run = |source| AskError::Run { question, source };
        let json = serde_json::to_vec(&order).map_err(|e| run(e.into()))?;
        let mut child = Command::new("/proc/self/exe")
            .arg("ask")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(run)?;
        let heard = hear(&mut child, &json, question);
        // With it goes pid 1 of the namespace, and everything else.
        let _ = child.kill();
        let status = child.wait().map_err(run)?;
        let _ = fs::remove_dir(&place);
        let Heard { answer, complaint } = heard?;
        verdict(status, question, &complaint)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn verdict(status: ExitStatus, question: Question, complaint: &[u8]) -> Result<(), AskError> {
    let said = String::from_utf8_lossy(complaint).split_whitespace().collect::<Vec<_>>().join(" ");
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) if code == i32::from(NOT_ASKED) => Err(AskError::NotAsked { said }),
        (Some(code), _) if code == 128 + Signal::SIGXCPU as i32 || code == 128 + Signal::SIGKILL as i32 => {
            Err(AskError::TooLong { question })
        }
        (Some(code), _) => Err(AskError::Failed { question, status: format!("status {code}"), said }),
        (None, signal) => {
            let status = format!("signal {}", signal.unwrap_or_default());
            Err(AskError::Failed { question, status, said })
        }
    }
}

#[derive(Default)]
struct Heard {
    answer: Vec<u8>,
    complaint: Vec<u8>,
}

/// Reads until both ends are closed, the answer is too long or the time is over.
fn hear(child: &mut Child, order: &[u8], question: Question) -> Result<Heard, AskError> {
    let run = |source| AskError::Run { question, source };
    let broken = || run(io::ErrorKind::BrokenPipe.into());
    let mut stdin = child.stdin.take().ok_or_else(broken)?;
    stdin.write_all(order).map_err(run)?;
    drop(stdin);
    let (mut out, mut err) = (child.stdout.take().ok_or_else(broken)?, child.stderr.take().ok_or_else(broken)?);
    let until = Instant::now() + PATIENCE;
    let (mut heard, mut open) = (Heard::default(), [true, true]);
    while open[0] {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(AskError::TooLong { question });
        }
        let mut fds = vec![PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        if open[1] {
            fds.push(PollFd::new(err.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(run(error.into())),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.revents().is_some_and(|flags| !flags.is_empty())).collect();
        let mut buffer = [0; 16 << 10];
        if ready[0] {
            let length = out.read(&mut buffer).map_err(run)?;
            open[0] = length > 0;
            heard.answer.extend_from_slice(&buffer[..length]);
            if heard.answer.len() > ANSWER_MAX {
                return Err(AskError::TooMuch { question });
            }
        }
        if ready.get(1) == Some(&true) {
            let length = err.read(&mut buffer).map_err(run)?;
            open[1] = length > 0;
            let room = COMPLAINT_MAX.saturating_sub(heard.complaint.len());
            heard.complaint.extend_from_slice(&buffer[..length.min(room)]);
        }
    }
    // What was written before the end is there.
    while open[1] && heard.complaint.len() < COMPLAINT_MAX && has_more(&err) {
        let mut buffer = [0; 1024];
        let length = err.read(&mut buffer).map_err(run)?;
        open[1] = length > 0;
        heard.complaint.extend_from_slice(&buffer[..length]);
    }
    Ok(heard)
}

fn has_more(pipe: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(100u8)).is_ok_and(|ready| ready > 0)
}

#[derive(Debug, thiserror::Error)]
enum InsideError {
    #[error("reading the order")]
    Order(#[source] io::Error),
    #[error("understanding the order")]
    Content(#[source] serde_json::Error),
    #[error("a session of its own")]
    Session(#[source] nix::Error),
    #[error("ending with whoever asks")]
    Parent(#[source] nix::Error),
    #[error(transparent)]
    Namespace(#[from] LauncherError),
    #[error("a {0} of its own")]
    Unshare(WallName, #[source] nix::Error),
    #[error("forking")]
    Fork(#[source] nix::Error),
    #[error(transparent)]
    Jail(#[from] JailError),
    #[error("limiting {0:?}")]
    Limit(Resource, #[source] nix::Error),
    #[error(transparent)]
    Rights(#[from] RightsError),
    #[error("closing standard input")]
    Input(#[source] nix::Error),
    #[error("starting it")]
    Start(#[source] nix::Error),
    #[error("waiting for it")]
    Wait(#[source] nix::Error),
}

/// `umbel-agent ask`: the status is the kernel's, or 128 and the signal that ended it.
pub fn main() -> ExitCode {
    told(ask_inside()).into()
}

fn told(status: Result<u8, InsideError>) -> u8 {
    status.unwrap_or_else(|error| {
        eprintln!("{}", crate::in_full(&error));
        NOT_ASKED
    })
}

fn ask_inside() -> Result<u8, InsideError> {
    // A killed agent takes this process along, and it its own.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(InsideError::Parent)?;
    let mut order = Vec::new();
    io::stdin().read_to_end(&mut order).map_err(InsideError::Order)?;
    let order: AskOrder = serde_json::from_slice(&order).map_err(InsideError::Content)?;
    setsid().map_err(InsideError::Session)?;
    enter_namespaces(&order)?;
    match fork_once().map_err(InsideError::Fork)? {
        ForkResult::Child => std::process::exit(told(as_first(&order)).into()),
        ForkResult::Parent { child } => status_of(child),
    }
}

fn enter_namespaces(order: &AskOrder) -> Result<(), InsideError> {
    match order.walls {
        Walls::Bare => return Ok(()),
        Walls::UserNamespace => enter_user_namespace()?,
        Walls::Own { .. } => {}
    }
    for (wall, flag) in [
        (WallName::NetworkNamespace, CloneFlags::CLONE_NEWNET),
        (WallName::IpcNamespace, CloneFlags::CLONE_NEWIPC),
        (WallName::UtsNamespace, CloneFlags::CLONE_NEWUTS),
        (WallName::PidNamespace, CloneFlags::CLONE_NEWPID),
        (WallName::MountNamespace, CloneFlags::CLONE_NEWNS),
    ] {
        if order.without.keeps(wall) {
            unshare(flag).map_err(|e| InsideError::Unshare(wall, e))?;
        }
    }
    Ok(())
}

/// Pid 1 of the namespace: builds the jail, gives up every right, and waits for the kernel there.
fn as_first(order: &AskOrder) -> Result<u8, InsideError> {
    let null = fs::File::open("/dev/null").map_err(InsideError::Order)?;
    dup2_stdin(&null).map_err(InsideError::Input)?;
    let mut program = order.kernel.clone();
    if order.has_jail() {
        jail::keep_private()?;
        let mut files = vec![Bind::new(&order.kernel, jail::LINUX, Access::Run)];
        files.extend(order.libraries.iter().cloned().map(Bind::from));
        let jail = Jail { place: order.place.clone(), work_bytes: 1 << 20, files, tree: None, tun: false };
        jail::enter(&jail, inmate(order.walls, None, &order.without))?;
        program = jail::LINUX.into();
    }
    for (what, most) in [(Resource::RLIMIT_CPU, WORK_MAX), (Resource::RLIMIT_AS, SPACE_MAX)] {
        setrlimit(what, most, most).map_err(|e| InsideError::Limit(what, e))?;
    }
    let before = match order.walls {
        Walls::Own { uid } => Before::Root { uid, gid: uid },
        Walls::UserNamespace => Before::UserNamespace,
        Walls::Bare => Before::User,
    };
    rights::give_up(before, ProcessLimits { file_size: 0, files: FILES }, &order.without)?;
    // The kernel has our uid now: it must not get at us, and a change of the uid has taken the bond away.
    prctl::set_dumpable(false).map_err(InsideError::Parent)?;
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(InsideError::Parent)?;

    match fork_once().map_err(InsideError::Fork)? {
        ForkResult::Child => {
            prctl::set_pdeathsig(Signal::SIGKILL).map_err(InsideError::Parent)?;
            let bad = |_| InsideError::Start(nix::Error::EINVAL);
            let path = CString::new(program.into_os_string().into_encoded_bytes()).map_err(bad)?;
            let argument = CString::new(order.question.argument()).map_err(bad)?;
            let environment: [CString; 0] = [];
            match execve(&path, &[c"linux", argument.as_c_str()], &environment) {
                Err(error) => Err(InsideError::Start(error)),
                Ok(never) => match never {},
            }
        }
        ForkResult::Parent { child } => status_of(child),
    }
}

fn status_of(child: nix::unistd::Pid) -> Result<u8, InsideError> {
    loop {
        match waitpid(None, None).map_err(InsideError::Wait)? {
            WaitStatus::Exited(pid, status) if pid == child => return Ok(u8::try_from(status).unwrap_or(NOT_ASKED)),
            WaitStatus::Signaled(pid, signal, _) if pid == child => {
                return Ok(u8::try_from(128 + signal as i32).unwrap_or(NOT_ASKED));
            }
            _ => {}
        }
    }
}

#[expect(unsafe_code, reason = "fork(2)")]
fn fork_once() -> nix::Result<ForkResult> {
    // SAFETY: this process has one thread.
    unsafe { fork() }
}
