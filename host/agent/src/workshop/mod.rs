//! A guest of the agent's own, for one task: what somebody sent is unpacked, converted and made to fit in there, behind
//! the same walls as any tenant's guest and without a network. No kernel and no program of the host reads a file system
//! or an archive of theirs; what can go wrong in there is that their image is not theirs.
//!
//! Its root is in memory: programs of the host, and a script. One disk it reads, the other it writes.
//!
//! There are two such places, each for one task at a time: who looks at files waits for no image.

mod initramfs;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use umbel_guest::files::{FileAsk, FilePath, LIST_MAX};
use umbel_guest::publish::{Found, Trace};
use umbel_guest::{Boot, Clock, Generation, GuestId, KernelMode, Memory};
use umbel_wire::agent::Refusal;
use umbel_wire::launch::{Packing, RootDisk, ShimOrder, Source, Task};
use umbel_wire::ring::{Kept, RingReader};

use crate::image::read_percent;
use crate::kernels::Kernel;
use crate::launch::{self, Plug, Start};
use crate::ledger::Run;
use crate::state::{State, Walls, failed, failed_at};
use crate::{in_full, libraries, process, request};
use initramfs::Initramfs;

const INIT: &[u8] = include_bytes!("init.sh");
const LAYERS: &[u8] = include_bytes!("layers.sh");
const PUBLISH: &[u8] = include_bytes!("publish.sh");
const TRACES: &[u8] = include_bytes!("traces");
const FILES: &[u8] = include_bytes!("files.sh");
/// What a root gets that was made of an image of containers.
const CONTAINER_RC: &str = concat!(
    include_str!("container-rc.sh"),
    "(\n",
    include_str!("../../../guest/src/place.sh"),
    ")\n[ ! -b /dev/ubdb ] || /umbel/sh /umbel/setup &\n"
);
const CONTAINER_START: &[u8] = include_bytes!("container-start.sh");
const MEMORY_MIB: u32 = 256;
/// How often it is looked at what somebody wants, and at how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// Before an answer at the end of what it said.
const ANSWER: &str = "workshop: ";
/// So much of the end is looked at.
const SAID_MAX: u64 = 32 * 1024;
/// Of one kind of traces.
const NAMES_MAX: usize = 5;
const NAME_MAX: usize = 120;
const SECTOR: u64 = 512;

/// What a task needs, and the Debian package that has it.
type Tool = (&'static str, &'static str);
const BUSYBOX: Tool = ("/bin/busybox", "busybox-static");

/// Where a task is worked on, each with a guest and a user of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    Images,
    /// Files of disks, for whoever waits for them.
    Files,
}

impl Bench {
    pub const ALL: [Self; 2] = [Self::Images, Self::Files];

    /// The one that it always is, in each instance.
    pub fn guest(self) -> GuestId {
        let id = match self {
            Self::Images => "756d6265-6c00-4000-8000-776f726b7368",
            Self::Files => "756d6265-6c00-4000-8000-72656164696e",
        };
        id.parse().unwrap_or_else(|_| unreachable!("an id"))
    }

    fn uid(self, state: &State) -> u32 {
        match (&state.walls, self) {
            (Walls::Hosting { range, .. }, Self::Images) => range.last(),
            (Walls::Hosting { range, .. }, Self::Files) => range.reader(),
            (Walls::Personal { .. }, _) => nix::unistd::Uid::effective().as_raw(),
        }
    }
}

/// How long a task may take. Some 50 MB of a tar archive are unpacked in a second.
fn patience(task: Task) -> Duration {
    Duration::from_secs(match task {
        Task::Files { ask: FileAsk::List, .. } => 60,
        Task::Files { .. } => 600,
        _ => 1800,
    })
}

#[derive(Debug, PartialEq, Eq)]
pub enum WorkError {
    /// It does not fit on the disk that it comes onto.
    Full,
    /// What was sent is no good, and why.
    Bad(String),
    Refused(Refusal),
}

