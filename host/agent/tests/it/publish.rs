//! An image that is made of what a guest has: guests boot from it, and what was the first one's own is in none of its
//! bytes.

use std::fs;
use std::time::Duration;

use nix::unistd::Uid;
use umbel_guest::publish::{Found, Trace};
use umbel_guest::{DiskKind, GuestId, ImageOrigin, Logins, Memory, SnapshotId};
use umbel_wire::agent::{DiskOf, ImageSaid, Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, generation, order, rounds, tiny};
use crate::images::{disk, id, images, names, remove, size};
use crate::user::NOBODYS;
use crate::workshop::with_our_own_kernel;

/// Stands in each file that must not come along.
const CANARY: &str = "canary-in-a-cage";

fn of(guest: GuestId, snapshot: SnapshotId, kind: DiskKind) -> DiskOf {
    DiskOf { guest, snapshot, image: tiny(), size: size(64), kind }
}

fn request(name: &str, of: DiskOf, logins: Logins) -> Request {
    let said = ImageSaid {
        title: "Mine".into(),
        description: "Of a test".into(),
        default_user: "root".into(),
        suggested_memory: Memory::DEFAULT,
        origin: ImageOrigin::Imported,
        came_from: String::new(),
        tested_with: String::new(),
    };
    Request::ImagePublish { image: id(name), of, logins, said }
}

