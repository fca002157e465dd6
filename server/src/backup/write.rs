//! One moment of a database as lines, while the panel runs.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{BackupError, End, FORMAT, Head, Table};
use crate::hex::hex;
use crate::store::Db;
use crate::store::backup::{Snapshot, TABLES, schema_version};

/// What went into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub rows: u64,
    pub sha256: String,
}

/// Writes everything into `file`, and has it on the disk. `path` is its name, for errors.
pub async fn write(db: &Db, file: File, path: &Path, now: i64) -> Result<Written, BackupError> {
    let mut lines = Lines { file: BufWriter::new(file), path, hash: Sha256::new() };
    let migration = schema_version(db).await?.unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    lines.line(&Head { umbel_backup: FORMAT, migration, version, taken_at: now })?;
    let mut snapshot = Snapshot::begin(db).await?;
    let mut rows = 0;
    for &table in TABLES {
        let mut begun = false;
        snapshot
            .table::<BackupError>(table, |columns, values| {
                if !begun {
                    lines.line(&Table { table: table.to_owned(), columns: columns.to_vec() })?;
                    begun = true;
                }
                rows += 1;
                lines.line(&values)
            })
            .await?;
        if !begun {
            lines.line(&Table { table: table.to_owned(), columns: Vec::new() })?;
        }
    }
    let sha256 = lines.end(rows)?;
    Ok(Written { rows, sha256 })
}

struct Lines<'a> {
    file: BufWriter<File>,
    path: &'a Path,
    hash: Sha256,
}

impl Lines<'_> {
    fn line(&mut self, what: &impl Serialize) -> Result<(), BackupError> {
        let path = self.path;
        let failed = |source| BackupError::Write { path: path.to_owned(), source };
        let mut line = serde_json::to_vec(what).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        self.hash.update(&line);
        self.file.write_all(&line).map_err(failed)
    }

    fn end(mut self, rows: u64) -> Result<String, BackupError> {
        let sha256 = hex(&self.hash.clone().finalize());
        self.line(&End { rows, sha256: sha256.clone() })?;
        let path = self.path;
        let on_disk = || -> io::Result<()> {
            self.file.flush()?;
            self.file.get_ref().sync_all()
        };
        {
            let mut on_disk = on_disk;
            on_disk()
        }
        .map_err(|source| BackupError::Write { path: path.to_owned(), source })?;
        Ok(sha256)
    }
}
