//! Images that somebody puts in: a real file system becomes one, guests boot from it in larger sizes than it came in, and
//! what is no image, or is made to lead elsewhere, becomes nothing.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use umbel_guest::{DiskKind, DiskSize, GuestId, ImageId, ImageOrigin, Memory, UploadId};
use umbel_wire::agent::{ImageFacts, ImageSaid, Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, generation, order, rounds, tiny};

pub(crate) fn id(name: &str) -> ImageId {
    name.parse().expect("a slug")
}

pub(crate) fn size(mib: u32) -> DiskSize {
    DiskSize::from_mib(mib).expect("a size")
}

pub(crate) fn images(house: &House) -> Vec<ImageFacts> {
    match house.connect().ask(&Request::Images {}) {
        Reply::Images { images } => images,
        other => panic!("{other:?}"),
    }
}

/// An upload whose one file `fill` makes.
pub(crate) fn upload(house: &House, fill: impl FnOnce(&Path)) -> UploadId {
    house.upload(|directory| fill(&directory.join("disk")))
}

pub(crate) fn request(name: &str, upload: UploadId) -> Request {
    let said = ImageSaid {
        title: "Mine".into(),
        description: "Of a test".into(),
        default_user: "root".into(),
        suggested_memory: Memory::DEFAULT,
        origin: ImageOrigin::Imported,
        came_from: String::new(),
        tested_with: "itself".into(),
    };
    Request::ImageImport { image: id(name), upload, said }
}

pub(crate) fn import(house: &House, name: &str, upload: UploadId) -> Result<(), Refusal> {
    house.done(&request(name, upload))
}

pub(crate) fn remove(house: &House, name: &str) -> Result<(), Refusal> {
    house.done(&Request::ImageRemove { image: id(name) })
}

/// But for Umbel's own, and for where the host's files begin.
pub(crate) fn names(house: &House) -> Vec<String> {
    let all = fs::read_dir(house.layout.data().join("images")).into_iter().flatten().filter_map(Result::ok);
    let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| ![umbel_agent::image::TINY, "host"].contains(&name.as_str())).collect()
}

/// A file system that boots: the smallest of Tiny's own.
fn bootable(house: &House) -> UploadId {
    house.prepare();
    let base = house.layout.base(&tiny(), size(64));
    upload(house, |disk| {
        fs::copy(&base, disk).expect("copied");
    })
}

pub(crate) fn disk(house: &House, guest: GuestId, image: &str, mib: u32) -> Result<(), Refusal> {
    let (generation, size, kind) = (generation(1), size(mib), DiskKind::Cow);
    house.done(&Request::DiskCreate { guest, generation, image: id(image), size, kind })
}

#[test]
fn an_upload_becomes_an_image_that_guests_boot_from_and_cannot_be_taken_from_them() {
    let house = House::new();
    let came = bootable(&house);
    import(&house, "mine-1", came).expect("imported");
    import(&house, "mine-1", came).expect("imported already");
    let facts = images(&house).into_iter().find(|image| image.id == id("mine-1")).expect("listed");
    assert_eq!((facts.origin, facts.file_system.as_deref()), (ImageOrigin::Imported, Some("ext4")));
    assert_eq!((facts.title.as_str(), facts.sizes.len()), ("Mine", DiskSize::ladder().count()));
    assert_eq!(facts.tested_with, "itself");
    let other = bootable(&house);
    assert!(matches!(import(&house, "mine-1", other), Err(Refusal::BadImage { .. })), "the name is taken");
    assert!(matches!(import(&house, "tiny-5", other), Err(Refusal::BadImage { .. })), "Umbel's own");

    let guest = GuestId(uuid::Uuid::now_v7());
    disk(&house, guest, "mine-1", 256).expect("a size that is made when it is asked for");
    let start = StartOrder { image: id("mine-1"), disk: size(256), ..order(guest, 2) };
    let mut console = Console::boot(&house, &start);
    console.type_in("echo $(( $(cat /sys/block/ubda/size) / 2048 )) MiB");
    console.until("256 MiB");
    assert_eq!(remove(&house, "mine-1"), Err(Refusal::ImageInUse { image: id("mine-1") }));
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    assert_eq!(remove(&house, "mine-1"), Err(Refusal::ImageInUse { image: id("mine-1") }), "its disk is there");
    house.done(&Request::Purge { guest, generation: generation(4) }).expect("purged");
    remove(&house, "mine-1").expect("nobody has it");
    remove(&house, "mine-1").expect("gone already");
    assert_eq!(names(&house), [""; 0]);
    assert!(matches!(remove(&house, "tiny-5"), Err(Refusal::NotHere { .. })));
    assert_eq!(disk(&house, guest, "mine-1", 256), Err(Refusal::UnknownImage { image: id("mine-1") }));
}

