//! What somebody sends as an image and is more than a file system: archives, packed files, disks that are divided or in
//! QEMU's format. Guests boot from what is made of them; what is made to harm changes nothing outside.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sha2::Digest as _;
use umbel_guest::{Exit, GuestId};
use umbel_wire::agent::{Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, generation, order, rounds, soon};
use crate::images::{disk, id, images, import, names, remove, request, size, upload};
use crate::kernels::{lay_out, with};

fn run(program: &str, arguments: &[&str], place: &Path) {
    let output = Command::new(program).args(arguments).current_dir(place).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A root that boots to a shell on its console, of busybox alone.
fn root(place: &Path) {
    for directory in ["bin", "sbin", "dev", "proc", "etc", "tmp", "root"] {
        fs::create_dir_all(place.join(directory)).expect("made");
    }
    fs::copy("/bin/busybox", place.join("bin/busybox")).expect("the package busybox-static");
    for (name, to) in [("sbin/init", "/bin/busybox"), ("bin/sh", "busybox"), ("bin/stat", "busybox")] {
        symlink(to, place.join(name)).expect("linked");
    }
    for name in ["df", "mount", "cat", "ls", "sed", "cttyhack"] {
        symlink("busybox", place.join("bin").join(name)).expect("linked");
    }
    // What the prompt says is what the tests' console waits for.
    let inittab = "::sysinit:/bin/mount -t proc proc /proc\n::respawn:/bin/cttyhack /bin/sh -l\n";
    fs::write(place.join("etc/inittab"), inittab).expect("written");
    fs::write(place.join("etc/profile"), "export PS1='\\u@\\h:\\w\\$ '; cd /root\n").expect("written");
    fs::write(place.join("etc/passwd"), "root:*:0:0:root:/root:/bin/sh\n").expect("written");
}

/// The same as an archive that is packed by `packer`, if by any.
fn archive(disk: &Path, packer: Option<&str>, fill: impl FnOnce(&Path)) {
    let place = tempfile::tempdir().expect("tmp");
    let tree = place.path().join("tree");
    root(&tree);
    fill(&tree);
    run("tar", &["-c", "--numeric-owner", "--xattrs", "-f", "archive", "-C", "tree", "."], place.path());
    let made = match packer {
        Some(packer) => {
            run("sh", &["-c", &format!("{packer} -c archive >packed")], place.path());
            "packed"
        }
        None => "archive",
    };
    fs::copy(place.path().join(made), disk).expect("copied");
}

/// A file system in which the same root lies.
fn file_system(disk: &Path, mib: u32) {
    let place = tempfile::tempdir().expect("tmp");
    let tree = place.path().join("tree");
    root(&tree);
    let (disk, size) = (disk.to_str().expect("a name"), format!("{mib}M"));
    run("mke2fs", &["-q", "-t", "ext4", "-d", "tree", disk, &size], place.path());
}

/// Boots the image on a disk of that size, asks, and is answered.
fn asked(house: &House, image: &str, mib: u32, question: &str, answer: &str) {
    let guest = GuestId(uuid::Uuid::now_v7());
    disk(house, guest, image, mib).expect("made");
    let start = StartOrder { image: id(image), disk: size(mib), ..order(guest, 2) };
    let mut console = Console::boot(house, &start);
    console.type_in(question);
    console.until(answer);
    house.stop(guest, 3, StopHow::Kill).expect("killed");
    house.done(&Request::Purge { guest, generation: generation(4) }).expect("purged");
}

/// It is what works on a task where there is one, and begins a second earlier than the distribution's.
pub(crate) fn with_our_own_kernel() -> House {
    let mut house = House::new();
    let directory = lay_out(&house);
    with(&mut house, &["--kernels", &directory]);
    house.prepare();
    house
}

#[test]
fn an_archive_however_it_is_packed_becomes_an_image_with_all_that_was_in_it() {
    let house = House::new();
    house.prepare();
    for (name, packer) in [
        ("tar-1", None),
        ("gz-1", Some("gzip")),
        ("bz-1", Some("bzip2")),
        ("xz-1", Some("xz")),
        ("zst-1", Some("zstd")),
    ] {
        let came = upload(&house, |disk| archive(disk, packer, |_| ()));
        import(&house, name, came).expect(name);
        let facts = images(&house).into_iter().find(|image| image.id == id(name)).expect("listed");
        assert_eq!((facts.file_system.as_deref(), facts.fills_disk, facts.sizes[0]), (Some("ext4"), true, size(64)));
        remove(&house, name).expect("removed");
    }
    let came = upload(&house, |disk| {
        archive(disk, Some("zstd"), |tree| {
            fs::write(tree.join("root/own"), "x").expect("written");
            std::os::unix::fs::chown(tree.join("root/own"), Some(1234), Some(5678)).expect("given");
            fs::set_permissions(tree.join("root/own"), fs::Permissions::from_mode(0o4751)).expect("set");
            fs::hard_link(tree.join("root/own"), tree.join("root/too")).expect("linked");
            let null = nix::sys::stat::makedev(1, 3);
            let mode = nix::sys::stat::Mode::S_IRWXU;
            nix::sys::stat::mknod(&tree.join("root/null"), nix::sys::stat::SFlag::S_IFCHR, mode, null)
                .expect("as root");
            run("setcap", &["cap_net_raw=ep", "bin/busybox"], tree);
        });
    });
    import(&house, "all-1", came).expect("imported");
    let question = "stat -c '%u:%g:%a:%h:%F' /root/own /root/null; df -m / | sed 's/  */ /g'";
    // Also that it fills a disk of another size than the one that it was unpacked on.
    asked(&house, "all-1", 512, question, "1234:5678:4751:2:regular file\r\n0:0:700:1:character special file\r\n");
    remove(&house, "all-1").expect("removed");
    assert_eq!(names(&house), [""; 0]);
}

#[test]
fn a_file_system_grows_to_the_size_of_each_disk_and_twice_to_the_same() {
    let house = House::new();
    house.prepare();
    let came = upload(&house, |disk| file_system(disk, 40));
    import(&house, "mine-1", came).expect("imported");
    // In blocks of 1 KiB, of which inode tables take some.
    asked(&house, "mine-1", 256, "set -- $(df / | sed 1d); echo $(($2 > 230000)) la\"\"rge", "1 large");
    let base = house.layout.base(&id("mine-1"), size(256));
    let identity = || {
        let facts = fs::metadata(&base).expect("there");
        (facts.len(), facts.mtime(), fs::read(&base).expect("readable"))
    };
    let before = identity();
    fs::remove_file(&base).expect("ours");
    let guest = GuestId(uuid::Uuid::now_v7());
    disk(&house, guest, "mine-1", 256).expect("made again");
    assert!(identity() == before, "children of the first know the second");
    house.done(&Request::Purge { guest, generation: generation(2) }).expect("purged");
}

#[test]
fn the_root_is_found_on_a_divided_disk_a_packed_one_and_one_of_qemu() {
    let house = with_our_own_kernel();
    // 1 MiB, then a small partition, then the root.
    let divided = |disk: &Path| {
        let place = tempfile::tempdir().expect("tmp");
        let root = place.path().join("root");
        file_system(&root, 40);
        let file = File::create(disk).expect("made");
        file.set_len(50 << 20).expect("sparse");
        file.write_all_at(&fs::read(&root).expect("there"), 3 << 20).expect("written");
        file.write_all_at(&[0x55, 0xaa], 0x1fe).expect("written");
        for (number, first, count) in [(0, 2048u32, 4096u32), (1, 6144, 40 << 11)] {
            let mut entry = [0; 16];
            entry[4] = 0x83;
            entry[8..12].copy_from_slice(&first.to_le_bytes());
            entry[12..].copy_from_slice(&count.to_le_bytes());
            file.write_all_at(&entry, 0x1be + number * 16).expect("written");
        }
    };
    let packed = |disk: &Path| {
        let place = tempfile::tempdir().expect("tmp");
        file_system(&place.path().join("plain"), 40);
        run("sh", &["-c", &format!("xz -1 -c plain >{}", disk.display())], place.path());
    };
    let of_qemu = |disk: &Path| {
        let place = tempfile::tempdir().expect("tmp");
        divided(&place.path().join("plain"));
        let made = disk.to_str().expect("a name");
        run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "-c", "plain", made], place.path());
    };
    let came = [
        ("divided-1", upload(&house, divided)),
        ("packed-1", upload(&house, packed)),
        ("qemu-1", upload(&house, of_qemu)),
    ];
    for (name, came) in came {
        import(&house, name, came).expect(name);
        asked(&house, name, 64, "set -- $(df / | sed 1d); echo $(($2 > 50000)) la\"\"rge", "1 large");
    }
}

