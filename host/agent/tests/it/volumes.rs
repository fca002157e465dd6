//! Volumes with real guests: written by one and read by another, read by many, given and taken while guests run, and who
//! is shut out.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use nix::unistd::Uid;
use umbel_guest::{DiskSize, GuestId, KernelMode, Seen, Slot, VolumeAccess, VolumeId};
use umbel_wire::agent::{Refusal, Reply, Request, StartOrder, StopHow, VolumeAt, VolumeFacts};
use umbel_wire::shim::IN_USE;

use crate::calls::our_own;
use crate::console::Console;
use crate::harness::{House, generation, kernels_of, order, rounds};
use crate::user::NOBODYS;

const WORDS: &[u8] = b"carried";

fn size(mib: u32) -> DiskSize {
    DiskSize::from_mib(mib).expect("a size")
}

fn volume(house: &House, mib: u32) -> VolumeId {
    let volume = VolumeId(uuid::Uuid::now_v7());
    house.done(&Request::VolumeCreate { volume, size: size(mib) }).expect("made");
    volume
}

fn at(volume: VolumeId, slot: Slot, access: VolumeAccess) -> VolumeAt {
    VolumeAt { volume, slot, access, size: size(64) }
}

fn written(volume: VolumeId) -> VolumeAt {
    at(volume, Slot::C, VolumeAccess::ReadWrite)
}

fn read(volume: VolumeId) -> VolumeAt {
    at(volume, Slot::C, VolumeAccess::ReadOnly)
}

fn boot(house: &House, guest: GuestId, number: u64, volumes: &[VolumeAt]) -> Console {
    Console::boot(house, &StartOrder { volumes: volumes.to_vec(), ..order(guest, number) })
}

fn attach(house: &House, guest: GuestId, at: VolumeAt) -> Result<(), Refusal> {
    house.done(&Request::VolumeAttach { guest, generation: generation(9), at })
}

fn detach(house: &House, guest: GuestId, volume: VolumeId) -> Result<(), Refusal> {
    house.done(&Request::VolumeDetach { guest, generation: generation(9), volume })
}

fn facts(house: &House, volume: VolumeId) -> VolumeFacts {
    match house.connect().ask(&Request::Volumes {}) {
        Reply::Volumes { volumes } => volumes.into_iter().find(|facts| facts.volume == volume).expect("it is there"),
        other => panic!("{other:?}"),
    }
}

/// Owner, mode and names of its file.
fn file(house: &House, volume: VolumeId) -> (u32, u32, u64) {
    let facts = fs::metadata(house.layout.volume(volume)).expect("there");
    (facts.uid(), facts.mode() & 0o777, facts.nlink())
}

fn is_in_use(refused: &Result<(), Refusal>) -> bool {
    matches!(refused, Err(Refusal::VolumeInUse { .. }))
}

/// What it says to a line, which is run to its end.
fn say(console: &mut Console, line: &str) -> String {
    console.type_in(&format!("{line}; echo e\"\"nd=$?"));
    let said = console.until("end=");
    let status = console.until("\r\n");
    format!("{said}{status}")
}

fn put(house: &House, volume: VolumeId) {
    let file = File::options().write(true).open(house.layout.volume(volume)).expect("ours");
    file.write_all_at(WORDS, 0).expect("written");
}

/// Whether the guest reads there what was put.
fn has_words(console: &mut Console, slot: Slot) -> bool {
    say(console, &format!("head -c 7 {}", slot.device())).contains("carried")
}

#[test]
fn what_one_guest_writes_another_one_reads() {
    let house = House::new();
    house.prepare();
    is_handed_on(&house, order);
}

/// Its driver opens disks as it is given them, and not as they are opened in the guest.
#[test]
fn with_our_own_kernel_it_is_the_same() {
    let house = House::new();
    house.prepare();
    let kernel = our_own(&house);
    is_handed_on(&house, |guest, number| StartOrder {
        kernel: kernel.clone(),
        mode: KernelMode::Fast,
        ..order(guest, number)
    });
}

