//! Starting a guest: what the agent makes for it, and the launcher that it runs. Whatever fails, what
//! was made is taken away again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use rustix::fs::{FlockOperation, flock};
use umbel_guest::{Generation, GuestId, Memory};
use umbel_wire::agent::Refusal;
use umbel_wire::launch::ShimOrder;

use crate::in_full;
use crate::launcher::{LaunchOrder, LaunchReply, ShimFiles, Walls};
use crate::ledger::Run;
use crate::process::{self, boot_id};
use crate::state::{self, State, failed, failed_at};

/// On top of the guest's memory its tmpfs holds sockets and the kernel's bookkeeping.
const WORK_EXTRA: u64 = 16 << 20;
/// Descriptors for the launcher are numbered above everything it opens itself.
const HIGH: RawFd = 128;

/// Starts the shim of a guest whose spec and disk were checked. `order.work` is chosen here.
pub fn launch(state: &State, order: &ShimOrder, uid: u32) -> Result<Run, Refusal> {
    let launched = try_launch(state, order, uid);
    if launched.is_err() {
        take_away(state, order.guest).unwrap_or_else(|error| {
            tracing::error!(guest = %order.guest, cause = in_full(&error), "a failed start left something behind");
        });
    }
    launched
}

fn try_launch(state: &State, order: &ShimOrder, uid: u32) -> Result<Run, Refusal> {
    let guest = order.guest;
    let cgroup = match &state.walls {
        state::Walls::Hosting { cgroups: Err(reason), .. } => {
            return Err(Refusal::Wall { wall: "cgroup".into(), reason: reason.clone() });
        }
        _ => state.cgroup(guest),
    };
    if let Some(cgroup) = &cgroup {
        let wall = |error| Refusal::Wall { wall: "cgroup".into(), reason: in_full(&error) };
        // What an earlier run may have left must not count as this one's.
        cgroup.end_all().map_err(wall)?;
        cgroup.make(order.memory).map_err(wall)?;
    }
    let walls = match &state.walls {
        state::Walls::Hosting { .. } => Walls::Own { uid, gid: uid },
        state::Walls::Personal { namespaces: Ok(()) } => Walls::UserNamespace,
        state::Walls::Personal { namespaces: Err(_) } => Walls::Bare,
    };
    let work = make_work(state, guest, order.memory, walls)?;
    let order = ShimOrder { work: work.clone(), ..order.clone() };

    let listener = OwnedFd::from(listen(state, guest)?);
    let ring = OwnedFd::from(open_ring(state, guest)?);
    let told = tell(&order)?;
    let log_path = state.layout.shim_log(guest);
    let log = File::options().create(true).write(true).truncate(true).mode(0o600).open(&log_path);
    let log = log.map_err(failed_at("making the shim's log", &log_path))?;
    let note = note(state, guest)?;

    let high = |fd: &OwnedFd| -> Result<OwnedFd, Refusal> { lifted(fd).map_err(|e| failed("handing over")(&e)) };
    let (listener, ring, told, note) = (high(&listener)?, high(&ring)?, high(&told)?, high(&note)?);
    let shim = ShimFiles {
        program: shim_program().map_err(|e| failed("finding umbel-shim beside this program")(&e))?,
        listener: listener.as_raw_fd(),
        ring: ring.as_raw_fd(),
        order: told.as_raw_fd(),
        note: note.as_raw_fd(),
    };
    let launch_order = LaunchOrder {
        walls,
        cgroup: cgroup.map(|c| c.join_files()).unwrap_or_default(),
        work,
        work_bytes: order.memory.bytes() + WORK_EXTRA,
        shim: Some(shim),
    };
    let (pid, start_time) = run_launcher(&launch_order, log, &[&listener, &ring, &told, &note])?;
    let boot_id = boot_id().map_err(|e| failed("reading the id of this boot")(&e))?;
    Ok(Run { pid, start_time, boot_id, generation: order.generation })
}