/// Two layers of a container: the second takes one file and all of a directory away, and brings others.
fn layers(place: &Path) {
    let (one, two) = (place.join("one"), place.join("two"));
    root(&one);
    for name in ["data/kept", "data/gone", "all/old"] {
        fs::create_dir_all(one.join(name).parent().expect("it has one")).expect("made");
        fs::write(one.join(name), name).expect("written");
    }
    for name in ["data/.wh.gone", "data/new", "all/.wh..wh..opq", "all/other"] {
        fs::create_dir_all(two.join(name).parent().expect("it has one")).expect("made");
        fs::write(two.join(name), name).expect("written");
    }
    for layer in ["one", "two"] {
        run("tar", &["-c", "--numeric-owner", "-f", &format!("{layer}.tar"), "-C", layer, "."], place);
    }
    // busybox has no ls of its own there but by name.
    let said =
        "echo said=$WORD,$(/bin/busybox id -u),$(pwd),$(ls /data /all | /bin/busybox tr '\\n' ' ')=en\"d\"; exec sh";
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Env": ["WORD=a 'b' $c"], "WorkingDir": "/data", "User": "1000", "Entrypoint": ["/bin/sh", "-c"], "Cmd": [said]},
    });
    fs::write(place.join("config.json"), config.to_string()).expect("written");
}

