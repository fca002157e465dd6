//! Copies of a disk that are kept beside it, and swapping a disk for one of them or for a fresh one.
//!
//! A copy of a copy-on-write disk is another child of the same base: it takes what its guest has written. Where the file
//! system can, it shares its blocks with the disk (`FICLONE`, ioctl_ficlone(2)); elsewhere they are copied, and a guest
//! that runs stands still for as long. What is swapped out is only renamed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use umbel_guest::{Generation, GuestId, Seen, SnapshotId, SysRqKey};
use umbel_wire::Layout;
use umbel_wire::agent::{DiskFacts, DiskSource, Refusal, SnapshotFacts};

use super::{DiskError, begin, check_unused, create, finish, place, refusal, sparse_copy, taken, whole};
use crate::ledger::Entry;
use crate::policy::check_generation;
use crate::state::{State, failed, failed_at};
use crate::{beneath, control, host, in_full, shelf};

/// A guest that was asked to write everything has done so when nothing came for so long; it is waited for no longer than
/// that, since one whose programs go on writing is never done.
const QUIET: Duration = Duration::from_millis(100);
const QUIET_AT_MOST: Duration = Duration::from_secs(2);
/// Of a snapshot that is being made.
const HALF: &str = "half";

/// A copy of the disk as it is at one moment; refused while its guest is just starting or stopping. Repeating it does no
/// harm. To be called in the guest's turn.
pub fn take(
    state: &State,
    guest: GuestId,
    generation: Generation,
    snapshot: SnapshotId,
) -> Result<SnapshotFacts, Refusal> {
    let entry = heard(state, guest, generation)?;
    let path = state.layout.snapshot(guest, snapshot);
    if path.exists() {
        return facts(&path);
    }
    let (mut disk, disk_facts) = open_disk(state, guest)?;
    if !shares_blocks(&state.layout) {
        host::check_room(&state.layout, taken(&disk_facts))?;
    }
    make_directory(state, guest)?;
    let half = path.with_extension(HALF);
    let copied = match entry.seen {
        Seen::Starting | Seen::Stopping => return Err(Refusal::StillRunning),
        Seen::Running { .. } => {
            settle(state, guest, generation, &disk);
            frozen(state, guest, || copy(&mut disk, &half))
        }
        Seen::Paused { .. } => copy(&mut disk, &half).map(|()| None),
        Seen::Gone | Seen::Ended { .. } => {
            check_unused(state, guest)?;
            copy(&mut disk, &half).map(|()| None)
        }
    };
    let named = copied.and_then(|stood_still| {
        fs::rename(&half, &path).map_err(|source| DiskError::Rename { path: path.clone(), source })?;
        Ok(stood_still)
    });
    let stood_still_ms = named.map_err(|error| {
        // What can't be removed now goes at the next start of the agent.
        let _ = shelf::remove(&half);
        refusal(&state.layout, &error)
    })?;
    Ok(SnapshotFacts { stood_still_ms, ..facts(&path)? })
}

/// Puts the disk aside as `keep`, and makes another of `with`. Repeating it does no harm; after a failure the disk is what
/// it was. To be called in the guest's turn.
pub fn swap(
    state: &State,
    guest: GuestId,
    generation: Generation,
    keep: SnapshotId,
    with: &DiskSource,
) -> Result<SnapshotFacts, Refusal> {
    let entry = heard(state, guest, generation)?;
    if entry.seen.is_alive() {
        return Err(Refusal::StillRunning);
    }
    let (disk, kept) = (state.layout.disk(guest), state.layout.snapshot(guest, keep));
    if kept.exists() && disk.exists() {
        return facts(&kept);
    }
    check_source(state, guest, with)?;
    if !kept.exists() {
        check_unused(state, guest)?;
        make_directory(state, guest)?;
        let aside = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::NoDisk,
            _ => failed_at("putting aside", &disk)(error),
        };
        fs::rename(&disk, &kept).map_err(aside)?;
    }
    let made = match with {
        DiskSource::Image { image, size, kind } => create(state, guest, entry.uid, image, *size, *kind),
        DiskSource::Snapshot { snapshot } => {
            copy_as_disk(state, &state.layout.snapshot(guest, *snapshot), guest, entry.uid)
        }
        DiskSource::Moved { snapshot } => move_back(state, guest, *snapshot, entry.uid),
        DiskSource::Upload { upload, image, size, kind } => {
            whole::make(state, guest, entry.uid, *upload, &whole::Make { image, size: *size, kind: *kind })
        }
    };
    if let Err(error) = made {
        fs::rename(&kept, &disk).map_err(failed_at("putting back", &disk))?;
        return Err(error);
    }
    state.changed();
    facts(&kept)
}

