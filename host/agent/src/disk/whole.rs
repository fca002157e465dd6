//! A disk in one file, without a base: as the panel's backups get it, and as they give it back. Both lie in a directory of
//! the panel's uploads, which is the panel's to write to: no name in it is followed, and what is made there is given away
//! only when it is whole.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, PermissionsExt, fchown};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, statat, unlinkat};
use umbel_guest::{DiskKind, DiskSize, GuestId, ImageId, SnapshotId, UploadId};
use umbel_uml::cow::{self, CowHeader};
use umbel_wire::agent::Refusal;

use super::snapshot::clone_file;
use super::{
    DiskError, bad_child, base, begin, check_belongs, check_plain, finish, place, refusal, sparse_copy, taken,
};
use crate::host::{check_room, free_mib};
use crate::state::{State, failed_at};
use crate::takeover::{self, Whose, take_over};
use crate::{beneath, image, in_full};

/// What an upload's disk is called, and while it is not whole.
const DISK: &str = "disk";
const HALF: &str = "disk.half";

/// One at a time: a second for the same place would take the first one's half.
static TURN: Mutex<()> = Mutex::new(());

/// What a disk is made of, or is to be.
#[derive(Clone, Copy, Debug)]
pub struct Make<'a> {
    pub image: &'a ImageId,
    pub size: DiskSize,
    pub kind: DiskKind,
}

/// What a copy that is kept holds, for the panel to read. Repeating it does no harm.
pub fn lend(
    state: &State,
    guest: GuestId,
    snapshot: SnapshotId,
    upload: UploadId,
    make: &Make<'_>,
) -> Result<(), Refusal> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let layout = &state.layout;
    let path = layout.snapshot(guest, snapshot);
    let (mut file, facts) = beneath::regular(layout.data(), &path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::UnknownSnapshot { snapshot },
        _ => failed_at("opening", &path)(error),
    })?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = beneath::open(layout.data(), &layout.upload(upload), flags, Mode::empty());
    let directory = directory.map_err(|_| Refusal::UnknownUpload { upload })?;
    if statat(&directory, DISK, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Ok(());
    }
    let parent = match make.kind {
        DiskKind::Memory => return Err(in_memory()),
        DiskKind::Plain => {
            check_plain(&mut file, &path, make.size)?;
            check_room(layout, taken(&facts))?;
            None
        }
        DiskKind::Cow => Some(parent(state, &mut file, taken(&facts), make)?),
    };
    let written = write(state, &directory, |half| match parent {
        None => clone_file(&mut file, half),
        Some((mut base, header)) => {
            clone_file(&mut base, half)?;
            cow::each_own(&file, &header, |at, bytes| half.write_all_at(bytes, at)).map_err(io::Error::other)
        }
    });
    written.map_err(|source| {
        // What can't be removed now goes with the upload.
        let _ = unlinkat(&directory, HALF, AtFlags::empty());
        let source = kind_of(source);
        refusal(layout, &DiskError::Copy { from: path.clone(), to: layout.upload(upload), source })
    })
}

/// A file system that was built, for the panel: it takes it over as anything that was sent. The file itself where it can be
/// [taken over](take_over), otherwise a copy.
pub fn put(state: &State, upload: UploadId, file: File) -> Result<(), Refusal> {
    placed(state, upload, |directory| {
        let mut file = match take_over(file)? {
            Whose::Ours(file) => {
                clear(directory)?;
                if takeover::name(&file, directory, HALF)? {
                    file.set_permissions(Permissions::from_mode(0o600))?;
                    return give(state, directory, &file);
                }
                file
            }
            Whose::Theirs(file) => file,
        };
        write(state, directory, |half| {
            clone_file(&mut file, half)?;
            half.set_len(file.metadata()?.len())
        })
    })
}

/// The same of what `fill` writes.
pub fn put_in(state: &State, upload: UploadId, fill: impl FnOnce(&File) -> io::Result<()>) -> Result<(), Refusal> {
    placed(state, upload, |directory| write(state, directory, fill))
}

fn placed(state: &State, upload: UploadId, put: impl FnOnce(&OwnedFd) -> io::Result<()>) -> Result<(), Refusal> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = state.layout.upload(upload);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let directory = beneath::open(state.layout.data(), &place, flags, Mode::empty());
    let directory = directory.map_err(|_| Refusal::UnknownUpload { upload })?;
    put(&directory).map_err(|error| {
        let _ = unlinkat(&directory, HALF, AtFlags::empty());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Refusal::DiskFull { free_mib: free_mib(state.layout.data()).unwrap_or_default() }
            }
            _ => failed_at("writing into", &place)(error),
        }
    })
}

