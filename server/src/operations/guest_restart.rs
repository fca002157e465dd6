//! Restart: shut down and start again, the same two halves as by hand.

use super::guest_shut_down::wait;
use super::guest_start::boot;
use super::step::Step;

// Nothing is taken back, for the reasons of its halves.
pub const STEPS: &[Step] = &[
    Step { name: "Ask it to shut down", act: |run| Box::pin(run.ask_stopped(None)), undo: None },
    Step { name: "Wait until it has stopped", act: |run| Box::pin(wait(run)), undo: None },
    Step { name: "Ask for it to run", act: |run| Box::pin(run.ask_running()), undo: None },
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];
