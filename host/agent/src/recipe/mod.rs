//! Recipes are built here: in a jail of its own ([`launcher`], [`room`]), one at a time, out of packages that the panel
//! fetches. What comes of it is a file system that nobody here has looked at; it goes to the panel, and comes back as
//! anything that somebody sent ([`crate::image::import`]).
//!
//! All that a build has on the host is one cgroup, one directory and processes that end with their first one, which ends
//! when the agent lets go of its other end.

pub mod launcher;
mod measure;
mod room;

use std::collections::VecDeque;
use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, IoSliceMut, PipeReader, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use rustix::fs::{Mode, OFlags};
use umbel_guest::{GuestId, Memory, UploadId};
use umbel_recipe::{Recipe, build};
use umbel_wire::agent::{BuildSeen, BuildState, Refusal};
use umbel_wire::frame;

use crate::cgroup::Cgroup;
use crate::disk::whole;
use crate::host::check_room;
use crate::state::{State, Walls, failed, failed_at};
use crate::{beneath, in_full, shelf};
use launcher::{BuildOrder, Ending};

/// Of the instance: there is one build at a time. Only its cgroup is called by it.
const GUEST: &str = "756d6265-6c00-4000-8000-726563697065";
const MEMORY_MIB: u32 = 1024;
const PROCESSES: &str = "512";
/// Of the log, in bytes.
const LOG_MOST: usize = 256 << 10;
const LINE_MOST: u64 = 2000;
/// So much must be free before one begins.
const ROOM: u64 = 1 << 30;
/// What it may write, unless an administrator says otherwise.
pub const MOST_MIB: u64 = 16 << 10;
const SECONDS: u64 = 3600;
/// For the jail to stand.
const PATIENCE: Duration = Duration::from_secs(20);
const WAIT_MOST: Duration = Duration::from_secs(30);

/// What is being built, or was last.
#[derive(Debug)]
pub struct Builder {
    pub most_mib: u64,
    now: Mutex<Option<Arc<Build>>>,
    /// One request at a time begins or ends one.
    turn: Mutex<()>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { most_mib: MOST_MIB, now: Mutex::default(), turn: Mutex::default() }
    }
}

impl Builder {
    fn now(&self) -> Option<Arc<Build>> {
        locked(&self.now).clone()
    }

    /// What the panel answers for mirrors on; whoever asked for the build gets it, once.
    pub fn listener(&self) -> Option<OwnedFd> {
        locked(&self.now().filter(|build| build.is_running())?.listener).take()
    }
}

#[derive(Debug)]
struct Build {
    upload: UploadId,
    said: Mutex<SaidSoFar>,
    news: Condvar,
    /// The other end is the first process's: it ends when this is let go.
    lifeline: Mutex<Option<UnixStream>>,
    listener: Mutex<Option<OwnedFd>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct SaidSoFar {
    log: VecDeque<u8>,
    /// Bytes before those that are kept.
    gone: u64,
    state: BuildState,
}

impl Build {
    fn new(upload: UploadId) -> Self {
        let said = SaidSoFar { log: VecDeque::new(), gone: 0, state: BuildState::Running {} };
        Self {
            upload,
            said: Mutex::new(said),
            news: Condvar::new(),
            lifeline: Mutex::default(),
            listener: Mutex::default(),
            thread: Mutex::default(),
        }
    }

    fn is_running(&self) -> bool {
        locked(&self.said).state == BuildState::Running {}
    }

    fn say(&self, line: &str) {
        let mut said = locked(&self.said);
        said.log.extend(line.bytes().chain([b'\n']));
        let over = said.log.len().saturating_sub(LOG_MOST);
        said.log.drain(..over);
        said.gone += over as u64;
        drop(said);
        self.news.notify_all();
    }

    fn over(&self, state: BuildState) {
        locked(&self.said).state = state;
        self.news.notify_all();
    }

