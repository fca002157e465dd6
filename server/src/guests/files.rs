//! Single files out of backups and snapshots. The agent reads the disk in a guest of its own and hands over what was asked
//! for; here it is bounded, shown and given away. A backup is opened first: its disk is fetched among the uploads, under
//! the backup's own id, and goes when nobody has looked into it for an hour. What a panel that was killed has left of that
//! says so by a file beside it.

mod open;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use tokio::sync::mpsc;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{BackupFilesShown, FileAsked, FileShown, FilesShown, OpenState};
use umbel_guest::files::{FileAsk, FileEntry, FilePath, NoFile, parse_list};
use umbel_guest::{AccountId, BackupId, FieldErrors, GuestId, GuestRight, SnapshotId, UploadId};
use umbel_wire::agent::{FilesOf, FilesRead, Refusal};
use uuid::Uuid;

use super::backups::whole;
use super::snapshots::conflict;
use super::{Guests, from_host};
use crate::clock::SECOND;
use crate::error::internal;
use crate::giver::giver;
use crate::host::HostError;
use crate::uploads::{self, private};

pub(super) use open::Opened;

/// Of one person at a time, until the last byte is out; and of all.
const READS_MOST: usize = 3;
const READS_OF_ALL: usize = 24;
/// Of a list: the agent hands over no more.
const LIST_MOST: u64 = 64 << 20;
/// Of what is given away, in bytes at a time.
const PART: usize = 256 << 10;
/// Beside a disk that is read for a moment only.
const READING: &str = "reading";

/// A step on a file that was read.
#[derive(Debug, thiserror::Error)]
#[error("{step} {path}")]
struct ReadError {
    step: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(step: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> AppError + use<> {
    let path = path.to_owned();
    move |source| internal(&ReadError { step, path, source })
}

/// Who reads how much, and which backups are being opened.
#[derive(Debug, Default)]
pub struct Reads {
    readers: Mutex<HashMap<AccountId, usize>>,
    opened: Opened,
}

/// One that somebody reads.
#[derive(Debug)]
struct Reading(Arc<Reads>, AccountId);

impl Reading {
    fn begin(reads: &Arc<Reads>, account: AccountId) -> Result<Self, AppError> {
        let mut readers = reads.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.values().sum::<usize>() >= READS_OF_ALL {
            return Err(conflict("Others are reading many files. Try again in a moment."));
        }
        let count = readers.entry(account).or_default();
        if *count >= READS_MOST {
            return Err(conflict("You are reading several files already. Wait until one of them is there."));
        }
        *count += 1;
        Ok(Self(Arc::clone(reads), account))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = readers.get_mut(&self.1) {
            *count -= 1;
        }
        readers.retain(|_, count| *count > 0);
    }
}

/// A file on its way out.
#[derive(Debug)]
pub struct FileTaken {
    /// As a file of whoever takes it may be called.
    pub name: String,
    pub bytes: u64,
    pub is_archive: bool,
    parts: mpsc::Receiver<io::Result<Vec<u8>>>,
}

impl FileTaken {
    /// What comes next of it, until it is over.
    pub async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.parts.recv().await
    }
}

impl Guests {
    pub async fn backup_files(
        &self,
        caller: &Caller,
        backup: BackupId,
        path: &str,
    ) -> Result<BackupFilesShown, AppError> {
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        whole(&found)?;
        let path = read_path(path)?;
        let opened = self.open_state(backup)?;
        let files = match opened {
            OpenState::Open => Some(self.files_list(caller, self.opened_disk(backup, &found)?, path).await?),
            _ => None,
        };
        let (guest_name, made_at) = (found.spec.name.to_string(), found.made_at);
        Ok(BackupFilesShown { backup, guest_name, made_at, opened, files })
    }

    pub async fn snapshot_files(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        path: &str,
    ) -> Result<FilesShown, AppError> {
        let of = self.disk_of(caller, guest, snapshot).await?;
        self.files_list(caller, FilesOf::Snapshot(of), read_path(path)?).await
    }

    /// What is on a disk goes out, so only who may do all with its guest may do this, as with the whole.
    pub async fn backup_file(
        &self,
        caller: &Caller,
        backup: BackupId,
        asked: &FileAsked,
    ) -> Result<FileTaken, AppError> {
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        whole(&found)?;
        let of = self.opened_disk(backup, &found)?;
        let taken = self.file_take(caller, of, asked, found.spec.name.as_str()).await?;
        tracing::info!(%backup, guest = %found.guest, by = caller.account.name, "a file of a backup is taken");
        Ok(taken)
    }

    pub async fn snapshot_file(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        asked: &FileAsked,
    ) -> Result<FileTaken, AppError> {
        let of = self.disk_of(caller, guest, snapshot).await?;
        let taken = self.file_take(caller, FilesOf::Snapshot(of), asked, "disk").await?;
        tracing::info!(%guest, %snapshot, by = caller.account.name, "a file of a snapshot is taken");
        Ok(taken)
    }

    async fn files_list(&self, caller: &Caller, of: FilesOf, path: FilePath) -> Result<FilesShown, AppError> {
        let reading = Reading::begin(&self.reads, caller.account.id)?;
        let (file, place, _reading) = self.file_read(reading, FileAsk::List, of, path.clone()).await?;
        let read = blocking(move || {
            let mut bytes = Vec::new();
            file.take(LIST_MOST).read_to_end(&mut bytes).map(|_| parse_list(&bytes))
        });
        let list = read.await.map_err(failed("reading", &place))?;
        let rows = list.entries.into_iter().filter_map(|entry| shown(&path, entry)).collect();
        Ok(FilesShown { path: path.to_string(), rows, has_more: list.has_more, is_damaged: list.is_damaged })
    }

