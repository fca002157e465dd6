//! What README.md and docs/ name is there: files, functions, targets of make.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::{root, text, tracked};

/// Every page of documentation with its text.
fn pages() -> Vec<(String, String)> {
    let is_page = |file: &String| file == "README.md" || (file.starts_with("docs/") && file.ends_with(".md"));
    let pages: Vec<_> = tracked().into_iter().filter(is_page).collect();
    assert!(pages.iter().any(|page| page == "README.md"), "{pages:?}");
    pages.into_iter().map(|page| (page.clone(), text(&page).expect("Markdown"))).collect()
}

/// Between backticks, on one line. Fenced blocks are not looked at: they show what a person types.
fn spans(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut spans = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(line.split('`').skip(1).step_by(2));
        }
    }
    spans
}

#[test]
fn every_link_leads_somewhere() {
    let mut lost = Vec::new();
    for (page, text) in pages() {
        let folder = Path::new(&page).parent().expect("a page lies somewhere").to_owned();
        let targets =
            text.match_indices("](").map(|(at, _)| text[at + 2..].split([')', ' ']).next().unwrap_or_default());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            if !root().join(&folder).join(file).exists() {
                lost.push(format!("{page} links {target}"));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

/// `server/src/guests/create.rs`, `deploy/run`: what begins with a folder of the tree is a file of it.
/// `a/{b,c}.rs` and `a/*.rs` are not spelled out.
#[test]
fn every_path_is_there() {
    let files = tracked();
    let tops: BTreeSet<&str> = files.iter().filter_map(|file| file.split_once('/').map(|(top, _)| top)).collect();
    let mut lost = Vec::new();
    for (page, text) in pages() {
        for span in spans(&text) {
            let path = span.trim_end_matches('/');
            let Some((top, _)) = path.split_once('/') else { continue };
            let is_spelled_out = tops.contains(top) && !path.contains(['{', '*', ' ', '<', '…']);
            if is_spelled_out && !root().join(inside(path)).exists() {
                lost.push(format!("{page} names {span}"));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

/// Without the parts that would climb out of the tree.
fn inside(path: &str) -> PathBuf {
    Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// `Guests::create`, `faults::a_full_disk_leaves_nothing_and_says_so`: the last word is one of the sources.
#[test]
fn every_name_is_one_of_the_sources() {
    let sources: Vec<String> =
        tracked().iter().filter(|file| file.ends_with(".rs")).filter_map(|file| text(file)).collect();
    let words: BTreeSet<&str> =
        sources.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect();
    let mut lost = Vec::new();
    for (page, text) in pages() {
        for span in spans(&text) {
            let name = span.split(['(', '<', '!']).next().unwrap_or_default();
            if !name.contains("::") || name.contains([' ', '{', '*', '…']) {
                continue;
            }
            if !name.split("::").all(|word| words.contains(word)) {
                lost.push(format!("{page} names {span}"));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn every_target_of_make_is_one() {
    let makefile = text("Makefile").expect("a Makefile");
    for (page, text) in pages() {
        let lines = text.lines().filter(|line| line.starts_with("make ")).chain(spans(&text));
        for target in lines.filter_map(|line| line.strip_prefix("make ")).filter_map(|rest| rest.split(' ').next()) {
            assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "{page}: make {target}");
        }
    }
}

#[test]
fn spans_are_what_stands_between_backticks() {
    assert_eq!(spans("a `b/c` d `e`\n```\n`no`\n```\n`f`"), ["b/c", "e", "f"]);
}
