//! The root directory of a guest's processes: a small tmpfs with fixed names and nothing else.
//!
//! ```text
//! /linux /shim       the kernel and the shim, and their libraries where programs look for them   ro
//! /preload.so        what is loaded before the kernel's libraries, if the processor needs that    ro
//! /disk0             the guest's disk                                                            rw
//! /base              what a copy-on-write disk is a child of                                     ro
//! /volumes/w /r      further disks, those that come while it runs too, each in the one for what the guest may do
//!                    with it; no name is made in there                                        rw ro
//! /initrd /from      tools, and what they read: of a guest that the agent has for one task       ro
//! /work              memory, management console: the guest's own tmpfs, the only place that is
//!                    writable and from which programs may be mapped                              rw
//! /tree              what of the host a guest has as its root, where it has that                 ro
//! /dev               null, zero, urandom, and net/tun where the guest has a card by name
//! /proc              of its own PID namespace, own processes only                                ro
//! ```
//!
//! Built by the launcher in a mount namespace that nobody else is in, so it is gone with the guest.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{chdir, pivot_root};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
    move_mount,
};
use serde::{Deserialize, Serialize};

use crate::beneath;
use crate::libraries::Library;
use crate::tree::Tree;

pub const LINUX: &str = "/linux";
pub const SHIM: &str = "/shim";
pub const PRELOAD: &str = "/preload.so";
pub const DISK: &str = "/disk0";
pub const BASE: &str = "/base";
/// What a guest is told once.
pub const SETUP: &str = "/setup";
pub const INITRD: &str = "/initrd";
pub const FROM: &str = "/from";
pub const VOLUMES: &str = "/volumes";
pub const WORK: &str = "/work";
pub const TREE: &str = "/tree";

/// Room for the names: directories and empty files to mount on.
const ROOT_BYTES: u64 = 1 << 20;
/// Devices that a kernel opens, by kind and number (kernel: admin-guide/devices).
const DEVICES: [(&str, u64, u64); 3] = [("null", 1, 3), ("zero", 1, 5), ("urandom", 1, 9)];
const TUN: (u64, u64) = (10, 200);