fn found(house: &House, request: &Request) -> Result<Vec<Found>, Refusal> {
    match house.connect().ask(request) {
        Reply::Traces { found } => Ok(found),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

/// A guest that has been lived in, and a snapshot of it while it runs.
fn lived_in(house: &House, kind: DiskKind) -> (GuestId, DiskOf) {
    let guest = GuestId(uuid::Uuid::now_v7());
    let create = Request::DiskCreate { guest, generation: generation(1), image: tiny(), size: size(64), kind };
    house.done(&create).expect("made");
    let mut console = Console::boot(house, &StartOrder { disk_kind: kind, ..order(guest, 2) });
    // Written in halves: what is typed comes back on the console only.
    for line in [
        "mkdir -p /etc/ssh /var/log/own /var/tmp /home/anna/.ssh /root/.ssh /var/lib/cloud/instance; C=canary-in; D=-a-cage",
        "for f in /etc/ssh/ssh_host_rsa_key /etc/machine-id /var/log/own/log /root/.ash_history; do echo $C$D >$f; done",
        "for f in id_rsa authorized_keys; do echo $C$D >/home/anna/.ssh/$f; done; echo $C$D >/var/tmp/left",
        "echo $C$D >/var/lib/cloud/instance/user-data; echo \"anna:\\$6\\$$C$D:1::::::\" >>/etc/shadow; echo $C$D >/root/gone",
        "sync; rm /root/gone; echo mine >/root/kept; chmod 4751 /root/kept; ln /root/kept /root/too; ln -s /etc/x /root/leads",
        "mknod /root/null c 1 3; chown 1234:5678 /root/kept; chmod 4751 /root/kept; echo \"a b\" >\"/root/a b\"; sync; echo rea\"\"dy",
    ] {
        console.type_in(line);
    }
    console.until("ready\r\n");
    let snapshot = SnapshotId(uuid::Uuid::now_v7());
    let take = Request::SnapshotTake { guest, generation: generation(3), snapshot };
    assert!(matches!(house.connect().ask(&take), Reply::Snapshot(_)));
    house.stop(guest, 4, StopHow::Kill).expect("killed");
    house.ended(guest);
    (guest, of(guest, snapshot, kind))
}

fn traces(found: &[Found]) -> Vec<Trace> {
    found.iter().map(|found| found.trace).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Boots the image, asks, and is answered.
fn asked(house: &House, image: &str, question: &str, answer: &str) {
    let guest = GuestId(uuid::Uuid::now_v7());
    disk(house, guest, image, 256).expect("made");
    let start = StartOrder { image: id(image), disk: size(256), ..order(guest, 2) };
    let mut console = Console::boot(house, &start);
    console.type_in(question);
    console.until(answer);
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    house.done(&Request::Purge { guest, generation: generation(4) }).expect("purged");
}

/// In either kind of disk.
fn guests_have_what_it_had_and_nothing_that_was_its_own(house: &House, kind: DiskKind) {
    house.prepare();
    let (guest, of) = lived_in(house, kind);
    let snapshot = fs::read(house.layout.snapshot(guest, of.snapshot)).expect("there");
    assert!(holds(&snapshot, CANARY));
    let looked = found(house, &Request::SnapshotTraces { of: of.clone() }).expect("looked at");
    let all = [
        Trace::HostKeys,
        Trace::MachineId,
        Trace::Logs,
        Trace::History,
        Trace::PrivateKeys,
        Trace::Setup,
        Trace::Temporary,
        Trace::Logins,
    ];
    assert_eq!(traces(&looked), all, "{looked:?}");
    assert_eq!((looked[0].files, &looked[0].names[..]), (1, &["/etc/ssh/ssh_host_rsa_key".to_owned()][..]));
    assert_eq!(looked[7].names, ["/home/anna/.ssh/authorized_keys", "the password of anna"]);
    assert!(fs::read(house.layout.snapshot(guest, of.snapshot)).expect("there") == snapshot, "it is as it was");

    let left = found(house, &request("mine-1", of.clone(), Logins::Remove)).expect("made");
    assert_eq!(left, looked);
    let facts = images(house).into_iter().find(|image| image.id == id("mine-1")).expect("listed");
    assert_eq!((facts.origin, facts.fills_disk, facts.sizes[0]), (ImageOrigin::Published, true, size(64)));
    let bytes = fs::read(house.layout.base(&id("mine-1"), size(64))).expect("there");
    assert!(holds(&bytes, "mine\n") && !holds(&bytes, CANARY), "not even in a block that nothing uses");
    let question = "stat -c '%u:%g:%a:%h:%F' /root/kept /root/null; readlink /root/leads; cat '/root/a b'; \
                    ls -d /home/anna/.ssh /etc/ssh/ssh_host_rsa_key; wc -c /etc/machine-id; grep anna /etc/shadow";
    let answer = "1234:5678:4751:2:regular file\r\n0:0:644:1:character special file\r\n/etc/x\r\na b\r\n\
                  ls: /etc/ssh/ssh_host_rsa_key: No such file or directory\r\n/home/anna/.ssh\r\n\
                  0 /etc/machine-id\r\nanna:*:1::::::\r\n";
    asked(house, "mine-1", question, answer);

    assert_eq!(found(house, &request("mine-1", of.clone(), Logins::Remove)), Ok(vec![]), "it is made already");
    let left = found(house, &request("mine-2", of.clone(), Logins::Keep)).expect("made");
    assert_eq!(traces(&left), all[..7]);
    let bytes = fs::read(house.layout.base(&id("mine-2"), size(64))).expect("there");
    assert!(holds(&bytes, &format!("$6${CANARY}")));
    asked(house, "mine-2", "cat /home/anna/.ssh/*; echo th\"\"us", &format!("{CANARY}\r\nthus\r\n"));
    house.done(&Request::Purge { guest, generation: generation(5) }).expect("purged");
    for name in ["mine-1", "mine-2"] {
        remove(house, name).expect("nobody has it");
    }
    assert_eq!(names(house), [""; 0]);
}

#[test]
fn guests_of_a_published_disk_have_what_it_had_and_nothing_that_was_its_own() {
    guests_have_what_it_had_and_nothing_that_was_its_own(&with_our_own_kernel(), DiskKind::Cow);
}

#[test]
fn the_same_of_a_plain_disk() {
    guests_have_what_it_had_and_nothing_that_was_its_own(&with_our_own_kernel(), DiskKind::Plain);
}

#[test]
fn an_ordinary_user_publishes_too() {
    let user = Uid::effective().is_root().then_some(NOBODYS);
    guests_have_what_it_had_and_nothing_that_was_its_own(&House::of_user(user), DiskKind::Cow);
}

#[test]
fn an_agent_that_is_killed_over_it_leaves_none_or_all_of_it() {
    let mut house = with_our_own_kernel();
    let (guest, of) = lived_in(&house, DiskKind::Cow);
    for round in 0..rounds() as u64 * 3 {
        house.connect().tell(&request("mine-1", of.clone(), Logins::Remove));
        std::thread::sleep(Duration::from_millis(30 + round * 397 % 3000));
        house.kill_agent();
        house.start_agent();
        let names = names(&house);
        assert!(names.is_empty() || names == ["mine-1"], "{names:?}");
        found(&house, &request("mine-1", of.clone(), Logins::Remove)).expect("repeated");
        remove(&house, "mine-1").expect("removed");
    }
    house.done(&Request::Purge { guest, generation: generation(5) }).expect("purged");
}

#[test]
fn what_is_no_guests_disk_becomes_no_image() {
    let house = with_our_own_kernel();
    let (guest, of) = lived_in(&house, DiskKind::Cow);
    let unknown = SnapshotId(uuid::Uuid::now_v7());
    let missing = DiskOf { snapshot: unknown, ..of.clone() };
    assert_eq!(
        found(&house, &request("mine-1", missing.clone(), Logins::Remove)),
        Err(Refusal::UnknownSnapshot { snapshot: unknown })
    );
    assert_eq!(
        found(&house, &Request::SnapshotTraces { of: missing }),
        Err(Refusal::UnknownSnapshot { snapshot: unknown })
    );
    // A header that names another base, and a plain disk that begins like a child.
    let other = DiskOf { size: size(128), ..of.clone() };
    let plain = DiskOf { kind: DiskKind::Plain, ..of.clone() };
    for wrong in [other, plain] {
        let refused = found(&house, &request("mine-1", wrong, Logins::Remove));
        assert!(matches!(refused, Err(Refusal::BadDisk { .. })), "{refused:?}");
    }
    let refused = found(&house, &request(tiny().as_str(), of.clone(), Logins::Remove));
    assert!(matches!(refused, Err(Refusal::BadImage { .. })), "{refused:?}");
    // No file system at all: all that the guest has written is something else.
    let mut child = fs::read(house.layout.snapshot(guest, of.snapshot)).expect("there");
    let first = child.len() - (64 << 20);
    child[first..first + (1 << 20)].fill(0x5a);
    // Its bitmap says that all of it is the child's.
    child[8192..8192 + 256].fill(0xff);
    fs::write(house.layout.snapshot(guest, of.snapshot), child).expect("written");
    let refused = found(&house, &request("mine-1", of, Logins::Remove));
    assert!(matches!(&refused, Err(Refusal::BadDisk { reason }) if reason.contains("file system")), "{refused:?}");
    assert_eq!(names(&house), [""; 0]);
    house.done(&Request::Purge { guest, generation: generation(5) }).expect("purged");
}
