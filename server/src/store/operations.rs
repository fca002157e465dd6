//! Operations: what is done in several steps, how far each has come, and what it said.

use std::collections::{HashMap, HashSet};

use umbel_app::shown::{LogLine, OperationKind, OperationState, StepShown, StepState};
use umbel_guest::{AccountId, GuestId, OperationId};

use super::StoreError;
use super::db::{Db, On, Tx};
use super::guests::guest_fetch;
use super::query::{Query, Row, sql};
use super::quotas::reservation_follow;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    pub guest: Option<GuestId>,
    pub guest_name: String,
    pub owner: AccountId,
    pub requester: AccountId,
    pub requester_name: String,
    /// What its steps were told and have found out, as JSON.
    pub params: String,
    pub state: OperationState,
    pub cancel_wanted: bool,
    pub steps: Vec<StepShown>,
    pub log: Vec<LogLine>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
}

fn kind(row: &Row) -> Result<OperationKind, StoreError> {
    let word: String = row.get("kind")?;
    let found = OperationKind::ALL.into_iter().find(|kind| kind.word() == word);
    found.ok_or_else(|| row.unreadable("kind", format!("there is no operation {word}")))
}

/// Without steps and log, which are other tables'.
fn operation(row: &Row) -> Result<Operation, StoreError> {
    Ok(Operation {
        id: row.parse("id")?,
        kind: kind(row)?,
        guest: row.parse_option("guest")?,
        guest_name: row.get("guest_name")?,
        owner: row.parse("owner")?,
        requester: row.parse("requester")?,
        requester_name: row.get("requester_name")?,
        params: row.get("params")?,
        state: row.json("state")?,
        cancel_wanted: row.get("cancel_wanted")?,
        steps: Vec::new(),
        log: Vec::new(),
        created_at: row.get("created_at")?,
        ended_at: row.get("ended_at")?,
    })
}

/// The columns that [`operation`] reads, with the rest of a statement.
macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT o.id AS id, o.kind AS kind, o.guest AS guest, o.guest_name AS guest_name, o.owner AS owner, ",
            "o.requester AS requester, o.requester_name AS requester_name, o.params AS params, o.state AS state, ",
            "o.cancel_wanted AS cancel_wanted, o.created_at AS created_at, o.ended_at AS ended_at FROM operations o ",
            $($rest),+
        )
    };
}

pub(super) use select;

/// Operations whose steps and lines are read by one statement.
const TOGETHER: usize = 50;

/// As many placeholders as [`TOGETHER`].
macro_rules! of_these {
    ($select:literal, $order:literal) => {
        concat!(
            $select,
            " WHERE operation IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, ",
            "$20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, ",
            "$41, $42, $43, $44, $45, $46, $47, $48, $49, $50) ORDER BY ",
            $order
        )
    };
}

/// The operations that a statement finds, with their steps and logs.
pub(super) async fn gather(db: &Db, name: &'static str, query: Query) -> Result<Vec<Operation>, StoreError> {
    let mut operations: Vec<Operation> = query.all(db).await?.iter().map(operation).collect::<Result<_, _>>()?;
    for some in operations.chunks_mut(TOGETHER) {
        complete(db, name, some).await?;
    }
    Ok(operations)
}

/// By their ids, so that nothing is read of operations that aren't asked for.
async fn complete(db: &Db, name: &'static str, operations: &mut [Operation]) -> Result<(), StoreError> {
    let places: HashMap<OperationId, usize> = operations.iter().enumerate().map(|(i, o)| (o.id, i)).collect();
    let ids: Vec<String> = operations.iter().map(|operation| operation.id.to_string()).collect();
    let these = |text| {
        let filled = ids.iter().map(String::as_str).chain(std::iter::repeat("")).take(TOGETHER);
        filled.fold(sql(name, text), |query, id| query.bind(id))
    };
    let steps = of_these!("SELECT operation, name, state FROM operation_steps", "operation, position");
    for row in these(steps).all(db).await? {
        if let Some(&place) = places.get(&row.parse("operation")?) {
            operations[place].steps.push(StepShown { name: row.get("name")?, state: row.json("state")? });
        }
    }
    let log = of_these!("SELECT operation, at, line FROM operation_log", "operation, number");
    for row in these(log).all(db).await? {
        if let Some(&place) = places.get(&row.parse("operation")?) {
            operations[place].log.push(LogLine { at: row.get("at")?, text: row.get("line")? });
        }
    }
    Ok(())
}

