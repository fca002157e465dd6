//! The walls as they are seen from outside of a running guest, and what happens where one can't be had.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::unistd::Uid;
use umbel_agent::walls::WallName;
use umbel_agent::{jail, libraries};
use umbel_guest::{Exit, GuestId, WallState};
use umbel_uml::xstate;
use umbel_wire::agent::{Refusal, Request, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, kernels_of, order, parent_of, soon};

fn proc_of(pid: i32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it runs")
}

fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim_start_matches(':').trim()
}

/// The kernel's main process, once it has replaced the shim's copy of itself.
fn kernel(house: &House, guest: GuestId) -> i32 {
    let shim = house.shim(guest);
    let main = || kernels_of(guest).into_iter().find(|pid| parent_of(*pid) == shim);
    assert!(soon(PATIENCE, || main().is_some()), "no kernel");
    main().expect("it runs")
}

fn mount_points(pid: i32) -> BTreeSet<PathBuf> {
    proc_of(pid, "mountinfo").lines().filter_map(|line| Some(line.split(' ').nth(4)?.into())).collect()
}

#[test]
fn a_guests_processes_have_nothing_but_what_they_need() {
    if !Uid::effective().is_root() {
        return assert!(House::new().walls().iter().any(|wall| !wall.state.stands()));
    }
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    let (kernel, shim) = (kernel(&house, guest), house.shim(guest));

    for pid in [kernel, shim] {
        let status = proc_of(pid, "status");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(value(&status, set), "0000000000000000", "{set}");
        }
        assert_eq!(value(&status, "NoNewPrivs"), "1");
        let uid = value(&status, "Uid").split_whitespace().next().expect("a number").to_owned();
        assert_eq!(value(&status, "Uid").split_whitespace().collect::<BTreeSet<_>>(), BTreeSet::from([&*uid]));
        assert_eq!(value(&status, "Gid").split_whitespace().collect::<BTreeSet<_>>(), BTreeSet::from([&*uid]));
        assert_eq!(value(&status, "Groups"), "");
        let limits = proc_of(pid, "limits");
        for (name, most) in [
            ("Max core file size", "0"),
            ("Max open files", "4096"),
            ("Max locked memory", "0"),
            ("Max msgqueue size", "0"),
        ] {
            assert_eq!(value(&limits, name).split_whitespace().take(2).collect::<Vec<_>>(), [most, most], "{name}");
        }
        assert_ne!(value(&limits, "Max file size").split_whitespace().next(), Some("unlimited"));
        for namespace in ["net", "pid", "mnt", "ipc", "uts"] {
            let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{namespace}")).expect("it runs");
            assert_ne!(of(&pid.to_string()), of("self"), "{namespace}");
        }
    }
    assert_eq!(value(&proc_of(kernel, "status"), "Seccomp"), "2");

    let linux = umbel_uml::kernel::ON_THE_MACHINE.iter().map(Path::new).find(|path| path.exists()).expect("a kernel");
    let program = Path::new(env!("CARGO_BIN_EXE_umbel-agent")).with_file_name("umbel-shim");
    let libraries = libraries::closure(&[linux, &program], None).expect("programs");
    let fixed = ["/", "/linux", "/shim", "/disk0", "/base", "/dev", "/work", "/proc", "/volumes/w", "/volumes/r"]
        .map(PathBuf::from);
    // Where the processor makes it necessary.
    let preload = xstate::is_needed().then(|| PathBuf::from(jail::PRELOAD));
    let expected: BTreeSet<PathBuf> =
        fixed.into_iter().chain(libraries.iter().map(|l| l.to.clone())).chain(preload).collect();
    assert_eq!(mount_points(kernel), expected);

    let root = PathBuf::from(format!("/proc/{kernel}/root"));
    let list = |dir: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root.join(dir)).expect("it runs").filter_map(Result::ok);
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let names = expected.iter().filter_map(|path| path.components().nth(1));
    assert_eq!(list(""), names.map(|name| name.as_os_str().to_string_lossy().into_owned()).collect());
    assert_eq!(list("dev"), ["null", "urandom", "zero"].map(str::to_owned).into());

    // Only one place is writable and runs programs, and nothing honours devices but /dev.
    for line in proc_of(kernel, "mountinfo").lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let (place, options) = (fields[4], fields[5].split(',').collect::<BTreeSet<_>>());
        let may_write = ["/work", "/disk0", "/volumes/w"].contains(&place);
        assert_eq!(options.contains("rw"), may_write, "{line}");
        assert!(options.contains("nosuid") && (place == "/dev" || options.contains("nodev")), "{line}");
        assert!(place == "/work" || !may_write || options.contains("noexec"), "{line}");
    }
    assert!(house.walls().iter().all(|wall| wall.state.stands()), "{:?}", house.walls());
    console.type_in("echo st\"\"ill here");
    console.until("still here\r\n");
}

