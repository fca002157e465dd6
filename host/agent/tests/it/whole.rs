//! A disk without its base, to the panel's backups and back: what a guest has written comes through it, whatever becomes
//! of the guest, and what is made to harm becomes nothing.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::Uid;
use umbel_guest::{DiskKind, DiskSize, GuestId, ImageId, SnapshotId, UploadId};
use umbel_wire::agent::{DiskSource, Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, generation, order, rounds, tiny};
use crate::user::NOBODYS;

fn size() -> DiskSize {
    DiskSize::from_mib(64).expect("a size")
}

fn id<T>(of: impl Fn(uuid::Uuid) -> T) -> T {
    of(uuid::Uuid::now_v7())
}

fn lending(guest: GuestId, snapshot: SnapshotId, upload: UploadId, kind: DiskKind) -> Request {
    Request::SnapshotLend { guest, snapshot, upload, image: tiny(), size: size(), kind }
}

fn making(guest: GuestId, number: u64, upload: UploadId, kind: DiskKind) -> Request {
    Request::DiskUpload { guest, generation: generation(number), upload, image: tiny(), size: size(), kind }
}

fn swapping(guest: GuestId, number: u64, upload: UploadId, kind: DiskKind) -> Request {
    let with = DiskSource::Upload { upload, image: tiny(), size: size(), kind };
    Request::DiskSwap { guest, generation: generation(number), keep: id(SnapshotId), with }
}

