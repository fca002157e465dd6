//! What the agent must remember of a network over its own end: a small file per network, written
//! beside and renamed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use umbel_guest::{Attachment, Forward, GuestId, HostNumber, NetworkId};
use umbel_wire::agent::Moved;

use super::NetworkError;
use super::subnet::Subnet;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The only group of its guests' processes, and the user of its switch; the agent's own in the
    /// personal profile.
    pub group: u32,
    #[serde(with = "as_bytes")]
    pub subnet: Subnet,
    pub forwards: Vec<Forward>,
    pub plugs: BTreeMap<GuestId, Plug>,
    pub switch: Option<Process>,
    /// What has passed cards on the bridge that were taken away since.
    #[serde(default)]
    pub moved: BTreeMap<GuestId, Moved>,
}

/// A guest that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plug {
    pub number: HostNumber,
    /// Never [`Attachment::None`].
    pub attachment: Attachment,
    pub uid: u32,
    /// Mbit/s in each direction.
    pub rate: Option<u32>,
    /// The one that its cable leads to, which may have ended.
    #[serde(default)]
    pub switch: Option<Process>,
}

/// A process as the process table knows it: a pid alone may have been given away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub pid: i32,
    pub start_time: u64,
    pub boot_id: String,
}

impl Record {
    pub fn plugged(&self, attachment: Attachment) -> impl Iterator<Item = (GuestId, &Plug)> {
        self.plugs.iter().filter(move |(_, plug)| plug.attachment == attachment).map(|(guest, plug)| (*guest, plug))
    }
}

mod as_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Subnet;

    pub(super) fn serialize<S: Serializer>(subnet: &Subnet, to: S) -> Result<S::Ok, S::Error> {
        subnet.bytes().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Subnet, D::Error> {
        Subnet::of(<[u8; 3]>::deserialize(from)?).ok_or_else(|| D::Error::custom("no subnet of ours"))
    }
}

#[derive(Clone, Debug)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    pub fn new(agent_directory: &Path) -> Self {
        Self { directory: agent_directory.join("networks") }
    }

    pub fn all(&self) -> Result<BTreeMap<NetworkId, Record>, NetworkError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| NetworkError::Record { path, source }
        };
        let files = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            files => files.map_err(at(&self.directory))?,
        };
        let mut records = BTreeMap::new();
        for file in files {
            let path = file.map_err(at(&self.directory))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            // A name that is no id is a half-written file of a killed agent.
            let Some(network) = name.strip_suffix(".json").and_then(|id| id.parse().ok()) else { continue };
            let content = fs::read(&path).map_err(at(&path))?;
            let record = serde_json::from_slice(&content).map_err(|e| at(&path)(e.into()))?;
            records.insert(network, record);
        }
        Ok(records)
    }

    pub fn save(&self, network: NetworkId, record: &Record) -> Result<(), NetworkError> {
        let path = self.directory.join(format!("{network}.json"));
        let beside = self.directory.join(format!("{network}.new"));
        let written = (|| {
            fs::create_dir_all(&self.directory)?;
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(record)?)?;
            file.sync_data()?;
            fs::rename(&beside, &path)
        })();
        written.map_err(|source| NetworkError::Record { path, source })
    }

    /// Repeating it does no harm.
    pub fn forget(&self, network: NetworkId) -> Result<(), NetworkError> {
        let path = self.directory.join(format!("{network}.json"));
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(NetworkError::Record { path, source }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_there_after_a_restart_and_half_a_file_is_passed_over() {
        let dir = tempfile::tempdir().expect("tmp");
        let records = Records::new(dir.path());
        assert_eq!(records.all().expect("reads"), BTreeMap::new());
        let network: NetworkId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        let (number, attachment) = (HostNumber::new(2).expect("fine"), Attachment::Bridge);
        let plug = Plug { number, attachment, uid: 7, rate: Some(5), switch: None };
        let guest: GuestId = "0190a000-0000-7000-8000-000000000002".parse().expect("an id");
        let record = Record {
            group: 8,
            subnet: Subnet::wish(network),
            forwards: Vec::new(),
            plugs: [(guest, plug)].into(),
            switch: Some(Process { pid: 1, start_time: 2, boot_id: "b".into() }),
            moved: [(guest, Moved { received: 3, sent: 4 })].into(),
        };
        records.save(network, &record).expect("saved");
        fs::write(dir.path().join("networks/half.new"), "{").expect("written");
        assert_eq!(records.all().expect("reads"), [(network, record)].into());
        records.forget(network).expect("gone");
        records.forget(network).expect("still gone");
        assert_eq!(records.all().expect("reads"), BTreeMap::new());
    }
}
