//! What the panel knows of itself, and the host that it stands on.

use uuid::Uuid;

use super::StoreError;
use super::db::{Db, On, Tx};
use super::query::sql;

/// A word about the panel itself, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Counts restored backups; the first part of every generation.
    Epoch,
    /// SHA-256 of the one-time token that makes the first administrator.
    FirstRun,
    /// Who may give a guest another kernel than the default, in a word.
    KernelChoice,
    /// Who may put kernels in, in a word.
    KernelUpload,
    /// Whether people make accounts of their own, in a word.
    Registration,
    /// What every page says, as JSON.
    Announcement,
    /// Until when it is counted what guests use (s since the epoch, UTC).
    UsageUntil,
}

impl Key {
    fn word(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::FirstRun => "first_run",
            Self::KernelChoice => "kernel_choice",
            Self::KernelUpload => "kernel_upload",
            Self::Registration => "registration",
            Self::Announcement => "announcement",
            Self::UsageUntil => "usage_until",
        }
    }
}

pub async fn panel_fetch(on: impl Into<On<'_>>, key: Key) -> Result<Option<String>, StoreError> {
    let row = sql("panel_fetch", "SELECT value FROM panel WHERE key = $1").bind(key.word()).one(on).await?;
    row.map(|row| row.get("value")).transpose()
}

pub async fn panel_put(on: impl Into<On<'_>>, key: Key, value: &str) -> Result<(), StoreError> {
    let put = "INSERT INTO panel (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2";
    sql("panel_put", put).bind(key.word()).bind(value).run(on).await?;
    Ok(())
}

pub async fn panel_remove(on: impl Into<On<'_>>, key: Key) -> Result<(), StoreError> {
    sql("panel_remove", "DELETE FROM panel WHERE key = $1").bind(key.word()).run(on).await?;
    Ok(())
}

/// Writes the key if it still has that value, and tells whether it had: of several callers one wins.
pub async fn panel_swap(on: impl Into<On<'_>>, key: Key, from: &str, to: &str) -> Result<bool, StoreError> {
    let swap = "UPDATE panel SET value = $3 WHERE key = $1 AND value = $2";
    Ok(sql("panel_swap", swap).bind(key.word()).bind(from).bind(to).run(on).await? == 1)
}

/// Deletes the key if it still has that value, and tells whether it had: of several callers one wins.
pub async fn panel_take(on: impl Into<On<'_>>, key: Key, value: &str) -> Result<bool, StoreError> {
    let take = "DELETE FROM panel WHERE key = $1 AND value = $2";
    Ok(sql("panel_take", take).bind(key.word()).bind(value).run(on).await? == 1)
}

/// The epoch that this database is in; 1 in a new one.
pub async fn panel_epoch(db: &Db) -> Result<u32, StoreError> {
    let first = "INSERT INTO panel (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    sql("panel_epoch", first).bind(Key::Epoch.word()).bind("1").run(db).await?;
    let query = sql("panel_epoch", "SELECT value FROM panel WHERE key = $1").bind(Key::Epoch.word());
    query.one(db).await?.map_or(Ok(1), |row| row.parse("value"))
}

/// Begins the next epoch, as restoring a backup must.
pub async fn panel_epoch_advance(tx: &mut Tx) -> Result<u32, StoreError> {
    let query = sql("panel_epoch_advance", "SELECT value FROM panel WHERE key = $1").bind(Key::Epoch.word());
    let next = query.one(&mut *tx).await?.map_or(Ok(1), |row| row.parse::<u32>("value"))? + 1;
    panel_put(tx, Key::Epoch, &next.to_string()).await?;
    Ok(next)
}

/// A row of `hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostId(pub Uuid);

impl std::fmt::Display for HostId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for HostId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// The only host there is today, over a Unix socket; made when it is first asked for.
pub async fn host_local(db: &Db, now: i64) -> Result<HostId, StoreError> {
    let first = "INSERT INTO hosts (id, name, created_at) VALUES ($1, 'local', $2) ON CONFLICT (name) DO NOTHING";
    sql("host_local", first).bind(Uuid::now_v7().to_string()).bind(now).run(db).await?;
    let row = sql("host_local", "SELECT id FROM hosts WHERE name = 'local'").one(db).await?;
    row.map(|row| row.parse("id")).transpose()?.ok_or_else(|| StoreError::of("host_local", sqlx::Error::RowNotFound))
}
