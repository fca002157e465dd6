//! The panel's own state in one file, and back: `umbel backup` and `umbel restore`. One format for both engines, so
//! that it also leads from SQLite to PostgreSQL. What the format is and why stands in docs/decisions/backup.md.
//!
//! [`write`] takes one moment of the database down; [`read`] looks at a whole file before anything is made of it;
//! [`restore`] makes a database of it, whole or not at all.

mod read;
mod restore;
mod write;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use read::{Looked, look};
pub use restore::{Restored, restore};
pub use write::{Written, write};

use crate::store::backup::BackupColumn;
use crate::store::{OpenError, StoreError};

/// Of the format. A reader refuses a higher one.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub umbel_backup: u32,
    /// The newest migration of the database that it was taken of.
    pub migration: i64,
    /// Of the program, for people.
    pub version: String,
    /// µs since the epoch, UTC.
    pub taken_at: i64,
}

/// A line before the rows of a table. A row is an array in the order of the columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    table: String,
    columns: Vec<BackupColumn>,
}

/// The last line: how many rows there are, and the SHA-256 of every byte before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    rows: u64,
    sha256: String,
}

/// Why there is no backup, or nothing was made of one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("writing {} failed: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("reading {} failed: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no backup of Umbel: {why}", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("{} is of a newer Umbel ({version}); restore it with that one", path.display())]
    Newer { path: PathBuf, version: String },
    #[error("{} is damaged: {why}; nothing was restored", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error(
        "{address} is not empty; a backup is restored into a new data directory (--data) or a new database \
         (DATABASE_URL)"
    )]
    NotEmpty { address: String },
    #[error("{address} has a newer schema (migration {have}) than the backup ({asked}); give it an empty database")]
    NewerSchema { address: String, have: i64, asked: i64 },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