fn is_handed_on(house: &House, start: impl Fn(GuestId, u64) -> StartOrder) {
    let (one, other, volume) = (house.new_guest(), house.new_guest(), volume(house, 64));
    let owner = Uid::effective().as_raw();
    assert_eq!(file(house, volume), (owner, 0o600, 1));
    let mut first = Console::boot(house, &StartOrder { volumes: vec![written(volume)], ..start(one, 2) });
    let fill = "mke2fs /dev/ubdc >/dev/null 2>&1 && mount /dev/ubdc /mnt && echo carried >/mnt/file";
    assert!(say(&mut first, fill).ends_with('0'));

    // Mounted: it is not taken, and nobody else has it.
    let refused = detach(house, one, volume);
    assert!(matches!(&refused, Err(Refusal::VolumeInUse { reason, .. }) if reason == IN_USE), "{refused:?}");
    let mut second = Console::boot(house, &start(other, 2));
    for at in [written(volume), read(volume)] {
        assert!(is_in_use(&attach(house, other, at)), "{at:?}");
    }
    assert!(say(&mut first, "echo more >>/mnt/file; umount /mnt").ends_with('0'));
    for _ in 0..2 {
        detach(house, one, volume).expect("nobody has it open");
    }
    assert_eq!(file(house, volume), (owner, 0o600, 1), "nobody's again");
    assert!(!say(&mut first, "head -c 1 /dev/ubdc").ends_with('0'), "it is gone");

    let there = at(volume, Slot::H, VolumeAccess::ReadWrite);
    for _ in 0..2 {
        attach(house, other, there).expect("nobody has it");
    }
    assert_eq!(facts(house, volume).held_by, [other]);
    let found = say(&mut second, "mount /dev/ubdh /mnt && cat /mnt/file && umount /mnt");
    assert!(found.contains("carried") && found.contains("more") && found.ends_with('0'), "{found}");
    // A second writer is refused from its start on, and then has nothing of it.
    house.stop(one, 10, StopHow::Kill).expect("killed");
    let start = StartOrder { volumes: vec![written(volume)], ..start(one, 11) };
    assert!(is_in_use(&house.done(&Request::Start(start.clone()))));
    assert!(kernels_of(one).is_empty() && !house.seen(one).is_alive());
    house.stop(other, 12, StopHow::Kill).expect("killed");
    house.ended(other);
    assert_eq!(file(house, volume), (owner, 0o600, 1), "it is let go with the guest");
    let mut first = Console::boot(house, &start);
    assert!(say(&mut first, "mount /dev/ubdc /mnt && cat /mnt/file").contains("carried"));
}

#[test]
fn any_number_read_and_none_of_them_writes() {
    let house = House::new();
    house.prepare();
    let (one, other, third) = (house.new_guest(), house.new_guest(), house.new_guest());
    let volume = volume(&house, 64);
    put(&house, volume);
    let mut first = boot(&house, one, 2, &[read(volume)]);
    let mut second = boot(&house, other, 2, &[]);
    attach(&house, other, at(volume, Slot::E, VolumeAccess::ReadOnly)).expect("they only read");
    assert!(has_words(&mut first, Slot::C) && has_words(&mut second, Slot::E));
    assert_eq!(file(&house, volume), (Uid::effective().as_raw(), 0o444, 3));
    for (console, device) in [(&mut first, "/dev/ubdc"), (&mut second, "/dev/ubde")] {
        let said = say(console, &format!("echo x | dd of={device} conv=notrunc,fsync"));
        assert!(!said.ends_with("0"), "{said}");
        assert!(!say(console, &format!("mount -o rw {device} /mnt && touch /mnt/x")).ends_with('0'));
    }
    let start = StartOrder { volumes: vec![written(volume)], ..order(third, 2) };
    assert!(is_in_use(&house.done(&Request::Start(start))), "somebody reads it");
    let mut held = facts(&house, volume).held_by;
    held.sort();
    let mut both = [one, other];
    both.sort();
    assert_eq!(held, both);

    detach(&house, other, volume).expect("nothing has it open");
    assert!(has_words(&mut first, Slot::C), "the other one still reads");
    assert_eq!(file(&house, volume).1, 0o444);
    detach(&house, one, volume).expect("nothing has it open");
    assert_eq!(file(&house, volume), (Uid::effective().as_raw(), 0o600, 1));
    let mut bytes = [0; 7];
    File::open(house.layout.volume(volume)).and_then(|file| file.read_exact_at(&mut bytes, 0)).expect("read");
    assert_eq!(bytes, WORDS);
}

