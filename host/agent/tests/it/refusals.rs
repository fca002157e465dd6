//! What the agent does not do, and what is left of it: nothing.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use nix::unistd::{Gid, Uid};
use umbel_guest::{DiskKind, DiskSize, GuestId, KernelId, Memory};
use umbel_wire::agent::{Refusal, Reply, Request, StartOrder, StopHow, VERSION};
use umbel_wire::frame;

use crate::harness::{Client, House, generation, kernels_of, order, tiny};

fn start(house: &House, change: impl FnOnce(&mut StartOrder), guest: GuestId) -> Refusal {
    let mut order = order(guest, 5);
    change(&mut order);
    let refused = house.done(&Request::Start(order)).expect_err("refused");
    assert!(!house.layout.shim_socket(guest).exists() && !house.layout.work(guest).exists());
    assert!(!house.seen(guest).is_alive());
    refused
}

#[test]
fn a_start_that_cannot_be_is_refused_by_name_and_leaves_nothing() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let unknown: KernelId = "other-1".parse().expect("a slug");
    assert_eq!(start(&house, |o| o.kernel = unknown.clone(), guest), Refusal::UnknownKernel { kernel: unknown });
    assert_eq!(
        start(&house, |o| o.image = "other-1".parse().expect("a slug"), guest),
        Refusal::UnknownImage { image: "other-1".parse().expect("a slug") }
    );

    for (name, content, words) in [
        ("cut-1", fs::read("/usr/bin/linux.uml").expect("there")[..100_000].to_vec(), "cut short"),
        ("foreign-1", b"#!/bin/sh\nexit 0\n".to_vec(), "not an ELF program"),
    ] {
        let id: KernelId = name.parse().expect("a slug");
        fs::create_dir(house.layout.kernel(&id)).expect("made");
        let file = house.layout.kernel(&id).join("linux");
        fs::write(&file, content).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("set");
        match start(&house, |o| o.kernel = id.clone(), guest) {
            Refusal::BadKernel { kernel, reason } => assert!(kernel == id && reason.contains(words), "{reason}"),
            other => panic!("{other:?}"),
        }
    }

    match house.connect().ask(&Request::Host {}) {
        Reply::Host(facts) if facts.memory_available_mib < 65536 => {
            let refused = start(&house, |o| o.memory = Memory::from_mib(65536).expect("in bounds"), guest);
            assert!(matches!(refused, Refusal::NoMemory { wanted_mib: 65536, .. }), "{refused:?}");
        }
        Reply::Host(_) => {}
        other => panic!("{other:?}"),
    }

    // A disk of another make than the order says, then one that was written to from outside.
    let larger = DiskSize::from_mib(128).expect("a size");
    assert!(matches!(start(&house, |o| o.disk = larger, guest), Refusal::BadDisk { .. }));
    let disk = fs::read(house.layout.disk(guest)).expect("there");
    let mut other = disk.clone();
    other[33] ^= 1;
    fs::write(house.layout.disk(guest), other).expect("written");
    assert!(matches!(start(&house, |_| {}, guest), Refusal::BadDisk { .. }));
    fs::write(house.layout.disk(guest), disk).expect("written");

    let base = house.layout.base(&tiny(), DiskSize::from_mib(64).expect("a size"));
    fs::remove_file(&base).expect("removed");
    assert_eq!(start(&house, |_| {}, guest), Refusal::ImageMissing { image: tiny(), file: base.display().to_string() });
    house.prepare();
    house.boot(guest, 5);
    assert_eq!(house.purge(guest, 6), Err(Refusal::StillRunning));
    assert_eq!(house.done(&Request::Start(order(guest, 6))), Err(Refusal::StillRunning));
    house.boot(guest, 5);
    let (asked, have) = (generation(4), generation(5));
    assert_eq!(house.stop(guest, 4, StopHow::Kill), Err(Refusal::Stale { asked, have }));
    house.stop(guest, 7, StopHow::Kill).expect("killed");
    let (asked, have) = (generation(6), generation(7));
    assert_eq!(house.done(&Request::Start(order(guest, 6))), Err(Refusal::Stale { asked, have }));
    assert_eq!(house.purge(guest, 6), Err(Refusal::Stale { asked, have }));
    assert_eq!(house.stop(guest, 8, StopHow::ShutDown), Err(Refusal::NotRunning));
    assert!(kernels_of(guest).is_empty());
}

