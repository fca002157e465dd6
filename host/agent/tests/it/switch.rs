//! A switch that ends under running guests: they are on the next one, whatever they sent in between, as
//! root's guests and as an ordinary user's, with the distribution's kernel and with our own.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use umbel_agent::network::record::Record;
use umbel_guest::{Attachment, KernelId, NetworkId};
use umbel_wire::agent::{StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, is_there, kernel, soon};
use crate::kernels::{kernels, lay_out, with};
use crate::network::{address, ends_well, ensure, new_network, plugged};
use crate::user::{UNMAPPED, confined};

/// Users that nobody is, each of one test alone.
const NOBODYS: u32 = 1_500_000_031;

fn switch(house: &House, network: NetworkId) -> i32 {
    let record = fs::read(house.layout.ledger().join(format!("networks/{network}.json"))).expect("there");
    let record: Record = serde_json::from_slice(&record).expect("a record");
    record.switch.expect("guests are on one").pid
}

fn end_switch(house: &House, network: NetworkId) -> i32 {
    let switch = switch(house, network);
    kill(Pid::from_raw(switch), Signal::SIGKILL).expect("ours");
    assert!(soon(PATIENCE, || !is_there(switch)));
    switch
}

/// Two guests that send to each other all the while.
fn outlive_their_switch(house: &mut House, kernel: &KernelId, more: &[&str]) {
    let network = new_network();
    let facts = ensure(house, network);
    let guest = |house: &House, number: u8| {
        let order = plugged(house.new_guest(), 2, Attachment::Switch, network, number);
        let mut console = Console::boot(house, &StartOrder { kernel: kernel.clone(), ..order });
        let other = address(&facts, if number == 2 { 3 } else { 2 });
        console.type_in(&format!("ping -i 0.002 {other} >/dev/null &"));
        console
    };
    let (mut first, mut second) = (guest(house, 2), guest(house, 3));
    // Some answers are lost in the guest: a ping hears those of the others too, and has room for one at a time.
    let mut reach = || {
        for (console, other) in [(&mut first, 3), (&mut second, 2)] {
            let ping = format!("for i in $(seq 30); do ping -c 1 -W 1 {} && break; done", address(&facts, other));
            assert!(ends_well(console, &ping), "{}", console.text);
        }
    };
    reach();
    for _ in 0..2 {
        let ended = end_switch(house, network);
        assert!(soon(PATIENCE, || switch(house, network) != ended), "{}", house.log());
        reach();
    }
    house.kill_agent();
    let ended = end_switch(house, network);
    // Until what leads nowhere is full.
    std::thread::sleep(std::time::Duration::from_secs(2));
    with_again(house, more);
    assert!(soon(PATIENCE, || switch(house, network) != ended), "{}", house.log());
    reach();
    // Nobody is put on a switch that is there.
    let stays = switch(house, network);
    house.kill_agent();
    with_again(house, more);
    reach();
    assert_eq!(switch(house, network), stays);
}

fn with_again(house: &mut House, more: &[&str]) {
    let mut command = house.command();
    command.arg("serve").args(house.places()).args(more).stderr(house.log_file());
    house.start(command);
}

#[test]
fn guests_outlive_their_switch() {
    let mut house = House::new();
    house.prepare();
    outlive_their_switch(&mut house, &kernel(), &[]);
}

#[test]
fn guests_outlive_their_switch_with_our_own_kernel() {
    let mut house = House::new();
    let directory = lay_out(&house);
    let more = ["--kernels", &directory];
    with(&mut house, &more);
    house.prepare();
    let ours = kernels(&house)[0].id.clone();
    outlive_their_switch(&mut house, &ours, &more);
}

#[test]
fn an_ordinary_users_guests_outlive_their_switch() {
    let mut house = House::of_user(Uid::effective().is_root().then_some(NOBODYS));
    house.prepare();
    outlive_their_switch(&mut house, &kernel(), &[]);
}

/// Its shim lets nobody in, so it is told instead, and a start puts it on the new switch.
#[test]
fn a_guest_without_namespaces_says_that_its_switch_has_ended() {
    let user = if Uid::effective().is_root() { NOBODYS + 1 } else { Uid::effective().as_raw() };
    let mut house = House::of_user(Some(user));
    house.kill_agent();
    let command = confined(&house, user, &["--panel-uid", UNMAPPED]);
    house.start(command);
    house.prepare();
    let network = new_network();
    ensure(&house, network);
    let guest = house.new_guest();
    let _console = Console::boot(&house, &plugged(guest, 2, Attachment::Switch, network, 2));
    let ended = end_switch(&house, network);
    let said = || house.facts(guest).expect("known").said;
    assert!(soon(PATIENCE, || said().iter().any(|said| said.text.contains("cut off"))), "{:?}", said());
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    let _console = Console::boot(&house, &plugged(guest, 4, Attachment::Switch, network, 2));
    assert_ne!(switch(&house, network), ended);
}
