//! A file on its way into a guest or out of it, without a network: on a disk that the guest has for as long as that takes,
//! beside its volumes and by the same ways (see [`crate::volume`]). One at a time in each guest.
//!
//! In: a tar archive with one file, which the guest only reads. Out: nothing, and the guest writes a tar archive over it.
//! The last 4 KiB say what is wanted (docs/guest-files.md). No byte that a guest has written is looked at here: what it
//! gives is copied, no further than the disk went, for the panel, which is nobody on this host.
//!
//! The guest's entry in the ledger is the record: written before the disk is made, and taken back after it is gone.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use umbel_guest::{FileName, GuestId, GuestPath, ParcelId, ParcelSeen, ParcelSize, Seen, UploadId, VolumeAccess};
use umbel_wire::Layout;
use umbel_wire::agent::{ParcelDeed, ParcelFacts, ParcelOrder, Refusal, Reply};
use umbel_wire::launch::volumes_with;
use umbel_wire::parcel::{parcel_file, parcel_of_name};
use umbel_wire::tar;

use crate::disk::{each_block_of, taken, whole};
use crate::host::{check_room, free_mib};
use crate::ledger::{Entry, Parcel};
use crate::state::{State, failed, failed_at};
use crate::{control, in_full, now, shelf, volume};

/// What is wanted, at the end of the disk: a page, since kernels read by pages.
const WANTED: u64 = 4096;
/// What names and directories of an archive may take beside the content.
const BESIDE: u64 = 1 << 20;
/// A guest that says that it is done has closed the disk; another program of its own may look at a new one for a moment.
const CLOSED: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(100);

/// To be called in the guest's turn.
pub fn act(state: &State, order: ParcelOrder) -> Result<Reply, Refusal> {
    let ParcelOrder { guest, generation, parcel, deed } = order;
    match deed {
        ParcelDeed::See {} => return Ok(Reply::Parcel { facts: see(state, guest, parcel) }),
        ParcelDeed::End {} => end(state, guest, parcel)?,
        ParcelDeed::Lend { upload } => {
            control::check_heard(state, guest, generation)?;
            lend(state, guest, parcel, upload)?;
        }
        ParcelDeed::Send { upload, name } => {
            let (uid, run) = volume::running(state, guest, generation)?;
            let (from, bytes) = whole::upload(state, upload)?;
            if bytes > ParcelSize::MOST.bytes() {
                let reason = format!("it has {bytes} bytes; at most {} are sent at once", ParcelSize::MOST.bytes());
                return Err(Refusal::BadParcel { reason });
            }
            let length = tar::length(&name, bytes).next_multiple_of(WANTED) + WANTED;
            let coming = Coming { parcel, access: VolumeAccess::ReadOnly, bytes: length, room: length };
            give(state, guest, uid, &run, &coming, |half| archive(half, &name, from, bytes, length, parcel))?;
        }
        ParcelDeed::Fetch { path, most } => {
            let (uid, run) = volume::running(state, guest, generation)?;
            let length = most.bytes() + BESIDE + WANTED;
            let coming = Coming { parcel, access: VolumeAccess::ReadWrite, bytes: length, room: most.bytes() };
            give(state, guest, uid, &run, &coming, |half| {
                half.set_len(length)?;
                half.write_all_at(asked(parcel, &path).as_bytes(), length - WANTED)
            })?;
        }
    }
    Ok(Reply::Done)
}

struct Coming {
    parcel: ParcelId,
    access: VolumeAccess,
    bytes: u64,
    /// What it will take of the host's disk, at most.
    room: u64,
}

/// Makes the disk and gives it to the guest; after a failure there is nothing of it.
fn give(
    state: &State,
    guest: GuestId,
    uid: u32,
    run: &crate::ledger::Run,
    coming: &Coming,
    fill: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), Refusal> {
    let Coming { parcel, access, bytes, room } = *coming;
    let place = state.layout.guest_volumes(guest);
    let path = parcel_file(&place, parcel, access);
    match current(state, guest) {
        Some(other) if other.parcel != parcel => return Err(Refusal::ParcelUnderWay { parcel: other.parcel }),
        // Whatever was asked for under this name is what it has.
        Some(same) if path.exists() && same.seen != ParcelSeen::Waits => return Ok(()),
        _ => {}
    }
    let ledger = |error: crate::ledger::LedgerError| failed("writing the ledger")(&error);
    let given = (|| {
        if !path.exists() {
            check_room(&state.layout, room)?;
            // What a kernel took of which the agent was told otherwise.
            take(state, guest)?;
            let seen = ParcelSeen::Waits;
            state.put_parcel(guest, Some(Parcel { parcel, access, bytes, seen })).map_err(ledger)?;
            make(state, guest, uid, &path, access, fill)?;
        }
        if access == VolumeAccess::ReadWrite {
            volume::let_write(run, bytes)?;
        }
        control::parcel_add(state, guest, parcel, access)
    })();
    given.inspect_err(|_| {
        // What it took all the same and doesn't give back now it gives back before the next one.
        let _ = control::parcel_take(state, guest);
        let undone = release(state, guest).map_err(|(_, error)| error);
        if let Err(error) = undone {
            tracing::error!(%guest, %parcel, cause = in_full(&error), "a disk for a file stays on the host");
        }
        if let Err(error) = state.put_parcel(guest, None) {
            tracing::error!(%guest, %parcel, cause = in_full(&error), "a file that did not go is written down");
        }
    })
}

