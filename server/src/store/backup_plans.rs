//! Backups of guests that are made by themselves.

use umbel_guest::{Every, GuestId, OperationId};

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    pub guest: GuestId,
    pub every: Every,
    /// How many of its own it keeps.
    pub keep: u32,
    pub next_at: i64,
    /// Makes the last one, until it is known how that ended.
    pub operation: Option<OperationId>,
    /// Why the last one was not made.
    pub failed: Option<String>,
}

fn plan(row: &Row) -> Result<BackupPlan, StoreError> {
    let operation: Option<String> = row.get("operation")?;
    Ok(BackupPlan {
        guest: row.parse("guest")?,
        every: row.parse("every")?,
        keep: row.number("keep")?,
        next_at: row.get("next_at")?,
        operation: operation.map(|_| row.parse("operation")).transpose()?,
        failed: row.get("failed")?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT guest, every, keep, next_at, operation, failed FROM backup_plans ", $rest)
    };
}

/// In the place of the one that is there.
pub async fn backup_plan_put(on: impl Into<On<'_>>, plan: &BackupPlan) -> Result<(), StoreError> {
    let put = "INSERT INTO backup_plans (guest, every, keep, next_at, operation, failed) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (guest) DO UPDATE SET every = excluded.every, keep = excluded.keep, \
               next_at = excluded.next_at, operation = excluded.operation, failed = excluded.failed";
    let query = sql("backup_plan_put", put).bind(plan.guest).bind(plan.every.word()).bind(plan.keep);
    let query = query.bind(plan.next_at).bind(plan.operation.map(|operation| operation.to_string()));
    query.bind(plan.failed.clone()).run(on).await?;
    Ok(())
}

/// Repeating it does no harm.
pub async fn backup_plan_delete(on: impl Into<On<'_>>, guest: GuestId) -> Result<(), StoreError> {
    sql("backup_plan_delete", "DELETE FROM backup_plans WHERE guest = $1").bind(guest).run(on).await?;
    Ok(())
}

pub async fn backup_plan_fetch(on: impl Into<On<'_>>, guest: GuestId) -> Result<Option<BackupPlan>, StoreError> {
    sql("backup_plan_fetch", select!("WHERE guest = $1")).bind(guest).one(on).await?.as_ref().map(plan).transpose()
}

/// Those whose time has come, or whose last backup was not over yet.
pub async fn backup_plan_list_due(on: impl Into<On<'_>>, now: i64) -> Result<Vec<BackupPlan>, StoreError> {
    let query =
        sql("backup_plan_list_due", select!("WHERE next_at <= $1 OR operation IS NOT NULL ORDER BY next_at, guest"));
    query.bind(now).all(on).await?.iter().map(plan).collect()
}
