//! Volumes: disks that guests have beside their own. Each is a sparse file that is root's alone, and of which a guest that
//! runs has a second name in a directory of its own, so that nothing has to be mounted for one that comes while it runs.
//!
//! Those second names are the record of who has what. Who writes to a volume is its file's owner and has it alone; one
//! that several read belongs to root, and they see it through a mount that is only read. What a name is given to and taken
//! from is done one at a time, and always in this order: while nobody has it the file is root's, and no process of a guest
//! can have it open.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::unistd::Uid;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use umbel_guest::{DiskSize, Generation, GuestId, Seen, VolumeAccess, VolumeId};
use umbel_wire::agent::{Refusal, VolumeAt, VolumeFacts};
use umbel_wire::launch::{VolumeDisk, Volumes, volumes_with};

use crate::disk::{lock, taken};
use crate::host::check_room;
use crate::ledger::Run;
use crate::shelf::{self, Shelf};
use crate::state::{State, failed, failed_at};
use crate::{beneath, control, in_full, process};

/// Of fcntl(2), which libc has not.
const F_SETSIG: libc::c_int = 10;
/// Why somebody else can't have it.
const ANOTHERS: &str = "another guest that runs has it";
const OPEN: &str = "a process of the host has it open";
const KEPT_OPEN: &str = "the guest's kernel has not let go of it; it does at its end";

/// Makes it. Repeating it does no harm.
pub fn create(state: &State, volume: VolumeId, size: DiskSize) -> Result<(), Refusal> {
    let _turn = turn(state);
    match open(state, volume) {
        Ok((_, facts)) if facts.len() == size.bytes() => return Ok(()),
        Ok((_, facts)) => return Err(another_size(volume, facts.len(), size)),
        Err(Refusal::UnknownVolume { .. }) => {}
        Err(refusal) => return Err(refusal),
    }
    check_room(&state.layout, size.bytes())?;
    let shelf = Shelf::new(state.layout.volumes());
    let make = || {
        let coming = shelf.begin(&volume.to_string())?;
        let file = File::options().write(true).create_new(true).mode(0o600).open(&coming)?;
        file.set_len(size.bytes())?;
        file.sync_all()?;
        shelf.put(&coming, &volume.to_string())
    };
    make().map_err(failed_at("making", &state.layout.volume(volume)))
}

/// Makes it larger, while nobody has it. Repeating it does no harm.
pub fn grow(state: &State, volume: VolumeId, size: DiskSize) -> Result<(), Refusal> {
    let _turn = turn(state);
    let (_, facts) = open(state, volume)?;
    if facts.len() == size.bytes() {
        return Ok(());
    }
    check_free(state, volume)?;
    check_room(&state.layout, size.bytes().saturating_sub(facts.len()))?;
    lengthen(state, volume, facts.len(), size)
}

/// Removes it for good, while nobody has it. Repeating it does no harm.
pub fn remove(state: &State, volume: VolumeId) -> Result<(), Refusal> {
    let _turn = turn(state);
    match check_free(state, volume) {
        Ok(()) | Err(Refusal::UnknownVolume { .. }) => {}
        Err(refusal) => return Err(refusal),
    }
    let gone = Shelf::new(state.layout.volumes()).take_away(&volume.to_string());
    gone.map_err(failed_at("removing", &state.layout.volume(volume)))
}

pub fn all(state: &State) -> Result<Vec<VolumeFacts>, Refusal> {
    let _turn = turn(state);
    let path = state.layout.volumes();
    let entries = fs::read_dir(&path).map_err(failed_at("reading", &path))?.filter_map(Result::ok);
    // What is half there has no id for a name.
    let volumes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let facts = |volume| match open(state, volume) {
        Ok((_, facts)) => {
            let held_by = holders(state, volume, &facts).into_iter().map(|(guest, _)| guest).collect();
            Some(VolumeFacts { volume, size_bytes: facts.len(), taken_bytes: taken(&facts), held_by })
        }
        // One that somebody has put something else in the place of is not all of them.
        Err(refusal) => {
            tracing::warn!(%volume, %refusal, "a volume can't be looked at");
            None
        }
    };
    Ok(volumes.filter_map(facts).collect())
}

