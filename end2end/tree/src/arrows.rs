//! Who may know whom.
//!
//! ```text
//! guest ◀ app ◀ frontend            what is seen
//!         app ◀ server              what is decided
//! guest ◀ wire ◀ server, agent, shim
//! guest ◀ uml  ◀ agent, shim        what is done to the machine
//! guest ◀ recipe ◀ app's server half, server, agent, cli
//! guest ◀ client ◀ cli, benches, server's tests
//! agent, guest, uml, wire ◀ tests of escape and fuzz
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::{output, root};

/// Package, what of ours it stands on, what else its tests may use.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("guest", &[], &[]),
    ("app", &["guest", "recipe"], &[]),
    ("frontend", &["app"], &[]),
    ("server", &["app", "guest", "recipe", "wire"], &["client"]),
    ("wire", &["guest"], &[]),
    ("uml", &["guest"], &[]),
    ("recipe", &["guest"], &[]),
    ("agent", &["guest", "recipe", "uml", "wire"], &[]),
    ("shim", &["guest", "uml", "wire"], &[]),
    ("client", &["guest"], &[]),
    ("cli", &["client", "guest", "recipe"], &[]),
    ("benches", &["client", "guest"], &[]),
    // Feeds what reads foreign bytes.
    ("fuzz", &[], &["agent", "guest", "uml", "wire"]),
    // Knows nothing of the house that it attacks; its tests start what it attacks.
    ("escape", &[], &["agent", "guest", "uml", "wire"]),
    ("tree", &[], &[]),
];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    output(Command::new(cargo).current_dir(root()).args(arguments))
}

/// Our packages: name without `umbel-` → what of ours it names, apart for tests and not.
fn ours() -> BTreeMap<String, [BTreeSet<String>; 2]> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]))
            .expect("cargo's JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let short = |value: &Value| value.as_str().and_then(|name| name.strip_prefix("umbel-")).map(str::to_owned);
    let mut ours = BTreeMap::new();
    for package in packages {
        let mut sets = [BTreeSet::new(), BTreeSet::new()];
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            if let Some(name) = short(&dependency["name"]) {
                sets[usize::from(dependency["kind"] == "dev")].insert(name);
            }
        }
        ours.insert(short(&package["name"]).expect("our packages begin with umbel-"), sets);
    }
    ours
}

#[test]
fn the_arrows_are_these_and_no_others() {
    let mut ours = ours();
    for (name, normal, dev) in ARROWS {
        let [is_normal, is_dev] = ours.remove(*name).unwrap_or_else(|| panic!("there is no package umbel-{name}"));
        let said = |list: &[&str]| list.iter().map(|&n| n.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(is_normal, said(normal), "what umbel-{name} stands on");
        let allowed = &said(dev) | &said(normal);
        assert!(is_dev.is_subset(&allowed), "tests of umbel-{name} use {is_dev:?}; allowed is {allowed:?}");
    }
    assert!(ours.is_empty(), "packages without a place among the arrows: {:?}", ours.keys());
}

/// All that is compiled into a package, as cargo resolves it for this target.
fn compiled(package: &str, target: Option<&str>) -> BTreeSet<String> {
    let mut arguments = vec!["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let package = format!("umbel-{package}");
    arguments.extend(["--package", &package]);
    if let Some(target) = target {
        arguments.extend(["--target", target]);
    }
    let names = cargo(&arguments);
    names.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Whether a crate is `family` or belongs to it, as `axum-core` to `axum`.
fn belongs(name: &str, family: &str) -> bool {
    let rest = name.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

fn without(package: &str, target: Option<&str>, families: &[&str]) {
    let names = compiled(package, target);
    assert!(names.contains("umbel-guest"), "{names:?}");
    let found: Vec<_> = names.iter().filter(|name| families.iter().any(|family| belongs(name, family))).collect();
    assert!(found.is_empty(), "umbel-{package} brings {found:?}");
}

#[test]
fn what_is_privileged_or_outlives_the_panel_has_no_web_and_no_database_in_it() {
    for package in ["agent", "shim", "wire", "uml"] {
        without(package, None, &["axum", "hyper", "http", "leptos", "reqwest", "rustls", "sqlx", "tower", "utoipa"]);
    }
    without("shim", None, &["tokio", "futures"]);
}

#[test]
fn the_browser_gets_neither_server_nor_database() {
    let families = ["axum", "hyper", "leptos_axum", "nix", "reqwest", "sqlx", "tokio", "tower", "utoipa"];
    without("frontend", Some("wasm32-unknown-unknown"), &families);
}

#[test]
fn the_guest_as_an_idea_does_nothing() {
    without("guest", None, &["axum", "getrandom", "leptos", "libc", "nix", "rand", "rustix", "sqlx", "time", "tokio"]);
}

/// Pages know axum only as leptos_axum brings it, for the server's half of a server function.
#[test]
fn pages_know_no_store_and_name_no_router() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1", "--offline"]))
            .expect("cargo's JSON");
    let app = metadata["packages"].as_array().expect("packages").iter().find(|p| p["name"] == "umbel-app");
    let dependencies = app.expect("the app")["dependencies"].as_array().expect("dependencies");
    for dependency in dependencies.iter().filter(|d| d["kind"] != "dev") {
        let name = dependency["name"].as_str().expect("a name");
        assert!(!["axum", "sqlx", "tower"].iter().any(|family| belongs(name, family)), "umbel-app names {name}");
    }
    without("app", None, &["sqlx"]);
}

#[test]
fn every_package_keeps_the_house_rules() {
    for manifest in crate::tracked().iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let text = crate::text(manifest).expect("TOML");
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest} has no [lints] workspace = true");
    }
}
