//! What nobody reports by itself: looked for once a minute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use umbel_app::AppError;
use umbel_app::shown::WebhookEvent;
use umbel_guest::quota::Standing;
use umbel_wire::agent::HostFacts;

use super::{Happened, WINDOW_MOST, Webhooks, happened};
use crate::clock::{DAY, MINUTE};
use crate::quotas::standings_of_all;
use crate::store::webhooks::{alert_trim, delivery_trim, webhook_list};

const LOOK: Duration = Duration::from_secs(60);
/// Below this part of what there is, the host is short.
const SHORT: u64 = 10;
/// So many tries to sign in that fail within so long are told.
const FAILED: usize = 10;
const FAILED_WITHIN: i64 = 5 * MINUTE;
/// How long deliveries that are over are remembered.
const KEPT: i64 = 30 * DAY;

/// Tries to sign in that failed a moment ago. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct SignIns(Arc<Mutex<VecDeque<i64>>>);

impl SignIns {
    pub fn failed(&self, now: i64) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.push_back(now);
        // The oldest of those that matter decides.
        while times.len() > FAILED {
            times.pop_front();
        }
    }

    fn are_failing(&self, now: i64) -> bool {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.len() >= FAILED && times.front().is_some_and(|first| now - first <= FAILED_WITHIN)
    }
}

impl Webhooks {
    pub(super) async fn watch(&self) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(cause = %error, "what should be told was not looked for");
            }
            if let Err(error) = self.trim().await {
                tracing::warn!(cause = %error, "old deliveries stay");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What is over for long is forgotten.
    pub async fn trim(&self) -> Result<(), AppError> {
        let now = self.parts.clock.now();
        let mut tx = self.parts.db.begin().await?;
        delivery_trim(&mut tx, now - KEPT).await?;
        alert_trim(&mut tx, now - WINDOW_MOST).await?;
        Ok(tx.commit().await?)
    }

    /// Once; nothing is asked of anybody where nobody wants to hear it.
    pub async fn look(&self) -> Result<(), AppError> {
        let (db, now) = (&self.parts.db, self.parts.clock.now());
        let wanted = webhook_list(db).await?;
        let is_wanted = |event| wanted.iter().any(|webhook| webhook.wants(event));
        let mut found = Vec::new();
        if is_wanted(WebhookEvent::SignInsFailing) && self.sign_ins.are_failing(now) {
            found.push(sign_ins_failing());
        }
        if is_wanted(WebhookEvent::QuotaReached) {
            for (owner, name, standings) in standings_of_all(db).await? {
                found.extend(
                    standings
                        .iter()
                        .filter(|standing| is_reached(standing))
                        .map(|standing| quota_reached(&owner.to_string(), &name, standing)),
                );
            }
        }
        if is_wanted(WebhookEvent::HostMemoryShort) || is_wanted(WebhookEvent::HostDiskShort) {
            // An agent that is away says nothing.
            if let Ok(facts) = self.parts.link.host.facts().await {
                found.extend(short(&facts));
            }
        }
        for one in found {
            happened(db, now, one).await?;
        }
        Ok(())
    }
}

fn sign_ins_failing() -> Happened {
    let minutes = FAILED_WITHIN / MINUTE;
    Happened {
        event: WebhookEvent::SignInsFailing,
        subject: String::new(),
        text: format!("{FAILED} tries to sign in failed within {minutes} minutes. The audit says whose they were."),
        about: json!({ "failed": FAILED, "minutes": minutes }),
    }
}

fn is_reached(standing: &Standing) -> bool {
    standing.limit.most.is_some_and(|most| most > 0 && standing.used >= most)
}

fn quota_reached(account: &str, name: &str, standing: &Standing) -> Happened {
    let Standing { kind, used, limit } = *standing;
    Happened {
        event: WebhookEvent::QuotaReached,
        subject: format!("{account} {kind}"),
        text: format!("{name} has used up a quota: {}, {}.", kind.title(), kind.amount(used)),
        about: json!({ "account": account, "name": name, "kind": kind, "used": used, "limit": limit.most }),
    }
}

fn short(facts: &HostFacts) -> Vec<Happened> {
    let memory = (u64::from(facts.memory_available_mib), u64::from(facts.memory_total_mib));
    let disk = (facts.disk_free_mib, facts.disk_total_mib);
    let kinds = [(WebhookEvent::HostMemoryShort, "memory", memory), (WebhookEvent::HostDiskShort, "disk", disk)];
    let short = kinds.into_iter().filter(|(_, _, (left, total))| *total > 0 && left * SHORT < *total);
    let told = short.map(|(event, what, (left, total))| Happened {
        event,
        subject: String::new(),
        text: format!("The host is short of {what}: {left} of {total} MiB are left."),
        about: json!({ "left_mib": left, "total_mib": total }),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_in_a_row_are_told_and_old_ones_are_not() {
        let sign_ins = SignIns::default();
        for n in 0..9 {
            sign_ins.failed(n);
        }
        assert!(!sign_ins.are_failing(9));
        sign_ins.failed(9);
        assert!(sign_ins.are_failing(FAILED_WITHIN));
        assert!(!sign_ins.are_failing(FAILED_WITHIN + 1));
    }
}