    fn last_line(&self) -> String {
        let mut said = locked(&self.said);
        let log = String::from_utf8_lossy(said.log.make_contiguous()).into_owned();
        log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing was said").trim().to_owned()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Comes back when the jail stands; the rest is told by [`seen`].
pub fn begin(state: &Arc<State>, upload: UploadId, text: &str) -> Result<(), Refusal> {
    let recipe = Recipe::parse(text).map_err(|wrong| Refusal::BadRecipe { reason: wrong.to_string() })?;
    let (cgroup, ids) = walls(state)?;
    let (program, package) = recipe.kind.tool();
    if !Path::new(program).exists() {
        let what = format!("build that recipe: {program} is missing, the Debian package {package} has it");
        return Err(Refusal::NotHere { what });
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    beneath::open(state.layout.data(), &state.layout.upload(upload), flags, Mode::empty())
        .map_err(|_| Refusal::UnknownUpload { upload })?;
    let builder = &state.builder;
    let _turn = locked(&builder.turn);
    if let Some(build) = builder.now() {
        if build.is_running() && build.upload != upload {
            return Err(Refusal::BuildUnderWay);
        }
        end_build(&build);
    }
    *locked(&builder.now) = None;
    sweep(state)?;
    check_room(&state.layout, ROOM)?;
    let build = Arc::new(Build::new(upload));
    let begun = start(state, &build, &recipe, &cgroup, ids);
    match begun {
        Ok(()) => {
            *locked(&builder.now) = Some(build);
            Ok(())
        }
        Err(refusal) => {
            end_build(&build);
            sweep(state)?;
            Err(refusal)
        }
    }
}

/// Only root of the host can give away ids, and has cgroups.
fn walls(state: &State) -> Result<(Cgroup, [u32; 2]), Refusal> {
    let here = |why: &str| Refusal::NotHere { what: format!("build recipes: {why}") };
    let Walls::Hosting { range, .. } = &state.walls else {
        return Err(here("the agent must run as root for that; umbelctl images build --here does it elsewhere"));
    };
    let cgroup = state.cgroup(guest()).ok_or_else(|| here("the host has no cgroups to limit them with"))?;
    Ok((cgroup, range.builds()))
}

fn start(
    state: &Arc<State>,
    build: &Arc<Build>,
    recipe: &Recipe,
    cgroup: &Cgroup,
    ids: [u32; 2],
) -> Result<(), Refusal> {
    let place = place(state);
    let work = prepare(&place, recipe, ids[0]).map_err(failed_at("preparing", &place))?;
    let wall = |error: crate::cgroup::CgroupError| failed("limiting a build")(&error);
    cgroup.make(Memory::from_mib(MEMORY_MIB).unwrap_or(Memory::DEFAULT)).map_err(wall)?;
    // Guests come first.
    for (file, value) in [("pids.max", PROCESSES), ("cpu.shares", "128"), ("cpu.weight", "12")] {
        cgroup.set(file, value).map_err(wall)?;
    }
    let order = BuildOrder {
        place: place.join("root"),
        work,
        cgroup: cgroup.join_files(),
        ids,
        most_bytes: state.builder.most_mib << 20,
        seconds: SECONDS,
    };
    let at = failed("starting a build");
    let (child, lifeline, log) = spawn(&order).map_err(|e| at(&e))?;
    let listener = receive(&lifeline);
    *locked(&build.lifeline) = Some(lifeline);
    let (state, its) = (Arc::clone(state), Arc::clone(build));
    let thread = std::thread::Builder::new().name("build".into()).spawn(move || follow(&state, &its, child, log));
    *locked(&build.thread) = Some(thread.map_err(|e| at(&e))?);
    match listener {
        Ok(listener) => *locked(&build.listener) = Some(listener),
        Err(error) => {
            end_build(build);
            let error = format!("{}: {}", in_full(&error), build.last_line());
            return Err(Refusal::Failed { step: "raising the walls of a build".into(), error });
        }
    }
    Ok(())
}

/// Files for the jail, in a directory that nobody but its root passes.
fn prepare(place: &Path, recipe: &Recipe, owner: u32) -> io::Result<PathBuf> {
    let (root, work) = (place.join("root"), place.join("work"));
    DirBuilder::new().mode(0o700).create(place)?;
    DirBuilder::new().mode(0o755).create(&root)?;
    DirBuilder::new().mode(0o755).create(&work)?;
    let inside = work.join("in");
    DirBuilder::new().mode(0o755).create(&inside)?;
    for (name, content) in build::files(recipe) {
        let path = inside.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    }
    chown(&work, Some(owner), Some(owner))?;
    Ok(work)
}

fn spawn(order: &BuildOrder) -> io::Result<(Child, UnixStream, PipeReader)> {
    let (ours, theirs) = UnixStream::pair()?;
    let (log, said) = io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("build").env_clear().current_dir("/").stdin(OwnedFd::from(theirs));
    command.stdout(said.try_clone()?).stderr(said);
    let child = command.spawn()?;
    // What it has of the pair and of the pipe is closed here, so that their ends are heard.
    drop(command);
    let order = frame::to_json(order).map_err(io::Error::other)?;
    frame::write(&mut &ours, &order).map_err(io::Error::other)?;
    Ok((child, ours, log))
}

/// The socket that listens in the jail.
#[expect(unsafe_code, reason = "taking ownership of a descriptor that was sent")]
fn receive(from: &UnixStream) -> io::Result<OwnedFd> {
    from.set_read_timeout(Some(PATIENCE))?;
    let (mut byte, mut space) = ([0], nix::cmsg_space!([std::os::fd::RawFd; 1]));
    let mut parts = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let came = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for message in came.cmsgs()? {
        if let ControlMessageOwned::ScmRights(all) = message
            && let Some(first) = all.first()
        {
            // SAFETY: the kernel has just made it for us; the buffer has room for one.
            return Ok(unsafe { OwnedFd::from_raw_fd(*first) });
        }
    }
    Err(io::Error::other("it ended before it stood"))
}

/// To the end of the build, and what comes after.
fn follow(state: &State, build: &Build, mut child: Child, log: PipeReader) {
    let mut lines = BufReader::new(log);
    let mut line = Vec::new();
    while let Ok(length) = (&mut lines).take(LINE_MOST).read_until(b'\n', &mut line) {
        if length == 0 {
            break;
        }
        build.say(&printable(&line));
        line.clear();
    }
    let ended = child.wait();
    // Nothing of it is left in there: its first process was waited for.
    let done = match ended {
        Ok(status) if status.success() => hand_over(state, build.upload),
        Ok(status) => Err(why(status, build)),
        Err(error) => Err(error.to_string()),
    };
    if let Err(refusal) = sweep(state) {
        tracing::error!(cause = in_full(&refusal), "something of a build stays on the host");
    }
    build.over(match done {
        Ok(()) => BuildState::Done {},
        Err(reason) => BuildState::Failed { reason },
    });
}

fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    // Of what is drawn over itself the last counts.
    let last = text.trim_end().rsplit('\r').next().unwrap_or_default().to_owned();
    last.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

fn why(status: ExitStatus, build: &Build) -> String {
    let ending = status.code().and_then(Ending::of);
    if let Some(ending) = ending {
        return ending.to_string();
    }
    match status.signal() {
        Some(signal) => format!("it was ended by signal {signal}"),
        None => format!("it failed; the last that it said: {}", build.last_line()),
    }
}

fn hand_over(state: &State, upload: UploadId) -> Result<(), String> {
    let path = place(state).join("work/disk");
    let (file, facts) = beneath::regular(state.layout.data(), &path)
        .map_err(|error| format!("what was built can't be opened: {}", in_full(&error)))?;
    let taken = crate::disk::taken(&facts);
    check_room(&state.layout, taken).and_then(|()| whole::put(state, upload, file)).map_err(|e| e.to_string())
}

pub fn seen(state: &State, upload: UploadId, from: u64, wait: Duration) -> Result<BuildSeen, Refusal> {
    let build = state.builder.now().filter(|build| build.upload == upload).ok_or(Refusal::UnknownUpload { upload })?;
    let until = Instant::now() + wait.min(WAIT_MOST);
    let mut said = locked(&build.said);
    loop {
        let end = said.gone + said.log.len() as u64;
        let left = until.saturating_duration_since(Instant::now());
        if end > from || said.state != (BuildState::Running {}) || left.is_zero() {
            let from = from.clamp(said.gone, end);
            let skip = usize::try_from(from - said.gone).unwrap_or(usize::MAX);
            let log: Vec<u8> = said.log.iter().skip(skip).copied().collect();
            let log = String::from_utf8_lossy(&log).into_owned();
            return Ok(BuildSeen { from, log, state: said.state.clone() });
        }
        said = build.news.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

pub fn end(state: &State, upload: UploadId) -> Result<(), Refusal> {
    let _turn = locked(&state.builder.turn);
    if let Some(build) = state.builder.now().filter(|build| build.upload == upload) {
        end_build(&build);
        *locked(&state.builder.now) = None;
        sweep(state)?;
    }
    Ok(())
}

/// Every process of it, and waits until they are gone.
fn end_build(build: &Build) {
    drop(locked(&build.lifeline).take());
    drop(locked(&build.listener).take());
    if let Some(thread) = locked(&build.thread).take() {
        let _ = thread.join();
    }
}

fn guest() -> GuestId {
    GUEST.parse().unwrap_or_else(|_| unreachable!("an id"))
}

fn place(state: &State) -> PathBuf {
    state.layout.ledger().join("build")
}

/// Takes away what there is of a build that is over, or whose agent was killed.
fn sweep(state: &State) -> Result<(), Refusal> {
    if let Some(cgroup) = state.cgroup(guest()) {
        cgroup.end_all().and_then(|()| cgroup.remove()).map_err(|e| failed("ending a build")(&e))?;
    }
    let place = place(state);
    shelf::remove(&place).map_err(failed_at("removing", &place))
}

/// As an agent begins, and before its data is left alone.
pub fn recover(state: &State) {
    if let Err(refusal) = sweep(state) {
        tracing::error!(cause = in_full(&refusal), "something of a build stays on the host");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_its_end_and_says_where_that_begins() {
        let build = Build::new(UploadId(uuid::Uuid::nil()));
        build.say("first");
        assert_eq!(build.last_line(), "first");
        for _ in 0..LOG_MOST / 8 {
            build.say("1234567");
        }
        let said = locked(&build.said);
        assert_eq!((said.log.len(), said.gone), (LOG_MOST, 6));
    }

    #[test]
    fn nothing_of_a_line_moves_a_cursor() {
        assert_eq!(printable(b"10%\r20%\r100% \x1b[31mdone\x07\n"), "100% [31mdone");
        assert_eq!(printable(b"a\tb\xff\n"), "a b\u{fffd}");
    }
}