/// What was swapped out is the disk again. Repeating it does no harm. To be called in the guest's turn.
pub fn swap_back(
    state: &State,
    guest: GuestId,
    generation: Generation,
    keep: SnapshotId,
    with: &DiskSource,
) -> Result<(), Refusal> {
    if heard(state, guest, generation)?.seen.is_alive() {
        return Err(Refusal::StillRunning);
    }
    let (disk, kept) = (state.layout.disk(guest), state.layout.snapshot(guest, keep));
    if !kept.exists() {
        return Ok(());
    }
    check_unused(state, guest)?;
    match with {
        DiskSource::Moved { snapshot } if disk.exists() && !state.layout.snapshot(guest, *snapshot).exists() => {
            let path = state.layout.snapshot(guest, *snapshot);
            fs::rename(&disk, &path).map_err(failed_at("putting back", &path))?;
        }
        _ => shelf::remove(&disk).map_err(failed_at("removing", &disk))?,
    }
    fs::rename(&kept, &disk).map_err(failed_at("putting back", &disk))?;
    state.changed();
    Ok(())
}

/// Makes another guest's disk of it. Repeating it does no harm: a disk that is there is that one. To be called in the turn
/// of both.
pub fn copy_to(state: &State, of: GuestId, snapshot: SnapshotId, guest: GuestId, uid: u32) -> Result<(), Refusal> {
    let disk = state.layout.disk(guest);
    if disk.exists() {
        return Ok(());
    }
    let with = DiskSource::Snapshot { snapshot };
    check_source(state, of, &with)?;
    copy_as_disk(state, &state.layout.snapshot(of, snapshot), guest, uid)
}

/// A copy of it somewhere else, which whoever asks gives to somebody.
pub fn copy_out(state: &State, guest: GuestId, snapshot: SnapshotId, to: &Path) -> Result<(), Refusal> {
    let with = DiskSource::Snapshot { snapshot };
    check_source(state, guest, &with)?;
    let copied = begin(to).and_then(|file| clone_or_copy(&state.layout.snapshot(guest, snapshot), &file));
    copied.map_err(|error| refusal(&state.layout, &error))
}

fn copy_as_disk(state: &State, from: &Path, guest: GuestId, uid: u32) -> Result<(), Refusal> {
    place(state, guest, |beside| {
        let file = begin(beside)?;
        clone_or_copy(from, &file)?;
        finish(&file, beside, &state.layout.disk(guest), uid)
    })
}

/// Repeating it does no harm. To be called in the guest's turn.
pub fn remove(state: &State, guest: GuestId, snapshot: SnapshotId) -> Result<(), Refusal> {
    let path = state.layout.snapshot(guest, snapshot);
    shelf::remove(&path).map_err(failed_at("removing", &path))
}

/// What the guest's disk takes on the host, and whether a copy of it takes more.
pub fn disk_facts(state: &State, guest: GuestId) -> Result<DiskFacts, Refusal> {
    let facts = open_disk(state, guest)?.1;
    Ok(DiskFacts { taken_bytes: taken(&facts), shares_blocks: shares_blocks(&state.layout) })
}

/// What an agent left that was killed over a copy: half of one, and a guest that stands still for it.
pub fn recover(state: &State) {
    for (guest, _) in state.entries() {
        let note = state.still_note(guest);
        if note.exists() {
            go_on(state, guest, &note);
        }
        let all = fs::read_dir(state.layout.snapshots(guest)).into_iter().flatten().filter_map(Result::ok);
        for half in all.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == HALF)) {
            if let Err(error) = fs::remove_file(&half) {
                tracing::warn!(path = %half.display(), cause = in_full(&error), "half a snapshot stays");
            }
        }
    }
}

fn heard(state: &State, guest: GuestId, generation: Generation) -> Result<Entry, Refusal> {
    let entry = state.entry(guest).ok_or(Refusal::NoDisk)?;
    check_generation(Some(entry.generation), generation)?;
    state.heard(guest, generation).map_err(|e| failed("writing the ledger")(&e))?;
    Ok(entry)
}

fn open_disk(state: &State, guest: GuestId) -> Result<(File, fs::Metadata), Refusal> {
    let path = state.layout.disk(guest);
    beneath::regular(state.layout.data(), &path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::NoDisk,
        _ => failed_at("opening", &path)(error),
    })
}

/// Before anything is put aside.
fn check_source(state: &State, guest: GuestId, with: &DiskSource) -> Result<(), Refusal> {
    let snapshot = match with {
        DiskSource::Image { kind: umbel_guest::DiskKind::Memory, .. }
        | DiskSource::Upload { kind: umbel_guest::DiskKind::Memory, .. } => {
            return Err(whole::in_memory());
        }
        DiskSource::Image { .. } => return Ok(()),
        DiskSource::Upload { upload, size, .. } => return whole::find(state, *upload, *size).map(drop),
        DiskSource::Snapshot { snapshot } | DiskSource::Moved { snapshot } => *snapshot,
    };
    let path = state.layout.snapshot(guest, snapshot);
    match fs::metadata(&path) {
        Ok(facts) if matches!(with, DiskSource::Snapshot { .. }) && !shares_blocks(&state.layout) => {
            host::check_room(&state.layout, taken(&facts))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::UnknownSnapshot { snapshot }),
    }
}

