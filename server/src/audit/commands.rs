//! `umbel audit`: whether the chain holds, and all of it as JSON lines.

use std::io::Write;
use std::str::FromStr;

use super::chain::{Broken, Verifier, Whole};
use crate::store::audit::{Checkpoint, audit_checkpoint_list, audit_list_after};
use crate::store::{Db, StoreError};

/// Rows that are read at a time.
const PAGE: u32 = 1000;

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit was tampered with: {0}")]
    Broken(#[from] Broken),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("writing the rows failed")]
    Write(#[from] std::io::Error),
}

/// A row that was written down elsewhere, as `NUMBER:HASH`.
#[derive(Clone, Debug)]
pub struct Known(pub Checkpoint);

impl FromStr for Known {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(number, hash)| Some((number.parse().ok()?, hash)));
        match parts {
            Some((number, hash)) if hash.len() == 64 => Ok(Self(Checkpoint { number, hash: hash.to_owned() })),
            _ => Err("a row's number and hash, as umbel audit verify prints them: NUMBER:HASH"),
        }
    }
}

/// Reads the chain from its beginning. `known` is what somebody remembers of it outside of the database.
pub async fn verify(db: &Db, known: Option<Checkpoint>) -> Result<Whole, AuditError> {
    let mut checkpoints = audit_checkpoint_list(db).await?;
    checkpoints.extend(known);
    let (mut verifier, mut after) = (Verifier::new(checkpoints), i64::MIN);
    loop {
        let rows = audit_list_after(db, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(verifier.end()?) };
        after = last.number;
        for row in &rows {
            verifier.row(row)?;
        }
    }
}

/// Every row as a line of JSON, in their order.
pub async fn export(db: &Db, out: &mut impl Write) -> Result<(), AuditError> {
    let mut after = i64::MIN;
    loop {
        let rows = audit_list_after(db, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.number;
        for row in &rows {
            let line = serde_json::to_string(row).map_err(std::io::Error::from)?;
            writeln!(out, "{line}")?;
        }
    }
}
