//! Copies of guests' disks that are kept elsewhere. They outlive their guests; whose they are follows the guest.

use umbel_guest::{AccountId, BackupId, GuestId, GuestSpec};

use super::StoreError;
use super::db::On;
use super::meta::HostId;
use super::query::{Row, sql};
use super::quotas::int;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestBackup {
    pub id: BackupId,
    pub host: HostId,
    pub owner: AccountId,
    /// It may be gone.
    pub guest: GuestId,
    /// Of the guest, when it was made.
    pub spec: GuestSpec,
    /// Whether the guest's plan made it, which removes it in time.
    pub planned: bool,
    pub state: BackupState,
    /// Of the disk, without what is zero.
    pub held_bytes: u64,
    /// Beside what was kept already.
    pub stored_bytes: u64,
    pub made_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupState {
    /// It is being made.
    Coming,
    Kept,
    /// It is being removed.
    Going,
}

impl BackupState {
    const ALL: [Self; 3] = [Self::Coming, Self::Kept, Self::Going];

    fn word(self) -> &'static str {
        match self {
            Self::Coming => "coming",
            Self::Kept => "kept",
            Self::Going => "going",
        }
    }
}

impl std::str::FromStr for BackupState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.word() == text).ok_or_else(|| format!("no state of a backup: {text}"))
    }
}

fn backup(row: &Row) -> Result<GuestBackup, StoreError> {
    let spec: String = row.get("spec")?;
    let wrong = |error: serde_json::Error| StoreError::of("guest_backup", sqlx::Error::Decode(error.into()));
    Ok(GuestBackup {
        id: row.parse("id")?,
        host: row.parse("host")?,
        owner: row.parse("owner")?,
        guest: row.parse("guest")?,
        spec: serde_json::from_str(&spec).map_err(wrong)?,
        planned: row.get("planned")?,
        state: row.parse("state")?,
        held_bytes: row.number("held_bytes")?,
        stored_bytes: row.number("stored_bytes")?,
        made_at: row.get("made_at")?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, host, owner, guest, spec, planned, state, held_bytes, stored_bytes, made_at FROM guest_backups ",
            $rest
        )
    };
}

pub async fn guest_backup_insert(on: impl Into<On<'_>>, backup: &GuestBackup) -> Result<(), StoreError> {
    let insert = "INSERT INTO guest_backups (id, host, owner, guest, spec, state, held_bytes, stored_bytes, made_at, \
                  planned) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let spec = serde_json::to_string(&backup.spec).expect("plain data is JSON");
    let query = sql("guest_backup_insert", insert).bind(backup.id).bind(backup.host.to_string()).bind(backup.owner);
    let query = query.bind(backup.guest).bind(spec).bind(backup.state.word()).bind(int(backup.held_bytes));
    query.bind(int(backup.stored_bytes)).bind(backup.made_at).bind(backup.planned).run(on).await?;
    Ok(())
}

pub async fn guest_backup_fetch(
    on: impl Into<On<'_>>,
    host: HostId,
    id: BackupId,
) -> Result<Option<GuestBackup>, StoreError> {
    let query = sql("guest_backup_fetch", select!("WHERE id = $1 AND host = $2")).bind(id).bind(host.to_string());
    query.one(on).await?.as_ref().map(backup).transpose()
}

/// Those of a host, the newest first.
pub async fn guest_backup_list(on: impl Into<On<'_>>, host: HostId) -> Result<Vec<GuestBackup>, StoreError> {
    let query =
        sql("guest_backup_list", select!("WHERE host = $1 ORDER BY made_at DESC, id DESC")).bind(host.to_string());
    query.all(on).await?.iter().map(backup).collect()
}

/// Those of a guest, the newest first.
pub async fn guest_backup_list_of(on: impl Into<On<'_>>, guest: GuestId) -> Result<Vec<GuestBackup>, StoreError> {
    let query = sql("guest_backup_list_of", select!("WHERE guest = $1 ORDER BY made_at DESC, id DESC")).bind(guest);
    query.all(on).await?.iter().map(backup).collect()
}

/// It is whole.
pub async fn guest_backup_keep(
    on: impl Into<On<'_>>,
    id: BackupId,
    held_bytes: u64,
    stored_bytes: u64,
) -> Result<(), StoreError> {
    let keep = "UPDATE guest_backups SET state = 'kept', held_bytes = $1, stored_bytes = $2 WHERE id = $3";
    sql("guest_backup_keep", keep).bind(int(held_bytes)).bind(int(stored_bytes)).bind(id).run(on).await?;
    Ok(())
}

/// Nobody is offered it any more.
pub async fn guest_backup_let_go(on: impl Into<On<'_>>, id: BackupId) -> Result<(), StoreError> {
    let go = "UPDATE guest_backups SET state = 'going' WHERE id = $1";
    sql("guest_backup_let_go", go).bind(id).run(on).await?;
    Ok(())
}

/// Repeating it does no harm.
pub async fn guest_backup_delete(on: impl Into<On<'_>>, id: BackupId) -> Result<(), StoreError> {
    sql("guest_backup_delete", "DELETE FROM guest_backups WHERE id = $1").bind(id).run(on).await?;
    Ok(())
}
