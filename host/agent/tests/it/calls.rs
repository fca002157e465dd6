//! Every way of running a guest under the filter of system calls, each with all that makes a kernel ask
//! something of its host. In strict mode a call that is missing in the list ends the guest. In fast mode it
//! fails, and only what can't do without it fails too: a disk that may not be discarded from goes unnoticed,
//! and it is the same kernel's test in strict mode that finds it.

use std::time::Duration;

use nix::unistd::Uid;
use umbel_guest::{Attachment, Clock, Exit, HostNumber, KernelId, KernelMode, NetworkId, Seen, SysRqKey};
use umbel_wire::agent::{Card, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, generation, kernel, order, put_kernel, soon};
use crate::kernels::built;
use crate::living::cpu_ticks;

/// Our own build among the kernels of the house.
pub(crate) fn our_own(house: &House) -> KernelId {
    let id: KernelId = "ours-1".parse().expect("a slug");
    put_kernel(house, &id, &built());
    id
}

fn debian(_: &House) -> KernelId {
    kernel()
}

fn of_the_network(house: &House, network: NetworkId) -> [u8; 3] {
    match house.connect().ask(&Request::NetworkEnsure { network }) {
        Reply::Network(facts) => facts.subnet,
        other => panic!("{other:?}"),
    }
}

fn ends_well(console: &mut Console, command: &str) {
    console.type_in(&format!("{{ {command}; }} >/dev/null; echo res''ult=$?,"));
    console.until("result=");
    let result = console.until(",");
    assert_eq!(result, "0", "{command}\n{}", console.text);
}

/// Disks with discard, programs, a card, the management console, a pause and a shut-down.
fn everything_works(mode: KernelMode, attachment: Attachment, kernel: impl Fn(&House) -> KernelId) {
    let house = House::new();
    let kernel = kernel(&house);
    house.prepare();
    let attachment = if Uid::effective().is_root() { attachment } else { Attachment::Switch };
    let network = NetworkId(uuid::Uuid::now_v7());
    let [a, b, c] = of_the_network(&house, network);
    let start = |guest, last| {
        let card = Some(Card { attachment, network, number: HostNumber::new(last).expect("a number") });
        StartOrder { kernel: kernel.clone(), mode, card, ..order(guest, 2) }
    };
    let (guest, peer) = (house.new_guest(), house.new_guest());
    let mut console = Console::boot(&house, &start(guest, 2));
    let other = Console::boot(&house, &start(peer, 3));
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));

    ends_well(&mut console, &format!("ping -c 2 -W 9 {a}.{b}.{c}.3"));
    ends_well(&mut console, "dd if=/dev/urandom of=/root/f bs=64k count=64 2>/dev/null; sync; rm /root/f; fstrim /");
    ends_well(&mut console, "for i in 1 2 3 4 5 6 7 8; do (sleep 3 &); done; ps | grep sleep");
    ends_well(&mut console, "mount -t tmpfs t /mnt; dd if=/dev/zero of=/mnt/f bs=1M count=8 2>/dev/null; umount /mnt");
    ends_well(&mut console, "echo told >/proc/mconsole");
    assert!(soon(PATIENCE, || house.facts(guest).expect("known").said.iter().any(|said| said.text == "told")));

    // Paused, not even a program that never rests does anything, whichever way its kernel has it.
    console.type_in("while :; do :; done & echo lo\"\"oping");
    console.until("looping\r\n");
    let pause = |number, paused| {
        let pause = Request::Pause { guest, generation: generation(number), paused };
        house.done(&pause).expect("paused, or on again");
    };
    for number in [3, 5] {
        pause(number, true);
        let before = cpu_ticks(guest);
        std::thread::sleep(Duration::from_secs(1));
        let more = cpu_ticks(guest) - before;
        assert!(more <= 2, "{more} ticks in a second that it was paused for");
        pause(number + 1, false);
        assert!(soon(PATIENCE, || cpu_ticks(guest) > before + 10), "it does not go on");
    }
    ends_well(&mut console, "kill %1");
    ends_well(&mut console, &format!("ping -c 1 -W 9 {a}.{b}.{c}.3"));
    house.done(&Request::SysRq { guest, generation: generation(7), key: SysRqKey::ShowMemory }).expect("pressed");
    let memory = house.connect().ask(&Request::MemoryInside { guest });
    assert!(matches!(memory, Reply::MemoryInside(_)), "{memory:?}");
    let moved = house.moved(guest);
    let pinged = moved.is_some_and(|moved| moved.received > 84 && moved.sent > 84);
    assert_eq!(pinged, attachment == Attachment::Bridge, "an echo is a frame of 98 bytes each way: {moved:?}");
    house.stop(guest, 8, StopHow::ShutDown).expect("asked");
    assert_eq!(house.ended(guest), Exit::PoweredOff);
    let after = house.moved(guest);
    assert!(after.map(|moved| moved.sent) >= moved.map(|moved| moved.sent), "its card took it along: {after:?}");
    house.done(&Request::Purge { guest, generation: generation(9) }).expect("it is off");
    assert_eq!(house.moved(guest), None);
    drop(other);
    house.stop(peer, 3, StopHow::Kill).expect("killed");
    assert_eq!(house.ended(peer), Exit::Killed);
}

#[test]
fn debians_kernel_in_strict_mode_on_a_bridge() {
    everything_works(KernelMode::Strict, Attachment::Bridge, debian);
}

#[test]
fn debians_kernel_in_strict_mode_on_a_switch() {
    everything_works(KernelMode::Strict, Attachment::Switch, debian);
}

#[test]
fn our_kernel_in_strict_mode_on_a_bridge() {
    everything_works(KernelMode::Strict, Attachment::Bridge, our_own);
}

#[test]
fn our_kernel_in_strict_mode_on_a_switch() {
    everything_works(KernelMode::Strict, Attachment::Switch, our_own);
}

#[test]
fn our_kernel_in_fast_mode_on_a_bridge() {
    everything_works(KernelMode::Fast, Attachment::Bridge, our_own);
}

#[test]
fn our_kernel_in_fast_mode_on_a_switch() {
    everything_works(KernelMode::Fast, Attachment::Switch, our_own);
}

/// Half an hour of an idle guest passes at once.
#[test]
fn our_kernel_with_time_travel_in_either_mode() {
    for mode in [KernelMode::Strict, KernelMode::Fast] {
        let house = House::new();
        let kernel = our_own(&house);
        house.prepare();
        let guest = house.new_guest();
        let start = StartOrder { kernel, mode, clock: Clock::TimeTravel, ..order(guest, 2) };
        let mut console = Console::boot(&house, &start);
        ends_well(&mut console, "sleep 1800; dd if=/dev/urandom of=/root/f bs=64k count=16 2>/dev/null; sync");
        house.stop(guest, 3, StopHow::ShutDown).expect("asked");
        assert_eq!(house.ended(guest), Exit::PoweredOff, "{mode:?}");
    }
}
