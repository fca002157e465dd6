//! A guest's life as it should go.

use std::time::{Duration, Instant};

use umbel_guest::{DiskKind, Exit, GuestId, Seen};
use umbel_wire::agent::{Reply, Request, StartOrder, StopHow};
use umbel_wire::shim::Control;

use crate::console::{Console, text_of};
use crate::harness::{House, PATIENCE, generation, kernel, kernels_of, order};

#[test]
fn a_guest_boots_answers_takes_the_window_and_switches_itself_off() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    assert!(house.facts(guest).expect("known").has_disk);
    let mut console = Console::boot(&house, &order(guest, 2));
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    assert_eq!(house.facts(guest).expect("known").generation, generation(2));
    console.type_in("echo $((6*7))");
    console.until("echo $((6*7))");
    console.until("\n42\r\n");
    console.say(Control::Resize { columns: 101, rows: 33 });
    console.type_in("stty size; tty");
    console.until("33 101\r\n/dev/tty0\r\n");
    let began = Instant::now();
    console.type_in("poweroff");
    assert_eq!(house.ended(guest), Exit::PoweredOff);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "powering off took {took:?}");
    assert!(kernels_of(guest).is_empty());

    // What was written is still there in the next run, and what a reader is told of it too.
    drop(Console::boot(&house, &order(guest, 3)));
    let kept = text_of(&house, guest);
    assert!(kept.contains("\n42\r\n") && kept.matches("Enter 'help'").count() == 2, "{kept}");
    assert_eq!(house.stop(guest, 4, StopHow::Kill), Ok(()));
    assert!(!house.seen(guest).is_alive(), "a kill that is done is seen");
    assert_eq!(house.ended(guest), Exit::Killed);
    house.purge(guest, 5).expect("gone");
    assert_eq!(house.facts(guest), None);
    assert!(!house.layout.guest(guest).exists());
    house.purge(guest, 5).expect("nothing to do");
}

#[test]
fn what_is_written_to_a_disk_stays_and_ctrl_alt_del_shuts_down() {
    let house = House::new();
    house.prepare();
    let plain = GuestId(uuid::Uuid::now_v7());
    house.disk(plain, DiskKind::Plain).expect("a disk");
    let cow = house.new_guest();
    for (guest, kind) in [(plain, DiskKind::Plain), (cow, DiskKind::Cow)] {
        let start = |number| StartOrder { disk_kind: kind, ..order(guest, number) };
        let mut console = Console::boot(&house, &start(2));
        console.type_in("echo kept >/root/file; echo do\"\"ne");
        console.until("done\r\n");
        house.stop(guest, 3, StopHow::ShutDown).expect("asked");
        assert_eq!(house.ended(guest), Exit::PoweredOff, "{kind:?}");
        let mut console = Console::boot(&house, &start(4));
        console.type_in("cat /root/file");
        console.until("\nkept\r\n");
        house.stop(guest, 5, StopHow::Kill).expect("killed");
    }
}

#[test]
fn every_end_of_a_guests_own_has_its_name() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    for (number, line, exit) in [
        (2, "reboot", Exit::Rebooted),
        (3, "echo 42 >/proc/exitcode; poweroff -f", Exit::Failed { status: 42 }),
        (4, "echo c >/proc/sysrq-trigger", Exit::Crashed { signal: 6 }),
    ] {
        let mut console = Console::boot(&house, &order(guest, number));
        console.type_in(line);
        assert_eq!(house.ended(guest), exit, "{line}");
        assert!(kernels_of(guest).is_empty(), "{line}");
    }
}

#[test]
fn two_instances_side_by_side_never_meet() {
    let (one, other) = (House::new(), House::new());
    one.prepare();
    other.prepare();
    let guest = one.new_guest();
    // The very same guest, as after a copy of the data directory.
    other.disk(guest, DiskKind::Cow).expect("a disk");
    drop(Console::boot(&one, &order(guest, 2)));
    let mut console = Console::boot(&other, &order(guest, 2));
    assert_ne!(one.shim(guest), other.shim(guest));
    drop(one);
    console.type_in("echo st\"\"ill here");
    console.until("still here\r\n");
    other.stop(guest, 3, StopHow::Kill).expect("killed");
}

#[test]
fn a_waiting_inventory_answers_at_a_change_and_the_facts_are_those_of_the_machine() {
    let house = House::new();
    house.prepare();
    let version = house.inventory(0, 0).version;
    let (began, guest) = (Instant::now(), GuestId(uuid::Uuid::now_v7()));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| house.inventory(version, 30_000));
        std::thread::sleep(Duration::from_millis(50));
        house.disk(guest, DiskKind::Cow).expect("a disk");
        let inventory = waiting.join().expect("answered");
        assert!(inventory.version > version && began.elapsed() < Duration::from_secs(10));
    });
    match house.connect().ask(&Request::Host {}) {
        Reply::Host(facts) => {
            assert!(facts.cores >= 1 && facts.memory_total_mib > facts.memory_available_mib);
        }
        other => panic!("{other:?}"),
    }
    assert!(house.walls().iter().any(|wall| wall.name == "pid namespace"));
    match house.connect().ask(&Request::Kernels {}) {
        Reply::Kernels { kernels } => assert!(kernels.iter().any(|found| found.id == kernel())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flood_comes_whole_and_the_console_goes_on() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    // More than every buffer on the way holds, less than what the history keeps.
    console.type_in("seq 1 100000; echo ov''er");
    let said = console.until("over\r\n");
    let all: String = (1..=100_000).map(|n| format!("{n}\r\n")).collect();
    assert!(said.ends_with(&all), "{} bytes, not {}", said.len(), all.len());
    console.type_in("echo $((6*7))");
    console.until("\n42\r\n");
}

#[test]
fn a_window_that_changes_while_it_boots_is_no_harm() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    house.done(&Request::Start(order(guest, 2))).expect("started");
    let mut console = Console::of(&house, guest);
    let until = Instant::now() + PATIENCE;
    for columns in (90..100).cycle() {
        console.say(Control::Resize { columns, rows: 33 });
        console.read_for(Duration::from_millis(10));
        if console.text.contains("root@web-1:~# ") {
            break;
        }
        assert!(Instant::now() < until, "no prompt in:\n{}", console.text);
    }
    console.say(Control::Resize { columns: 101, rows: 33 });
    console.type_in("stty size");
    console.until("33 101\r\n");
}