/// Discard, writes, the management console and a panic: under a filter that ends whoever makes a call that
/// isn't known, all of it goes on.
#[test]
fn no_call_that_a_kernel_needs_is_filtered() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let mut console = Console::boot(&house, &order(guest, 2));
    let seccomp = proc_of(kernel(&house, guest), "status");
    assert_eq!(value(&seccomp, "Seccomp"), "2", "nothing is filtered here");
    console.type_in("dd if=/dev/urandom of=/root/f bs=64k count=64 2>/dev/null; sync; rm /root/f; sync; fstrim / ; echo wr\"\"itten");
    console.until("written\r\n");
    console.type_in("for i in 1 2 3 4 5 6 7 8; do (sleep 1 &); done; ps >/dev/null | cat; echo fo\"\"rked");
    console.until("forked\r\n");
    console.type_in("echo told >/proc/mconsole; ip link set lo up; ping -c 1 127.0.0.1 >/dev/null; echo a\"\"live");
    console.until("alive\r\n");
    house.stop(guest, 3, StopHow::ShutDown).expect("asked");
    assert_eq!(house.ended(guest), Exit::PoweredOff);
}

/// An agent whose host has no more namespaces of that kind, and where nobody may make devices: both are so
/// in a user namespace that has every user of the host.
fn confined(house: &House, kind: Option<&str>, without: &[&str]) -> Command {
    // The maps can only be written from outside, so a copy of the shell waits until it is inside. With -p, the
    // inner one stays who it is: it would set itself to the uid that it had before the map was written.
    let script = r#"
        (until echo "0 0 4294967295" >/proc/$$/uid_map; do sleep 0.01; done 2>/dev/null
         echo "0 0 4294967295" >/proc/$$/gid_map) &
        exec unshare --user --keep-caps sh -p -c '
            until grep -q . /proc/self/gid_map; do sleep 0.01; done
            [ "$1" = none ] || echo 0 >"/proc/sys/user/max_$1_namespaces" || exit 1
            shift; exec "$@"' sh "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", kind.unwrap_or("none")]).arg(env!("CARGO_BIN_EXE_umbel-agent"));
    command.arg("serve").args(house.places());
    command.args(without.iter().flat_map(|wall| ["--without-wall", *wall]));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(house.log_file());
    command
}