#[derive(Debug, thiserror::Error)]
pub enum JailError {
    #[error("keeping mounts private")]
    Private(#[source] nix::Error),
    #[error("mounting the root of the jail at {0}")]
    Root(PathBuf, #[source] io::Error),
    #[error("making {0} in the jail")]
    Make(PathBuf, #[source] io::Error),
    #[error("opening {0} for the jail")]
    Open(PathBuf, #[source] io::Error),
    #[error("mounting {0} into the jail")]
    Bind(PathBuf, #[source] nix::Error),
    #[error("protecting {0} in the jail")]
    Protect(PathBuf, #[source] nix::Error),
    #[error("mounting the guest's tmpfs at {0}")]
    Work(PathBuf, #[source] nix::Error),
    #[error("making the device {0}")]
    Device(PathBuf, #[source] nix::Error),
    #[error("giving the device {0} to the owner's group")]
    DeviceGroup(PathBuf, #[source] io::Error),
    #[error("mounting /proc of the namespace")]
    Proc(#[source] nix::Error),
    #[error("entering the jail")]
    Enter(#[source] nix::Error),
    #[error("leaving the host's root directory behind")]
    Leave(#[source] nix::Error),
}

/// What is put into a jail, all of it by path on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jail {
    /// An empty directory, the mount point. Seen from outside it stays empty.
    pub place: PathBuf,
    pub work_bytes: u64,
    pub files: Vec<Bind>,
    /// What of the host is seen beneath /tree.
    pub tree: Option<Tree>,
    /// Whether there is a /dev/net/tun.
    pub tun: bool,
}

/// A file of the host and its name in the jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub from: PathBuf,
    pub to: PathBuf,
    pub access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    Read,
    /// A program or a library.
    Run,
    Write,
}

impl Bind {
    pub fn new(from: &Path, to: impl Into<PathBuf>, access: Access) -> Self {
        Self { from: from.to_owned(), to: to.into(), access }
    }
}

impl From<Library> for Bind {
    fn from(library: Library) -> Self {
        Self { from: library.from, to: library.to, access: Access::Run }
    }
}

/// For whom a jail is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inmate {
    pub uid: u32,
    pub gid: u32,
    /// Inside of a user namespace nobody makes devices (mknod(2)): the host's own are mounted instead.
    pub makes_devices: bool,
    /// Without the wall "devices" there is all of the host's /dev.
    pub all_devices: bool,
    /// Whether it is in a PID namespace of its own.
    pub own_processes: bool,
}

/// Mounts made from here on are seen in this mount namespace only.
pub fn keep_private() -> Result<(), JailError> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(JailError::Private)
}

/// Builds the jail and makes it the root directory of this process.
pub fn enter(jail: &Jail, inmate: Inmate) -> Result<(), JailError> {
    let place = beneath::place(&jail.place).map_err(|e| JailError::Open(jail.place.clone(), e))?;
    let mounted = mount_root(&place).map_err(|e| JailError::Root(jail.place.clone(), e))?;
    let root = &named(&mounted);

    for file in &jail.files {
        bind(root, &file.from, &file.to, file.access)?;
    }
    if let Some(tree) = &jail.tree {
        show(root, tree)?;
    }
    make_devices(root, jail.tun, inmate)?;
    mount_work(&inside(root, Path::new(WORK)), jail.work_bytes, inmate)?;
    mount_proc(&inside(root, Path::new("/proc")), inmate)?;

    // Both roots at one place, then the old one is taken off it (pivot_root(2), NOTES).
    chdir(root).map_err(JailError::Enter)?;
    pivot_root(".", ".").map_err(JailError::Enter)?;
    umount2(".", MntFlags::MNT_DETACH).map_err(JailError::Leave)?;
    chdir("/").map_err(JailError::Leave)?;
    protect(Path::new("/"), flags_of(Access::Read), false)
}

/// The jail's root, open: what has been mounted itself, since its name may be another's by the next call.
/// Small, and read-only once it is complete: the guest must not add a name.
pub(crate) fn mount_root(place: &OwnedFd) -> io::Result<OwnedFd> {
    let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("source", "umbel-jail"), ("mode", "0755"), ("size", &ROOT_BYTES.to_string())] {
        fsconfig_set_string(&tmpfs, key, value)?;
    }
    fsconfig_create(&tmpfs)?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mounted = fsmount(&tmpfs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&mounted, "", place, "", by_descriptor)?;
    Ok(mounted)
}

/// A kernel makes about ten: its memory, sockets, what says its pid.
const WORK_NAMES: u32 = 256;

/// The guest's own tmpfs. With exec: the kernel maps its memory from there. Gone with the namespace.
pub fn mount_work(place: &Path, bytes: u64, inmate: Inmate) -> Result<(), JailError> {
    make_directory(place)?;
    let Inmate { uid, gid, .. } = inmate;
    let options = format!("uid={uid},gid={gid},mode=0700,size={bytes},nr_inodes={WORK_NAMES}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("umbel"), place, Some("tmpfs"), flags, Some(options.as_str()))
        .map_err(|error| JailError::Work(place.to_owned(), error))
}

/// The processes of the host are nobody's business in there, and those of another user neither.
pub fn mount_proc(place: &Path, inmate: Inmate) -> Result<(), JailError> {
    make_directory(place)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
    let options = inmate.own_processes.then_some("hidepid=2");
    match mount(Some("proc"), place, Some("proc"), flags, options) {
        // In a container a user namespace may not see more of /proc than the container does; the old one
        // serves as well.
        Err(nix::Error::EPERM) if !inmate.makes_devices => {
            let recursive = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some("/proc"), place, None::<&str>, recursive, None::<&str>).map_err(JailError::Proc)
        }
        mounted => mounted.map_err(JailError::Proc),
    }
}

/// Its own nodes, never the host's: who changes the owner of a mounted one changes the host's.
fn make_devices(root: &Path, tun: bool, inmate: Inmate) -> Result<(), JailError> {
    let dev = root.join("dev");
    if inmate.all_devices {
        make_directory(&dev)?;
        let recursive = MsFlags::MS_BIND | MsFlags::MS_REC;
        return mount(Some("/dev"), &dev, None::<&str>, recursive, None::<&str>)
            .map_err(|e| JailError::Bind("/dev".into(), e));
    }
    if !inmate.makes_devices {
        return DEVICES.iter().try_for_each(|(name, ..)| {
            let path = Path::new("/dev").join(name);
            bind_as(root, &path, &path, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)
        });
    }
    make_directory(&dev)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let options = format!("mode=0755,size={ROOT_BYTES}");
    mount(Some("umbel-dev"), &dev, Some("tmpfs"), flags, Some(options.as_str()))
        .map_err(|e| JailError::Root(dev.clone(), e.into()))?;
    for (name, major, minor) in DEVICES {
        make_node(&dev.join(name), 0o666, major, minor)?;
    }
    if tun {
        make_directory(&dev.join("net"))?;
        let node = dev.join("net/tun");
        make_node(&node, 0o660, TUN.0, TUN.1)?;
        chown(&node, Some(0), Some(inmate.gid)).map_err(|e| JailError::DeviceGroup(node, e))?;
    }
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
    protect(&dev, attributes, false)
}

fn make_node(path: &Path, mode: u32, major: u64, minor: u64) -> Result<(), JailError> {
    let made = mknod(path, SFlag::S_IFCHR, Mode::empty(), makedev(major, minor));
    made.map_err(|e| JailError::Device(path.to_owned(), e))?;
    // Not left to the umask.
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|e| JailError::Make(path.to_owned(), e))
}

pub(crate) fn bind(root: &Path, from: &Path, to: &Path, access: Access) -> Result<(), JailError> {
    bind_as(root, from, to, flags_of(access))
}

/// Mounts what has this name on the host, and nothing that a link leads to.
pub(crate) fn bind_as(root: &Path, from: &Path, to: &Path, attributes: u64) -> Result<(), JailError> {
    let source = beneath::place(from).map_err(|e| JailError::Open(from.to_owned(), e))?;
    let target = inside(root, to);
    let is_directory = fs::metadata(named(&source)).is_ok_and(|facts| facts.is_dir());
    if is_directory {
        make_directory(&target)?;
    } else if let Some(above) = target.parent() {
        make_directory(above)?;
        let made = fs::File::options().write(true).create(true).truncate(false).open(&target);
        made.map_err(|e| JailError::Make(target.clone(), e))?;
    }
    // Recursive for a user namespace, which may not take a mount away to see what is below.
    let recursive = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(&named(&source)), &target, None::<&str>, recursive, None::<&str>)
        .map_err(|e| JailError::Bind(from.to_owned(), e))?;
    protect(&target, attributes, true)
}

/// The skeleton has a place for each of them. Programs may be run: a guest's own kernel asks access(2) whether
/// they may, and runs them by itself.
fn show(root: &Path, tree: &Tree) -> Result<(), JailError> {
    bind(root, &tree.skeleton, Path::new(TREE), Access::Run)?;
    tree.shown.iter().try_for_each(|shown| {
        let to = Path::new(TREE).join(shown.strip_prefix("/").unwrap_or(shown));
        bind(root, shown, &to, Access::Run)
    })
}

fn flags_of(access: Access) -> u64 {
    let always = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    match access {
        Access::Read => always | libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOEXEC,
        Access::Run => always | libc::MOUNT_ATTR_RDONLY,
        Access::Write => always | libc::MOUNT_ATTR_NOEXEC,
    }
}

/// Only adds: what a mount forbids already, as in a container, stays forbidden (mount_setattr(2)).
#[expect(unsafe_code, reason = "mount_setattr(2), which no crate wraps")]
pub(crate) fn protect(path: &Path, attributes: u64, recursive: bool) -> Result<(), JailError> {
    use std::os::unix::ffi::OsStrExt;
    let failed = |error| JailError::Protect(path.to_owned(), error);
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).map_err(|_| failed(nix::Error::EINVAL))?;
    let wished = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the name ends with a zero and the structure is as long as is said; both live through the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            name.as_ptr(),
            flags,
            &raw const wished,
            size_of::<libc::mount_attr>(),
        )
    };
    nix::errno::Errno::result(done).map(drop).map_err(failed)
}

pub(crate) fn make_directory(path: &Path) -> Result<(), JailError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|e| JailError::Make(path.to_owned(), e))
}

pub(crate) fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// The very thing that is open, whatever its name has become.
pub(crate) fn named(open: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", open.as_raw_fd()).into()
}
