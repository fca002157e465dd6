//! Our part of the tree: directories to mount on, an /etc of a few files, and busybox as init. It lies in
//! a directory that is named by what it is made of, so a guest that runs keeps the one it began with.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::hex;

const BUSYBOX: &str = "/bin/busybox";
const DIRECTORIES: [&str; 15] = [
    "dev",
    "etc",
    "home",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "srv",
    "sys",
    "tmp",
    "umbel",
    "umbel/root",
    "var",
];
/// Links into /usr, as this host has them.
const LINKS: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// What programs in /usr look for in /etc, and nothing of which is anybody's.
const COPIED: [&str; 8] =
    ["ld.so.cache", "alternatives", "services", "protocols", "debian_version", "os-release", "mime.types", "magic"];

const FIRST: &str = r#"#!/umbel/busybox sh
# The first program of a guest whose root is the host's files: nothing of it can be written, so what has
# to be is laid over it in memory.
b=/umbel/busybox
# Named in full, since /proc is not there yet to look it up in.
# Owners may be those that a user namespace makes of them: a set-uid program would be anybody's.
$b mount -o remount,bind,ro,nosuid none /
$b mount -t proc -o nosuid,nodev,noexec proc /proc
$b mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
[ -c /dev/null ] || $b mount -t devtmpfs devtmpfs /dev
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o gid=5,mode=620 devpts /dev/pts
for directory in dev/shm tmp run var home root mnt; do
    $b mount -t tmpfs -o nosuid,nodev tmpfs /$directory
done
# What is shown and lies under one of these is bound into it. Without a jail nothing could be mounted into
# our root at all, so it is done here: hostfs shows nobody more than what its user on the host may see.
$b mount -o bind / /umbel/root
is_empty() { set -- "$1"/*; [ ! -e "$1" ]; }
while read -r directory; do
    is_empty "$directory" || continue
    $b mkdir -p "$directory"
    if is_empty "/umbel/root$directory"; then
        $b mount -t hostfs -o "ro,nosuid,nodev,$directory" none "$directory"
    else
        $b mount -o bind "/umbel/root$directory" "$directory"
    fi
done </umbel/shown
$b chmod 1777 /dev/shm /tmp
$b chmod 700 /root
$b mkdir -p /run/etc /run/lock /var/cache /var/lib /var/log /var/spool /var/tmp
$b chmod 1777 /var/tmp
$b ln -s /run /var/run
$b cp -a /etc/. /run/etc
# Owners are those that the host knows the copies by.
$b chown -R -h 0:0 /run/etc
$b mount -o bind /run/etc /etc
$b sh /umbel/place
read -r name </proc/sys/kernel/hostname
echo "$name" >/etc/hostname
echo "127.0.1.1 $name" >>/etc/hosts
exec $b init
"#;

/// Name and place as the kernel's command line tells them, with busybox's programs: a host may lack them.
const PLACE: &str = concat!(
    r#"ip() { /umbel/busybox ip "$@"; }
ifconfig() { /umbel/busybox ifconfig "$@"; }
route() { /umbel/busybox route "$@"; }
"#,
    include_str!("../../../guest/src/place.sh")
);

/// The console is signed in, as in the image that comes with Umbel.
const INITTAB: &str = "::respawn:/umbel/busybox cttyhack /umbel/shell
::ctrlaltdel:/umbel/poweroff
";

const SHELL: &str = r#"#!/umbel/busybox sh
[ "$TERM" != dumb ] || TERM=linux
export TERM HOME=/root USER=root LOGNAME=root
cd /root
[ ! -x /bin/bash ] || exec /bin/bash -l
exec /umbel/busybox sh -l
"#;

const STOP: &str = r#"#!/umbel/busybox sh
# Nothing has to be written: there is no disk.
trap '' HUP INT TERM
# The shell's own word, which spares us: a program's would end this script too (kill(2)).
kill -TERM -1
/umbel/busybox sleep 0.1
kill -KILL -1
exec /umbel/busybox "${0##*/}" -f
"#;

const PROFILE: &str = r#"export PATH=/umbel:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PS1='\u@\h:\w\$ '
"#;

/// Written as they are: path, mode, content.
const FILES: [(&str, u32, &str); 14] = [
    ("umbel/init", 0o755, FIRST),
    ("umbel/place", 0o644, PLACE),
    ("umbel/shell", 0o755, SHELL),
    ("umbel/poweroff", 0o755, STOP),
    ("umbel/reboot", 0o755, STOP),
    ("umbel/halt", 0o755, STOP),
    ("etc/inittab", 0o644, INITTAB),
    ("etc/profile", 0o644, PROFILE),
    // Nobody signs in with a password: the console is root's.
    (
        "etc/passwd",
        0o644,
        "root:*:0:0:root:/root:/bin/sh\ndaemon:*:1:1:daemon:/:/usr/sbin/nologin\nnobody:*:65534:65534:nobody:/:/usr/sbin/nologin\n",
    ),
    ("etc/group", 0o644, "root:*:0:\ndaemon:*:1:\ntty:*:5:\nnogroup:*:65534:\n"),
    ("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"),
    ("etc/resolv.conf", 0o644, ""),
    ("etc/fstab", 0o644, ""),
];

