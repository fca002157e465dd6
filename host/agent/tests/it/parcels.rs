//! Files on their way into guests and out of them, with real kernels and without a network.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, chown, symlink};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use umbel_guest::{GuestId, KernelMode, ParcelId, ParcelSeen, ParcelSize, Seen, UploadId, VolumeAccess};
use umbel_uml::cow;
use umbel_wire::agent::{ParcelDeed, ParcelFacts, ParcelOrder, Refusal, Reply, Request, StartOrder, StopHow};
use umbel_wire::frame;
use umbel_wire::parcel::parcel_file;
use umbel_wire::tar::{self, Contents, NoArchive};

use crate::calls::our_own;
use crate::console::Console;
use crate::harness::{House, PATIENCE, generation, order, rounds, soon};
use crate::user::NOBODYS;

fn new() -> ParcelId {
    ParcelId(uuid::Uuid::now_v7())
}

fn ask(house: &House, guest: GuestId, parcel: ParcelId, deed: ParcelDeed) -> Result<Option<ParcelFacts>, Refusal> {
    let order = ParcelOrder { guest, generation: generation(9), parcel, deed };
    match house.connect().ask(&Request::Parcel(order)) {
        Reply::Done => Ok(None),
        Reply::Parcel { facts } => Ok(facts),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn sending(house: &House, name: &str, content: &[u8]) -> ParcelDeed {
    let upload = house.upload(|directory| fs::write(directory.join("disk"), content).expect("written"));
    // Of whoever the agent is.
    let owner = fs::metadata(house.layout.ledger()).expect("there").uid();
    let place = house.layout.upload(upload);
    for path in place.ancestors().take(3).chain([place.join("disk").as_path()]) {
        chown(path, Some(owner), Some(owner)).expect("given");
    }
    ParcelDeed::Send { upload, name: name.parse().expect("a name") }
}

fn fetching(path: &str, mib: u32) -> ParcelDeed {
    ParcelDeed::Fetch { path: path.parse().expect("a path"), most: ParcelSize::from_mib(mib).expect("a size") }
}

/// What comes of it.
fn over(house: &House, guest: GuestId, parcel: ParcelId) -> ParcelSeen {
    let seen = || ask(house, guest, parcel, ParcelDeed::See {}).expect("told").expect("it has it").seen;
    assert!(soon(PATIENCE, || seen().is_over()), "{:?}", seen());
    seen()
}

fn is_done(seen: &ParcelSeen) -> bool {
    matches!(seen, ParcelSeen::Done { .. })
}

/// What the panel finds there.
fn lent(house: &House, guest: GuestId, parcel: ParcelId) -> (File, Result<Contents, NoArchive>) {
    let upload = house.upload(|_| {});
    let owner = fs::metadata(house.layout.ledger()).expect("there").uid();
    chown(house.layout.upload(upload), Some(owner), Some(owner)).expect("given");
    ask(house, guest, parcel, ParcelDeed::Lend { upload }).expect("lent");
    let file = File::open(house.layout.upload(upload).join("disk")).expect("there");
    let length = file.metadata().expect("there").len();
    let contents = tar::contents(length, |at, block| file.read_exact_at(block, at));
    (file, contents)
}

/// Fetches it and takes the disk away: its bytes, and whether it is a file by itself.
fn fetched(house: &House, guest: GuestId, path: &str) -> (Vec<u8>, bool) {
    let parcel = new();
    ask(house, guest, parcel, fetching(path, 4)).expect("asked");
    let seen = over(house, guest, parcel);
    assert!(is_done(&seen), "{seen:?}");
    let written = ask(house, guest, parcel, ParcelDeed::See {}).expect("told").expect("it has it").written_bytes;
    assert!(written.expect("it writes") >= 1024);
    let (file, contents) = lent(house, guest, parcel);
    let (at, bytes, alone) = match contents.expect("an archive") {
        Contents::File { at, bytes } => (at, bytes, true),
        Contents::Archive { bytes } => (0, bytes, false),
    };
    let mut content = vec![0; usize::try_from(bytes).expect("small")];
    file.read_exact_at(&mut content, at).expect("there");
    for _ in 0..2 {
        ask(house, guest, parcel, ParcelDeed::End {}).expect("over");
    }
    (content, alone)
}

/// What lies on the host of any.
fn lying(house: &House, guest: GuestId) -> usize {
    let place = house.layout.guest_volumes(guest);
    let names = ["r", "w"].iter().flat_map(|of| fs::read_dir(place.join(of)).into_iter().flatten());
    names.count() + usize::from(house.layout.guest(guest).join("parcel.half").exists())
}

fn say(console: &mut Console, line: &str) -> String {
    console.type_in(&format!("{line}; echo e\"\"nd=$?"));
    let said = console.until("end=");
    let status = console.until("\r\n");
    format!("{said}{status}")
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..bytes / 8).flat_map(|_| next().to_le_bytes()).collect()
}

fn sum(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn files_come_and_go_without_a_network() {
    let house = House::new();
    house.prepare();
    come_and_go(&house, order);
}

#[test]
fn with_our_own_kernel_they_do_too() {
    let house = House::new();
    house.prepare();
    let kernel = our_own(&house);
    come_and_go(&house, |guest, number| StartOrder {
        kernel: kernel.clone(),
        mode: KernelMode::Fast,
        ..order(guest, number)
    });
}

#[test]
fn an_ordinary_users_guests_have_them_as_well() {
    let house = House::of_user(nix::unistd::Uid::effective().is_root().then_some(NOBODYS));
    house.prepare();
    come_and_go(&house, order);
}

fn come_and_go(house: &House, start: impl Fn(GuestId, u64) -> StartOrder) {
    let guest = house.new_guest();
    let mut console = Console::boot(house, &start(guest, 2));
    let content = noise(1 << 20);
    // Names that begin as the header of a copy-on-write disk does, longer than a header has room for, and odd ones.
    let long = format!("{}.bin", "ü".repeat(100));
    for name in ["data.bin", "OOOM", "MOOO", "-rf", "two  words $(x)", long.as_str()] {
        let (parcel, deed) = (new(), sending(house, name, &content));
        for _ in 0..2 {
            ask(house, guest, parcel, deed.clone()).expect("sent");
        }
        let seen = over(house, guest, parcel);
        assert!(is_done(&seen), "{name}: {seen:?}");
        for _ in 0..2 {
            ask(house, guest, parcel, ParcelDeed::End {}).expect("over");
        }
        assert_eq!((lying(house, guest), ask(house, guest, parcel, ParcelDeed::See {})), (0, Ok(None)));
    }
    let told =
        say(&mut console, "cd /root/files; sha256sum ./* | cut -c 1-64 | sort -u; ls -A | wc -l; stat -c %a-%U ./*");
    assert!(told.contains(&sum(&content)) && told.contains("\n6\r\n"), "{told}");
    assert_eq!(told.matches("644-root").count(), 6, "{told}");
    assert!(!say(&mut console, "head -c 1 /dev/ubdp").ends_with('0'), "it is gone");

    assert!(fetched(house, guest, "/root/files/data.bin") == (content.clone(), true));
    assert_eq!(fetched(house, guest, "/etc/hosts"), (b"127.0.0.1 localhost\n".to_vec(), true));
    say(
        &mut console,
        "ln -s /etc/hosts /root/link; mkdir -p '/root/a b/c'; ln -s /etc/shadow '/root/a b/l'; cp /etc/hosts '/root/a b/c/'",
    );
    assert_eq!(fetched(house, guest, "/root/link"), (b"127.0.0.1 localhost\n".to_vec(), true), "what it leads to");
    let (archive, alone) = fetched(house, guest, "/root/a b");
    assert!(!alone);
    let dir = tempfile::tempdir().expect("tmp");
    fs::write(dir.path().join("tar"), archive).expect("written");
    let tar = std::process::Command::new("tar").current_dir(dir.path()).args(["-xf", "tar"]).status();
    assert!(tar.expect("it is there").success());
    assert_eq!(fs::read(dir.path().join("a b/c/hosts")).expect("unpacked"), b"127.0.0.1 localhost\n");
    assert_eq!(fs::read_link(dir.path().join("a b/l")).expect("a link"), Path::new("/etc/shadow"));

    for (path, why) in [
        ("/root/none", "there is no /root/none"),
        ("/dev/null", "neither a file nor a directory"),
        ("/root/much", "larger than what was asked for"),
    ] {
        say(&mut console, "head -c 3000000 /dev/urandom >/root/much");
        let parcel = new();
        ask(house, guest, parcel, fetching(path, 1)).expect("asked");
        let seen = over(house, guest, parcel);
        assert!(matches!(&seen, ParcelSeen::Failed { why: said, .. } if said.contains(why)), "{seen:?}");
        ask(house, guest, parcel, ParcelDeed::End {}).expect("over");
    }
    say(&mut console, "mkdir /root/files/data.bin.d; rm /root/files/data.bin; mkdir /root/files/data.bin");
    let parcel = new();
    ask(house, guest, parcel, sending(house, "data.bin", b"x")).expect("sent");
    let seen = over(house, guest, parcel);
    assert!(matches!(&seen, ParcelSeen::Failed { why, .. } if why.contains("is a directory")), "{seen:?}");
    ask(house, guest, parcel, ParcelDeed::End {}).expect("over");
    assert_eq!(lying(house, guest), 0);
    let told = say(&mut console, "ls -A /root/files | grep -c coming");
    assert!(told.contains("0\r\n"), "nothing half stays: {told}");
    house.stop(guest, 10, StopHow::Kill).expect("killed");
}

/// As in an image that has not the script: nobody takes it by itself.
fn alone(house: &House, guest: GuestId) -> Console {
    let mut console = Console::boot(house, &order(guest, 2));
    let told = say(
        &mut console,
        "sed -i /umbel-files/d /etc/inittab; kill -HUP 1; sleep 1; killall uevent; sleep 1; pidof uevent",
    );
    assert!(told.ends_with('1'), "{told}");
    console
}

#[test]
fn whoever_has_not_the_script_does_it_by_hand() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = alone(&house, guest);
    let parcel = new();
    ask(&house, guest, parcel, sending(&house, "hello", b"words\n")).expect("sent");
    let told =
        say(&mut console, "tar xf /dev/ubdp -C /tmp && cat /tmp/hello && echo umbel-files: done >/proc/mconsole");
    assert!(told.contains("words"), "{told}");
    assert!(is_done(&over(&house, guest, parcel)));
    ask(&house, guest, parcel, ParcelDeed::End {}).expect("over");
    let parcel = new();
    ask(&house, guest, parcel, fetching("/etc/hosts", 1)).expect("asked");
    assert!(say(&mut console, "tail -c 4096 /dev/ubdp | head -n 4").contains("path /etc/hosts"));
    say(&mut console, "tar cf /dev/ubdp -C /etc hosts && echo umbel-files: done >/proc/mconsole");
    assert!(is_done(&over(&house, guest, parcel)));
    assert!(matches!(lent(&house, guest, parcel).1, Ok(Contents::File { bytes: 20, .. })));
    house.stop(guest, 10, StopHow::Kill).expect("killed");
}

#[test]
fn whatever_a_guest_writes_is_copied_no_further_than_its_disk_and_never_believed() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = alone(&house, guest);
    // A child of a file of the host, as our own writes it.
    let secret = house.layout.data().join("secret");
    fs::write(&secret, vec![b's'; 1 << 20]).expect("written");
    let child = house.layout.data().join("child");
    cow::write_child(&mut File::create(&child).expect("made"), &secret).expect("written");
    let mut header = vec![0; 4096];
    let read = File::open(&child).and_then(|file| file.read_at(&mut header, 0)).expect("read");
    header.truncate(read);
    let (parcel, deed) = (new(), sending(&house, "header", &header));
    ask(&house, guest, parcel, deed).expect("sent");
    say(&mut console, "tar xf /dev/ubdp -C /tmp && echo umbel-files: done >/proc/mconsole");
    assert!(is_done(&over(&house, guest, parcel)));
    ask(&house, guest, parcel, ParcelDeed::End {}).expect("over");

    let huge = "{ printf 'a%099d' 0; printf '0000644\\0%.0s0000000\\0%.0s0000000\\0%.0s77777777777\\0'; }";
    for (write, found) in [
        ("head -c 2000000 /dev/urandom >/dev/ubdp", "no header"),
        (":", "nothing in it"),
        ("dd if=/tmp/header of=/dev/ubdp conv=notrunc 2>/dev/null", "no header"),
        (huge, "no header"),
        ("dd if=/dev/zero of=/dev/ubdp bs=1M seek=3 2>/dev/null", "nothing in it"),
    ] {
        let parcel = new();
        ask(&house, guest, parcel, fetching("/x", 1)).expect("asked");
        let line = if write == huge { format!("{write} >/dev/ubdp") } else { write.to_owned() };
        say(&mut console, &format!("{line}; echo umbel-files: done >/proc/mconsole"));
        assert!(is_done(&over(&house, guest, parcel)), "{write}");
        let (file, contents) = lent(&house, guest, parcel);
        let error = contents.expect_err("no archive").to_string();
        assert!(error.contains(found), "{write}: {error}");
        // The disk that it was given, and nothing of another file.
        let facts = file.metadata().expect("there");
        assert_eq!(
            (facts.len(), facts.uid(), facts.mode() & 0o777),
            (2 << 20, nix::unistd::Uid::effective().as_raw(), 0o600)
        );
        ask(&house, guest, parcel, ParcelDeed::End {}).expect("over");
    }
    house.stop(guest, 10, StopHow::Kill).expect("killed");
}

