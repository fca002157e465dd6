//! Backups whose disk lies among the uploads, and those that are on their way there. What is there is told by the directory
//! alone, so a panel that was killed forgets nothing: half a disk has no name, and is fetched anew when somebody asks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::OpenState;
use umbel_guest::{AccountId, BackupId, GuestRight, UploadId};
use umbel_wire::agent::FilesOf;

use super::{Guests, READING, closed, failed};
use crate::error::chain;
use crate::guests::backups::whole;
use crate::guests::from_host;
use crate::guests::snapshots::conflict;
use crate::store::guest_backups::GuestBackup;
use crate::uploads::{self, private};
use crate::vault::{VaultError, Watch};

/// Beside the disk; it has who asked, and its time is when somebody looked last.
const MARK: &str = "opened";
/// So long.
const KEPT: Duration = Duration::from_secs(3600);
/// Of one person, and of all: each takes what the guest had written.
const OF_ONE: usize = 2;
const OF_ALL: usize = 8;

/// How often those are looked for.
const LOOK: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<HashMap<BackupId, Opening>>);

#[derive(Debug)]
enum Opening {
    Coming(Watch),
    /// Whoever fetches it has been told to stop, and removes it.
    Closing,
    Failed(String),
}

impl Opened {
    fn all(&self) -> MutexGuard<'_, HashMap<BackupId, Opening>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of its disk: no other upload has the id of a backup.
fn upload(backup: BackupId) -> UploadId {
    UploadId(backup.0)
}

impl Guests {
    pub(super) fn open_state(&self, backup: BackupId) -> Result<OpenState, AppError> {
        let is_there = self.upload_place(upload(backup))?.join("disk").exists();
        Ok(match self.reads.opened.all().get(&backup) {
            Some(Opening::Coming(watch)) => {
                OpenState::Opening { percent: u8::try_from(watch.percent().min(100)).unwrap_or(100) }
            }
            None | Some(Opening::Failed(_)) if is_there => OpenState::Open,
            Some(Opening::Failed(reason)) => OpenState::Failed { reason: reason.clone() },
            Some(Opening::Closing) | None => OpenState::Closed,
        })
    }

    /// Of one that is open; it stays so for another while.
    pub(super) fn opened_disk(&self, backup: BackupId, row: &GuestBackup) -> Result<FilesOf, AppError> {
        if self.open_state(backup)? != OpenState::Open {
            return Err(closed());
        }
        let mark = self.upload_place(upload(backup))?.join(MARK);
        let looked = fs::File::options().write(true).open(&mark).and_then(|file| file.set_modified(SystemTime::now()));
        looked.map_err(|_| closed())?;
        Ok(FilesOf::Upload { upload: upload(backup), size: row.spec.disk })
    }

    /// Has its disk fetched and checked; whoever asked looks how far that is. Repeating it does no harm.
    pub async fn backup_open(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        whole(&found)?;
        let vault = self.vault()?.clone();
        if matches!(self.open_state(backup)?, OpenState::Open | OpenState::Opening { .. }) {
            return Ok(());
        }
        let facts = self.parts.link.host.facts().await.map_err(from_host)?;
        let free_mib = facts.disk_free_mib.saturating_sub(facts.disk_total_mib * uploads::FREE_PERCENT / 100);
        if found.held_bytes >> 20 > free_mib {
            let needed = found.held_bytes >> 20;
            return Err(conflict(format!("It takes {needed} MiB, and the host has {free_mib} MiB for anything new.")));
        }
        let (place, watch) = (self.upload_place(upload(backup))?, Watch::default());
        {
            // One after the other, so that no two are counted as one.
            let mut all = self.reads.opened.all();
            match all.get(&backup) {
                Some(Opening::Coming(_)) => return Ok(()),
                Some(Opening::Closing) => return Err(conflict("It is being closed. Try again in a moment.")),
                Some(Opening::Failed(_)) | None => {}
            }
            self.check_few(caller.account.id, &place)?;
            let made = private(&place).and_then(|()| fs::write(place.join(MARK), caller.account.id.to_string()));
            made.map_err(failed("making", &place))?;
            all.insert(backup, Opening::Coming(watch.clone()));
        }
        let guests = self.clone();
        tokio::spawn(async move {
            let turn = vault.turn().await;
            let read = if watch.is_stopped() {
                Err(VaultError::Stopped)
            } else {
                vault.read(turn, backup, place.join("disk"), watch.clone()).await
            };
            guests.came(backup, &place, read);
            guests.parts.guest_changed(found.guest);
        });
        Ok(())
    }

