//! A guest's disk: a copy-on-write child of its image's base, or a sparse copy of it. It has its name
//! only when it is whole.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Whence, lseek64};
use umbel_guest::{DiskKind, DiskSize, GuestId, ImageId};
use umbel_uml::cow::{self, CowError};
use umbel_wire::Layout;
use umbel_wire::agent::Refusal;
use umbel_wire::launch::RootDisk;

use crate::host::free_mib;
use crate::in_full;
use crate::state::{State, failed_at};

/// Blocks of this size that hold nothing but zeros are not written.
const BLOCK: usize = 4096;

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
    let base = base(&state.layout, image, size)?;
    let directory = state.layout.guest(guest);
    let disk = state.layout.disk(guest);
    if disk.exists() {
        return check(state, guest, image, size, kind).map(drop);
    }
    let free_mib = free_mib(state.layout.data())?;
    if u64::from(size.mib()) > free_mib {
        return Err(Refusal::DiskFull { free_mib });
    }
    let was_there = directory.exists();
    // Others may pass but not look: the guest opens its own disk and the panel its console by name.
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(&directory);
    made.map_err(|e| refusal(&state.layout, &DiskError::Make { path: directory.clone(), source: e }))?;
    let beside = disk.with_extension("new");
    write_disk(&base, &beside, &disk, uid, kind).map_err(|error| {
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
    let base = base(&state.layout, image, size)?;
    let path = state.layout.disk(guest);
    let mut file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refusal::NoDisk,
        _ => failed_at("opening", &path)(error),
    })?;
    match kind {
        DiskKind::Cow => {
            cow::check_child(&mut file, &base).map_err(|e| Refusal::BadDisk { reason: in_full(&e) })?;
            Ok(RootDisk::Cow { child: path, base })
        }
        DiskKind::Plain => {
            let mut first = [0; 4];
            file.read_exact(&mut first).map_err(failed_at("reading", &path))?;
            let length = file.metadata().map_err(failed_at("reading the facts of", &path))?.len();
            if cow::looks_like_cow(&first) {
                return Err(Refusal::BadDisk { reason: "a plain disk begins like a copy-on-write one".into() });
            }
            if length != size.bytes() {
                let reason = format!("it has {length} bytes, not {}", size.bytes());
                return Err(Refusal::BadDisk { reason });
            }
            Ok(RootDisk::Plain { file: path })
        }
    }
}

fn base(layout: &Layout, image: &ImageId, size: DiskSize) -> Result<PathBuf, Refusal> {
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
    // Of an agent that was killed over it.
    let _ = fs::remove_file(beside);
    let make = |source| DiskError::Make { path: beside.to_owned(), source };
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(beside).map_err(make)?;
    match kind {
        DiskKind::Cow => {
            cow::write_child(&mut file, base).map_err(|source| DiskError::Cow { path: beside.to_owned(), source })?;
        }
        DiskKind::Plain => {
            let copy = |source| DiskError::Copy { from: base.to_owned(), to: beside.to_owned(), source };
            File::open(base).and_then(|mut from| sparse_copy(&mut from, &file)).map_err(copy)?;
        }
    }
    fchown(&file, Some(uid), Some(uid).filter(|_| nix::unistd::Uid::effective().is_root()))
        .map_err(|source| DiskError::Own { path: beside.to_owned(), source })?;
    file.sync_all().map_err(|source| DiskError::Sync { path: beside.to_owned(), source })?;
    fs::rename(beside, disk).map_err(|source| DiskError::Rename { path: disk.to_owned(), source })
}

/// Copies what isn't zero and leaves holes elsewhere.
pub fn sparse_copy(from: &mut File, to: &File) -> io::Result<()> {
    to.set_len(from.metadata()?.len())?;
    each_block(from, |at, block| to.write_all_at(block, at))
}

/// Every block of a file that isn't zero, with its place; the last one may be short.
pub fn each_block(from: &mut File, mut act: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * BLOCK];
    let mut next = 0;
    while let Some((start, end)) = data_after(from, next)? {
        from.seek(SeekFrom::Start(start))?;
        next = start;
        while next < end {
            let wanted = buffer.len().min(usize::try_from(end - next).unwrap_or(usize::MAX));
            from.read_exact(&mut buffer[..wanted])?;
            for block in buffer[..wanted].chunks(BLOCK) {
                if block.iter().any(|&byte| byte != 0) {
                    act(next, block)?;
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
        DiskError::Cow { source: CowError::Write(source), .. } => Some(source),
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
    use std::os::unix::fs::MetadataExt;

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
        assert!(to.metadata().expect("there").blocks() * 512 <= 2 * BLOCK as u64);
    }
}
