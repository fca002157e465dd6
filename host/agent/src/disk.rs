//! A guest's disk: a copy-on-write child of its image's base, or a sparse copy of it. It has its name
//! only when it is whole. Copies of it, and swapping it for one: [`snapshot`]; without its base, to the
//! panel's backups and back: [`whole`].

pub mod snapshot;
pub mod whole;

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::{Whence, lseek64};
use rustix::fs::OFlags;
use umbel_guest::{DiskKind, DiskSize, GuestId, ImageId};
use umbel_uml::cow::{self, CowError};
use umbel_wire::Layout;
use umbel_wire::agent::Refusal;
use umbel_wire::launch::RootDisk;

use crate::host::{check_room, free_mib};
use crate::state::{State, failed_at};
use crate::{beneath, image, in_full, jail, tree};

/// Blocks of this size that hold nothing but zeros are not written.
pub const BLOCK: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("making {path}")]
    Make { path: PathBuf, source: io::Error },
    #[error("writing {path}")]
    Cow { path: PathBuf, source: CowError },
    #[error("copying {from} to {to}")]
    Copy { from: PathBuf, to: PathBuf, source: io::Error },
    #[error("giving {path} to its guest")]
    Own { path: PathBuf, source: io::Error },
    #[error("writing {path} to the disk")]
    Sync { path: PathBuf, source: io::Error },
    #[error("naming {path}")]
    Rename { path: PathBuf, source: io::Error },
}

/// Makes the disk. Repeating it does no harm; one of another make is refused.
pub fn create(
    state: &State,
    guest: GuestId,
    uid: u32,
    image: &ImageId,
    size: DiskSize,
    kind: DiskKind,
) -> Result<(), Refusal> {
    // Nobody takes the image away until its child is there.
    let _used = image::used();
    if *image != tree::image() {
        image::make_size(state, image, size)?;
    }
    let made_of = made_of(state, image, size, kind)?;
    let disk = state.layout.disk(guest);
    if disk.exists() {
        return check(state, guest, image, size, kind).map(drop);
    }
    let MadeOf::Base(base) = made_of else {
        // Nothing is in it: it says that the guest was made, and that it has none.
        return place(state, guest, |beside| finish(&begin(beside)?, beside, &disk, uid));
    };
    check_room(&state.layout, size.bytes())?;
    place(state, guest, |beside| write_disk(&base, beside, &disk, uid, kind))
}

/// Makes the disk of an adopted file: what it holds, and a hole up to `size`. One that is there and of
/// that size is taken for it.
pub fn make_from(
    state: &State,
    guest: GuestId,
    uid: u32,
    from: &mut File,
    size: DiskSize,
    taken: u64,
) -> Result<(), Refusal> {
    let disk = state.layout.disk(guest);
    if disk.exists() {
        let mut file = File::open(&disk).map_err(failed_at("opening", &disk))?;
        return check_plain(&mut file, &disk, size);
    }
    check_room(&state.layout, taken)?;
    place(state, guest, |beside| {
        let file = begin(beside)?;
        let copied = sparse_copy(from, &file).and_then(|()| file.set_len(size.bytes()));
        copied.map_err(|source| DiskError::Copy { from: "the adopted file".into(), to: beside.to_owned(), source })?;
        finish(&file, beside, &disk, uid)
    })
}

/// Whether anything else uses the guest's disk, for whoever is about to write to it: a kernel holds a
/// lock on the files of its disks, and so does the agent while it writes.
pub fn check_unused(state: &State, guest: GuestId) -> Result<(), Refusal> {
    let path = state.layout.disk(guest);
    let file = match File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(failed_at("opening", &path))?,
    };
    lock_or_refuse(&file)
}

fn lock_or_refuse(file: &File) -> Result<(), Refusal> {
    lock(file).map_err(|error| Refusal::BadDisk { reason: format!("something else writes to it: {error}") })
}

