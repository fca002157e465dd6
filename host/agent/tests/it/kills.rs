//! SIGKILL of agent, shim, the guest's init and its kernel in every state of a guest: the right ones end,
//! the others don't notice, and the console's text is kept.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use umbel_guest::{Exit, GuestId, Seen};
use umbel_wire::agent::{Request, StopHow};

use crate::console::{COUNT, Console, numbers, text_of};
use crate::harness::{House, PATIENCE, cgroup_file, is_there, kernels_of, of_user, order, parent_of, rounds, soon};

/// How soon everything must be as it should.
const AT_ONCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Agent,
    Shim,
    /// Pid 1 inside, which no signal ends: its program is written over where it runs.
    Init,
    Kernel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Booting,
    Idle,
    /// A flood is being read.
    Streaming,
    Stopping,
}

const WHEN: [When; 4] = [When::Booting, When::Idle, When::Streaming, When::Stopping];

/// What becomes of the guest; `None`: it goes on.
fn expected(victim: Victim, when: When) -> Option<Exit> {
    match (victim, when) {
        (Victim::Agent, When::Stopping) => Some(Exit::PoweredOff),
        (Victim::Agent, _) => None,
        (Victim::Shim, _) => Some(Exit::ShimLost),
        // Its kernel panics.
        (Victim::Init, _) => Some(Exit::Crashed { signal: 6 }),
        (Victim::Kernel, _) => Some(Exit::Crashed { signal: 9 }),
    }
}

fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it was there");
}

/// Ends pid 1 inside: nothing is left of its code once a signal or the end of an orphan wakes it.
const END_INIT: &str = "set -- $(grep r-xp /proc/1/maps | head -n 1 | tr - ' '); dd if=/dev/zero of=/proc/1/mem \
     bs=4096 seek=$((0x$1/4096)) count=$(((0x$2-0x$1)/4096)) conv=notrunc; kill -HUP 1; (sleep 0.2 &)";

/// Somebody who reads as fast as it comes.
struct Stream {
    heard: Arc<AtomicU64>,
    to_the_end: JoinHandle<()>,
}

impl Stream {
    fn of(console: Console) -> Self {
        let heard = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&heard);
        Self { heard, to_the_end: std::thread::spawn(move || console.follow(&counter)) }
    }

    fn flows(&self) -> bool {
        let before = self.heard.load(Ordering::Relaxed);
        soon(PATIENCE, || self.heard.load(Ordering::Relaxed) > before + 4096)
    }
}

/// Starts a guest and brings it so far; the next free number of an order.
fn bring(house: &House, guest: GuestId, number: u64, victim: Victim, when: When) -> (u64, Option<Stream>) {
    if when == When::Booting {
        house.boot(guest, number);
        assert!(soon(PATIENCE, || !kernels_of(guest).is_empty()), "no kernel");
        return (number + 1, None);
    }
    let mut console = Console::boot(house, &order(guest, number));
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    if when == When::Stopping && expected(victim, when) != Some(Exit::PoweredOff) {
        // It must not be done before it is struck.
        console.type_in("sed -i 's/sleep 0.1/sleep 60/' /sbin/poweroff");
    }
    console.type_in("echo be\"\"gun");
    console.until("begun\r\n");
    match when {
        When::Stopping => {
            house.stop(guest, number + 1, StopHow::ShutDown).expect("asked");
            assert_eq!(house.until(guest, |seen| !matches!(seen, Seen::Running { .. })), Seen::Stopping);
            (number + 2, None)
        }
        When::Streaming => {
            console.type_in("yes a flood &");
            let stream = Stream::of(console);
            assert!(stream.flows(), "no flood");
            (number + 1, Some(stream))
        }
        _ => (number + 1, None),
    }
}

/// The main process of a guest's kernel: the shim's own child.
fn main_kernel(house: &House, guest: GuestId) -> i32 {
    let shim = house.shim(guest);
    let pid = kernels_of(guest).into_iter().find(|pid| parent_of(*pid) == shim);
    pid.expect("a kernel")
}

