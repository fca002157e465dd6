//! The audit's rows, the checkpoints that outlive them, and what is being done. Rows are added at the
//! end and removed at the beginning; no statement here changes one.

use umbel_app::shown::AuditShown;
use uuid::Uuid;

use super::StoreError;
use super::db::{On, Tx};
use super::query::{Row, sql};

/// What a row's hash was; or that of the end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub number: i64,
    pub hash: String,
}

fn shown(row: &Row) -> Result<AuditShown, StoreError> {
    Ok(AuditShown {
        number: row.get("number")?,
        at: row.get("at")?,
        account: row.get("account")?,
        name: row.get("name")?,
        action: row.get("action")?,
        kind: row.get("kind")?,
        object: row.get("object")?,
        object_name: row.get("object_name")?,
        detail: row.get("detail")?,
        via: row.get("via")?,
        address: row.get("address")?,
        outcome: row.get("outcome")?,
        reason: row.get("reason")?,
        hash: row.get("hash")?,
    })
}

fn checkpoint(row: &Row) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint { number: row.get("number")?, hash: row.get("hash")? })
}

/// The columns that [`shown`] reads, with the rest of a statement.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT number, at, account, name, action, kind, object, object_name, detail, via, address, outcome, ",
            "reason, hash FROM audit ",
            $rest
        )
    };
}

/// The last row there ever was: the last that is there, or a later one that only a checkpoint knows.
pub async fn audit_head(tx: &mut Tx) -> Result<Option<Checkpoint>, StoreError> {
    let select = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    let row = sql("audit_head", select).one(&mut *tx).await?.as_ref().map(checkpoint).transpose()?;
    let newest = audit_checkpoint_newest(tx).await?;
    Ok(match (row, newest) {
        (Some(row), Some(newest)) if newest.number > row.number => Some(newest),
        (row, newest) => row.or(newest),
    })
}

/// Fails with [`StoreError::Duplicate`] where the number is taken.
pub async fn audit_insert(tx: &mut Tx, row: &AuditShown) -> Result<(), StoreError> {
    let insert = "INSERT INTO audit (number, at, account, name, action, kind, object, object_name, detail, via, \
                  address, outcome, reason, hash) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    sql("audit_insert", insert)
        .bind(row.number)
        .bind(row.at)
        .bind(row.account.clone())
        .bind(row.name.as_str())
        .bind(row.action.as_str())
        .bind(row.kind.as_str())
        .bind(row.object.as_str())
        .bind(row.object_name.as_str())
        .bind(row.detail.as_str())
        .bind(row.via.as_str())
        .bind(row.address.as_str())
        .bind(row.outcome.as_str())
        .bind(row.reason.as_str())
        .bind(row.hash.as_str())
        .run(tx)
        .await?;
    Ok(())
}

/// In their order, from the one after `after` on.
pub async fn audit_list_after(on: impl Into<On<'_>>, after: i64, most: u32) -> Result<Vec<AuditShown>, StoreError> {
    let query = sql("audit_list_after", select!("WHERE number > $1 ORDER BY number LIMIT $2"));
    query.bind(after).bind(most).all(on).await?.iter().map(shown).collect()
}

/// What rows are looked for; an empty text lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// A name or an id.
    pub who: String,
    pub action: String,
    /// An id or a name.
    pub object: String,
    pub outcome: String,
    pub from: i64,
    pub to: i64,
    /// Only smaller numbers.
    pub before: i64,
}

/// The newest first.
pub async fn audit_list(on: impl Into<On<'_>>, sought: &Sought, most: u32) -> Result<Vec<AuditShown>, StoreError> {
    let select = select!(
        "WHERE number < $1 AND at >= $2 AND at < $3 AND ($4 = '' OR name = $4 OR account = $4) \
         AND ($5 = '' OR action = $5) AND ($6 = '' OR object = $6 OR object_name = $6) \
         AND ($7 = '' OR outcome = $7) ORDER BY number DESC LIMIT $8"
    );
    let query = sql("audit_list", select).bind(sought.before).bind(sought.from).bind(sought.to);
    let query = query.bind(sought.who.as_str()).bind(sought.action.as_str());
    let query = query.bind(sought.object.as_str()).bind(sought.outcome.as_str()).bind(most);
    query.all(on).await?.iter().map(shown).collect()
}

/// The last row of those at the beginning that are all older than `before`.
pub async fn audit_last_before(tx: &mut Tx, before: i64) -> Result<Option<Checkpoint>, StoreError> {
    let select = "SELECT number, hash FROM audit WHERE number < COALESCE((SELECT MIN(number) FROM audit \
                  WHERE at >= $1), 9223372036854775807) ORDER BY number DESC LIMIT 1";
    sql("audit_last_before", select).bind(before).one(tx).await?.as_ref().map(checkpoint).transpose()
}

/// Up to that number; gives how many.
pub async fn audit_remove_to(tx: &mut Tx, number: i64) -> Result<u64, StoreError> {
    sql("audit_remove_to", "DELETE FROM audit WHERE number <= $1").bind(number).run(tx).await
}

/// Of a row that has one already, the first stays.
pub async fn audit_checkpoint_insert(tx: &mut Tx, checkpoint: &Checkpoint, at: i64) -> Result<(), StoreError> {
    let insert = "INSERT INTO audit_checkpoints (number, hash, at) VALUES ($1, $2, $3) ON CONFLICT (number) DO NOTHING";
    let query = sql("audit_checkpoint_insert", insert).bind(checkpoint.number).bind(checkpoint.hash.as_str()).bind(at);
    query.run(tx).await?;
    Ok(())
}

pub async fn audit_checkpoint_newest(on: impl Into<On<'_>>) -> Result<Option<Checkpoint>, StoreError> {
    let select = "SELECT number, hash FROM audit_checkpoints ORDER BY number DESC LIMIT 1";
    sql("audit_checkpoint_newest", select).one(on).await?.as_ref().map(checkpoint).transpose()
}

pub async fn audit_checkpoint_list(on: impl Into<On<'_>>) -> Result<Vec<Checkpoint>, StoreError> {
    let select = "SELECT number, hash FROM audit_checkpoints ORDER BY number";
    sql("audit_checkpoint_list", select).all(on).await?.iter().map(checkpoint).collect()
}

/// A row without number and hash, for as long as its end isn't known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub id: Uuid,
    pub row: AuditShown,
}

pub async fn audit_pending_insert(on: impl Into<On<'_>>, pending: &Pending) -> Result<(), StoreError> {
    sql("audit_pending_insert", "INSERT INTO audit_pending (id, at, entry) VALUES ($1, $2, $3)")
        .bind(pending.id.to_string())
        .bind(pending.row.at)
        .bind_json(&pending.row)
        .run(on)
        .await?;
    Ok(())
}

/// Whether it was still there: of several who would number it one wins.
pub async fn audit_pending_take(tx: &mut Tx, id: Uuid) -> Result<bool, StoreError> {
    let delete = "DELETE FROM audit_pending WHERE id = $1";
    Ok(sql("audit_pending_take", delete).bind(id.to_string()).run(tx).await? == 1)
}

/// Those that began before that time, in their order.
pub async fn audit_pending_list(on: impl Into<On<'_>>, before: i64) -> Result<Vec<Pending>, StoreError> {
    let select = "SELECT id, entry FROM audit_pending WHERE at < $1 ORDER BY at, id";
    let rows = sql("audit_pending_list", select).bind(before).all(on).await?;
    rows.iter().map(|row| Ok(Pending { id: row.parse("id")?, row: row.json("entry")? })).collect()
}