    fn came(&self, backup: BackupId, place: &Path, read: Result<(), VaultError>) {
        let mut all = self.reads.opened.all();
        let is_wanted = matches!(all.remove(&backup), Some(Opening::Coming(_)));
        match read {
            Ok(()) if is_wanted => return,
            Err(error) if is_wanted => {
                tracing::warn!(%backup, cause = chain(&error), "a backup is not opened");
                all.insert(backup, Opening::Failed(error.told()));
            }
            _ => {}
        }
        forget(place);
    }

    /// Of those that are there, but for that one.
    fn check_few(&self, account: AccountId, but: &Path) -> Result<(), AppError> {
        let opened = self.marked(MARK)?;
        let others = || opened.iter().filter(|place| *place != but);
        let id = account.to_string();
        let of_one = others().filter(|place| fs::read_to_string(place.join(MARK)).is_ok_and(|by| by == id)).count();
        if of_one >= OF_ONE || others().count() >= OF_ALL {
            let words = "backups are open already, as many as the host keeps open for";
            let whose = if of_one >= OF_ONE { (OF_ONE, "one person") } else { (OF_ALL, "all") };
            return Err(conflict(format!("{} {words} {}. Close one, or try again in an hour.", whose.0, whose.1)));
        }
        Ok(())
    }

    /// Uploads that have such a file.
    fn marked(&self, mark: &str) -> Result<Vec<PathBuf>, AppError> {
        let Some(layout) = &self.parts.layout else { return Ok(Vec::new()) };
        let all = layout.panel().join("uploads");
        let entries = match fs::read_dir(&all) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("reading", &all))?,
        };
        Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.join(mark).exists()).collect())
    }

    pub async fn backup_close(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        self.close(backup)?;
        self.parts.guest_changed(found.guest);
        Ok(())
    }

    /// Its disk goes, or stops coming.
    pub(in crate::guests) fn close(&self, backup: BackupId) -> Result<(), AppError> {
        let mut all = self.reads.opened.all();
        match all.remove(&backup) {
            // It goes once whoever fetches it has heard.
            Some(Opening::Coming(watch)) => {
                watch.stop();
                all.insert(backup, Opening::Closing);
                return Ok(());
            }
            Some(Opening::Closing) => {
                all.insert(backup, Opening::Closing);
                return Ok(());
            }
            Some(Opening::Failed(_)) | None => {}
        }
        if self.parts.layout.is_some() {
            forget(&self.upload_place(upload(backup))?);
        }
        Ok(())
    }

    /// For ever: what nobody looks into any more goes.
    pub async fn keep_files(self) {
        self.files_sweep(SystemTime::now(), true);
        loop {
            tokio::time::sleep(LOOK).await;
            self.files_sweep(SystemTime::now(), false);
        }
    }

    /// Those that nobody has looked into for so long; and as a panel starts, what an earlier one was reading.
    pub fn files_sweep(&self, now: SystemTime, starts: bool) {
        for place in self.marked(MARK).unwrap_or_default() {
            let id = place.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            let comes = id.is_some_and(|id| {
                matches!(self.reads.opened.all().get(&id), Some(Opening::Coming(_) | Opening::Closing))
            });
            let looked = fs::metadata(place.join(MARK)).and_then(|facts| facts.modified());
            let is_old = looked.map_or(true, |looked| now.duration_since(looked).unwrap_or_default() > KEPT);
            if !comes && (is_old || !place.join("disk").exists()) {
                forget(&place);
            }
        }
        if starts {
            self.marked(READING).unwrap_or_default().iter().for_each(|place| forget(place));
        }
    }
}

fn forget(place: &Path) {
    if let Err(error) = uploads::remove(place) {
        tracing::warn!(path = %place.display(), %error, "the disk of a backup stays among the uploads");
    }
}
