use serde::{Deserialize, Serialize};
use umbel_guest::WallState;
use umbel_guest::state::Badge;

use super::{GuestPage, OperationShown};

/// Whether the agent answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "link")]
pub enum AgentLink {
    Here,
    /// Since then; what was asked for is carried out once it is back.
    Away {
        since: i64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct HostShown {
    pub agent: AgentLink,
    /// In words: `hosting` or `personal (for trusted guests)`.
    pub profile: String,
    pub memory_total_mib: u32,
    pub memory_available_mib: u32,
    pub cores: u32,
    pub disk_total_mib: u64,
    pub disk_free_mib: u64,
    pub walls: Vec<WallShown>,
    /// Memory of all guests that run or are wanted to, in MiB: as much as they may come to use.
    pub memory_promised_mib: u64,
    /// Sizes of all guests' disks, whatever of them is written, in MiB, and how much they may come to.
    pub disk_promised_mib: u64,
    pub disk_promisable_mib: u64,
    pub guests_running: u32,
    /// Limits of the host that many guests would meet.
    pub checks: Vec<CheckShown>,
}

/// A limit of the host, or the books of quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct CheckShown {
    /// Of a limit as sysctl(8) spells it, for example `vm.max_map_count`.
    pub name: String,
    pub state: CheckState,
    pub detail: String,
}

/// Whether a limit is high enough for many guests, or something else as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CheckState {
    Enough,
    TooLow {
        /// A command for the host's administrator.
        fix: String,
    },
    /// Of a program that is there or not.
    There,
    Missing {
        /// As above.
        fix: String,
    },
    /// Of what is no limit but right or wrong.
    Right,
    Wrong {
        /// As above.
        fix: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct WallShown {
    pub name: String,
    pub state: WallState,
}

/// The first page after signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewShown {
    /// The first of them.
    pub guests: GuestPage,
    /// How many of all that one sees are in each state; where there is none, the state isn't there.
    pub states: Vec<(Badge, u32)>,
    pub operations: Vec<OperationShown>,
    /// All that others than administrators are told of the host.
    pub agent: AgentLink,
    pub host: Option<HostShown>,
}
