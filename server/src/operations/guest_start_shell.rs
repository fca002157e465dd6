//! Start into a shell, once: for an owner who has lost the password.

use umbel_guest::{Boot, Wanted};

use super::guest_start::boot;
use super::step::{Run, Step, StepError};

// Nothing is taken back, as of any start; the next one is a normal one whatever becomes of this.
pub const STEPS: &[Step] = &[
    Step { name: "Ask for a shell", act: |run| Box::pin(ask(run)), undo: None },
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];

async fn ask(run: &Run) -> Result<(), StepError> {
    // The start that was asked for may be under way, and the next boot a normal one by now.
    if run.params().await?.asked.is_some() {
        return Ok(());
    }
    run.ask(|guest| {
        guest.wanted = Wanted::Running;
        guest.boot = Boot::Shell;
        (guest.next_try_at, guest.kill_at, guest.failures) = (None, None, 0);
        true
    })
    .await
}
