//! The two engines behind one face.
//!
//! SQLite has one writing connection and a few that read. PostgreSQL has one pool. A [`Tx`] is the
//! only writer among transactions on both: SQLite says `BEGIN IMMEDIATE`, PostgreSQL takes one
//! advisory lock first. So "read, decide, write" in one [`Tx`] is safe on both with the same text, and
//! no retry on a serialisation failure is ever needed; a panel writes seldom enough for that.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::error::{OpenError, StoreError};
use super::migrate;
use super::query::sql;
use super::readers::Readers;

const POSTGRES_CONNECTIONS: u32 = 10;
/// How long a statement waits for a connection, and SQLite for a lock of another process.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Any number, the same in every panel that shares a database.
const POSTGRES_WRITE_LOCK: i64 = 0x0075_6d62_656c;

/// Where the rows are.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    Sqlite(PathBuf),
    /// The whole URL, with its password.
    Postgres(String),
}

impl Address {
    /// The file that is used where nothing else is said.
    pub fn within(data: &Path) -> Self {
        Self::Sqlite(data.join("umbel.db"))
    }
}

impl FromStr for Address {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            PgConnectOptions::from_str(url).map_err(|e| OpenError::BadAddress { source: Some(e) })?;
            return Ok(Self::Postgres(url.to_owned()));
        }
        match url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() && !path.contains('?') => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            _ => Err(OpenError::BadAddress { source: None }),
        }
    }
}

/// Without the password.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => match PgConnectOptions::from_str(url) {
                Ok(options) => {
                    let database = options.get_database().unwrap_or_default();
                    let socket = options.get_socket().map(|path| path.display().to_string());
                    let host = socket.unwrap_or_else(|| format!("{}:{}", options.get_host(), options.get_port()));
                    write!(f, "postgres://{}@{host}/{database}", options.get_username())
                }
                Err(_) => f.write_str("postgres://…"),
            },
        }
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    Sqlite { write: SqlitePool, read: Readers },
    Postgres(PgPool),
}

impl Db {
    /// Opens and migrates; makes SQLite's file and its directory where there are none.
    pub async fn open(address: &Address) -> Result<Self, OpenError> {
        let db = Self::connect(address).await?;
        if let Err(error) = migrate::run(&db, address).await {
            db.close().await;
            return Err(error);
        }
        Ok(db)
    }

    /// Opens what is there as it is.
    pub(crate) async fn connect(address: &Address) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Connect { address: address.to_string(), source };
        match address {
            Address::Sqlite(path) => {
                prepare_file(path)?;
                let options = sqlite_options(path);
                let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
                let write = pool.connect_with(options.clone()).await.map_err(failed)?;
                // A write that strays onto a reader fails instead of waiting for the writer's lock.
                Ok(Self::Sqlite { write, read: Readers::of(options.pragma("query_only", "ON")) })
            }
            Address::Postgres(url) => {
                let options = PgConnectOptions::from_str(url).map_err(|e| OpenError::BadAddress { source: Some(e) })?;
                let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(PATIENCE);
                pool.connect_with(options.application_name("umbel")).await.map(Self::Postgres).map_err(failed)
            }
        }
    }

    /// A transaction that is alone: others wait in here until it is over. Dropped without
    /// [`Tx::commit`] it leaves nothing behind.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let failed = |source| StoreError::of("begin", source);
        match self {
            Self::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite).map_err(failed),
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await.map_err(failed)?;
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(POSTGRES_WRITE_LOCK);
                lock.execute(&mut *tx).await.map_err(failed)?;
                Ok(Tx::Postgres(tx))
            }
        }
    }

    /// Whether several panels may share the rows, so that what another one did is found by asking.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sql("ping", "SELECT COUNT(*) AS n FROM panel").one(self).await.map(drop)
    }

    pub fn connections(&self) -> Connections {
        match self {
            Self::Sqlite { write, read } => Connections {
                open: write.size() + read.open(),
                idle: write.num_idle() + read.idle(),
                most: Readers::MOST + 1,
            },
            Self::Postgres(pool) => {
                Connections { open: pool.size(), idle: pool.num_idle(), most: POSTGRES_CONNECTIONS }
            }
        }
    }

    /// Waits for what is running and closes every connection.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Of all pools together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    pub open: u32,
    pub idle: usize,
    pub most: u32,
}

/// Several statements that happen together or not at all.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(|source| StoreError::of("commit", source))
    }
}

/// What a store function works on: the database, or a transaction that somebody else ends.
#[derive(Debug)]
pub enum On<'a> {
    Db(&'a Db),
    Tx(&'a mut Tx),
}

impl On<'_> {
    /// The same once more, for a second statement.
    pub fn again(&mut self) -> On<'_> {
        match self {
            Self::Db(db) => On::Db(db),
            Self::Tx(tx) => On::Tx(tx),
        }
    }
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        // Readers never wait for the writer.
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may forget the last commits when the power fails. The agent would then have seen
        // generations that the panel no longer knows, and refuse its next orders as old.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        // A thread reads for each connection, and every row that doesn't fit is two switches between
        // threads: a list of guests fits.
        .row_buffer_size(4096)
}

/// Makes the file that nobody else may read, since it holds password hashes; SQLite gives its
/// companions (`-wal`, `-shm`) the same mode.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |source| OpenError::NotWritable { path: directory.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o750).create(directory).map_err(failed)?;
    OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path).map_err(failed)?;
    nix::unistd::access(directory, nix::unistd::AccessFlags::W_OK).map_err(|e| failed(e.into()))
}
