//! Copies of guests' disks that are kept elsewhere. They outlive their guests; who may do what with one is asked as of its
//! guest, of whoever owned that last.

use std::time::Duration;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{BackupShown, BackupTaken, BackupsShown, CloneDraft, Created, OperationKind, PlanShown};
use umbel_guest::setup::Checked;
use umbel_guest::{
    Action, BackupId, DiskKind, FieldErrors, Generation, GuestId, GuestRight, GuestSpec, Note, OperationId, PanelRight,
    SnapshotId, UploadId,
};
use uuid::Uuid;

use super::create::{Looked, Whose, has_room};
use super::snapshots::{conflict, has_disk, possible};
use super::{Guests, Reach, from_host, requester};
use crate::accounts::Owner;
use crate::error::chain;
use crate::operations::{Params, Requester};
use crate::store::StoreError;
use crate::store::accounts::account_fetch;
use crate::store::backup_plans::{BackupPlan, backup_plan_fetch};
use crate::store::db::Tx;
use crate::store::guest_backups::{
    BackupState, GuestBackup, guest_backup_delete, guest_backup_fetch, guest_backup_insert, guest_backup_let_go,
    guest_backup_list, guest_backup_list_of,
};
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operations::operation_list_under_way;
use crate::vault::download::Download;
use crate::vault::{Vault, VaultError};

/// How often those are looked for that are due, or could not be removed at once.
const LOOK: Duration = Duration::from_secs(60);

/// Why a backup is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    ByHand,
    ByPlan {
        /// The oldest of the plan goes once it is there.
        takes_place: bool,
    },
}

fn missing() -> AppError {
    AppError::not_found("backup")
}

impl Guests {
    pub(super) fn vault(&self) -> Result<&Vault, AppError> {
        let none =
            "This panel keeps no backups: an administrator sets backup_directory or backup_s3_url in its settings.";
        self.parts.vault.as_ref().ok_or_else(|| conflict(none))
    }

    pub async fn backup_list(&self, caller: &Caller) -> Result<BackupsShown, AppError> {
        let rows = guest_backup_list(&self.parts.db, self.parts.host).await?;
        self.backups_shown(caller, rows, None).await
    }

    pub async fn backup_list_of(&self, caller: &Caller, guest: GuestId) -> Result<BackupsShown, AppError> {
        let guest = self.visible(caller, guest).await?;
        let rows = guest_backup_list_of(&self.parts.db, guest.id).await?;
        let plan = backup_plan_fetch(&self.parts.db, guest.id).await?;
        self.backups_shown(caller, rows, plan).await
    }

    async fn backups_shown(
        &self,
        caller: &Caller,
        rows: Vec<GuestBackup>,
        plan: Option<BackupPlan>,
    ) -> Result<BackupsShown, AppError> {
        let reach = self.reach(caller).await?;
        let mut shown = Vec::new();
        for row in rows.into_iter().filter(|row| row.state != BackupState::Going && sees(&reach, row)) {
            let has_guest = guest_fetch(&self.parts.db, row.guest).await?.is_some();
            shown.push(BackupShown {
                id: row.id,
                guest: row.guest,
                guest_name: row.spec.name.to_string(),
                has_guest,
                planned: row.planned,
                is_whole: row.state == BackupState::Kept,
                disk_mib: row.spec.disk.mib(),
                held_bytes: row.held_bytes,
                stored_bytes: row.stored_bytes,
                made_at: row.made_at,
                access: reach.to(row.owner, Some(row.guest)),
            });
        }
        let plan = plan.map(|plan| PlanShown {
            every: plan.every,
            keep: plan.keep,
            next_at: plan.next_at,
            failed: plan.failed,
        });
        let most = self.parts.backups_per_guest;
        Ok(BackupsShown { is_offered: self.parts.vault.is_some(), most, plan, rows: shown })
    }

    /// One that the caller may see, if they may do that with its guest.
    pub(super) async fn backup(
        &self,
        caller: &Caller,
        id: BackupId,
        right: GuestRight,
    ) -> Result<GuestBackup, AppError> {
        let found = guest_backup_fetch(&self.parts.db, self.parts.host, id).await?;
        let found = found.filter(|found| found.state != BackupState::Going).ok_or_else(missing)?;
        let access = self.reach(caller).await?.to(found.owner, Some(found.guest));
        access.may(GuestRight::View).map_err(|_| missing())?;
        access.may(right)?;
        Ok(found)
    }

