//! Restore a backup: it is read and found whole before anything of the guest is touched; then it is a disk that takes the
//! place of another, as every one that is swapped.

use super::disk_swap::{end, let_go, swap, swap_back};
use super::guest_start::boot;
use super::step::{Run, Step, StepError};

pub const STEPS: &[Step] = &[
    Step { name: "Read the backup", act: |run| Box::pin(read(run)), undo: Some(|run| Box::pin(run.upload_discard())) },
    // Nothing to take back: a guest whose disk could not be swapped stays off, to be looked at.
    Step { name: "End it", act: |run| Box::pin(end(run)), undo: None },
    Step { name: "Swap its disk", act: |run| Box::pin(swap(run)), undo: Some(|run| Box::pin(swap_back(run))) },
    // What was put aside before can't be had back from here on.
    Step { name: "Let go of what was put aside before", act: |run| Box::pin(let_go(run)), undo: None },
    Step { name: "Remove what was read", act: |run| Box::pin(run.upload_discard()), undo: None },
    Step { name: "Ask for it to run", act: |run| Box::pin(run.ask_running()), undo: Some(|run| Box::pin(end(run))) },
    // As of a creation: a guest that can't boot with it has it all the same.
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];

async fn read(run: &Run) -> Result<(), StepError> {
    run.backup_read(run.backup().await?).await
}
