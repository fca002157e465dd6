//! Tables for people, JSON and YAML for programs.

use std::io::Write as _;

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::error::Failure;
use crate::options::Form;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    form: Form,
}

/// Of a table: a title, and what stands below it.
pub(crate) type Column<T> = (&'static str, fn(&T) -> String);

impl Output {
    pub(crate) fn new(form: Form) -> Self {
        Self { form }
    }

    pub(crate) fn form(self) -> Form {
        self.form
    }

    pub(crate) fn is_for_people(self) -> bool {
        self.form == Form::Table
    }

    pub(crate) fn many<T: Serialize>(self, things: &[T], columns: &[Column<T>]) -> Result<(), Failure> {
        let text = match self.form {
            Form::Table => table(things, columns),
            Form::Json => pretty(&things)?,
            Form::Yaml => serde_yaml_ng::to_string(&things)?,
        };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }

    /// One thing with all that is known of it; YAML is what people read best.
    pub(crate) fn one<T: Serialize>(self, thing: &T) -> Result<(), Failure> {
        let text = match self.form {
            Form::Json => pretty(thing)?,
            Form::Table | Form::Yaml => serde_yaml_ng::to_string(thing)?,
        };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }
}

fn pretty(thing: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(thing)? + "\n")
}

/// Columns as wide as what is in them, two spaces between; the last one has no width.
fn table<T>(things: &[T], columns: &[Column<T>]) -> String {
    let titles = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rows = things.iter().map(|thing| columns.iter().map(|(_, of)| tame(&of(thing))).collect());
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What people named themselves must not steer a terminal.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// µs since the epoch as `2026-11-28 13:05Z`.
pub(crate) fn moment(at: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]Z");
    let at = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000_000)).ok();
    at.and_then(|at| at.format(format).ok()).unwrap_or_else(|| "-".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_columns_below_one_another() {
        let things = [("web", 64), ("\u{1b}]0;x\u{7}", 128)];
        let columns: [Column<(&str, i32)>; 2] = [("NAME", |t| t.0.to_owned()), ("MIB", |t| t.1.to_string())];
        assert_eq!(table(&things, &columns), "NAME    MIB\nweb     64\n·]0;x·  128\n");
    }

    #[test]
    fn times_are_utc_and_say_so() {
        assert_eq!(moment(1_700_000_000_000_000), "2023-11-14 22:13Z");
        assert_eq!(moment(i64::MAX), "-");
    }
}
