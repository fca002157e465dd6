use serde::{Deserialize, Serialize};
use umbel_guest::{DiskSize, ImageId, KernelId, Memory};

use super::{GuestShown, OperationShown};

/// Whether the agent answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "link")]
pub enum AgentLink {
    Here,
    /// Since then; what was asked for is carried out once it is back.
    Away {
        since: i64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallShown {
    pub name: String,
    pub stands: bool,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShown {
    pub id: ImageId,
    pub title: String,
    pub description: String,
    pub sizes: Vec<DiskSize>,
    pub suggested_memory: Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelShown {
    pub id: KernelId,
    pub version: String,
    pub origin: String,
}

/// The first page after signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewShown {
    pub guests: Vec<GuestShown>,
    pub operations: Vec<OperationShown>,
    pub host: HostShown,
}
