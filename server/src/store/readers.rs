//! Connections that only read SQLite's file.
//!
//! sqlx's own pool asks a connection whether it still lives, before it is used and again after. One to a
//! file doesn't die, and each question is two switches between threads (docs/decisions/readers.md).

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Error, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::db::PATIENCE;

/// Some, beside the one that writes. Clones share them.
#[derive(Clone, Debug)]
pub struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Arc<Semaphore>,
    /// For the few that look at many tables as of one moment.
    snapshots: SqlitePool,
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        // Nothing in here is left half done by a panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, until it is dropped; amid an answer too: the statement is put back then, and what comes next
/// waits for that.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Option<SqliteConnection>,
    of: Arc<Shared>,
    _turn: OwnedSemaphorePermit,
}

const HELD: &str = "a reader has its connection until it is dropped";

impl Deref for Reader {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect(HELD)
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect(HELD)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.of.idle().extend(self.connection.take());
    }
}

impl Readers {
    pub(super) const MOST: u32 = 4;

    /// Opens none before it is needed.
    pub(super) fn of(options: SqliteConnectOptions) -> Self {
        let snapshots = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        let snapshots = snapshots.connect_lazy_with(options.clone());
        let turns = Arc::new(Semaphore::new(Self::MOST as usize));
        Self(Arc::new(Shared { options, idle: Mutex::default(), turns, snapshots }))
    }

    pub(super) async fn acquire(&self) -> Result<Reader, Error> {
        let turn = timeout(PATIENCE, self.0.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Error::PoolTimedOut)?.map_err(|_| Error::PoolClosed)?;
        let idle = self.0.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.options.connect().await?,
        };
        Ok(Reader { connection: Some(connection), of: self.0.clone(), _turn: turn })
    }

    /// What is read in it is as of one moment.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.0.snapshots.begin().await
    }

    pub(super) fn open(&self) -> u32 {
        let used = Self::MOST as usize - self.0.turns.available_permits();
        u32::try_from(used + self.0.idle().len()).unwrap_or(u32::MAX) + self.0.snapshots.size()
    }

    pub(super) fn idle(&self) -> usize {
        self.0.idle().len() + self.0.snapshots.num_idle()
    }

    /// Waits for what is running. Once it returns, nobody has the file open: the one that writes writes all
    /// of its log into the file then, which may be moved.
    pub(super) async fn close(&self) {
        let turns = self.0.turns.acquire_many(Self::MOST).await;
        self.0.turns.close();
        drop(turns);
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a reader did not close");
            }
        }
        self.0.snapshots.close().await;
    }
}