impl From<Refusal> for WorkError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn tools(task: Task) -> Vec<Tool> {
    let of_task: &[Tool] = match task {
        Task::Unpack { packing, .. } => match packing {
            Packing::Xz => &[("/usr/bin/xz", "xz-utils")],
            Packing::None | Packing::Bzip2 | Packing::Gzip | Packing::Zstd => &[],
        },
        Task::Convert => &[("/usr/bin/qemu-img", "qemu-utils")],
        Task::Grow => &[("/sbin/e2fsck", "e2fsprogs"), ("/sbin/resize2fs", "e2fsprogs")],
        Task::Files { .. } => &[
            ("/usr/bin/find", "findutils"),
            ("/usr/bin/xargs", "findutils"),
            ("/usr/bin/dd", "coreutils"),
            ("/usr/bin/head", "coreutils"),
            ("/usr/bin/sort", "coreutils"),
            ("/usr/bin/tee", "coreutils"),
            ("/usr/bin/tar", "tar"),
        ],
        Task::Traces => &[("/sbin/dumpe2fs", "e2fsprogs"), ("/sbin/e2fsck", "e2fsprogs")],
        Task::Publish { .. } => &[
            ("/sbin/dumpe2fs", "e2fsprogs"),
            ("/sbin/e2fsck", "e2fsprogs"),
            ("/sbin/mke2fs", "e2fsprogs"),
            ("/usr/bin/tar", "tar"),
        ],
    };
    let archive: &[Tool] = match task {
        Task::Unpack { .. } => &[
            ("/usr/bin/tar", "tar"),
            ("/usr/bin/tee", "coreutils"),
            ("/sbin/mke2fs", "e2fsprogs"),
            // What layers of containers are packed with, whatever the whole is, and what reads their configuration.
            ("/usr/bin/gzip", "gzip"),
            ("/usr/bin/zstd", "zstd"),
            ("/usr/bin/jq", "jq"),
        ],
        Task::Convert | Task::Grow | Task::Traces | Task::Publish { .. } | Task::Files { .. } => &[],
    };
    [&[BUSYBOX], of_task, archive].concat()
}

/// What the workshop answers. All of it is a guest's word.
#[derive(Debug, PartialEq, Eq)]
pub struct Worked {
    /// How many of the disk that is written count; of [`Task::Traces`], how many the files take.
    pub bytes: u64,
    /// Only of [`Task::Traces`].
    pub found: Vec<Found>,
}

/// Works on the task, in a directory that is the caller's. Both disks are given to the guest's user; the one that is read
/// must be long by whole sectors.
pub fn work(state: &State, place: &Path, from: Source, to: &Path, task: Task) -> Result<Worked, WorkError> {
    work_on(state, Bench::Images, place, from, to, task, None)
}

/// Reads what has that path, onto the disk that is written.
pub fn read(
    state: &State,
    place: &Path,
    from: Source,
    to: &Path,
    (ask, path): (FileAsk, &FilePath),
) -> Result<u64, WorkError> {
    // One more than is listed says that there are more.
    let task = Task::Files { ask, most: LIST_MAX as u64 + 1 };
    Ok(work_on(state, Bench::Files, place, from, to, task, Some(path))?.bytes)
}

fn work_on(
    state: &State,
    bench: Bench,
    place: &Path,
    from: Source,
    to: &Path,
    task: Task,
    path: Option<&FilePath>,
) -> Result<Worked, WorkError> {
    let (guest, uid) = (bench.guest(), bench.uid(state));
    let initrd = place.join("initrd");
    pack(&initrd, task, path)?;
    let reading = if from.written().is_some() { 0o600 } else { 0o400 };
    for (disk, mode) in [(from.file(), reading), (to, 0o600)] {
        let given = fs::set_permissions(disk, fs::Permissions::from_mode(mode));
        given.and_then(|()| lchown(disk, Some(uid), None)).map_err(failed_at("giving to the workshop", disk))?;
    }
    sweep(state, bench)?;
    let directory = state.layout.guest(guest);
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(&directory);
    made.map_err(failed_at("making", &directory))?;
    let read = match (&from, task) {
        (Source::File { file }, Task::Unpack { .. } | Task::Convert) => Some(file.clone()),
        _ => None,
    };
    let root_disk = RootDisk::Tools { initrd, from, to: to.to_owned(), task };
    let said = start(state, guest, uid, root_disk).and_then(|run| {
        let ended = wait(state, &run, (bench, patience(task)), read.as_deref());
        let said = said(state, guest);
        ended.and(said)
    });
    let swept = sweep(state, bench);
    let said = said?;
    swept?;
    Ok(Worked { bytes: answer(&said)?, found: found(&said) })
}

/// Ends what an agent that was killed has left, or what has taken too long, and all that belongs to it.
pub fn sweep(state: &State, bench: Bench) -> Result<(), Refusal> {
    let guest = bench.guest();
    if let Some(run) = launch::noted(state, guest, Generation::FIRST).filter(|run| process::open(run).is_some()) {
        request::end_run(state, guest, &run)?;
        process::reap(run.pid);
    }
    launch::take_away(state, guest).map_err(|e| failed("taking the workshop away")(&e))?;
    let directory = state.layout.guest(guest);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed_at("removing", &directory)(error)),
        _ => Ok(()),
    }
}

