//! Back up: a copy of the disk is taken, made whole by the agent, and kept elsewhere by the panel. Nobody has to wait for it:
//! once the copy is there, the guest may be started, stopped and purged meanwhile.

use super::step::{Run, Step, StepError, once_settled};
use crate::error::chain;
use crate::store::guest_backups::{
    BackupState, guest_backup_delete, guest_backup_fetch, guest_backup_keep, guest_backup_list,
};
use crate::vault::{Keep, Watch};

pub const STEPS: &[Step] = &[
    Step { name: "Copy its disk", act: |run| Box::pin(copy(run)), undo: Some(|run| Box::pin(forget(run))) },
    Step {
        name: "Make the copy whole",
        act: |run| Box::pin(lend(run)),
        undo: Some(|run| Box::pin(run.upload_discard())),
    },
    Step { name: "Keep what is new of it", act: |run| Box::pin(keep(run)), undo: Some(|run| Box::pin(unkeep(run))) },
    Step { name: "Remove the copy", act: |run| Box::pin(run.upload_discard()), undo: None },
];

async fn copy(run: &Run) -> Result<(), StepError> {
    let (guest, snapshot) = (run.fetch().await?, run.snapshot().await?);
    let facts = once_settled(run.parts.link.host.snapshot_take(guest.id, guest.generation, snapshot).await)?;
    match facts.stood_still_ms {
        Some(ms) => run.log(&format!("The guest stood still for {ms} ms.")).await,
        None => Ok(()),
    }
}

async fn forget(run: &Run) -> Result<(), StepError> {
    // The guest may be gone by now; without a row all is undone.
    let found = guest_backup_fetch(&run.parts.db, run.parts.host, run.backup().await?).await?;
    let Some(row) = found else { return Ok(()) };
    run.parts.link.host.snapshot_remove(row.guest, run.snapshot().await?).await?;
    guest_backup_delete(&run.parts.db, row.id).await?;
    run.parts.guest_changed(row.guest);
    Ok(())
}

async fn lend(run: &Run) -> Result<(), StepError> {
    let (row, upload, snapshot) = (run.backup_row().await?, run.upload().await?, run.snapshot().await?);
    let place = run.upload_place().await?;
    let is_there = run
        .blocking(move || {
            std::fs::create_dir_all(&place).map_err(|error| format!("making {}: {error}", place.display()))?;
            Ok(place.join("disk").exists())
        })
        .await?;
    let (host, spec) = (&run.parts.link.host, row.spec);
    if !is_there {
        host.snapshot_lend(row.guest, snapshot, upload, spec.image, spec.disk, spec.disk_kind).await?;
    }
    Ok(host.snapshot_remove(row.guest, snapshot).await?)
}

async fn keep(run: &Run) -> Result<(), StepError> {
    let row = run.backup_row().await?;
    if row.state != BackupState::Coming {
        return Ok(());
    }
    let (vault, disk) = (run.vault()?, run.upload_place().await?.join("disk"));
    let rows = guest_backup_list(&run.parts.db, run.parts.host).await?;
    let begins = rows.iter().all(|row| row.state == BackupState::Coming);
    let keep = Keep { backup: row.id, guest: row.guest, spec: row.spec, made_at: row.made_at, begins };
    let watch = Watch::default();
    let turn = run.watched(&watch, vault.turn()).await?;
    let written = run.watched(&watch, vault.write(turn, keep, disk, watch.clone())).await?;
    let written = written.map_err(|error| run.vault_failed(&error))?;
    guest_backup_keep(&run.parts.db, row.id, written.held_bytes, written.stored_bytes).await?;
    run.parts.guest_changed(row.guest);
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    run.log(&format!("{} MiB are kept, {} MiB of them are new.", mib(written.held_bytes), mib(written.stored_bytes)))
        .await
}

async fn unkeep(run: &Run) -> Result<(), StepError> {
    let (vault, backup) = (run.vault()?, run.backup().await?);
    let found = guest_backup_fetch(&run.parts.db, run.parts.host, backup).await?;
    let was_kept = found.is_some_and(|row| row.state != BackupState::Coming);
    match vault.forget(backup).await {
        Ok(()) => vault.prune_soon(),
        // Its list is put last, so most likely none of it is there; and whoever asked need not wait for the place.
        Err(error) if !was_kept => tracing::warn!(%backup, cause = chain(&error), "half a backup may be left"),
        Err(error) => return Err(run.vault_failed(&error)),
    }
    Ok(())
}
