//! What README.md and docs/ name is there: files, functions, targets of make, requests of the API.

use std::collections::{BTreeMap, BTreeSet};
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

/// As the router spells them: `GET /api/v1/guests/{guest}`. Those of the API stand with their handlers.
fn requests() -> BTreeSet<String> {
    let (router, addresses) =
        (text("server/src/http/router.rs").expect("Rust"), text("app/src/paths.rs").expect("Rust"));
    let constant = |line: &str| {
        let (name, value) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
        Some((format!("paths::{name}"), value.strip_suffix("\";")?.to_owned()))
    };
    let constants: BTreeMap<String, String> = addresses.lines().filter_map(constant).collect();
    let mut requests = BTreeSet::new();
    for line in router.lines().map(str::trim) {
        let Some((method @ ("get" | "post"), rest)) = line.split_once('(') else { continue };
        let path = match rest.strip_prefix('"') {
            Some(path) => path.split('"').next().unwrap_or_default().to_owned(),
            None => rest.split(',').next().and_then(|name| constants.get(name)).cloned().unwrap_or_default(),
        };
        requests.insert(format!("{} {path}", method.to_uppercase()));
    }
    let handlers = tracked().into_iter().filter(|file| file.starts_with("server/src/http/"));
    for handler in handlers.filter_map(|file| text(&file)) {
        for attribute in handler.split("#[utoipa::path(").skip(1) {
            let method = attribute.trim_start().split(',').next().unwrap_or_default();
            let path = attribute.split("path = \"").nth(1).and_then(|rest| rest.split('"').next());
            requests.extend(path.map(|path| format!("{} /api/v1{path}", method.to_uppercase())));
        }
        // `start "/guests/{guest}/start" Start;`
        let actions = handler.lines().filter_map(|line| line.trim().strip_suffix(';')?.split_once(" \"/guests/"));
        let words = actions.filter_map(|(_, rest)| rest.split_once("\" "));
        requests.extend(words.map(|(path, _)| format!("POST /api/v1/guests/{path}")));
    }
    requests
}

/// `GET /guests/{guest}`, with or without what stands before all of them; arguments don't count.
#[test]
fn every_request_is_one_of_the_routers() {
    let requests = requests();
    assert!(requests.len() > 50 && requests.contains("POST /api/v1/guests/{guest}/start"), "{requests:?}");
    let mut lost = Vec::new();
    for (page, text) in pages() {
        for span in spans(&text) {
            let Some((method, path)) = span.split_once(' ') else { continue };
            let path = path.split(['?', ' ']).next().unwrap_or_default();
            if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) || !path.starts_with('/') {
                continue;
            }
            let is_there = |path: String| requests.contains(&format!("{method} {path}"));
            if !is_there(path.to_owned()) && !is_there(format!("/api/v1{path}")) {
                lost.push(format!("{page} names {span}"));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn spans_are_what_stands_between_backticks() {
    assert_eq!(spans("a `b/c` d `e`\n```\n`no`\n```\n`f`"), ["b/c", "e", "f"]);
}
