//! The chain: each row's hash is over the hash before and the row itself. Pure.

use std::collections::BTreeMap;

use umbel_app::shown::{AuditAction, AuditShown};

use crate::hex::sha256_hex;
use crate::store::audit::Checkpoint;

/// What stands before the first row.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256, in hexadecimal, over a JSON array without spaces: the hash before, then all columns but the
/// hash in the table's order. JSON, so that no text can pass for two columns.
pub fn hash(before: &str, row: &AuditShown) -> String {
    let canonical = serde_json::to_vec(&(
        before,
        row.number,
        row.at,
        &row.account,
        &row.name,
        &row.action,
        &row.kind,
        &row.object,
        &row.object_name,
        &row.detail,
        &row.via,
        &row.address,
        &row.outcome,
        &row.reason,
    ))
    .expect("texts and numbers");
    sha256_hex(&canonical)
}

/// The first thing that doesn't fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("row {number} is not what was written, or does not follow the row before it")]
    Changed { number: i64 },
    #[error("{}", missing(*.from, *.to))]
    Missing { from: i64, to: i64 },
    #[error("row {number} is not the one that was there when its checkpoint was made")]
    Replaced { number: i64 },
    #[error("{} at the beginning, and no row says that the panel removed them", missing(*.from, *.to))]
    Removed { from: i64, to: i64 },
}

fn missing(from: i64, to: i64) -> String {
    if from == to { format!("row {from} is missing") } else { format!("rows {from} to {to} are missing") }
}

/// What was found to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub rows: u64,
    /// The last row; `None` where there never was one.
    pub last: Option<Checkpoint>,
}

/// Takes rows one by one, in their order.
#[derive(Debug)]
pub struct Verifier {
    checkpoints: BTreeMap<i64, String>,
    rows: u64,
    first: i64,
    last: Option<Checkpoint>,
    /// Up to where the chain itself says that rows were removed for their age.
    trimmed: i64,
}

impl Verifier {
    pub fn new(checkpoints: impl IntoIterator<Item = Checkpoint>) -> Self {
        let checkpoints = checkpoints.into_iter().map(|point| (point.number, point.hash)).collect();
        Self { checkpoints, rows: 0, first: 1, last: None, trimmed: 0 }
    }

    pub fn row(&mut self, row: &AuditShown) -> Result<(), Broken> {
        let before = match &self.last {
            Some(last) if row.number != last.number + 1 => {
                return Err(Broken::Missing { from: last.number + 1, to: row.number - 1 });
            }
            Some(last) => last.hash.clone(),
            None => self.beginning(row.number)?,
        };
        if hash(&before, row) != row.hash {
            return Err(Broken::Changed { number: row.number });
        }
        if self.checkpoints.get(&row.number).is_some_and(|known| *known != row.hash) {
            return Err(Broken::Replaced { number: row.number });
        }
        if row.action == AuditAction::AuditTrim.word() {
            self.trimmed = self.trimmed.max(row.object.parse().unwrap_or_default());
        }
        self.rows += 1;
        self.last = Some(Checkpoint { number: row.number, hash: row.hash.clone() });
        Ok(())
    }

    /// The hash that the first row of all follows.
    fn beginning(&mut self, number: i64) -> Result<String, Broken> {
        self.first = number;
        if number == 1 {
            return Ok(BEGINNING.to_owned());
        }
        let known = self.checkpoints.get(&(number - 1)).cloned();
        known.ok_or(Broken::Missing { from: 1, to: number - 1 })
    }

