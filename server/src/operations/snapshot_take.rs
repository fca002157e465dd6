//! Take a snapshot: its row is there and counted before the copy is made.

use super::step::{Run, Step, StepError, once_settled};
use crate::store::snapshots::{snapshot_delete, snapshot_keep};

pub const STEPS: &[Step] =
    &[Step { name: "Copy its disk", act: |run| Box::pin(copy(run)), undo: Some(|run| Box::pin(forget(run))) }];

async fn copy(run: &Run) -> Result<(), StepError> {
    let (guest, snapshot) = (run.fetch().await?, run.snapshot().await?);
    let facts = once_settled(run.parts.link.host.snapshot_take(guest.id, guest.generation, snapshot).await)?;
    snapshot_keep(&run.parts.db, snapshot, facts.taken_bytes).await?;
    run.parts.guest_changed(guest.id);
    match facts.stood_still_ms {
        Some(ms) => run.log(&format!("The guest stood still for {ms} ms.")).await,
        None => Ok(()),
    }
}

async fn forget(run: &Run) -> Result<(), StepError> {
    let (guest, snapshot) = (run.guest()?, run.snapshot().await?);
    run.parts.link.host.snapshot_remove(guest, snapshot).await?;
    let mut tx = run.parts.db.begin().await?;
    snapshot_delete(&mut tx, snapshot).await?;
    tx.commit().await?;
    run.parts.guest_changed(guest);
    Ok(())
}