pub async fn operation_insert(tx: &mut Tx, operation: &Operation) -> Result<(), StoreError> {
    let insert = "INSERT INTO operations (id, kind, guest, guest_name, owner, requester, requester_name, params, \
                  state, over, cancel_wanted, created_at, ended_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    sql("operation_insert", insert)
        .bind(operation.id)
        .bind(operation.kind.word())
        .bind(operation.guest)
        .bind(operation.guest_name.as_str())
        .bind(operation.owner)
        .bind(operation.requester)
        .bind(operation.requester_name.as_str())
        .bind(operation.params.as_str())
        .bind_json(&operation.state)
        .bind(operation.state.is_over())
        .bind(operation.cancel_wanted)
        .bind(operation.created_at)
        .bind(operation.ended_at)
        .run(&mut *tx)
        .await?;
    for (position, step) in (0i64..).zip(&operation.steps) {
        let insert = "INSERT INTO operation_steps (operation, position, name, state) VALUES ($1, $2, $3, $4)";
        sql("operation_insert", insert)
            .bind(operation.id)
            .bind(position)
            .bind(step.name.as_str())
            .bind_json(&step.state)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

pub async fn operation_fetch(db: &Db, id: OperationId) -> Result<Option<Operation>, StoreError> {
    let name = "operation_fetch";
    Ok(gather(db, name, sql(name, select!("WHERE o.id = $1")).bind(id)).await?.pop())
}

/// Those that are not over, all of them, the newest first.
pub async fn operation_list_under_way(db: &Db) -> Result<Vec<Operation>, StoreError> {
    let name = "operation_list_under_way";
    let query = sql(name, select!("WHERE o.over = $1 ORDER BY o.created_at DESC, o.id DESC"));
    gather(db, name, query.bind(false)).await
}

/// Whether one of that kind is under way about what is called so.
pub async fn operation_is_about(on: impl Into<On<'_>>, kind: OperationKind, name: &str) -> Result<bool, StoreError> {
    let select = "SELECT id FROM operations WHERE over = $1 AND kind = $2 AND guest_name = $3";
    let query = sql("operation_is_about", select).bind(false).bind(kind.word()).bind(name);
    Ok(query.one(on).await?.is_some())
}

/// The one that is under way for a guest, all of it.
pub async fn operation_under_way_of(db: &Db, guest: GuestId) -> Result<Option<Operation>, StoreError> {
    let name = "operation_under_way_of";
    let query = sql(
        name,
        select!("WHERE o.guest = $1 AND o.over = $2 AND o.kind <> 'backup_take' ORDER BY o.created_at DESC, o.id DESC"),
    );
    Ok(gather(db, name, query.bind(guest).bind(false)).await?.pop())
}

/// The one that is under way for a guest, but for a backup, which nobody has to wait for: its row and its last step's state, for the rule of one at a time.
pub async fn operation_under_way(
    on: impl Into<On<'_>>,
    guest: GuestId,
) -> Result<Option<(OperationId, OperationKind, Option<StepState>)>, StoreError> {
    let select = "SELECT o.id AS id, o.kind AS kind, (SELECT s.state FROM operation_steps s WHERE s.operation = o.id \
                  ORDER BY s.position DESC LIMIT 1) AS last FROM operations o WHERE o.guest = $1 AND o.over = $2 \
                  AND o.kind <> 'backup_take'";
    let row = sql("operation_under_way", select).bind(guest).bind(false).one(on).await?;
    row.map(|row| {
        let last: Option<String> = row.get("last")?;
        let last = last.and_then(|text| serde_json::from_str(&text).ok());
        Ok((row.parse("id")?, kind(&row)?, last))
    })
    .transpose()
}

/// Guests that an operation under way asks to run, or has asked.
pub async fn operation_guests_asked_to_run(on: impl Into<On<'_>>) -> Result<HashSet<GuestId>, StoreError> {
    let select = "SELECT guest, kind FROM operations WHERE over = $1 AND guest IS NOT NULL";
    let rows = sql("operation_guests_asked_to_run", select).bind(false).all(on).await?;
    let mut guests = HashSet::new();
    for row in &rows {
        if kind(row)?.asks_to_run() {
            guests.insert(row.parse("guest")?);
        }
    }
    Ok(guests)
}

/// Words of states, as rows begin with them.
pub const STATES: [&str; 5] = ["running", "undoing", "done", "failed", "cancelled"];

/// How many of a kind are in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationCount {
    pub kind: OperationKind,
    /// One of [`STATES`].
    pub state: &'static str,
    pub number: i64,
}

/// Those of which there are any.
pub async fn operation_count(on: impl Into<On<'_>>) -> Result<Vec<OperationCount>, StoreError> {
    // A state is JSON that begins with its word; what else it says differs from row to row.
    let select = concat!(
        r#"SELECT kind, CASE WHEN state LIKE '{"state":"running"%' THEN 'running' "#,
        r#"WHEN state LIKE '{"state":"undoing"%' THEN 'undoing' WHEN state LIKE '{"state":"failed"%' THEN 'failed' "#,
        r#"WHEN state LIKE '{"state":"cancelled"%' THEN 'cancelled' ELSE 'done' END AS word, COUNT(*) AS n "#,
        "FROM operations GROUP BY kind, word"
    );
    let rows = sql("operation_count", select).all(on).await?;
    let counted = rows.iter().map(|row| {
        let word: String = row.get("word")?;
        let state = STATES.into_iter().find(|state| *state == word);
        let state = state.ok_or_else(|| row.unreadable("word", format!("there is no state {word}")))?;
        Ok(OperationCount { kind: kind(row)?, state, number: row.get("n")? })
    });
    counted.collect()
}

/// Whether the operation is still under way; inside a transaction this stays so until its end.
pub async fn operation_is_under_way(on: impl Into<On<'_>>, id: OperationId) -> Result<bool, StoreError> {
    let select = "SELECT id FROM operations WHERE id = $1 AND over = $2";
    Ok(sql("operation_is_under_way", select).bind(id).bind(false).one(on).await?.is_some())
}

/// Moves an operation that is not over, and tells whether it was. With its end, what was kept for its
/// guest is free unless the guest holds it by itself.
pub async fn operation_set_state(
    tx: &mut Tx,
    id: OperationId,
    state: &OperationState,
    ended_at: Option<i64>,
) -> Result<bool, StoreError> {
    let update =
        "UPDATE operations SET state = $1, over = $2, ended_at = $3 WHERE id = $4 AND over = $5 RETURNING guest, kind";
    let query = sql("operation_set_state", update).bind_json(state).bind(state.is_over()).bind(ended_at);
    let Some(row) = query.bind(id).bind(false).run_one(&mut *tx).await? else { return Ok(false) };
    if let (true, true, Some(guest)) = (state.is_over(), kind(&row)?.asks_to_run(), row.parse_option("guest")?)
        && let Some(guest) = guest_fetch(&mut *tx, guest).await?
    {
        reservation_follow(tx, &guest).await?;
    }
    Ok(true)
}

/// Moves a step of an operation that is not over, and tells whether it was.
pub async fn operation_set_step(
    on: impl Into<On<'_>>,
    id: OperationId,
    position: usize,
    state: StepState,
) -> Result<bool, StoreError> {
    let update = "UPDATE operation_steps SET state = $1 WHERE operation = $2 AND position = $3 \
                  AND EXISTS (SELECT 1 FROM operations o WHERE o.id = $2 AND o.over = $4)";
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    let query = sql("operation_set_step", update).bind_json(&state).bind(id).bind(position).bind(false);
    Ok(query.run(on).await? == 1)
}

pub async fn operation_set_params(on: impl Into<On<'_>>, id: OperationId, params: &str) -> Result<(), StoreError> {
    let update = "UPDATE operations SET params = $1 WHERE id = $2";
    sql("operation_set_params", update).bind(params).bind(id).run(on).await?;
    Ok(())
}

/// Whether there was such an operation to cancel.
pub async fn operation_want_cancel(on: impl Into<On<'_>>, id: OperationId) -> Result<bool, StoreError> {
    let update = "UPDATE operations SET cancel_wanted = $1 WHERE id = $2 AND over = $3";
    Ok(sql("operation_want_cancel", update).bind(true).bind(id).bind(false).run(on).await? == 1)
}

/// Adds a line, unless the last one says the same; tells whether it was added.
pub async fn operation_log(on: impl Into<On<'_>>, id: OperationId, at: i64, line: &str) -> Result<bool, StoreError> {
    let insert = "INSERT INTO operation_log (operation, number, at, line) \
                  SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3 FROM operation_log WHERE operation = $1 \
                  HAVING COALESCE((SELECT l.line FROM operation_log l WHERE l.operation = $1 \
                  ORDER BY l.number DESC LIMIT 1), '') <> $3";
    Ok(sql("operation_log", insert).bind(id).bind(at).bind(line).run(on).await? == 1)
}