#[test]
fn a_wall_that_can_not_be_had_refuses_the_start_by_its_name() {
    let mut house = House::new();
    if !Uid::effective().is_root() {
        return assert!(house.walls().iter().any(|wall| wall.name == "uid" && !wall.state.stands()));
    }
    house.prepare();
    let guest = house.new_guest();
    house.kill_agent();
    for (kind, wall) in [
        (Some("net"), WallName::NetworkNamespace),
        (Some("ipc"), WallName::IpcNamespace),
        (Some("uts"), WallName::UtsNamespace),
        (Some("pid"), WallName::PidNamespace),
        (Some("mnt"), WallName::MountNamespace),
        (None, WallName::Devices),
    ] {
        // Which would be refused before all the others.
        let without: &[&str] = if kind.is_some() { &["devices"] } else { &[] };
        let command = confined(&house, kind, without);
        house.start(command);
        match house.done(&Request::Start(order(guest, 2))) {
            Err(Refusal::Wall { wall: named, .. }) => assert_eq!(named, wall.words()),
            other => panic!("{wall}: {other:?}"),
        }
        assert!(kernels_of(guest).is_empty() && !house.layout.work(guest).exists(), "{wall}");
        house.kill_agent();
    }

    // Said to be done without, they are: the guest runs, and the page says so.
    let without = ["network namespace", "devices"];
    let command = confined(&house, Some("net"), &without);
    house.start(command);
    let off: Vec<_> = house.walls().into_iter().filter(|wall| !wall.state.stands()).map(|wall| wall.name).collect();
    // Such an agent may not look at the host's firewall either, and says that.
    assert_eq!(off, [without[0], without[1], "forwarding"]);
    drop(Console::boot(&house, &order(guest, 2)));
    let net = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).expect("it runs");
    assert_eq!(net(&house.shim(guest).to_string()), net("self"));
    house.stop(guest, 3, StopHow::Kill).expect("killed");
}

#[test]
fn each_wall_can_be_switched_off_alone_and_the_guest_still_boots() {
    let mut house = House::new();
    house.prepare();
    let guest = house.new_guest();
    for (wall, number) in WallName::ALL.into_iter().zip((2..).step_by(2)) {
        house.kill_agent();
        let mut command = house.command();
        command.arg("serve").args(house.places()).args(["--without-wall", wall.words()]).stderr(house.log_file());
        house.start(command);
        let said = house.walls().into_iter().find(|said| said.name == wall.words()).expect("listed");
        assert_eq!(said.state, WallState::SwitchedOff, "{wall}");
        drop(Console::boot(&house, &order(guest, number)));
        house.stop(guest, number + 1, StopHow::Kill).expect("killed");
        assert!(kernels_of(guest).is_empty(), "{wall}");
    }
    house.kill_agent();
    house.start_agent();
}

#[test]
fn a_link_in_place_of_anything_that_is_opened_refuses_the_start() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let layout = &house.layout;
    fs::write(layout.ring(guest), "").expect("written");
    for path in [
        layout.disk(guest),
        layout.ring(guest),
        layout.guest(guest),
        layout.guests(),
        layout.image(&crate::harness::tiny()),
        layout.data().join("images"),
        layout.run().join("w"),
    ] {
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).expect("moved");
        symlink(&aside, &path).expect("linked");
        let refused = house.done(&Request::Start(order(guest, 2)));
        assert!(refused.is_err(), "{} was followed", path.display());
        assert!(kernels_of(guest).is_empty());
        fs::remove_file(&path).expect("a link");
        fs::rename(&aside, &path).expect("moved back");
    }
    house.boot(guest, 2);
}

#[test]
fn a_disk_that_is_swapped_for_a_link_while_the_agent_works_is_never_followed() {
    let house = House::new();
    house.prepare();
    let guest = house.new_guest();
    let (disk, aside) = (house.layout.disk(guest), house.layout.guest(guest).join("aside"));
    let (secret, link) = (house.layout.data().join("secret"), house.layout.guest(guest).join("link"));
    fs::copy(&disk, &secret).expect("copied");
    let over = AtomicBool::new(false);
    let mut started = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // The name is always there: now the disk, now a link to another.
                symlink(&secret, &link).expect("linked");
                fs::hard_link(&disk, &aside).expect("kept");
                fs::rename(&link, &disk).expect("swapped");
                std::thread::yield_now();
                fs::rename(&aside, &disk).expect("swapped back");
            }
        });
        for round in 0..20 {
            let number = 2 + round * 2;
            if house.done(&Request::Start(order(guest, number))).is_ok() {
                let mounts = proc_of(house.shim(guest), "mountinfo");
                assert!(!mounts.contains("/secret "), "{mounts}");
                started += 1;
                house.stop(guest, number + 1, StopHow::Kill).expect("killed");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    println!("{started} of 20 found the disk");
    house.boot(guest, 100);
}
