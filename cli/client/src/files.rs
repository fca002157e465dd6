//! Single files on the disks of backups and snapshots.

use reqwest::{Method, Response};
use serde::{Deserialize, Serialize};
use umbel_guest::files::FileKind;
use umbel_guest::{BackupId, GuestId, SnapshotId};

use crate::client::Client;
use crate::error::Error;

/// A line of a directory. Names are a guest's: what could deceive stands as `%` and two digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    /// To ask for it.
    pub path: String,
    pub kind: FileKind,
    pub bytes: u64,
    /// In octal.
    pub mode: String,
    pub uid: u32,
    pub gid: u32,
    pub changed_at: i64,
    /// Where a link leads.
    pub target: Option<String>,
}

/// What lies in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    pub path: String,
    pub rows: Vec<File>,
    pub has_more: bool,
    pub is_damaged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Opened {
    Closed,
    Opening { percent: u8 },
    Open,
    Failed { reason: String },
}

/// A backup that is looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFiles {
    pub backup: BackupId,
    pub guest_name: String,
    pub made_at: i64,
    pub opened: Opened,
    /// Once it is open.
    pub files: Option<Files>,
}

/// A file on its way.
#[derive(Debug)]
pub struct FileTaken {
    /// How long it is.
    pub bytes: u64,
    answer: Response,
}

impl FileTaken {
    pub(crate) fn of(answer: Response) -> Self {
        Self { bytes: answer.content_length().unwrap_or_default(), answer }
    }

    /// What comes next of it, until it is over. One that is cut off is an error.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let failed = |source| Error::Send { what: "a file".into(), source };
        Ok(self.answer.chunk().await.map_err(failed)?.map(|bytes| bytes.to_vec()))
    }
}

impl Client {
    /// The root where the path is empty.
    pub async fn backup_files(&self, backup: BackupId, path: &str) -> Result<BackupFiles, Error> {
        self.api(Method::GET, &format!("/backups/{backup}/files")).query(&[("path", path)]).read().await
    }

    /// Has its disk fetched; [`Self::backup_files`] says how far that is.
    pub async fn backup_open(&self, backup: BackupId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/backups/{backup}/open")).done().await.map(drop)
    }

    pub async fn backup_close(&self, backup: BackupId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/backups/{backup}/open")).done().await.map(drop)
    }

    /// Takes a few seconds.
    pub async fn snapshot_files(&self, guest: GuestId, snapshot: SnapshotId, path: &str) -> Result<Files, Error> {
        let asked = self.api(Method::GET, &format!("/guests/{guest}/snapshots/{snapshot}/files"));
        asked.query(&[("path", path)]).read().await
    }

    /// What a file holds; or, as `tar`, an archive.
    pub async fn backup_file(&self, backup: BackupId, path: &str, pack: &str) -> Result<FileTaken, Error> {
        self.file(&format!("/backups/{backup}/content"), path, pack).await
    }

    pub async fn snapshot_file(
        &self,
        guest: GuestId,
        snapshot: SnapshotId,
        path: &str,
        pack: &str,
    ) -> Result<FileTaken, Error> {
        self.file(&format!("/guests/{guest}/snapshots/{snapshot}/content"), path, pack).await
    }

    async fn file(&self, address: &str, path: &str, pack: &str) -> Result<FileTaken, Error> {
        let asked = self.api(Method::GET, address).query(&[("path", path), ("pack", pack)]);
        Ok(FileTaken::of(asked.done().await?))
    }
}