/// The whole file, to write, until it is closed; never waits. An open file description lock (fcntl(2)):
/// it and those of kernels, which are a process's, shut each other out.
pub fn lock(file: &File) -> io::Result<()> {
    let whole = libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole)).map(drop).map_err(Into::into)
}

/// Makes the guest's directory, and what is put `beside` its disk there; leaves nothing half done.
fn place(state: &State, guest: GuestId, make: impl FnOnce(&Path) -> Result<(), DiskError>) -> Result<(), Refusal> {
    let (directory, disk) = (state.layout.guest(guest), state.layout.disk(guest));
    let was_there = directory.exists();
    // Others may pass but not look: the guest opens its own disk and the panel its console by name.
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(&directory);
    made.map_err(|e| refusal(&state.layout, &DiskError::Make { path: directory.clone(), source: e }))?;
    let beside = disk.with_extension("new");
    make(&beside).map_err(|error| {
        let refusal = refusal(&state.layout, &error);
        // Half a disk is none; what can't be removed now goes with the guest.
        let _ = fs::remove_file(&beside);
        if !was_there {
            let _ = fs::remove_dir(&directory);
        }
        refusal
    })
}

/// Whether the disk still belongs to what it was made of; what the guest boots from.
pub fn check(
    state: &State,
    guest: GuestId,
    image: &ImageId,
    size: DiskSize,
    kind: DiskKind,
) -> Result<RootDisk, Refusal> {
    let path = state.layout.disk(guest);
    let flags = OFlags::RDWR;
    let file = beneath::open(state.layout.data(), &path, flags, rustix::fs::Mode::empty()).map(File::from);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::NoDisk,
        _ => failed_at("opening", &path)(error),
    })?;
    lock_or_refuse(&file)?;
    match kind {
        DiskKind::Cow => {
            let base = base(&state.layout, image, size)?;
            check_child(state, &mut file, &base)?;
            Ok(RootDisk::Cow { child: path, base })
        }
        // Whatever image it was made of, it needs it no more.
        DiskKind::Plain => check_plain(&mut file, &path, size).map(|()| RootDisk::Plain { file: path }),
        DiskKind::Memory => {
            let made_of = made_of(state, image, size, kind)?;
            let length = file.metadata().map_err(failed_at("reading the facts of", &path))?.len();
            match made_of {
                MadeOf::Tree(root) if length == 0 => Ok(RootDisk::Tree { root }),
                _ => {
                    Err(Refusal::BadDisk { reason: format!("a root in memory has none, and here are {length} bytes") })
                }
            }
        }
    }
}

/// Whether a copy-on-write disk still belongs to its base; from then on it calls it what its kernel does.
pub fn check_child(state: &State, file: &mut File, base: &Path) -> Result<(), Refusal> {
    check_belongs(file, base)?;
    // The kernel sees the base under a name of the jail, or under its own, and the header must have that one.
    let inside = if state.has_jail() { Path::new(jail::BASE) } else { base };
    cow::name_base(file, inside).map_err(bad_child)
}

/// The same without a change. A header says nothing of where to look: by both names the base is the same file to us.
fn check_belongs(file: &mut File, base: &Path) -> Result<(), Refusal> {
    cow::check_child(file, base, &[Path::new(jail::BASE), base]).map_err(bad_child)
}

fn bad_child(error: CowError) -> Refusal {
    Refusal::BadDisk { reason: in_full(&error) }
}

/// What a guest's root is made of.
enum MadeOf {
    Base(PathBuf),
    /// The host's own files, beginning with this directory.
    Tree(PathBuf),
}

