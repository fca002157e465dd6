use serde::{Deserialize, Serialize};
use umbel_guest::{Access, AccountId, GroupId, GuestId, GuestName, Slot, VolumeAccess, VolumeId, VolumeState};

/// A disk that guests have beside their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct VolumeShown {
    pub id: VolumeId,
    pub name: String,
    pub owner: AccountId,
    pub owner_name: String,
    /// How the one who asks stands to its owner's guests as a whole, and so to it.
    pub access: Access,
    pub size_mib: u32,
    pub state: VolumeState,
    /// What it takes of the host's disk; nothing while the host can't be asked.
    pub taken_bytes: Option<u64>,
    pub created_at: i64,
    /// By name.
    pub attached: Vec<AttachedShown>,
}

/// A guest that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AttachedShown {
    pub guest: GuestId,
    pub guest_name: GuestName,
    pub slot: Slot,
    /// Its name in the guest, for example `/dev/ubdc`.
    pub device: String,
    pub access: VolumeAccess,
    /// Whether the guest runs and has it now; one that is off has it at its next start.
    pub is_there: bool,
}

/// Volumes by their owners' names and their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct VolumesShown {
    pub volumes: Vec<VolumeShown>,
    /// Guests that one may give them to.
    pub guests: Vec<VolumeTaker>,
    /// Files on the host that the panel knows nothing of, as after the restore of a backup; for administrators.
    pub strays: Vec<StrayVolume>,
}

/// A guest whose owner has volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct VolumeTaker {
    pub guest: GuestId,
    pub name: GuestName,
    pub owner: AccountId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StrayVolume {
    pub id: VolumeId,
    pub size_bytes: u64,
    pub taken_bytes: u64,
}

/// A volume to be made; checked by the panel. Without a group it is one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VolumeDraft {
    pub name: String,
    /// One of the sizes that disks have.
    pub size_mib: u32,
    #[serde(default)]
    pub group: Option<GroupId>,
}

/// What is to become of it; it never becomes smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct VolumeChange {
    pub size_mib: u32,
}

/// How a guest is to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AttachDraft {
    pub access: VolumeAccess,
}
