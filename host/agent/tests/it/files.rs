//! Single files off a disk that is read in a guest: whatever its names, links and devices are, what comes is what lies
//! there, and nothing of the host.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Uid;
use umbel_agent::workshop::Bench;
use umbel_guest::files::{FileAsk, FileKind, FileList, FileName, FilePath, LIST_MAX, NoFile, parse_list};
use umbel_guest::{DiskKind, GuestId, SnapshotId, UploadId};
use umbel_wire::agent::{DiskOf, FilesOf, FilesRead, Refusal, Reply, Request, StopHow};

use crate::console::Console;
use crate::harness::{House, generation, order, rounds, tiny};
use crate::images::{names, size, upload};
use crate::user::NOBODYS;
use crate::workshop::with_our_own_kernel;

fn path(text: &str) -> FilePath {
    text.parse().expect("a path")
}

fn request(of: &FilesOf, ask: FileAsk, path: FilePath, to: UploadId) -> Request {
    Request::FilesRead(FilesRead { of: of.clone(), ask, path, to })
}

/// An upload of the panel's, who is the agent's user here.
fn place(house: &House) -> UploadId {
    let to = house.upload(|_| ());
    let owner = Some(fs::metadata(house.layout.guests()).expect("there").uid());
    let directory = house.layout.upload(to);
    for path in [directory.as_path(), directory.parent().expect("one"), &house.layout.panel()] {
        std::os::unix::fs::chown(path, owner, owner).expect("given");
    }
    to
}

/// What comes of it, as the panel finds it.
fn read_at(house: &House, of: &FilesOf, ask: FileAsk, path: FilePath) -> Result<Vec<u8>, Refusal> {
    let to = place(house);
    let done = house.done(&request(of, ask, path, to));
    let file = house.layout.upload(to).join("disk");
    let read = done.map(|()| {
        let facts = fs::metadata(&file).expect("there");
        assert_eq!(facts.permissions().mode() & 0o777, 0o600, "the panel's alone");
        fs::read(&file).expect("readable")
    });
    assert!(read.is_ok() || !file.exists(), "a failure leaves nothing");
    fs::remove_dir_all(house.layout.upload(to)).expect("removed");
    read
}

fn read(house: &House, of: &FilesOf, ask: FileAsk, text: &str) -> Result<Vec<u8>, Refusal> {
    read_at(house, of, ask, path(text))
}

fn list(house: &House, of: &FilesOf, text: &str) -> Result<FileList, Refusal> {
    read(house, of, FileAsk::List, text).map(|bytes| parse_list(&bytes))
}

fn content(house: &House, of: &FilesOf, text: &str) -> Result<Vec<u8>, Refusal> {
    read(house, of, FileAsk::Content, text)
}

fn why<T: std::fmt::Debug>(read: Result<T, Refusal>) -> NoFile {
    match read {
        Err(Refusal::NoFile { why }) => why,
        other => panic!("{other:?}"),
    }
}

/// A disk with a file system of what `fill` makes.
fn disk_with(house: &House, mib: u32, options: &[&str], fill: impl FnOnce(&Path)) -> (UploadId, FilesOf) {
    let place = tempfile::tempdir().expect("tmp");
    let tree = place.path().join("tree");
    fs::create_dir(&tree).expect("made");
    fill(&tree);
    let came = upload(house, |disk| {
        let mut command = Command::new("/sbin/mke2fs");
        command.args(["-q", "-F", "-t", "ext4", "-b", "4096"]).args(options).arg("-d").arg(&tree).arg(disk);
        let output = command.arg(format!("{mib}M")).output().expect("the package e2fsprogs");
        assert!(output.status.success(), "{output:?}");
    });
    (came, FilesOf::Upload { upload: came, size: size(mib) })
}

