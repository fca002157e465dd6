//! A guest's processes are kept together on one processor, by whichever agent is there.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, Uid};
use umbel_wire::agent::StopHow;

use crate::console::Console;
use crate::harness::{House, PATIENCE, kernels_of, order, soon};
use crate::kernels::with;
use crate::user::NOBODYS;

fn processors(pid: i32) -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(pid)).unwrap_or_default();
    (0..CpuSet::count()).filter(|number| set.is_set(*number).unwrap_or_default()).collect()
}

fn let_go(pid: i32) {
    let all = sched_getaffinity(Pid::from_raw(0)).expect("ours");
    sched_setaffinity(Pid::from_raw(pid), &all).expect("it runs");
}

fn is_kept_together(mut house: House) {
    if processors(0).len() < 2 {
        return eprintln!("SKIPPED: with one processor there is nothing to choose");
    }
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    let shim = house.shim(guest);
    let all = || [kernels_of(guest), vec![shim]].concat();
    let together = |pids: &[i32]| {
        let first = processors(pids[0]);
        first.len() == 1 && pids.iter().all(|pid| processors(*pid) == first)
    };
    assert!(all().len() > 2 && together(&all()));

    // As an agent leaves a guest whose processor was crowded. This one has room.
    house.kill_agent();
    all().into_iter().for_each(let_go);
    assert!(!together(&all()));
    house.start_agent();
    assert!(soon(PATIENCE, || together(&all())));
    console.type_in("(true); echo go''es on");
    console.until("goes on");
    assert!(together(&all()), "what it started since is there too");
    house.stop(guest, 3, StopHow::Kill).expect("killed");

    with(&mut house, &["--roam"]);
    drop(Console::boot(&house, &order(guest, 4)));
    let all = kernels_of(guest);
    assert!(!all.is_empty() && all.iter().all(|pid| processors(*pid) == processors(0)));
    house.stop(guest, 5, StopHow::Kill).expect("killed");
}

#[test]
fn a_guest_is_kept_together_on_one_processor() {
    is_kept_together(House::new());
}

#[test]
fn so_is_an_ordinary_users() {
    is_kept_together(House::of_user(Uid::effective().is_root().then_some(NOBODYS)));
}