#[test]
fn a_guest_sees_its_own_volumes_and_makes_no_names_beside_them() {
    if !Uid::effective().is_root() {
        return eprintln!("SKIPPED: only root gives guests users of their own");
    }
    let house = House::new();
    house.prepare();
    let (guest, other) = (house.new_guest(), house.new_guest());
    let (mine, theirs) = (volume(&house, 64), volume(&house, 64));
    let _both = (boot(&house, guest, 2, &[written(mine)]), boot(&house, other, 2, &[written(theirs)]));
    let jail = |guest, of: &str| {
        let pid = kernels_of(guest).into_iter().next().expect("it runs");
        let entries = fs::read_dir(format!("/proc/{pid}/root/volumes/{of}")).expect("it runs");
        entries.map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(jail(guest, "w"), [format!("c.{mine}")]);
    assert_eq!(jail(guest, "r"), [""; 0]);
    assert_eq!(jail(other, "w"), [format!("c.{theirs}")]);
    let disk = fs::metadata(house.layout.disk(guest)).expect("there");
    assert_eq!(file(&house, mine), (disk.uid(), 0o600, 2));
    let mode = |path| fs::metadata(path).map(|facts| (facts.uid(), facts.gid(), facts.mode() & 0o777)).expect("there");
    assert_eq!(mode(house.layout.guest_volumes(guest)), (0, disk.gid(), 0o710));
    assert_eq!(mode(house.layout.guest_volumes(guest).join("w")).2, 0o711);
    assert_eq!(mode(house.layout.volumes()), (0, 0, 0o700));
}

/// Whether we have CAP_SYS_RESOURCE (capabilities(7)), which a container may lack.
fn may_raise_limits() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("linux");
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("in every status");
    u64::from_str_radix(set.trim(), 16).expect("hexadecimal") & 1 << 24 != 0
}

#[test]
fn a_volume_that_is_longer_than_any_file_before_is_written_to_its_end() {
    let house = House::new();
    house.prepare();
    let (guest, volume) = (house.new_guest(), volume(&house, 4096));
    let long = VolumeAt { size: size(4096), ..written(volume) };
    let mut console = boot(&house, guest, 2, &[]);
    let write =
        "dd if=/dev/urandom of=/dev/ubdc bs=1M seek=4090 count=4 conv=fsync 2>/dev/null && cat /proc/partitions";
    let attached = attach(&house, guest, long);
    if may_raise_limits() {
        attached.expect("attached");
        let said = say(&mut console, write);
        assert!(said.ends_with('0') && said.contains("4194304 ubdc"), "{said}");
    } else {
        eprintln!("PARTLY SKIPPED: nobody here may raise another process's limits (CAP_SYS_RESOURCE)");
        assert!(matches!(&attached, Err(Refusal::NotHere { what }) if what.contains("next start")), "{attached:?}");
        assert_eq!(file(&house, volume).2, 1, "it is nobody's again");
    }
    house.stop(guest, 10, StopHow::Kill).expect("killed");
    house.ended(guest);
    let mut console = boot(&house, guest, 11, &[long]);
    let said = say(&mut console, write);
    assert!(said.ends_with('0') && said.contains("4194304 ubdc"), "from its start on too: {said}");
    assert!(facts(&house, volume).taken_bytes >= 4 << 20);
}

