//! How much lies in a directory that somebody else is writing to.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, open, openat, statat, statvfs};
use rustix::io::Errno;

/// Of files, and of directories in one another: more has no distribution.
const ENTRIES_MOST: u64 = 2_000_000;
const DEPTH_MOST: u32 = 200;
/// What is left free on the host, in percent: as for all that comes in.
const FREE_PERCENT: u64 = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) bytes: u64,
    entries: u64,
}

/// `None` where it is too much to be counted. Links are followed nowhere.
pub(super) fn taken(directory: &Path) -> io::Result<Option<Taken>> {
    let directory = open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut taken = Taken::default();
    Ok(count(&directory, 0, &mut taken)?.then_some(taken))
}

fn count(directory: &OwnedFd, depth: u32, taken: &mut Taken) -> io::Result<bool> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        let facts = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(facts) => facts,
            // It was taken away meanwhile.
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error.into()),
        };
        taken.entries += 1;
        taken.bytes = taken.bytes.saturating_add(u64::try_from(facts.st_blocks).unwrap_or_default() * 512);
        if taken.entries > ENTRIES_MOST {
            return Ok(false);
        }
        if FileType::from_raw_mode(facts.st_mode) != FileType::Directory {
            continue;
        }
        if depth == DEPTH_MOST {
            return Ok(false);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(directory, name, flags, Mode::empty()) {
            Ok(below) if !count(&below, depth + 1, taken)? => return Ok(false),
            Ok(_) | Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Whether the file system has room for others.
pub(super) fn has_room(directory: &Path) -> io::Result<bool> {
    let facts = statvfs(directory)?;
    Ok(facts.f_bavail.saturating_mul(100) >= facts.f_blocks.saturating_mul(FREE_PERCENT))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn all_is_counted_but_what_lies_behind_links() {
        let dir = tempfile::tempdir().expect("tmp");
        fs::create_dir_all(dir.path().join("a/b")).expect("made");
        fs::write(dir.path().join("a/b/file"), vec![1; 64 << 10]).expect("written");
        std::os::unix::fs::symlink("/usr", dir.path().join("a/usr")).expect("linked");
        let taken = taken(dir.path()).expect("readable").expect("little");
        assert!((64 << 10..1 << 20).contains(&taken.bytes), "{taken:?}");
        assert_eq!(taken.entries, 4);
    }

    #[test]
    fn what_is_deeper_than_anything_is_too_much() {
        let dir = tempfile::tempdir().expect("tmp");
        fs::create_dir_all(dir.path().join(vec!["d"; 210].join("/"))).expect("made");
        assert_eq!(taken(dir.path()).expect("readable"), None);
    }
}
