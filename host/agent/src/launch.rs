//! Starting a guest: what the agent makes for it, and the launcher that it runs; and taking all of it away.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, fchown, lchown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use rustix::fs::{FlockOperation, OFlags, flock};
use umbel_guest::{Generation, GuestId, Memory, VolumeAccess};
use umbel_wire::agent::Refusal;
use umbel_wire::launch::{RootDisk, ShimOrder, Source, Volumes, volumes_with};

use crate::cgroup::{Cgroup, CgroupError};
use crate::jail::{self, Access, Bind, Jail};
use crate::launcher::{LaunchOrder, LaunchReply, NetworkNamespace, ShimFiles, Walls};
use crate::ledger::Run;
use crate::process::{self, boot_id};
use crate::rights::{FILES, ProcessLimits};
use crate::state::{self, State, failed, failed_at};
use crate::tree::Tree;
use crate::walls::{WallName, Without};
use crate::{beneath, in_full, libraries, parcel, volume};

/// On top of the guest's memory its tmpfs holds sockets and the kernel's bookkeeping.
const WORK_EXTRA: u64 = 16 << 20;
/// A kernel's memory is a file with a hole as large as the gap that the host leaves behind a program by
/// chance, which is up to 1 GiB (kernel: arch_randomize_brk). Ring and log are shorter.
const GAP: u64 = 1 << 30;
/// Descriptors for the launcher are numbered above everything it opens itself.
const HIGH: RawFd = 128;

/// A guest whose spec and disk were checked, with paths as they are on the host.
#[derive(Debug)]
pub struct Start {
    /// `work` is chosen here, and every path told as the shim will see it.
    pub order: ShimOrder,
    pub uid: u32,
    pub plug: Plug,
    /// Where the libraries lie that the kernel came with, if any.
    pub kernel_libraries: Option<PathBuf>,
    /// What of the host the guest has as its root, where it has that.
    pub tree: Option<Tree>,
}

/// What a guest's card is plugged into, as far as the launcher is concerned.
#[derive(Debug, Default)]
pub struct Plug {
    pub network: NetworkNamespace,
    /// The owner's group.
    pub group: Option<u32>,
    /// Whether the kernel attaches to its tap by name.
    pub tun: bool,
    /// What else it is plugged into, as a descriptor.
    pub card: Option<OwnedFd>,
    /// What must stay open for as long as it is.
    pub card_control: Option<OwnedFd>,
}

/// Starts the shim of a guest. What was made when it fails is [`take_away`]'s.
pub fn launch(state: &State, start: &Start) -> Result<Run, Refusal> {
    let (guest, memory) = (start.order.guest, start.order.memory);
    let cgroup = ready_cgroup(state, guest, memory, start.plug.tun)?;
    let walls = match &state.walls {
        state::Walls::Hosting { .. } => Walls::Own { uid: start.uid },
        state::Walls::Personal { namespaces: Ok(()) } => Walls::UserNamespace,
        state::Walls::Personal { namespaces: Err(_) } => Walls::Bare,
    };
    let work = make_work(state, guest, memory, start.uid)?;
    let work_bytes = memory.bytes() + WORK_EXTRA;
    let shim_program = shim_program().map_err(|e| failed("finding umbel-shim beside this program")(&e))?;
    let limits = limits(&start.order, work_bytes)?;
    let (order, program, files) = if state.has_jail() {
        let files = jail_files(start, &shim_program)?;
        (told_in_jail(&start.order), jail::SHIM.into(), files)
    } else {
        (ShimOrder { work: work.clone(), ..start.order.clone() }, shim_program, Vec::new())
    };

    let listener = OwnedFd::from(listen(state, guest)?);
    let ring = OwnedFd::from(open_ring(state, guest)?);
    let told = tell(&order)?;
    let log_path = state.layout.shim_log(guest);
    let log = emptied(state, &log_path).map_err(failed_at("making the shim's log", &log_path))?;
    let note = note(state, guest)?;

    let high = |fd: &OwnedFd| -> Result<OwnedFd, Refusal> { lifted(fd).map_err(|e| failed("handing over")(&e)) };
    let (listener, ring, told, note) = (high(&listener)?, high(&ring)?, high(&told)?, high(&note)?);
    let card = start.plug.card.as_ref().map(high).transpose()?;
    let card_control = start.plug.card_control.as_ref().map(high).transpose()?;
    let shim = ShimFiles {
        program,
        listener: listener.as_raw_fd(),
        ring: ring.as_raw_fd(),
        order: told.as_raw_fd(),
        card: card.as_ref().map(AsRawFd::as_raw_fd),
        card_control: card_control.as_ref().map(AsRawFd::as_raw_fd),
        note: note.as_raw_fd(),
    };
    let launch_order = LaunchOrder {
        walls,
        without: state.without.clone(),
        cgroup: cgroup.map(|c| c.join_files()).unwrap_or_default(),
        network: start.plug.network.clone(),
        group: start.plug.group,
        jail: Jail { place: work, work_bytes, files, tree: start.tree.clone(), tun: start.plug.tun },
        limits,
        processor: state.processors.choose(guest),
        shim: Some(shim),
    };
    let inherited: Vec<&OwnedFd> =
        [&listener, &ring, &told, &note].into_iter().chain(&card).chain(&card_control).collect();
    let (pid, start_time) = run_launcher(&launch_order, log, &inherited)?;
    let boot_id = boot_id().map_err(|e| failed("reading the id of this boot")(&e))?;
    Ok(Run { pid, start_time, boot_id, generation: order.generation })
}

