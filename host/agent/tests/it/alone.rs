//! Agents in a network namespace that the test has made: what is the whole host's there is theirs alone.

use std::fs::{self, File};
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};
use umbel_wire::agent::Wall;

use crate::harness::{House, PATIENCE, soon};
use crate::network::{ensure, new_network};

struct Alone(File);

impl Alone {
    fn new() -> Self {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
            File::open("/proc/thread-self/ns/net").expect("there")
        });
        Self(made.join().expect("made"))
    }

    fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let there = scope.spawn(|| {
                setns(&self.0, CloneFlags::CLONE_NEWNET).expect("entered");
                act()
            });
            there.join().expect("done")
        })
    }

    fn house(&self) -> House {
        let mut house = House::new();
        house.kill_agent();
        self.within(|| house.start_agent());
        house
    }

    fn clean(&self, house: &mut House) {
        house.kill_agent();
        let mut command = house.command();
        command.arg("clean").args(house.places());
        let status = self.within(|| command.status().expect("runs"));
        assert!(status.success());
    }

    fn forward(&self, value: &str) {
        self.within(|| fs::write("/proc/sys/net/ipv4/ip_forward", value).expect("set"));
    }

    fn forwards(&self) -> String {
        self.within(|| fs::read_to_string("/proc/sys/net/ipv4/ip_forward").expect("there")).trim().to_owned()
    }

    fn nft(&self, text: &str) {
        let status = self.within(|| Command::new("/usr/sbin/nft").arg(text).status().expect("runs"));
        assert!(status.success(), "{text}");
    }
}

#[test]
fn forwarding_is_given_back_as_it_was_found_by_the_last_who_needs_it() {
    let alone = Alone::new();
    alone.forward("0");
    let (mut house, mut neighbour) = (alone.house(), alone.house());
    ensure(&house, new_network());
    ensure(&neighbour, new_network());
    assert_eq!(alone.forwards(), "1");
    alone.clean(&mut house);
    assert_eq!(alone.forwards(), "1", "a neighbour needs it");
    alone.clean(&mut neighbour);
    assert_eq!(alone.forwards(), "0");

    alone.forward("1");
    let mut house = alone.house();
    ensure(&house, new_network());
    alone.clean(&mut house);
    assert_eq!(alone.forwards(), "1", "it was on before");
}

#[test]
fn a_firewall_that_keeps_guests_from_the_net_is_named_with_what_helps() {
    let alone = Alone::new();
    let house = alone.house();
    let wall = || -> Wall { house.walls().into_iter().find(|wall| wall.name == "forwarding").expect("listed") };
    assert!(wall().state.stands(), "{:?}", wall());
    // As Docker makes it.
    alone.nft(
        "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }",
    );
    assert!(soon(PATIENCE, || !wall().state.stands()), "{:?}", wall());
    let state = wall().state;
    let (_, help) = state.words().split_once("What helps: ").expect("said");
    let status = alone.within(|| Command::new("/bin/sh").args(["-c", help]).status().expect("runs"));
    assert!(status.success(), "{help}");
    assert!(soon(PATIENCE, || wall().state.stands()), "{:?}", wall());
}
