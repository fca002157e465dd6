//! What guests use, counted once a minute, and read by those whose it is. Traffic is not counted yet.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountUsed, DayUsed, UsageAsked, UsageShown};
use umbel_guest::usage::{DAY_S, Used, Using};
use umbel_guest::{AccountId, PanelRight};

use super::Quotas;
use crate::error::chain;
use crate::store::StoreError;
use crate::store::accounts::owner_fetch_name;
use crate::store::groups::{Reached, reached_fetch};
use crate::store::guests::{Guest, guest_each};
use crate::store::meta::{Key, panel_fetch, panel_put, panel_swap};
use crate::store::usage::{usage_add, usage_delete_before, usage_list, usage_list_accounts, usage_list_of};

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
        let count = |guest: Guest| {
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
        for ((account, day), used) in sums {
            usage_add(&mut tx, account, day, used).await?;
        }
        usage_delete_before(&mut tx, to.div_euclid(DAY_S) - REMEMBERED).await?;
        tx.commit().await
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