fn pack(initrd: &Path, task: Task, path: Option<&FilePath>) -> Result<(), Refusal> {
    let tools = tools(task);
    if let Some((path, package)) = tools.iter().find(|(path, _)| !Path::new(path).exists()) {
        return Err(Refusal::NotHere {
            what: format!("do that: {path} is missing, the Debian package {package} has it"),
        });
    }
    let programs: Vec<&Path> = tools.iter().map(|(path, _)| Path::new(path)).collect();
    let libraries = libraries::closure(&programs, None).map_err(|e| failed("finding the libraries of tools")(&e))?;
    let write = || -> io::Result<()> {
        let mut archive = Initramfs::new(BufWriter::new(File::create(initrd)?))?;
        archive.program(Path::new("/init"), INIT)?;
        archive.program(Path::new("/layers"), LAYERS)?;
        archive.program(Path::new("/publish"), PUBLISH)?;
        archive.program(Path::new("/traces"), TRACES)?;
        archive.program(Path::new("/files"), FILES)?;
        if let Some(path) = path {
            let above: Vec<u8> = path.above().flat_map(|above| ended(&above)).collect();
            archive.program(Path::new("/above"), &above)?;
            archive.program(Path::new("/last"), &ended(path))?;
        }
        archive.program(Path::new("/container/rc"), CONTAINER_RC.as_bytes())?;
        archive.program(Path::new("/container/start"), CONTAINER_START)?;
        archive.program(Path::new("/container/setup"), umbel_guest::setup::SCRIPT.as_bytes())?;
        archive.program(Path::new("/container/files"), umbel_guest::parcel::SCRIPT.as_bytes())?;
        programs.iter().try_for_each(|program| archive.copy(program, program))?;
        libraries.iter().try_for_each(|library| archive.copy(&library.from, &library.to))?;
        archive.finish().map(drop)?;
        fs::set_permissions(initrd, fs::Permissions::from_mode(0o644))
    };
    write().map_err(failed_at("packing tools into", initrd))
}

/// A path as programs take it out of a file.
fn ended(path: &FilePath) -> Vec<u8> {
    let mut bytes = path.relative();
    bytes.push(0);
    bytes
}

/// The host's own choice of a kernel.
fn kernel(state: &State) -> Result<Kernel, Refusal> {
    let all = state.kernels.all();
    let first = all.iter().find(|kernel| kernel.is_default).or(all.first());
    let none = || Refusal::NotHere { what: "work on images: there is no kernel".into() };
    state.kernels.find(&first.ok_or_else(none)?.id)
}

fn start(state: &State, guest: GuestId, uid: u32, root_disk: RootDisk) -> Result<Run, Refusal> {
    let _used = state.kernels.use_one();
    let kernel = kernel(state)?;
    let is_fast = kernel.features.modes.contains(&KernelMode::Fast);
    let order = ShimOrder {
        guest,
        generation: Generation::FIRST,
        name: "workshop".parse().unwrap_or_else(|_| unreachable!("a name")),
        kernel: kernel.file,
        preload: state.preload.clone(),
        memory: Memory::from_mib(MEMORY_MIB).unwrap_or(Memory::DEFAULT),
        mode: if is_fast { KernelMode::Fast } else { KernelMode::Strict },
        clock: Clock::Real,
        boot: Boot::Normal,
        root_disk,
        setup: None,
        volumes: None,
        card: None,
        work: state.layout.work(guest),
        filters: request::filters(state)?,
    };
    let plug = Plug::default();
    launch::launch(state, &Start { order, uid, plug, kernel_libraries: kernel.libraries, tree: None })
}

/// For the end of the guest, unless somebody stops the image that it works for. `read` is what it reads from one end to the
/// other.
fn wait(state: &State, run: &Run, (bench, patience): (Bench, Duration), read: Option<&Path>) -> Result<(), Refusal> {
    let Some(process) = process::open(run) else { return Ok(()) };
    let look = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::MAX);
    let until = Instant::now() + patience;
    loop {
        // Readable once the process has ended (pidfd_open(2)).
        match poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], look) {
            Ok(0) if Instant::now() > until => {
                let error = format!("it takes longer than {} minutes", patience.as_secs() / 60);
                return Err(Refusal::Failed { step: "working on the disk".into(), error });
            }
            Ok(0) if bench == Bench::Files => {}
            Ok(0) => state.making.look(read.and_then(|file| read_percent(run.pid, file)))?,
            Ok(_) => {
                // As long as it is on the table it seems to run.
                process::reap(run.pid);
                return Ok(());
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(failed("waiting for the workshop")(&error)),
        }
    }
}