/// Names that a shell, a terminal, a program or a reader could take for something else.
const NAMES: [&[u8]; 16] = [
    b"a\nb",
    b"\x1b[31mred",
    "txt.\u{202e}exe".as_bytes(),
    b"\xff\xfe\x81\x88",
    b"-rf",
    b"--to-command=sh",
    b"%41",
    b" two  blanks ",
    b"$(reboot)`reboot`",
    b"*",
    b"{}",
    b"'\"\\",
    b"...",
    b"~",
    b"workshop: done 4096",
    b"\t\r\x07",
];

fn hostile(tree: &Path, outside: &Path) {
    let names = tree.join("names");
    fs::create_dir(&names).expect("made");
    for name in NAMES {
        let directory = names.join(OsStr::from_bytes(name));
        fs::create_dir(&directory).expect("made");
        fs::write(directory.join(OsStr::from_bytes(name)), name).expect("written");
    }
    fs::write(names.join("x".repeat(255)), "long").expect("written");
    let links = tree.join("links");
    fs::create_dir(&links).expect("made");
    for (name, to) in [
        ("passwd", "/etc/passwd".as_ref()),
        ("canary", outside),
        ("up", "../../../../../etc".as_ref()),
        ("root", "/".as_ref()),
        ("round", ".".as_ref()),
        ("inside", "../names".as_ref()),
        ("asked", "/last".as_ref()),
        ("self", "self".as_ref()),
    ] {
        symlink(to, links.join(name)).expect("linked");
    }
    let special = tree.join("special");
    fs::create_dir(&special).expect("made");
    for (name, kind, device) in [("zero", SFlag::S_IFCHR, makedev(1, 5)), ("disk", SFlag::S_IFBLK, makedev(98, 0))] {
        mknod(&special.join(name), kind, Mode::S_IRWXU, device).expect("as root");
    }
    nix::unistd::mkfifo(&special.join("pipe"), Mode::S_IRWXU).expect("made");
    drop(std::os::unix::net::UnixListener::bind(special.join("socket")).expect("bound"));
    fs::write(special.join("file"), "beside them").expect("written");
    let own = tree.join("own");
    fs::write(&own, "mine").expect("written");
    std::os::unix::fs::chown(&own, Some(1234), Some(5678)).expect("given");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o4750)).expect("set");
    let holes = File::create(tree.join("holes")).expect("made");
    holes.set_len(1 << 30).expect("long");
    holes.write_all_at(b"in the middle", 500 << 20).expect("written");
    File::create(tree.join("huge")).and_then(|file| file.set_len(4 << 40)).expect("long");
    File::create(tree.join("empty")).expect("made");
}

