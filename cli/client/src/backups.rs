//! Copies of guests' disks that are kept elsewhere.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use umbel_guest::{BackupId, Every, GuestId, OperationId};

use crate::answers::{Acted, Created};
use crate::client::Client;
use crate::error::Error;

/// The newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backups {
    /// Whether the panel keeps any.
    pub is_offered: bool,
    /// How many of one guest.
    pub most: u32,
    /// Of the guest that was asked for.
    pub plan: Option<BackupPlan>,
    pub rows: Vec<Backup>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub id: BackupId,
    /// It may be gone.
    pub guest: GuestId,
    pub guest_name: String,
    pub has_guest: bool,
    /// Whether the guest's plan made it, which removes it in time.
    pub planned: bool,
    /// Else it is being made.
    pub is_whole: bool,
    pub disk_mib: u32,
    pub held_bytes: u64,
    /// Beside what was kept already.
    pub stored_bytes: u64,
    pub made_at: i64,
}

/// Backups that are made by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPlan {
    pub every: Every,
    pub keep: u32,
    pub next_at: i64,
    /// Why the last one was not made.
    pub failed: Option<String>,
}

/// A backup that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTaken {
    pub backup: BackupId,
    pub operation: OperationId,
}

/// The disk of a backup, packed with zstd, while it comes.
#[derive(Debug)]
pub struct BackupFile {
    /// Of the disk, once it is unpacked.
    pub disk_bytes: u64,
    /// Of the disk, in hexadecimal.
    pub sha256: String,
    answer: reqwest::Response,
}

impl BackupFile {
    /// What comes next of the file, until it is over. One that is cut off is an error.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let failed = |source| Error::Send { what: "a backup's disk".into(), source };
        Ok(self.answer.chunk().await.map_err(failed)?.map(|bytes| bytes.to_vec()))
    }
}

impl Client {
    /// Of all guests that one may see, and of those that are gone and were one's own.
    pub async fn backups(&self) -> Result<Backups, Error> {
        self.api(Method::GET, "/backups").read().await
    }

    pub async fn backups_of(&self, guest: GuestId) -> Result<Backups, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/backups")).read().await
    }

    /// How often one is made by itself, and how many of those are kept; or none.
    pub async fn backup_plan_set(&self, guest: GuestId, every: Option<Every>, keep: u32) -> Result<(), Error> {
        let draft = serde_json::json!({ "every": every, "keep": keep });
        self.api(Method::PUT, &format!("/guests/{guest}/backup-plan")).json(&draft).done().await.map(drop)
    }

    pub async fn backup_take(&self, guest: GuestId) -> Result<BackupTaken, Error> {
        self.api(Method::POST, &format!("/guests/{guest}/backups")).read().await
    }

    /// Its guest is started with it.
    pub async fn backup_restore(&self, backup: BackupId) -> Result<Option<OperationId>, Error> {
        let asked = self.api(Method::POST, &format!("/backups/{backup}/restore"));
        Ok(asked.read::<Acted>().await?.operation)
    }

    /// Another guest, of the same owner, with its disk.
    pub async fn backup_clone(&self, backup: BackupId, name: &str) -> Result<Created, Error> {
        let draft = serde_json::json!({ "name": name });
        self.api(Method::POST, &format!("/backups/{backup}/clone")).json(&draft).read().await
    }

    /// Its disk as a file.
    pub async fn backup_download(&self, backup: BackupId) -> Result<BackupFile, Error> {
        let answer = self.api(Method::GET, &format!("/backups/{backup}/disk")).done().await?;
        let said = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let sha256 = said("umbel-disk-sha256").unwrap_or_default();
        let disk_bytes = said("umbel-disk-bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or_default();
        Ok(BackupFile { disk_bytes, sha256, answer })
    }

    pub async fn backup_remove(&self, backup: BackupId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/backups/{backup}")).done().await.map(drop)
    }
}
