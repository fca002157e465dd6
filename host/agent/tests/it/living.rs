//! Living with a guest that runs: pause, SysRq, what it says, limits, what is measured of it.

use std::fs;
use std::time::Duration;

use nix::unistd::Uid;
use umbel_guest::{DiskKind, DiskSize, Exit, GuestId, Limits, Seen, StrayName, SysRqKey};
use umbel_wire::agent::{Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::{COUNT, Console, numbers};
use crate::harness::{House, PATIENCE, cgroup_file, generation, kernels_of, order, rounds, soon, tiny};
use crate::user::NOBODYS;

/// Ticks of a hundredth of a second that the guest's kernel and its programs have had.
pub(crate) fn cpu_ticks(guest: GuestId) -> u64 {
    let ticks = |pid: i32| -> u64 {
        let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&stat).into_owned();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    };
    kernels_of(guest).into_iter().map(ticks).sum()
}

fn pause(house: &House, guest: GuestId, number: u64, paused: bool) -> Result<(), Refusal> {
    house.done(&Request::Pause { guest, generation: generation(number), paused })
}

/// In either profile, with a program that computes all the time and one that forks all the time.
fn a_paused_guest_does_nothing(house: &House) {
    house.prepare();
    let guest = house.new_guest();
    assert_eq!(pause(house, guest, 2, true), Err(Refusal::NotRunning));
    let mut console = Console::boot(house, &order(guest, 2));
    let since = house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    console.type_in("while :; do :; done & while :; do (:); done &");
    console.type_in(COUNT);
    console.until("n=3\r\n");
    assert!(soon(PATIENCE, || {
        let before = cpu_ticks(guest);
        std::thread::sleep(Duration::from_millis(200));
        cpu_ticks(guest) > before + 2
    }));

    for _ in 0..2 {
        pause(house, guest, 3, true).expect("paused");
    }
    house.until(guest, |seen| matches!(seen, Seen::Paused { .. }));
    console.read_for(Duration::from_millis(300));
    let (counted, used) = (numbers(&console.text).len(), cpu_ticks(guest));
    console.read_for(Duration::from_secs(1));
    assert_eq!(numbers(&console.text).len(), counted, "it counts on");
    let more = cpu_ticks(guest) - used;
    assert!(more <= 2, "{more} ticks in a second that it was paused for");
    assert_eq!(house.stop(guest, 3, StopHow::ShutDown), Err(Refusal::IsPaused));
    let key = SysRqKey::Sync;
    let refused = house.done(&Request::SysRq { guest, generation: generation(3), key }).expect_err("paused");
    assert!(refused.to_string().contains("paused"), "{refused}");

    for _ in 0..2 {
        pause(house, guest, 4, false).expect("goes on");
    }
    assert_eq!(house.until(guest, |seen| matches!(seen, Seen::Running { .. })), since, "it ran all the while");
    console.until(&format!("n={}\r\n", counted + 3));

    // Whenever it is, one of its programs has only just been forked.
    for _ in 0..rounds() * 15 {
        pause(house, guest, 5, true).expect("paused");
        pause(house, guest, 5, false).expect("goes on");
    }
    // What was written meanwhile is read first, so that it has to count on.
    console.read_for(Duration::from_millis(300));
    console.until(&format!("n={}\r\n", numbers(&console.text).len() + 3));
    assert!(numbers(&console.text).into_iter().eq(0..numbers(&console.text).len() as u64), "nothing was lost");

    pause(house, guest, 5, true).expect("paused");
    assert_eq!(house.stop(guest, 6, StopHow::Kill), Ok(()));
    assert_eq!(house.ended(guest), Exit::Killed);
}

#[test]
fn a_paused_guest_does_nothing_and_goes_on() {
    a_paused_guest_does_nothing(&House::new());
}

