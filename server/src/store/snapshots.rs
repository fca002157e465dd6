//! Copies of guests' disks that are kept. Those that somebody wanted count against a quota, from before the copy is made
//! until it is gone.

use umbel_guest::{Every, GuestId, ImageId, SnapshotId, SnapshotKind};

use super::StoreError;
use super::db::{On, Tx};
use super::query::{Row, sql};
use super::quotas::{int, reservation_follow_rows};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub guest: GuestId,
    pub kind: SnapshotKind,
    pub name: String,
    /// Of the disk that it is a copy of.
    pub image: ImageId,
    /// Whether the guest's plan took it, which removes it in time.
    pub planned: bool,
    pub state: SnapshotState,
    /// Of the host's disk, when it was made.
    pub taken_bytes: u64,
    pub made_at: i64,
    /// When it goes by itself.
    pub goes_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    /// The copy is being made.
    Coming,
    Kept,
    /// It is being removed.
    Going,
}

impl SnapshotState {
    const ALL: [Self; 3] = [Self::Coming, Self::Kept, Self::Going];

    fn word(self) -> &'static str {
        match self {
            Self::Coming => "coming",
            Self::Kept => "kept",
            Self::Going => "going",
        }
    }
}

impl std::str::FromStr for SnapshotState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == text)
            .ok_or_else(|| format!("no state of a snapshot: {text}"))
    }
}

fn snapshot(row: &Row) -> Result<Snapshot, StoreError> {
    Ok(Snapshot {
        id: row.parse("id")?,
        guest: row.parse("guest")?,
        kind: row.parse("kind")?,
        name: row.get("name")?,
        image: row.parse("image")?,
        planned: row.get("planned")?,
        state: row.parse("state")?,
        taken_bytes: row.number("taken_bytes")?,
        made_at: row.get("made_at")?,
        goes_at: row.get("goes_at")?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, guest, kind, name, image, planned, state, taken_bytes, made_at, goes_at FROM snapshots ",
            $rest
        )
    };
}

/// It is counted with it, whatever the quota. Writing the same again changes nothing.
pub async fn snapshot_insert(tx: &mut Tx, snapshot: &Snapshot) -> Result<(), StoreError> {
    let insert = "INSERT INTO snapshots (id, guest, kind, name, state, taken_bytes, made_at, goes_at, planned, \
                  image) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING";
    let query = sql("snapshot_insert", insert).bind(snapshot.id).bind(snapshot.guest).bind(snapshot.kind.word());
    let query = query.bind(snapshot.name.as_str()).bind(snapshot.state.word()).bind(int(snapshot.taken_bytes));
    query
        .bind(snapshot.made_at)
        .bind(snapshot.goes_at)
        .bind(snapshot.planned)
        .bind(snapshot.image.as_str())
        .run(&mut *tx)
        .await?;
    reservation_follow_rows(tx, snapshot.guest).await
}

pub async fn snapshot_fetch(
    on: impl Into<On<'_>>,
    guest: GuestId,
    id: SnapshotId,
) -> Result<Option<Snapshot>, StoreError> {
    let query = sql("snapshot_fetch", select!("WHERE id = $1 AND guest = $2")).bind(id).bind(guest);
    query.one(on).await?.as_ref().map(snapshot).transpose()
}

/// Those of a guest, the newest first.
pub async fn snapshot_list(on: impl Into<On<'_>>, guest: GuestId) -> Result<Vec<Snapshot>, StoreError> {
    let query = sql("snapshot_list", select!("WHERE guest = $1 ORDER BY made_at DESC, id DESC")).bind(guest);
    query.all(on).await?.iter().map(snapshot).collect()
}