    async fn file_take(
        &self,
        caller: &Caller,
        of: FilesOf,
        asked: &FileAsked,
        disk: &str,
    ) -> Result<FileTaken, AppError> {
        let path = read_path(&asked.path)?;
        let ask = match asked.pack.as_str() {
            "" => FileAsk::Content,
            "tar" => FileAsk::Archive,
            _ => return Err(AppError::Invalid(FieldErrors::one("pack", "tar, or nothing."))),
        };
        let reading = Reading::begin(&self.reads, caller.account.id)?;
        let (mut file, place, reading) = self.file_read(reading, ask, of, path.clone()).await?;
        let bytes = file.metadata().map_err(failed("reading the facts of", &place))?.len();
        let name = path.names().last().map_or_else(|| disk.to_owned(), ToString::to_string);
        let is_archive = ask == FileAsk::Archive;
        let name = if is_archive { format!("{}.tar", plain(&name)) } else { plain(&name) };
        let (giver, parts) = giver();
        tokio::task::spawn_blocking(move || {
            let _reading = reading;
            loop {
                let mut part = vec![0; PART];
                match file.read(&mut part) {
                    Ok(0) => break,
                    Ok(count) => part.truncate(count),
                    Err(error) => {
                        giver.gives(Err(error));
                        break;
                    }
                }
                if !giver.gives(Ok(part)) {
                    break;
                }
            }
        });
        Ok(FileTaken { name, bytes, is_archive, parts })
    }

    /// What the agent has read; it has no name any more, so it goes with whoever has it open. Who asked and went counts
    /// until the agent is done, and nothing of it stays.
    async fn file_read(
        &self,
        reading: Reading,
        ask: FileAsk,
        of: FilesOf,
        path: FilePath,
    ) -> Result<(fs::File, PathBuf, Reading), AppError> {
        let to = UploadId(Uuid::now_v7());
        let place = self.upload_place(to)?;
        let host = Arc::clone(&self.parts.link.host);
        let read = tokio::spawn(async move {
            let marked = private(&place).and_then(|()| fs::write(place.join(READING), ""));
            marked.map_err(failed("making", &place))?;
            let read = host.files_read(FilesRead { of, ask, path, to }).await;
            let disk = place.join("disk");
            let opened = match read {
                Ok(()) => fs::File::open(&disk).map_err(failed("opening", &disk)),
                Err(error) => Err(refused(error)),
            };
            if let Err(error) = uploads::remove(&place) {
                tracing::warn!(path = %place.display(), %error, "what was read stays until the panel starts again");
            }
            opened.map(|file| (file, place, reading))
        });
        read.await.map_err(|error| internal(&error))?
    }

    fn upload_place(&self, upload: UploadId) -> Result<PathBuf, AppError> {
        let none = || conflict("This panel has no place for files.");
        Ok(self.parts.layout.as_ref().ok_or_else(none)?.upload(upload))
    }
}

fn refused(error: HostError) -> AppError {
    match error {
        HostError::Refused(Refusal::NoFile { why: NoFile::Missing }) => AppError::not_found("file"),
        HostError::Refused(Refusal::NoFile { why }) => conflict(format!("It can't be read: {why}.")),
        HostError::Refused(Refusal::UnknownUpload { .. }) => closed(),
        error => from_host(error),
    }
}

fn closed() -> AppError {
    conflict("The backup is closed. Open it, then look into it.")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn read_path(text: &str) -> Result<FilePath, AppError> {
    if text.is_empty() {
        return Ok(FilePath::default());
    }
    text.parse().map_err(|error| AppError::Invalid(FieldErrors::one("path", format!("{error}."))))
}

/// What has no path that could be asked for is left out.
fn shown(above: &FilePath, entry: FileEntry) -> Option<FileShown> {
    Some(FileShown {
        name: entry.name.to_string(),
        path: above.join(&entry.name).ok()?.to_string(),
        kind: entry.kind,
        bytes: entry.bytes,
        mode: format!("{:04o}", entry.mode),
        uid: entry.uid,
        gid: entry.gid,
        changed_at: entry.changed_at.saturating_mul(SECOND),
        target: entry.target.map(|target| target.to_string()),
    })
}

/// A name that no shell, header or file system stumbles over.
fn plain(name: &str) -> String {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "-_.+~%".contains(letter);
    let name: String = name.chars().map(|letter| if known(letter) { letter } else { '_' }).take(120).collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_has_a_name_that_means_nothing_else() {
        for (name, is) in [
            ("passwd", "passwd"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("...", "file"),
            ("a\"b\r\nc", "a_b__c"),
            ("Grüße", "Gr__e"),
            ("", "file"),
        ] {
            assert_eq!(plain(name), is, "{name}");
        }
        assert_eq!(plain(&"x".repeat(500)).len(), 120);
    }

    #[test]
    fn nobody_reads_without_end_at_once() {
        let (reads, one, other) = (Arc::default(), AccountId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
        let mut all: Vec<_> = (0..READS_MOST).map(|_| Reading::begin(&reads, one).expect("room")).collect();
        assert!(Reading::begin(&reads, one).is_err());
        drop(Reading::begin(&reads, other).expect("another's"));
        all.pop();
        drop(Reading::begin(&reads, one).expect("one is over"));
    }
}
