//! Copies of a guest's disk: of one that is off and of one that runs, put back, undone, and what becomes of them when
//! the agent is killed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use nix::unistd::Uid;
use umbel_guest::setup::Identity;
use umbel_guest::{DiskKind, DiskSize, GuestId, Seen, Setup, SetupSeen, SnapshotId};
use umbel_wire::agent::{DiskFacts, DiskSource, Refusal, Reply, Request, SnapshotFacts, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, generation, order, rounds, soon, tiny};
use crate::user::NOBODYS;

fn new() -> SnapshotId {
    SnapshotId(uuid::Uuid::now_v7())
}

fn kept(house: &House, request: &Request) -> Result<SnapshotFacts, Refusal> {
    match house.connect().ask(request) {
        Reply::Snapshot(facts) => Ok(facts),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn taking(guest: GuestId, number: u64, snapshot: SnapshotId) -> Request {
    Request::SnapshotTake { guest, generation: generation(number), snapshot }
}

fn swapping(guest: GuestId, number: u64, keep: SnapshotId, with: DiskSource) -> Request {
    Request::DiskSwap { guest, generation: generation(number), keep, with }
}

fn image(kind: DiskKind) -> DiskSource {
    DiskSource::Image { image: tiny(), size: DiskSize::from_mib(64).expect("a size"), kind }
}

fn disk(house: &House, guest: GuestId) -> DiskFacts {
    match house.connect().ask(&Request::Disk { guest }) {
        Reply::Disk(facts) => facts,
        other => panic!("{other:?}"),
    }
}

/// Names in its directory of snapshots.
fn names(house: &House, guest: GuestId) -> Vec<String> {
    let entries = fs::read_dir(house.layout.snapshots(guest)).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Boots it, writes a file and ends it.
fn write_down(house: &House, guest: GuestId, number: u64, disk_kind: DiskKind, name: &str) {
    let mut console = Console::boot(house, &StartOrder { disk_kind, ..order(guest, number) });
    console.type_in(&format!("echo {name} >/root/{name} && sync && echo writ\"\"ten"));
    console.until("written\r\n");
    house.stop(guest, number + 1, StopHow::Kill).expect("killed");
    house.ended(guest);
}

/// Boots it, tells which of the files it has, and ends it.
fn files(house: &House, guest: GuestId, number: u64, disk_kind: DiskKind) -> String {
    let mut console = Console::boot(house, &StartOrder { disk_kind, ..order(guest, number) });
    console.type_in("echo files=$(ls /root | tr '\\n' ' ')=en\"\"d");
    console.until("=end");
    let text = console.text.clone();
    let said = text.rsplit("files=").next().and_then(|rest| rest.split("=end").next()).unwrap_or_default();
    house.stop(guest, number + 1, StopHow::Kill).expect("killed");
    house.ended(guest);
    said.trim().to_owned()
}

/// In either kind of disk: what is written after a copy is not in it, and is there again after an undo.
fn a_copy_is_the_way_back(house: &House, kind: DiskKind) {
    house.prepare();
    let guest = GuestId(uuid::Uuid::now_v7());
    house.disk(guest, kind).expect("a disk");
    let (first, aside, again) = (new(), new(), new());
    write_down(house, guest, 2, kind, "one");
    let taken = kept(house, &taking(guest, 4, first)).expect("taken");
    assert!(taken.taken_bytes > 0 && taken.stood_still_ms.is_none(), "{taken:?}");
    assert_eq!(kept(house, &taking(guest, 4, first)).expect("taken already").taken_bytes, taken.taken_bytes);
    assert_eq!(disk(house, guest).taken_bytes.div_ceil(1 << 20), taken.taken_bytes.div_ceil(1 << 20));
    write_down(house, guest, 5, kind, "two");

    let back = swapping(guest, 7, aside, DiskSource::Snapshot { snapshot: first });
    for _ in 0..2 {
        kept(house, &back).expect("swapped");
    }
    assert_eq!(files(house, guest, 8, kind), "one");
    // What was put aside is moved back, and what it takes the place of is kept in turn.
    kept(house, &swapping(guest, 10, again, DiskSource::Moved { snapshot: aside })).expect("undone");
    assert_eq!(files(house, guest, 11, kind), "one two");
    assert_eq!(names(house, guest), [first.to_string(), again.to_string()]);

    kept(house, &swapping(guest, 13, aside, image(kind))).expect("reset");
    assert_eq!(files(house, guest, 14, kind), "");
    for _ in 0..2 {
        let (generation, with) = (generation(16), image(kind));
        house.done(&Request::DiskSwapBack { guest, generation, keep: aside, with }).expect("as before");
    }
    assert_eq!(files(house, guest, 17, kind), "one two");
    for snapshot in [first, again, again] {
        house.done(&Request::SnapshotRemove { guest, snapshot }).expect("removed");
    }
    assert_eq!(names(house, guest), [""; 0]);
    house.done(&Request::Purge { guest, generation: generation(19) }).expect("purged");
    assert!(!house.layout.guest(guest).exists());
}

#[test]
fn a_copy_of_a_child_is_the_way_back() {
    a_copy_is_the_way_back(&House::new(), DiskKind::Cow);
}

#[test]
fn a_copy_of_a_whole_disk_is_the_way_back() {
    a_copy_is_the_way_back(&House::new(), DiskKind::Plain);
}

#[test]
fn an_ordinary_users_copy_is_the_way_back_too() {
    a_copy_is_the_way_back(&House::of_user(Uid::effective().is_root().then_some(NOBODYS)), DiskKind::Cow);
}

#[test]
fn where_files_share_blocks_a_copy_takes_no_room() {
    if !Uid::effective().is_root() {
        return eprintln!("SKIPPED: only root mounts a file system");
    }
    let Some(house) = House::on_pool() else {
        return eprintln!("SKIPPED: this host mounts no XFS out of a file");
    };
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    console.type_in("dd if=/dev/urandom of=/root/much bs=64k count=500 2>/dev/null; sync; echo fi\"\"lled");
    console.until("filled\r\n");
    assert!(disk(&house, guest).shares_blocks);
    let free = || umbel_agent::host::free_mib(house.layout.data()).expect("readable");
    let before = free();
    let snapshots = [(); 5].map(|()| new());
    for snapshot in snapshots {
        let facts = kept(&house, &taking(guest, 3, snapshot)).expect("taken");
        assert!(facts.taken_bytes > 30 << 20 && facts.stood_still_ms.is_some(), "{facts:?}");
    }
    // Five copies would be 150. XFS takes room ahead of a file that grows and gives it back later: less may be taken.
    let more = before.saturating_sub(free());
    assert!(more < 30, "{more} MiB more are taken");
    house.stop(guest, 4, StopHow::Kill).expect("killed");
    house.ended(guest);
    kept(&house, &swapping(guest, 5, new(), DiskSource::Snapshot { snapshot: snapshots[0] })).expect("swapped");
    assert_eq!(files(&house, guest, 6, DiskKind::Cow), "much");
}

#[test]
fn a_copy_of_a_guest_that_runs_has_what_it_held_back_and_the_guest_goes_on() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    let since = house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    // Not written down: nobody has said sync.
    console.type_in("echo kept >/root/held-back; (while :; do date >/root/busy; done) & echo go\"\"es");
    console.until("goes\r\n");
    let snapshot = new();
    let facts = kept(&house, &taking(guest, 3, snapshot)).expect("taken");
    assert!(facts.stood_still_ms.is_some(), "{facts:?}");
    assert_eq!(house.until(guest, |seen| matches!(seen, Seen::Running { .. })), since, "it ran all the while");
    console.type_in("kill $!; echo still $((6*7))");
    console.until("still 42\r\n");
    house.stop(guest, 4, StopHow::Kill).expect("killed");
    house.ended(guest);
    kept(&house, &swapping(guest, 5, new(), DiskSource::Snapshot { snapshot })).expect("swapped");
    assert!(files(&house, guest, 6, DiskKind::Cow).contains("held-back"));

    // One that somebody has paused stays so.
    let mut console = Console::boot(&house, &order(guest, 8));
    console.type_in("echo he\"\"re");
    console.until("here\r\n");
    house.done(&Request::Pause { guest, generation: generation(9), paused: true }).expect("paused");
    house.until(guest, |seen| matches!(seen, Seen::Paused { .. }));
    assert_eq!(kept(&house, &taking(guest, 9, new())).expect("taken").stood_still_ms, None);
    assert!(matches!(house.seen(guest), Seen::Paused { .. }));
    house.stop(guest, 10, StopHow::Kill).expect("killed");
}

#[test]
fn what_is_not_possible_is_refused_and_changes_nothing() {
    let house = House::new();
    house.prepare();
    let (guest, nobody, snapshot) = (house.new_guest(), GuestId(uuid::Uuid::now_v7()), new());
    assert_eq!(kept(&house, &taking(nobody, 2, snapshot)), Err(Refusal::NoDisk));
    assert_eq!(kept(&house, &swapping(nobody, 2, snapshot, image(DiskKind::Cow))), Err(Refusal::NoDisk));
    let unknown = new();
    for with in [DiskSource::Snapshot { snapshot: unknown }, DiskSource::Moved { snapshot: unknown }] {
        let refused = kept(&house, &swapping(guest, 2, snapshot, with));
        assert_eq!(refused, Err(Refusal::UnknownSnapshot { snapshot: unknown }));
    }
    let other = DiskSource::Image {
        image: "other-1".parse().expect("a slug"),
        size: DiskSize::from_mib(64).expect("a size"),
        kind: DiskKind::Cow,
    };
    assert!(matches!(kept(&house, &swapping(guest, 2, snapshot, other)), Err(Refusal::UnknownImage { .. })));
    let memory = kept(&house, &swapping(guest, 2, snapshot, image(DiskKind::Memory)));
    assert!(matches!(memory, Err(Refusal::NotHere { .. })), "{memory:?}");
    assert_eq!(names(&house, guest), [""; 0], "nothing was put aside");

    house.boot(guest, 3);
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    let swap = swapping(guest, 4, snapshot, image(DiskKind::Cow));
    assert_eq!(kept(&house, &swap), Err(Refusal::StillRunning));
    let stale = kept(&house, &taking(guest, 2, snapshot));
    assert!(matches!(stale, Err(Refusal::Stale { .. })), "{stale:?}");
    let (generation, with) = (generation(4), image(DiskKind::Cow));
    let back = house.done(&Request::DiskSwapBack { guest, generation, keep: snapshot, with });
    assert_eq!(back, Err(Refusal::StillRunning));
    assert!(kept(&house, &taking(guest, 4, snapshot)).is_ok());
    // What a guest has deleted is in there: nobody else looks.
    let mode = fs::metadata(house.layout.snapshots(guest)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    house.stop(guest, 5, StopHow::Kill).expect("killed");
}

#[test]
fn an_image_is_not_taken_from_a_copy_of_its_child() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let snapshot = new();
    kept(&house, &taking(guest, 2, snapshot)).expect("taken");
    // A disk that is a child of nothing, and a copy that is one.
    fs::write(house.layout.disk(guest), [0; 4096]).expect("ours");
    let upload = house.upload(|directory| {
        fs::copy(house.layout.base(&tiny(), DiskSize::from_mib(64).expect("a size")), directory.join("disk"))
            .expect("copied");
    });
    let image = "mine-1".parse().expect("a slug");
    let said = umbel_wire::agent::ImageSaid {
        title: "Mine".into(),
        description: String::new(),
        default_user: "root".into(),
        suggested_memory: umbel_guest::Memory::DEFAULT,
        origin: umbel_guest::ImageOrigin::Imported,
        came_from: String::new(),
        tested_with: String::new(),
    };
    house.done(&Request::ImageImport { image, upload, said }).expect("imported");
    let image: umbel_guest::ImageId = "mine-1".parse().expect("a slug");
    let remove = || house.done(&Request::ImageRemove { image: image.clone() });
    // The same bytes have the same identity, so the copy is a child of either.
    assert_eq!(remove(), Err(Refusal::ImageInUse { image: image.clone() }));
    house.done(&Request::SnapshotRemove { guest, snapshot }).expect("removed");
    assert_eq!(remove(), Ok(()));
}

#[test]
fn an_agent_that_is_killed_over_a_copy_leaves_all_or_none_of_it_and_a_guest_that_goes_on() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    console.type_in("dd if=/dev/urandom of=/root/much bs=64k count=300 2>/dev/null; sync; echo fi\"\"lled");
    console.until("filled\r\n");
    drop(console);
    for round in 0..rounds() as u64 * 6 {
        let request = taking(guest, 3, new());
        house.connect().tell(&request);
        std::thread::sleep(Duration::from_millis(round * 23 % 260));
        house.kill_agent();
        house.start_agent();
        house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
        assert!(names(&house, guest).iter().all(|name| !name.ends_with("half")), "{:?}", names(&house, guest));
        kept(&house, &request).expect("repeated");
    }
    let mut console = Console::of(&house, guest);
    console.type_in("echo alive $((6*7))");
    console.until("alive 42\r\n");
    house.stop(guest, 4, StopHow::Kill).expect("killed");
}

#[test]
fn an_agent_that_is_killed_over_a_swap_goes_on_with_it_when_it_is_asked_again() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    write_down(&house, guest, 2, DiskKind::Cow, "one");
    let snapshot = new();
    kept(&house, &taking(guest, 4, snapshot)).expect("taken");
    for round in 0..rounds() as u64 * 4 {
        let keep = new();
        let request = swapping(guest, 4, keep, DiskSource::Snapshot { snapshot });
        house.connect().tell(&request);
        std::thread::sleep(Duration::from_millis(round * 5 % 30));
        house.kill_agent();
        house.start_agent();
        kept(&house, &request).expect("repeated");
        assert!(house.layout.disk(guest).exists() && house.layout.snapshot(guest, keep).exists());
        house.done(&Request::SnapshotRemove { guest, snapshot: keep }).expect("removed");
    }
    assert_eq!(files(&house, guest, 5, DiskKind::Cow), "one");
}

