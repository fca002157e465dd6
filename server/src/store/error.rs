//! What can go wrong with rows, by the operation that was tried.

use std::path::PathBuf;

/// A statement that failed. `operation` is the store function's name.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A name or id that must be unique is taken; nothing was written.
    #[error("{operation}: exists already")]
    Duplicate {
        operation: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("{operation} failed")]
    Failed {
        operation: &'static str,
        #[source]
        source: sqlx::Error,
    },
    /// A row that this program would not have written.
    #[error("{operation}: column {column} can't be read")]
    Unreadable {
        operation: &'static str,
        column: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    pub(super) fn of(operation: &'static str, source: sqlx::Error) -> Self {
        if source.as_database_error().is_some_and(|e| e.is_unique_violation()) {
            Self::Duplicate { operation, source }
        } else {
            Self::Failed { operation, source }
        }
    }

    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Duplicate { .. })
    }

    /// Whether what the row belongs to is gone.
    pub fn is_orphan(&self) -> bool {
        let Self::Failed { source, .. } = self else { return false };
        source.as_database_error().is_some_and(|e| e.is_foreign_key_violation())
    }

    /// Whether the database could not be asked at all, or has taken all of it back, so that the same may be tried again later.
    pub fn is_away(&self) -> bool {
        let Self::Failed { source, .. } = self else { return false };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                true
            }
            // 08: connection exception; 40: rolled back, of a deadlock for example; 57P: the server is stopping or
            // starting; 53300: too many connections (PostgreSQL, appendix A). 5: SQLITE_BUSY, waited for in vain.
            sqlx::Error::Database(e) => e.code().is_some_and(|code| {
                ["08", "40", "57P"].iter().any(|class| code.starts_with(class)) || code == "53300" || code == "5"
            }),
            _ => false,
        }
    }
}

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the data directory {path} can't be written: {source}")]
    NotWritable { path: PathBuf, source: std::io::Error },
    #[error("database_url is not an address that is understood here: postgres://… or sqlite:PATH")]
    BadAddress {
        #[source]
        source: Option<sqlx::Error>,
    },
    #[error("{address} can't be opened: {source}")]
    Connect { address: String, source: sqlx::Error },
    #[error(
        "{address} is newer than this program: it has migration {database}, the program knows up to {program}. \
         Use the program that wrote it, or restore a backup from before."
    )]
    Newer { address: String, database: i64, program: i64 },
    #[error("migrating {address} failed: {source}")]
    Migrate { address: String, source: sqlx::migrate::MigrateError },
}