    pub async fn backup_take(&self, caller: &Caller, guest: GuestId) -> Result<BackupTaken, AppError> {
        self.allowed(caller, guest, GuestRight::Settings).await?;
        self.vault()?;
        let mut tx = self.parts.db.begin().await?;
        let guest = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        possible(&guest)?;
        let made = self.backup_insert(&mut tx, &guest, Planned::ByHand, &requester(caller)).await?;
        tx.commit().await?;
        self.under_way(made.operation, guest.id);
        Ok(made)
    }

    pub(super) async fn backup_insert(
        &self,
        tx: &mut Tx,
        guest: &Guest,
        planned: Planned,
        by: &Requester,
    ) -> Result<BackupTaken, AppError> {
        let there = guest_backup_list_of(&mut *tx, guest.id).await?;
        if there.iter().any(|row| row.state == BackupState::Coming) {
            return Err(conflict(format!("{} is being backed up already.", guest.spec.name)));
        }
        let most = self.parts.backups_per_guest;
        let goes = usize::from(matches!(planned, Planned::ByPlan { takes_place: true }));
        let stay = there.iter().filter(|row| row.state != BackupState::Going).count().saturating_sub(goes);
        if stay >= usize::try_from(most).unwrap_or(usize::MAX) {
            let name = &guest.spec.name;
            let why = "as many as the settings permit (backups_per_guest)";
            return Err(conflict(format!("{name} has {most} backups already, {why}. Remove one first.")));
        }
        let backup = BackupId(Uuid::now_v7());
        let row = GuestBackup {
            id: backup,
            host: self.parts.host,
            owner: guest.owner,
            guest: guest.id,
            spec: guest.spec.clone(),
            planned: planned != Planned::ByHand,
            state: BackupState::Coming,
            held_bytes: 0,
            stored_bytes: 0,
            made_at: self.parts.clock.now(),
        };
        guest_backup_insert(&mut *tx, &row).await?;
        let params = Params {
            backup: Some(backup),
            snapshot: Some(SnapshotId(Uuid::now_v7())),
            upload: Some(UploadId(Uuid::now_v7())),
            ..Params::default()
        };
        let operation = self.operations.insert_with(tx, OperationKind::BackupTake, guest, by, &params).await?;
        Ok(BackupTaken { backup, operation })
    }

    /// It becomes its guest's disk, and the guest is started with it; the disk that it has now is kept for a while.
    pub async fn backup_restore(&self, caller: &Caller, backup: BackupId) -> Result<OperationId, AppError> {
        let found = self.backup(caller, backup, GuestRight::Settings).await?;
        self.vault()?;
        let mut tx = self.parts.db.begin().await?;
        let gone = || conflict("Its guest is gone. Make another one of it.");
        let guest = guest_fetch(&mut tx, found.guest).await?.ok_or_else(gone)?;
        whole(&found)?;
        has_disk(&guest)?;
        if guest.spec.disk != found.spec.disk {
            return Err(conflict("Its guest's disk has another size. Make another guest of it."));
        }
        Action::Reset.check(&guest.wanted, &guest.seen).map_err(|e| conflict(e.to_string()))?;
        let params = Params {
            backup: Some(backup),
            keep: Some(SnapshotId(Uuid::now_v7())),
            upload: Some(UploadId(Uuid::now_v7())),
            ..Params::default()
        };
        let by = requester(caller);
        let operation =
            self.operations.insert_with(&mut tx, OperationKind::BackupRestore, &guest, &by, &params).await?;
        tx.commit().await?;
        self.under_way(operation, guest.id);
        Ok(operation)
    }

    /// What is on a disk goes to whoever owns it, or owned it last, so only who may do all with the guest may do this.
    pub async fn backup_clone(
        &self,
        caller: &Caller,
        backup: BackupId,
        draft: CloneDraft,
    ) -> Result<Created, AppError> {
        caller.may(PanelRight::CreateGuests)?;
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        self.vault()?;
        whole(&found)?;
        let owner = account_fetch(&self.parts.db, found.owner).await?;
        let owner = owner.ok_or_else(|| conflict("Whose it was is gone, so a guest of it would be nobody's."))?;
        let mut wrong = FieldErrors::default();
        let name = wrong.take(draft.name.parse());
        let host = &self.parts.link.host;
        let (facts, images) = tokio::try_join!(host.facts(), host.images()).map_err(from_host)?;
        wrong.take(has_room(&facts));
        let kernels = self.kernels(caller, facts.profile).await?;
        let spec = found.spec;
        let is_image =
            |image: &umbel_wire::agent::ImageFacts| image.id == spec.image && image.sizes.contains(&spec.disk);
        // Without its image it needs none: its disk is whole.
        let disk_kind = if images.iter().any(is_image) { spec.disk_kind } else { DiskKind::Plain };
        let there = kernels.offer().kernels.iter().any(|kernel| kernel.id == spec.kernel);
        let default = kernels.offer().default_kernel().map(|kernel| kernel.id.clone());
        let kernel = if there { spec.kernel.clone() } else { default.unwrap_or_else(|| spec.kernel.clone()) };
        let note: Note = format!("Of a backup of {}.", spec.name).parse().unwrap_or_default();
        let spec = GuestSpec { note, disk_kind, kernel, ..spec };
        wrong.take_all(kernels.offer().check(&spec, Some(&spec.kernel)));
        let Some(name) = name.filter(|_| wrong.is_empty()) else { return Err(AppError::Invalid(wrong)) };
        let looked = Looked {
            guest: GuestId(Uuid::now_v7()),
            generation: Generation { epoch: self.parts.epoch, number: 1 },
            spec: GuestSpec { name, ..spec },
            setup: Some(Checked::of_copy()),
            disk_most_mib: self.disk_promisable_mib(&facts),
        };
        let owner = Owner { id: owner.id, name: owner.name.to_string() };
        let params = Params { backup: Some(backup), upload: Some(UploadId(Uuid::now_v7())), ..Params::default() };
        self.make(caller, Whose::Of(owner), looked, OperationKind::GuestCreate, &params).await
    }