/// Gives it to a guest that runs. Repeating it does no harm. To be called in the guest's turn.
pub fn attach(state: &State, guest: GuestId, generation: Generation, at: &VolumeAt) -> Result<(), Refusal> {
    let (uid, run) = running(state, guest, generation)?;
    let disk = disk_of(at);
    let had_it = links(state, guest).contains(&disk);
    {
        let _turn = turn(state);
        hold(state, guest, uid, at)?;
    }
    let given = let_write(&run, at.size.bytes()).and_then(|()| control::volume_add(state, guest, disk));
    given.inspect_err(|_| {
        // What the kernel has taken all the same is its own until its end.
        if !had_it && let Err(error) = let_go(state, guest, uid, disk) {
            tracing::warn!(%guest, volume = %disk.volume, cause = in_full(&error), "a volume stays with a guest");
        }
    })
}

/// Takes it from a guest that runs. Repeating it does no harm. To be called in the guest's turn.
pub fn detach(state: &State, guest: GuestId, generation: Generation, volume: VolumeId) -> Result<(), Refusal> {
    let (uid, _) = running(state, guest, generation)?;
    let Some(disk) = links(state, guest).into_iter().find(|disk| disk.volume == volume) else { return Ok(()) };
    control::volume_take(state, guest, disk)?;
    let_go(state, guest, uid, disk)
}

/// Before a start: the guest's place for volumes, and what it has there from its first moment. `owner` is its user, and
/// the group of its processes where that has another number.
pub fn hold_all(
    state: &State,
    guest: GuestId,
    owner: (u32, Option<u32>),
    all: &[VolumeAt],
) -> Result<Volumes, Refusal> {
    let (uid, group) = owner;
    release_all(state, guest).map_err(|(path, error)| failed_at("removing", &path)(error))?;
    let place = state.layout.guest_volumes(guest);
    make_place(&place, group.unwrap_or(uid)).map_err(failed_at("making", &place))?;
    let _turn = turn(state);
    all.iter().try_for_each(|at| hold(state, guest, uid, at))?;
    Ok(Volumes { place, disks: all.iter().map(disk_of).collect() })
}

/// When no process of the guest is left.
pub fn release_all(state: &State, guest: GuestId) -> Result<(), (PathBuf, io::Error)> {
    let _turn = turn(state);
    links(state, guest).into_iter().try_for_each(|disk| release(state, guest, disk))
}

/// What an agent left that was killed over something.
pub fn recover(state: &State) {
    Shelf::new(state.layout.volumes()).sweep();
    let over = state.entries().into_iter().filter(|(_, entry)| !entry.seen.is_alive() && entry.run.is_none());
    for (guest, _) in over {
        if let Err((path, error)) = release_all(state, guest) {
            tracing::error!(path = %path.display(), cause = in_full(&error), "a volume stays with a guest that is off");
        }
    }
}

/// What those that the guest may write to take of the host's disk, and how much they may: in bytes.
pub fn written_to(state: &State, guest: GuestId) -> (u64, u64) {
    let place = state.layout.guest_volumes(guest);
    let written = links(state, guest).into_iter().filter(|disk| disk.access == VolumeAccess::ReadWrite);
    let facts = written.filter_map(|disk| fs::symlink_metadata(disk.file(&place)).ok());
    facts.fold((0, 0), |(took, length), facts| (took + taken(&facts), length + facts.len()))
}

fn turn(state: &State) -> MutexGuard<'_, ()> {
    state.volumes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Its user and its run.
pub(crate) fn running(state: &State, guest: GuestId, generation: Generation) -> Result<(u32, Run), Refusal> {
    control::check_heard(state, guest, generation)?;
    let entry = state.entry(guest).ok_or(Refusal::NotRunning)?;
    match entry.seen {
        Seen::Running { .. } => Ok((entry.uid, entry.run.ok_or(Refusal::NotRunning)?)),
        Seen::Paused { .. } => Err(Refusal::IsPaused),
        // Its kernel hears nothing yet, or nothing more.
        Seen::Starting | Seen::Stopping => Err(Refusal::StillRunning),
        Seen::Gone | Seen::Ended { .. } => Err(Refusal::NotRunning),
    }
}

