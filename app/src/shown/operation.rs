use serde::{Deserialize, Serialize};
use umbel_guest::{GuestId, GuestRight, OperationId};

/// What is done, a noun and a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    GuestCreate,
    GuestStart,
    GuestShutDown,
    GuestKill,
    GuestRestart,
    GuestDelete,
    GuestPurge,
    GuestStartShell,
    /// As a creation, its disk out of an image that was run by hand.
    GuestAdopt,
    KernelAdd,
    ImageImport,
    SnapshotTake,
    SnapshotRestore,
    GuestReset,
    BackupTake,
    BackupRestore,
    FileSend,
    FileFetch,
}

impl OperationKind {
    pub const ALL: [Self; 18] = [
        Self::GuestCreate,
        Self::GuestStart,
        Self::GuestShutDown,
        Self::GuestKill,
        Self::GuestRestart,
        Self::GuestDelete,
        Self::GuestPurge,
        Self::GuestStartShell,
        Self::GuestAdopt,
        Self::KernelAdd,
        Self::ImageImport,
        Self::SnapshotTake,
        Self::SnapshotRestore,
        Self::GuestReset,
        Self::BackupTake,
        Self::BackupRestore,
        Self::FileSend,
        Self::FileFetch,
    ];

    /// As rows and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::GuestCreate => "guest_create",
            Self::GuestStart => "guest_start",
            Self::GuestShutDown => "guest_shut_down",
            Self::GuestKill => "guest_kill",
            Self::GuestRestart => "guest_restart",
            Self::GuestDelete => "guest_delete",
            Self::GuestPurge => "guest_purge",
            Self::GuestStartShell => "guest_start_shell",
            Self::GuestAdopt => "guest_adopt",
            Self::KernelAdd => "kernel_add",
            Self::ImageImport => "image_import",
            Self::SnapshotTake => "snapshot_take",
            Self::SnapshotRestore => "snapshot_restore",
            Self::GuestReset => "guest_reset",
            Self::BackupTake => "backup_take",
            Self::BackupRestore => "backup_restore",
            Self::FileSend => "file_send",
            Self::FileFetch => "file_fetch",
        }
    }

    /// Whether one of its steps asks for its guest to run, so that a place is kept for it until then.
    pub fn asks_to_run(self) -> bool {
        match self {
            Self::GuestCreate | Self::GuestAdopt | Self::GuestStart | Self::GuestStartShell | Self::GuestRestart => {
                true
            }
            Self::SnapshotRestore | Self::GuestReset => true,
            Self::BackupRestore => true,
            Self::GuestShutDown | Self::GuestKill | Self::GuestDelete | Self::GuestPurge => false,
            Self::KernelAdd | Self::ImageImport | Self::SnapshotTake => false,
            Self::BackupTake => false,
            Self::FileSend | Self::FileFetch => false,
        }
    }

    /// As people say it.
    pub fn title(self) -> &'static str {
        match self {
            Self::GuestCreate => "Create",
            Self::GuestStart => "Start",
            Self::GuestShutDown => "Shut down",
            Self::GuestKill => "Kill",
            Self::GuestRestart => "Restart",
            Self::GuestDelete => "Delete",
            Self::GuestPurge => "Purge",
            Self::GuestStartShell => "Start into a shell",
            Self::GuestAdopt => "Adopt",
            Self::KernelAdd => "Add kernel",
            Self::ImageImport => "Import image",
            Self::SnapshotTake => "Take a snapshot",
            Self::SnapshotRestore => "Restore a snapshot",
            Self::GuestReset => "Reset",
            Self::BackupTake => "Back up",
            Self::BackupRestore => "Restore a backup",
            Self::FileSend => "Send a file",
            Self::FileFetch => "Fetch a file",
        }
    }

    /// What is done to whom: `Create web`, `Send a file to web`.
    pub fn title_of(self, name: &str) -> String {
        let title = self.title();
        match self {
            Self::SnapshotTake | Self::SnapshotRestore | Self::BackupRestore => format!("{title} of {name}"),
            Self::FileSend => format!("{title} to {name}"),
            Self::FileFetch => format!("{title} from {name}"),
            Self::GuestStartShell => format!("Start {name} into a shell"),
            _ => format!("{title} {name}"),
        }
    }

    /// What it takes to cancel one about a guest: what it would take to undo it by hand.
    pub fn right(self) -> GuestRight {
        match self {
            Self::GuestStart | Self::GuestShutDown | Self::GuestKill | Self::GuestRestart => GuestRight::Power,
            Self::GuestStartShell | Self::SnapshotTake | Self::SnapshotRestore | Self::GuestReset => {
                GuestRight::Settings
            }
            Self::GuestCreate | Self::GuestAdopt | Self::GuestDelete | Self::GuestPurge => GuestRight::Delete,
            Self::KernelAdd | Self::ImageImport => GuestRight::Delete,
            Self::BackupTake | Self::BackupRestore => GuestRight::Settings,
            Self::FileSend | Self::FileFetch => GuestRight::TypeConsole,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum OperationState {
    Running,
    /// A step failed and what was done is being undone.
    Undoing {
        reason: String,
    },
    Done,
    /// Failed and undone; nothing is left of it.
    Failed {
        reason: String,
    },
    Cancelled,
}

impl OperationState {
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Failed { .. } | Self::Cancelled)
    }
}

/// How operations stand that somebody looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationSought {
    UnderWay,
    Over,
    Running,
    Undoing,
    Done,
    Failed,
    Cancelled,
}

impl OperationSought {
    pub const ALL: [Self; 7] =
        [Self::UnderWay, Self::Over, Self::Running, Self::Undoing, Self::Done, Self::Failed, Self::Cancelled];

    /// As the API spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::Over => "over",
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Over | Self::Done | Self::Failed | Self::Cancelled)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    Running,
    Done,
    Failed,
    Undone,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StepShown {
    pub name: String,
    pub state: StepState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct LogLine {
    pub at: i64,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct OperationShown {
    pub id: OperationId,
    pub kind: OperationKind,
    pub guest: Option<GuestId>,
    /// The guest's name, or that of whatever else it is about.
    pub guest_name: String,
    pub requester: String,
    pub state: OperationState,
    pub steps: Vec<StepShown>,
    pub log: Vec<LogLine>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
    /// Whether it can be cancelled (before its last step) or taken back (a deletion).
    pub can_cancel: bool,
}

/// What operations somebody looks for, as a form and the API spell it; what is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct OperationFilter {
    /// The id of the guest that they are about.
    pub guest: String,
    /// What is done, as `guest_start`.
    pub kind: String,
    /// `under_way`, `over`, or one of `running`, `undoing`, `done`, `failed`, `cancelled`.
    pub state: String,
    /// Where to go on: `next` of the page before.
    pub cursor: String,
    pub limit: String,
}

/// Some operations, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct OperationPage {
    pub rows: Vec<OperationShown>,
    /// `cursor` of the next page, if there is one.
    pub next: Option<String>,
}

impl OperationShown {
    /// Steps done and steps in all.
    pub fn progress(&self) -> (usize, usize) {
        (self.steps.iter().filter(|s| s.state == StepState::Done).count(), self.steps.len())
    }
}