/// As docker saves it.
fn saved(disk: &Path) {
    let place = tempfile::tempdir().expect("tmp");
    layers(place.path());
    let manifest =
        serde_json::json!([{"Config": "config.json", "RepoTags": ["x:1"], "Layers": ["one.tar", "two.tar"]}]);
    fs::write(place.path().join("manifest.json"), manifest.to_string()).expect("written");
    let made = disk.to_str().expect("a name");
    run("tar", &["-c", "-f", made, "manifest.json", "config.json", "one.tar", "two.tar"], place.path());
}

/// As an OCI image layout with an index, its layers packed, and one blob changed if that is wished.
fn laid_out(disk: &Path, spoil: bool) {
    let place = tempfile::tempdir().expect("tmp");
    layers(place.path());
    run("gzip", &["one.tar"], place.path());
    run("zstd", &["-q", "two.tar"], place.path());
    fs::create_dir_all(place.path().join("blobs/sha256")).expect("made");
    let put = |content: Vec<u8>| {
        let sum: String = sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(place.path().join("blobs/sha256").join(&sum), content).expect("written");
        serde_json::json!({"digest": format!("sha256:{sum}")})
    };
    let read = |name: &str| fs::read(place.path().join(name)).expect("there");
    let layers = [put(read("one.tar.gz")), put(read("two.tar.zst"))];
    let manifest = serde_json::json!({"config": put(read("config.json")), "layers": layers});
    let mut mine = put(manifest.to_string().into_bytes());
    mine["platform"] = serde_json::json!({"architecture": "amd64", "os": "linux"});
    let other = serde_json::json!({"digest": "sha256:00", "platform": {"architecture": "arm64", "os": "linux"}});
    let index = put(serde_json::json!({"manifests": [other, mine]}).to_string().into_bytes());
    fs::write(place.path().join("index.json"), serde_json::json!({"manifests": [index]}).to_string()).expect("written");
    fs::write(place.path().join("oci-layout"), "{}").expect("written");
    if spoil {
        let sum = layers[1]["digest"].as_str().expect("text").trim_start_matches("sha256:").to_owned();
        fs::write(place.path().join("blobs/sha256").join(sum), "another").expect("written");
    }
    run("tar", &["-c", "-f", disk.to_str().expect("a name"), "oci-layout", "index.json", "blobs"], place.path());
}