/// Gives the guest a name for it, if nobody shuts it out. Repeating it does no harm.
fn hold(state: &State, guest: GuestId, uid: u32, at: &VolumeAt) -> Result<(), Refusal> {
    let (volume, disk) = (at.volume, disk_of(at));
    let in_use = |reason: &str| Refusal::VolumeInUse { volume, reason: reason.to_owned() };
    let (file, facts) = open(state, volume)?;
    let own = links(state, guest);
    if let Some(other) = own.iter().find(|own| **own != disk && (own.slot == at.slot || own.volume == volume)) {
        let reason = format!("the guest has {} at {}", other.volume, other.slot.device());
        return Err(Refusal::BadVolume { volume, reason });
    }
    let holders = holders(state, volume, &facts);
    let others: Vec<VolumeAccess> = holders.iter().filter(|(of, _)| *of != guest).map(|(_, access)| *access).collect();
    if !at.access.fits(&others) {
        return Err(in_use(ANOTHERS));
    }
    if holders.is_empty() {
        // Whatever was killed over it: until its guest has a name for it, nobody but root can open it.
        give(&file, None).map_err(failed_at("closing to everybody", &state.layout.volume(volume)))?;
        check_unused(state, volume, &file, at.access)?;
        lengthen(state, volume, facts.len(), at.size)?;
    }
    let link = disk.file(&state.layout.guest_volumes(guest));
    if !own.contains(&disk) {
        let linked = fs::hard_link(state.layout.volume(volume), &link);
        linked.map_err(failed_at("giving to its guest", &link))?;
    }
    give(&file, Some((at.access, uid))).map_err(failed_at("giving to its guest", &link))
}

/// After the kernel has let go of it, or says so.
fn let_go(state: &State, guest: GuestId, uid: u32, disk: VolumeDisk) -> Result<(), Refusal> {
    let _turn = turn(state);
    let (file, _) = open(state, disk.volume)?;
    if disk.access == VolumeAccess::ReadWrite {
        let at = |error| failed_at("taking from its guest", &state.layout.volume(disk.volume))(error);
        give(&file, None).map_err(at)?;
        if is_written_to(&file).map_err(at)? {
            give(&file, Some((disk.access, uid))).map_err(at)?;
            return Err(Refusal::VolumeInUse { volume: disk.volume, reason: KEPT_OPEN.into() });
        }
    }
    release(state, guest, disk).map_err(|(path, error)| failed_at("taking from its guest", &path)(error))
}

/// Takes the guest's name for it away.
fn release(state: &State, guest: GuestId, disk: VolumeDisk) -> Result<(), (PathBuf, io::Error)> {
    let link = disk.file(&state.layout.guest_volumes(guest));
    if let Ok((file, facts)) = open(state, disk.volume)
        && holders(state, disk.volume, &facts).iter().all(|(of, _)| *of == guest)
    {
        give(&file, None).map_err(|error| (link.clone(), error))?;
    }
    shelf::remove(&link).map_err(|error| (link, error))
}

/// While it is root's alone: whoever can have it open already does.
fn check_unused(state: &State, volume: VolumeId, file: &File, access: VolumeAccess) -> Result<(), Refusal> {
    let in_use = || Refusal::VolumeInUse { volume, reason: OPEN.into() };
    let path = state.layout.volume(volume);
    if is_written_to(file).map_err(failed_at("asking who has open", &path))? {
        return Err(in_use());
    }
    if access == VolumeAccess::ReadWrite {
        // A kernel that somebody has started by hand locks what it reads.
        let file = File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&path);
        lock(&file.map_err(failed_at("opening", &path))?).map_err(|_| in_use())?;
    }
    Ok(())
}

