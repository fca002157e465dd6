//! Backups that are made by themselves: how often, how many are kept, and what becomes of each. The oldest goes once another
//! one is there, so that a place that is away costs none.

use serde_json::json;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{OperationState, PlanDraft, WebhookEvent};
use umbel_guest::{FieldErrors, GuestId, GuestRight, OperationId, Wanted};

use super::Guests;
use super::backups::Planned;
use super::plans::{has_run_since, next_after};
use super::snapshots::{has_disk, possible};
use crate::clock::HOUR;
use crate::error::chain;
use crate::operations::Requester;
use crate::store::StoreError;
use crate::store::backup_plans::{
    BackupPlan, backup_plan_delete, backup_plan_fetch, backup_plan_list_due, backup_plan_put,
};
use crate::store::guest_backups::{BackupState, GuestBackup, guest_backup_let_go, guest_backup_list_of};
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operations::{operation_fetch, operation_under_way};
use crate::webhooks::{Happened, happened};

/// Plans whose backups are made at once. Each takes room for a whole disk while it is made.
const AT_ONCE: usize = 2;

impl Guests {
    /// The first backup comes when the time between two has passed. Without an interval there is no plan any more, and its
    /// backups stay.
    pub async fn backup_plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError> {
        let guest = self.allowed(caller, guest, GuestRight::Settings).await?;
        self.vault()?;
        match draft.every {
            None => backup_plan_delete(&self.parts.db, guest.id).await?,
            Some(every) => {
                let most = self.parts.backups_per_guest;
                if !(1..=most).contains(&draft.keep) {
                    let message = format!("A plan keeps 1 to {most} backups.");
                    return Err(AppError::Invalid(FieldErrors::one("keep", message)));
                }
                has_disk(&guest)?;
                let operation = backup_plan_fetch(&self.parts.db, guest.id).await?.and_then(|plan| plan.operation);
                let next_at = self.parts.clock.now() + i64::from(every.hours()) * HOUR;
                let plan = BackupPlan { guest: guest.id, every, keep: draft.keep, next_at, operation, failed: None };
                backup_plan_put(&self.parts.db, &plan).await?;
            }
        }
        tracing::info!(guest = %guest.id, every = ?draft.every, by = caller.account.name, "a plan of backups was set");
        self.parts.guest_changed(guest.id);
        Ok(())
    }

    /// Each by itself: what one of them waits for, another need not.
    pub async fn backups_take_due(&self) -> Result<(), StoreError> {
        let now = self.parts.clock.now();
        let plans = backup_plan_list_due(&self.parts.db, now).await?;
        let mut under_way = plans.iter().filter(|plan| plan.operation.is_some()).count();
        for before in plans {
            let Some(guest) = guest_fetch(&self.parts.db, before.guest).await? else { continue };
            let mut plan = before.clone();
            if let Some(operation) = plan.operation {
                let Some(ended) = self.planned_ended(&plan, &guest, operation).await? else { continue };
                (plan.operation, plan.failed) = (None, ended.err());
                under_way -= 1;
            }
            if plan.next_at <= now && under_way < AT_ONCE && self.is_free(&guest).await? {
                plan.next_at = next_after(plan.every, plan.next_at, now);
                match self.backup_planned(&plan, &guest).await {
                    Ok(operation) => {
                        plan.operation = operation;
                        plan.failed = plan.failed.filter(|_| operation.is_none());
                        under_way += usize::from(operation.is_some());
                    }
                    Err(error) => plan.failed = Some(error.to_string()),
                }
            }
            if plan.failed.is_some() && plan != before {
                self.backup_failure_told(&plan, &guest).await;
            }
            // It may have been changed meanwhile.
            if plan != before && backup_plan_fetch(&self.parts.db, guest.id).await?.as_ref() == Some(&before) {
                backup_plan_put(&self.parts.db, &plan).await?;
                self.parts.guest_changed(guest.id);
            }
        }
        Ok(())
    }

    /// How the last one ended, if it has; with one more, the oldest go.
    async fn planned_ended(
        &self,
        plan: &BackupPlan,
        guest: &Guest,
        operation: OperationId,
    ) -> Result<Option<Result<(), String>>, StoreError> {
        let Some(operation) = operation_fetch(&self.parts.db, operation).await? else { return Ok(Some(Ok(()))) };
        match operation.state {
            OperationState::Running | OperationState::Undoing { .. } => Ok(None),
            OperationState::Failed { reason } => Ok(Some(Err(reason))),
            OperationState::Cancelled => Ok(Some(Err("it was cancelled".into()))),
            OperationState::Done => {
                let keep = usize::try_from(plan.keep).unwrap_or(usize::MAX);
                for old in self.planned_of(guest).await?.iter().skip(keep) {
                    // One that a guest is being made of goes with the next.
                    if !self.backup_in_use(old.id).await? {
                        guest_backup_let_go(&self.parts.db, old.id).await?;
                    }
                }
                Ok(Some(Ok(())))
            }
        }
    }

    /// The newest first.
    async fn planned_of(&self, guest: &Guest) -> Result<Vec<GuestBackup>, StoreError> {
        let mut rows = guest_backup_list_of(&self.parts.db, guest.id).await?;
        rows.retain(|row| row.planned && row.state == BackupState::Kept);
        Ok(rows)
    }

    /// Nothing else is done with it: else it is looked at again soon.
    async fn is_free(&self, guest: &Guest) -> Result<bool, StoreError> {
        let rows = guest_backup_list_of(&self.parts.db, guest.id).await?;
        let is_coming = rows.iter().any(|row| row.state == BackupState::Coming);
        Ok(!is_coming && operation_under_way(&self.parts.db, guest.id).await?.is_none())
    }

    /// Nothing of a guest that did not run since the last one.
    async fn backup_planned(&self, plan: &BackupPlan, guest: &Guest) -> Result<Option<OperationId>, AppError> {
        let own = self.planned_of(guest).await?;
        if matches!(guest.wanted, Wanted::Deleted { .. }) || !has_run_since(guest, own.first().map(|row| row.made_at)) {
            return Ok(None);
        }
        possible(guest)?;
        let requester = Requester { account: guest.owner, name: guest.owner_name.clone() };
        let takes_place = own.len() >= usize::try_from(plan.keep).unwrap_or(usize::MAX);
        let mut tx = self.parts.db.begin().await?;
        let made = self.backup_insert(&mut tx, guest, Planned::ByPlan { takes_place }, &requester).await?;
        tx.commit().await?;
        self.under_way(made.operation, guest.id);
        Ok(Some(made.operation))
    }

    /// Whoever wants to hear of it does. What can't be written is told in the log: the plan says it too.
    async fn backup_failure_told(&self, plan: &BackupPlan, guest: &Guest) {
        let why = plan.failed.as_deref().unwrap_or_default();
        let (name, owner) = (guest.spec.name.as_str(), guest.owner_name.as_str());
        tracing::warn!(guest = %guest.id, why, "a backup was not made in time");
        let happening = Happened {
            event: WebhookEvent::BackupFailed,
            subject: guest.id.to_string(),
            text: format!("The guest {name} of {owner} was not backed up: {why}"),
            about: json!({ "guest": guest.id, "name": name, "owner": owner, "reason": why }),
        };
        if let Err(error) = happened(&self.parts.db, self.parts.clock.now(), happening).await {
            tracing::warn!(guest = %guest.id, cause = chain(&error), "that a backup failed is told nobody");
        }
    }
}