#[test]
fn what_somebody_has_open_is_copied_and_anything_else_becomes_the_base_itself() {
    let house = House::new();
    let (held, free) = (bootable(&house), bootable(&house));
    let file = |upload| house.layout.upload(upload).join("disk");
    let open = File::options().write(true).open(file(held)).expect("opens");
    import(&house, "held-1", held).expect("imported");
    import(&house, "free-1", free).expect("imported");
    open.write_all_at(b"something else", 300).expect("still open");
    let facts = |path: &Path| fs::metadata(path).expect("there");
    let tiny = fs::read(house.layout.base(&tiny(), size(64))).expect("readable");
    for (name, upload, is_the_same) in [("held-1", held, false), ("free-1", free, true)] {
        let base = house.layout.base(&id(name), size(64));
        assert_eq!(fs::read(&base).expect("readable"), tiny, "{name}");
        assert_eq!((facts(&base).uid(), facts(&base).mode() & 0o777), (0, 0o444), "{name}");
        assert_eq!(facts(&base).ino() == facts(&file(upload)).ino(), is_the_same, "{name}");
    }
    assert_ne!(fs::read(file(held)).expect("readable"), tiny);
    fs::remove_file(file(free)).expect("the directory is the panel's");
    assert!(house.layout.base(&id("free-1"), size(64)).exists());
}

/// What a made-up upload is refused for, by a word of the reason.
type Hostile = (&'static str, &'static str, fn(&Path));

fn head(disk: &Path, at: u64, bytes: &[u8]) {
    let file = File::create(disk).expect("made");
    file.set_len(1 << 20).expect("sparse");
    file.write_all_at(bytes, at).expect("written");
}

/// A file system with what follows written over its beginning.
fn damaged(disk: &Path, at: u64, bytes: &[u8]) {
    let made = Command::new("mke2fs").args(["-q", "-t", "ext4"]).arg(disk).arg("4M").output().expect("runs");
    assert!(made.status.success());
    File::options().write(true).open(disk).and_then(|file| file.write_all_at(bytes, at)).expect("written");
}

const HOSTILE: [Hostile; 14] = [
    ("cow-1", "copy-on-write", |disk| head(disk, 0, b"OOOM\0\0\0\x03/etc/shadow")),
    ("cow-2", "copy-on-write", |disk| head(disk, 0, b"MOOO\0\0\0\x02/etc/shadow")),
    // It is an ext4 by its magic number, and a kernel would open the file that its first bytes name.
    ("cow-3", "copy-on-write", |disk| damaged(disk, 0, b"OOOM\0\0\0\x03/etc/shadow")),
    ("mbr-1", "partitions", |disk| head(disk, 0x1fe, &[0x55, 0xaa])),
    ("gpt-1", "partitions", |disk| head(disk, 0x200, b"EFI PART")),
    ("qcow-1", "another file", |disk| head(disk, 0, b"QFI\xfb\0\0\0\x03/etc/shadow")),
    ("zeros-1", "nothing that is known", |disk| head(disk, 0, b"")),
    ("short-1", "nothing that is known", |disk| fs::write(disk, "x").expect("written")),
    ("empty-1", "empty", |disk| fs::write(disk, "").expect("written")),
    ("large-1", "16 GiB", |disk| File::create(disk).and_then(|file| file.set_len(17 << 30)).expect("sparse")),
    ("link-1", "can't be opened", |disk| symlink("/etc/shadow", disk).expect("linked")),
    ("dir-1", "no regular file", |disk| fs::create_dir(disk).expect("made")),
    ("pipe-1", "no regular file", |disk| {
        nix::unistd::mkfifo(disk, nix::sys::stat::Mode::S_IRWXU).expect("made");
    }),
    ("device-1", "no regular file", |disk| {
        let null = nix::sys::stat::makedev(1, 3);
        let made = nix::sys::stat::mknod(disk, nix::sys::stat::SFlag::S_IFCHR, nix::sys::stat::Mode::S_IRWXU, null);
        made.expect("as root");
    }),
];