fn kept(house: &House, request: &Request) -> Result<(), Refusal> {
    match house.connect().ask(request) {
        Reply::Snapshot(_) => Ok(()),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn disk_of(house: &House, upload: UploadId) -> PathBuf {
    house.layout.upload(upload).join("disk")
}

/// A place of the panel's that a house of another user can reach.
fn place(house: &House, owner: Option<u32>) -> UploadId {
    let upload = house.upload(|_| ());
    let directory = house.layout.upload(upload);
    for path in [directory.as_path(), directory.parent().expect("one"), &house.layout.panel()] {
        std::os::unix::fs::chown(path, owner, owner).expect("given");
    }
    upload
}

/// Boots it, types a line that ends with `done`, and ends it.
fn said(house: &House, guest: GuestId, number: u64, disk_kind: DiskKind, line: &str) -> String {
    let mut console = Console::boot(house, &StartOrder { disk_kind, ..order(guest, number) });
    console.type_in(&format!("{line}; echo do\"\"ne"));
    console.until("done\r\n");
    let text = console.text.clone();
    house.stop(guest, number + 1, StopHow::Kill).expect("killed");
    house.ended(guest);
    text
}

fn there_and_back(house: &House, owner: Option<u32>, kind: DiskKind) {
    house.prepare();
    let (guest, snapshot) = (id(GuestId), id(SnapshotId));
    house.disk(guest, kind).expect("a disk");
    let write = "dd if=/dev/urandom of=/root/much bs=64k count=60 2>/dev/null; md5sum </root/much >/root/sum; sync";
    said(house, guest, 2, kind, write);
    kept(house, &Request::SnapshotTake { guest, generation: generation(4), snapshot }).expect("taken");
    let upload = place(house, owner);
    for _ in 0..2 {
        house.done(&lending(guest, snapshot, upload, kind)).expect("lent");
    }
    let lent = disk_of(house, upload);
    let facts = fs::metadata(&lent).expect("there");
    assert_eq!((facts.len(), facts.permissions().mode() & 0o777), (size().bytes(), 0o600));
    assert_eq!(facts.uid(), owner.unwrap_or_else(|| Uid::effective().as_raw()), "the panel's");
    assert!(facts.blocks() * 512 < 48 << 20, "as sparse as it was: {}", facts.blocks() * 512);
    assert!(!house.layout.upload(upload).join("disk.half").exists());
    let checked = std::process::Command::new("/sbin/e2fsck").args(["-fn"]).arg(&lent).output();
    assert!(checked.expect("the package e2fsprogs").stdout.windows(6).any(|part| part == b"Pass 5"));

    // What came later goes, what was kept comes back.
    said(house, guest, 5, kind, "rm /root/much; echo later >/root/later; sync");
    let swap = swapping(guest, 7, upload, kind);
    for _ in 0..2 {
        kept(house, &swap).expect("swapped");
    }
    let check = "ls /root | tr '\\n' ' '; md5sum </root/much | cmp - /root/sum && echo sa\"\"me";
    let text = said(house, guest, 8, kind, check);
    assert!(text.contains("much sum ") && text.contains("same\r\n"), "{text}");
    house.done(&Request::Purge { guest, generation: generation(10) }).expect("purged");

    // And a guest of its own, when that one is gone.
    let other = id(GuestId);
    for _ in 0..2 {
        house.done(&making(other, 1, upload, kind)).expect("made");
    }
    let taken = fs::metadata(house.layout.disk(other)).expect("there").blocks() * 512;
    assert!(kind != DiskKind::Cow || taken < 8 << 20, "only what differs from its base: {taken}");
    let text = said(house, other, 2, kind, check);
    assert!(text.contains("same\r\n"), "{text}");
    house.done(&Request::Purge { guest: other, generation: generation(9) }).expect("purged");
}

#[test]
fn a_child_goes_there_and_back() {
    there_and_back(&House::new(), None, DiskKind::Cow);
}

#[test]
fn a_whole_disk_goes_there_and_back() {
    there_and_back(&House::new(), None, DiskKind::Plain);
}

#[test]
fn an_ordinary_users_goes_there_and_back_too() {
    let owner = Uid::effective().is_root().then_some(NOBODYS);
    there_and_back(&House::of_user(owner), owner, DiskKind::Cow);
}

#[test]
fn what_was_given_back_is_what_was_lent() {
    let house = House::new();
    house.prepare();
    let (guest, snapshot, again) = (house.new_guest(), id(SnapshotId), id(SnapshotId));
    said(&house, guest, 2, DiskKind::Cow, "echo one >/root/one; sync");
    kept(&house, &Request::SnapshotTake { guest, generation: generation(4), snapshot }).expect("taken");
    let (first, second) = (house.upload(|_| ()), house.upload(|_| ()));
    house.done(&lending(guest, snapshot, first, DiskKind::Cow)).expect("lent");
    kept(&house, &swapping(guest, 5, first, DiskKind::Cow)).expect("swapped");
    kept(&house, &Request::SnapshotTake { guest, generation: generation(5), snapshot: again }).expect("taken");
    house.done(&lending(guest, again, second, DiskKind::Cow)).expect("lent");
    let bytes = |upload| fs::read(disk_of(&house, upload)).expect("there");
    assert!(bytes(first) == bytes(second));
    assert!(bytes(first) != fs::read(house.layout.base(&tiny(), size())).expect("there"));
}

#[test]
fn what_is_made_to_harm_is_refused_and_changes_nothing() {
    let house = House::new();
    house.prepare();
    let (guest, snapshot, upload) = (house.new_guest(), id(SnapshotId), house.upload(|_| ()));
    let unknown = house.done(&lending(guest, snapshot, upload, DiskKind::Cow));
    assert_eq!(unknown, Err(Refusal::UnknownSnapshot { snapshot }));
    kept(&house, &Request::SnapshotTake { guest, generation: generation(2), snapshot }).expect("taken");
    let nowhere = id(UploadId);
    let lost = house.done(&lending(guest, snapshot, nowhere, DiskKind::Cow));
    assert_eq!(lost, Err(Refusal::UnknownUpload { upload: nowhere }));
    assert!(matches!(house.done(&lending(guest, snapshot, upload, DiskKind::Memory)), Err(Refusal::NotHere { .. })));
    let other: ImageId = "other-1".parse().expect("a slug");
    let of_other = Request::SnapshotLend { guest, snapshot, upload, image: other, size: size(), kind: DiskKind::Cow };
    assert!(matches!(house.done(&of_other), Err(Refusal::UnknownImage { .. })));
    // A child is no whole disk, and one whose header was changed is nobody's child.
    assert!(matches!(house.done(&lending(guest, snapshot, upload, DiskKind::Plain)), Err(Refusal::BadDisk { .. })));
    let path = house.layout.snapshot(guest, snapshot);
    let header = fs::read(&path).expect("there")[..64].to_vec();
    let foreign = |bytes: &[u8], at| {
        File::options().write(true).open(&path).and_then(|file| file.write_all_at(bytes, at)).expect("ours");
    };
    foreign(b"/etc/shadow\0", 32);
    assert!(matches!(house.done(&lending(guest, snapshot, upload, DiskKind::Cow)), Err(Refusal::BadDisk { .. })));
    foreign(&header, 0);
    foreign(&u64::MAX.to_be_bytes(), 12);
    assert!(matches!(house.done(&lending(guest, snapshot, upload, DiskKind::Cow)), Err(Refusal::BadDisk { .. })));
    foreign(&header, 0);
    assert!(!disk_of(&house, upload).exists());

    // A link is not followed, neither as the place nor in it.
    let led = house.upload(|_| ());
    fs::remove_dir(house.layout.upload(led)).expect("empty");
    let outside = tempfile::tempdir().expect("tmp");
    symlink(outside.path(), house.layout.upload(led)).expect("linked");
    assert!(house.done(&lending(guest, snapshot, led, DiskKind::Cow)).is_err());
    let target = outside.path().join("target");
    fs::write(&target, "kept").expect("written");
    symlink(&target, house.layout.upload(upload).join("disk.half")).expect("linked");
    house.done(&lending(guest, snapshot, upload, DiskKind::Cow)).expect("the link goes, what it leads to stays");
    assert_eq!(fs::read_to_string(&target).expect("there"), "kept");
    assert_eq!(fs::read_dir(outside.path()).expect("there").count(), 1);

    // The way back.
    let before = fs::read(house.layout.disk(guest)).expect("there");
    let led = house.upload(|directory| symlink("/etc/passwd", directory.join("disk")).expect("linked"));
    let short = house.upload(|directory| fs::write(directory.join("disk"), [1; 4096]).expect("written"));
    let child = house.upload(|directory| {
        let file = File::create(directory.join("disk")).expect("made");
        file.set_len(size().bytes()).and_then(|()| file.write_all_at(b"OOOM\0\0\0\x03", 0)).expect("written");
    });
    for (bad, kind) in [(led, DiskKind::Cow), (short, DiskKind::Cow), (child, DiskKind::Plain)] {
        let (swapped, made) =
            (kept(&house, &swapping(guest, 3, bad, kind)), house.done(&making(id(GuestId), 1, bad, kind)));
        assert!(matches!(swapped, Err(Refusal::BadDisk { .. })), "{swapped:?}");
        assert!(matches!(made, Err(Refusal::BadDisk { .. })), "{made:?}");
    }
    assert_eq!(
        kept(&house, &swapping(guest, 3, nowhere, DiskKind::Cow)),
        Err(Refusal::UnknownUpload { upload: nowhere })
    );
    assert!(matches!(kept(&house, &swapping(guest, 3, upload, DiskKind::Memory)), Err(Refusal::NotHere { .. })));
    assert!(fs::read(house.layout.disk(guest)).expect("there") == before);
    assert_eq!(fs::read_dir(house.layout.guests()).expect("there").count(), 1, "no other guest was begun");
}

#[test]
fn an_agent_that_is_killed_over_it_leaves_all_or_none() {
    let mut house = House::new();
    house.prepare();
    let (guest, snapshot) = (house.new_guest(), id(SnapshotId));
    said(&house, guest, 2, DiskKind::Cow, "dd if=/dev/urandom of=/root/much bs=64k count=300 2>/dev/null; sync");
    kept(&house, &Request::SnapshotTake { guest, generation: generation(4), snapshot }).expect("taken");
    let whole = house.upload(|_| ());
    house.done(&lending(guest, snapshot, whole, DiskKind::Cow)).expect("lent");
    let expected = fs::read(disk_of(&house, whole)).expect("there");
    for round in 0..rounds() as u64 * 4 {
        let upload = house.upload(|_| ());
        let lend = lending(guest, snapshot, upload, DiskKind::Cow);
        house.connect().tell(&lend);
        std::thread::sleep(Duration::from_millis(round * 17 % 120));
        house.kill_agent();
        assert!(fs::read(disk_of(&house, upload)).map_or(true, |bytes| bytes == expected), "all or none");
        house.start_agent();
        house.done(&lend).expect("repeated");
        assert!(fs::read(disk_of(&house, upload)).expect("there") == expected);
        let other = id(GuestId);
        let make = making(other, 1, upload, DiskKind::Cow);
        house.connect().tell(&make);
        std::thread::sleep(Duration::from_millis(round * 29 % 150));
        house.kill_agent();
        house.start_agent();
        house.done(&make).expect("repeated");
        house.done(&Request::Purge { guest: other, generation: generation(2) }).expect("purged");
        fs::remove_dir_all(house.layout.upload(upload)).expect("the panel's own");
    }
}