/// Beside, where no guest sees it, and renamed.
fn make(
    state: &State,
    guest: GuestId,
    uid: u32,
    path: &Path,
    access: VolumeAccess,
    fill: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), Refusal> {
    let half = half(&state.layout, guest);
    let make = || {
        shelf::remove(&half)?;
        let file = File::options().write(true).create_new(true).mode(0o600).open(&half)?;
        fill(&file)?;
        file.sync_data()?;
        volume::give(&file, Some((access, uid)))?;
        fs::rename(&half, path)
    };
    make().map_err(|error: io::Error| {
        // What can't be removed now goes with the guest's run.
        let _ = shelf::remove(&half);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Refusal::DiskFull { free_mib: free_mib(state.layout.data()).unwrap_or_default() }
            }
            _ => failed_at("making", path)(error),
        }
    })
}

/// An archive with one file, and what is to be done with it.
fn archive(to: &File, name: &FileName, from: File, bytes: u64, length: u64, parcel: ParcelId) -> io::Result<()> {
    let mtime = u64::try_from(now() / 1_000_000).unwrap_or_default();
    let head = tar::head(name, bytes, mtime);
    to.set_len(length)?;
    to.write_all_at(&head, 0)?;
    let (mut at, mut from, mut buffer) = (head.len() as u64, from.take(bytes), vec![0; 1 << 20]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        to.write_all_at(&buffer[..read], at)?;
        at += read as u64;
    }
    if at != head.len() as u64 + bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter"));
    }
    let wanted = format!("umbel-files 1\nid {parcel}\ntake\nname {name}\n");
    to.write_all_at(wanted.as_bytes(), length - WANTED)
}

fn asked(parcel: ParcelId, path: &GuestPath) -> String {
    format!("umbel-files 1\nid {parcel}\ngive\npath {path}\n")
}

fn see(state: &State, guest: GuestId, parcel: ParcelId) -> Option<ParcelFacts> {
    let current = current(state, guest).filter(|current| current.parcel == parcel)?;
    let written = || {
        let path = parcel_file(&state.layout.guest_volumes(guest), parcel, current.access);
        fs::symlink_metadata(path).map(|facts| taken(&facts).saturating_sub(WANTED).min(current.bytes)).ok()
    };
    let written_bytes = if current.access == VolumeAccess::ReadWrite { written() } else { None };
    Some(ParcelFacts { seen: current.seen, written_bytes })
}

/// What the guest has written, for the panel: copied, since a kernel that somebody has taken over may have it open yet,
/// and whatever that does to it later is not in the copy.
fn lend(state: &State, guest: GuestId, parcel: ParcelId, upload: UploadId) -> Result<(), Refusal> {
    let bad = |reason: &str| Refusal::BadParcel { reason: reason.to_owned() };
    let current = current(state, guest).filter(|current| current.parcel == parcel);
    let current = current.ok_or_else(|| bad("the guest has no such disk any more"))?;
    if current.access != VolumeAccess::ReadWrite || !matches!(current.seen, ParcelSeen::Done { .. }) {
        return Err(bad("the guest has not said that it is done"));
    }
    take(state, guest)?;
    let path = parcel_file(&state.layout.guest_volumes(guest), parcel, current.access);
    let (mut from, facts) = crate::beneath::regular(state.layout.data(), &path).map_err(failed_at("opening", &path))?;
    if facts.len() < current.bytes {
        return Err(bad("its disk has become shorter"));
    }
    check_room(&state.layout, taken(&facts))?;
    // Without what it was told.
    let length = current.bytes - WANTED;
    whole::put_in(state, upload, |half| {
        half.set_len(length)?;
        each_block_of(&mut from, 0..length, |at, block| half.write_all_at(block, at))
    })
}

fn end(state: &State, guest: GuestId, parcel: ParcelId) -> Result<(), Refusal> {
    let Some(current) = current(state, guest).filter(|current| current.parcel == parcel) else { return Ok(()) };
    if state.entry(guest).is_some_and(|entry| entry.seen.is_alive()) {
        let path = parcel_file(&state.layout.guest_volumes(guest), parcel, current.access);
        // Without a file the kernel never had it.
        if path.exists() {
            take(state, guest)?;
        }
    }
    release(state, guest).map_err(|(path, error)| failed_at("removing", &path)(error))?;
    state.put_parcel(guest, None).map_err(|error| failed("writing the ledger")(&error))
}

/// Takes it from the kernel, as soon as nothing in the guest has it open.
fn take(state: &State, guest: GuestId) -> Result<(), Refusal> {
    match state.entry(guest).map(|entry| entry.seen) {
        Some(Seen::Paused { .. }) => return Err(Refusal::IsPaused),
        // Its kernel may hear nothing any more, and with its end the disk goes.
        Some(Seen::Stopping) => return Err(Refusal::StillRunning),
        _ => {}
    }
    let until = Instant::now() + CLOSED;
    loop {
        match control::parcel_take(state, guest) {
            Err(Refusal::ParcelOpen) if Instant::now() < until => std::thread::sleep(AGAIN),
            taken => return taken,
        }
    }
}