#[test]
fn what_is_not_possible_is_refused_and_changes_nothing() {
    let house = House::new();
    house.prepare();
    let (guest, volume) = (house.new_guest(), volume(&house, 64));
    let unknown = VolumeId(uuid::Uuid::now_v7());
    let create = |mib| house.done(&Request::VolumeCreate { volume, size: size(mib) });
    let grow = |volume, mib| house.done(&Request::VolumeGrow { volume, size: size(mib) });
    let remove = |volume| house.done(&Request::VolumeRemove { volume });
    assert_eq!(create(64), Ok(()), "it is there");
    assert!(matches!(create(128), Err(Refusal::BadVolume { .. })));
    assert_eq!(grow(unknown, 128), Err(Refusal::UnknownVolume { volume: unknown }));
    assert_eq!(remove(unknown), Ok(()), "it is gone");
    assert_eq!(attach(&house, guest, written(volume)), Err(Refusal::NotRunning));
    let mut start = StartOrder { volumes: vec![written(unknown)], ..order(guest, 2) };
    assert_eq!(house.done(&Request::Start(start.clone())), Err(Refusal::UnknownVolume { volume: unknown }));
    let twice = at(volume, Slot::D, VolumeAccess::ReadWrite);
    start.volumes = vec![written(volume), twice];
    assert!(matches!(house.done(&Request::Start(start.clone())), Err(Refusal::BadVolume { .. })));
    assert_eq!(file(&house, volume).2, 1, "a start that failed has let go of it");

    // Somebody on the host has it open.
    let opened = File::options().write(true).open(house.layout.volume(volume)).expect("ours");
    start.volumes = vec![read(volume)];
    assert!(is_in_use(&house.done(&Request::Start(start.clone()))), "it is being written to");
    drop(opened);
    start.volumes = vec![written(volume)];
    let mut console = Console::boot(&house, &start);
    assert!(is_in_use(&grow(volume, 128)) && is_in_use(&remove(volume)));
    let second = VolumeId(uuid::Uuid::now_v7());
    house.done(&Request::VolumeCreate { volume: second, size: size(64) }).expect("made");
    assert!(matches!(attach(&house, guest, written(second)), Err(Refusal::BadVolume { .. })), "its place is taken");
    assert!(matches!(attach(&house, guest, read(volume)), Err(Refusal::BadVolume { .. })), "it is there otherwise");
    house.done(&Request::Pause { guest, generation: generation(9), paused: true }).expect("paused");
    house.until(guest, |seen| matches!(seen, Seen::Paused { .. }));
    assert_eq!(detach(&house, guest, volume), Err(Refusal::IsPaused));
    house.done(&Request::Pause { guest, generation: generation(9), paused: false }).expect("goes on");
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    let stale = house.done(&Request::VolumeDetach { guest, generation: generation(1), volume });
    assert!(matches!(stale, Err(Refusal::Stale { .. })), "{stale:?}");
    detach(&house, guest, volume).expect("nothing has it open");

    for _ in 0..2 {
        assert_eq!(grow(volume, 128), Ok(()));
    }
    assert!(matches!(grow(volume, 64), Err(Refusal::BadVolume { .. })), "it never becomes smaller");
    assert!(matches!(attach(&house, guest, written(volume)), Err(Refusal::BadVolume { .. })), "it is longer than that");
    attach(&house, guest, VolumeAt { size: size(256), ..written(volume) }).expect("it grows first");
    assert!(say(&mut console, "cat /proc/partitions").contains("262144 ubdc"));
    house.stop(guest, 10, StopHow::Kill).expect("killed");
    house.ended(guest);
    assert_eq!(facts(&house, volume).size_bytes, 256 << 20);
    for _ in 0..2 {
        assert_eq!(remove(volume), Ok(()));
    }
    assert!(!house.layout.volume(volume).exists());
}

