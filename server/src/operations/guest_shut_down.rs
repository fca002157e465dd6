//! Shut down: Ctrl-Alt-Del, and when patience ends a kill, both the reconciler's to send.

use umbel_guest::{Exit, Seen};

use super::step::{Run, Step, StepError};

// Nothing is taken back: a guest that was asked to go down goes down.
pub const STEPS: &[Step] = &[
    Step { name: "Ask it to shut down", act: |run| Box::pin(run.ask_stopped(None)), undo: None },
    Step { name: "Wait until it has stopped", act: |run| Box::pin(wait(run)), undo: None },
];

pub(super) async fn wait(run: &Run) -> Result<(), StepError> {
    run.until_ended().await?;
    let killed = |seen: &Seen| matches!(seen, Seen::Ended { exit: Exit::Killed, .. });
    if run.find().await?.is_some_and(|guest| killed(&guest.seen)) {
        run.log("It did not shut down in time and was killed.").await?;
    }
    Ok(())
}