#[test]
fn whatever_a_disk_calls_its_files_they_come_as_they_are() {
    let house = with_our_own_kernel();
    let outside = tempfile::NamedTempFile::new().expect("tmp");
    fs::write(outside.path(), "a canary outside").expect("written");
    let (came, of) = disk_with(&house, 128, &[], |tree| hostile(tree, outside.path()));
    let disk = house.layout.upload(came).join("disk");
    let sum = || <sha2::Sha256 as sha2::Digest>::digest(fs::read(&disk).expect("readable"));
    let before = sum();

    let all = list(&house, &of, "/names").expect("listed");
    let mut wished: Vec<FileName> = NAMES.iter().map(|name| FileName::new(name)).collect();
    wished.push(FileName::new("x".repeat(255).as_bytes()));
    wished.sort();
    assert_eq!(all.entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>(), wished);
    assert!(!all.has_more && !all.is_damaged);
    for name in NAMES.map(FileName::new) {
        let deep = path("/names").join(&name).and_then(|path| path.join(&name)).expect("a path");
        let read = read_at(&house, &of, FileAsk::Content, deep.to_string().parse().expect("as it is shown"));
        assert_eq!(read.as_deref(), Ok(name.as_bytes()), "{name}");
    }

    let links = list(&house, &of, "/links").expect("listed");
    let target = |name: &str| {
        let entry = links.entries.iter().find(|entry| entry.name == FileName::new(name.as_bytes())).expect(name);
        assert_eq!(entry.kind, FileKind::Link);
        entry.target.clone().expect("it leads somewhere")
    };
    assert_eq!(target("passwd"), FileName::new(b"/etc/passwd"));
    assert_eq!(target("canary"), FileName::new(outside.path().as_os_str().as_bytes()));
    for link in links.entries.iter().map(|entry| format!("/links/{}", entry.name)) {
        assert_eq!(why(content(&house, &of, &link)), NoFile::Special, "{link}");
        assert_eq!(why(list(&house, &of, &link)), NoFile::NoDirectory, "{link}");
        let below = [format!("{link}/passwd"), format!("{link}/links/passwd"), format!("{link}/own")];
        for below in below {
            assert_eq!(why(content(&house, &of, &below)), NoFile::Missing, "{below}");
        }
    }
    for name in ["zero", "disk", "pipe", "socket"] {
        assert_eq!(why(content(&house, &of, &format!("/special/{name}"))), NoFile::Special, "{name}");
        assert_eq!(why(read(&house, &of, FileAsk::Archive, &format!("/special/{name}"))), NoFile::Special, "{name}");
    }
    let root = list(&house, &of, "/").expect("listed");
    let own = root.entries.iter().find(|entry| entry.name == FileName::new(b"own")).expect("there");
    assert_eq!((own.kind, own.bytes, own.mode, own.uid, own.gid), (FileKind::File, 4, 0o4750, 1234, 5678));
    assert_eq!(why(content(&house, &of, "/special")), NoFile::Directory);
    assert_eq!(why(list(&house, &of, "/own")), NoFile::NoDirectory);
    assert_eq!(why(content(&house, &of, "/nothing")), NoFile::Missing);
    assert_eq!(why(content(&house, &of, "/own/below")), NoFile::Missing);
    assert_eq!(why(content(&house, &of, "/huge")), NoFile::Large { mib: 4096 });
    assert_eq!(content(&house, &of, "/empty"), Ok(Vec::new()));
    assert!(sum() == before, "the disk is as it was");
    archives(&house, &of);
}

fn archives(house: &House, of: &FilesOf) {
    let unpacked = |text: &str| {
        let place = tempfile::tempdir().expect("tmp");
        fs::write(place.path().join("tar"), read(house, of, FileAsk::Archive, text).expect("taken")).expect("written");
        let mut command = Command::new("tar");
        let output = command.args(["-x", "-p", "--numeric-owner", "-f", "tar"]).current_dir(place.path()).output();
        assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
        place
    };
    let place = unpacked("/special");
    let special = place.path().join("special");
    assert_eq!(fs::read_dir(&special).expect("a directory").count(), 1, "no device, pipe and socket");
    assert_eq!(fs::read_to_string(special.join("file")).expect("there"), "beside them");
    let place = unpacked("/names");
    for name in NAMES.map(OsStr::from_bytes) {
        let file = place.path().join("names").join(name).join(name);
        assert_eq!(fs::read(file).expect("there"), name.as_bytes());
    }
    let place = unpacked("/links");
    let passwd = fs::symlink_metadata(place.path().join("links/passwd")).expect("there");
    assert!(passwd.is_symlink());
    let place = unpacked("/own");
    let facts = fs::metadata(place.path().join("own")).expect("there");
    assert_eq!((facts.uid(), facts.mode() & 0o7777), (1234, 0o4750));
    let place = unpacked("/holes");
    let facts = fs::metadata(place.path().join("holes")).expect("there");
    assert_eq!(facts.len(), 1 << 30);
    assert!(facts.blocks() * 512 < 1 << 20, "holes stay holes");
}

#[test]
fn a_file_with_holes_is_as_long_as_it_says_and_takes_no_more_than_it_holds() {
    let house = with_our_own_kernel();
    let (_, of) = disk_with(&house, 64, &[], |tree| {
        let holes = File::create(tree.join("holes")).expect("made");
        holes.set_len(1 << 30).expect("long");
        holes.write_all_at(b"in the middle", 500 << 20).expect("written");
    });
    let to = house.upload(|_| ());
    house.done(&request(&of, FileAsk::Content, path("/holes"), to)).expect("read");
    let file = File::open(house.layout.upload(to).join("disk")).expect("there");
    let facts = file.metadata().expect("facts");
    assert_eq!(facts.len(), 1 << 30);
    assert!(facts.blocks() * 512 < 1 << 20, "{}", facts.blocks() * 512);
    let mut middle = [0; 13];
    file.read_exact_at(&mut middle, 500 << 20).expect("readable");
    assert_eq!(&middle, b"in the middle");
}

