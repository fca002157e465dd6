use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Caller, Storage};
use umbel_app::shown::{AgentLink, HostShown, MetricsShown, StorageShown};
use umbel_guest::quota::{Kind, Limit, Rule, Standing};
use umbel_guest::{GuestId, Series, SnapshotId, Span};

use super::Fake;

impl Fake {
    pub(super) fn agent(&self) -> AgentLink {
        self.agent_away_since.map_or(AgentLink::Here, |since| AgentLink::Away { since })
    }

    pub(super) fn machine(&self) -> HostShown {
        HostShown {
            agent: self.agent(),
            profile: "hosting".into(),
            memory_total_mib: 4096,
            memory_available_mib: 2048,
            cores: 2,
            disk_total_mib: 10_240,
            disk_free_mib: 5120,
            walls: self.walls.clone(),
            memory_promised_mib: self.guests.iter().map(|g| u64::from(g.memory.mib())).sum(),
            disk_promised_mib: self.guests.iter().map(|g| u64::from(g.disk.mib())).sum(),
            disk_promisable_mib: 102_400,
            guests_running: 1,
            checks: self.checks.clone(),
        }
    }

    pub(super) fn standings(&self) -> Vec<Standing> {
        let (used, most) = self.quota.map_or((0, None), |(used, most)| (used, Some(most)));
        let limit = Limit { most, why: if most.is_some() { Rule::Role } else { Rule::Nobody } };
        Kind::ALL.into_iter().map(|kind| Standing { kind, used, limit }).collect()
    }

    pub(super) fn metrics(&self, span: Span) -> MetricsShown {
        self.series.clone().unwrap_or(Series { span, end: 0, samples: vec![None; span.length()] }).into()
    }
}

#[async_trait]
impl Storage for Fake {
    async fn storage(&self, _: &Caller) -> Result<StorageShown, AppError> {
        Ok(self.storage.clone())
    }

    async fn leftover_remove(&self, _: &Caller, _: GuestId, _: Option<SnapshotId>) -> Result<(), AppError> {
        Ok(())
    }
}
