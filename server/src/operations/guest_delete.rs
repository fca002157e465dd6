//! Delete: marked, shut down, and purged by the reconciler when its time comes. Until then it can be
//! taken back, by an action of its own rather than by a cancel.

use umbel_guest::Wanted;

use super::step::{Run, Step, StepError};

pub const STEPS: &[Step] = &[
    Step { name: "Mark it as deleted", act: |run| Box::pin(mark(run)), undo: Some(|run| Box::pin(unmark(run))) },
    // Nothing to take back: a guest that was stopped can be started.
    Step { name: "Wait until it has stopped", act: |run| Box::pin(run.until_ended()), undo: None },
];

async fn mark(run: &Run) -> Result<(), StepError> {
    let purge_at = run.params().await?.purge_at;
    let purge_at = purge_at.unwrap_or(run.operation.created_at + run.parts.patience.undelete);
    run.ask(|guest| {
        let already = matches!(guest.wanted, Wanted::Deleted { .. });
        guest.wanted = Wanted::Deleted { purge_at };
        (guest.next_try_at, guest.waiting) = (None, None);
        !already
    })
    .await
}

async fn unmark(run: &Run) -> Result<(), StepError> {
    run.ask(|guest| {
        let marked = matches!(guest.wanted, Wanted::Deleted { .. });
        guest.wanted = Wanted::Stopped;
        marked
    })
    .await
}
