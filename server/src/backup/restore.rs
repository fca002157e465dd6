//! A database out of a file, whole or not at all: SQLite's is made beside its place and put there when it is
//! finished, PostgreSQL's rows come in one transaction.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use umbel_app::shown::{AuditAction, AuditKind};

use super::read::{Line, Lines, look};
use super::{BackupError, Looked};
use crate::audit::commands::verify;
use crate::audit::{Audit, What, Who};
use crate::clock::Clock;
use crate::quotas::books;
use crate::store::Db;
use crate::store::backup::{Insert, bring_up, is_used, open_at, schema_version, table_clear};
use crate::store::db::Address;
use crate::store::meta::panel_epoch_advance;

/// What was made.
#[derive(Clone, Debug)]
pub struct Restored {
    pub looked: Looked,
    /// What of it isn't as it should be, and was not where it was taken: restored as it was.
    pub warnings: Vec<String>,
}

/// Makes the database at `to`, which must be empty.
pub async fn restore(file: &mut File, path: &Path, to: &Address, who: Who) -> Result<Restored, BackupError> {
    let looked = look(file, path)?;
    match to {
        Address::Sqlite(place) => {
            if fs::metadata(place).is_ok_and(|there| there.len() > 0) {
                return Err(BackupError::NotEmpty { address: to.to_string() });
            }
            let beside = Beside::new(place);
            let warnings = fill(file, path, &looked, &Address::Sqlite(beside.0.clone()), who).await?;
            let failed = |source| BackupError::Write { path: place.clone(), source };
            beside.put_at(place).map_err(failed)?;
            Ok(Restored { looked, warnings })
        }
        Address::Postgres(_) => {
            let asked = looked.head.migration;
            let db = Db::connect(to).await?;
            let refused = refusal(&db, to, asked).await;
            db.close().await;
            refused?;
            let warnings = fill(file, path, &looked, to, who).await?;
            Ok(Restored { looked, warnings })
        }
    }
}

/// A schema without rows is as good as none: a restore that was cut off leaves one.
async fn refusal(db: &Db, to: &Address, asked: i64) -> Result<(), BackupError> {
    match schema_version(db).await? {
        None => Ok(()),
        Some(_) if is_used(db).await? => Err(BackupError::NotEmpty { address: to.to_string() }),
        Some(have) if have > asked => Err(BackupError::NewerSchema { address: to.to_string(), have, asked }),
        Some(_) => Ok(()),
    }
}

async fn fill(
    file: &mut File,
    path: &Path,
    looked: &Looked,
    to: &Address,
    who: Who,
) -> Result<Vec<String>, BackupError> {
    let db = open_at(to, looked.head.migration).await?;
    let done = async {
        put(&db, file, path).await?;
        bring_up(&db, to).await?;
        let detail = format!("of {}, taken with {}", looked.sha256, looked.head.version);
        let what = What::new(AuditAction::PanelRestore, AuditKind::Panel).detail(&detail);
        let mut warnings = Vec::new();
        // Before a row is added to a chain that may be broken.
        if let Err(error) = verify(&db, None).await {
            warnings.push(error.to_string());
        }
        let noted = Audit::new(db.clone(), Clock::System).note(who, what, &Ok(())).await;
        warnings.extend(noted.err().map(|error| error.to_string()));
        warnings.extend(books::wrong(&db).await?);
        Ok(warnings)
    }
    .await;
    db.close().await;
    done
}

/// Every row in one transaction, and the next epoch: what the agent has heard since is newer than these rows.
async fn put(db: &Db, file: &mut File, path: &Path) -> Result<(), BackupError> {
    let mut tx = db.begin().await?;
    for table in tables(file, path)?.iter().rev() {
        table_clear(&mut tx, table).await?;
    }
    let mut lines = Lines::of(file, path)?;
    lines.head()?;
    let mut insert = None;
    loop {
        match lines.next()? {
            Line::Table(table) => insert = Some(Insert::into(&table.table, &table.columns)?),
            Line::Row(values) => {
                let done = match &insert {
                    Some(insert) => insert.row(&mut tx, &values).await?,
                    None => None,
                };
                if done.is_none() {
                    return Err(lines.damaged("a row is not of its table"));
                }
            }
            Line::End { is_right: true, .. } => break,
            Line::End { .. } => return Err(lines.damaged("it was changed while it was read")),
        }
    }
    panel_epoch_advance(&mut tx).await?;
    Ok(tx.commit().await?)
}

fn tables(file: &mut File, path: &Path) -> Result<Vec<String>, BackupError> {
    let mut lines = Lines::of(file, path)?;
    lines.head()?;
    let mut tables = Vec::new();
    loop {
        match lines.next()? {
            Line::Table(table) => tables.push(table.table),
            Line::Row(_) => {}
            Line::End { .. } => return Ok(tables),
        }
    }
}

/// A database that isn't at its place yet; dropped before that, nothing of it stays.
struct Beside(PathBuf);

impl Beside {
    fn new(place: &Path) -> Self {
        let mut name = place.as_os_str().to_owned();
        name.push(".restoring");
        let beside = Self(name.into());
        // Of one that was cut off.
        beside.remove();
        beside
    }

    fn put_at(self, place: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        fs::rename(&self.0, place)?;
        let directory = place.parent().filter(|directory| !directory.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn remove(&self) {
        for companion in ["", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(companion);
            // What isn't there can't be removed, as it should be.
            let _ = fs::remove_file(name);
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.remove();
    }
}
