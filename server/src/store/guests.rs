//! Guests: what is wanted of each, what was last seen of it, and what the reconciler remembers.

use std::collections::HashSet;

use umbel_guest::quota::{Kind, held};
use umbel_guest::state::Badge;
use umbel_guest::{
    AccountId, Attachment, Boot, Clock, DiskKind, DiskSize, Generation, GuestId, GuestName, GuestSpec, HostNumber,
    ImageId, KernelId, KernelMode, Limits, Memory, NetworkId, Note, RestartPolicy, Seen, Wanted,
};

use super::StoreError;
use super::db::{Db, On, Tx};
use super::meta::HostId;
use super::query::{Query, Row, sql};
use super::quotas::{host_promise_disk, int, reservation_follow, reservation_follow_rows, reservation_release};

/// Rows that are read at once where all are.
const PART: u32 = 250;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub id: GuestId,
    pub host: HostId,
    pub owner: AccountId,
    pub owner_name: String,
    /// Its owner's on the host; none before anything of theirs was plugged in there.
    pub network: Option<NetworkId>,
    pub spec: GuestSpec,
    /// The last byte of its address in its owner's network; kept for as long as it is there.
    pub number: Option<HostNumber>,
    /// Of the next start.
    pub boot: Boot,
    /// Whether the host was told of its limits since they were changed; a start tells it too.
    pub limits_heard: bool,
    /// Whether its disk was made.
    pub disk_ready: bool,
    pub wanted: Wanted,
    /// Of what is wanted; goes up with every change of it, and of the spec.
    pub generation: Generation,
    pub seen: Seen,
    /// Of the start that `seen` speaks of.
    pub seen_generation: Generation,
    /// Ends in a row that nobody asked for.
    pub failures: u32,
    /// Before then it is not started again (µs since the epoch, UTC).
    pub next_try_at: Option<i64>,
    /// When patience with its shut-down ends.
    pub kill_at: Option<i64>,
    /// What it waits for, in words.
    pub waiting: Option<String>,
    pub created_at: i64,
}

/// How an update went that depends on what was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    Yes,
    /// The guest is there, but somebody has changed it since.
    Changed,
    NotFound,
}

pub(super) fn guest(row: &Row) -> Result<Guest, StoreError> {
    let memory =
        Memory::from_mib(row.number("memory_mib")?).map_err(|e| row.unreadable("memory_mib", e.to_string()))?;
    let disk = DiskSize::from_mib(row.number("disk_mib")?).map_err(|e| row.unreadable("disk_mib", e.to_string()))?;
    let wanted = wanted(row)?;
    Ok(Guest {
        id: row.parse("id")?,
        host: row.parse("host")?,
        owner: row.parse("owner")?,
        owner_name: row.get("owner_name")?,
        network: row.parse_option("network_id")?,
        spec: GuestSpec {
            name: row.parse::<GuestName>("name")?,
            note: row.parse::<Note>("note")?,
            image: row.parse::<ImageId>("image")?,
            kernel: row.parse::<KernelId>("kernel")?,
            memory,
            disk,
            disk_kind: row.parse::<DiskKind>("disk_kind")?,
            restart_policy: row.parse::<RestartPolicy>("restart_policy")?,
            autostart: row.get("autostart")?,
            mode: row.parse::<KernelMode>("mode")?,
            clock: row.parse::<Clock>("clock")?,
            network: row.parse::<Attachment>("network")?,
            limits: limits(row)?,
        },
        number: row.get::<Option<i64>>("number")?.map(|number| host_number(row, number)).transpose()?,
        boot: row.parse::<Boot>("boot")?,
        limits_heard: row.get("limits_heard")?,
        disk_ready: row.get("disk_ready")?,
        wanted,
        generation: Generation { epoch: row.number("epoch")?, number: row.number("generation")? },
        seen: row.json("seen")?,
        seen_generation: Generation { epoch: row.number("seen_epoch")?, number: row.number("seen_generation")? },
        failures: row.number("failures")?,
        next_try_at: row.get("next_try_at")?,
        kill_at: row.get("kill_at")?,
        waiting: row.get("waiting")?,
        created_at: row.get("created_at")?,
    })
}

