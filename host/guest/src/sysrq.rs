//! The keys of the magic SysRq (kernel: admin-guide/sysrq) that may be pressed for a guest.

use serde::{Deserialize, Serialize};

/// Keys of the magic SysRq that a guest's owner may press: those that show something or save it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SysRqKey {
    /// `s`: write everything to the disks.
    Sync,
    /// `m`
    ShowMemory,
    /// `t`
    ShowTasks,
    /// `w`
    ShowBlockedTasks,
    /// `e`: SIGTERM to all but init.
    Terminate,
    /// `i`: SIGKILL to all but init.
    KillAll,
    /// `f`: what the out-of-memory killer would do.
    OutOfMemory,
    /// `u`: disks read-only.
    RemountReadOnly,
}

impl SysRqKey {
    pub const ALL: [Self; 8] = [
        Self::Sync,
        Self::ShowMemory,
        Self::ShowTasks,
        Self::ShowBlockedTasks,
        Self::Terminate,
        Self::KillAll,
        Self::OutOfMemory,
        Self::RemountReadOnly,
    ];

    /// As people say it, on a button.
    pub fn words(self) -> &'static str {
        match self {
            Self::Sync => "Write everything to its disks",
            Self::ShowMemory => "Show memory",
            Self::ShowTasks => "Show tasks",
            Self::ShowBlockedTasks => "Show blocked tasks",
            Self::Terminate => "Ask every program but init to end",
            Self::KillAll => "Kill every program but init",
            Self::OutOfMemory => "Kill what takes the most memory",
            Self::RemountReadOnly => "Make its disks read-only",
        }
    }

    pub fn key(self) -> char {
        match self {
            Self::Sync => 's',
            Self::ShowMemory => 'm',
            Self::ShowTasks => 't',
            Self::ShowBlockedTasks => 'w',
            Self::Terminate => 'e',
            Self::KillAll => 'i',
            Self::OutOfMemory => 'f',
            Self::RemountReadOnly => 'u',
        }
    }
}
