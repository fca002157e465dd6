//! Kill: every process of the guest, at once.

use super::step::{Run, Step, StepError};

// Nothing is taken back: what is killed is gone.
pub const STEPS: &[Step] = &[
    Step { name: "Ask for its end", act: |run| Box::pin(ask(run)), undo: None },
    Step { name: "Wait until it is gone", act: |run| Box::pin(run.until_ended()), undo: None },
];

async fn ask(run: &Run) -> Result<(), StepError> {
    run.ask_stopped(Some(run.parts.clock.now())).await
}