/// The host's own files are no disk, and nothing else does without one.
fn made_of(state: &State, image: &ImageId, size: DiskSize, kind: DiskKind) -> Result<MadeOf, Refusal> {
    let not_here = |what: &str| Refusal::NotHere { what: what.to_owned() };
    match (kind, *image == tree::image()) {
        (DiskKind::Memory, true) => {
            let tree = state.tree.as_ref().ok_or_else(|| Refusal::UnknownImage { image: image.clone() })?;
            Ok(MadeOf::Tree(tree.skeleton.clone()))
        }
        (DiskKind::Memory, false) => Err(not_here("only the host's own files can do without a disk")),
        (DiskKind::Cow | DiskKind::Plain, true) => Err(not_here("the host's own files can't be made a disk")),
        (DiskKind::Cow | DiskKind::Plain, false) => base(&state.layout, image, size).map(MadeOf::Base),
    }
}

pub fn check_plain(file: &mut File, path: &Path, size: DiskSize) -> Result<(), Refusal> {
    let mut first = [0; 4];
    file.read_exact(&mut first).map_err(failed_at("reading", path))?;
    let length = file.metadata().map_err(failed_at("reading the facts of", path))?.len();
    if cow::looks_like_cow(&first) {
        return Err(Refusal::BadDisk { reason: "a plain disk begins like a copy-on-write one".into() });
    }
    if length != size.bytes() {
        let reason = format!("it has {length} bytes, not {}", size.bytes());
        return Err(Refusal::BadDisk { reason });
    }
    Ok(())
}

pub fn base(layout: &Layout, image: &ImageId, size: DiskSize) -> Result<PathBuf, Refusal> {
    let base = layout.base(image, size);
    if base.exists() {
        Ok(base)
    } else if layout.image(image).exists() {
        Err(Refusal::ImageMissing { image: image.clone(), file: base.display().to_string() })
    } else {
        Err(Refusal::UnknownImage { image: image.clone() })
    }
}

fn write_disk(base: &Path, beside: &Path, disk: &Path, uid: u32, kind: DiskKind) -> Result<(), DiskError> {
    let mut file = begin(beside)?;
    match kind {
        DiskKind::Cow => {
            cow::write_child(&mut file, base).map_err(|source| DiskError::Cow { path: beside.to_owned(), source })?;
        }
        DiskKind::Plain => {
            let copy = |source| DiskError::Copy { from: base.to_owned(), to: beside.to_owned(), source };
            File::open(base).and_then(|mut from| sparse_copy(&mut from, &file)).map_err(copy)?;
        }
        DiskKind::Memory => {}
    }
    finish(&file, beside, disk, uid)
}

fn begin(beside: &Path) -> Result<File, DiskError> {
    // Of an agent that was killed over it.
    let _ = fs::remove_file(beside);
    let make = |source| DiskError::Make { path: beside.to_owned(), source };
    let file = File::options().write(true).create_new(true).mode(0o600).open(beside).map_err(make)?;
    lock(&file).map_err(make)?;
    Ok(file)
}

/// Gives it to the guest and its name.
fn finish(file: &File, beside: &Path, disk: &Path, uid: u32) -> Result<(), DiskError> {
    fchown(file, Some(uid), Some(uid).filter(|_| nix::unistd::Uid::effective().is_root()))
        .map_err(|source| DiskError::Own { path: beside.to_owned(), source })?;
    file.sync_all().map_err(|source| DiskError::Sync { path: beside.to_owned(), source })?;
    fs::rename(beside, disk).map_err(|source| DiskError::Rename { path: disk.to_owned(), source })
}

/// What it takes on the host, in bytes: `st_blocks` counts in 512 (stat(3type)).
pub fn taken(facts: &Metadata) -> u64 {
    facts.blocks() * 512
}

/// Copies what isn't zero and leaves holes elsewhere.
pub fn sparse_copy(from: &mut File, to: &File) -> io::Result<()> {
    to.set_len(from.metadata()?.len())?;
    each_block(from, |at, block| to.write_all_at(block, at))
}

/// Every block of a file that isn't zero, with its place; the last one may be short.
/// What is written to it meanwhile behind its end is not seen.
pub fn each_block(from: &mut File, act: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let length = from.metadata()?.len();
    each_block_of(from, 0..length, act)
}