fn wanted(row: &Row) -> Result<Wanted, StoreError> {
    let purge_at: Option<i64> = row.get("purge_at")?;
    match (row.get::<String>("wanted")?.as_str(), purge_at) {
        ("stopped", None) => Ok(Wanted::Stopped),
        ("running", None) => Ok(Wanted::Running),
        ("deleted", Some(purge_at)) => Ok(Wanted::Deleted { purge_at }),
        (word, _) => Err(row.unreadable("wanted", format!("{word} with purge_at {purge_at:?}"))),
    }
}

fn limits(row: &Row) -> Result<Limits, StoreError> {
    let limit = |column: &'static str| {
        let value: Option<i64> = row.get(column)?;
        value.map(|value| u32::try_from(value).map_err(|e| row.unreadable(column, e))).transpose()
    };
    Ok(Limits {
        cpu_weight: row.number("cpu_weight")?,
        cpu_percent: limit("cpu_percent")?,
        processes: row.number("processes")?,
        net_mbit: limit("net_mbit")?,
        disk_mib_s: limit("disk_mib_s")?,
    })
}

pub(super) fn host_number(row: &Row, number: i64) -> Result<HostNumber, StoreError> {
    let number = u8::try_from(number).ok().and_then(HostNumber::new);
    number.ok_or_else(|| row.unreadable("number", "not 2 to 254".to_owned()))
}

fn words_of(wanted: Wanted) -> (&'static str, Option<i64>) {
    match wanted {
        Wanted::Stopped => ("stopped", None),
        Wanted::Running => ("running", None),
        Wanted::Deleted { purge_at } => ("deleted", Some(purge_at)),
    }
}

/// Generations stay far below what a BIGINT holds: each is one act of somebody.
fn number(generation: Generation) -> i64 {
    i64::try_from(generation.number).unwrap_or(i64::MAX)
}

/// The columns that [`guest`] reads, with the rest of a statement.
macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT g.id AS id, g.host AS host, g.owner AS owner, a.name AS owner_name, g.name AS name, g.note AS note, ",
            "g.image AS image, g.kernel AS kernel, g.memory_mib AS memory_mib, g.disk_mib AS disk_mib, ",
            "g.disk_kind AS disk_kind, g.restart_policy AS restart_policy, g.autostart AS autostart, g.mode AS mode, ",
            "g.clock AS clock, g.network AS network, g.cpu_weight AS cpu_weight, g.cpu_percent AS cpu_percent, ",
            "g.processes AS processes, g.net_mbit AS net_mbit, g.disk_mib_s AS disk_mib_s, g.number AS number, ",
            "g.boot AS boot, g.limits_heard AS limits_heard, g.disk_ready AS disk_ready, ",
            "g.wanted AS wanted, g.purge_at AS purge_at, g.epoch AS epoch, g.generation AS generation, ",
            "g.seen AS seen, g.seen_epoch AS seen_epoch, g.seen_generation AS seen_generation, ",
            "g.failures AS failures, g.next_try_at AS next_try_at, g.kill_at AS kill_at, g.waiting AS waiting, ",
            "g.created_at AS created_at, w.id AS network_id FROM guests g JOIN accounts a ON a.id = g.owner ",
            "LEFT JOIN networks w ON w.host = g.host AND w.owner = g.owner ",
            $($rest),+
        )
    };
}

pub(super) use select;

/// Fails with [`StoreError::Duplicate`] where the owner has a guest of that name. What it holds is
/// reserved with it, whatever the quota: whoever decides asks that first.
pub async fn guest_insert(tx: &mut Tx, guest: &Guest) -> Result<(), StoreError> {
    let insert = "INSERT INTO guests (id, host, owner, created_at, name, note, image, kernel, memory_mib, disk_mib, \
                  disk_kind, restart_policy, autostart, mode, clock, network, cpu_weight, cpu_percent, processes, \
                  net_mbit, disk_mib_s, number, boot, limits_heard, disk_ready, wanted, purge_at, epoch, generation, \
                  seen, seen_epoch, seen_generation, failures, next_try_at, kill_at, waiting, state) VALUES ($1, $2, $3, \
                  $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
                  $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)";
    let query = sql("guest_insert", insert)
        .bind(guest.id)
        .bind(guest.host.to_string())
        .bind(guest.owner)
        .bind(guest.created_at);
    columns(query, guest).run(&mut *tx).await?;
    reservation_follow(tx, guest).await?;
    host_promise_disk(tx, guest.host, int(held(&guest.spec, false).of(Kind::Disk))).await
}

