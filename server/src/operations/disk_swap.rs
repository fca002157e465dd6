//! Reset, rebuild and restore: another disk takes the place of a guest's, which is put aside for an hour. Both end with a guest
//! that runs.

use umbel_guest::{GuestId, ImageId, SnapshotKind};
use umbel_wire::agent::DiskSource;

use super::guest_start::boot;
use super::step::{Run, Step, StepError, once_settled};
use crate::store::guests::{guest_fetch, guest_update};
use crate::store::snapshots::{
    Snapshot, SnapshotState, snapshot_delete, snapshot_fetch, snapshot_insert, snapshot_let_go_others,
};
use crate::store::{StoreError, Tx};

pub const STEPS: &[Step] = &[
    // Nothing to take back: a guest whose disk could not be swapped stays off, to be looked at.
    Step { name: "End it", act: |run| Box::pin(end(run)), undo: None },
    Step { name: "Swap its disk", act: |run| Box::pin(swap(run)), undo: Some(|run| Box::pin(swap_back(run))) },
    // What was put aside before can't be had back from here on.
    Step { name: "Let go of what was put aside before", act: |run| Box::pin(let_go(run)), undo: None },
    Step { name: "Ask for it to run", act: |run| Box::pin(run.ask_running()), undo: Some(|run| Box::pin(end(run))) },
    // As of a creation: a guest that can't boot with it has it all the same.
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];

/// At once: what it would still write is not kept on its disk.
pub(super) async fn end(run: &Run) -> Result<(), StepError> {
    run.ask_stopped(Some(run.parts.clock.now())).await?;
    run.until_ended().await
}

/// What its disk is to be made of.
async fn source(run: &Run) -> Result<DiskSource, StepError> {
    let (guest, params) = (run.fetch().await?, run.params().await?);
    if params.backup.is_some() {
        let (upload, spec) = (run.upload().await?, guest.spec);
        return Ok(DiskSource::Upload { upload, image: spec.image, size: spec.disk, kind: spec.disk_kind });
    }
    let Some(snapshot) = params.snapshot else {
        let (spec, image) = (guest.spec, params.rebuild);
        return Ok(DiskSource::Image { image: image.unwrap_or(spec.image), size: spec.disk, kind: spec.disk_kind });
    };
    let found = snapshot_fetch(&run.parts.db, guest.id, snapshot).await?;
    // What goes within the hour is needed by nobody else: its file becomes the disk at once.
    Ok(match found.map(|snapshot| snapshot.kind) {
        Some(SnapshotKind::BeforeReset | SnapshotKind::BeforeRestore) => DiskSource::Moved { snapshot },
        Some(SnapshotKind::Taken) => DiskSource::Snapshot { snapshot },
        None => return Err(StepError::Failed("the snapshot is gone".into())),
    })
}

pub(super) async fn swap(run: &Run) -> Result<(), StepError> {
    let (guest, params, source) = (run.fetch().await?, run.params().await?, source(run).await?);
    let keep = params.keep.ok_or_else(|| StepError::Failed("it names nothing to keep the disk as".into()))?;
    let facts = once_settled(run.parts.link.host.disk_swap(guest.id, guest.generation, keep, source).await)?;
    let is_copy = params.snapshot.is_some() || params.backup.is_some();
    let kind = if is_copy { SnapshotKind::BeforeRestore } else { SnapshotKind::BeforeReset };
    let name = if params.rebuild.is_some() { "Before the rebuild" } else { kind.title() };
    let now = run.parts.clock.now();
    let kept = Snapshot {
        id: keep,
        guest: guest.id,
        kind,
        planned: false,
        name: name.into(),
        image: guest.spec.image,
        state: SnapshotState::Kept,
        taken_bytes: facts.taken_bytes,
        made_at: now,
        goes_at: Some(now + run.parts.patience.undelete),
    };
    let mut tx = run.parts.db.begin().await?;
    let image = match params.snapshot {
        Some(of) => snapshot_fetch(&mut tx, guest.id, of).await?.map(|snapshot| snapshot.image),
        None => params.rebuild,
    };
    // With its image, so that a repeat finds neither of them half done.
    snapshot_insert(&mut tx, &kept).await?;
    be_of(&mut tx, guest.id, image).await?;
    tx.commit().await?;
    run.parts.guest_changed(guest.id);
    Ok(())
}

/// The image that its disk is a child of.
async fn be_of(tx: &mut Tx, guest: GuestId, image: Option<ImageId>) -> Result<(), StoreError> {
    let (Some(image), Some(mut guest)) = (image, guest_fetch(&mut *tx, guest).await?) else { return Ok(()) };
    guest.spec.image = image;
    let generation = guest.generation;
    guest_update(tx, &guest, generation).await.map(drop)
}

pub(super) async fn swap_back(run: &Run) -> Result<(), StepError> {
    let (guest, params, source) = (run.fetch().await?, run.params().await?, source(run).await?);
    let Some(keep) = params.keep else { return Ok(()) };
    once_settled(run.parts.link.host.disk_swap_back(guest.id, guest.generation, keep, source).await)?;
    let mut tx = run.parts.db.begin().await?;
    let image = snapshot_fetch(&mut tx, guest.id, keep).await?.map(|kept| kept.image);
    be_of(&mut tx, guest.id, image).await?;
    snapshot_delete(&mut tx, keep).await?;
    tx.commit().await?;
    run.parts.guest_changed(guest.id);
    Ok(())
}

/// One that is undone is enough: a chain of them would be the disk many times.
pub(super) async fn let_go(run: &Run) -> Result<(), StepError> {
    if let Some(keep) = run.params().await?.keep {
        snapshot_let_go_others(&run.parts.db, run.guest()?, keep, run.parts.clock.now()).await?;
    }
    run.parts.guest_changed(run.guest()?);
    Ok(())
}
