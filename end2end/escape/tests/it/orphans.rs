//! Programs of a guest that try to outlive it: whatever of the guest is killed, they end.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use umbel_guest::GuestId;
use umbel_wire::agent::StopHow;

use crate::console::Console;
use crate::corpus::Den;
use crate::harness::{PATIENCE, is_there, kernels_of, parent_of, soon};

/// Where on the disk it counts.
const AT: u64 = 1 << 20;
/// How soon the last process must be gone.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Many times as long as it pauses between two counts.
const WHILE: Duration = Duration::from_millis(300);

fn count(den: &Den, guest: GuestId) -> u64 {
    let mut bytes = [0; 8];
    let disk = File::open(den.house.layout.disk(guest)).expect("there");
    disk.read_exact_at(&mut bytes, AT).expect("long enough");
    u64::from_le_bytes(bytes)
}

/// A guest that has left a process behind, and that process counts.
fn begun(den: &Den) -> GuestId {
    let guest = den.told(&format!("outlive-shim {AT}\nwait\n"));
    let before = count(den, guest);
    den.start(guest);
    Console::of(&den.house, guest).until("waiting");
    assert!(soon(PATIENCE, || count(den, guest) != before), "it never counted");
    let now = count(den, guest);
    assert!(soon(PATIENCE, || count(den, guest) > now), "it counts no more");
    guest
}

fn main_process(den: &Den, guest: GuestId) -> i32 {
    let shim = den.house.shim(guest);
    kernels_of(guest).into_iter().find(|pid| parent_of(*pid) == shim).expect("it runs")
}

fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it was there");
}

#[test]
fn whatever_is_killed_nothing_of_the_guest_goes_on() {
    let den = Den::new();
    for victim in ["kernel", "shim", "orphan", "all"] {
        let guest = begun(&den);
        let (shim, kernel) = (den.house.shim(guest), main_process(&den, guest));
        let others = kernels_of(guest);
        match victim {
            "kernel" => kill_9(kernel),
            "shim" => kill_9(shim),
            "orphan" => {
                let orphan = others.iter().find(|pid| **pid != kernel).expect("it counts");
                kill_9(*orphan);
                den.house.stop(guest, 3, StopHow::Kill).expect("killed");
            }
            _ => den.house.stop(guest, 3, StopHow::Kill).expect("killed"),
        }
        let gone = || kernels_of(guest).is_empty() && !is_there(shim);
        assert!(soon(AT_ONCE, gone), "{victim}: {:?} are left", kernels_of(guest));
        let last = count(&den, guest);
        std::thread::sleep(WHILE);
        assert_eq!(count(&den, guest), last, "{victim}: something still counts");
        den.house.ended(guest);
    }
}

#[test]
fn without_cgroup_and_namespace_it_goes_on() {
    let mut den = Den::new();
    den.without(&["cgroup", "pid namespace"]);
    let guest = begun(&den);
    let kernel = main_process(&den, guest);
    let orphans: Vec<i32> = kernels_of(guest).into_iter().filter(|pid| *pid != kernel).collect();
    kill_9(den.house.shim(guest));
    den.house.ended(guest);
    let last = count(&den, guest);
    let goes_on = soon(PATIENCE, || count(&den, guest) > last);
    for pid in orphans.into_iter().filter(|pid| is_there(*pid)) {
        kill_9(pid);
        assert!(soon(PATIENCE, || !is_there(pid)), "{pid}");
    }
    assert!(goes_on, "it ended at {last}");
}