    /// After the last row: that none is missing at either end.
    pub fn end(self) -> Result<Whole, Broken> {
        if self.first > self.trimmed + 1 {
            return Err(Broken::Removed { from: self.trimmed + 1, to: self.first - 1 });
        }
        let last = self.last.as_ref().map_or(0, |last| last.number);
        match self.checkpoints.last_key_value() {
            Some((&known, _)) if known > last => Err(Broken::Missing { from: last + 1, to: known }),
            _ => Ok(Whole { rows: self.rows, last: self.last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows 1 to `length`; a trim of row `trim` stands in the fifth.
    fn chain(length: i64, trim: i64) -> Vec<AuditShown> {
        let mut before = BEGINNING.to_owned();
        (1..=length)
            .map(|number| {
                let mut row = AuditShown { number, at: number * 10, name: format!("n{number}"), ..Default::default() };
                if number == 5 {
                    row.action = AuditAction::AuditTrim.word().into();
                    row.object = trim.to_string();
                }
                row.hash = hash(&before, &row);
                before.clone_from(&row.hash);
                row
            })
            .collect()
    }

    fn at(rows: &[AuditShown], number: usize) -> Checkpoint {
        Checkpoint { number: rows[number - 1].number, hash: rows[number - 1].hash.clone() }
    }

    fn verify(rows: &[AuditShown], checkpoints: &[Checkpoint]) -> Result<Whole, Broken> {
        let mut verifier = Verifier::new(checkpoints.to_vec());
        for row in rows {
            verifier.row(row)?;
        }
        verifier.end()
    }

    #[test]
    fn a_whole_chain_fits_also_behind_rows_that_were_removed() {
        let rows = chain(8, 3);
        assert_eq!(verify(&rows, &[at(&rows, 4)]), Ok(Whole { rows: 8, last: Some(at(&rows, 8)) }));
        assert_eq!(verify(&rows[3..], &[at(&rows, 3)]), Ok(Whole { rows: 5, last: Some(at(&rows, 8)) }));
        assert_eq!(verify(&[], &[]), Ok(Whole { rows: 0, last: None }));
    }

    #[test]
    fn rows_that_are_missing_are_named() {
        let rows = chain(8, 0);
        let without = [&rows[..2], &rows[3..]].concat();
        assert_eq!(verify(&without, &[]), Err(Broken::Missing { from: 3, to: 3 }));
        assert_eq!(verify(&rows[..6], &[at(&rows, 8)]), Err(Broken::Missing { from: 7, to: 8 }));
        assert_eq!(verify(&[], &[at(&rows, 8)]), Err(Broken::Missing { from: 1, to: 8 }));
        assert_eq!(verify(&rows[2..], &[]), Err(Broken::Missing { from: 1, to: 2 }));
        // A checkpoint is there, but nobody said that rows before it were removed.
        assert_eq!(verify(&rows[2..], &[at(&rows, 2)]), Err(Broken::Removed { from: 1, to: 2 }));
    }

    #[test]
    fn a_chain_that_was_written_anew_does_not_fit_its_checkpoints() {
        let (old, mut new) = (chain(8, 0), chain(8, 0));
        new[3].name = "somebody else".into();
        for i in 3..8 {
            let before = new[i - 1].hash.clone();
            new[i].hash = hash(&before, &new[i]);
        }
        assert_eq!(verify(&new, &[]).expect("it is a chain").rows, 8);
        assert_eq!(verify(&new, &[at(&old, 6)]), Err(Broken::Replaced { number: 6 }));
    }

    proptest! {
        #[test]
        fn whatever_is_changed_in_a_row_is_found_there(place in 0_usize..8, column in 0_usize..12) {
            let mut rows = chain(8, 0);
            let row = &mut rows[place];
            match column {
                0 => row.at += 1,
                1 => row.account = Some(String::new()),
                2 => row.name.push('x'),
                3 => row.action.push('x'),
                4 => row.kind.push('x'),
                5 => row.object.push('x'),
                6 => row.object_name.push('x'),
                7 => row.detail.push('x'),
                8 => row.via.push('x'),
                9 => row.address.push('x'),
                10 => row.outcome.push('x'),
                _ => row.reason.push('x'),
            }
            prop_assert_eq!(verify(&rows, &[]), Err(Broken::Changed { number: rows[place].number }));
        }

        #[test]
        fn rows_in_another_order_are_found(a in 0_usize..8, b in 0_usize..8) {
            prop_assume!(a < b);
            let mut rows = chain(8, 0);
            let number = rows[a].number;
            rows.swap(a, b);
            (rows[a].number, rows[b].number) = (rows[b].number, rows[a].number);
            prop_assert_eq!(verify(&rows, &[]), Err(Broken::Changed { number }));
        }

        #[test]
        fn no_text_passes_for_two_columns(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
            prop_assume!((&a, &b) != (&c, &d));
            let one = AuditShown { object: a, object_name: b, ..Default::default() };
            let other = AuditShown { object: c, object_name: d, ..Default::default() };
            prop_assert_ne!(hash(BEGINNING, &one), hash(BEGINNING, &other));
        }
    }
}
