//! docs/THREATS.md says what shows each defence: a test, a probe of the escape corpus, a target of the fuzzing
//! or a file. Each of them is there, and no probe is left out.

use std::collections::BTreeSet;

use crate::{root, text, tracked};

const PAGE: &str = "docs/THREATS.md";
/// The last column of its tables.
const COLUMN: &str = "Shown by";
/// What stands there where there is nothing to name.
const NOTHING: [&str; 2] = ["no test", "not yet"];

/// Last cells of the rows of all tables whose last column is [`COLUMN`], each with the row's first cell.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let mut rows = Vec::new();
    let mut is_ours = false;
    for line in page.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|rest| rest.trim_end().strip_suffix('|')) else {
            is_ours = false;
            continue;
        };
        let last = cells.rsplit('|').next().unwrap_or_default().trim();
        if last == COLUMN {
            is_ours = true;
        } else if is_ours && !last.starts_with("---") {
            rows.push((cells.split('|').next().unwrap_or_default().trim(), last));
        }
    }
    rows
}

fn spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Functions that are tests, also those in `both!` and `proptest!`.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for file in tracked().iter().filter(|file| file.ends_with(".rs")) {
        let Some(text) = text(file) else { continue };
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let name = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            match name {
                Some(name) if is_test || line.contains("(fresh)") => drop(tests.insert(name.to_owned())),
                _ => {}
            }
            is_test = line == "#[test]" || line.starts_with("#[tokio::test") || is_test && line.starts_with("#[");
        }
    }
    tests
}

fn words_of_line<'a>(file: &'a str, begins: &str) -> BTreeSet<&'a str> {
    file.lines().find(|line| line.starts_with(begins)).map(|line| line.split(' ').collect()).unwrap_or_default()
}

fn probes(table: &str) -> BTreeSet<&str> {
    let lines =
        table.lines().filter_map(|line| line.trim().strip_prefix("kernel(\"").or(line.trim().strip_prefix("root(\"")));
    lines.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn whatever_shows_a_defence_is_there() {
    let page = text(PAGE).expect("Markdown");
    let (tests, table) = (tests(), text("end2end/escape/src/probes.rs").expect("Rust"));
    let (probes, fuzz) = (probes(&table), text("host/fuzz/tests/it/main.rs").expect("Rust"));
    let fuzz = words_of_line(&fuzz, "fuzz! {");
    let mut lost = Vec::new();
    for (threat, cell) in rows(&page) {
        if spans(cell).next().is_none() && !NOTHING.iter().any(|nothing| cell.starts_with(nothing)) {
            lost.push(format!("{threat}: {cell:?} is neither a test nor one of {NOTHING:?}"));
        }
        for span in spans(cell) {
            let is_there = match span.split_once(' ') {
                Some(("probe", probe)) => probes.contains(probe),
                Some(("fuzz", target)) => fuzz.contains(target),
                Some(_) => false,
                None if span.contains('/') => root().join(span).is_file(),
                None => tests.contains(span),
            };
            if !is_there {
                lost.push(format!("{threat}: there is no {span}"));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn every_probe_of_the_corpus_belongs_to_a_threat() {
    let page = text(PAGE).expect("Markdown");
    let named: BTreeSet<&str> = rows(&page)
        .into_iter()
        .flat_map(|(_, cell)| spans(cell))
        .filter_map(|span| span.strip_prefix("probe "))
        .collect();
    let table = text("end2end/escape/src/probes.rs").expect("Rust");
    let probes = probes(&table);
    assert!(probes.len() >= 40, "{probes:?}");
    assert_eq!(probes.difference(&named).collect::<Vec<_>>(), Vec::<&&str>::new(), "no row of {PAGE} names them");
}

#[test]
fn cells_are_read_as_they_stand() {
    let page = "| Threat | Shown by |\n|---|---|\n| a | `b`, `probe c` |\n| d | no test |\n\n| Other | column |\n|---|---|\n| e | f |\n";
    assert_eq!(rows(page), [("a", "`b`, `probe c`"), ("d", "no test")]);
    assert_eq!(spans("`b`, `probe c`").collect::<Vec<_>>(), ["b", "probe c"]);
    let all = tests();
    assert!(all.contains("cells_are_read_as_they_stand") && !all.contains("rows"), "{all:?}");
}
