//! Copies of a guest's disk that are taken by themselves: how often, how many are kept, and when the next one comes.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::PlanDraft;
use umbel_guest::{Every, FieldErrors, GuestId, GuestRight, Seen, Wanted};

use super::Guests;
use super::snapshots::{has_disk, possible};
use crate::clock::HOUR;
use crate::operations::Requester;
use crate::store::StoreError;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operations::operation_under_way;
use crate::store::snapshots::{
    Plan, Snapshot, SnapshotState, plan_delete, plan_fetch, plan_list_due, plan_put, snapshot_let_go, snapshot_list,
};

/// Of one guest's.
const MOST: u32 = 24;

impl Guests {
    /// The first copy comes when the time between two has passed. Without an interval there is no plan any more, and its
    /// copies stay.
    pub async fn plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError> {
        let guest = self.allowed(caller, guest, GuestRight::Settings).await?;
        match draft.every {
            None => plan_delete(&self.parts.db, guest.id).await?,
            Some(every) => {
                if !(1..=MOST).contains(&draft.keep) {
                    let message = format!("A plan keeps 1 to {MOST} snapshots.");
                    return Err(AppError::Invalid(FieldErrors::one("keep", message)));
                }
                has_disk(&guest)?;
                let next_at = self.parts.clock.now() + i64::from(every.hours()) * HOUR;
                plan_put(&self.parts.db, &Plan { guest: guest.id, every, keep: draft.keep, next_at, failed: None })
                    .await?;
            }
        }
        tracing::info!(guest = %guest.id, every = ?draft.every, by = caller.account.name, "a plan of snapshots was set");
        self.parts.guest_changed(guest.id);
        Ok(())
    }

    /// Each by itself: what one of them waits for, another need not.
    pub async fn take_due(&self) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        for plan in plan_list_due(&self.parts.db, now).await? {
            let Some(guest) = guest_fetch(&self.parts.db, plan.guest).await? else { continue };
            // Something else is done with it: it is looked at again soon.
            if operation_under_way(&self.parts.db, guest.id).await?.is_some() {
                continue;
            }
            let failed = match self.take_planned(&plan, &guest).await {
                Ok(()) => None,
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = &failed {
                tracing::warn!(guest = %guest.id, why, "a snapshot was not taken in time");
            }
            // It may have been changed meanwhile.
            if plan_fetch(&self.parts.db, guest.id).await?.as_ref() == Some(&plan) {
                plan_put(&self.parts.db, &Plan { next_at: next_after(plan.every, plan.next_at, now), failed, ..plan })
                    .await?;
                self.parts.guest_changed(guest.id);
            }
        }
        Ok(())
    }

    /// Nothing of a guest that did not run since the last one.
    async fn take_planned(&self, plan: &Plan, guest: &Guest) -> Result<(), AppError> {
        if matches!(guest.wanted, Wanted::Deleted { .. }) {
            return Ok(());
        }
        let mut tx = self.parts.db.begin().await?;
        let there = snapshot_list(&mut tx, guest.id).await?;
        let own: Vec<Snapshot> =
            there.into_iter().filter(|row| row.planned && row.state == SnapshotState::Kept).collect();
        if !has_run_since(guest, own.first().map(|row| row.made_at)) {
            return Ok(());
        }
        possible(guest)?;
        // The oldest make room first, for a quota that is as large as the plan.
        let keep = usize::try_from(plan.keep).unwrap_or(usize::MAX);
        for old in own.iter().skip(keep.saturating_sub(1)) {
            snapshot_let_go(&mut tx, old.id, self.parts.clock.now()).await?;
        }
        tx.commit().await?;
        if own.len() >= keep {
            self.let_go_due().await?;
        }
        let requester = Requester { account: guest.owner, name: guest.owner_name.clone() };
        let mut tx = self.parts.db.begin().await?;
        let name = format!("By plan {}", umbel_app::parts::time::utc(self.parts.clock.now()));
        let taken = self.snapshot_insert(&mut tx, guest, name, true, &requester).await?;
        tx.commit().await?;
        self.under_way(taken.operation, guest.id);
        Ok(())
    }
}

/// Whether there may be anything new on its disk.
pub(super) fn has_run_since(guest: &Guest, last: Option<i64>) -> bool {
    match (&guest.seen, last) {
        (_, None) => true,
        (Seen::Ended { at, .. }, Some(last)) => *at > last,
        (Seen::Gone, Some(_)) => false,
        (Seen::Starting | Seen::Running { .. } | Seen::Paused { .. } | Seen::Stopping, Some(_)) => true,
    }
}

/// The next time that is to come; those that were missed while the panel was off are not made up for.
pub(super) fn next_after(every: Every, next_at: i64, now: i64) -> i64 {
    let every = i64::from(every.hours()) * HOUR;
    let missed = (now - next_at).max(0) / every;
    next_at + (missed + 1) * every
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_to_come_and_keeps_its_hour() {
        let after = |now| next_after(Every::SixHours, 6 * HOUR, now);
        assert_eq!(after(6 * HOUR), 12 * HOUR);
        assert_eq!(after(6 * HOUR + 1), 12 * HOUR);
        assert_eq!(after(31 * HOUR), 36 * HOUR, "a day off");
    }
}