#[derive(Debug, thiserror::Error)]
pub(super) enum SkeletonError {
    #[error("{BUSYBOX} is missing; the Debian package busybox-static has it")]
    Busybox,
    #[error("making {path}")]
    Make { path: PathBuf, source: io::Error },
    #[error("copying {path}")]
    Copy { path: PathBuf, source: io::Error },
}

/// Makes what isn't there yet, under its name only when it is complete. Others are removed where no guest
/// can have them.
pub(super) fn make(directory: &Path, shown: &[PathBuf], may_clean: bool) -> Result<PathBuf, SkeletonError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| SkeletonError::Make { path: path.clone(), source }
    };
    if !Path::new(BUSYBOX).exists() {
        return Err(SkeletonError::Busybox);
    }
    let name = format!("tree-{}", fingerprint(shown)?);
    let skeleton = directory.join(&name);
    make_directory(directory).map_err(at(directory))?;
    let others = fs::read_dir(directory).map_err(at(directory))?.filter_map(Result::ok).map(|entry| entry.path());
    for other in others.filter(|path| may_clean && path.file_name().is_none_or(|other| *other != *name)) {
        fs::remove_dir_all(&other).map_err(at(&other))?;
    }
    if skeleton.exists() {
        return Ok(skeleton);
    }
    let coming = directory.join("tree.coming");
    if coming.exists() {
        fs::remove_dir_all(&coming).map_err(at(&coming))?;
    }
    fill(&coming, shown)?;
    fs::rename(&coming, &skeleton).map_err(at(&skeleton))?;
    Ok(skeleton)
}

fn fill(root: &Path, shown: &[PathBuf]) -> Result<(), SkeletonError> {
    let mut directories: Vec<PathBuf> = vec![root.to_owned()];
    directories.extend(DIRECTORIES.iter().map(|name| root.join(name)));
    directories.extend(shown.iter().map(|path| root.join(path.strip_prefix("/").unwrap_or(path))));
    for path in &directories {
        make_directory(path).map_err(|source| SkeletonError::Make { path: path.clone(), source })?;
    }
    for name in LINKS {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            let path = root.join(name);
            symlink(target, &path).map_err(|source| SkeletonError::Make { path, source })?;
        }
    }
    for name in COPIED {
        let (from, to) = (Path::new("/etc").join(name), root.join("etc").join(name));
        copy(&from, &to).map_err(|source| SkeletonError::Copy { path: from, source })?;
    }
    for (name, mode, content) in FILES {
        let path = root.join(name);
        let made = fs::write(&path, content);
        let made = made.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)));
        made.map_err(|source| SkeletonError::Make { path, source })?;
    }
    let path = root.join("umbel/shown");
    let lines: String = shown.iter().map(|path| format!("{}\n", path.display())).collect();
    fs::write(&path, lines).map_err(|source| SkeletonError::Make { path, source })?;
    let busybox = root.join("umbel/busybox");
    let copied = fs::copy(BUSYBOX, &busybox);
    let copied = copied.and_then(|_| fs::set_permissions(&busybox, fs::Permissions::from_mode(0o755)));
    copied.map_err(|source| SkeletonError::Copy { path: busybox, source })
}

/// A file that others may read, a link as it is, a directory of both; what isn't there is left out.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let facts = match fs::symlink_metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        looked => looked?,
    };
    if facts.is_symlink() {
        symlink(fs::read_link(from)?, to)
    } else if facts.is_dir() {
        make_directory(to)?;
        fs::read_dir(from)?.try_for_each(|entry| {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))
        })
    } else if facts.is_file() && facts.permissions().mode() & 0o004 != 0 {
        fs::copy(from, to)?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o644))
    } else {
        Ok(())
    }
}

/// Of everything that it is made of.
fn fingerprint(shown: &[PathBuf]) -> Result<String, SkeletonError> {
    let mut digest = Sha256::new();
    for (name, mode, content) in FILES {
        digest.update(format!("{name} {mode} {content}\0"));
    }
    for path in shown {
        digest.update(path.as_os_str().as_encoded_bytes());
        digest.update([0]);
    }
    for path in [BUSYBOX, "/etc/ld.so.cache", "/etc/alternatives"] {
        let Ok(facts) = fs::metadata(path) else { continue };
        let changed = facts.modified().map_err(|source| SkeletonError::Copy { path: path.into(), source })?;
        digest.update(format!("{} {changed:?}\0", facts.len()));
    }
    Ok(hex(&digest.finalize()[..6]))
}

fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_again_when_something_else_is_shown() {
        let dir = tempfile::tempdir().expect("tmp");
        let usr = vec![PathBuf::from("/usr")];
        let first = make(dir.path(), &usr, true).expect("made");
        assert!(first.join("usr").is_dir() && first.join("umbel/busybox").is_file());
        assert!(!first.join("etc/shadow").exists());
        fs::write(first.join("marked"), "").expect("written");
        assert_eq!(make(dir.path(), &usr, true).expect("there"), first);
        assert!(first.join("marked").exists());
        let both = vec!["/opt/x".into(), PathBuf::from("/usr")];
        let other = make(dir.path(), &both, false).expect("made");
        assert!(other.join("opt/x").is_dir() && first.exists(), "a guest may have the first one");
        make(dir.path(), &both, true).expect("there");
        assert!(!first.exists());
    }
}