#[test]
fn a_copy_of_anothers_disk_is_a_guest_of_its_own() {
    let house = House::new();
    house.prepare();
    let (guest, copy, snapshot) = (house.new_guest(), GuestId(uuid::Uuid::now_v7()), new());
    let mut console = Console::boot(&house, &order(guest, 2));
    let identity = "mkdir /etc/ssh; echo old >/etc/ssh/ssh_host_rsa_key; echo mine >/root/mine";
    console.type_in(&format!("{identity}; sync; echo writ\"\"ten"));
    console.until("written\r\n");
    kept(&house, &taking(guest, 2, snapshot)).expect("taken");
    console.type_in("echo later >/root/later; sync; echo writ\"\"ten");
    console.until("written\r\n");

    let at = |number, of, snapshot| Request::DiskCopy { guest: copy, generation: generation(number), of, snapshot };
    let copying = |of, snapshot| at(1, of, snapshot);
    assert!(matches!(house.done(&copying(guest, new())), Err(Refusal::UnknownSnapshot { .. })));
    assert!(matches!(house.done(&copying(copy, snapshot)), Err(Refusal::UnknownSnapshot { .. })));
    assert!(house.facts(copy).is_none(), "nothing was made");
    let told = Setup { identity: Identity::Copied, ..crate::setup::setup("root", "") };
    let told = Setup { password: None, keys: Vec::new(), ..told };
    house.done(&Request::SetupPut { guest: copy, generation: generation(1), setup: Box::new(told) }).expect("written");
    for _ in 0..2 {
        house.done(&copying(guest, snapshot)).expect("copied");
    }
    let owner = |guest| fs::metadata(house.layout.disk(guest)).expect("there").uid();
    assert!(owner(guest) != owner(copy) || !Uid::effective().is_root(), "its own user's");

    // Both run, each on its own.
    let mut twin = Console::boot(&house, &order(copy, 2));
    assert!(soon(PATIENCE, || matches!(house.facts(copy).and_then(|f| f.setup), Some(SetupSeen::Done { .. }))));
    twin.type_in("echo has=$(ls /root /etc/ssh | tr '\\n' ' ')=en\"\"d");
    twin.until("has=/etc/ssh: /root: mine =end\r\n");
    assert_eq!(house.done(&at(2, guest, snapshot)), Err(Refusal::StillRunning));
    house.purge(guest, 9).expect_err("it runs");
    house.stop(guest, 9, StopHow::Kill).expect("killed");
    house.purge(guest, 10).expect("purged");
    twin.type_in("cat /root/mine; echo here");
    twin.until("here\r\n");
}

#[test]
fn what_guests_and_images_take_is_told_one_by_one() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    write_down(&house, guest, 2, DiskKind::Cow, "one");
    let snapshot = new();
    let taken = kept(&house, &taking(guest, 4, snapshot)).expect("taken").taken_bytes;
    let Reply::Storage(told) = house.connect().ask(&Request::Storage {}) else { panic!("no answer") };
    assert_eq!(told.disks.len(), 1, "{told:?}");
    assert_eq!((told.disks[0].guest, &told.disks[0].snapshots[..]), (guest, &[(snapshot, taken)][..]));
    assert_eq!(told.disks[0].taken_bytes, disk(&house, guest).taken_bytes);
    assert!(told.bases.iter().all(|base| base.image == tiny() && base.taken_bytes > 0), "{told:?}");
    assert_eq!(told.bases.len(), DiskSize::ladder().count());
}