/// Of all guests.
pub async fn snapshot_list_ids(on: impl Into<On<'_>>) -> Result<Vec<SnapshotId>, StoreError> {
    let rows = sql("snapshot_list_ids", "SELECT id FROM snapshots").all(on).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Those whose time has come.
pub async fn snapshot_list_due(on: impl Into<On<'_>>, now: i64) -> Result<Vec<Snapshot>, StoreError> {
    let query = sql("snapshot_list_due", select!("WHERE goes_at <= $1 ORDER BY goes_at, id")).bind(now);
    query.all(on).await?.iter().map(snapshot).collect()
}

/// The copy is there.
pub async fn snapshot_keep(on: impl Into<On<'_>>, id: SnapshotId, taken_bytes: u64) -> Result<(), StoreError> {
    let keep = "UPDATE snapshots SET state = 'kept', taken_bytes = $1 WHERE id = $2";
    sql("snapshot_keep", keep).bind(int(taken_bytes)).bind(id).run(on).await?;
    Ok(())
}

/// It goes from `now` on; nobody is offered it any more.
pub async fn snapshot_let_go(on: impl Into<On<'_>>, id: SnapshotId, now: i64) -> Result<(), StoreError> {
    let go = "UPDATE snapshots SET state = 'going', goes_at = $1 WHERE id = $2";
    sql("snapshot_let_go", go).bind(now).bind(id).run(on).await?;
    Ok(())
}

/// Of what a guest's resets and restores have put aside, only `but` is kept on.
pub async fn snapshot_let_go_others(
    on: impl Into<On<'_>>,
    guest: GuestId,
    but: SnapshotId,
    now: i64,
) -> Result<(), StoreError> {
    let go = "UPDATE snapshots SET state = 'going', goes_at = $1 WHERE guest = $2 AND id <> $3 AND kind <> 'taken'";
    sql("snapshot_let_go_others", go).bind(now).bind(guest).bind(but).run(on).await?;
    Ok(())
}

/// Whether there was such a snapshot; it counts no more.
pub async fn snapshot_delete(tx: &mut Tx, id: SnapshotId) -> Result<bool, StoreError> {
    let delete = sql("snapshot_delete", "DELETE FROM snapshots WHERE id = $1 RETURNING guest").bind(id);
    let Some(row) = delete.run_one(&mut *tx).await? else { return Ok(false) };
    reservation_follow_rows(tx, row.parse("guest")?).await?;
    Ok(true)
}

/// Copies that are taken by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub guest: GuestId,
    pub every: Every,
    /// How many of its own it keeps.
    pub keep: u32,
    pub next_at: i64,
    /// Why the last one was not taken.
    pub failed: Option<String>,
}

fn plan(row: &Row) -> Result<Plan, StoreError> {
    Ok(Plan {
        guest: row.parse("guest")?,
        every: row.parse("every")?,
        keep: row.number("keep")?,
        next_at: row.get("next_at")?,
        failed: row.get("failed")?,
    })
}

/// In the place of the one that is there.
pub async fn plan_put(on: impl Into<On<'_>>, plan: &Plan) -> Result<(), StoreError> {
    let put = "INSERT INTO snapshot_plans (guest, every, keep, next_at, failed) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (guest) DO UPDATE SET every = excluded.every, keep = excluded.keep, \
               next_at = excluded.next_at, failed = excluded.failed";
    let query = sql("plan_put", put).bind(plan.guest).bind(plan.every.word()).bind(plan.keep);
    query.bind(plan.next_at).bind(plan.failed.clone()).run(on).await?;
    Ok(())
}

/// Repeating it does no harm.
pub async fn plan_delete(on: impl Into<On<'_>>, guest: GuestId) -> Result<(), StoreError> {
    sql("plan_delete", "DELETE FROM snapshot_plans WHERE guest = $1").bind(guest).run(on).await?;
    Ok(())
}

pub async fn plan_fetch(on: impl Into<On<'_>>, guest: GuestId) -> Result<Option<Plan>, StoreError> {
    let select = "SELECT guest, every, keep, next_at, failed FROM snapshot_plans WHERE guest = $1";
    sql("plan_fetch", select).bind(guest).one(on).await?.as_ref().map(plan).transpose()
}

/// Those whose time has come.
pub async fn plan_list_due(on: impl Into<On<'_>>, now: i64) -> Result<Vec<Plan>, StoreError> {
    let select =
        "SELECT guest, every, keep, next_at, failed FROM snapshot_plans WHERE next_at <= $1 ORDER BY next_at, guest";
    sql("plan_list_due", select).bind(now).all(on).await?.iter().map(plan).collect()
}
