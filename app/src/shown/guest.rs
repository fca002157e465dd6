use serde::{Deserialize, Serialize};
use umbel_guest::state::Badge;
use umbel_guest::{
    AccountId, Action, DiskKind, DiskSize, Generation, GuestId, GuestName, ImageId, KernelId, Memory, Note,
    OperationId, Refused, RestartPolicy, Seen, Wanted,
};

use super::{ImageShown, KernelShown, OperationShown};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestShown {
    pub id: GuestId,
    pub name: GuestName,
    pub note: Note,
    pub owner: AccountId,
    pub owner_name: String,
    pub image: ImageId,
    pub kernel: KernelId,
    pub memory: Memory,
    pub disk: DiskSize,
    pub disk_kind: DiskKind,
    pub restart_policy: RestartPolicy,
    pub wanted: Wanted,
    pub seen: Seen,
    pub generation: Generation,
    /// What the reconciler is waiting for, in words: memory, the agent, the next try after a crash.
    pub waiting: Option<String>,
    pub created_at: i64,
    /// What is under way for it now.
    pub operation: Option<OperationShown>,
}

impl GuestShown {
    pub fn badge(&self) -> Badge {
        Badge::of(&self.wanted, &self.seen)
    }

    pub fn may(&self, action: Action) -> Result<(), Refused> {
        action.check(&self.wanted, &self.seen)
    }
}

/// What the page for a new guest needs: choices, and sensible values already filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestForm {
    pub suggested_name: String,
    pub images: Vec<ImageShown>,
    pub kernels: Vec<KernelShown>,
    pub disks: Vec<DiskSize>,
    pub memory_available_mib: u32,
    pub disk_free_mib: u64,
}

/// A change of a stopped guest; `None` leaves a field as it is. Names of fields as in the form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestChange {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub kernel: Option<String>,
    #[serde(default)]
    pub memory_mib: Option<u32>,
    #[serde(default)]
    pub restart_policy: Option<RestartPolicy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    pub guest: GuestId,
    pub operation: OperationId,
}

/// The last lines of a console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleTail {
    /// Offset of the next byte.
    pub end: u64,
    /// Text without control sequences.
    pub text: String,
}