#[test]
fn an_ordinary_users_guest_can_be_paused_too() {
    a_paused_guest_does_nothing(&House::of_user(Uid::effective().is_root().then_some(NOBODYS)));
}

#[test]
fn a_pause_outlives_the_agent() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    drop(Console::boot(&house, &order(guest, 2)));
    pause(&house, guest, 3, true).expect("paused");
    house.kill_agent();
    house.start_agent();
    house.until(guest, |seen| matches!(seen, Seen::Paused { .. }));
    pause(&house, guest, 4, false).expect("goes on");
    house.stop(guest, 5, StopHow::Kill).expect("killed");
}

#[test]
fn what_root_in_a_guest_says_is_told_as_text_and_not_without_end() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    console.type_in("echo 'backup is done' >/proc/mconsole; printf '<b>\\377\\033[2J' >/proc/mconsole");
    let said = || house.facts(guest).expect("known").said;
    assert!(soon(PATIENCE, || said().len() == 2), "{:?}", said());
    assert_eq!(said().into_iter().map(|s| s.text).collect::<Vec<_>>(), ["backup is done", "<b>\u{fffd}\u{1b}[2J"]);

    console.type_in("i=0; while [ $i -lt 300 ]; do echo flood $i >/proc/mconsole; i=$((i+1)); done; echo do\"\"ne");
    console.until("done\r\n");
    // The first line after a while says how many were not kept.
    console.type_in("sleep 3; echo last >/proc/mconsole");
    assert!(soon(PATIENCE, || said().last().is_some_and(|s| s.text == "last")), "{:?}", said());
    let said = said();
    assert!(said.len() <= 20 && said.iter().map(|s| s.missed).sum::<u32>() > 0, "{said:?}");
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    assert_eq!(house.facts(guest).expect("known").said, said, "to be read when it has ended");
}

#[test]
fn a_panic_leaves_its_last_words() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    console.type_in("echo c >/proc/sysrq-trigger");
    assert_eq!(house.ended(guest), Exit::Crashed { signal: 6 });
    let said = house.facts(guest).expect("known").said;
    assert!(said.last().is_some_and(|s| s.text.starts_with("Kernel panic: ")), "{said:?}");
}

#[test]
fn keys_and_memory_are_asked_of_the_guests_own_kernel() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    assert!(matches!(house.connect().ask(&Request::MemoryInside { guest }), Reply::Refused(Refusal::NotRunning)));
    let mut console = Console::boot(&house, &order(guest, 2));
    let key = SysRqKey::ShowMemory;
    console.type_in("dmesg -n 8; echo lo\"\"ud");
    console.until("loud\r\n");
    house.done(&Request::SysRq { guest, generation: generation(3), key }).expect("pressed");
    console.until("Mem-Info");
    match house.connect().ask(&Request::MemoryInside { guest }) {
        Reply::MemoryInside(memory) => {
            assert!((20_000..65_536).contains(&memory.total_kib) && memory.available_kib > 1000, "{memory:?}");
        }
        other => panic!("{other:?}"),
    }
    house.stop(guest, 4, StopHow::Kill).expect("killed");
}

fn limit(house: &House, guest: GuestId, number: u64, limits: Limits) -> Result<(), Refusal> {
    house.done(&Request::Limit { guest, generation: generation(number), limits })
}

