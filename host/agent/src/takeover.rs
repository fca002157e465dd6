//! Taking over a file that somebody without rights has written, so that it need not be copied to be relied on: from then
//! on it is root's alone, and nobody has it open.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, linkat};

/// fcntl(2), asm-generic/fcntl.h; libc has it not for every machine.
const F_SETSIG: libc::c_int = 10;

const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Whose a file is after it was to be taken over.
#[derive(Debug)]
pub enum Whose {
    /// Root's, with mode 0400, open to read and to write; nobody else has it open.
    Ours(File),
    /// As it was: it has a second name, somebody has it open, or we aren't root. What is relied on must be a copy.
    Theirs(File),
}

/// Every other descriptor of it that we have must be closed.
///
/// Owner and mode come first, so nobody can open it any more; then a lease is asked for, which the kernel gives only while
/// nobody else has the file open or mapped. Left is who had passed the look at the mode by then, but not yet been counted:
/// an instant within one call of open(2).
pub fn take_over(file: File) -> io::Result<Whose> {
    let facts = file.metadata()?;
    if !nix::unistd::Uid::effective().is_root() || facts.nlink() != 1 || !facts.is_file() {
        return Ok(Whose::Theirs(file));
    }
    let own = File::options().read(true).write(true).open(by_descriptor(&file))?;
    drop(file);
    fchown(&own, Some(0), Some(0))?;
    own.set_permissions(Permissions::from_mode(0o400))?;
    // A process that was just begun has all that we have open, until it becomes another program.
    let alone = (0..TRIES).any(|again| {
        if again > 0 {
            std::thread::sleep(PAUSE);
        }
        nobody_else_has_it_open(&own)
    });
    if alone {
        return Ok(Whose::Ours(own));
    }
    fchown(&own, Some(facts.uid()), Some(facts.gid()))?;
    own.set_permissions(facts.permissions())?;
    Ok(Whose::Theirs(own))
}

/// Gives it another name. `false` where that would be on another file system.
pub fn name(file: &File, directory: impl AsFd, name: &str) -> io::Result<bool> {
    match linkat(CWD, by_descriptor(file), directory, name, AtFlags::SYMLINK_FOLLOW) {
        Err(rustix::io::Errno::XDEV) => Ok(false),
        linked => Ok(linked.map(|()| true)?),
    }
}

/// As proc_pid_fd(5) has it; no name that somebody could change.
fn by_descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// File systems that know no leases (NFS) say that somebody has.
#[expect(unsafe_code, reason = "no wrapper of fcntl(2) that we have knows leases")]
fn nobody_else_has_it_open(file: &File) -> bool {
    let set = |what: libc::c_int, value: libc::c_int| {
        // SAFETY: the descriptor is open as long as `file` is borrowed; the commands below take an integer.
        unsafe { libc::fcntl(file.as_raw_fd(), what, value) == 0 }
    };
    // Who opens it just now would have SIGIO sent to us, which ends a process; SIGURG doesn't.
    set(F_SETSIG, libc::SIGURG) && set(libc::F_SETLEASE, libc::F_WRLCK) && set(libc::F_SETLEASE, libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn what_nobody_else_has_open_is_taken_over_and_nothing_else() {
        if !nix::unistd::Uid::effective().is_root() {
            return;
        }
        let dir = tempfile::tempdir().expect("tmp");
        let path = dir.path().join("file");
        let whose = |path: &_| take_over(File::open(path).expect("opens")).expect("asked");
        fs::write(&path, "content").expect("written");
        fchown(File::open(&path).expect("opens"), Some(1234), Some(1234)).expect("root");
        let owner = || fs::metadata(&path).map(|facts| (facts.uid(), facts.mode() & 0o777)).expect("there");
        let before = owner();

        let open_to_write = File::options().append(true).open(&path).expect("opens");
        assert!(matches!(whose(&path), Whose::Theirs(_)), "somebody writes to it");
        drop(open_to_write);
        let open_to_read = File::open(&path).expect("opens");
        assert!(matches!(whose(&path), Whose::Theirs(_)), "somebody reads it");
        drop(open_to_read);
        fs::hard_link(&path, dir.path().join("other")).expect("linked");
        assert!(matches!(whose(&path), Whose::Theirs(_)), "it has two names");
        assert_eq!(owner(), before);
        fs::remove_file(dir.path().join("other")).expect("ours");

        let Whose::Ours(mut file) = whose(&path) else { panic!("nobody has it") };
        assert_eq!(owner(), (0, 0o400));
        let directory = File::open(dir.path()).expect("opens");
        assert!(name(&file, &directory, "second").expect("named"));
        file.write_all(b"C").expect("written");
        let mut text = String::new();
        File::open(dir.path().join("second")).expect("opens").read_to_string(&mut text).expect("read");
        assert_eq!(text, "Content");
    }
}
