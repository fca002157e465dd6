//! SIGKILL of agent, shim and kernel in every state of a guest: the right ones end, the others don't
//! notice, and the console's text is kept.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use umbel_guest::{Exit, GuestId, Seen};
use umbel_wire::agent::{Request, StopHow};

use crate::console::{COUNT, Console, numbers, text_of};
use crate::harness::{House, PATIENCE, is_there, kernels_of, order, parent_of, rounds, soon};

/// How soon the last process of a guest must be gone.
const AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Booting,
    Running,
    Stopping,
}

const WHEN: [When; 3] = [When::Booting, When::Running, When::Stopping];

fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it was there");
}

/// Starts a guest and brings it so far; the next free number of an order.
fn bring(house: &House, guest: GuestId, number: u64, when: When) -> u64 {
    if when == When::Booting {
        house.boot(guest, number);
        assert!(soon(PATIENCE, || !kernels_of(guest).is_empty()), "no kernel");
        return number + 1;
    }
    let mut console = Console::boot(house, &order(guest, number));
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    console.type_in("echo be\"\"gun");
    console.until("begun\r\n");
    if when == When::Stopping {
        // A program that doesn't end when it is asked keeps the guest in this state for a moment.
        house.stop(guest, number + 1, StopHow::ShutDown).expect("asked");
        assert_eq!(house.until(guest, |seen| !matches!(seen, Seen::Running { .. })), Seen::Stopping);
        return number + 2;
    }
    number + 1
}

/// The main process of a guest's kernel: the shim's own child.
fn main_kernel(house: &House, guest: GuestId) -> i32 {
    let shim = house.shim(guest);
    let pid = kernels_of(guest).into_iter().find(|pid| parent_of(*pid) == shim);
    pid.expect("a kernel")
}

/// Kills what `victim` names in every state; everything of that guest must end and nothing else.
fn only_its_own_guest_ends(victim: impl Fn(&House, GuestId) -> i32, expected: &Exit) {
    let house = House::new();
    house.prepare();
    let (guest, bystander) = (house.new_guest(), house.new_guest());
    drop(Console::boot(&house, &order(bystander, 2)));
    let mut number = 2;
    for round in 0..rounds() {
        for when in WHEN {
            number = bring(&house, guest, number, when);
            let (shim, kernels) = (house.shim(guest), kernels_of(guest));
            kill_9(victim(&house, guest));
            let gone = || !is_there(shim) && !kernels.iter().any(|pid| is_there(*pid)) && kernels_of(guest).is_empty();
            assert!(soon(AT_ONCE, gone), "{when:?}, round {round}: {:?} are left", kernels_of(guest));
            assert_eq!(house.ended(guest), *expected, "{when:?}, round {round}");
            assert!(!house.layout.shim_socket(guest).exists());
            if when != When::Booting {
                assert!(text_of(&house, guest).contains("begun"), "{when:?}, round {round}: the text is lost");
            }
        }
    }
    let mut console = Console::of(&house, bystander);
    console.type_in("echo st\"\"ill here");
    console.until("still here\r\n");
}

#[test]
fn a_killed_shim_takes_its_own_guest_with_it() {
    only_its_own_guest_ends(|house, guest| house.shim(guest), &Exit::ShimLost);
}

#[test]
fn a_killed_kernel_leaves_no_process() {
    only_its_own_guest_ends(main_kernel, &Exit::Crashed { signal: 9 });
}

#[test]
fn a_killed_agent_loses_no_guest_in_any_state() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut number = 2;
    for round in 0..rounds() {
        for when in WHEN {
            number = bring(&house, guest, number, when);
            let shim = house.shim(guest);
            house.kill_agent();
            assert!(when == When::Stopping || is_there(shim), "{when:?}, round {round}");
            house.start_agent();
            if when == When::Stopping {
                assert_eq!(house.ended(guest), Exit::PoweredOff, "round {round}");
                continue;
            }
            house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
            assert_eq!(house.shim(guest), shim, "{when:?}, round {round}: the same run");
            house.stop(guest, number, StopHow::Kill).expect("the new agent can");
            number += 1;
        }
    }
}

#[test]
fn no_byte_is_lost_or_doubled_while_the_agent_is_killed_and_started() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    console.type_in(COUNT);
    console.until("n=5\r\n");
    for _ in 0..rounds() {
        house.kill_agent();
        console.read_for(Duration::from_millis(200));
        house.start_agent();
        console.read_for(Duration::from_millis(200));
    }
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    let heard = numbers(&console.text);
    assert!(heard.len() > 8, "{heard:?}");
    assert!(heard.iter().copied().eq(0..heard.len() as u64), "{heard:?}");
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    // The reader of the ring finds what the reader of the shim was told, and what came after.
    let kept = numbers(&text_of(&house, guest));
    assert!(kept.len() >= heard.len() && kept.iter().copied().eq(0..kept.len() as u64), "{kept:?}");
}

#[test]
fn what_ended_while_no_agent_was_there_is_told_by_the_next_one() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    for (number, rebooted, exit) in [(2, false, Exit::ShimLost), (3, true, Exit::HostRestarted)] {
        house.boot(guest, number);
        let shim = house.shim(guest);
        house.kill_agent();
        kill_9(shim);
        if rebooted {
            // All that a restart of the machine changes for the agent: processes are gone, the boot is another.
            house.edit_ledger(guest, |entry| entry.run.as_mut().expect("a run").boot_id = "another".into());
        }
        house.start_agent();
        assert_eq!(house.ended(guest), exit);
    }
}

#[test]
fn a_pid_that_belongs_to_somebody_else_by_now_is_left_alone() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    house.boot(guest, 2);
    house.kill_agent();
    kill_9(house.shim(guest));
    // Start times are told in hundredths of a second.
    std::thread::sleep(Duration::from_millis(50));
    let mut other = std::process::Command::new("sleep").arg("60").spawn().expect("sleeps");
    let pid = other.id().cast_signed();
    house.edit_ledger(guest, |entry| entry.run.as_mut().expect("a run").pid = pid);
    house.start_agent();
    let exit = house.ended(guest);
    let lives = is_there(pid);
    other.kill().expect("ours");
    other.wait().expect("ours");
    assert!(lives && exit == Exit::ShimLost, "{exit:?}");
}

#[test]
fn a_start_that_was_cut_off_anywhere_is_one_kernel() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    for round in 0..rounds() as u64 * 3 {
        let start = Request::Start(order(guest, 2 + round * 2));
        house.connect().tell(&start);
        std::thread::sleep(Duration::from_millis(round * 7 % 40));
        house.kill_agent();
        house.start_agent();
        house.done(&start).expect("the same order again");
        house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
        let shim = house.shim(guest);
        // Helpers come and go: a process without a parent has just ended.
        let kernels = kernels_of(guest);
        let mut parents: Vec<i32> = kernels.iter().map(|pid| parent_of(*pid)).filter(|pid| *pid != 0).collect();
        parents.retain(|parent| !kernels.contains(parent));
        parents.dedup();
        assert_eq!(parents, [shim], "round {round}");
        house.stop(guest, 3 + round * 2, StopHow::Kill).expect("killed");
        assert!(kernels_of(guest).is_empty());
    }
}