fn move_back(state: &State, guest: GuestId, snapshot: SnapshotId, uid: u32) -> Result<(), Refusal> {
    let (path, disk) = (state.layout.snapshot(guest, snapshot), state.layout.disk(guest));
    let file = beneath::regular(state.layout.data(), &path).map_err(failed_at("opening", &path))?.0;
    finish(&file, &path, &disk, uid).map_err(|error| refusal(&state.layout, &error))
}

/// Only root looks into it: copies of what a guest has deleted are in there.
fn make_directory(state: &State, guest: GuestId) -> Result<(), Refusal> {
    let path = state.layout.snapshots(guest);
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(failed_at("making", &path))
}

/// Has the guest's kernel write what it holds back, and waits until that is done. One that doesn't answer is copied as
/// after a power cut.
fn settle(state: &State, guest: GuestId, generation: Generation, disk: &File) {
    if let Err(error) = control::sys_rq(state, guest, generation, SysRqKey::Sync) {
        return tracing::warn!(%guest, cause = in_full(&error), "a guest was not asked to write what it holds back");
    }
    let written = || disk.metadata().map(|facts| (facts.mtime(), facts.mtime_nsec(), facts.blocks())).ok();
    let until = Instant::now() + QUIET_AT_MOST;
    let (mut last, mut since) = (written(), Instant::now());
    while since.elapsed() < QUIET && Instant::now() < until {
        std::thread::sleep(QUIET / 10);
        let now = written();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

/// While no process of it runs. How long that was, in milliseconds.
fn frozen(
    state: &State,
    guest: GuestId,
    act: impl FnOnce() -> Result<(), DiskError>,
) -> Result<Option<u32>, DiskError> {
    let note = state.still_note(guest);
    let at = |source| DiskError::Make { path: note.clone(), source };
    // Written down first, so that a next agent lets it go on if this one is killed.
    File::create(&note).map_err(at)?;
    let began = Instant::now();
    let done =
        control::set_paused(state, guest, true).map_err(|refusal| at(io::Error::other(refusal))).and_then(|()| act());
    go_on(state, guest, &note);
    done.map(|()| u32::try_from(began.elapsed().as_millis()).ok())
}

fn go_on(state: &State, guest: GuestId, note: &Path) {
    match control::set_paused(state, guest, false) {
        Ok(()) | Err(Refusal::NotRunning) => {}
        Err(error) => tracing::error!(%guest, cause = in_full(&error), "a guest stands still after a copy of its disk"),
    }
    if let Err(error) = shelf::remove(note) {
        tracing::warn!(path = %note.display(), cause = in_full(&error), "a note stays");
    }
}

fn copy(disk: &mut File, half: &Path) -> Result<(), DiskError> {
    let make = |source| DiskError::Make { path: half.to_owned(), source };
    shelf::remove(half).map_err(make)?;
    let file = begin(half)?;
    clone_file(disk, &file).map_err(|source| DiskError::Copy { from: "the disk".into(), to: half.to_owned(), source })
}

fn clone_or_copy(from: &Path, to: &File) -> Result<(), DiskError> {
    let failed = |source| DiskError::Copy { from: from.to_owned(), to: "the disk".into(), source };
    let mut from = File::open(from).map_err(failed)?;
    clone_file(&mut from, to).map_err(failed)
}

pub(super) fn clone_file(from: &mut File, to: &File) -> io::Result<()> {
    match rustix::fs::ioctl_ficlone(to, &*from) {
        Ok(()) => Ok(()),
        // The file system has no such thing; what else may be wrong, the copy meets too.
        Err(_) => sparse_copy(from, to),
    }
}

fn facts(path: &Path) -> Result<SnapshotFacts, Refusal> {
    let facts = fs::metadata(path).map_err(failed_at("looking at", path))?;
    Ok(SnapshotFacts { taken_bytes: taken(&facts), stood_still_ms: None })
}

/// Whether files can share blocks where the guests' disks lie: tried once.
fn shares_blocks(layout: &Layout) -> bool {
    static SHARES: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *SHARES.get_or_init(|| {
        let (one, other) = (layout.ledger().join("shares.1"), layout.ledger().join("shares.2"));
        let tried = fs::write(&one, [1; super::BLOCK]).and_then(|()| {
            let (from, to) = (File::open(&one)?, File::create(&other)?);
            Ok(rustix::fs::ioctl_ficlone(to, from)?)
        });
        let _ = (fs::remove_file(&one), fs::remove_file(&other));
        tried.is_ok()
    })
}