/// The guest's cgroup with nobody in it, where one is wished.
fn ready_cgroup(state: &State, guest: GuestId, memory: Memory, tun: bool) -> Result<Option<Cgroup>, Refusal> {
    if !state.without.keeps(WallName::Cgroup) {
        return Ok(None);
    }
    if let state::Walls::Hosting { cgroups: Err(reason), .. } = &state.walls {
        return Err(Refusal::Wall { wall: WallName::Cgroup.to_string(), reason: reason.clone() });
    }
    let Some(cgroup) = state.cgroup(guest) else { return Ok(None) };
    let wall =
        |wall: WallName| move |error: CgroupError| Refusal::Wall { wall: wall.to_string(), reason: in_full(&error) };
    cgroup.make(memory).map_err(wall(WallName::Cgroup))?;
    if state.without.keeps(WallName::Devices) {
        cgroup.allow_devices(tun).map_err(wall(WallName::Devices))?;
    }
    Ok(Some(cgroup))
}

/// The files that are put into the jail, each under its one name.
fn jail_files(start: &Start, shim: &Path) -> Result<Vec<Bind>, Refusal> {
    let resolved = |path: &Path| path.canonicalize().map_err(failed_at("finding", path));
    let (kernel, shim) = (resolved(&start.order.kernel)?, resolved(shim)?);
    let libraries = libraries::closure(&[&kernel, &shim], start.kernel_libraries.as_deref());
    let libraries = libraries.map_err(|e| failed("finding the libraries of kernel and shim")(&e))?;
    let mut files = vec![Bind::new(&kernel, jail::LINUX, Access::Run), Bind::new(&shim, jail::SHIM, Access::Run)];
    files.extend(libraries.into_iter().map(Bind::from));
    files.extend(start.order.preload.as_ref().map(|library| Bind::new(library, jail::PRELOAD, Access::Run)));
    files.extend(start.order.setup.as_ref().map(|setup| Bind::new(setup, jail::SETUP, Access::Read)));
    if let Some(Volumes { place, .. }) = &start.order.volumes {
        let jailed = Path::new(jail::VOLUMES);
        for (of, access) in [(VolumeAccess::ReadWrite, Access::Write), (VolumeAccess::ReadOnly, Access::Read)] {
            files.push(Bind::new(&volumes_with(place, of), volumes_with(jailed, of), access));
        }
    }
    match &start.order.root_disk {
        RootDisk::Cow { child, base } => {
            files.push(Bind::new(child, jail::DISK, Access::Write));
            files.push(Bind::new(base, jail::BASE, Access::Read));
        }
        RootDisk::Plain { file } => files.push(Bind::new(file, jail::DISK, Access::Write)),
        // Mounted by itself: it is many.
        RootDisk::Tree { .. } => {}
        RootDisk::Tools { initrd, from, to, task: _ } => {
            files.push(Bind::new(initrd, jail::INITRD, Access::Read));
            let access = if from.written().is_some() { Access::Write } else { Access::Read };
            files.push(Bind::new(from.file(), jail::FROM, access));
            if let Source::Cow { base, .. } = from {
                files.push(Bind::new(base, jail::BASE, Access::Read));
            }
            files.push(Bind::new(to, jail::DISK, Access::Write));
        }
    }
    Ok(files)
}