#[test]
fn a_guest_without_a_disk_and_one_that_nobody_knows() {
    let house = House::new();
    let guest = GuestId(uuid::Uuid::now_v7());
    assert_eq!(house.done(&Request::Start(order(guest, 1))), Err(Refusal::NoDisk));
    assert_eq!(house.stop(guest, 1, StopHow::Kill), Err(Refusal::NotRunning));
    assert_eq!(house.purge(guest, 1), Ok(()));
    assert_eq!(house.disk(guest, DiskKind::Cow), Err(Refusal::UnknownImage { image: tiny() }));
    assert_eq!(house.facts(guest), None);
    assert!(!house.layout.guest(guest).exists());
}

#[test]
fn a_full_disk_is_said_and_nothing_half_done_stays() {
    let mut house = House::new();
    house.kill_agent();
    // A file system of a few MiB under the data directory, which only this agent sees.
    let mount = "mount -t tmpfs -o size=$1,mode=755 tmpfs \"$2\" && shift 2 && exec \"$@\"";
    for (size, fits) in [("9m", false), ("60m", true)] {
        let mut command = Command::new("unshare");
        let (uid, gid) = (Uid::effective(), Gid::effective());
        command.arg(if uid.is_root() { "-m" } else { "-rm" });
        command.args(["sh", "-c", mount, "sh", size]).arg(house.layout.data());
        if !uid.is_root() {
            // Root only for the mount; the agent is the user again.
            let ids = [format!("--map-user={uid}"), format!("--map-group={gid}")];
            command.args(["unshare", "--user"]).args(ids);
        }
        command.arg(env!("CARGO_BIN_EXE_umbel-agent")).arg("serve").args(house.places());
        command.stderr(std::process::Stdio::null());
        house.start(command);
        match house.connect().ask(&Request::ImagePrepare { image: tiny() }) {
            Reply::Refused(Refusal::DiskFull { free_mib }) if !fits => assert!(free_mib < 9),
            Reply::Image(_) if fits => {
                let guest = GuestId(uuid::Uuid::now_v7());
                let refused = house.disk(guest, DiskKind::Plain).expect_err("no room");
                assert!(matches!(refused, Refusal::DiskFull { .. }), "{refused:?}");
                assert_eq!(house.facts(guest), None);
            }
            other => panic!("{size}: {other:?}"),
        }
        house.kill_agent();
    }
    house.start_agent();
}

#[test]
fn whoever_does_not_greet_or_speaks_another_version_is_not_served() {
    let house = House::new();
    let mut silent = Client(UnixStream::connect(house.layout.agent_socket()).expect("listens"));
    silent.tell(&Request::Kernels {});
    assert!(frame::read(&mut silent.0).is_err(), "closed without an answer");

    let mut newer = Client(UnixStream::connect(house.layout.agent_socket()).expect("listens"));
    let asked = VERSION + 1;
    assert_eq!(
        newer.ask(&Request::Hello { version: asked }),
        Reply::Refused(Refusal::Version { have: VERSION, asked })
    );

    for bytes in [&b"\xff\xff\xff\xff"[..], b"\x02\0\0\0{}", b"\x05\0\0\0hello"] {
        let mut client = UnixStream::connect(house.layout.agent_socket()).expect("listens");
        client.write_all(bytes).expect("written");
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0, "{bytes:?}");
    }
    assert!(house.inventory(0, 0).guests.is_empty());
}

#[test]
fn a_data_directory_that_guests_could_not_enter_is_named() {
    if !Uid::effective().is_root() {
        // Guests of an ordinary user are that user: every directory of theirs is open to them.
        return assert!(House::new().inventory(0, 0).guests.is_empty());
    }
    let mut house = House::new();
    house.kill_agent();
    let close = |mode| fs::set_permissions(house.layout.data(), fs::Permissions::from_mode(mode)).expect("set");
    close(0o700);
    let refused = house.command().arg("serve").args(house.places()).output().expect("runs");
    close(0o755);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("chmod o+x"), "{said}");
}

#[test]
fn one_data_directory_has_one_agent() {
    let house = House::new();
    let second = house.command().arg("serve").args(house.places()).output().expect("runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another agent serves"), "{said}");
    assert!(house.inventory(0, 0).guests.is_empty(), "the first one still answers");
}