/// What the panel has put there, if it is a regular file, and how long that is.
pub fn upload(state: &State, upload: UploadId) -> Result<(File, u64), Refusal> {
    let path = state.layout.upload(upload).join(DISK);
    let opened = beneath::regular(state.layout.data(), &path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::UnknownUpload { upload },
        _ => Refusal::BadParcel { reason: format!("it can't be opened: {}", in_full(&error)) },
    });
    opened.map(|(file, facts)| (file, facts.len()))
}

/// The kind of an error within another is what says that the disk is full.
fn kind_of(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source()).and_then(|source| source.downcast_ref::<io::Error>());
    match inner {
        Some(inner) => io::Error::new(inner.kind(), in_full(&error)),
        None => error,
    }
}

/// The base of a child, after a look at its header: a guest can't write to that, but what runs it could.
fn parent(state: &State, file: &mut File, own: u64, make: &Make<'_>) -> Result<(File, CowHeader), Refusal> {
    let path = base(&state.layout, make.image, make.size)?;
    check_belongs(file, &path)?;
    let header = CowHeader::read(file).map_err(bad_child)?;
    let base = File::open(&path).map_err(failed_at("opening", &path))?;
    let facts = base.metadata().map_err(failed_at("reading the facts of", &path))?;
    check_room(&state.layout, taken(&facts).saturating_add(own))?;
    Ok((base, header))
}

/// Under a name that nobody looks for; then it is the panel's and has its own.
fn write(state: &State, directory: &OwnedFd, fill: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    clear(directory)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let half = File::from(openat(directory, HALF, flags, Mode::RUSR | Mode::WUSR)?);
    fill(&half)?;
    give(state, directory, &half)
}

fn clear(directory: &OwnedFd) -> io::Result<()> {
    match unlinkat(directory, HALF, AtFlags::empty()) {
        Err(rustix::io::Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn give(state: &State, directory: &OwnedFd, half: &File) -> io::Result<()> {
    if nix::unistd::Uid::effective().is_root() {
        fchown(half, Some(state.panel.uid.as_raw()), Some(state.panel.gid.as_raw()))?;
    }
    half.sync_all()?;
    Ok(renameat(directory, HALF, directory, DISK)?)
}

pub(super) fn in_memory() -> Refusal {
    Refusal::NotHere { what: "a root in memory is new at every start".into() }
}

/// A whole disk that the panel has put there, of that size.
pub fn find(state: &State, upload: UploadId, size: DiskSize) -> Result<File, Refusal> {
    let path = state.layout.upload(upload).join(DISK);
    let (file, facts) = beneath::regular(state.layout.data(), &path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::UnknownUpload { upload },
        _ => Refusal::BadDisk { reason: format!("it can't be opened: {}", in_full(&error)) },
    })?;
    if facts.len() != size.bytes() {
        return Err(Refusal::BadDisk { reason: format!("it has {} bytes, not {}", facts.len(), size.bytes()) });
    }
    check_room(&state.layout, taken(&facts))?;
    Ok(file)
}

/// Makes the guest's disk of it; one that is there is that one. To be called in the guest's turn.
pub fn make(state: &State, guest: GuestId, uid: u32, upload: UploadId, make: &Make<'_>) -> Result<(), Refusal> {
    let disk = state.layout.disk(guest);
    if disk.exists() {
        return Ok(());
    }
    let mut from = find(state, upload, make.size)?;
    // Nobody takes the image away until its child is there.
    let _used = image::used();
    let parent = match make.kind {
        DiskKind::Memory => return Err(in_memory()),
        DiskKind::Plain => {
            check_plain(&mut from, &state.layout.upload(upload).join(DISK), make.size)?;
            None
        }
        DiskKind::Cow => {
            image::make_size(state, make.image, make.size)?;
            Some(base(&state.layout, make.image, make.size)?)
        }
    };
    place(state, guest, |beside| {
        let mut file = begin(beside)?;
        match &parent {
            Some(base) => cow::write_difference(&mut file, base, &from)
                .map_err(|source| DiskError::Cow { path: beside.to_owned(), source })?,
            None => sparse_copy(&mut from, &file)
                .and_then(|()| file.set_len(make.size.bytes()))
                .map_err(|source| DiskError::Copy { from: "the upload".into(), to: beside.to_owned(), source })?,
        }
        finish(&file, beside, &disk, uid)
    })
}
