//! What disks are children of: a file of each size, without the blocks that hold nothing, and with an identity that its
//! children know it by: size and time. The time comes from the content, so a base that was made again is the same to them
//! exactly if it is the same.

use std::fs::{self, File, FileTimes};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use nix::fcntl::{FallocateFlags, fallocate};
use rustix::fs::CWD;
use sha2::{Digest as _, Sha256};

use super::{ImageError, THEN, remove};
use crate::disk::{self, each_block, each_block_of};
use crate::hex;
use crate::takeover::{self, Whose, take_over};

/// Makes a base of all that is in the file, with a hole up to `bytes`: the same file under the base's name where it can be
/// [taken over](take_over), otherwise a copy. Answers its digest.
pub(super) fn put(raw: File, bytes: u64, beside: &Path, base: &Path) -> Result<Vec<u8>, ImageError> {
    let at = |source| ImageError::Make { path: base.to_owned(), source };
    remove(beside)?;
    let mut raw = match take_over(raw).map_err(at)? {
        Whose::Ours(file) => {
            let name = beside.to_str().ok_or_else(|| at(io::ErrorKind::InvalidFilename.into()))?;
            if takeover::name(&file, CWD, name).map_err(at)? {
                let digest = settle(&file, bytes).map_err(at)?;
                return seal(&file, digest, beside, base).map_err(at);
            }
            file
        }
        Whose::Theirs(file) => file,
    };
    let whole = 0..raw.metadata().map_err(at)?.len();
    put_part(&mut raw, whole, bytes, beside, base)
}

/// Makes a base of a part of the file: always a copy.
pub(super) fn put_part(
    raw: &mut File,
    part: Range<u64>,
    bytes: u64,
    beside: &Path,
    base: &Path,
) -> Result<Vec<u8>, ImageError> {
    let at = |source| ImageError::Make { path: base.to_owned(), source };
    remove(beside)?;
    let copy = File::create_new(beside).map_err(at)?;
    copy.set_len(bytes).map_err(at)?;
    let mut digest = Blocks::of(bytes);
    let copied = each_block_of(raw, part, |at, block| {
        digest.add(at, block);
        copy.write_all_at(block, at)
    });
    copied.map_err(at)?;
    seal(&copy, digest, beside, base).map_err(at)
}

/// A file of ours as a base has it: of that length, and holes where it has zeros.
fn settle(file: &File, bytes: u64) -> io::Result<Blocks> {
    file.set_len(bytes)?;
    let mut digest = Blocks::of(bytes);
    let (mut reader, mut end) = (file.try_clone()?, 0);
    each_block(&mut reader, |at, block| {
        digest.add(at, block);
        hole(file, end..at)?;
        end = at + block.len() as u64;
        Ok(())
    })?;
    hole(file, end..bytes)?;
    Ok(digest)
}

fn hole(file: &File, range: Range<u64>) -> io::Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    let offset = |at: u64| i64::try_from(at).map_err(io::Error::other);
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    match fallocate(file, flags, offset(range.start)?, offset(range.end - range.start)?) {
        // It holds the same where a file system can't do that, and takes more.
        Ok(()) | Err(nix::Error::EOPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn seal(file: &File, digest: Blocks, beside: &Path, base: &Path) -> io::Result<Vec<u8>> {
    let digest = digest.0.finalize().to_vec();
    let spread = digest.iter().take(3).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let time = UNIX_EPOCH + Duration::from_secs(THEN + spread);
    file.set_permissions(fs::Permissions::from_mode(0o444))?;
    file.set_times(FileTimes::new().set_modified(time).set_accessed(time))?;
    file.sync_all()?;
    fs::rename(beside, base)?;
    Ok(digest)
}

/// Of a sparse file: its length and every block that isn't zero, with its place.
struct Blocks(Sha256);

impl Blocks {
    fn of(bytes: u64) -> Self {
        let mut digest = Sha256::new();
        digest.update(bytes.to_le_bytes());
        Self(digest)
    }

    /// The last of a file that ends within it goes on as the hole behind it does.
    fn add(&mut self, at: u64, block: &[u8]) {
        self.0.update(at.to_le_bytes());
        self.0.update(block);
        self.0.update(&[0; disk::BLOCK][block.len()..]);
    }
}

/// Of a base that is there, in hexadecimal digits.
pub(super) fn digest(base: &Path) -> Result<String, ImageError> {
    let read = || {
        let mut file = File::open(base)?;
        let mut digest = Blocks::of(file.metadata()?.len());
        each_block(&mut file, |at, block| {
            digest.add(at, block);
            Ok(())
        })?;
        Ok(hex(&digest.0.finalize()))
    };
    read().map_err(|source| ImageError::Make { path: base.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, fchown};

    use super::*;

    #[test]
    fn what_is_told_of_a_base_is_what_it_holds_wherever_its_file_ended_and_whosever_it_was() {
        let dir = tempfile::tempdir().expect("tmp");
        let at = |name: &str| dir.path().join(name);
        let mut told = Vec::new();
        for length in [1, 4095, 4096, 70_000] {
            // Zeros that are written, in the middle and at the end.
            fs::write(at("raw"), [vec![7; length], vec![0; 300_000], vec![8; 5000], vec![0; 100_000]].concat())
                .expect("written");
            // As the panel's: taken over where root does this; then somebody has it open, and it is copied.
            let somebody = nix::unistd::Uid::effective().is_root().then_some(4242);
            fchown(File::open(at("raw")).expect("opens"), somebody, somebody).expect("given");
            for keeps in [true, false] {
                let raw = File::open(at("raw")).expect("opens");
                let kept = keeps.then(|| File::open(at("raw")).expect("opens"));
                let digest = put(raw, 1 << 20, &at("beside"), &at("base")).expect("put");
                assert_eq!(hex(&digest), self::digest(&at("base")).expect("readable"), "{length}");
                let facts = fs::metadata(at("base")).expect("there");
                assert_eq!((facts.len(), facts.mode() & 0o777), (1 << 20, 0o444));
                assert!(disk::taken(&facts) < 200_000, "it takes {}", disk::taken(&facts));
                let same = facts.ino() == fs::metadata(at("raw")).expect("there").ino();
                assert_eq!(same, kept.is_none() && somebody.is_some(), "{length}");
                told.push((length, digest));
                fs::remove_file(at("base")).expect("ours");
            }
            fs::remove_file(at("raw")).expect("ours");
        }
        for both in told.chunks(2) {
            assert_eq!(both[0], both[1], "taken over or copied, it is the same");
        }
    }
}
