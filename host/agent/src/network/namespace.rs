//! A network namespace that is pinned at a file: it stays when nobody is in it, and goes with the file.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{FsType, statfs};

use super::NetworkError;

/// File systems of namespaces (NSFS_MAGIC of linux/magic.h).
const NSFS: FsType = FsType(0x6e73_6673);

pub fn is_pinned(path: &Path) -> bool {
    statfs(path).is_ok_and(|facts| facts.filesystem_type() == NSFS)
}

/// Makes one and does the first things in it.
pub fn make<T: Send>(path: &Path, first: impl FnOnce() -> Result<T, NetworkError> + Send) -> Result<T, NetworkError> {
    let at = |source| NetworkError::Namespace { path: path.to_owned(), source };
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(at)?;
    }
    File::create(path).map_err(at)?;
    // In a thread: namespaces are per thread, and this one must never serve anything else.
    on_a_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| at(e.into()))?;
        let own = "/proc/thread-self/ns/net";
        mount(Some(own), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(|e| at(e.into()))?;
        first()
    })
}

/// Does something in a pinned one.
pub fn within<T: Send>(path: &Path, act: impl FnOnce() -> Result<T, NetworkError> + Send) -> Result<T, NetworkError> {
    let at = |source| NetworkError::Namespace { path: path.to_owned(), source };
    let namespace = File::open(path).map_err(at)?;
    on_a_thread(|| {
        setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|e| at(e.into()))?;
        act()
    })
}

/// Takes the pin away. Repeating it does no harm.
pub fn unpin(path: &Path) -> Result<(), NetworkError> {
    let at = |source: io::Error| NetworkError::Namespace { path: path.to_owned(), source };
    while is_pinned(path) {
        umount2(path, MntFlags::MNT_DETACH).map_err(|e| at(e.into()))?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(error)),
        _ => Ok(()),
    }
}

/// Names and counted bytes, received and sent, of the interfaces that the file tells of
/// (`/proc/<tid>/net/dev` of a thread in the namespace; proc(5)).
pub fn counted(table: &str) -> impl Iterator<Item = (&str, u64, u64)> {
    table.lines().filter_map(|line| {
        let (name, counts) = line.split_once(':')?;
        let mut counts = counts.split_ascii_whitespace();
        Some((name.trim(), counts.next()?.parse().ok()?, counts.nth(7)?.parse().ok()?))
    })
}

/// Of the calling thread's namespace.
pub fn has_link(name: &str) -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    counted(&table).any(|(found, ..)| found == name)
}

fn on_a_thread<T: Send>(act: impl FnOnce() -> Result<T, NetworkError> + Send) -> Result<T, NetworkError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, act).map_err(NetworkError::Thread)?;
        thread.join().unwrap_or_else(|_| Err(NetworkError::Thread(io::Error::other("it panicked"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_they_are_counted() {
        let table = "Inter-|   Receive    |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes\n    lo:     100       2    0    0    0     0          0         0      200       2    0    0    0     0       0          0\n t0190: 7 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n";
        assert_eq!(counted(table).collect::<Vec<_>>(), [("lo", 100, 200), ("t0190", 7, 9)]);
    }
}
