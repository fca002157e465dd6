//! What a guest is told once, on a disk of its own that is only read: text that any kernel can read, behind a file
//! system that cloud-init understands (its docs, NoCloud). It lies with the guest until the guest says that it is done.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Cursor, Write as _};
use std::os::unix::fs::{OpenOptionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use serde_json::json;
use umbel_guest::setup::Identity;
use umbel_guest::{Generation, GuestId, Setup, SetupSeen};
use umbel_wire::agent::Refusal;

use crate::ledger::Entry;
use crate::policy::check_generation;
use crate::state::{State, failed, failed_at};
use crate::{in_full, now};

/// Where the text begins, and how long it is with the zeros after it; the file system ends before it.
const TEXT_AT: usize = 1 << 20;
const TEXT_LENGTH: usize = 256 << 10;
/// The end of a name in the agent's directory.
pub const NOTE: &str = "setup";
/// A disk of a guest that nobody has made yet is for one that never came.
const FOR_NOBODY: Duration = Duration::from_secs(24 * 60 * 60);

/// Repeating it does no harm. To be called in the guest's turn; before it was heard of too.
pub fn put(state: &State, guest: GuestId, generation: Generation, setup: &Setup) -> Result<(), Refusal> {
    let heard = state.entry(guest);
    check_generation(heard.as_ref().map(|entry| entry.generation), generation)?;
    if heard.as_ref().is_some_and(|entry| entry.seen.is_alive()) {
        return Err(Refusal::StillRunning);
    }
    let path = state.setup(guest);
    let at = |error| failed_at("writing what a guest is told", &path)(error);
    write(&path, &disk(setup).map_err(at)?).map_err(at)?;
    let Some(entry) = heard else { return Ok(()) };
    let entry = Entry { generation, setup: Some(SetupSeen::Waits), ..entry };
    state.put(guest, entry).map_err(|e| failed("writing the ledger")(&e))
}

/// What a guest that is heard of for the first time was told before.
pub fn seen(state: &State, guest: GuestId) -> Option<SetupSeen> {
    state.setup(guest).exists().then_some(SetupSeen::Waits)
}

/// The disk, given to the guest's user, if there is one.
pub fn hand_over(state: &State, guest: GuestId, uid: u32) -> Result<Option<PathBuf>, Refusal> {
    let path = state.setup(guest);
    match lchown(&path, Some(uid), None) {
        Ok(()) => Ok(Some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed_at("giving to the guest", &path)(error)),
    }
}

/// Repeating it does no harm.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// As an agent begins: what was written for guests that never came goes, and the ledger says what there is, wherever an
/// agent was killed between the one and the other.
pub fn recover(state: &State) {
    let there: BTreeMap<GuestId, PathBuf> = state.setups().into_iter().collect();
    for (guest, path) in &there {
        let age = fs::metadata(path).and_then(|facts| facts.modified());
        let age = age.map(|at| SystemTime::now().duration_since(at).unwrap_or_default()).unwrap_or_default();
        if state.entry(*guest).is_none()
            && age > FOR_NOBODY
            && let Err(error) = remove(path)
        {
            tracing::error!(%guest, cause = in_full(&error), "what a guest was to be told stays on the host");
        }
    }
    for (guest, entry) in state.entries() {
        // One that runs may say yet what came of it.
        let waits = entry.setup == Some(SetupSeen::Waits);
        let setup = match there.contains_key(&guest) {
            false if waits && !entry.seen.is_alive() => None,
            true if !waits => Some(SetupSeen::Waits),
            _ => continue,
        };
        if let Err(error) = state.put(guest, Entry { setup, ..entry }) {
            tracing::error!(%guest, cause = in_full(&error), "what a guest is to be told can't be written down");
        }
    }
}

/// What became of it, where a guest's line says so and it is the first time.
pub fn outcome(entry: &Entry, line: &str) -> Option<SetupSeen> {
    if entry.setup != Some(SetupSeen::Waits) { None } else { SetupSeen::of(line, now()) }
}

/// Beside and renamed: whoever reads it reads all of it.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("setup-new");
    remove(&beside)?;
    let mut file: File = File::options().write(true).create_new(true).mode(0o400).open(&beside)?;
    file.write_all(content)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}

fn disk(setup: &Setup) -> io::Result<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; TEXT_AT]);
    let options = FormatVolumeOptions::new().fat_type(FatType::Fat12).volume_label(*b"CIDATA     ");
    format_volume(&mut disk, options)?;
    {
        let files = FileSystem::new(&mut disk, FsOptions::new())?;
        for (name, content) in for_cloud_init(setup) {
            files.root_dir().create_file(name)?.write_all(content.as_bytes())?;
        }
        files.unmount()?;
    }
    let text = text(setup);
    if text.len() > TEXT_LENGTH {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is {} bytes of text", text.len())));
    }
    let mut disk = disk.into_inner();
    disk.extend_from_slice(text.as_bytes());
    disk.resize(TEXT_AT + TEXT_LENGTH, 0);
    Ok(disk)
}

/// For `setup.sh`, and whoever reads it: a word and its value on each line, the script last.
fn text(setup: &Setup) -> String {
    let mut text = format!("umbel-setup 1\nuser {}\n", setup.user.as_str());
    if let Some(password) = &setup.password {
        let _ = writeln!(text, "password {}", password.as_str());
    }
    if setup.identity == Identity::Copied {
        text.push_str("copied\n");
    }
    for key in &setup.keys {
        let _ = writeln!(text, "key {}", key.as_str());
    }
    match (setup.user_data.as_str(), setup.user_data.is_script()) {
        ("", _) => {}
        (script, true) => {
            let _ = write!(text, "script\n{script}");
        }
        (_, false) => text.push_str("cloud-config\n"),
    }
    text
}

