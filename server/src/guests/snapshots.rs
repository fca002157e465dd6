//! Copies of a guest's disk that are kept: taken, put back as its disk, removed; and what a reset or a restore has put
//! aside for a while.

use std::collections::BTreeSet;
use std::time::Duration;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{OperationKind, PlanShown, SnapshotDraft, SnapshotShown, SnapshotTaken, SnapshotsShown};
use umbel_guest::quota::Kind;
use umbel_guest::{
    Action, DiskKind, FieldErrors, GuestId, GuestRight, ImageId, OperationId, SnapshotId, SnapshotKind, SnapshotName,
};
use uuid::Uuid;

use super::create::offered;
use super::{Guests, from_host, requester};
use crate::error::chain;
use crate::host::HostError;
use crate::images::{images_seen, newest};
use crate::operations::{Params, Requester};
use crate::quotas;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operations::operation_under_way;
use crate::store::snapshots::{
    Snapshot, SnapshotState, plan_fetch, snapshot_delete, snapshot_fetch, snapshot_insert, snapshot_let_go,
    snapshot_list, snapshot_list_due,
};
use crate::store::{On, StoreError, Tx};

/// Snapshots that somebody may keep of one guest, whatever the quota.
const MOST: usize = 32;
/// How often it is looked for what has had its time.
const LOOK: Duration = Duration::from_secs(5);

pub(super) fn conflict(message: impl Into<String>) -> AppError {
    AppError::Conflict { message: message.into() }
}

impl Guests {
    pub async fn snapshot_list(&self, caller: &Caller, guest: GuestId) -> Result<SnapshotsShown, AppError> {
        let guest = self.visible(caller, guest).await?;
        let rows = snapshot_list(&self.parts.db, guest.id).await?;
        // While the agent is away, or the disk is not made yet.
        let disk = match self.parts.link.host.disk(guest.id).await {
            Ok(facts) if guest.disk_ready => Some(facts),
            Ok(_) | Err(HostError::Away(_) | HostError::Refused(_)) => None,
            Err(error) => return Err(from_host(error)),
        };
        // Without the agent there is nothing newer either.
        let (images, _) = images_seen(&self.parts, caller).await.unwrap_or_default();
        let images: Vec<ImageId> = images.into_iter().map(|image| image.id).collect();
        Ok(SnapshotsShown {
            newer: newest(&guest.spec.image, &images),
            disk_bytes: disk.map(|disk| disk.taken_bytes),
            shares_blocks: disk.is_some_and(|disk| disk.shares_blocks),
            plan: plan_fetch(&self.parts.db, guest.id).await?.map(|plan| PlanShown {
                every: plan.every,
                keep: plan.keep,
                next_at: plan.next_at,
                failed: plan.failed,
            }),
            rows: rows.into_iter().filter(|row| row.state != SnapshotState::Going).map(shown).collect(),
        })
    }

    /// Without a name it is the first `Snapshot` with a number that is free.
    pub async fn snapshot_take(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: SnapshotDraft,
    ) -> Result<SnapshotTaken, AppError> {
        self.allowed(caller, guest, GuestRight::Settings).await?;
        let mut tx = self.parts.db.begin().await?;
        let guest = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        possible(&guest)?;
        let there = snapshot_list(&mut tx, guest.id).await?;
        let taken: BTreeSet<String> =
            there.into_iter().filter(|there| there.kind == SnapshotKind::Taken).map(|there| there.name).collect();
        let invalid = |message: String| AppError::Invalid(FieldErrors::one("name", message));
        if taken.len() >= MOST {
            return Err(invalid(format!("{} has {MOST} snapshots already.", guest.spec.name)));
        }
        let name = match draft.name.trim() {
            "" => numbered(&taken),
            said => said.parse::<SnapshotName>().map_err(|error| AppError::Invalid(error.into()))?.into(),
        };
        if taken.contains(&name) {
            return Err(invalid(format!("{} has a snapshot {name} already.", guest.spec.name)));
        }
        let taken = self.snapshot_insert(&mut tx, &guest, name, false, &requester(caller)).await?;
        tx.commit().await?;
        self.under_way(taken.operation, guest.id);
        Ok(taken)
    }