fn strike(house: &mut House, guest: GuestId, victim: Victim) {
    match victim {
        Victim::Agent => house.kill_agent(),
        Victim::Shim => kill_9(house.shim(guest)),
        Victim::Kernel => kill_9(main_kernel(house, guest)),
        Victim::Init => {
            let shim = house.shim(guest);
            let mut console = Console::of(house, guest);
            let struck = || {
                // One that boots still may not hear it: a terminal forgets what was typed before it was opened.
                console.type_if_heard(END_INIT);
                soon(Duration::from_millis(500), || !is_there(shim))
            };
            assert!(std::iter::repeat_with(struck).take(80).any(|struck| struck), "init lives on");
        }
    }
}

/// Everybody who was of the guest: by descent, by its own user, by its cgroup.
fn orphans(house: &House, guest: GuestId, before: &[i32], user: Option<u32>) -> Vec<i32> {
    let mut left: Vec<i32> = before.iter().copied().filter(|pid| is_there(*pid)).collect();
    left.extend(kernels_of(guest));
    left.extend(user.map(of_user).unwrap_or_default());
    let members = cgroup_file(house, guest, "cgroup.procs").and_then(|path| fs::read_to_string(path).ok());
    left.extend(members.unwrap_or_default().lines().filter_map(|pid| pid.parse::<i32>().ok()));
    left
}

/// Kills the victim in every state: everything of that guest ends, or nothing of it, and of others nothing.
fn only_what_should_end_ends(victim: Victim) {
    let mut house = House::new();
    house.prepare();
    let (guest, bystander) = (house.new_guest(), house.new_guest());
    drop(Console::boot(&house, &order(bystander, 2)));
    let mut number = 2;
    for (round, when) in (0..rounds()).flat_map(|round| WHEN.map(|when| (round, when))) {
        let case = format!("{victim:?} killed, {when:?}, round {round}");
        let stream;
        (number, stream) = bring(&house, guest, number, victim, when);
        let shim = house.shim(guest);
        let before: Vec<i32> = kernels_of(guest).into_iter().chain([shim]).collect();
        let user = Uid::effective().is_root().then(|| user_of(shim)).flatten();
        strike(&mut house, guest, victim);
        if victim == Victim::Agent {
            assert!(when == When::Stopping || is_there(shim), "{case}");
            house.start_agent();
        }
        match expected(victim, when) {
            Some(exit) => {
                assert_eq!(house.ended(guest), exit, "{case}");
                let left = || orphans(&house, guest, &before, user);
                assert!(soon(AT_ONCE, || left().is_empty()), "{case}: {:?} are left", left());
                assert!(!house.layout.shim_socket(guest).exists(), "{case}");
            }
            None => {
                house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
                assert_eq!(house.shim(guest), shim, "{case}: the same run");
                assert!(stream.as_ref().is_none_or(Stream::flows), "{case}: the flood has stopped");
                house.stop(guest, number, StopHow::Kill).expect("the new agent can");
                number += 1;
            }
        }
        if let Some(stream) = stream {
            stream.to_the_end.join().expect("its stream has an end");
        }
        let words = match when {
            When::Booting => "",
            When::Streaming => "a flood",
            When::Idle | When::Stopping => "begun",
        };
        assert!(text_of(&house, guest).contains(words), "{case}: the text is lost");
    }
    let mut console = Console::of(&house, bystander);
    console.type_in("echo st\"\"ill here");
    console.until("still here\r\n");
}

fn user_of(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_killed_shim_takes_its_own_guest_with_it() {
    only_what_should_end_ends(Victim::Shim);
}

#[test]
fn a_killed_kernel_leaves_no_process() {
    only_what_should_end_ends(Victim::Kernel);
}

#[test]
fn a_killed_init_is_the_end_of_its_guest() {
    only_what_should_end_ends(Victim::Init);
}

#[test]
fn a_killed_agent_loses_no_guest_in_any_state() {
    only_what_should_end_ends(Victim::Agent);
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