/// The order with the names that things have in the jail.
fn told_in_jail(order: &ShimOrder) -> ShimOrder {
    let root_disk = match &order.root_disk {
        RootDisk::Cow { .. } => RootDisk::Cow { child: jail::DISK.into(), base: jail::BASE.into() },
        RootDisk::Plain { .. } => RootDisk::Plain { file: jail::DISK.into() },
        RootDisk::Tree { .. } => RootDisk::Tree { root: jail::TREE.into() },
        RootDisk::Tools { from, task, .. } => {
            let from = match from {
                Source::File { .. } => Source::File { file: jail::FROM.into() },
                Source::Plain { .. } => Source::Plain { file: jail::FROM.into() },
                Source::Cow { .. } => Source::Cow { child: jail::FROM.into(), base: jail::BASE.into() },
            };
            RootDisk::Tools { initrd: jail::INITRD.into(), from, to: jail::DISK.into(), task: *task }
        }
    };
    let preload = order.preload.as_ref().map(|_| jail::PRELOAD.into());
    let setup = order.setup.as_ref().map(|_| jail::SETUP.into());
    let jailed = |volumes: &Volumes| Volumes { place: jail::VOLUMES.into(), ..volumes.clone() };
    let volumes = order.volumes.as_ref().map(jailed);
    let work = jail::WORK.into();
    ShimOrder { kernel: jail::LINUX.into(), preload, root_disk, setup, volumes, work, ..order.clone() }
}

/// A file may become as long as the longest disk or the memory, whichever is longer. With the host's files as its root
/// a kernel has one open for each that the guest has, and stops by itself at a number that its memory gives.
fn limits(order: &ShimOrder, work_bytes: u64) -> Result<ProcessLimits, Refusal> {
    let length = |disk: &Path| Ok(fs::metadata(disk).map_err(failed_at("reading the facts of", disk))?.len());
    let (length, files) = match &order.root_disk {
        RootDisk::Cow { child: disk, .. } | RootDisk::Plain { file: disk } => (length(disk)?, FILES),
        RootDisk::Tools { from, to, .. } => (length(to)?.max(from.written().map_or(Ok(0), length)?), FILES),
        RootDisk::Tree { .. } => (0, FILES + open_files(order.memory)),
    };
    let longest = order.volumes.iter().flat_map(|volumes| volumes.disks.iter().map(|disk| disk.file(&volumes.place)));
    let length = longest.filter_map(|file| fs::metadata(file).ok()).map(|facts| facts.len()).fold(length, u64::max);
    Ok(ProcessLimits { file_size: length.max(work_bytes + GAP), files })
}