    /// Row and operation of one that is taken, where the quota has room for it.
    pub(super) async fn snapshot_insert(
        &self,
        tx: &mut Tx,
        guest: &Guest,
        name: String,
        planned: bool,
        requester: &Requester,
    ) -> Result<SnapshotTaken, AppError> {
        quotas::reserve_row(&mut *tx, guest, Kind::Snapshots).await?;
        let snapshot = Snapshot {
            id: SnapshotId(Uuid::now_v7()),
            guest: guest.id,
            kind: SnapshotKind::Taken,
            name,
            image: guest.spec.image.clone(),
            planned,
            state: SnapshotState::Coming,
            taken_bytes: 0,
            made_at: self.parts.clock.now(),
            goes_at: None,
        };
        snapshot_insert(&mut *tx, &snapshot).await?;
        let params = Params { snapshot: Some(snapshot.id), ..Params::default() };
        let kind = OperationKind::SnapshotTake;
        let operation = self.operations.insert_with(tx, kind, guest, requester, &params).await?;
        Ok(SnapshotTaken { snapshot: snapshot.id, operation })
    }

    /// It becomes the guest's disk, and the guest is started with it; the disk that it has now is kept for a while.
    pub async fn snapshot_restore(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<OperationId, AppError> {
        self.allowed(caller, guest, GuestRight::Settings).await?;
        let params = Params { snapshot: Some(snapshot), ..Params::default() };
        self.swap(caller, guest, OperationKind::SnapshotRestore, params).await
    }

    /// Its disk becomes its image's again, and the guest is started with it; the disk that it has now is kept for a while.
    pub(super) async fn reset(&self, caller: &Caller, guest: &Guest) -> Result<OperationId, AppError> {
        let images = self.parts.link.host.images().await.map_err(from_host)?;
        let spec = &guest.spec;
        let fits = |image: &umbel_wire::agent::ImageFacts| image.id == spec.image && image.sizes.contains(&spec.disk);
        if spec.disk_kind != DiskKind::Memory && !images.iter().any(fits) {
            return Err(conflict(format!("It can't be reset: its image, {}, is not on this host.", spec.image)));
        }
        self.swap(caller, guest.id, OperationKind::GuestReset, Params::default()).await
    }

    /// Of what, `params` say.
    pub(super) async fn swap(
        &self,
        caller: &Caller,
        guest: GuestId,
        kind: OperationKind,
        params: Params,
    ) -> Result<OperationId, AppError> {
        let mut tx = self.parts.db.begin().await?;
        let guest = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        has_disk(&guest)?;
        Action::Reset.check(&guest.wanted, &guest.seen).map_err(|e| conflict(e.to_string()))?;
        if let Some(id) = params.snapshot {
            kept(&mut tx, guest.id, id).await?;
        }
        if let Some(image) = &params.rebuild {
            offered(&mut tx, guest.host, image).await?;
        }
        let params = Params { keep: Some(SnapshotId(Uuid::now_v7())), ..params };
        let operation = self.operations.insert_with(&mut tx, kind, &guest, &requester(caller), &params).await?;
        tx.commit().await?;
        self.under_way(operation, guest.id);
        Ok(operation)
    }

    /// For good: what only an owner may.
    pub async fn snapshot_remove(&self, caller: &Caller, guest: GuestId, snapshot: SnapshotId) -> Result<(), AppError> {
        self.allowed(caller, guest, GuestRight::Delete).await?;
        let mut tx = self.parts.db.begin().await?;
        let found = snapshot_fetch(&mut tx, guest, snapshot).await?;
        let found = found.filter(|found| found.state != SnapshotState::Going);
        let found = found.ok_or_else(|| AppError::not_found("snapshot"))?;
        if let Some((_, kind, _)) = operation_under_way(&mut tx, guest).await? {
            return Err(conflict(format!("{} is under way for its guest.", kind.title())));
        }
        snapshot_let_go(&mut tx, snapshot, self.parts.clock.now()).await?;
        tx.commit().await?;
        tracing::info!(%guest, %snapshot, name = found.name, by = caller.account.name, "a snapshot was removed");
        match self.let_go(&found).await {
            // While the agent is away: it is gone when it comes.
            Ok(()) | Err(LetGo::Host(HostError::Away(_))) => Ok(()),
            Err(LetGo::Host(error)) => Err(from_host(error)),
            Err(LetGo::Store(error)) => Err(error.into()),
        }
    }

    pub(super) fn under_way(&self, operation: OperationId, guest: GuestId) {
        self.parts.operation_changed(operation, Some(guest));
        self.operations.spawn(operation);
    }

    /// For ever: takes what a plan wants, and removes what has had its time.
    pub async fn keep_in_time(self) {
        loop {
            if let Err(error) = self.take_due().await {
                tracing::warn!(cause = chain(&error), "plans of snapshots could not be looked after");
            }
            if let Err(error) = self.let_go_due().await {
                tracing::warn!(cause = chain(&error), "snapshots that have had their time could not be looked after");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Each by itself: what one of them waits for, another need not.
    pub async fn let_go_due(&self) -> Result<(), StoreError> {
        for snapshot in snapshot_list_due(&self.parts.db, self.parts.clock.now()).await? {
            // It may be what is put back right now.
            if operation_under_way(&self.parts.db, snapshot.guest).await?.is_some() {
                continue;
            }
            match self.let_go(&snapshot).await {
                Ok(()) => {}
                Err(LetGo::Store(error)) => return Err(error),
                Err(LetGo::Host(error)) if error.is_away() => return Ok(()),
                Err(LetGo::Host(error)) => {
                    tracing::warn!(snapshot = %snapshot.id, cause = chain(&error), "a snapshot stays on the host");
                }
            }
        }
        Ok(())
    }

    async fn let_go(&self, snapshot: &Snapshot) -> Result<(), LetGo> {
        self.parts.link.host.snapshot_remove(snapshot.guest, snapshot.id).await?;
        let mut tx = self.parts.db.begin().await?;
        snapshot_delete(&mut tx, snapshot.id).await?;
        tx.commit().await?;
        self.parts.guest_changed(snapshot.guest);
        Ok(())
    }
}

/// Why a snapshot is not gone yet.
enum LetGo {
    Host(HostError),
    Store(StoreError),
}

impl From<HostError> for LetGo {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<StoreError> for LetGo {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Refused unless something can be made of it.
pub(super) async fn kept(on: impl Into<On<'_>>, guest: GuestId, snapshot: SnapshotId) -> Result<Snapshot, AppError> {
    let missing = || AppError::not_found("snapshot");
    let found = snapshot_fetch(on, guest, snapshot).await?.ok_or_else(missing)?;
    match found.state {
        SnapshotState::Kept => Ok(found),
        SnapshotState::Coming => Err(conflict("The snapshot is not there yet.")),
        SnapshotState::Going => Err(missing()),
    }
}

/// Whether one can be taken of it now.
pub(super) fn possible(guest: &Guest) -> Result<(), AppError> {
    has_disk(guest)?;
    Action::Snapshot.check(&guest.wanted, &guest.seen).map_err(|e| conflict(e.to_string()))
}

pub(super) fn has_disk(guest: &Guest) -> Result<(), AppError> {
    if guest.spec.disk_kind == DiskKind::Memory {
        return Err(conflict("Its root lies in memory and is new at every start: nothing of it is kept."));
    }
    if guest.disk_ready { Ok(()) } else { Err(conflict("Its disk is not made yet.")) }
}

fn numbered(taken: &BTreeSet<String>) -> String {
    let names = (1..).map(|number| format!("{} {number}", SnapshotKind::Taken.title()));
    names.into_iter().find(|name| !taken.contains(name)).unwrap_or_default()
}

fn shown(row: Snapshot) -> SnapshotShown {
    SnapshotShown {
        id: row.id,
        kind: row.kind,
        name: row.name,
        image: row.image,
        is_whole: row.state == SnapshotState::Kept,
        taken_bytes: row.taken_bytes,
        made_at: row.made_at,
        goes_at: row.goes_at,
        planned: row.planned,
    }
}
