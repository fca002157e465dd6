use std::collections::BTreeMap;

use umbel_guest::{Generation, Limits, Seen};

use super::*;

const ID: &str = "0190b6f0-1111-7000-8000-000000000001";
const BERTA: &str = "0190b6f0-1111-7000-8000-000000000002";

/// Of anna's, with 64 MiB, running.
fn web() -> Guest {
    let json = serde_json::json!({
        "id": ID, "name": "web", "note": "", "owner": BERTA, "owner_name": "anna",
        "image": "tiny", "kernel": "debian", "memory": 64, "disk": 64, "disk_kind": "cow",
        "restart_policy": "never", "autostart": true, "mode": "strict", "clock": "real", "network": "none",
        "limits": Limits::default(), "address": null, "wanted": Wanted::Running, "seen": Seen::Gone,
        "generation": Generation::default(), "waiting": null, "created_at": 0, "etag": "5e", "operation": null, "said": [],
    });
    serde_json::from_value(json).expect("a guest")
}

fn stopped() -> Guest {
    Guest { wanted: Wanted::Stopped, ..web() }
}

fn shared_with_berta() -> Share {
    let rights = Shares::of([GuestRight::Power]).expect("it can be shared");
    Share { account: BERTA.parse().expect("an id"), name: "berta".into(), rights, created_at: 0 }
}

fn wish() -> Wish {
    Wish { name: "web".into(), ..Wish::default() }
}

/// As a person reads it.
fn said(wish: &Wish, have: Option<&Guest>, restart: Restart) -> Result<Vec<String>, String> {
    let shares = [shared_with_berta()];
    let steps = plan(wish, have.map(|guest| (guest, shares.as_slice())), restart)?;
    Ok(steps.iter().map(Step::to_string).collect())
}

#[test]
fn what_is_as_wanted_needs_nothing() {
    let same = Wish { memory_mib: Some(64), image: Some("tiny".into()), state: Some(State::Running), ..wish() };
    assert_eq!(said(&same, Some(&web()), Restart::Refused), Ok(vec![]));
    assert_eq!(said(&wish(), Some(&stopped()), Restart::Refused), Ok(vec![]));
    let absent = Wish { state: Some(State::Absent), ..wish() };
    assert_eq!(said(&absent, None, Restart::Refused), Ok(vec![]));
}

#[test]
fn what_is_missing_is_made_and_what_shall_not_be_is_deleted() {
    let new = said(&Wish { state: Some(State::Stopped), ..wish() }, None, Restart::Refused);
    assert_eq!(new.expect("a plan"), ["+ web: make it and start it", "> web: shut down"]);
    let gone = said(&Wish { state: Some(State::Absent), ..wish() }, Some(&web()), Restart::Refused);
    assert_eq!(gone.expect("a plan"), ["- web: delete it, undoable for a while"]);
}

#[test]
fn a_guest_that_runs_is_restarted_only_where_that_was_said() {
    let more = Wish { memory_mib: Some(128), ..wish() };
    let refused = said(&more, Some(&web()), Restart::Refused).expect_err("it runs");
    assert!(refused.contains("memory_mib 64 → 128") && refused.contains("--restart"), "{refused}");
    let allowed = said(&more, Some(&web()), Restart::Allowed).expect("a plan");
    assert_eq!(allowed, ["> web: shut down", "~ web: memory_mib 64 → 128", "> web: start"]);
    assert_eq!(said(&more, Some(&stopped()), Restart::Refused).expect("a plan"), ["~ web: memory_mib 64 → 128"]);
    let down = Wish { state: Some(State::Stopped), ..more };
    let down = said(&down, Some(&web()), Restart::Refused).expect("it shall stop anyway");
    assert_eq!(down, ["> web: shut down", "~ web: memory_mib 64 → 128"]);
}

#[test]
fn what_is_made_once_is_not_changed() {
    let other = said(&Wish { image: Some("debian".into()), ..wish() }, Some(&web()), Restart::Allowed);
    assert!(other.expect_err("it has an image").contains("image is tiny"));
}

#[test]
fn shares_are_exactly_what_is_written() {
    let with = |name: &str, right| BTreeMap::from([(name.to_owned(), vec![right])]);
    let same = Wish { shares: Some(with("berta", GuestRight::Power)), ..wish() };
    assert_eq!(said(&same, Some(&web()), Restart::Refused), Ok(vec![]));
    let other = said(&Wish { shares: Some(with("carl", GuestRight::Power)), ..wish() }, Some(&web()), Restart::Refused);
    assert_eq!(other.expect("a plan"), ["~ web: share it with carl (power)", "~ web: share it with berta no more"]);
}

#[test]
fn a_deleted_guest_is_taken_back() {
    let deleted = Guest { wanted: Wanted::Deleted { purge_at: 1 }, ..web() };
    let back = said(&Wish { state: Some(State::Running), ..wish() }, Some(&deleted), Restart::Refused);
    assert_eq!(back.expect("a plan"), ["> web: undo delete", "> web: start"]);
    let gone = said(&Wish { state: Some(State::Absent), ..wish() }, Some(&deleted), Restart::Refused);
    assert_eq!(gone, Ok(vec![]));
}
