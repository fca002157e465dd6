//! What may be asked of a guest in which state, and why not. Compiled into server and browser, so
//! that a button is disabled for the very reason for which the server would refuse.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::state::{Seen, Wanted};

/// What somebody may ask of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Start,
    /// Ctrl-Alt-Del, then after a grace time kill.
    ShutDown,
    Kill,
    /// Shut down and start again.
    Restart,
    /// Freeze every process of it; its memory stays where it is.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Start once into a shell, for an owner who has lost the password.
    StartShell,
    /// Its disk becomes its image's again; undoable for a while.
    Reset,
    /// Keep a copy of its disk.
    Snapshot,
    /// Memory, kernel, restart policy.
    Change,
    /// Limits that the host can change while it runs.
    Limit,
    Rename,
    Delete,
    /// Take a deletion back.
    Undelete,
    /// Delete for good, at once.
    Purge,
    /// Read the console's history.
    ReadConsole,
    /// Type into the console.
    TypeConsole,
}

/// Why an action is not possible now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    #[error("The guest is already running.")]
    AlreadyRunning,
    #[error("The guest is not running.")]
    NotRunning,
    #[error("The guest is paused. Let it go on first.")]
    IsPaused,
    #[error("The guest is not paused.")]
    NotPaused,
    #[error("The host's disk is almost full. The guest stands still and goes on by itself when there is room.")]
    IsHeld,
    #[error("The guest is just starting or stopping. Try again in a moment.")]
    NotSettled,
    #[error("Stop the guest first.")]
    StopFirst,
    #[error("The guest is deleted. Take the deletion back first.")]
    IsDeleted,
    #[error("The guest is not deleted.")]
    NotDeleted,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::ShutDown => "Shut down",
            Self::Kill => "Kill",
            Self::Restart => "Restart",
            Self::Pause => "Pause",
            Self::Resume => "Go on",
            Self::StartShell => "Start into a shell",
            Self::Reset => "Reset",
            Self::Snapshot => "Take a snapshot",
            Self::Change => "Change",
            Self::Limit => "Change limits",
            Self::Rename => "Rename",
            Self::Delete => "Delete",
            Self::Undelete => "Undo delete",
            Self::Purge => "Purge",
            Self::ReadConsole => "Read console",
            Self::TypeConsole => "Type",
        }
    }

    /// Whether this may be asked now. Asking for what is already so is refused by name rather than
    /// ignored, except where repeating does no harm (`Kill`, `Purge`).
    pub fn check(self, wanted: &Wanted, seen: &Seen) -> Result<(), Refused> {
        let deleted = matches!(wanted, Wanted::Deleted { .. });
        match self {
            Self::ReadConsole | Self::Purge => Ok(()),
            Self::Undelete if deleted => Ok(()),
            Self::Undelete => Err(Refused::NotDeleted),
            _ if deleted => Err(Refused::IsDeleted),
            Self::Pause | Self::Resume | Self::ShutDown | Self::Restart | Self::TypeConsole if seen.is_held() => {
                Err(Refused::IsHeld)
            }
            Self::Pause => match seen {
                Seen::Running { .. } => Ok(()),
                Seen::Paused { .. } => Err(Refused::IsPaused),
                _ => Err(Refused::NotRunning),
            },
            Self::Resume if matches!(seen, Seen::Paused { .. }) => Ok(()),
            Self::Resume => Err(Refused::NotPaused),
            // A frozen guest hears neither Ctrl-Alt-Del nor a key.
            Self::ShutDown | Self::Restart | Self::TypeConsole if matches!(seen, Seen::Paused { .. }) => {
                Err(Refused::IsPaused)
            }
            Self::StartShell if seen.is_alive() => Err(Refused::StopFirst),
            Self::Snapshot if matches!(seen, Seen::Starting | Seen::Stopping) => Err(Refused::NotSettled),
            Self::Start => match (wanted, seen) {
                // A crashed guest whose policy is to stay down is wanted Running no more; one that
                // waits for its next try may be started at once.
                (Wanted::Running, seen) if seen.is_alive() => Err(Refused::AlreadyRunning),
                _ => Ok(()),
            },
            Self::ShutDown | Self::Restart | Self::TypeConsole | Self::Kill if !seen.is_alive() => match (self, wanted)
            {
                // A guest that waits for room or for its next try can be told to stop waiting.
                (Self::ShutDown | Self::Kill, Wanted::Running) => Ok(()),
                _ => Err(Refused::NotRunning),
            },
            Self::Change if seen.is_alive() || *wanted == Wanted::Running => Err(Refused::StopFirst),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Exit, Until};

    const RUNNING: Seen = Seen::Running { since: 0 };

    #[test]
    fn a_running_guest_is_stopped_before_it_is_changed() {
        assert_eq!(Action::Change.check(&Wanted::Running, &RUNNING), Err(Refused::StopFirst));
        assert_eq!(Action::Change.check(&Wanted::Stopped, &Seen::Gone), Ok(()));
        assert_eq!(Action::Start.check(&Wanted::Running, &RUNNING), Err(Refused::AlreadyRunning));
    }

    #[test]
    fn a_held_guest_goes_on_by_itself_and_can_be_ended() {
        let held = Seen::Paused { since: 0, until: Until::Room };
        for action in [Action::Resume, Action::Pause, Action::ShutDown, Action::Restart, Action::TypeConsole] {
            assert_eq!(action.check(&Wanted::Running, &held), Err(Refused::IsHeld), "{action}");
        }
        for action in [Action::Kill, Action::ReadConsole, Action::Snapshot, Action::Delete] {
            assert_eq!(action.check(&Wanted::Running, &held), Ok(()), "{action}");
        }
    }

    #[test]
    fn a_crashed_guest_can_be_started_and_read() {
        let crashed = Seen::Ended { at: 0, exit: Exit::Crashed { signal: 6 } };
        for action in [Action::Start, Action::ReadConsole, Action::Delete, Action::Change] {
            assert_eq!(action.check(&Wanted::Stopped, &crashed), Ok(()), "{action}");
        }
        assert_eq!(Action::TypeConsole.check(&Wanted::Stopped, &crashed), Err(Refused::NotRunning));
    }

    #[test]
    fn a_deleted_guest_can_only_come_back_or_go() {
        let deleted = Wanted::Deleted { purge_at: 1 };
        for action in [
            Action::Start,
            Action::ShutDown,
            Action::Kill,
            Action::Restart,
            Action::Change,
            Action::Rename,
            Action::Delete,
        ] {
            assert_eq!(action.check(&deleted, &Seen::Gone), Err(Refused::IsDeleted), "{action}");
        }
        assert_eq!(Action::Undelete.check(&deleted, &Seen::Gone), Ok(()));
        assert_eq!(Action::Purge.check(&deleted, &Seen::Gone), Ok(()));
        assert_eq!(Action::Undelete.check(&Wanted::Stopped, &Seen::Gone), Err(Refused::NotDeleted));
    }
}
