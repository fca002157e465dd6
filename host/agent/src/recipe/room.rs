//! The root directory of a build: programs of the host, read-only, and one directory to write to.
//!
//! ```text
//! /usr /bin /lib …   the host's; in a namespace of other users, so that what is root's alone can't be read     ro
//! /etc               made here; keys that packages are signed with, and which program is which, are the host's  ro
//! /work              what is built, on the host's disk, and nothing else of it                                  rw
//! /tmp /run /var     in memory, small                                                                           rw
//! /dev               null, zero, full, random, urandom, tty
//! /proc              of its own processes
//! ```
//!
//! It is built before the user namespace is entered: whoever is root in there then can take none of it off (mount_namespaces(7)).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

use crate::beneath;
use crate::jail::{self, Access, JailError};

/// Links into /usr where the distribution has merged them (hier(7)), else directories.
const BESIDE_USR: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// What of /etc programs of the host need; none of it is a secret.
const ETC: [&str; 3] = ["/etc/alternatives", "/etc/ld.so.cache", "/etc/apt/trusted.gpg.d"];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const IN_MEMORY: [(&str, u64, &str); 4] = [
    ("/tmp", 256 << 20, "1777"),
    ("/run", 16 << 20, "0755"),
    ("/var", 64 << 20, "0755"),
    ("/dev/shm", 64 << 20, "1777"),
];
const WRITTEN: [(&str, &str); 4] = [
    (
        "/etc/passwd",
        "root:x:0:0:root:/work:/bin/sh\n_apt:x:100:65534::/nonexistent:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
];

/// In a mount namespace of one's own. `owner` is who will be root there.
pub(super) fn enter(place: &Path, work: &Path, owner: u32) -> Result<(), JailError> {
    jail::keep_private()?;
    let opened = beneath::place(place).map_err(|e| JailError::Open(place.to_owned(), e))?;
    let mounted = jail::mount_root(&opened).map_err(|e| JailError::Root(place.to_owned(), e))?;
    let root = &jail::named(&mounted);
    let make = |path: &Path, error| JailError::Make(path.to_owned(), error);

    jail::bind(root, Path::new("/usr"), Path::new("/usr"), Access::Run)?;
    for name in BESIDE_USR.map(Path::new) {
        let Ok(facts) = fs::symlink_metadata(name) else { continue };
        if facts.is_symlink() {
            let to = fs::read_link(name).map_err(|e| JailError::Open(name.to_owned(), e))?;
            symlink(to, jail::inside(root, name)).map_err(|e| make(name, e))?;
        } else {
            jail::bind(root, name, name, Access::Run)?;
        }
    }
    jail::make_directory(&jail::inside(root, Path::new("/etc/apt")))?;
    for name in ETC.map(Path::new).into_iter().filter(|name| name.exists()) {
        jail::bind(root, name, name, Access::Read)?;
    }
    for (name, content) in WRITTEN {
        fs::write(jail::inside(root, Path::new(name)), content).map_err(|e| make(Path::new(name), e))?;
    }
    for name in DEVICES {
        let node = Path::new("/dev").join(name);
        jail::bind_as(root, &node, &node, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)?;
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        let link = jail::inside(root, &Path::new("/dev").join(name));
        symlink(to, &link).map_err(|e| make(&link, e))?;
    }
    for (name, bytes, mode) in IN_MEMORY {
        let to = jail::inside(root, Path::new(name));
        jail::make_directory(&to)?;
        let options = format!("uid={owner},gid={owner},mode={mode},size={bytes},nr_inodes=65536");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("umbel"), &to, Some("tmpfs"), flags, Some(options.as_str())).map_err(|e| JailError::Work(to, e))?;
    }
    jail::bind_as(root, work, Path::new("/work"), libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV)?;
    mount_proc(&jail::inside(root, Path::new("/proc")))?;

    chdir(root).map_err(JailError::Enter)?;
    pivot_root(".", ".").map_err(JailError::Enter)?;
    umount2(".", MntFlags::MNT_DETACH).map_err(JailError::Leave)?;
    chdir("/").map_err(JailError::Leave)?;
    let sealed = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    jail::protect(Path::new("/"), sealed, false)
}

/// Of whose PID namespace one is in. Not read-only: what may be said of it there, only its own root may.
pub(super) fn mount_proc(place: &Path) -> Result<(), JailError> {
    jail::make_directory(place)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), place, Some("proc"), flags, None::<&str>).map_err(JailError::Proc)
}