#[test]
fn limits_stand_from_the_start_and_change_live() {
    if !Uid::effective().is_root() {
        return;
    }
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let read = |name| fs::read_to_string(cgroup_file(&house, guest, name).expect(name)).expect("readable");
    let limits = Limits { cpu_percent: Some(20), processes: 200, ..Limits::default() };
    limit(&house, guest, 1, limits).expect("heard where nothing runs");
    let mut console = Console::boot(&house, &StartOrder { limits, ..order(guest, 2) });
    assert_eq!(read("pids.max").trim(), "200");
    let throttled = || -> u64 {
        let stat = read("cpu.stat");
        let line = stat.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        line.expect("counted").parse().expect("a number")
    };
    console.type_in("while :; do :; done &");
    let before = throttled();
    assert!(soon(PATIENCE, || throttled() > before), "nothing holds it back");

    let more = Limits { processes: 300, disk_mib_s: Some(1), ..Limits::default() };
    limit(&house, guest, 3, more).expect("changed");
    assert_eq!(read("pids.max").trim(), "300");
    let (io, rate) = if cgroup_file(&house, guest, "io.max").is_some() {
        ("io.max", "rbps=1048576 wbps=1048576")
    } else {
        assert_eq!(read("cpu.cfs_quota_us").trim(), "-1");
        ("blkio.throttle.read_bps_device", " 1048576")
    };
    assert!(read(io).contains(rate), "{}", read(io));
    limit(&house, guest, 3, Limits::default()).expect("taken away");
    assert!(!read(io).contains(rate), "{}", read(io));

    let (asked, have) = (generation(2), generation(3));
    assert_eq!(limit(&house, guest, 2, more), Err(Refusal::Stale { asked, have }));
    let wrong = Limits { processes: 1, ..Limits::default() };
    assert!(limit(&house, guest, 4, wrong).expect_err("too few").to_string().contains("processes"));
    house.stop(guest, 4, StopHow::Kill).expect("killed");
}

#[test]
fn limits_that_cannot_be_had_are_refused_and_nothing_starts() {
    let house = House::of_user(Uid::effective().is_root().then_some(NOBODYS));
    house.prepare();
    let guest = house.new_guest();
    let limits = Limits { cpu_percent: Some(20), ..Limits::default() };
    let refused = house.done(&Request::Start(StartOrder { limits, ..order(guest, 2) })).expect_err("no cgroups");
    assert!(matches!(refused, Refusal::NotHere { .. }), "{refused}");
    assert!(!house.seen(guest).is_alive());
}

/// The host's kernel would kill one process of it and leave the rest.
#[test]
fn a_guest_that_runs_out_of_memory_is_ended_whole_and_says_so() {
    if !Uid::effective().is_root() {
        return;
    }
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    let file = |name| cgroup_file(&house, guest, name);
    let (usage, limit) = match file("memory.current") {
        Some(usage) => (usage, file("memory.max").expect("there")),
        None => (file("memory.usage_in_bytes").expect("there"), file("memory.limit_in_bytes").expect("there")),
    };
    // Its own limit it can't reach: the test squeezes it.
    let used: u64 = fs::read_to_string(usage).expect("readable").trim().parse().expect("a number");
    fs::write(&limit, (used + (4 << 20)).to_string()).expect("set");
    if let Some(swap) = file("memory.swappiness") {
        fs::write(swap, "0").expect("set");
    }
    console.type_in("mount -t tmpfs t /mnt; dd if=/dev/zero of=/mnt/x bs=1M count=18");
    assert_eq!(house.ended(guest), Exit::OutOfMemory);
    assert!(kernels_of(guest).is_empty());
    // The next start is a new life.
    drop(Console::boot(&house, &order(guest, 3)));
    house.stop(guest, 4, StopHow::Kill).expect("killed");
    assert_eq!(house.ended(guest), Exit::Killed);
}

#[test]
fn what_a_guest_does_is_measured_and_outlives_the_agent() {
    measured(House::new());
}

#[test]
fn an_ordinary_users_guest_is_measured_too() {
    measured(House::of_user(Uid::effective().is_root().then_some(NOBODYS)));
}