/// How many files a kernel with so much memory has open at once (its fs.file-max; kernel: fs/file_table.c): a
/// tenth of the memory at 1 KiB for each, and no less than `NR_FILE`.
fn open_files(memory: Memory) -> u64 {
    (memory.bytes() / 1024 / 10).max(8192)
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
        // Without a jail it is their working directory.
        if !state.has_jail() {
            process::end_all_in(&work).map_err(gone)?;
        }
        fs::remove_dir_all(&work).map_err(gone)?;
    }
    state.networks.unplug(guest)?;
    volume::release_all(state, guest).map_err(|(path, source)| TakeAwayError::Remove { path, source })?;
    parcel::release(state, guest).map_err(|(path, source)| TakeAwayError::Remove { path, source })?;
    for path in [state.layout.shim_socket(guest), state.launch_note(guest), state.held_note(guest)] {
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
    Cgroup(#[from] CgroupError),
    #[error(transparent)]
    Network(#[from] crate::network::NetworkError),
    #[error("removing {path}")]
    Remove { path: PathBuf, source: io::Error },
}

/// Whether an ordinary user may make namespaces here; why not.
pub fn try_namespaces(work: &Path, without: &Without) -> Result<(), String> {
    let at = |e: io::Error| format!("making {}: {e}", work.display());
    fs::create_dir_all(work).map_err(at)?;
    let work = &work.canonicalize().map_err(at)?;
    let jail = Jail { place: work.to_owned(), work_bytes: 1 << 20, files: Vec::new(), tree: None, tun: false };
    let order = LaunchOrder {
        walls: Walls::UserNamespace,
        without: without.clone(),
        cgroup: Vec::new(),
        network: NetworkNamespace::Own,
        group: None,
        jail,
        limits: ProcessLimits { file_size: GAP, files: FILES },
        processor: None,
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
    let file = emptied(state, &path).map_err(at)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|e| at(e.into()))?;
    Ok(file.into())
}

/// A file of the data directory with nothing in it, for writing; a link in its place is not followed.
fn emptied(state: &State, path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    beneath::open(state.layout.data(), path, flags, rustix::fs::Mode::from_raw_mode(0o600)).map(File::from)
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
    lchown(&path, None, Some(state.panel.gid.as_raw())).map_err(at)?;
    Ok(listener)
}

fn open_ring(state: &State, guest: GuestId) -> Result<File, Refusal> {
    let path = state.layout.ring(guest);
    let at = |e| failed_at("making the console ring", &path)(e);
    let mode = rustix::fs::Mode::from_raw_mode(0o640);
    let file = beneath::open(state.layout.data(), &path, OFlags::RDWR | OFlags::CREATE, mode).map_err(at)?;
    fchown(&file, None, Some(state.panel.gid.as_raw())).map_err(at)?;
    Ok(file.into())
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

/// Where a guest's work directory may lie: its mount point, and places that every user may write to, for
/// where nothing can be mounted.
fn work_places(state: &State, guest: GuestId) -> Vec<PathBuf> {
    let name = format!("umbel-{}-{}", state.layout.instance(), guest.short());
    let others = ["/dev/shm", "/tmp", "/var/tmp"].map(|place| Path::new(place).join(&name));
    [state.layout.work(guest)].into_iter().chain(others).collect()
}

/// A mount point; without a mount namespace, a directory that programs may be mapped from and that has
/// room for the guest's memory.
fn make_work(state: &State, guest: GuestId, memory: Memory, uid: u32) -> Result<PathBuf, Refusal> {
    let wanted = memory.bytes() + WORK_EXTRA;
    let mounts = state.has_mounts();
    let mut places = work_places(state, guest);
    if mounts {
        places.truncate(1);
    }
    let fits = |place: &PathBuf| mounts || place.parent().is_some_and(|dir| has_room(dir, wanted));
    let Some(place) = places.iter().find(|place| fits(place)) else {
        let tried: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        let error = format!("none of {} has {} MiB and allows programs", tried.join(", "), wanted >> 20);
        return Err(Refusal::Failed { step: "finding a place for the guest's memory".into(), error });
    };
    let at = |e| failed_at("making the work directory", place)(e);
    // Not followed where it is a link.
    if fs::symlink_metadata(place).is_ok() {
        fs::remove_dir_all(place).map_err(at)?;
    }
    fs::DirBuilder::new().recursive(false).mode(0o700).create(place).map_err(at)?;
    if !mounts {
        lchown(place, Some(uid), None).map_err(at)?;
    }
    // The run directory is the administrator's choice and may lie behind links; nothing in it does.
    let Ok(inside) = place.strip_prefix(state.layout.run()) else { return Ok(place.clone()) };
    Ok(state.layout.run().canonicalize().map_err(at)?.join(inside))
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
            LaunchReply::Failed { wall: Some(wall), step, error } => {
                refused = Some(Refusal::Wall { wall: wall.to_string(), reason: format!("{step}: {error}") });
            }
            LaunchReply::Failed { wall: None, step, error } => refused = Some(Refusal::Failed { step, error }),
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