#[test]
fn an_agent_that_is_killed_over_it_goes_on_when_it_is_asked_again() {
    let mut house = House::new();
    house.prepare();
    let (guest, volume) = (house.new_guest(), volume(&house, 64));
    put(&house, volume);
    let mut console = boot(&house, guest, 2, &[]);
    for round in 0..rounds() as u64 * 4 {
        let requests = [
            Request::VolumeAttach { guest, generation: generation(9), at: written(volume) },
            Request::VolumeDetach { guest, generation: generation(9), volume },
        ];
        for request in requests {
            house.connect().tell(&request);
            std::thread::sleep(Duration::from_millis(round * 3 % 17));
            house.kill_agent();
            house.start_agent();
            house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
            house.done(&request).expect("repeated");
            let is_there = matches!(request, Request::VolumeAttach { .. });
            assert_eq!(has_words(&mut console, Slot::C), is_there);
            assert_eq!(file(&house, volume).2, if is_there { 2 } else { 1 });
        }
    }
    // A guest that ends while no agent is there has let go of it as well.
    attach(&house, guest, written(volume)).expect("attached");
    let shim = house.shim(guest);
    house.kill_agent();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), nix::sys::signal::Signal::SIGKILL).expect("there");
    house.start_agent();
    house.ended(guest);
    assert_eq!(file(&house, volume), (Uid::effective().as_raw(), 0o600, 1));
    let half = house.layout.volumes().join(format!(".coming-{}", VolumeId(uuid::Uuid::now_v7())));
    fs::write(&half, "").expect("written");
    house.kill_agent();
    house.start_agent();
    assert!(!half.exists() && house.layout.volume(volume).exists());
}

#[test]
fn an_ordinary_users_guests_have_volumes_too() {
    let house = House::of_user(Uid::effective().is_root().then_some(NOBODYS));
    house.prepare();
    let (one, other) = (house.new_guest(), house.new_guest());
    let (mine, shared) = (volume(&house, 64), volume(&house, 64));
    put(&house, shared);
    let shared_at = at(shared, Slot::D, VolumeAccess::ReadOnly);
    let mut first = boot(&house, one, 2, &[written(mine), shared_at]);
    let mut second = boot(&house, other, 2, &[shared_at]);
    assert!(has_words(&mut first, Slot::D) && has_words(&mut second, Slot::D));
    assert!(!say(&mut first, "echo x | dd of=/dev/ubdd conv=notrunc,fsync").ends_with('0'));
    assert!(say(&mut first, "echo carried | dd of=/dev/ubdc conv=notrunc,fsync").ends_with('0'));
    assert!(is_in_use(&attach(&house, other, written(mine))));
    detach(&house, one, mine).expect("nothing has it open");
    attach(&house, other, written(mine)).expect("nobody has it");
    assert!(has_words(&mut second, Slot::C));
}

/// What it says last, which must end well.
fn well(console: &mut Console, line: &str) -> String {
    let said = say(console, line);
    let mut lines = said.trim_end().lines().rev().map(str::trim);
    assert_eq!(lines.next(), Some("0"), "{said}");
    lines.next().unwrap_or_default().to_owned()
}

/// On a child of a base, and on a volume.
#[test]
fn what_a_guest_discards_is_the_host_s_again() {
    let house = House::new();
    house.prepare();
    let (guest, volume) = (house.new_guest(), volume(&house, 64));
    let mut console = boot(&house, guest, 2, &[written(volume)]);
    let taken = || {
        let of = |path| fs::metadata(path).expect("there").blocks() * 512;
        [of(house.layout.disk(guest)), of(house.layout.volume(volume))]
    };
    let fill = "dd if=/dev/urandom of=/root/f bs=64k count=256 && dd if=/root/f of=/dev/ubdc bs=64k && sync";
    well(&mut console, fill);
    let full = taken();
    assert!(full.iter().all(|bytes| *bytes >= 16 << 20), "{full:?}");
    well(&mut console, "rm /root/f && sync && fstrim / && blkdiscard /dev/ubdc");
    let left = taken();
    assert!(left[0] + (15 << 20) < full[0] && left[1] < 1 << 20, "{full:?}, then {left:?}");
    // What is left is whole.
    assert_eq!(well(&mut console, "dd if=/dev/ubdc bs=64k count=256 2>/dev/null | tr -d '\\000' | wc -c"), "0");
    house.stop(guest, 3, StopHow::Kill).expect("killed");
}
