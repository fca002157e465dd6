//! A guest goes after the tap of a sibling that is plugged into the same network.

use umbel_agent::network::names;
use umbel_guest::{Attachment, GuestId, HostNumber, NetworkId};
use umbel_wire::agent::{Card, Reply, Request, StopHow};

use crate::console::{Console, text_of};
use crate::corpus::{Den, outcomes};

/// How the probe came out; the sibling has a tap that it doesn't use itself.
fn tried(walls: &[&str], probe: &str, tap: impl Fn(GuestId) -> String) -> String {
    let mut den = Den::new();
    den.without(walls);
    let network = NetworkId(uuid::Uuid::now_v7());
    let reply = den.house.connect().ask(&Request::NetworkEnsure { network });
    assert!(matches!(reply, Reply::Network(_)), "{reply:?}");
    let card = |last| {
        let number = HostNumber::new(last).expect("a number");
        Some(Card { attachment: Attachment::Bridge, network, number })
    };
    let sibling = den.told("wait\n");
    den.start_plugged(sibling, card(2));
    Console::of(&den.house, sibling).until("waiting");
    let guest = den.told(&format!("{probe} {}\n", tap(sibling)));
    den.start_plugged(guest, card(3));
    den.house.ended(guest);
    let said = text_of(&den.house, guest);
    den.house.stop(sibling, 3, StopHow::Kill).expect("killed");
    for guest in [guest, sibling] {
        den.house.purge(guest, 4).expect("gone");
    }
    den.house.done(&Request::NetworkRemove { network }).expect("nobody is in it");
    outcomes(&said).remove(probe).unwrap_or_else(|| panic!("not tried: {said}"))
}

#[test]
fn the_tap_of_a_sibling_is_out_of_reach() {
    let with = tried(&[], "sibling-tap", names::tap);
    assert!(with.starts_with("BLOCKED"), "{with}");
    assert_eq!(tried(&["uid"], "sibling-tap", names::tap), "STOLEN");
}

#[test]
fn no_tap_is_made() {
    let name = |_: GuestId| "stolen0".to_owned();
    let with = tried(&[], "new-tap", name);
    assert!(with.starts_with("BLOCKED"), "{with}");
    assert_eq!(tried(&["capabilities"], "new-tap", name), "STOLEN");
}
