use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use umbel_guest::quota::Standing;
use umbel_guest::state::Badge;
use umbel_guest::{
    Access, AccountId, Action, Attachment, Boot, Clock, DiskKind, DiskSize, Generation, GroupId, GroupName, GuestId,
    GuestName, ImageId, KernelId, KernelMode, Limits, MayNot, Memory, Note, OperationId, RestartPolicy, Seen,
    SetupSeen, Wanted,
};

use super::{Etag, ImageChoice, KernelChoice, OperationShown};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GuestShown {
    pub id: GuestId,
    pub name: GuestName,
    pub note: Note,
    pub owner: AccountId,
    pub owner_name: String,
    /// How the one who asks stands to it: what they may do with it.
    pub access: Access,
    pub image: ImageId,
    pub kernel: KernelId,
    pub memory: Memory,
    pub disk: DiskSize,
    pub disk_kind: DiskKind,
    pub restart_policy: RestartPolicy,
    /// Started again with the host, if it ran.
    pub autostart: bool,
    pub mode: KernelMode,
    pub clock: Clock,
    pub network: Attachment,
    pub limits: Limits,
    /// In its owner's network, once that is known; only of a guest that is plugged in.
    #[cfg_attr(feature = "ssr", schema(value_type = Option<String>, format = "ipv4"))]
    pub address: Option<Ipv4Addr>,
    /// Of its network card.
    pub mac: String,
    /// What the next start boots into.
    pub boot: Boot,
    pub wanted: Wanted,
    pub seen: Seen,
    pub generation: Generation,
    /// What the reconciler is waiting for, in words: memory, the agent, the next try after a crash.
    pub waiting: Option<String>,
    pub created_at: i64,
    /// Of what can be changed of it.
    pub etag: Etag,
    /// What is under way for it now.
    pub operation: Option<OperationShown>,
    /// The last lines that root in it wrote to its management console, the oldest first: hostile text,
    /// without control characters. Empty in lists, and for whoever may not read its console.
    pub said: Vec<SaidShown>,
    /// What came of what it was told, for those who may read its console; nothing where it was told nothing.
    pub setup: Option<SetupSeen>,
}

/// What guests somebody looks for, as a form and the API spell it; what is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct GuestFilter {
    /// Part of its name.
    pub name: String,
    /// A word of [`Badge`].
    pub state: String,
    /// The name of an account, of a group with an @ before it, or its id.
    pub owner: String,
    /// Part of its name, note, image, owner or state.
    pub q: String,
    /// `name`, `-name`, `created_at` or `-created_at`.
    pub sort: String,
    /// Where to go on: `next` of the page before, with the same sort.
    pub cursor: String,
    pub limit: String,
}

/// Some guests, in the order that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GuestPage {
    pub rows: Vec<GuestShown>,
    /// `cursor` of the next page, if there is one.
    pub next: Option<String>,
}

/// A line that a guest said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SaidShown {
    pub at: i64,
    pub text: String,
    /// How many lines before this one came too fast and were not kept.
    pub missed: u32,
}

impl GuestShown {
    pub fn badge(&self) -> Badge {
        Badge::of(&self.wanted, &self.seen)
    }

    /// Whether the one who asks may, and whether it can be done now.
    pub fn may(&self, action: Action) -> Result<(), MayNot> {
        self.access.may(action.right())?;
        Ok(action.check(&self.wanted, &self.seen)?)
    }
}

/// What the page for a new guest needs: choices, and sensible values already filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GuestForm {
    pub suggested_name: String,
    /// Deprecated ones last.
    pub images: Vec<ImageChoice>,
    /// The default first. Retired ones aren't there.
    pub kernels: Vec<KernelChoice>,
    pub disks: Vec<DiskSize>,
    pub memory_available_mib: u32,
    pub disk_free_mib: u64,
    /// One's own, which the new guest is counted in.
    pub quota: Vec<Standing>,
    /// Groups that it may be made for, by name: those that one manages.
    pub groups: Vec<GroupChoice>,
    /// Names of one's own public keys.
    pub keys: Vec<String>,
}

/// A group that may own the new guest, which is counted in the group's quota then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GroupChoice {
    pub id: GroupId,
    pub name: GroupName,
    pub quota: Vec<Standing>,
}

/// A change; `None` leaves a field as it is. Names of fields as in the form. Name, note, autostart and
/// limits may change at any time, the rest of a stopped guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
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
    #[serde(default)]
    pub autostart: Option<bool>,
    #[serde(default)]
    pub mode: Option<KernelMode>,
    #[serde(default)]
    pub clock: Option<Clock>,
    #[serde(default)]
    pub network: Option<Attachment>,
    /// All of them at once.
    #[serde(default)]
    pub limits: Option<Limits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
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
