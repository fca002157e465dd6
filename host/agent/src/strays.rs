//! Adoption of root images that an administrator of the host has put into the directory for it, by
//! `mv` or a hard link. Each becomes a guest's plain disk as a copy: the file itself stays as it was.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use umbel_guest::{DiskSize, GuestId, StrayName};
use umbel_wire::agent::{Refusal, StrayFacts};

use crate::disk;
use crate::magic::Head;
use crate::state::{State, failed_at};

/// What lies there; files whose names can't travel are passed over.
pub fn all(state: &State) -> Vec<StrayFacts> {
    let entries = fs::read_dir(state.layout.adopt()).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| StrayName::try_from(entry.file_name().into_string().ok()?).ok());
    let mut all: Vec<StrayFacts> = names.map(|name| facts(state, name)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn facts(state: &State, name: StrayName) -> StrayFacts {
    match open(&state.layout.adopt().join(name.as_str())) {
        Ok(stray) => StrayFacts {
            name,
            size_bytes: stray.size,
            file_system: stray.file_system.map(str::to_owned),
            refused: stray.check().err(),
        },
        Err(reason) => StrayFacts { name, size_bytes: 0, file_system: None, refused: Some(reason) },
    }
}

/// Makes the guest's disk of it: a sparse copy, extended with a hole to the next size that disks have.
/// Repeating it does no harm.
pub fn adopt(state: &State, guest: GuestId, uid: u32, name: &StrayName) -> Result<(), Refusal> {
    let path = state.layout.adopt().join(name.as_str());
    if fs::symlink_metadata(&path).is_err() {
        return Err(Refusal::UnknownStray { stray: name.as_str().to_owned() });
    }
    let bad = |reason| Refusal::BadStray { stray: name.as_str().to_owned(), reason };
    // Its lock is held until it is copied: no kernel can be started on it meanwhile.
    let mut stray = open(&path).map_err(bad)?;
    let size = stray.check().map_err(bad)?;
    let taken = disk::taken(&stray.file.metadata().map_err(failed_at("reading the facts of", &path))?);
    disk::make_from(state, guest, uid, &mut stray.file, size, taken)
}

#[derive(Debug)]
struct Stray {
    file: File,
    size: u64,
    file_system: Option<&'static str>,
    is_cow: bool,
    user: Option<String>,
}

impl Stray {
    /// The size of the disk that it would become, or why it can't.
    fn check(&self) -> Result<DiskSize, String> {
        if self.is_cow {
            return Err("it is a copy-on-write child: merge it with its base first (uml_moo)".into());
        }
        if let Some(user) = &self.user {
            return Err(format!("it is in use: {user}"));
        }
        if self.size == 0 {
            return Err("it is empty".into());
        }
        let fits = DiskSize::ladder().find(|size| size.bytes() >= self.size);
        fits.ok_or_else(|| "it is larger than the largest disk, 16 GiB".into())
    }
}

/// Never follows a link and never waits for the other end of a pipe.
fn open(path: &Path) -> Result<Stray, String> {
    let kind = fs::symlink_metadata(path).map_err(|e| format!("it can't be looked at: {e}"))?.file_type();
    if kind.is_symlink() {
        return Err("it is a symbolic link: move the file itself here, or link it with ln".into());
    }
    if !kind.is_file() {
        let what = if kind.is_block_device() { "it is a device" } else { "it is no regular file" };
        return Err(what.into());
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let opened = File::options().read(true).write(true).custom_flags(flags).open(path);
    let file = opened.map_err(|e| format!("it can't be opened: {e}"))?;
    let facts = file.metadata().map_err(|e| format!("it can't be looked at: {e}"))?;
    if !facts.file_type().is_file() {
        return Err("it is no regular file".into());
    }
    let user = match disk::lock(&file) {
        Err(error) => Some(format!("a process has locked it ({error})")),
        Ok(()) => user_of(facts.dev(), facts.ino()),
    };
    let head = Head::of(&file).map_err(|e| format!("it can't be read: {e}"))?;
    Ok(Stray { size: facts.size(), file_system: head.file_system(), is_cow: head.is_cow(), user, file })
}

/// Who has this file open besides us: a process, or a loop device that it is mounted through.
fn user_of(device: u64, inode: u64) -> Option<String> {
    let is_it = |path: &Path| fs::metadata(path).is_ok_and(|facts| (facts.dev(), facts.ino()) == (device, inode));
    let entries = |path: &str| fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    for block in entries("/sys/block") {
        let backing = fs::read_to_string(block.path().join("loop/backing_file")).unwrap_or_default();
        if !backing.is_empty() && is_it(Path::new(backing.trim_end())) {
            return Some(format!("it is behind /dev/{}", block.file_name().display()));
        }
    }
    let own = std::process::id().to_string();
    let pids = entries("/proc").filter_map(|entry| entry.file_name().into_string().ok());
    for pid in pids.filter(|pid| *pid != own && pid.bytes().all(|b| b.is_ascii_digit())) {
        if entries(&format!("/proc/{pid}/fd")).any(|fd| is_it(&fd.path())) {
            return Some(format!("process {pid} has it open"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn file_systems_are_known_by_what_mke2fs_makes() {
        let dir = tempfile::tempdir().expect("tmp");
        for kind in ["ext2", "ext3", "ext4"] {
            let path = dir.path().join(kind);
            let made = Command::new("mke2fs").args(["-q", "-t", kind]).arg(&path).arg("4M").output().expect("runs");
            assert!(made.status.success());
            let stray = open(&path).expect("a file");
            assert_eq!((stray.file_system, stray.check()), (Some(kind), DiskSize::from_mib(64).map_err(|e| e.message)));
        }
    }

    #[test]
    fn what_is_no_image_or_is_in_use_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().expect("tmp");
        let at = |name: &str| dir.path().join(name);
        let reason = |name: &str| open(&at(name)).and_then(|stray| stray.check().map(drop)).expect_err(name);
        fs::write(at("empty"), "").expect("written");
        assert!(reason("empty").contains("empty"));
        fs::write(at("cow"), b"OOOM and more").expect("written");
        assert!(reason("cow").contains("copy-on-write"));
        std::os::unix::fs::symlink("/etc/shadow", at("link")).expect("made");
        assert!(reason("link").contains("symbolic link"));
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("made");
        assert!(reason("pipe").contains("no regular file"));
        assert!(reason("none").contains("looked at"));
        let large = File::create(at("large")).expect("made");
        large.set_len(17 << 30).expect("sparse");
        assert!(reason("large").contains("16 GiB"));

        fs::write(at("open"), "something").expect("written");
        let held = File::open(at("open")).expect("there");
        let mut other = Command::new("sleep").arg("60").stdin(held.try_clone().expect("ours")).spawn().expect("sleeps");
        let told = reason("open");
        other.kill().expect("ours");
        other.wait().expect("ours");
        assert!(told.contains(&format!("process {}", other.id())), "{told}");
        let holder = File::options().write(true).open(at("open")).expect("there");
        disk::lock(&holder).expect("nobody else has it");
        assert!(reason("open").contains("locked"));
        drop(holder);
        assert!(open(&at("open")).expect("a file").check().is_ok());
    }
}
