//! Lines out of a file. All of it is looked at before anything is made of it: whoever damaged it, a wrong byte
//! restores nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{BackupError, End, FORMAT, Head, Table};
use crate::hex::hex;
use crate::store::migrate;

/// The longest line: no row comes near it, and a file that is none of ours has perhaps no end of a line at all.
const LINE_MOST: u64 = 64 << 20;

/// A file that is whole, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    pub head: Head,
    pub rows: u64,
    pub sha256: String,
}

/// Reads all of it, and changes nothing.
pub fn look(file: &mut File, path: &Path) -> Result<Looked, BackupError> {
    let mut lines = Lines::of(file, path)?;
    let head = lines.head()?;
    let mut rows = 0;
    loop {
        match lines.next()? {
            Line::Table(_) => {}
            Line::Row(_) => rows += 1,
            Line::End { said, is_right } => {
                if !is_right {
                    return Err(lines.damaged("its checksum is another"));
                }
                if said.rows != rows {
                    return Err(lines.damaged(&format!("it has {rows} rows, not {}", said.rows)));
                }
                return Ok(Looked { head, rows, sha256: said.sha256 });
            }
        }
    }
}

pub(super) enum Line {
    Table(Table),
    Row(Vec<Value>),
    End { said: End, is_right: bool },
}

pub(super) struct Lines<'a> {
    file: BufReader<&'a mut File>,
    path: &'a Path,
    hash: Sha256,
    number: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn of(file: &'a mut File, path: &'a Path) -> Result<Self, BackupError> {
        let rewound = file.seek(SeekFrom::Start(0));
        rewound.map_err(|source| BackupError::Read { path: path.to_owned(), source })?;
        Ok(Self { file: BufReader::new(file), path, hash: Sha256::new(), number: 0 })
    }

    pub(super) fn head(&mut self) -> Result<Head, BackupError> {
        let foreign = |why: &str| BackupError::Foreign { path: self.path.to_owned(), why: why.to_owned() };
        let (empty, first) = (foreign("it is empty"), foreign("its first line is not that of one"));
        let Some(line) = self.line()? else { return Err(empty) };
        // What a newer format says beside these two is not for us to know.
        let Ok(said) = serde_json::from_slice::<Value>(&line) else { return Err(first) };
        let Some(format) = said.get("umbel_backup").and_then(Value::as_u64) else { return Err(first) };
        let version = said.get("version").and_then(Value::as_str).unwrap_or("unknown").to_owned();
        let migration = said.get("migration").and_then(Value::as_i64).unwrap_or(i64::MAX);
        if format > u64::from(FORMAT) || migration > migrate::newest() {
            return Err(BackupError::Newer { path: self.path.to_owned(), version });
        }
        self.hash.update(&line);
        serde_json::from_value(said).map_err(|_| first)
    }

    pub(super) fn next(&mut self) -> Result<Line, BackupError> {
        let Some(line) = self.line()? else { return Err(self.damaged("its end is missing")) };
        if line.first() == Some(&b'[') {
            self.hash.update(&line);
            let row = serde_json::from_slice(&line);
            return row.map(Line::Row).map_err(|_| self.damaged(&format!("line {} is no row", self.number)));
        }
        if let Ok(said) = serde_json::from_slice::<End>(&line) {
            if self.line()?.is_some() {
                return Err(self.damaged("something stands behind its end"));
            }
            let is_right = said.sha256 == hex(&self.hash.clone().finalize());
            return Ok(Line::End { said, is_right });
        }
        self.hash.update(&line);
        let table = serde_json::from_slice(&line);
        table.map(Line::Table).map_err(|_| self.damaged(&format!("line {} is nothing that a backup has", self.number)))
    }

    pub(super) fn damaged(&self, why: &str) -> BackupError {
        BackupError::Damaged { path: self.path.to_owned(), why: why.to_owned() }
    }

    /// With its end; `None` behind the last.
    fn line(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let mut line = Vec::new();
        let read = self.file.by_ref().take(LINE_MOST).read_until(b'\n', &mut line);
        let read = read.map_err(|source| BackupError::Read { path: self.path.to_owned(), source })?;
        self.number += 1;
        Ok((read > 0).then_some(line))
    }
}
