use serde::{Deserialize, Serialize};
use umbel_guest::{Every, ImageId, OperationId, SnapshotId, SnapshotKind};

/// A copy of a guest's disk that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SnapshotShown {
    pub id: SnapshotId,
    pub kind: SnapshotKind,
    pub name: String,
    /// Of the disk that it is a copy of; another one than the guest's, where that was rebuilt since.
    pub image: ImageId,
    /// Whether the copy is there; else it is being made.
    pub is_whole: bool,
    /// What it took of the host's disk when it was made.
    pub taken_bytes: u64,
    pub made_at: i64,
    /// When it goes by itself: an hour after a reset or a restore has put it aside.
    pub goes_at: Option<i64>,
    /// Whether the guest's plan took it, which removes it in time.
    pub planned: bool,
}

/// Copies that are taken by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PlanShown {
    pub every: Every,
    /// How many of its own it keeps.
    pub keep: u32,
    pub next_at: i64,
    /// Why the last one was not taken.
    pub failed: Option<String>,
}

/// A plan to be set; checked by the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PlanDraft {
    /// Nothing for no plan.
    pub every: Option<Every>,
    #[serde(default)]
    pub keep: u32,
}

/// A guest's disk, and the copies of it, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SnapshotsShown {
    /// What the disk takes of the host's; nothing while the host can't be asked.
    pub disk_bytes: Option<u64>,
    /// Whether a copy shares its blocks until they change; else a guest that runs stands still while they are copied.
    pub shares_blocks: bool,
    pub plan: Option<PlanShown>,
    /// The newest version of the guest's image, if that isn't it.
    pub newer: Option<ImageId>,
    pub rows: Vec<SnapshotShown>,
}

/// What a snapshot is to be called; without a name it is numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SnapshotDraft {
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SnapshotTaken {
    pub snapshot: SnapshotId,
    pub operation: OperationId,
}

/// A guest to be made of one; checked by the panel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CloneDraft {
    pub name: String,
}

/// The image that a guest is to be of from now on; checked by the panel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RebuildDraft {
    pub image: String,
}