#[test]
fn of_a_directory_no_more_is_listed_than_is_promised_and_that_is_said() {
    let house = with_our_own_kernel();
    let (_, of) = disk_with(&house, 128, &["-N", "30000"], |tree| {
        for (directory, count) in [("just", LIST_MAX), ("more", LIST_MAX + 1)] {
            fs::create_dir(tree.join(directory)).expect("made");
            (0..count).for_each(|number| drop(File::create(tree.join(directory).join(format!("{number:05}")))));
        }
    });
    let just = list(&house, &of, "/just").expect("listed");
    assert_eq!((just.entries.len(), just.has_more, just.is_damaged), (LIST_MAX, false, false));
    assert_eq!(just.entries[9999].name, FileName::new(b"09999"));
    let more = list(&house, &of, "/more").expect("listed");
    assert_eq!((more.entries.len(), more.has_more, more.is_damaged), (LIST_MAX, true, false));
}

/// The disk with bytes written over it.
fn broken(house: &House, places: &[(u64, usize)], with: &[u8]) -> FilesOf {
    let fill = |tree: &Path| {
        fs::create_dir(tree.join("directory")).expect("made");
        fs::write(tree.join("directory/file"), vec![b'x'; 1 << 20]).expect("written");
    };
    let (came, of) = disk_with(house, 64, &[], fill);
    let disk = File::options().write(true).open(house.layout.upload(came).join("disk")).expect("there");
    for (at, count) in places {
        let bytes: Vec<u8> = with.iter().copied().cycle().take(*count).collect();
        disk.write_all_at(&bytes, *at).expect("written");
    }
    of
}

#[test]
fn a_damaged_disk_and_one_that_is_none_are_errors_and_no_more() {
    let house = with_our_own_kernel();
    let nothing = broken(&house, &[(0, 4 << 20)], &[0x5a]);
    assert_eq!(why(list(&house, &nothing, "/")), NoFile::Unknown);
    let luks = broken(&house, &[(0, 4 << 20)], b"LUKS\xba\xbe\0\x02");
    assert_eq!(why(list(&house, &luks, "/")), NoFile::Encrypted);
    // All but the superblock.
    let tables = broken(&house, &[(4096, 60 << 20)], &[0xa5]);
    let refused = list(&house, &tables, "/").expect_err("nothing can be read");
    assert!(matches!(refused, Refusal::NoFile { why: NoFile::Damaged { .. } }), "{refused:?}");
    // Here and there: a word, a part, or an end without an answer.
    for seed in [7u8, 99, 200] {
        let places: Vec<_> =
            (1..60u64).map(|at| (((at * 7919 + u64::from(seed) * 104_729) % (60 << 8)) << 12 | 512, 1024)).collect();
        let of = broken(&house, &places, &[seed, 0xff, 0, 1]);
        for (ask, at) in [(FileAsk::List, "/directory"), (FileAsk::Content, "/directory/file"), (FileAsk::Archive, "/")]
        {
            let read = read(&house, &of, ask, at);
            let is_known = matches!(read, Ok(_) | Err(Refusal::NoFile { .. } | Refusal::Failed { .. }));
            assert!(is_known, "{read:?}");
        }
    }
    // Another length than is said, and a link in its place.
    let FilesOf::Upload { upload: came, .. } = nothing else { unreachable!("as it was made") };
    let other = FilesOf::Upload { upload: came, size: size(128) };
    assert!(matches!(list(&house, &other, "/"), Err(Refusal::BadDisk { .. })));
    let linked = house.upload(|place| symlink("/etc/passwd", place.join("disk")).expect("linked"));
    let refused = list(&house, &FilesOf::Upload { upload: linked, size: size(64) }, "/").expect_err("a link");
    assert!(matches!(refused, Refusal::BadDisk { .. } | Refusal::UnknownUpload { .. }), "{refused:?}");
    assert_eq!(names(&house), [""; 0]);
}

