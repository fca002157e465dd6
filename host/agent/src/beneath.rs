//! Opening what has a name beneath a directory that only root writes to. A link in place of any part of
//! the name is refused by the kernel itself, so nothing can be swapped between a look and a use.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// Opens `path`, which lies in `parent`; no part of it after `parent` may be a link (openat2(2)). `ELOOP`
/// where one is, `EXDEV` where it leads out.
pub fn open(parent: &Path, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let inside = path.strip_prefix(parent).map_err(io::Error::other)?;
    let directory = rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(directory, inside, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, mode, resolve)?)
}

/// For reading.
pub fn read(parent: &Path, path: &Path) -> io::Result<File> {
    open(parent, path, OFlags::RDONLY, Mode::empty()).map(Into::into)
}

/// A regular file, for reading, and its facts; without waiting for the other end of a pipe.
pub fn regular(parent: &Path, path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(open(parent, path, flags, Mode::empty())?);
    let facts = file.metadata()?;
    if facts.is_file() { Ok((file, facts)) } else { Err(io::Error::other("it is no regular file")) }
}

/// A name to be mounted, of which no part may be a link.
pub fn place(path: &Path) -> io::Result<OwnedFd> {
    open(Path::new("/"), path, OFlags::PATH, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_in_place_of_any_part_is_refused() {
        let dir = tempfile::tempdir().expect("tmp");
        let root = dir.path().canonicalize().expect("there");
        fs::create_dir_all(root.join("a/b")).expect("made");
        fs::write(root.join("a/b/file"), "content").expect("written");
        symlink("b", root.join("a/link")).expect("linked");
        symlink("file", root.join("a/b/link")).expect("linked");
        symlink("/etc", root.join("etc")).expect("linked");
        assert!(read(&root, &root.join("a/b/file")).is_ok());
        for name in ["a/link/file", "a/b/link", "etc/hostname"] {
            let error = read(&root, &root.join(name)).expect_err(name);
            assert_eq!(error.raw_os_error(), Some(libc::ELOOP), "{name}: {error}");
        }
        assert_eq!(read(&root, &root.join("a/../../x")).expect_err("out").raw_os_error(), Some(libc::EXDEV));
        assert!(place(&root.join("a/link/file")).is_err() && place(&root.join("a/b/file")).is_ok());
    }
}