/// The same of a part of it, in which places are counted from its beginning.
pub fn each_block_of(
    from: &mut File,
    part: Range<u64>,
    mut act: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * BLOCK];
    let mut next = part.start;
    while let Some((data, hole)) = data_after(from, next)?.filter(|(data, _)| *data < part.end) {
        // Blocks of the part need not be blocks of the file.
        next = data - (data - part.start) % BLOCK as u64;
        let end = (part.start + (hole - part.start).next_multiple_of(BLOCK as u64)).min(part.end);
        from.seek(SeekFrom::Start(next))?;
        while next < end {
            let wanted = buffer.len().min(usize::try_from(end - next).unwrap_or(usize::MAX));
            from.read_exact(&mut buffer[..wanted])?;
            for block in buffer[..wanted].chunks(BLOCK) {
                if block.iter().any(|&byte| byte != 0) {
                    act(next - part.start, block)?;
                }
                next += block.len() as u64;
            }
        }
    }
    Ok(())
}

/// The next part of a file that is not a hole, as lseek(2) tells it.
fn data_after(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    let offset = |at: u64| i64::try_from(at).map_err(io::Error::other);
    let start = match lseek64(file, offset(at)?, Whence::SeekData) {
        // Behind the last data.
        Err(nix::Error::ENXIO) => return Ok(None),
        other => other?,
    };
    let end = lseek64(file, start, Whence::SeekHole)?;
    Ok(Some((start.cast_unsigned(), end.cast_unsigned())))
}

fn refusal(layout: &Layout, error: &DiskError) -> Refusal {
    let source = match error {
        DiskError::Cow { source: CowError::Write(source) | CowError::Data(source), .. } => Some(source),
        DiskError::Cow { .. } => None,
        DiskError::Make { source, .. }
        | DiskError::Copy { source, .. }
        | DiskError::Own { source, .. }
        | DiskError::Sync { source, .. }
        | DiskError::Rename { source, .. } => Some(source),
    };
    match source.map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            Refusal::DiskFull { free_mib: free_mib(layout.data()).unwrap_or_default() }
        }
        _ => Refusal::Failed { step: "making the disk".into(), error: in_full(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_bytes_and_takes_no_more_room_than_they_do() {
        let dir = tempfile::tempdir().expect("tmp");
        let path = dir.path().join("from");
        let from = File::create(&path).expect("made");
        from.set_len(8 << 20).expect("long");
        from.write_all_at(b"first", 0).expect("written");
        from.write_all_at(&[0; 100_000], 1 << 20).expect("zeros written");
        from.write_all_at(b"last", (8 << 20) - 4).expect("written");
        let to = File::create(dir.path().join("to")).expect("made");
        sparse_copy(&mut File::open(&path).expect("opens"), &to).expect("copied");
        assert_eq!(fs::read(&path).expect("there"), fs::read(dir.path().join("to")).expect("there"));
        assert!(taken(&to.metadata().expect("there")) <= 2 * BLOCK as u64);
    }

    #[test]
    fn a_part_is_told_in_blocks_of_its_own_wherever_it_begins() {
        let mut file = tempfile::tempfile().expect("tmp");
        file.set_len(1 << 20).expect("long");
        for at in [8191, 100_000, 300_000] {
            file.write_all_at(b"xy", at).expect("written");
        }
        let mut told = Vec::new();
        let part = 1536..200_001;
        each_block_of(&mut file, part.clone(), |at, block| {
            told.extend(block.iter().zip(at..).filter(|(byte, _)| **byte != 0).map(|(_, at)| at + part.start));
            assert_eq!(at % BLOCK as u64, 0);
            assert!(block.len() == BLOCK || at + block.len() as u64 == part.end - part.start);
            Ok(())
        })
        .expect("read");
        assert_eq!(told, [8191, 8192, 100_000, 100_001]);
    }
}