/// A guest writes, a snapshot of it is read, and again once the guest is gone on.
fn a_snapshot_is_read(house: &House, kind: DiskKind) {
    house.prepare();
    let (guest, snapshot) = (GuestId(uuid::Uuid::now_v7()), SnapshotId(uuid::Uuid::now_v7()));
    house.disk(guest, kind).expect("a disk");
    let mut console = Console::boot(house, &umbel_wire::agent::StartOrder { disk_kind: kind, ..order(guest, 2) });
    console.type_in("mkdir /root/deep; echo mi\"\"ne >/root/deep/file; echo rea\"\"dy");
    console.until("ready\r\n");
    let take = Request::SnapshotTake { guest, generation: generation(3), snapshot };
    assert!(matches!(house.connect().ask(&take), Reply::Snapshot(_)));
    let kept = fs::read(house.layout.snapshot(guest, snapshot)).expect("there");
    let of = FilesOf::Snapshot(DiskOf { guest, snapshot, image: tiny(), size: size(64), kind });
    // While the guest runs on.
    assert_eq!(content(house, &of, "/root/deep/file"), Ok(b"mine\n".to_vec()));
    let names: Vec<_> =
        list(house, &of, "/root").expect("listed").entries.into_iter().map(|entry| entry.name).collect();
    assert!(names.contains(&FileName::new(b"deep")), "{names:?}");
    assert!(fs::read(house.layout.snapshot(guest, snapshot)).expect("there") == kept, "it is as it was");
    let unknown = SnapshotId(uuid::Uuid::now_v7());
    let missing = FilesOf::Snapshot(DiskOf { guest, snapshot: unknown, image: tiny(), size: size(64), kind });
    assert_eq!(list(house, &missing, "/"), Err(Refusal::UnknownSnapshot { snapshot: unknown }));
    house.stop(guest, 4, StopHow::Kill).expect("killed");
    house.ended(guest);
    house.done(&Request::Purge { guest, generation: generation(5) }).expect("purged");
}

#[test]
fn files_of_a_snapshot_are_what_the_guest_had_written() {
    a_snapshot_is_read(&with_our_own_kernel(), DiskKind::Cow);
}

#[test]
fn the_same_of_a_plain_disks() {
    a_snapshot_is_read(&with_our_own_kernel(), DiskKind::Plain);
}

#[test]
fn an_ordinary_user_reads_files_too() {
    let user = Uid::effective().is_root().then_some(NOBODYS);
    a_snapshot_is_read(&House::of_user(user), DiskKind::Cow);
}

#[test]
fn an_agent_that_is_killed_over_it_leaves_nothing() {
    let mut house = with_our_own_kernel();
    let (_, of) = disk_with(&house, 64, &[], |tree| {
        fs::write(tree.join("file"), vec![b'x'; 30 << 20]).expect("written");
    });
    for round in 0..rounds() as u64 * 4 {
        let to = house.upload(|_| ());
        house.connect().tell(&request(&of, FileAsk::Content, path("/file"), to));
        std::thread::sleep(Duration::from_millis(20 + round * 331 % 2500));
        house.kill_agent();
        house.start_agent();
        assert_eq!(names(&house), [""; 0], "round {round}");
        assert!(!house.layout.guest(Bench::Files.guest()).exists(), "its guest is gone");
        let there = house.layout.upload(to).join("disk");
        assert!(fs::metadata(&there).map_or(true, |facts| facts.len() == 30 << 20), "all or nothing");
        assert_eq!(content(&house, &of, "/file").map(|bytes| bytes.len()), Ok(30 << 20), "asked again");
    }
}