#[test]
fn an_image_of_containers_starts_what_it_says_as_whom_it_says() {
    let house = with_our_own_kernel();
    let came = [("saved-1", upload(&house, saved)), ("oci-1", upload(&house, |disk| laid_out(disk, false)))];
    for (name, came) in came {
        import(&house, name, came).expect(name);
        let guest = GuestId(uuid::Uuid::now_v7());
        disk(&house, guest, name, 64).expect("made");
        house.done(&Request::Start(StartOrder { image: id(name), ..order(guest, 2) })).expect("started");
        let mut console = Console::of(&house, guest);
        console.until("said=a 'b' $c,1000,/data,/all: other /data: kept new =end");
        house.stop(guest, 3, StopHow::ShutDown).expect("asked");
        assert_eq!(house.ended(guest), Exit::PoweredOff);
        house.done(&Request::Purge { guest, generation: generation(4) }).expect("purged");
    }
    let came = upload(&house, |disk| laid_out(disk, true));
    match import(&house, "spoilt-1", came) {
        Err(Refusal::BadImage { reason, .. }) => assert!(reason.contains("the sum of a blob is another"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// An archive with one member, as a header says it; its content is zeros.
fn member(name: &str, kind: u8, link: &str, size: u64) -> Vec<u8> {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000755");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(157, link);
    put(257, "ustar");
    put(263, "00");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header.to_vec()
}

fn write(disk: &Path, members: &[Vec<u8>]) {
    let mut archive = members.concat();
    archive.resize(archive.len() + 1024, 0);
    fs::write(disk, archive).expect("written");
}

/// As docker saves it, but for what there should be besides.
fn manifest(disk: &Path, text: &str) {
    let place = tempfile::tempdir().expect("tmp");
    fs::write(place.path().join("manifest.json"), text).expect("written");
    run("tar", &["-c", "-f", disk.to_str().expect("a name"), "manifest.json"], place.path());
}

/// What is put in place of bytes of a good file.
fn spoilt(disk: &Path, packer: Option<&str>, spoil: impl FnOnce(&mut Vec<u8>)) {
    archive(disk, packer, |_| ());
    let mut bytes = fs::read(disk).expect("there");
    spoil(&mut bytes);
    fs::write(disk, bytes).expect("written");
}

/// The header of a disk of QEMU's and what is changed in it.
fn qcow2(disk: &Path, at: usize, bytes: &[u8]) {
    let place = disk.parent().expect("it has one");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "disk", "64M"], place);
    File::options().write(true).open(disk).and_then(|file| file.write_all_at(bytes, at as u64)).expect("written");
}

fn packed(disk: &Path, packer: &str, content: &[u8]) {
    let place = tempfile::tempdir().expect("tmp");
    fs::write(place.path().join("plain"), content).expect("written");
    run("sh", &["-c", &format!("{packer} -c plain >{}", disk.display())], place.path());
}

/// What it is called, a word of the reason that it is refused for, and how it is made, with the name of a file outside.
type Hostile = (&'static str, &'static str, fn(&Path, &str));

const HOSTILE: [Hostile; 35] = [
    ("up-1", "..", |disk, out| write(disk, &[member(&format!("../../..{out}"), b'0', "", 0)])),
    ("up-2", "..", |disk, out| write(disk, &[member(&format!("a/../../../..{out}"), b'0', "", 0)])),
    // Made beneath the root, where nothing boots.
    ("absolute-1", "neither", |disk, out| write(disk, &[member(out, b'0', "", 0)])),
    ("link-1", "neither", |disk, out| write(disk, &[member("a", b'2', out, 0)])),
    ("link-2", "Cannot open", |disk, _| write(disk, &[member("a", b'2', "/tmp", 0), member("a/b", b'0', "", 0)])),
    ("link-3", "Cannot", |disk, out| write(disk, &[member("a", b'2', out, 0), member("a/x", b'5', "", 0)])),
    ("hard-1", "Cannot hard link", |disk, out| write(disk, &[member("a", b'1', out, 0)])),
    ("hard-2", "Cannot hard link", |disk, _| write(disk, &[member("a", b'1', "../../init", 0)])),
    ("loop-1", "Cannot", |disk, _| write(disk, &[member("a", b'2', "a", 0), member("a/b", b'0', "", 0)])),
    ("device-1", "neither", |disk, _| write(disk, &[member("sda", b'4', "", 0)])),
    ("pipe-1", "neither", |disk, _| write(disk, &[member("pipe", b'6', "", 0)])),
    ("kind-1", "neither", |disk, _| write(disk, &[member("what", b'Q', "", 0)])),
    ("nothing-1", "neither", |disk, _| write(disk, &[member("a/", b'5', "", 0)])),
    // What would be done to a terminal is not said.
    ("words-1", "..", |disk, _| write(disk, &[member("../\x1b]0;workshop: done 4096\x07", b'0', "", 0)])),
    ("short-1", "EOF", |disk, _| write(disk, &[member("a", b'0', "", 1 << 30)])),
    ("vast-1", "EOF", |disk, _| write(disk, &[member("a", b'0', "", (8 << 30) - 1)])),
    ("sum-1", "tar archive", |disk, _| spoilt(disk, None, |bytes| bytes[1] = b'X')),
    ("half-1", "EOF", |disk, _| spoilt(disk, None, |bytes| bytes.truncate(bytes.len() / 2))),
    ("half-2", "", |disk, _| spoilt(disk, Some("gzip"), |bytes| bytes.truncate(bytes.len() / 2))),
    ("half-3", "", |disk, _| spoilt(disk, Some("xz"), |bytes| bytes.truncate(bytes.len() / 2))),
    ("half-4", "", |disk, _| spoilt(disk, Some("zstd"), |bytes| bytes.truncate(bytes.len() / 2))),
    ("garbage-1", "", |disk, _| spoilt(disk, Some("xz"), |bytes| bytes[5000..6000].fill(0x5a))),
    ("garbage-2", "", |disk, _| spoilt(disk, Some("zstd"), |bytes| bytes[5000..6000].fill(0x5a))),
    ("packed-1", "known here", |disk, _| packed(disk, "gzip", b"not a file system")),
    ("packed-2", "known here", |disk, _| packed(disk, "zstd", &[0; 1 << 20])),
    ("layers-1", "outside of itself", |disk, out| manifest(disk, &format!(r#"[{{"Config":"{out}","Layers":[]}}]"#))),
    ("layers-2", "outside of itself", |disk, _| {
        manifest(disk, r#"[{"Config":"manifest.json","Layers":["../../dev/ubda"]}]"#);
    }),
    ("words-2", "is missing", |disk, _| {
        manifest(disk, r#"[{"Config":"a\u001b]0;b\u0007\nworkshop: done 4096","Layers":[]}]"#);
    }),
    ("layers-3", "parse error", |disk, _| manifest(disk, "[{")),
    ("layers-4", "tar", |disk, _| manifest(disk, r#"[{"Config":"manifest.json","Layers":["manifest.json"]}]"#)),
    ("qcow-1", "another file", |disk, _| qcow2(disk, 8, &512u64.to_be_bytes())),
    ("qcow-2", "another file", |disk, _| qcow2(disk, 79, &[4])),
    ("qcow-3", "16 GiB", |disk, _| qcow2(disk, 24, &u64::MAX.to_be_bytes())),
    ("qcow-4", "", |disk, _| qcow2(disk, 40, &(1u64 << 62).to_be_bytes())),
    ("qcow-5", "", |disk, _| qcow2(disk, 20, &60u32.to_be_bytes())),
];

#[test]
fn what_is_made_to_harm_becomes_nothing_and_changes_nothing_outside() {
    let house = with_our_own_kernel();
    let outside = tempfile::Builder::new().prefix("umbel-canary-").tempdir_in("/tmp").expect("tmp");
    let canary = outside.path().join("canary");
    fs::write(&canary, "sings").expect("written");
    let seen = || {
        let facts = fs::metadata(&canary).expect("there");
        let entries = fs::read_dir(outside.path()).expect("there").count();
        (fs::read_to_string(&canary).expect("readable"), facts.mtime(), facts.mode(), facts.nlink(), entries)
    };
    let before = seen();
    for (name, word, fill) in HOSTILE {
        let came = upload(&house, |disk| fill(disk, canary.to_str().expect("a name")));
        match import(&house, name, came) {
            Err(Refusal::BadImage { reason, .. }) => {
                assert!(reason.contains(word), "{name}: {reason}");
                assert!(reason.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {reason:?}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!((seen(), names(&house)), (before.clone(), vec![]), "{name}");
    }
}

#[test]
fn what_grows_beyond_every_disk_stops_at_the_room_that_there_is() {
    let Some(house) = House::on_pool() else {
        return eprintln!("SKIPPED: this host mounts no XFS out of a file");
    };
    house.prepare();
    // 600 MiB of zeros in 3, and there is room for 400.
    let came = upload(&house, |disk| {
        run("sh", &["-c", "head -c 600M /dev/zero | gzip -1 >disk"], disk.parent().expect("it has one"));
    });
    let free = umbel_agent::host::free_mib(house.layout.data()).expect("readable");
    let taken = File::create(house.layout.data().join("taken")).expect("made");
    nix::fcntl::fallocate(
        &taken,
        nix::fcntl::FallocateFlags::empty(),
        0,
        i64::try_from(free - 400).expect("fits") << 20,
    )
    .expect("taken");
    assert!(matches!(import(&house, "bomb-1", came), Err(Refusal::DiskFull { .. })));
    assert_eq!(names(&house), [""; 0]);
}

#[test]
fn an_image_that_is_stopped_while_it_is_unpacked_says_how_far_it_was_and_is_none() {
    let house = House::new();
    house.prepare();
    let came = upload(&house, |disk| {
        archive(disk, None, |tree| run("sh", &["-c", "head -c 400M /dev/urandom >large"], tree));
    });
    let ask = |image: &str| match house.connect().ask(&Request::ImageMaking { image: id(image) }) {
        Reply::Making { percent } => percent,
        other => panic!("{other:?}"),
    };
    let stop = |image: &str| house.done(&Request::ImageStop { image: id(image) }).expect("heard");
    std::thread::scope(|scope| {
        let making = scope.spawn(|| import(&house, "mine-1", came));
        assert!(
            soon(Duration::from_secs(60), || ask("mine-1").is_some_and(|percent| percent > 10)),
            "{:?}",
            ask("mine-1")
        );
        stop("other-1");
        stop("mine-1");
        let image = id("mine-1");
        assert_eq!(making.join().expect("no panic"), Err(Refusal::ImageStopped { image }));
    });
    assert_eq!((names(&house), ask("mine-1")), (Vec::new(), None));
    assert!(!house.layout.guest(umbel_agent::workshop::Bench::Images.guest()).exists(), "its guest is gone");
    // What was stopped once can be made.
    stop("mine-1");
    import(&house, "mine-1", came).expect("whole");
}

#[test]
fn an_agent_that_is_killed_over_an_archive_leaves_none_or_all_of_it() {
    let mut house = House::new();
    house.prepare();
    let came = upload(&house, |disk| archive(disk, Some("gzip"), |_| ()));
    for round in 0..rounds() as u64 * 3 {
        house.connect().tell(&request("mine-1", came));
        std::thread::sleep(Duration::from_millis(30 + round * 97 % 700));
        house.kill_agent();
        house.start_agent();
        let names = names(&house);
        assert!(names.is_empty() || names == ["mine-1"], "{names:?}");
        import(&house, "mine-1", came).expect("repeated");
        remove(&house, "mine-1").expect("removed");
    }
}

#[test]
fn an_ordinary_user_unpacks_too() {
    let user = nix::unistd::Uid::effective().is_root().then_some(crate::user::NOBODYS);
    let house = House::of_user(user);
    house.prepare();
    let came = upload(&house, |disk| archive(disk, Some("gzip"), |_| ()));
    let file = house.layout.upload(came).join("disk");
    for path in file.ancestors().take_while(|path| path != &house.layout.data()) {
        std::os::unix::fs::chown(path, user, user).expect("given");
    }
    import(&house, "mine-1", came).expect("imported");
    asked(&house, "mine-1", 64, "echo $((6*7)) an\"\"swers", "42 answers");
}
