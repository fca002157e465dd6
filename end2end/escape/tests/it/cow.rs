//! A guest writes a copy-on-write header to its own plain disk, which names a file of the host, and starts
//! again.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use umbel_guest::{DiskKind, GuestId};
use umbel_uml::cow::CowHeader;
use umbel_wire::agent::{Refusal, Request, StartOrder};

use crate::by_hand::{cores, directory, run};
use crate::console::Console;
use crate::corpus::Den;
use crate::harness::order;

fn plain(guest: GuestId, number: u64) -> StartOrder {
    StartOrder { disk_kind: DiskKind::Plain, ..order(guest, number) }
}

#[test]
fn every_header_on_a_plain_disk_is_refused() {
    let den = Den::new();
    let guest = GuestId(uuid::Uuid::now_v7());
    den.house.disk(guest, DiskKind::Plain).expect("a disk");
    let disk = File::options().write(true).open(den.house.layout.disk(guest)).expect("there");
    let mut number = 2;
    for version in 1..=3u32 {
        for (magic, version) in [(*b"OOOM", version.to_be_bytes()), (*b"MOOO", version.to_le_bytes())] {
            disk.write_all_at(&[magic, version].concat(), 0).expect("written");
            let refused = den.house.done(&Request::Start(plain(guest, number))).expect_err("refused");
            assert!(matches!(refused, Refusal::BadDisk { .. }), "{refused:?}");
            number += 1;
        }
    }
}

#[test]
fn a_guest_that_writes_one_itself_does_not_start_again() {
    let den = Den::new();
    let guest = GuestId(uuid::Uuid::now_v7());
    den.house.disk(guest, DiskKind::Plain).expect("a disk");
    let mut console = Console::boot(&den.house, &plain(guest, 2));
    console.type_in(r"printf 'OOOM\000\000\000\003' | dd of=/dev/ubda bs=8 conv=notrunc; sync; reboot -f");
    // It doesn't execute itself again: that would open the disk as what the header names.
    den.house.ended(guest);
    let refused = den.house.done(&Request::Start(plain(guest, 3))).expect_err("refused");
    assert!(matches!(refused, Refusal::BadDisk { .. }), "{refused:?}");
}

#[test]
fn the_flag_d_is_what_keeps_a_header_from_being_believed() {
    let (den, place) = (Den::new(), directory());
    let (secret, disk) = (place.path().join("secret"), place.path().join("disk"));
    fs::write(&secret, format!("{:>4096}", "a secret of the host\n")).expect("written");
    let header = CowHeader::of_base(&secret).expect("a file");
    fs::write(&disk, [header.to_bytes(), vec![0; 16384]].concat()).expect("written");
    let read = ["init=/bin/sh", "--", "-c", "\"mount -t devtmpfs devtmpfs /dev; head -c 4096 /dev/ubda\""];
    let started = |flag: &str| {
        let disk = format!("ubd0{flag}={}", disk.display());
        run(&den, place.path(), &[&[disk.as_str()], &read[..]].concat(), false)
    };
    let without = started("");
    assert!(without.contains("a secret of the host"), "it can steal:\n{without}");
    let with = started("d");
    assert!(with.contains("OOOM") && !with.contains("a secret of the host"), "{with}");
}

#[test]
fn a_panic_leaves_no_memory_behind() {
    let (den, place) = (Den::new(), directory());
    let guest = den.house.new_guest();
    let mut console = Console::boot(&den.house, &order(guest, 2));
    let limits = fs::read_to_string(format!("/proc/{}/limits", den.house.shim(guest))).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    console.type_in("echo c >/proc/sysrq-trigger");
    den.house.ended(guest);
    for place in [den.house.layout.guest(guest), den.house.layout.data().to_owned(), "/".into()] {
        assert!(cores(&place).is_empty(), "{}", place.display());
    }

    // Where the host writes them beside the program, one by hand does.
    if fs::read_to_string("/proc/sys/kernel/core_pattern").is_ok_and(|pattern| pattern.trim() == "core") {
        run(&den, place.path(), &["init=/bin/false"], true);
        assert!(!cores(place.path()).is_empty(), "it can steal");
    }
}
