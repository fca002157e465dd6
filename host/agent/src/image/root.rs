//! The root file system of the first image: busybox under all of its names and a few lines of
//! configuration.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{ImageError, THEN};

const BUSYBOX: &str = "/bin/busybox";
const PACKAGE: &str = "busybox-static";
/// Names that our own scripts have.
const OURS: [&str; 3] = ["poweroff", "reboot", "halt"];

const DIRECTORIES: [&str; 15] = [
    "bin", "dev", "etc", "home", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin",
    "var",
];

const INIT: &str = "::sysinit:/etc/rc
::respawn:/bin/cttyhack /bin/sh -l
::once:/sbin/umbel-files soon
::respawn:/sbin/uevent /sbin/umbel-files
::ctrlaltdel:/sbin/poweroff
::restart:/sbin/init
";

/// One mount for all: a program takes long to start in a guest.
const FSTAB: &str = "proc /proc proc nosuid,nodev,noexec 0 0
sysfs /sys sysfs nosuid,nodev,noexec 0 0
devpts /dev/pts devpts gid=0,mode=620 0 0
tmpfs /run tmpfs nosuid,nodev,mode=755 0 0
tmpfs /tmp tmpfs nosuid,nodev 0 0
";

/// What the command line says of name and place is the same for other roots.
const RC: &str = concat!(
    r#"#!/bin/sh
# Device nodes are the kernel's: nothing of them is on the disk.
[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev
[ -d /dev/pts ] || mkdir /dev/pts
mount -a
(
"#,
    include_str!("../../../guest/src/place.sh"),
    ")\n[ ! -b /dev/ubdb ] || /sbin/umbel-setup &\n"
);

const STOP: &str = r#"#!/bin/sh
# poweroff, reboot and halt: programs get a moment to end, disks are written, then the kernel goes.
# Busybox's own waits for seconds.
what=${0##*/}
case " $* " in *" -f "*) exec /bin/busybox "$what" -f ;; esac
trap '' HUP INT TERM
kill -TERM -1
sleep 0.1
kill -KILL -1
sync
mount -o remount,ro / 2>/dev/null
exec /bin/busybox "$what" -f
"#;

const PROFILE: &str = r#"export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=${TERM:-linux}
[ "$TERM" != dumb ] || TERM=linux
export PS1='\u@\h:\w\$ ' ENV=/etc/shrc
cd
"#;

/// The shell takes its own word for these before any file's.
const SHRC: &str = r#"poweroff() { /sbin/poweroff "$@"; }
reboot() { /sbin/reboot "$@"; }
halt() { /sbin/halt "$@"; }
"#;

/// Makes the tree. What must still be corrected in the file system made of it, in debugfs' words:
/// every file is root's, and as old as any other.
pub(super) fn make(tree: &Path) -> Result<String, ImageError> {
    if !Path::new(BUSYBOX).exists() {
        return Err(ImageError::Tool { path: BUSYBOX, package: PACKAGE });
    }
    let mut inodes = vec![String::new(), "lost+found".into()];
    fs::create_dir(tree).map_err(|source| ImageError::Make { path: tree.to_owned(), source })?;
    for directory in DIRECTORIES {
        let path = tree.join(directory);
        let mode = if directory == "tmp" { 0o1777 } else { 0o755 };
        let made = fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
        made.map_err(|source| ImageError::Make { path, source })?;
        inodes.push(directory.into());
    }
    for (name, mode, content) in [
        ("etc/inittab", 0o644, INIT),
        ("etc/fstab", 0o644, FSTAB),
        ("etc/rc", 0o755, RC),
        ("etc/profile", 0o644, PROFILE),
        ("etc/shrc", 0o644, SHRC),
        // Nobody signs in with a password: the console is root's.
        ("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
        ("etc/shadow", 0o600, "root:*:0::::::\nnobody:*:0::::::\n"),
        ("etc/group", 0o644, "root:*:0:\nnogroup:*:65534:\n"),
        ("etc/hosts", 0o644, "127.0.0.1 localhost\n"),
        ("sbin/poweroff", 0o755, STOP),
        ("sbin/umbel-setup", 0o755, umbel_guest::setup::SCRIPT),
        ("sbin/umbel-files", 0o755, umbel_guest::parcel::SCRIPT),
    ] {
        let path = tree.join(name);
        let made = fs::write(&path, content);
        let made = made.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
        made.map_err(|source| ImageError::Make { path, source })?;
        inodes.push(name.into());
    }
    let busybox = tree.join("bin/busybox");
    let copied = fs::copy(BUSYBOX, &busybox);
    let copied = copied.and_then(|_| fs::set_permissions(&busybox, fs::Permissions::from_mode(0o755)));
    copied.map_err(|source| ImageError::Make { path: busybox.clone(), source })?;
    inodes.push("bin/busybox".into());
    for (from, to) in names()? {
        let path = tree.join(&to);
        fs::hard_link(tree.join(from), &path).map_err(|source| ImageError::Make { path, source })?;
    }
    Ok(corrections(&inodes))
}

/// Further names of one file, which cost no inode.
fn names() -> Result<Vec<(&'static str, String)>, ImageError> {
    let failed = |source| ImageError::Run { program: BUSYBOX, source };
    let listed = Command::new(BUSYBOX).arg("--list-full").env_clear().output().map_err(failed)?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut names = vec![("bin/busybox", "sbin/init".to_owned())];
    for name in listed.lines() {
        let file = name.rsplit('/').next().unwrap_or_default();
        let directory = name.strip_suffix(file).unwrap_or_default();
        let known = ["bin/", "sbin/", "usr/bin/", "usr/sbin/"].contains(&directory);
        if known && !OURS.contains(&file) && !["busybox", "init"].contains(&file) {
            names.push(("bin/busybox", name.to_owned()));
        }
    }
    names.extend(["reboot", "halt"].map(|name| ("sbin/poweroff", format!("sbin/{name}"))));
    names.sort();
    Ok(names)
}

fn corrections(inodes: &[String]) -> String {
    let mut text = String::new();
    for inode in inodes {
        for (field, value) in [("uid", 0), ("gid", 0)] {
            let _ = writeln!(text, "set_inode_field /{inode} {field} {value}");
        }
        for field in ["atime", "mtime", "ctime", "crtime"] {
            let _ = writeln!(text, "set_inode_field /{inode} {field} @{THEN}");
            let _ = writeln!(text, "set_inode_field /{inode} {field}_extra 0");
        }
    }
    text
}