    /// The disk as a file. Whoever has it has all that is on it, so only who may do all with the guest may do this.
    pub async fn backup_download(&self, caller: &Caller, backup: BackupId) -> Result<Download, AppError> {
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        whole(&found)?;
        let download = self.vault()?.download(backup).await.map_err(|error| {
            tracing::warn!(%backup, cause = chain(&error), "a backup is not downloaded");
            conflict(format!("It can't be downloaded: {}.", error.told()))
        })?;
        tracing::info!(%backup, guest = %found.guest, by = caller.account.name, "a backup is downloaded");
        Ok(download)
    }

    /// For good: what only an owner may.
    pub async fn backup_remove(&self, caller: &Caller, backup: BackupId) -> Result<(), AppError> {
        let found = self.backup(caller, backup, GuestRight::Delete).await?;
        self.vault()?;
        whole(&found)?;
        if self.backup_in_use(backup).await? {
            return Err(conflict("A guest is being made of it."));
        }
        guest_backup_let_go(&self.parts.db, backup).await?;
        self.close(backup)?;
        tracing::info!(%backup, guest = %found.guest, by = caller.account.name, "a backup was removed");
        if let Err(error) = self.backup_let_go(backup).await {
            // It goes as soon as its place is there again.
            tracing::warn!(%backup, cause = chain(&error), "a backup stays where backups are");
        }
        self.parts.guest_changed(found.guest);
        Ok(())
    }

    /// Whether an operation reads it.
    pub(super) async fn backup_in_use(&self, backup: BackupId) -> Result<bool, StoreError> {
        let under_way = operation_list_under_way(&self.parts.db).await?;
        let reads = |params: &str| serde_json::from_str::<Params>(params).is_ok_and(|p| p.backup == Some(backup));
        Ok(under_way.iter().any(|operation| reads(&operation.params)))
    }

    async fn backup_let_go(&self, backup: BackupId) -> Result<(), LetGo> {
        let Some(vault) = &self.parts.vault else { return Ok(()) };
        vault.forget(backup).await?;
        guest_backup_delete(&self.parts.db, backup).await?;
        vault.prune_soon();
        Ok(())
    }

    /// For ever: makes what a plan wants, and removes what could not be removed when it was asked for, and at first what a panel left that was killed.
    pub async fn keep_backups(self) {
        let Some(vault) = self.parts.vault.clone() else { return };
        vault.prune_soon();
        loop {
            if let Err(error) = self.backups_take_due().await {
                tracing::warn!(cause = chain(&error), "plans of backups could not be looked after");
            }
            if let Err(error) = self.backups_let_go_due().await {
                tracing::warn!(cause = chain(&error), "backups that are to be removed stay");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn backups_let_go_due(&self) -> Result<(), LetGo> {
        let rows = guest_backup_list(&self.parts.db, self.parts.host).await?;
        for row in rows.into_iter().filter(|row| row.state == BackupState::Going) {
            self.backup_let_go(row.id).await?;
        }
        Ok(())
    }
}

/// Why a backup is not gone yet.
#[derive(Debug, thiserror::Error)]
pub enum LetGo {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn sees(reach: &Reach, row: &GuestBackup) -> bool {
    reach.sees(row.owner, Some(row.guest))
}

pub(super) fn whole(backup: &GuestBackup) -> Result<(), AppError> {
    match backup.state {
        BackupState::Kept => Ok(()),
        BackupState::Coming => Err(conflict("The backup is not there yet.")),
        BackupState::Going => Err(missing()),
    }
}