#[test]
fn what_is_not_possible_is_refused_and_leaves_nothing() {
    let house = House::new();
    house.prepare();
    let (guest, parcel) = (house.new_guest(), new());
    let small = sending(&house, "a", b"x");
    assert_eq!(ask(&house, guest, parcel, small.clone()), Err(Refusal::NotRunning));
    assert_eq!(ask(&house, GuestId(uuid::Uuid::now_v7()), parcel, small.clone()), Err(Refusal::NotRunning));
    let mut console = alone(&house, guest);
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));

    let unknown = UploadId(uuid::Uuid::now_v7());
    let of = |upload| ParcelDeed::Send { upload, name: "a".parse().expect("a name") };
    assert_eq!(ask(&house, guest, parcel, of(unknown)), Err(Refusal::UnknownUpload { upload: unknown }));
    let large = house.upload(|directory| {
        File::create(directory.join("disk")).and_then(|file| file.set_len((1 << 30) + 1)).expect("sparse");
    });
    let link = house.upload(|directory| symlink("/etc/shadow", directory.join("disk")).expect("linked"));
    let pipe = house.upload(|directory| {
        nix::unistd::mkfifo(&directory.join("disk"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    });
    for upload in [large, link, pipe] {
        assert!(matches!(ask(&house, guest, parcel, of(upload)), Err(Refusal::BadParcel { .. })));
    }
    let lend = |parcel| ask(&house, guest, parcel, ParcelDeed::Lend { upload: house.upload(|_| {}) });
    assert!(matches!(lend(parcel), Err(Refusal::BadParcel { .. })), "there is none");
    assert_eq!(lying(&house, guest), 0);

    ask(&house, guest, parcel, small.clone()).expect("sent");
    assert_eq!(ask(&house, guest, new(), small.clone()), Err(Refusal::ParcelUnderWay { parcel }));
    assert_eq!(ask(&house, guest, new(), fetching("/x", 1)), Err(Refusal::ParcelUnderWay { parcel }));
    assert!(matches!(lend(parcel), Err(Refusal::BadParcel { .. })), "it only reads that");
    ask(&house, guest, new(), ParcelDeed::End {}).expect("another one is none");
    // Another's done is not heard, nor is what is no word.
    say(
        &mut console,
        &format!("echo umbel-files: {} done >/proc/mconsole; echo umbel-files: x >/proc/mconsole", new()),
    );
    let told = ask(&house, guest, parcel, ParcelDeed::See {}).expect("told").expect("it has it");
    assert_eq!(told, ParcelFacts { seen: ParcelSeen::Waits, written_bytes: None });
    // It is written to by nobody.
    assert!(!say(&mut console, "echo x | dd of=/dev/ubdp conv=notrunc,fsync 2>/dev/null").ends_with('0'));
    say(&mut console, "sleep 30 </dev/ubdp & sleep 0.2");
    assert_eq!(ask(&house, guest, parcel, ParcelDeed::End {}), Err(Refusal::ParcelOpen));
    say(&mut console, "kill %1; wait");
    let stale = ParcelOrder { guest, generation: generation(1), parcel: new(), deed: small.clone() };
    assert!(matches!(house.connect().ask(&Request::Parcel(stale)), Reply::Refused(Refusal::Stale { .. })));
    // Names and paths that climb are no request at all.
    for deed in [
        json!({"deed": "send", "upload": unknown, "name": "../x"}),
        json!({"deed": "send", "upload": unknown, "name": "a\nb"}),
        json!({"deed": "fetch", "path": "/a/../b", "most": 1}),
        json!({"deed": "fetch", "path": "/a", "most": 1025}),
        json!({"deed": "fetch", "path": "/a", "most": 0}),
    ] {
        let request =
            json!({"do": "parcel", "guest": guest, "generation": generation(9), "parcel": new(), "deed": deed});
        let mut client = house.connect();
        frame::write(&mut client.0, &frame::to_json(&request).expect("plain data")).expect("said");
        assert!(frame::read(&mut client.0).is_err(), "{deed} was answered");
    }
    // It goes with its guest's run.
    house.stop(guest, 10, StopHow::Kill).expect("killed");
    house.ended(guest);
    assert_eq!((lying(&house, guest), ask(&house, guest, parcel, ParcelDeed::See {})), (0, Ok(None)));
    ask(&house, guest, parcel, ParcelDeed::End {}).expect("it is over");
    assert!(matches!(ask(&house, guest, parcel, small), Err(Refusal::Stale { .. })));
}

#[test]
fn an_agent_that_is_killed_over_a_file_leaves_one_that_comes_or_nothing() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    let content = noise(24 << 20);
    for round in 0..rounds() as u64 * 4 {
        let (parcel, deed) = (new(), sending(&house, &format!("file-{round}"), &content));
        let order = ParcelOrder { guest, generation: generation(9), parcel, deed: deed.clone() };
        house.connect().tell(&Request::Parcel(order));
        std::thread::sleep(Duration::from_millis(round * 17 % 120));
        house.kill_agent();
        house.start_agent();
        house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
        assert!(!house.layout.guest(guest).join("parcel.half").exists());
        // An operation that goes on asks again; one that is given up takes it away.
        if round % 4 != 3 {
            ask(&house, guest, parcel, deed).expect("repeated");
            let seen = over(&house, guest, parcel);
            assert!(is_done(&seen), "{seen:?}");
            let told = say(&mut console, &format!("sha256sum /root/files/file-{round}; rm /root/files/file-{round}"));
            assert!(told.contains(&sum(&content)), "{told}");
        }
        assert!(soon(PATIENCE, || ask(&house, guest, parcel, ParcelDeed::End {}).is_ok()));
        assert_eq!(lying(&house, guest), 0);
    }
    // What the guest says while nobody listens is heard by the next one, and what runs has its file yet.
    let parcel = new();
    ask(&house, guest, parcel, fetching("/etc/hosts", 1)).expect("asked");
    over(&house, guest, parcel);
    house.kill_agent();
    house.start_agent();
    house.until(guest, |seen| matches!(seen, Seen::Running { .. }));
    assert!(parcel_file(&house.layout.guest_volumes(guest), parcel, VolumeAccess::ReadWrite).exists());
    assert!(is_done(&over(&house, guest, parcel)));
    assert!(matches!(lent(&house, guest, parcel).1, Ok(Contents::File { bytes: 20, .. })));
    // A guest that ended while no agent was there leaves nothing either.
    let shim = house.shim(guest);
    house.kill_agent();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), nix::sys::signal::Signal::SIGKILL).expect("it was there");
    house.start_agent();
    house.ended(guest);
    assert!(soon(PATIENCE, || lying(&house, guest) == 0), "{}", lying(&house, guest));
}
