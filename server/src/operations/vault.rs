//! What steps do with backups.

use std::time::Duration;

use umbel_guest::BackupId;

use super::step::{CANCELLED, Run, StepError};
use crate::error::chain;
use crate::store::guest_backups::{GuestBackup, guest_backup_fetch};
use crate::uploads;
use crate::vault::{Vault, VaultError, Watch};

/// How often it is looked at how far it is, and whether somebody has cancelled it.
const LOOK: Duration = Duration::from_secs(1);
/// Of a hundred, between two lines of the log.
const LINES: u64 = 20;

impl Run {
    pub fn vault(&self) -> Result<&Vault, StepError> {
        let none =
            || StepError::Failed("the settings name no place for backups (backup_directory, backup_s3_url)".into());
        self.parts.vault.as_ref().ok_or_else(none)
    }

    pub async fn backup(&self) -> Result<BackupId, StepError> {
        self.params().await?.backup.ok_or_else(|| StepError::Failed("it names no backup".into()))
    }

    pub async fn backup_row(&self) -> Result<GuestBackup, StepError> {
        let found = guest_backup_fetch(&self.parts.db, self.parts.host, self.backup().await?).await?;
        found.ok_or_else(|| StepError::Failed("the backup is gone".into()))
    }

    /// Puts a backup among its uploads, whole or not at all. Repeating it does no harm.
    pub async fn backup_read(&self, backup: BackupId) -> Result<(), StepError> {
        let place = self.upload_place().await?;
        let disk = place.join("disk");
        if disk.exists() {
            return Ok(());
        }
        self.room_for(self.backup_row().await?.held_bytes).await?;
        self.blocking(move || {
            std::fs::create_dir_all(&place).map_err(|error| format!("making {}: {error}", place.display()))
        })
        .await?;
        let (vault, watch) = (self.vault()?, Watch::default());
        let turn = self.watched(&watch, vault.turn()).await?;
        let read = self.watched(&watch, vault.read(turn, backup, disk, watch.clone())).await?;
        read.map_err(|error| self.vault_failed(&error))
    }

    /// Nobody's guest finds the disk full because of what is read; it is needed twice until it is a disk.
    async fn room_for(&self, bytes: u64) -> Result<(), StepError> {
        let facts = self.parts.link.host.facts().await?;
        let free_mib = facts.disk_free_mib.saturating_sub(facts.disk_total_mib * uploads::FREE_PERCENT / 100);
        if bytes >> 19 <= free_mib {
            return Ok(());
        }
        let why = format!("it takes {} MiB, and the host has {free_mib} MiB for anything new", bytes >> 19);
        Err(StepError::Failed(why))
    }

    /// What takes long: its log says how far it is, and a cancel ends it.
    pub async fn watched<T>(&self, watch: &Watch, work: impl Future<Output = T> + Send) -> Result<T, StepError> {
        tokio::pin!(work);
        let mut told = 0;
        loop {
            match tokio::time::timeout(LOOK, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_) => {
                    if !self.is_wanted().await? {
                        watch.stop();
                        return Err(StepError::Later(CANCELLED.into()));
                    }
                    let percent = watch.percent();
                    if percent >= told + LINES {
                        told = percent - percent % LINES;
                        self.log(&format!("{told} % of it is done.")).await?;
                    }
                }
            }
        }
    }

    pub fn vault_failed(&self, error: &VaultError) -> StepError {
        tracing::warn!(operation = %self.operation.id, cause = chain(error), "a backup");
        StepError::Failed(error.told())
    }
}