/// Users and what is said at the end come as data of the vendor, so that a user's own data has its place. JSON is YAML.
fn for_cloud_init(setup: &Setup) -> [(&'static str, String); 4] {
    let keys: Vec<&str> = setup.keys.iter().map(|key| key.as_str()).collect();
    let password = setup.password.as_ref().map(|password| password.as_str());
    let is_root = setup.user.as_str() == "root";
    let mut user =
        json!({ "name": setup.user.as_str(), "ssh_authorized_keys": keys, "lock_passwd": password.is_none() });
    if let Some(password) = password {
        // The one is for a user who is made, the other for one who is there.
        user["passwd"] = password.into();
        user["hashed_passwd"] = password.into();
    }
    if !is_root {
        user["shell"] = "/bin/bash".into();
        user["groups"] = "sudo".into();
        if password.is_none() {
            user["sudo"] = "ALL=(ALL) NOPASSWD:ALL".into();
        }
    }
    let config = match setup.identity {
        Identity::Own => json!({ "users": [user], "disable_root": !is_root }),
        // It makes its host keys anew by itself, as for any guest that it takes for new.
        Identity::Copied => {
            json!({ "users": [], "bootcmd": [["rm", "-f", "/etc/machine-id"], ["systemd-machine-id-setup"]] })
        }
    };
    let vendor = format!(
        "Content-Type: multipart/mixed; boundary=\"umbel\"\nMIME-Version: 1.0\n\n\
         --umbel\nContent-Type: text/cloud-config\n\n{config}\n\
         --umbel\nContent-Type: text/x-shellscript\n\n#!/bin/sh\nsync\necho \"umbel-setup: done\" >/proc/mconsole\n\n--umbel--\n"
    );
    let user_data = match setup.user_data.as_str() {
        "" => "#cloud-config\n{}\n",
        data => data,
    };
    [
        ("meta-data", json!({ "instance-id": setup.id, "local-hostname": setup.name }).to_string() + "\n"),
        ("user-data", user_data.to_owned()),
        ("vendor-data", vendor),
        // The kernel has its address already.
        ("network-config", json!({ "config": "disabled" }).to_string() + "\n"),
    ]
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn setup(user_data: &str) -> Setup {
        Setup {
            id: uuid::Uuid::nil(),
            name: "web-1".parse().expect("a name"),
            user: "anna".parse().expect("a user"),
            password: Some("$6$salt$hash".parse().expect("a hash")),
            keys: vec!["ssh-rsa AAAA a".parse().expect("a key"), "ssh-rsa BBBB b".parse().expect("a key")],
            user_data: user_data.parse().expect("a script"),
            identity: Identity::Own,
        }
    }

    #[test]
    fn text_is_lines_of_a_word_and_the_script_is_all_that_follows() {
        let before = "umbel-setup 1\nuser anna\npassword $6$salt$hash\nkey ssh-rsa AAAA a\nkey ssh-rsa BBBB b\n";
        assert_eq!(text(&setup("")), before);
        assert_eq!(text(&setup("#!/bin/sh\nuser root\n")), format!("{before}script\n#!/bin/sh\nuser root\n"));
        let copied = Setup { password: None, keys: Vec::new(), identity: Identity::Copied, ..setup("") };
        assert_eq!(text(&copied), "umbel-setup 1\nuser anna\ncopied\n");
        assert_eq!(text(&setup("#cloud-config\n{}\n")), format!("{before}cloud-config\n"));
    }

    #[test]
    fn the_same_disk_has_files_and_text_and_is_the_same_each_time() {
        let made = disk(&setup("#!/bin/sh\n")).expect("made");
        assert_eq!(made, disk(&setup("#!/bin/sh\n")).expect("made"));
        assert!(made[TEXT_AT..].starts_with(b"umbel-setup 1\n"));
        let files = FileSystem::new(Cursor::new(made), FsOptions::new()).expect("a file system");
        assert_eq!(files.volume_label_as_bytes(), b"CIDATA");
        let mut vendor = String::new();
        files.root_dir().open_file("vendor-data").expect("there").read_to_string(&mut vendor).expect("text");
        assert!(vendor.contains(r#""passwd":"$6$salt$hash""#) && vendor.contains("BBBB b"), "{vendor}");
    }

    #[test]
    fn a_guest_that_was_told_nothing_has_done_nothing() {
        let entry = |setup| Entry { setup, ..crate::state::new_entry(Generation::FIRST, 1) };
        let said = "umbel-setup: done";
        assert!(outcome(&entry(Some(SetupSeen::Waits)), said).is_some());
        assert_eq!(outcome(&entry(None), said), None);
        assert_eq!(outcome(&entry(Some(SetupSeen::Done { at: 1 })), "umbel-setup: failed: again"), None);
    }

    #[test]
    fn as_much_as_a_setup_may_be_has_room() {
        let key = format!("ssh-rsa {}", "A".repeat(4000));
        let keys = (0..32).map(|n| format!("{key}{n}").parse().expect("a key")).collect();
        let most = Setup { keys, ..setup(&format!("#!/bin/sh\n{}", "x".repeat((64 << 10) - 20))) };
        assert!(disk(&most).is_ok());
    }
}
