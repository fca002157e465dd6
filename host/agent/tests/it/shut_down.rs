//! Guests of other inits than the first image's are asked to shut down, and do, within the grace time and
//! with a file system that needs no recovery.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use umbel_guest::{DiskKind, DiskSize, Exit, GuestId, Memory};
use umbel_wire::agent::{Request, StartOrder, StopHow, StrayName};

use crate::console::Console;
use crate::harness::{House, generation, order, soon};
use crate::tree::our_own;

/// What a panel gives a guest before it kills it, unless it is told otherwise (`shut_down_grace_s`).
const GRACE: Duration = Duration::from_secs(60);

fn ran(command: &mut Command) {
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A root file system of the distribution, whose root signs in without a password on the guest's console.
fn root_image(file: &Path, packages: &str, console: &str) {
    let place = TempDir::new().expect("a directory");
    let release = fs::read_to_string("/etc/os-release").expect("a distribution");
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("has a name");
    let mut make = Command::new("mmdebstrap");
    make.args(["--quiet", "--variant=minbase", "--format=directory", "--include", packages]);
    make.args(["--customize-hook", &format!("chroot \"$1\" sh -c '{console}'")]);
    make.args(["--customize-hook", "chroot \"$1\" passwd --delete root"]);
    ran(make.args([suite, &place.path().join("root").display().to_string()]));
    ran(Command::new("/sbin/mke2fs")
        .args(["-q", "-t", "ext4", "-d"])
        .arg(place.path().join("root"))
        .arg(file)
        .arg("1G"));
}

fn shuts_down(packages: &str, console: &str, at_rest: &str) {
    let mut house = House::new();
    let kernel = our_own(&mut house);
    let image = house.layout.adopt().join("root.img");
    root_image(&image, packages, console);
    let guest = GuestId(uuid::Uuid::now_v7());
    let stray = StrayName::try_from("root.img".to_owned()).expect("a name");
    house.done(&Request::DiskAdopt { guest, generation: generation(1), stray }).expect("adopted");

    let (memory, disk) = (Memory::from_mib(256).expect("memory"), DiskSize::from_mib(1024).expect("a size"));
    house
        .done(&Request::Start(StartOrder { kernel, memory, disk, disk_kind: DiskKind::Plain, ..order(guest, 2) }))
        .expect("started");
    let mut console = Console::of(&house, guest);
    console.until("login: ");
    console.type_in("root");
    console.until("# ");
    console.type_in(&format!("{at_rest}; echo ours >/root/file; echo re''ady"));
    console.until("ready");

    let asked = Instant::now();
    house.stop(guest, 3, StopHow::ShutDown).expect("asked");
    assert!(soon(GRACE, || !house.seen(guest).is_alive()), "still up after {GRACE:?}");
    // Either init answers Ctrl-Alt-Del with a restart, which `noreboot` makes an end.
    assert_eq!(house.ended(guest), Exit::Rebooted, "{}", console.text);
    eprintln!("{packages}: down after {:?}", asked.elapsed());
    let facts = Command::new("/sbin/dumpe2fs").arg("-h").arg(house.layout.disk(guest)).output().expect("runs");
    let facts = String::from_utf8_lossy(&facts.stdout).into_owned();
    assert!(facts.contains("clean") && !facts.contains("needs_recovery"), "{facts}");
}

#[test]
#[ignore = "make test-full: the image is made of a hundred packages"]
fn systemd_shuts_down_within_the_grace_time() {
    let rest = "until systemctl is-system-running --wait; do sleep 1; done";
    shuts_down("systemd-sysv,dbus", "systemctl enable getty@tty0.service", rest);
}

#[test]
#[ignore = "make test-full: the image is made of a hundred packages"]
fn openrc_shuts_down_within_the_grace_time() {
    let console = "echo 0:2345:respawn:/sbin/getty 38400 tty0 >>/etc/inittab";
    shuts_down("openrc,sysvinit-core", console, "rc-status");
}
