//! How the kernel process stands. Pure: events in, state out.
//!
//! ```text
//! Booting ──ready──▶ Running ──asked to stop──▶ Stopping      (Running ⇄ Paused)
//!    └───────────────┴──────────────┴──ended──▶ Ended(exit)
//! ```

use umbel_guest::Phase;
use umbel_uml::exit::{Ended, EndedBy, meaning, never_was_up};
use umbel_wire::shim::ShimState;

#[derive(Debug)]
pub struct Run {
    state: ShimState,
    /// When the kernel first answered; a pause doesn't change it.
    running_since: i64,
    ended_by: EndedBy,
    terminal_is_open: bool,
}

impl Run {
    pub fn new(now: i64) -> Self {
        let state = ShimState::Alive { phase: Phase::Booting, since: now };
        Self { state, running_since: now, ended_by: EndedBy::Itself, terminal_is_open: false }
    }

    pub fn state(&self) -> &ShimState {
        &self.state
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.state, ShimState::Ended { .. })
    }

    /// Whether the kernel has come so far that SIGIO is a word to it. Before, it would be its end.
    pub fn takes_signals(&self) -> bool {
        matches!(self.state, ShimState::Alive { phase: Phase::Running | Phase::Paused | Phase::Stopping, .. })
    }

    /// Something was written to the terminal. With `quiet`, a kernel that answers is silent, so from then
    /// on it was a program and the terminal is open.
    pub fn wrote(&mut self) {
        self.terminal_is_open |= self.takes_signals();
    }

    /// Whether a change of the window's size may be told: the kernel panics over a signal for a terminal
    /// that it has not opened.
    pub fn has_terminal(&self) -> bool {
        self.takes_signals() && self.terminal_is_open
    }

    /// The management console listens. Tells whether anything changed.
    pub fn ready(&mut self, now: i64) -> bool {
        self.running_since = now;
        self.advance(Phase::Booting, Phase::Running, now)
    }

    /// The guest was asked to shut itself down.
    pub fn asked_to_stop(&mut self, now: i64) -> bool {
        self.advance(Phase::Booting, Phase::Stopping, now) || self.advance(Phase::Running, Phase::Stopping, now)
    }

    /// Whether it may be paused, or why not. One that is paused may be paused again.
    pub fn may_pause(&self) -> Result<(), &'static str> {
        match self.state {
            ShimState::Alive { phase: Phase::Running | Phase::Paused, .. } => Ok(()),
            ShimState::Alive { phase: Phase::Booting, .. } => Err("its kernel does not answer yet"),
            ShimState::Alive { phase: Phase::Stopping, .. } => Err("it was asked to stop"),
            ShimState::Ended { .. } => Err("it has ended"),
        }
    }

    pub fn is_paused(&self) -> bool {
        matches!(self.state, ShimState::Alive { phase: Phase::Paused, .. })
    }

    pub fn paused(&mut self, now: i64) -> bool {
        self.advance(Phase::Running, Phase::Paused, now)
    }

    pub fn resumed(&mut self) -> bool {
        self.advance(Phase::Paused, Phase::Running, self.running_since)
    }

    /// We are about to kill it: a signal that ends it is ours.
    pub fn killed_by_us(&mut self) {
        self.ended_by = EndedBy::Us;
    }

    /// The process is gone; `tail` is the end of its console.
    pub fn ended(&mut self, how: Ended, tail: &[u8], now: i64) {
        let exit = match self.state {
            ShimState::Ended { .. } => return,
            // SIGKILL is somebody else's doing, and nothing that the kernel could have said anything about.
            ShimState::Alive { phase: Phase::Booting, .. }
                if self.ended_by == EndedBy::Itself && how != Ended::Signalled(libc::SIGKILL) =>
            {
                never_was_up(how, tail)
            }
            ShimState::Alive { .. } => meaning(how, self.ended_by, tail),
        };
        self.state = ShimState::Ended { at: now, exit };
    }

    fn advance(&mut self, from: Phase, to: Phase, now: i64) -> bool {
        let changes = matches!(self.state, ShimState::Alive { phase, .. } if phase == from);
        if changes {
            self.state = ShimState::Alive { phase: to, since: now };
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use umbel_guest::Exit;

    use super::*;

    #[test]
    fn a_run_goes_forward_only() {
        let mut run = Run::new(1);
        assert!(run.ready(2));
        assert!(!run.ready(3), "told once");
        assert!(run.asked_to_stop(4));
        assert!(!run.ready(5), "a late notice doesn't undo the stop");
        run.ended(Ended::Exited(0), b"reboot: System halted", 6);
        assert_eq!(run.state(), &ShimState::Ended { at: 6, exit: Exit::PoweredOff });
        run.ended(Ended::Signalled(9), b"", 7);
        assert_eq!(run.state(), &ShimState::Ended { at: 6, exit: Exit::PoweredOff }, "an end is final");
    }

    #[test]
    fn a_kernel_that_has_not_answered_is_sent_no_signal() {
        let mut run = Run::new(1);
        run.wrote();
        assert!(!run.takes_signals() && !run.has_terminal(), "what a booting kernel says is no terminal");
        run.ready(2);
        assert!(run.takes_signals() && !run.has_terminal());
        run.wrote();
        assert!(run.has_terminal());
        run.ended(Ended::Exited(0), b"", 3);
        assert!(!run.takes_signals());
    }

    #[test]
    fn only_what_runs_is_paused_and_it_has_run_all_the_while() {
        let mut run = Run::new(1);
        assert!(run.may_pause().is_err() && !run.paused(2), "it boots");
        run.ready(3);
        assert!(run.may_pause().is_ok() && run.paused(4) && run.is_paused());
        assert!(run.may_pause().is_ok() && !run.paused(5), "told once");
        assert!(!run.asked_to_stop(6) && run.takes_signals());
        assert!(run.resumed() && !run.resumed());
        assert_eq!(run.state(), &ShimState::Alive { phase: Phase::Running, since: 3 });
        run.asked_to_stop(7);
        assert!(run.may_pause().is_err() && !run.paused(8));
    }

    #[test]
    fn a_kernel_that_ends_before_it_answers_could_not_start_and_says_why() {
        let mut run = Run::new(1);
        run.ended(Ended::Exited(1), b"no memory\r\n", 2);
        let ShimState::Ended { exit: Exit::NotStarted { reason }, .. } = run.state() else { panic!("{run:?}") };
        assert!(reason.ends_with("status 1. It wrote: no memory"), "{reason}");
    }

    #[test]
    fn a_signal_is_ours_only_if_we_sent_it() {
        let mut run = Run::new(1);
        run.ended(Ended::Signalled(9), b"", 2);
        assert_eq!(run.state(), &ShimState::Ended { at: 2, exit: Exit::Crashed { signal: 9 } });
        let mut run = Run::new(1);
        run.killed_by_us();
        run.ended(Ended::Signalled(9), b"", 2);
        assert_eq!(run.state(), &ShimState::Ended { at: 2, exit: Exit::Killed });
    }
}