/// The end of its console.
fn said(state: &State, guest: GuestId) -> Result<String, Refusal> {
    let path = state.layout.ring(guest);
    let ring = RingReader::new(File::open(&path).map_err(failed_at("opening", &path))?);
    let read = ring.extent().and_then(|extent| {
        ring.read(extent.end.saturating_sub(SAID_MAX).max(extent.boot), usize::try_from(SAID_MAX).unwrap_or(usize::MAX))
    });
    match read.map_err(|e| failed("reading what the workshop said")(&e))? {
        Kept::Bytes { bytes, .. } => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Kept::Gap { .. } | Kept::End | Kept::Beyond { .. } => Ok(String::new()),
    }
}

fn answer(said: &str) -> Result<u64, WorkError> {
    let last = said.lines().rev().find_map(|line| line.trim_end().strip_prefix(ANSWER));
    let failed = |error| WorkError::Refused(Refusal::Failed { step: "working on the image".into(), error });
    let unknown = || {
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim();
        failed(format!("it ended without an answer: {}", last.chars().take(200).collect::<String>()))
    };
    let (word, rest) = last.map(|last| last.split_once(' ').unwrap_or((last, ""))).ok_or_else(unknown)?;
    match word {
        "done" => rest.parse().map_err(|_| unknown()),
        "full" => Err(WorkError::Full),
        "bad" if rest.is_empty() => Err(WorkError::Bad("it can't be read".into())),
        "bad" => Err(WorkError::Bad(rest.to_owned())),
        "failed" => Err(failed(rest.to_owned())),
        _ => Err(unknown()),
    }
}

/// What it has found, as far as that makes sense.
fn found(said: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for words in said.lines().filter_map(|line| line.trim_end().strip_prefix(ANSWER)) {
        let Some((word, (kind, rest))) =
            words.split_once(' ').and_then(|(word, rest)| Some((word, rest.split_once(' ')?)))
        else {
            continue;
        };
        let Ok(trace) = kind.parse::<Trace>() else { continue };
        let known = all.iter_mut().find(|found| found.trace == trace);
        match (word, known) {
            ("trace", None) => {
                if let Some((Ok(files), Ok(bytes))) = rest.split_once(' ').map(|(f, b)| (f.parse(), b.parse())) {
                    all.push(Found { trace, files, bytes, names: Vec::new() });
                }
            }
            ("name", Some(found)) if found.names.len() < NAMES_MAX => {
                let printable = rest.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
                found.names.push(printable.take(NAME_MAX).collect());
            }
            _ => {}
        }
    }
    all.sort_by_key(|found| found.trace);
    all
}

/// The length of a disk that is read: a kernel leaves away what is less than a sector at its end.
pub fn sectors(bytes: u64) -> u64 {
    bytes.next_multiple_of(SECTOR)
}

/// As an agent begins.
pub fn recover(state: &State) {
    for refusal in Bench::ALL.into_iter().filter_map(|bench| sweep(state, bench).err()) {
        tracing::error!(cause = in_full(&refusal), "something of the workshop stays on the host");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_told_once_for_each_kind_and_never_longer_than_that() {
        let long = "x".repeat(500);
        let said = format!(
            "workshop: name logs /before\r\nworkshop: trace logs 7 4096\r\n{}workshop: trace logs 1 1\r\n\
             workshop: trace mail many 1\r\nworkshop: trace nonsense 1 1\r\nworkshop: trace host_keys 2 10\r\n\
             workshop: name logs a\u{1b}[31m {long}\r\nworkshop: done 1\r\n",
            "workshop: name logs /var/log/x\r\n".repeat(4),
        );
        let found = found(&said);
        assert_eq!(found.iter().map(|found| found.trace).collect::<Vec<_>>(), [Trace::HostKeys, Trace::Logs]);
        assert_eq!((found[1].files, found[1].bytes, found[1].names.len()), (7, 4096, NAMES_MAX));
        assert_eq!(found[1].names[4], format!("a[31m {}", &long[..NAME_MAX - 6]));
    }

    #[test]
    fn the_last_word_counts_and_silence_is_none() {
        assert_eq!(answer("boot\r\nworkshop: bad no\r\nworkshop: done 4096\r\n\r\n"), Ok(4096));
        assert_eq!(answer("workshop: full\r\n"), Err(WorkError::Full));
        assert_eq!(answer("workshop: bad tar: no\r\n"), Err(WorkError::Bad("tar: no".into())));
        for said in ["", "Kernel panic\r\n", "workshop: done many\r\n", "workshop: failed mounting\r\n"] {
            assert!(matches!(answer(said), Err(WorkError::Refused(Refusal::Failed { .. }))), "{said}");
        }
    }
}