fn measured(mut house: House) {
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    console.type_in("while :; do :; done &");
    let count = |house: &House| house.series(Some(guest)).samples.iter().flatten().count();
    assert_eq!(house.series(None).samples.len(), 720);
    assert!(soon(PATIENCE, || count(&house) >= 2), "{:?}", house.series(Some(guest)));
    let sample = house.series(Some(guest)).samples.into_iter().flatten().next_back().expect("one");
    assert!(sample.cpu_permille > 20 && sample.processes >= 3, "{sample:?}");
    assert!((8 << 10..256 << 10).contains(&sample.memory_kib), "{sample:?}");
    assert!(house.series(None).samples.into_iter().flatten().any(|all| all.cpu_permille > 20));

    let before = count(&house);
    house.kill_agent();
    house.start_agent();
    assert!(count(&house) >= before, "it lies in a file");
    assert!(soon(PATIENCE, || count(&house) > before), "and goes on");
    house.stop(guest, 3, StopHow::Kill).expect("killed");
}

#[test]
fn a_root_image_of_the_hosts_is_adopted_and_boots_and_a_running_disk_is_nobody_elses() {
    let mut house = House::new();
    house.prepare();
    let adopt = |house: &House, guest, number, name: &str| {
        let stray = StrayName::try_from(name.to_owned()).expect("a name");
        house.done(&Request::DiskAdopt { guest, generation: generation(number), stray })
    };
    let size = DiskSize::from_mib(64).expect("a size");
    // What an administrator would have: a plain image, not of a size that disks have.
    let mut image = fs::File::open(house.layout.base(&tiny(), size)).expect("there");
    let path = house.layout.adopt().join("old-web.img");
    umbel_agent::disk::sparse_copy(&mut image, &fs::File::create(&path).expect("made")).expect("copied");
    fs::write(house.layout.adopt().join("child.cow"), b"OOOM\0\0\0\x03").expect("written");
    let strays = match house.connect().ask(&Request::Strays {}) {
        Reply::Strays { strays } => strays,
        other => panic!("{other:?}"),
    };
    let told: Vec<_> =
        strays.iter().map(|s| (s.name.as_str(), s.file_system.as_deref(), s.refused.is_some())).collect();
    assert_eq!(told, [("child.cow", None, true), ("old-web.img", Some("ext4"), false)]);

    let guest = GuestId(uuid::Uuid::now_v7());
    let unknown = Refusal::UnknownStray { stray: "other.img".into() };
    assert_eq!(adopt(&house, guest, 1, "other.img"), Err(unknown));
    assert!(matches!(adopt(&house, guest, 1, "child.cow"), Err(Refusal::BadStray { .. })));
    assert_eq!(house.facts(guest), None, "nothing is left of a refusal");
    for _ in 0..2 {
        adopt(&house, guest, 1, "old-web.img").expect("adopted");
    }
    let start = |number| StartOrder { disk_kind: DiskKind::Plain, ..order(guest, number) };
    let mut console = Console::boot(&house, &start(2));
    console.type_in("echo ours >/root/file; sync; echo do\"\"ne");
    console.until("done\r\n");

    assert_eq!(adopt(&house, guest, 3, "old-web.img"), Err(Refusal::StillRunning));
    let create = Request::DiskCreate { guest, generation: generation(3), image: tiny(), size, kind: DiskKind::Plain };
    assert_eq!(house.done(&create), Err(Refusal::StillRunning));
    // An agent that has lost its ledger believes that nothing runs: the kernel's own lock tells it.
    house.kill_agent();
    let mut kept = None;
    house.edit_ledger(guest, |entry| {
        kept = Some(entry.clone());
        (entry.run, entry.seen) = (None, Seen::Gone);
    });
    house.start_agent();
    let refused = house.done(&create).expect_err("it is in use");
    assert!(matches!(&refused, Refusal::BadDisk { reason } if reason.contains("writes to it")), "{refused}");
    house.kill_agent();
    house.edit_ledger(guest, |entry| *entry = kept.take().expect("kept"));
    house.start_agent();
    house.stop(guest, 5, StopHow::Kill).expect("killed");
    assert!(fs::read(&path).is_ok_and(|bytes| bytes.len() as u64 == size.bytes()), "the file itself stays");
}
