//! What is wanted of a guest, what is seen of it, and how it ended.
//!
//! ```text
//! wanted:   Stopped ⇄ Running        either → Deleted (undoable until its time)
//!
//! seen:     Gone → Starting → Running → Stopping ┐      (Running ⇄ Paused)
//!            ▲        │          │         │     │
//!            └────────┴──────────┴─────────┴─ Ended(exit)
//! ```
//! The two are never one value: a person changes what is wanted, the host reports what is seen,
//! and the reconciler closes the gap.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody wants of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "wanted")]
pub enum Wanted {
    Stopped,
    Running,
    /// To be purged at `purge_at` (µs since the epoch, UTC) unless somebody takes it back.
    Deleted {
        purge_at: i64,
    },
}

/// How far a kernel process has come, as its shim tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The process runs; the kernel has not answered yet.
    Booting,
    /// The kernel has said that its management console listens (`mconsole=notify:`): known, not guessed.
    /// Its init is started a moment later; whether that comes to a prompt nobody but the guest can tell.
    Running,
    /// Every process of it is frozen.
    Paused,
    /// It was asked to stop.
    Stopping,
}

/// How a guest's kernel process ended. Everything here but the signal is the guest's own word, so it
/// is a hint for people and for the restart policy, never a decision about rights.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "exit")]
pub enum Exit {
    /// The guest switched itself off, or was shut down.
    PoweredOff,
    /// The guest asked for a reboot; with `noreboot` that is an exit and the reconciler's to carry out.
    Rebooted,
    /// The kernel process ended with another status, as `/proc/exitcode` or a failed start leaves it.
    Failed { status: i32 },
    /// The kernel panicked (abort, status 134) or was ended by a signal that nobody here sent.
    Crashed { signal: i32 },
    /// We ended it.
    Killed,
    /// It took more of the host's memory than it may, so all of it was ended.
    OutOfMemory,
    /// The shim itself is gone without a word; the kernel went with it.
    ShimLost,
    /// The host was restarted under it.
    HostRestarted,
    /// It could not be started at all.
    NotStarted { reason: String },
}

impl Exit {
    /// Whether this is an end that a restart policy `OnFailure` answers with a new start.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::PoweredOff | Self::Rebooted | Self::Killed | Self::HostRestarted => false,
            Self::Failed { .. }
            | Self::Crashed { .. }
            | Self::OutOfMemory
            | Self::ShimLost
            | Self::NotStarted { .. } => true,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoweredOff => f.write_str("powered off"),
            Self::Rebooted => f.write_str("rebooted"),
            Self::Failed { status } => write!(f, "ended with status {status}"),
            Self::Crashed { signal } => write!(f, "crashed ({})", 128 + signal),
            Self::Killed => f.write_str("killed"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::ShimLost => f.write_str("its shim was lost"),
            Self::HostRestarted => f.write_str("the host was restarted"),
            Self::NotStarted { reason } => write!(f, "could not start: {reason}"),
        }
    }
}

/// What a paused guest waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Somebody lets it go on.
    #[default]
    Asked,
    /// The host's disk has room again: it goes on by itself.
    Room,
}

/// What the host last reported of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "seen")]
pub enum Seen {
    /// No process of it exists and none has ended since it was last wanted.
    #[default]
    Gone,
    Starting,
    /// Running since (µs since the epoch, UTC): see [`Phase::Running`].
    Running {
        since: i64,
    },
    /// Running, and frozen since (µs since the epoch, UTC).
    Paused {
        since: i64,
        #[serde(default)]
        until: Until,
    },
    Stopping,
    /// Ended at (µs since the epoch, UTC), and how.
    Ended {
        at: i64,
        exit: Exit,
    },
}

impl Seen {
    /// Whether it stands still for want of room on the host's disk.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Paused { until: Until::Room, .. })
    }

    /// Whether a process of the guest exists on the host.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::Starting | Self::Running { .. } | Self::Paused { .. } | Self::Stopping)
    }
}

/// A guest's state in one word, one shape and one colour, as lists and headers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Badge {
    Running,
    Paused,
    Starting,
    Stopping,
    Stopped,
    Crashed,
    Deleted,
}

impl Badge {
    /// What people should think, out of what is wanted and what is seen.
    pub fn of(wanted: &Wanted, seen: &Seen) -> Self {
        match (wanted, seen) {
            (Wanted::Deleted { .. }, Seen::Gone | Seen::Ended { .. }) => Self::Deleted,
            (Wanted::Stopped | Wanted::Deleted { .. }, seen) if seen.is_alive() => Self::Stopping,
            (_, Seen::Stopping) => Self::Stopping,
            (_, Seen::Starting) => Self::Starting,
            (_, Seen::Running { .. }) => Self::Running,
            (_, Seen::Paused { .. }) => Self::Paused,
            (_, Seen::Ended { exit, .. }) if exit.is_failure() => Self::Crashed,
            (Wanted::Running, _) => Self::Starting,
            _ => Self::Stopped,
        }
    }

    pub const ALL: [Self; 7] =
        [Self::Running, Self::Paused, Self::Starting, Self::Stopping, Self::Stopped, Self::Crashed, Self::Deleted];

    /// As rows and the API spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::Deleted => "deleted",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|badge| badge.name() == name)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Starting => "Starting",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Crashed => "Crashed",
            Self::Deleted => "Deleted",
        }
    }

    pub fn shape(self) -> &'static str {
        match self {
            Self::Running => "●",
            Self::Paused => "◼",
            Self::Starting => "◐",
            Self::Stopping => "◑",
            Self::Stopped => "◌",
            Self::Crashed => "▲",
            Self::Deleted => "✕",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_shown_whatever_is_wanted_next() {
        let seen = Seen::Ended { at: 0, exit: Exit::Crashed { signal: 6 } };
        assert_eq!(Badge::of(&Wanted::Running, &seen), Badge::Crashed);
        assert_eq!(Badge::of(&Wanted::Stopped, &seen), Badge::Crashed);
        assert_eq!(Exit::Crashed { signal: 6 }.to_string(), "crashed (134)");
    }

    #[test]
    fn words_of_wanted_and_seen_are_tagged() {
        let json = serde_json::to_string(&Wanted::Deleted { purge_at: 7 }).expect("plain data");
        assert_eq!(json, r#"{"wanted":"deleted","purge_at":7}"#);
        let json =
            serde_json::to_string(&Seen::Ended { at: 1, exit: Exit::Failed { status: 42 } }).expect("plain data");
        assert_eq!(json, r#"{"seen":"ended","at":1,"exit":{"exit":"failed","status":42}}"#);
    }
}