#[test]
fn what_is_no_image_or_leads_elsewhere_becomes_nothing() {
    let house = House::new();
    house.prepare();
    for (name, word, fill) in HOSTILE {
        let came = upload(&house, fill);
        match import(&house, name, came) {
            Err(Refusal::BadImage { reason, .. }) => assert!(reason.contains(word), "{name}: {reason}"),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(names(&house), [""; 0], "{name}");
    }
    let nothing = UploadId(uuid::Uuid::now_v7());
    assert_eq!(import(&house, "none-1", nothing), Err(Refusal::UnknownUpload { upload: nothing }));
    // The directory itself leads elsewhere.
    let led = upload(&house, |_| ());
    fs::remove_dir_all(house.layout.upload(led)).expect("removed");
    symlink(house.layout.image(&tiny()), house.layout.upload(led)).expect("linked");
    assert!(matches!(import(&house, "led-1", led), Err(Refusal::BadImage { .. })));
    assert_eq!(names(&house), [""; 0]);
}

#[test]
fn a_file_system_with_a_disk_s_size_is_offered_from_there_on() {
    let house = House::new();
    house.prepare();
    // One that nothing here makes larger.
    let came = upload(&house, |disk| {
        head(disk, 0, b"XFSB");
        File::options().write(true).open(disk).and_then(|file| file.set_len(100 << 20)).expect("sparse");
    });
    import(&house, "mine-1", came).expect("imported");
    let facts = images(&house).into_iter().find(|image| image.id == id("mine-1")).expect("listed");
    assert_eq!((facts.sizes[0], facts.file_system.as_deref(), facts.fills_disk), (size(128), Some("xfs"), false));
    let guest = GuestId(uuid::Uuid::now_v7());
    assert!(matches!(disk(&house, guest, "mine-1", 64), Err(Refusal::ImageMissing { .. })));
    disk(&house, guest, "mine-1", 512).expect("made");
    let base = |mib| fs::read(house.layout.base(&id("mine-1"), size(mib))).expect("there");
    let (small, large) = (base(128), base(512));
    assert!(large[..small.len()] == small && large[small.len()..].iter().all(|byte| *byte == 0), "the same and a hole");
    house.done(&Request::Purge { guest, generation: generation(2) }).expect("purged");
}

#[test]
fn an_agent_that_is_killed_while_an_image_comes_or_goes_leaves_none_or_all_of_it() {
    let mut house = House::new();
    let came = bootable(&house);
    for round in 0..rounds() as u64 * 4 {
        for request in [request("mine-1", came), Request::ImageRemove { image: id("mine-1") }] {
            house.connect().tell(&request);
            std::thread::sleep(Duration::from_millis(round * 7 % 60));
            house.kill_agent();
            house.start_agent();
            let names = names(&house);
            assert!(names.is_empty() || names == ["mine-1"], "{names:?}");
            house.done(&request).expect("repeated");
        }
    }
    assert_eq!(names(&house), [""; 0]);
}
