//! What the agent must remember over its own end: a small file per guest, written beside and renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use umbel_guest::{Generation, GuestId, KernelId, ParcelId, ParcelSeen, Seen, SetupSeen, VolumeAccess};

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("reading the ledger {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("understanding the ledger {path}")]
    Content { path: PathBuf, source: serde_json::Error },
    #[error("writing the ledger {path}")]
    Write { path: PathBuf, source: io::Error },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The newest order heard.
    pub generation: Generation,
    /// The guest's own host uid and gid; the agent's own in the personal profile.
    pub uid: u32,
    pub run: Option<Run>,
    /// What it was last started with.
    #[serde(default)]
    pub kernel: Option<KernelId>,
    /// What became of what it is told, if it was told anything.
    #[serde(default)]
    pub setup: Option<SetupSeen>,
    /// The file that is on its way into the guest or out of it.
    #[serde(default)]
    pub parcel: Option<Parcel>,
    /// What was last seen, and of which run.
    pub seen: Seen,
    pub seen_generation: Generation,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parcel {
    pub parcel: ParcelId,
    /// What the guest may do with its disk.
    pub access: VolumeAccess,
    /// How long that is.
    pub bytes: u64,
    pub seen: ParcelSeen,
}

/// A shim that was started, as the process table knows it: a pid alone may have been given away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub pid: i32,
    /// Start time in clock ticks since boot (proc(5), stat field 22).
    pub start_time: u64,
    pub boot_id: String,
    pub generation: Generation,
}

#[derive(Clone, Debug)]
pub struct Ledger {
    directory: PathBuf,
}

impl Ledger {
    pub fn open(agent_directory: &Path) -> Result<Self, LedgerError> {
        let directory = agent_directory.join("guests");
        fs::create_dir_all(&directory).map_err(|source| LedgerError::Write { path: directory.clone(), source })?;
        Ok(Self { directory })
    }

    /// Further files of one kind, and about whom they are.
    pub fn all_beside(&self, kind: &str) -> Vec<(GuestId, PathBuf)> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().filter_map(Result::ok);
        let about = |path: &Path| path.file_stem()?.to_str()?.parse().ok();
        let paths = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == kind));
        paths.filter_map(|path| Some((about(&path)?, path))).collect()
    }

    pub fn all(&self) -> Result<Vec<(GuestId, Entry)>, LedgerError> {
        let read = |source| LedgerError::Read { path: self.directory.clone(), source };
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.directory).map_err(read)? {
            let path = file.map_err(read)?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            // A name that is no id is a half-written file of a killed agent.
            if let Some(guest) = name.strip_suffix(".json").and_then(|id| id.parse().ok()) {
                entries.push((guest, read_entry(&path)?));
            }
        }
        Ok(entries)
    }

    pub fn save(&self, guest: GuestId, entry: &Entry) -> Result<(), LedgerError> {
        let path = self.path(guest);
        let write = |source| LedgerError::Write { path: path.clone(), source };
        let json = serde_json::to_vec(entry).map_err(|e| write(e.into()))?;
        let beside = self.directory.join(format!("{guest}.new"));
        let mut file = File::create(&beside).map_err(write)?;
        file.write_all(&json).and_then(|()| file.sync_data()).map_err(write)?;
        fs::rename(&beside, &path).map_err(write)
    }

    /// Repeating it does no harm.
    pub fn forget(&self, guest: GuestId) -> Result<(), LedgerError> {
        let path = self.path(guest);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LedgerError::Write { path, source }),
            _ => Ok(()),
        }
    }

    /// Another file about the guest; not an entry.
    pub fn beside(&self, guest: GuestId, kind: &str) -> PathBuf {
        self.directory.join(format!("{guest}.{kind}"))
    }

    fn path(&self, guest: GuestId) -> PathBuf {
        self.directory.join(format!("{guest}.json"))
    }
}

fn read_entry(path: &Path) -> Result<Entry, LedgerError> {
    let content = fs::read(path).map_err(|source| LedgerError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&content).map_err(|source| LedgerError::Content { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_there_after_a_restart_and_half_a_file_is_passed_over() {
        let dir = tempfile::tempdir().expect("tmp");
        let ledger = Ledger::open(dir.path()).expect("opens");
        let guest: GuestId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        let run = Run { pid: 7, start_time: 8, boot_id: "b".into(), generation: Generation::FIRST };
        let (generation, seen) = (Generation::FIRST, Seen::Starting);
        let parcel = Parcel {
            parcel: ParcelId(uuid::Uuid::nil()),
            access: VolumeAccess::ReadOnly,
            bytes: 8192,
            seen: ParcelSeen::Begun,
        };
        let entry = Entry {
            generation,
            uid: 9,
            run: Some(run),
            kernel: None,
            setup: None,
            parcel: Some(parcel),
            seen,
            seen_generation: generation,
        };
        ledger.save(guest, &entry).expect("saved");
        fs::write(dir.path().join("guests/half.new"), "{").expect("written");
        let again = Ledger::open(dir.path()).expect("opens");
        assert_eq!(again.all().expect("reads"), [(guest, entry)]);
        again.forget(guest).expect("gone");
        again.forget(guest).expect("still gone");
        assert_eq!(again.all().expect("reads"), []);
    }
}
