//! Start.

use super::guest_create::did;
use super::step::{Booted, Run, Step, StepError};

// Nothing is taken back where a boot fails: what becomes of the guest is its restart policy's to say.
pub const STEPS: &[Step] = &[
    Step { name: "Ask for it to run", act: |run| Box::pin(run.ask_running()), undo: None },
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];

pub(super) async fn boot(run: &Run) -> Result<(), StepError> {
    match run.until_booted().await? {
        Booted::Running => Ok(()),
        Booted::Ended(exit) => Err(StepError::Failed(format!("it {}", did(&exit)))),
        Booted::Unwanted => Err(StepError::Failed("it is not wanted to run by now".into())),
        Booted::Late => run.log("It has not answered yet and goes on booting.").await,
    }
}