/// All that lies there of any. When no process of the guest is left, or its kernel has let go of it.
pub fn release(state: &State, guest: GuestId) -> Result<(), (PathBuf, io::Error)> {
    let mut files = files(&state.layout, guest);
    files.try_for_each(|path| shelf::remove(&path).map_err(|error| (path, error)))
}

/// What an agent left that was killed over something.
pub fn recover(state: &State) {
    for (guest, entry) in state.entries() {
        let is_over = !entry.seen.is_alive() && entry.run.is_none();
        // One that runs has what is written down, and what is asked again is made again.
        let released = if is_over || entry.parcel.is_none() {
            release(state, guest)
        } else {
            shelf::remove(&half(&state.layout, guest)).map_err(|error| (half(&state.layout, guest), error))
        };
        if let Err((path, error)) = released {
            tracing::error!(path = %path.display(), cause = in_full(&error), "a disk for a file stays on the host");
        }
        if is_over
            && entry.parcel.is_some()
            && let Err(error) = state.put_parcel(guest, None)
        {
            tracing::error!(%guest, cause = in_full(&error), "a file that is over is still written down");
        }
    }
}

/// What a line of the guest's says of it, if that is new.
pub fn outcome(entry: &Entry, line: &str) -> Option<ParcelSeen> {
    let parcel = entry.parcel.as_ref().filter(|parcel| !parcel.seen.is_over())?;
    ParcelSeen::of(line, parcel.parcel, now()).filter(|seen| *seen != parcel.seen)
}

/// What the guest has written takes of the host's disk, and how much it may: in bytes.
pub fn written_to(state: &State, guest: GuestId, entry: &Entry) -> (u64, u64) {
    let Some(parcel) = entry.parcel.as_ref().filter(|parcel| parcel.access == VolumeAccess::ReadWrite) else {
        return (0, 0);
    };
    let path = parcel_file(&state.layout.guest_volumes(guest), parcel.parcel, parcel.access);
    fs::symlink_metadata(path).map(|facts| (taken(&facts), facts.len())).unwrap_or_default()
}

/// What there is of any takes of the host's disk.
pub fn taken_bytes(layout: &Layout, guest: GuestId) -> u64 {
    let facts = files(layout, guest).filter_map(|path| fs::symlink_metadata(path).ok());
    facts.map(|facts| taken(&facts)).sum()
}

/// All that may lie there of any: names in the guest's place, and what is half made.
fn files(layout: &Layout, guest: GuestId) -> impl Iterator<Item = PathBuf> {
    let place = layout.guest_volumes(guest);
    let named = move |access| {
        let entries = fs::read_dir(volumes_with(&place, access)).into_iter().flatten().filter_map(Result::ok);
        entries.filter(|entry| entry.file_name().to_str().and_then(parcel_of_name).is_some())
    };
    VolumeAccess::ALL.into_iter().flat_map(named).map(|entry| entry.path()).chain([half(layout, guest)])
}

fn current(state: &State, guest: GuestId) -> Option<Parcel> {
    state.entry(guest)?.parcel
}

/// While it is being made.
fn half(layout: &Layout, guest: GuestId) -> PathBuf {
    layout.guest(guest).join("parcel.half")
}

#[cfg(test)]
mod tests {
    use umbel_guest::Generation;

    use super::*;

    fn entry(seen: ParcelSeen) -> Entry {
        let parcel = ParcelId(uuid::Uuid::from_u128(7));
        let parcel = Parcel { parcel, access: VolumeAccess::ReadOnly, bytes: 8192, seen };
        Entry { parcel: Some(parcel), ..crate::state::new_entry(Generation::FIRST, 1) }
    }

    #[test]
    fn a_guest_is_heard_once_and_only_of_what_it_has() {
        let done = "umbel-files: done";
        assert!(matches!(outcome(&entry(ParcelSeen::Begun), done), Some(ParcelSeen::Done { .. })));
        assert_eq!(outcome(&entry(ParcelSeen::Done { at: 1 }), "umbel-files: failed: no"), None);
        assert_eq!(outcome(&entry(ParcelSeen::Begun), "umbel-files: begun"), None, "that is not new");
        assert_eq!(outcome(&crate::state::new_entry(Generation::FIRST, 1), done), None, "it has nothing");
    }

    #[test]
    fn what_is_wanted_is_lines_that_a_shell_reads() {
        let (parcel, path) = (ParcelId(uuid::Uuid::from_u128(7)), "/a/two words".parse().expect("a path"));
        let text = asked(parcel, &path);
        assert_eq!(text, format!("umbel-files 1\nid {parcel}\ngive\npath /a/two words\n"));
        let longest = format!("/{}", "a".repeat(1023)).parse().expect("a path");
        assert!(asked(parcel, &longest).len() < 4096);
    }
}
