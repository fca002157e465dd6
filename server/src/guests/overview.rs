//! The first page, and the host.

use std::path::Path;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GuestFilter, HostShown, OperationFilter, OverviewShown, WallShown};
use umbel_guest::PanelRight;
use umbel_wire::agent::Profile;

use super::{Guests, checks};
use crate::quotas;
use crate::store::guest_pages::{Promised, guest_promised};
use crate::store::quotas::host_promised_disk;

/// Operations on the first page.
const RECENT: &str = "10";

impl Guests {
    pub async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError> {
        let host = async {
            match caller.may(PanelRight::SeeHost) {
                Ok(()) => self.machine().await.map(Some),
                Err(_) => Ok(None),
            }
        };
        let guests = self.list(caller, GuestFilter::default());
        let recent = OperationFilter { limit: RECENT.to_owned(), ..OperationFilter::default() };
        let (guests, states, operations, host) =
            tokio::try_join!(guests, self.count(caller), self.operation_list(caller, recent), host)?;
        Ok(OverviewShown { guests, states, operations: operations.rows, agent: self.parts.link.heard().agent, host })
    }

    /// While the agent is away, the last that was heard, or nothing but that.
    pub async fn host(&self, caller: &Caller) -> Result<HostShown, AppError> {
        caller.may(PanelRight::SeeHost)?;
        let mut shown = self.machine().await?;
        // Not on the first page: it reads every guest in a transaction that is alone.
        shown.checks.extend(checks::tools(Path::exists));
        shown.checks.push(checks::reservations(&quotas::books::wrong(&self.parts.db).await?));
        Ok(shown)
    }

    async fn machine(&self) -> Result<HostShown, AppError> {
        let link = &self.parts.link;
        let facts = tokio::try_join!(link.facts(), link.walls());
        let Promised { alive: guests_running, memory_mib: memory_promised_mib } =
            guest_promised(&self.parts.db).await?;
        let disk_promised_mib = host_promised_disk(&self.parts.db, self.parts.host).await?;
        let checks = checks::checks(&checks::read());
        let agent = link.heard().agent;
        let Ok((facts, walls)) = facts else {
            return Ok(HostShown {
                agent,
                profile: "unknown".into(),
                memory_total_mib: 0,
                memory_available_mib: 0,
                cores: 0,
                disk_total_mib: 0,
                disk_free_mib: 0,
                walls: Vec::new(),
                memory_promised_mib,
                disk_promised_mib,
                disk_promisable_mib: 0,
                guests_running,
                checks,
            });
        };
        let profile = match facts.profile {
            Profile::Hosting => "hosting",
            Profile::Personal => "personal (for trusted guests)",
        };
        Ok(HostShown {
            agent,
            profile: profile.into(),
            memory_total_mib: facts.memory_total_mib,
            memory_available_mib: facts.memory_available_mib,
            cores: facts.cores,
            disk_total_mib: facts.disk_total_mib,
            disk_free_mib: facts.disk_free_mib,
            walls: walls.into_iter().map(|w| WallShown { name: w.name, state: w.state }).collect(),
            memory_promised_mib,
            disk_promised_mib,
            disk_promisable_mib: self.disk_promisable_mib(&facts),
            guests_running,
            checks,
        })
    }
}
