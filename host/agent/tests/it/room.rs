//! A disk of the host's that becomes full while guests write to theirs: a pool of 2 GiB.

use std::fs::{self, File};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::unistd::Uid;
use umbel_agent::host::free_mib;
use umbel_guest::{DiskKind, GuestId, Seen};
use umbel_wire::agent::{Refusal, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, generation, order, soon, tiny};
use crate::images::size;
use crate::kernels::with;

/// What a guest stands still below, in MiB, and what is left for its growing disk above that.
const MARK: u64 = 256;
const ABOVE: u64 = 100;

fn free(house: &House) -> u64 {
    free_mib(house.layout.data()).expect("readable")
}

/// Takes all but so much of the room.
fn fill(house: &House, left_mib: u64) -> File {
    let file = File::create(house.layout.data().join("filling")).expect("made");
    let bytes = i64::try_from((free(house) - left_mib) << 20).expect("fits");
    fallocate(&file, FallocateFlags::empty(), 0, bytes).expect("taken");
    file
}

#[test]
fn before_the_disk_is_full_guests_that_write_stand_still_and_go_on_when_there_is_room() {
    if !Uid::effective().is_root() {
        return eprintln!("SKIPPED: only root mounts a file system");
    }
    let Some(mut house) = House::on_pool() else {
        return eprintln!("SKIPPED: this host mounts no XFS out of a file");
    };
    with(&mut house, &["--hold-below", &MARK.to_string()]);
    house.prepare();
    let (writes, idles) = (GuestId(uuid::Uuid::now_v7()), house.new_guest());
    let disk =
        |kind| Request::DiskCreate { guest: writes, generation: generation(1), image: tiny(), size: size(512), kind };
    house.done(&disk(DiskKind::Cow)).expect("made");
    let mut writer = Console::boot(&house, &StartOrder { disk: size(512), ..order(writes, 2) });
    let mut idle = Console::boot(&house, &order(idles, 2));
    let filling = fill(&house, MARK + ABOVE);

    // More than there is room for, 4 MiB at a time.
    writer.type_in(
        "i=0; while [ $i -lt 75 ]; do dd if=/dev/urandom of=/root/$i bs=64k count=64 2>/dev/null && sync || break; i=$((i+1)); done; sha256sum /root/* | sort >/tmp/sums; echo wr\"\"ote $i",
    );
    house.until(writes, Seen::is_held);
    assert!(free(&house) > MARK / 2, "{} MiB are left", free(&house));
    idle.type_in("echo still $((6*7))");
    idle.until("still 42\r\n");
    let resume = Request::Pause { guest: writes, generation: generation(2), paused: false };
    assert!(matches!(house.done(&resume), Err(Refusal::DiskFull { .. })), "it would write on");

    // A next agent knows whom it holds.
    with(&mut house, &["--hold-below", &MARK.to_string()]);
    house.until(writes, Seen::is_held);
    drop(filling);
    fs::remove_file(house.layout.data().join("filling")).expect("ours");
    house.until(writes, |seen| matches!(seen, Seen::Running { .. }));
    writer.until("wrote 75\r\n");
    writer.type_in("echo 3 >/proc/sys/vm/drop_caches; sha256sum /root/* | sort | cmp - /tmp/sums && echo sa\"\"me");
    writer.until("same\r\n");

    // Where most of it is taken nothing new is made.
    let _filling = fill(&house, 150);
    let other = GuestId(uuid::Uuid::now_v7());
    let create = Request::DiskCreate {
        guest: other,
        generation: generation(1),
        image: tiny(),
        size: size(64),
        kind: DiskKind::Cow,
    };
    assert!(matches!(house.done(&create), Err(Refusal::DiskFull { .. })));
    for guest in [writes, idles] {
        house.stop(guest, 3, StopHow::Kill).expect("killed");
    }
    assert!(soon(PATIENCE, || !house.layout.data().join("agent").join(format!("{writes}.held")).exists()));
}