/// Whether any process has it open for writing, by whatever name, or mapped: if none has, the host's kernel gives a lease
/// for reading (fcntl(2), F_SETLEASE), which is given back at once.
#[expect(unsafe_code, reason = "fcntl(2) with what no crate wraps")]
fn is_written_to(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is open, and each of these takes a number.
    let set = |what, value: libc::c_int| Errno::result(unsafe { libc::fcntl(file.as_raw_fd(), what, value) });
    // Who opens it in this moment is told of by a signal: by one that ends nobody.
    set(F_SETSIG, libc::SIGURG)?;
    match set(libc::F_SETLEASE, libc::F_RDLCK) {
        Ok(_) => {
            set(libc::F_SETLEASE, libc::F_UNLCK)?;
            Ok(false)
        }
        Err(Errno::EAGAIN) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// To a guest that may write to it, to any that only read it, or back to nobody.
pub(crate) fn give(file: &File, to: Option<(VolumeAccess, u32)>) -> io::Result<()> {
    let root = Uid::effective().as_raw();
    let (mode, owner) = match to {
        Some((VolumeAccess::ReadWrite, uid)) => (0o600, uid),
        Some((VolumeAccess::ReadOnly, _)) => (0o444, root),
        None => (0o600, root),
    };
    // Whoever had it could change the mode back.
    if owner == root {
        fchown(file, Some(owner), None)?;
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    fchown(file, Some(owner), None)
}

/// A shorter file becomes as long; a longer one holds what would be out of reach.
fn lengthen(state: &State, volume: VolumeId, have: u64, size: DiskSize) -> Result<(), Refusal> {
    if have > size.bytes() {
        return Err(another_size(volume, have, size));
    }
    if have == size.bytes() {
        return Ok(());
    }
    let path = state.layout.volume(volume);
    let file = File::options().write(true).custom_flags(libc::O_NOFOLLOW).open(&path);
    let longer = file.and_then(|file| file.set_len(size.bytes()).and_then(|()| file.sync_all()));
    longer.map_err(failed_at("making longer", &path))
}

fn another_size(volume: VolumeId, have: u64, size: DiskSize) -> Refusal {
    let reason = format!("it has {have} bytes, not {}, and never becomes smaller", size.bytes());
    Refusal::BadVolume { volume, reason }
}

fn open(state: &State, volume: VolumeId) -> Result<(File, fs::Metadata), Refusal> {
    let path = state.layout.volume(volume);
    beneath::regular(state.layout.data(), &path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::UnknownVolume { volume },
        _ => failed_at("opening", &path)(error),
    })
}

fn check_free(state: &State, volume: VolumeId) -> Result<(), Refusal> {
    let (_, facts) = open(state, volume)?;
    if holders(state, volume, &facts).is_empty() {
        return Ok(());
    }
    Err(Refusal::VolumeInUse { volume, reason: "a guest that runs has it".into() })
}

/// Guests that have a name for it.
fn holders(state: &State, volume: VolumeId, facts: &fs::Metadata) -> Vec<(GuestId, VolumeAccess)> {
    // Mostly nobody: then there is no other name.
    if facts.nlink() == 1 {
        return Vec::new();
    }
    let guests = state.entries().into_iter().map(|(guest, _)| guest);
    let held = guests.flat_map(|guest| links(state, guest).into_iter().map(move |disk| (guest, disk)));
    held.filter(|(_, disk)| disk.volume == volume).map(|(guest, disk)| (guest, disk.access)).collect()
}

/// What the guest has names for.
fn links(state: &State, guest: GuestId) -> Vec<VolumeDisk> {
    let place = state.layout.guest_volumes(guest);
    let with = |access| {
        let entries = fs::read_dir(volumes_with(&place, access)).into_iter().flatten().filter_map(Result::ok);
        entries.filter_map(move |entry| VolumeDisk::of_name(entry.file_name().to_str()?, access))
    };
    VolumeAccess::ALL.into_iter().flat_map(with).collect()
}

fn disk_of(at: &VolumeAt) -> VolumeDisk {
    VolumeDisk { volume: at.volume, slot: at.slot, access: at.access }
}

/// Root's, so that no name is made in there but ours; and closed to everybody but the guest's own group.
fn make_place(place: &Path, group: u32) -> io::Result<()> {
    let is_root = Uid::effective().is_root();
    let [closed, pass] = if is_root { [0o710, 0o711] } else { [0o700, 0o700] };
    let inside = VolumeAccess::ALL.map(|access| (volumes_with(place, access), pass));
    for (path, mode) in [(place.to_owned(), closed)].into_iter().chain(inside) {
        match DirBuilder::new().mode(mode).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => fs::set_permissions(&path, Permissions::from_mode(mode))?,
        }
    }
    if is_root { lchown(place, None, Some(group)) } else { Ok(()) }
}

/// A guest's processes write no file that is longer than the longest it began with: that is raised for a longer one.
pub(crate) fn let_write(run: &Run, bytes: u64) -> Result<(), Refusal> {
    for pid in process::descendants(run.pid) {
        if longest_file(pid).is_none_or(|most| most >= bytes) {
            continue;
        }
        let most = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        match prlimit(Pid::from_raw(pid), Resource::Fsize, most) {
            // It has ended meanwhile.
            Ok(_) | Err(rustix::io::Errno::SRCH) => {}
            Err(rustix::io::Errno::PERM) => {
                let what = "give so large a volume to a guest that runs; it can at the guest's next start".into();
                return Err(Refusal::NotHere { what });
            }
            Err(error) => return Err(failed("letting the guest write so long a file")(&error)),
        }
    }
    Ok(())
}

/// `None` where there is no limit, or no process.
fn longest_file(pid: i32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file size"))?;
    // The soft one and the hard one are the same.
    line.split_whitespace().next()?.parse().ok()
}
