//! What an operation does next, out of its rows alone: pure, so that going on after a kill is the
//! same as going on.
//!
//! ```text
//! Running ──every step done──▶ Done
//!    │ a step failed, or a cancel
//!    ▼
//! Undoing ──every undoable step that was begun is undone, last first──▶ Failed | Cancelled
//! ```

use umbel_app::shown::{OperationState, StepState};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Do(usize),
    Undo(usize),
    /// Write this state and ask again.
    Turn(OperationState),
    /// Nothing is left to do.
    Over,
}

/// How far a step has come, and whether there is a way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    pub state: StepState,
    pub undoable: bool,
}

/// `cancellable` is how many of the first steps a cancel may still undo.
pub fn next(state: &OperationState, steps: &[Rung], cancel_wanted: bool, cancellable: usize) -> Next {
    match state {
        OperationState::Done | OperationState::Failed { .. } | OperationState::Cancelled => Next::Over,
        OperationState::Running => {
            let current = steps.iter().position(|step| step.state != StepState::Done);
            match current {
                None => Next::Turn(OperationState::Done),
                Some(at) if cancel_wanted && at < cancellable => {
                    Next::Turn(OperationState::Undoing { reason: "cancelled".into() })
                }
                Some(at) => Next::Do(at),
            }
        }
        OperationState::Undoing { reason } => {
            let begun = |step: &Rung| {
                step.undoable && matches!(step.state, StepState::Running | StepState::Done | StepState::Failed)
            };
            match steps.iter().rposition(begun) {
                Some(at) => Next::Undo(at),
                None if cancel_wanted => Next::Turn(OperationState::Cancelled),
                None => Next::Turn(OperationState::Failed { reason: reason.clone() }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATES: [StepState; 5] =
        [StepState::Waiting, StepState::Running, StepState::Done, StepState::Failed, StepState::Undone];

    proptest! {
        /// From any rows, with any step failing, an operation ends, and what was begun is done or undone.
        #[test]
        fn every_operation_ends(begun in proptest::collection::vec((0usize..5, any::<bool>()), 1..8), cancel in any::<bool>(), undoing in any::<bool>(), fails in proptest::option::of(0usize..8), cancellable in 0usize..8) {
            let mut steps: Vec<Rung> = begun.into_iter().map(|(i, undoable)| Rung { state: STATES[i], undoable }).collect();
            let mut state = if undoing { OperationState::Undoing { reason: "x".into() } } else { OperationState::Running };
            for _ in 0..40 {
                match next(&state, &steps, cancel, cancellable) {
                    Next::Do(at) if fails == Some(at) => {
                        steps[at].state = StepState::Failed;
                        state = OperationState::Undoing { reason: "it".into() };
                    }
                    Next::Do(at) => steps[at].state = StepState::Done,
                    Next::Undo(at) => steps[at].state = StepState::Undone,
                    Next::Turn(turned) => state = turned,
                    Next::Over => break,
                }
            }
            prop_assert!(state.is_over());
            match state {
                OperationState::Done => prop_assert!(steps.iter().all(|s| s.state == StepState::Done)),
                _ => prop_assert!(steps.iter().all(|s| !s.undoable || matches!(s.state, StepState::Waiting | StepState::Undone))),
            }
        }
    }

    #[test]
    fn a_cancel_that_comes_too_late_changes_nothing() {
        let steps = [StepState::Done, StepState::Running].map(|state| Rung { state, undoable: true });
        assert_eq!(next(&OperationState::Running, &steps, true, 1), Next::Do(1));
        assert!(matches!(next(&OperationState::Running, &steps, true, 2), Next::Turn(OperationState::Undoing { .. })));
    }
}