/// Removes everything of a start that is not the guest's own data, and every process of it.
pub fn take_away(state: &State, guest: GuestId) -> Result<(), TakeAwayError> {
    if let Some(cgroup) = state.cgroup(guest) {
        cgroup.end_all()?;
        cgroup.remove()?;
    }
    for work in work_places(state, guest) {
        let gone = |source| TakeAwayError::Remove { path: work.clone(), source };
        if !work.exists() {
            continue;
        }
        if matches!(state.walls, state::Walls::Personal { .. }) {
            process::end_all_in(&work).map_err(gone)?;
        }
        fs::remove_dir_all(&work).map_err(gone)?;
    }
    for path in [state.layout.shim_socket(guest), state.launch_note(guest)] {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(TakeAwayError::Remove { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
pub enum TakeAwayError {
    #[error("ending what is left of a guest")]
    Cgroup(#[from] crate::cgroup::CgroupError),
    #[error("removing {path}")]
    Remove { path: PathBuf, source: io::Error },
}

/// Whether an ordinary user may make namespaces here; why not.
pub fn try_namespaces(work: &Path) -> Result<(), String> {
    fs::create_dir_all(work).map_err(|e| format!("making {}: {e}", work.display()))?;
    let order = LaunchOrder {
        walls: Walls::UserNamespace,
        cgroup: Vec::new(),
        work: work.to_owned(),
        work_bytes: 1 << 20,
        shim: None,
    };
    let tried = File::options().write(true).open("/dev/null").map_err(|e| e.to_string());
    let tried = tried.and_then(|null| run_launcher(&order, null, &[]).map_err(|e| e.to_string()));
    let _ = fs::remove_dir(work);
    tried.map(|(pid, _)| process::wait_for(pid))
}

/// What a launcher that outlived its agent has noted; waits until it is done.
pub fn noted(state: &State, guest: GuestId, generation: Generation) -> Option<Run> {
    let mut file = File::open(state.launch_note(guest)).ok()?;
    flock(&file, FlockOperation::LockExclusive).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let (pid, start_time) = text.split_once(' ')?;
    Some(Run { pid: pid.parse().ok()?, start_time: start_time.parse().ok()?, boot_id: boot_id().ok()?, generation })
}

/// The note, locked: the lock goes with the descriptor to the launcher and ends with it.
fn note(state: &State, guest: GuestId) -> Result<OwnedFd, Refusal> {
    let path = state.launch_note(guest);
    let at = |e| failed_at("making the note of a start", &path)(e);
    let file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&path).map_err(at)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|e| at(e.into()))?;
    Ok(file.into())
}

fn listen(state: &State, guest: GuestId) -> Result<UnixListener, Refusal> {
    let path = state.layout.shim_socket(guest);
    let at = |e| failed_at("making the shim's socket", &path)(e);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(at)?;
    // Connecting needs the right to write: the panel's group has it and nobody else.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).map_err(at)?;
    chown(&path, None, Some(state.panel.gid.as_raw())).map_err(at)?;
    Ok(listener)
}

fn open_ring(state: &State, guest: GuestId) -> Result<File, Refusal> {
    let path = state.layout.ring(guest);
    let at = |e| failed_at("making the console ring", &path)(e);
    let file = File::options().create(true).truncate(false).read(true).write(true).mode(0o640).open(&path);
    let file = file.map_err(at)?;
    chown(&path, None, Some(state.panel.gid.as_raw())).map_err(at)?;
    Ok(file)
}

/// The order as a file that only its descriptor leads to.
fn tell(order: &ShimOrder) -> Result<OwnedFd, Refusal> {
    let at = failed("writing the shim's order");
    let json = serde_json::to_vec(order).map_err(|e| at(&e))?;
    let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
    let file = nix::sys::memfd::memfd_create(c"umbel-order", flags).map_err(|e| at(&e))?;
    let mut file = File::from(file);
    file.write_all(&json).and_then(|()| file.rewind()).map_err(|e| at(&e))?;
    Ok(file.into())
}

/// Where a guest's work directory may lie.
fn work_places(state: &State, guest: GuestId) -> Vec<PathBuf> {
    let mut places = vec![state.layout.work(guest)];
    if matches!(state.walls, state::Walls::Personal { .. }) {
        let name = format!("umbel-{}-{}", state.layout.instance(), guest.short());
        places.extend(["/dev/shm", "/tmp", "/var/tmp"].map(|place| Path::new(place).join(&name)));
    }
    places
}

/// A mount point; without namespaces of its own, a directory that programs may be mapped from and
/// that has room for the guest's memory.
fn make_work(state: &State, guest: GuestId, memory: Memory, walls: Walls) -> Result<PathBuf, Refusal> {
    let wanted = memory.bytes() + WORK_EXTRA;
    let mut places = work_places(state, guest);
    if walls != Walls::Bare {
        places.truncate(1);
    }
    let fits = |place: &PathBuf| walls != Walls::Bare || place.parent().is_some_and(|dir| has_room(dir, wanted));
    let Some(place) = places.iter().find(|place| fits(place)) else {
        let tried: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        let error = format!("none of {} has {} MiB and allows programs", tried.join(", "), wanted >> 20);
        return Err(Refusal::Failed { step: "finding a place for the guest's memory".into(), error });
    };
    let at = |e| failed_at("making the work directory", place)(e);
    if place.exists() {
        fs::remove_dir_all(place).map_err(at)?;
    }
    fs::DirBuilder::new().recursive(false).mode(0o700).create(place).map_err(at)?;
    Ok(place.clone())
}

fn has_room(directory: &Path, bytes: u64) -> bool {
    use nix::sys::statvfs::{FsFlags, statvfs};
    let Ok(facts) = statvfs(directory) else { return false };
    !facts.flags().contains(FsFlags::ST_NOEXEC) && facts.blocks_available() * facts.fragment_size() >= bytes
}

/// The shim is installed beside the agent.
fn shim_program() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("umbel-shim");
    fs::metadata(&program).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", program.display())))?;
    Ok(program)
}

/// The same descriptor with a number that nothing in the launcher has, still closed for programs.
fn lifted(fd: &OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    let high = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(HIGH))?;
    #[expect(unsafe_code, reason = "taking ownership of a descriptor")]
    // SAFETY: just made, and nobody else's.
    let owned = unsafe { OwnedFd::from_raw_fd(high) };
    Ok(owned)
}

/// Runs `umbel-agent launch`; the pid and start time of what it forked.
fn run_launcher(order: &LaunchOrder, log: File, inherited: &[&OwnedFd]) -> Result<(i32, u64), Refusal> {
    let at = failed("running the launcher");
    let json = serde_json::to_vec(order).map_err(|e| at(&e))?;
    let mut child = start_launcher(log, inherited).map_err(|e| at(&e))?;
    let mut replies = String::new();
    let spoken = (|| {
        let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&json)?;
        drop(stdin);
        let mut stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        stdout.read_to_string(&mut replies)
    })();
    let ended = child.wait().map_err(|e| at(&e))?;
    spoken.map_err(|e| at(&e))?;
    let replies = replies.lines().map(serde_json::from_str).collect::<Result<Vec<LaunchReply>, _>>();
    let (mut started, mut refused) = (None, None);
    for reply in replies.map_err(|e| at(&e))? {
        match reply {
            LaunchReply::Failed { step, error } => refused = Some(Refusal::Failed { step, error }),
            LaunchReply::Started { pid, start_time } => started = Some((pid, start_time)),
        }
    }
    match (started, refused) {
        (Some((pid, _)), Some(refusal)) => {
            // It came as far as its namespace and has ended there.
            process::wait_for(pid);
            Err(refusal)
        }
        (_, Some(refusal)) => Err(refusal),
        (Some(started), None) => Ok(started),
        (None, None) => Err(at(&io::Error::other(format!("it said nothing and ended with {ended}")))),
    }
}

#[expect(unsafe_code, reason = "code between fork(2) and execve(2)")]
fn start_launcher(log: File, inherited: &[&OwnedFd]) -> io::Result<Child> {
    let numbers: Vec<RawFd> = inherited.iter().map(|fd| fd.as_raw_fd()).collect();
    let mut command = Command::new("/proc/self/exe");
    command.arg0("umbel-agent").arg("launch").env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let keep_open = move || {
        for &number in &numbers {
            // SAFETY: the descriptor is open in the parent and borrowed for the length of this call.
            let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        Ok(())
    };
    // SAFETY: only fcntl(2), which is async-signal-safe, and no allocation.
    unsafe { command.pre_exec(keep_open) };
    command.spawn()
}
