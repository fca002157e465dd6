//! What guests use, counted once a minute, and read by those whose it is.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountUsed, DayUsed, UsageAsked, UsageShown};
use umbel_guest::usage::{DAY_S, Used, Using};
use umbel_guest::{AccountId, GuestId, PanelRight};
use umbel_wire::agent::Moved;

use super::Quotas;
use crate::error::chain;
use crate::store::accounts::owner_fetch_name;
use crate::store::groups::{Reached, reached_fetch};
use crate::store::guests::{Guest, guest_each};
use crate::store::meta::{Key, panel_fetch, panel_put, panel_swap};
use crate::store::usage::{
    traffic_list, traffic_put, usage_add, usage_delete_before, usage_list, usage_list_accounts, usage_list_of,
};
use crate::store::{StoreError, Tx};

/// Between two counts: so exact is it when a guest starts or stops.
const EVERY: Duration = Duration::from_secs(60);
/// Days that are remembered, today not among them.
const REMEMBERED: i64 = 400;

impl Quotas {
    /// Counts as long as the panel runs. Of several panels on one database one counts each minute.
    pub fn keep(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let quotas = self.clone();
        async move {
            loop {
                if let Err(error) = quotas.count().await {
                    tracing::warn!(
                        cause = chain(&error),
                        "what guests use was not counted; the next count includes it"
                    );
                }
                tokio::time::sleep(EVERY).await;
            }
        }
    }

    /// What was used since the last count. The first one begins to count.
    pub async fn count(&self) -> Result<(), StoreError> {
        let db = &self.parts.db;
        let to = self.parts.clock.now().div_euclid(1_000_000);
        let Some(until) = panel_fetch(db, Key::UsageUntil).await? else {
            return panel_put(db, Key::UsageUntil, &to.to_string()).await;
        };
        // One that can't be read begins anew, and one in the future waits.
        let from = until.parse().unwrap_or(to);
        if from > to {
            return Ok(());
        }
        let mut sums: HashMap<(AccountId, i64), Used> = HashMap::new();
        let moved = self.moved().await;
        let mut owners = HashMap::new();
        let count = |guest: Guest| {
            owners.insert(guest.id, guest.owner);
            let using = Using { spec: &guest.spec, seen: &guest.seen, created_at: guest.created_at };
            for (day, used) in using.between(from, to) {
                let sum = sums.entry((guest.owner, day)).or_default();
                *sum = sum.plus(used);
            }
        };
        guest_each(db, count).await?;
        let mut tx = db.begin().await?;
        if !panel_swap(&mut tx, Key::UsageUntil, &until, &to.to_string()).await? {
            return Ok(());
        }
        // A host may know guests that the panel doesn't.
        let of_owners = moved.into_iter().filter_map(|(guest, moved)| Some((*owners.get(&guest)?, guest, moved)));
        for (owner, Moved { received, sent }) in passed(&mut tx, of_owners).await? {
            // Whatever day it was on.
            let sum = sums.entry((owner, to.div_euclid(DAY_S))).or_default();
            *sum = sum.plus(Used { received, sent, ..Used::default() });
        }
        for ((account, day), used) in sums {
            usage_add(&mut tx, account, day, used).await?;
        }
        usage_delete_before(&mut tx, to.div_euclid(DAY_S) - REMEMBERED).await?;
        tx.commit().await
    }

    /// Traffic of all guests, ever; nothing while the agent is away: the next count includes it.
    async fn moved(&self) -> Vec<(GuestId, Moved)> {
        match self.parts.link.host.traffic().await {
            Ok(moved) => moved,
            Err(error) => {
                if !error.is_away() {
                    tracing::warn!(cause = chain(&error), "the host does not say what guests have sent and received");
                }
                Vec::new()
            }
        }
    }

    /// One's own, or that of a group one is in; of everybody together, or of one account, for whoever manages quotas.
    pub async fn usage(&self, caller: &Caller, asked: UsageAsked) -> Result<UsageShown, AppError> {
        let db = &self.parts.db;
        let today = self.parts.clock.now().div_euclid(1_000_000 * DAY_S);
        let from = today + 1 - i64::from(asked.days.number());
        let all = caller.may(PanelRight::ManageQuotas);
        let (days, accounts, of) = match asked.account {
            Some(account) if account != caller.account.id => {
                if !matches!(reached_fetch(db, caller.account.id, account).await?, Some(Reached::Own(_))) {
                    all?;
                }
                let name = owner_fetch_name(db, account).await?.ok_or_else(|| AppError::not_found("account"))?;
                (usage_list_of(db, account, from).await?, Vec::new(), Some(name))
            }
            None if all.is_ok() => (usage_list(db, from).await?, usage_list_accounts(db, from).await?, None),
            _ => (usage_list_of(db, caller.account.id, from).await?, Vec::new(), Some(caller.account.name.clone())),
        };
        let accounts = accounts.into_iter().map(|(account, name, used)| AccountUsed { account, name, used });
        Ok(UsageShown { of, days: DayUsed::every(&days, from, today), accounts: accounts.collect() })
    }
}

/// What has passed since it was counted last, which is here.
async fn passed(
    tx: &mut Tx,
    moved: impl Iterator<Item = (AccountId, GuestId, Moved)>,
) -> Result<Vec<(AccountId, Moved)>, StoreError> {
    let counted = traffic_list(&mut *tx).await?;
    let mut passed = Vec::new();
    for (owner, guest, moved) in moved {
        let before = counted.get(&guest).copied().unwrap_or_default();
        if moved != before {
            traffic_put(&mut *tx, guest, moved).await?;
            passed.push((owner, moved.since(before)));
        }
    }
    Ok(passed)
}