/// Binds everything of a guest that may change, in the order of the statements that use it.
fn columns(query: Query, guest: &Guest) -> Query {
    let (word, purge_at) = words_of(guest.wanted);
    query
        .bind(guest.spec.name.as_str())
        .bind(guest.spec.note.as_str())
        .bind(guest.spec.image.as_str())
        .bind(guest.spec.kernel.as_str())
        .bind(guest.spec.memory.mib())
        .bind(guest.spec.disk.mib())
        .bind(guest.spec.disk_kind.word())
        .bind(guest.spec.restart_policy.word())
        .bind(guest.spec.autostart)
        .bind(guest.spec.mode.word())
        .bind(guest.spec.clock.word())
        .bind(guest.spec.network.word())
        .bind(guest.spec.limits.cpu_weight)
        .bind(guest.spec.limits.cpu_percent.map(i64::from))
        .bind(guest.spec.limits.processes)
        .bind(guest.spec.limits.net_mbit.map(i64::from))
        .bind(guest.spec.limits.disk_mib_s.map(i64::from))
        .bind(guest.number.map(|number| i64::from(number.get())))
        .bind(guest.boot.word())
        .bind(guest.limits_heard)
        .bind(guest.disk_ready)
        .bind(word)
        .bind(purge_at)
        .bind(guest.generation.epoch)
        .bind(number(guest.generation))
        .bind_json(&guest.seen)
        .bind(guest.seen_generation.epoch)
        .bind(number(guest.seen_generation))
        .bind(guest.failures)
        .bind(guest.next_try_at)
        .bind(guest.kill_at)
        .bind(guest.waiting.clone())
        .bind(Badge::of(&guest.wanted, &guest.seen).name())
}

/// Writes all of a guest that may change, if its generation still is the one that the decision was
/// made on; what it holds follows. Fails with [`StoreError::Duplicate`] where its new name is taken.
pub async fn guest_update(tx: &mut Tx, guest: &Guest, from: Generation) -> Result<Updated, StoreError> {
    let update = "UPDATE guests SET name = $1, note = $2, image = $3, kernel = $4, memory_mib = $5, disk_mib = $6, \
                  disk_kind = $7, restart_policy = $8, autostart = $9, mode = $10, clock = $11, network = $12, \
                  cpu_weight = $13, cpu_percent = $14, processes = $15, net_mbit = $16, disk_mib_s = $17, number = $18, \
                  boot = $19, limits_heard = $20, disk_ready = $21, wanted = $22, purge_at = $23, epoch = $24, \
                  generation = $25, seen = $26, seen_epoch = $27, seen_generation = $28, failures = $29, \
                  next_try_at = $30, kill_at = $31, waiting = $32, state = $33 \
                  WHERE id = $34 AND epoch = $35 AND generation = $36";
    let query = columns(sql("guest_update", update), guest).bind(guest.id).bind(from.epoch).bind(number(from));
    if query.run(&mut *tx).await? == 1 {
        reservation_follow(tx, guest).await?;
        return Ok(Updated::Yes);
    }
    Ok(if guest_fetch(tx, guest.id).await?.is_some() { Updated::Changed } else { Updated::NotFound })
}

pub async fn guest_fetch(on: impl Into<On<'_>>, id: GuestId) -> Result<Option<Guest>, StoreError> {
    sql("guest_fetch", select!("WHERE g.id = $1")).bind(id).one(on).await?.as_ref().map(guest).transpose()
}

/// All, by name.
pub async fn guest_list(on: impl Into<On<'_>>) -> Result<Vec<Guest>, StoreError> {
    sql("guest_list", select!("ORDER BY g.name, g.id")).all(on).await?.iter().map(guest).collect()
}

