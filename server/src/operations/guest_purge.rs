//! Purge: the guest is ended, its files are removed and it is forgotten. Its operations stay.

use umbel_guest::Wanted;

use super::step::{Run, Step, StepError, once_settled};
use crate::error::chain;
use crate::networks::tell;
use crate::store::guests::guest_delete;

// Nothing can be taken back; what fails is tried again by the reconciler as long as the row is there.
pub const STEPS: &[Step] = &[
    Step { name: "End it", act: |run| Box::pin(end(run)), undo: None },
    Step { name: "Remove its files", act: |run| Box::pin(files(run)), undo: None },
    Step { name: "Forget it", act: |run| Box::pin(forget(run)), undo: None },
];

async fn end(run: &Run) -> Result<(), StepError> {
    if run.find().await?.is_none() {
        return Ok(());
    }
    let now = run.parts.clock.now();
    // The reconciler's own purge waits a minute: this one is it.
    let again = now + crate::reconciler::plan::PURGE_AGAIN;
    run.ask(|guest| {
        let due = matches!(guest.wanted, Wanted::Deleted { purge_at } if purge_at <= now);
        let killed = !guest.seen.is_alive() || guest.kill_at.is_some_and(|at| at <= now);
        if !due {
            guest.wanted = Wanted::Deleted { purge_at: now };
        }
        guest.next_try_at = Some(again);
        if !killed {
            guest.kill_at = Some(now);
        }
        !(due && killed)
    })
    .await?;
    run.until_ended().await
}

async fn files(run: &Run) -> Result<(), StepError> {
    let Some(guest) = run.find().await? else { return Ok(()) };
    once_settled(run.parts.link.host.purge(guest.id, guest.generation).await)
}

async fn forget(run: &Run) -> Result<(), StepError> {
    let Some(guest) = run.find().await? else { return Ok(()) };
    let mut tx = run.parts.db.begin().await?;
    guest_delete(&mut tx, guest.id).await?;
    tx.commit().await?;
    run.parts.guest_changed(guest.id);
    if guest.number.is_some()
        && let Err(error) = tell::leave(&run.parts, guest.owner, guest.id).await
    {
        // The host is told again when the agent comes.
        tracing::warn!(cause = chain(&error), "the host does not know yet that a network was left");
    }
    Ok(())
}
