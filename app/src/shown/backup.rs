use serde::{Deserialize, Serialize};
use umbel_guest::{Access, BackupId, GuestId, OperationId};

use super::PlanShown;

/// A copy of a guest's disk that is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct BackupShown {
    pub id: BackupId,
    /// Of which guest; it may be gone.
    pub guest: GuestId,
    /// What it was called when the backup was made.
    pub guest_name: String,
    /// Whether the guest is there, so that it can have its disk back.
    pub has_guest: bool,
    /// Whether the guest's plan made it, which removes it in time.
    pub planned: bool,
    /// Whether all of it is kept; else it is being made.
    pub is_whole: bool,
    pub disk_mib: u32,
    /// What of the disk isn't zero.
    pub held_bytes: u64,
    /// What it has taken beside what was kept already.
    pub stored_bytes: u64,
    pub made_at: i64,
    /// How the caller stands to its guest, also to one that is gone.
    pub access: Access,
}

/// The newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct BackupsShown {
    /// Whether this panel keeps backups: its settings name a place for them.
    pub is_offered: bool,
    /// How many of one guest.
    pub most: u32,
    /// Of the guest that was asked for.
    pub plan: Option<PlanShown>,
    pub rows: Vec<BackupShown>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct BackupTaken {
    pub backup: BackupId,
    pub operation: OperationId,
}