/// All, a few at a time, so that requests get their turns in between. Not as of one moment: one that comes or goes
/// meanwhile may be among them or not.
pub async fn guest_each(db: &Db, mut each: impl FnMut(Guest)) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let part = sql("guest_each", select!("WHERE g.id > $1 ORDER BY g.id LIMIT $2")).bind(after.as_str()).bind(PART);
        let part: Vec<Guest> = part.all(db).await?.iter().map(guest).collect::<Result<_, _>>()?;
        let Some(last) = part.last() else { return Ok(()) };
        after = last.id.to_string();
        part.into_iter().for_each(&mut each);
    }
}

/// Those that something may have to be done about, whatever the host says: all but those that are off and are to
/// be off.
pub async fn guest_list_restless(on: impl Into<On<'_>>) -> Result<Vec<Guest>, StoreError> {
    let select = select!(
        "WHERE g.state IN ('running', 'paused', 'starting', 'stopping', 'deleted') ",
        "OR (g.state = 'crashed' AND g.wanted <> 'stopped') ORDER BY g.name, g.id"
    );
    sql("guest_list_restless", select).all(on).await?.iter().map(guest).collect()
}

/// Those that are deleted and can be taken back.
pub async fn guest_list_deleted(on: impl Into<On<'_>>) -> Result<HashSet<GuestId>, StoreError> {
    let rows = sql("guest_list_deleted", "SELECT id FROM guests WHERE purge_at IS NOT NULL").all(on).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Those of an account, by name.
pub async fn guest_list_of(on: impl Into<On<'_>>, owner: AccountId) -> Result<Vec<Guest>, StoreError> {
    let query = sql("guest_list_of", select!("WHERE g.owner = $1 ORDER BY g.name, g.id")).bind(owner);
    query.all(on).await?.iter().map(guest).collect()
}

/// The first number that none of an account's guests on a host has; `None` where all are given. Inside a
/// transaction it stays free until the end.
pub async fn guest_free_number(tx: &mut Tx, host: HostId, owner: AccountId) -> Result<Option<HostNumber>, StoreError> {
    let select = "SELECT number FROM guests WHERE host = $1 AND owner = $2 AND number IS NOT NULL";
    let rows = sql("guest_free_number", select).bind(host.to_string()).bind(owner).all(tx).await?;
    let taken: Vec<HostNumber> =
        rows.iter().map(|row| host_number(row, row.get("number")?)).collect::<Result<_, _>>()?;
    Ok(HostNumber::all().find(|number| !taken.contains(number)))
}

/// It is another account's from now on, with that number in its network; what was done to it goes along. What it
/// holds is asked of the new owner's quota by the caller, its ports and snapshots apart, which are reserved here.
pub async fn guest_give(tx: &mut Tx, guest: &Guest) -> Result<(), StoreError> {
    reservation_release(tx, guest.id).await?;
    let number = guest.number.map(|number| i64::from(number.get()));
    let give = "UPDATE guests SET owner = $1, number = $2 WHERE id = $3";
    sql("guest_give", give).bind(guest.owner).bind(number).bind(guest.id).run(&mut *tx).await?;
    let follow = "UPDATE operations SET owner = $1 WHERE guest = $2";
    sql("guest_give", follow).bind(guest.owner).bind(guest.id).run(&mut *tx).await?;
    let follow = "UPDATE guest_backups SET owner = $1 WHERE guest = $2";
    sql("guest_give", follow).bind(guest.owner).bind(guest.id).run(&mut *tx).await?;
    reservation_follow_rows(tx, guest.id).await
}

/// Whether there was such a guest. All that it held is free again.
pub async fn guest_delete(tx: &mut Tx, id: GuestId) -> Result<bool, StoreError> {
    let released = reservation_release(tx, id).await?;
    let delete = sql("guest_delete", "DELETE FROM guests WHERE id = $1 RETURNING host").bind(id);
    let Some(row) = delete.run_one(&mut *tx).await? else { return Ok(false) };
    host_promise_disk(tx, row.parse("host")?, -int(released.of(Kind::Disk))).await?;
    Ok(true)
}

/// Brings guests of an older epoch into this one, as after a restored backup.
pub async fn guest_adopt_epoch(on: impl Into<On<'_>>, epoch: u32) -> Result<u64, StoreError> {
    sql("guest_adopt_epoch", "UPDATE guests SET epoch = $1 WHERE epoch < $1").bind(epoch).run(on).await
}
