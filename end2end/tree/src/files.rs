//! What holds for every file.

use crate::{root, text, tracked};

/// A file of more lines than this does more than one thing.
const LINES: usize = 600;

/// Written by tools.
fn generated(file: &str) -> bool {
    file == "Cargo.lock" || file == "package-lock.json"
}

#[test]
fn no_file_is_too_long_to_read() {
    for file in tracked().iter().filter(|file| !generated(file)) {
        let lines = text(file).map_or(0, |text| text.lines().count());
        assert!(lines <= LINES, "{file} has {lines} lines; {LINES} are the most");
    }
}

/// A clone must build anywhere: nothing may be fetched from a place that one machine knows.
#[test]
fn addresses_are_of_the_public_net_or_of_nobody() {
    let known = ["127.0.0.1", "localhost", "docs.kernel.org", "github.com", "rustup.rs", "www.w3.org"];
    // Where packages of the recipes that come with this are.
    let mirrors = ["deb.debian.org", "geo.mirror.pkgbuild.com"];
    let mut named = Vec::new();
    for file in tracked().into_iter().filter(|file| !generated(file)) {
        let Some(text) = text(&file) else { continue };
        for host in text.match_indices("://").filter_map(|(at, _)| host(&text, at)) {
            if !known.contains(&host) && !mirrors.contains(&host) && !is_nobodys(host) {
                named.push(format!("{file} names {host}"));
            }
        }
    }
    assert_eq!(named, Vec::<String>::new());
}

/// Names and addresses that are kept for examples (RFC 2606, RFC 5737), and what tests put before or
/// behind them.
fn is_nobodys(host: &str) -> bool {
    let labels = host.to_lowercase();
    labels.split('.').any(|label| ["example", "localhost"].contains(&label))
        || ["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|network| host.starts_with(network))
}

/// Lock files of tools name authors and funders; what counts there is where things are fetched from.
#[test]
fn lock_files_name_the_public_registries_only() {
    let crates = text("Cargo.lock").expect("TOML");
    for line in crates.lines().filter(|line| line.starts_with("source = ")) {
        assert_eq!(line, "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    }
    if tracked().iter().any(|file| file == "package-lock.json") {
        let npm = text("package-lock.json").expect("JSON");
        assert!(!npm.contains("\"resolved\": \"http"), "npm notes its registry; .npmrc should keep it from that");
    }
}

/// The host of the `http` or `https` address whose `://` is at `at`; `None` where it is none, or is
/// put together when the program runs.
fn host(text: &str, at: usize) -> Option<&str> {
    let before = &text[..at];
    if !before.ends_with("http") && !before.ends_with("https") {
        return None;
    }
    let after = &text[at + 3..];
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').unwrap_or(after.len());
    let host = &after[..end];
    (host.contains('.') || host == "localhost").then_some(host)
}

/// Nor may a file know where somebody's checkout or home is.
#[test]
fn no_file_knows_where_it_lies() {
    let mut places = vec![root().display().to_string()];
    for variable in ["HOME", "CARGO_HOME", "CARGO_TARGET_DIR"] {
        // Root's home is the same in every guest, so it tells nothing of this machine.
        places.extend(std::env::var(variable).ok().filter(|place| place.len() > 1 && place != "/root"));
    }
    for file in tracked() {
        let Some(text) = text(&file) else { continue };
        for place in &places {
            assert!(!text.contains(&format!("{}/", place.trim_end_matches('/'))), "{file} names {place}");
        }
    }
}

#[test]
fn hosts_are_found_in_addresses() {
    let of = |text: &str| text.find("://").and_then(|at| host(text, at).map(str::to_owned));
    assert_eq!(of("see https://docs.kernel.org/x"), Some("docs.kernel.org".into()));
    assert_eq!(of("http://127.0.0.1:8080"), Some("127.0.0.1".into()));
    assert_eq!(of("http://{address}/"), None);
    assert_eq!(of("postgres://umbel@x.y/"), None);
}
