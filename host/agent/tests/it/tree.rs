//! The host's own files as a guest's root: what is seen of them and what isn't, as root's agent and as an
//! ordinary user's, with the distribution's kernel and with our own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::unistd::Uid;
use umbel_agent::tree;
use umbel_guest::{Attachment, DiskKind, DiskSize, Exit, Generation, GuestId, KernelId, KernelMode, NetworkId};
use umbel_wire::agent::{Card, ImageKind, Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, kernel, order};
use crate::kernels::{kernels, lay_out, with};
use crate::network::{address, ends_well, ensure, new_network, number};
use crate::user::{UNMAPPED, confined};

/// Users that nobody is, each of one test alone.
const NOBODYS: u32 = 1_500_000_021;

/// In the data directory for everybody to read: only what is shown keeps it from a guest.
const SECRET: &str = "secret";

fn disk(house: &House, guest: GuestId, kind: DiskKind) -> Result<(), Refusal> {
    let (image, size) = (tree::image(), DiskSize::DEFAULT);
    house.done(&Request::DiskCreate { guest, generation: Generation::FIRST, image, size, kind })
}

fn new_guest(house: &House) -> GuestId {
    let guest = GuestId(uuid::Uuid::now_v7());
    disk(house, guest, DiskKind::Memory).expect("made");
    assert!(house.facts(guest).expect("known").has_disk, "the panel takes it for made");
    guest
}

fn start(guest: GuestId, number: u64, kernel: &KernelId) -> StartOrder {
    let (image, disk) = (tree::image(), DiskSize::DEFAULT);
    StartOrder { image, disk, disk_kind: DiskKind::Memory, kernel: kernel.clone(), ..order(guest, number) }
}

fn of_a_user(more: u32) -> House {
    House::of_user(Uid::effective().is_root().then_some(NOBODYS + more))
}

/// Our own build, after the agent was told where it is.
pub(crate) fn our_own(house: &mut House) -> KernelId {
    let directory = lay_out(house);
    with(house, &["--kernels", &directory]);
    kernels(house)[0].id.clone()
}

fn write_secret(house: &House) -> String {
    let path = house.layout.data().join(SECRET);
    fs::write(&path, "a secret").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    path.display().to_string()
}

/// Boots, looks around, and shuts down.
fn lives(house: &House, kernel: &KernelId, mode: KernelMode) {
    let secret = write_secret(house);
    let guest = new_guest(house);
    let mut console = Console::boot(house, &StartOrder { mode, ..start(guest, 2, kernel) });
    for fine in [
        "test -x /usr/bin/env -a -d /usr/share -a -x /bin/sh",
        "/usr/bin/env true",
        "ls -l /usr/bin",
        "grep -q ^root: /etc/passwd",
        "test \"$(hostname)\" = web-1 -a \"$(id -u)\" = 0",
        "echo x >/tmp/x && echo x >/var/tmp/x && echo x >/root/x && echo x >/etc/x",
        "cd / && umount /root /home",
        // Whatever its root asks of the kernel, hostfs has no more.
        "mount -t hostfs -o / none /mnt",
    ] {
        assert!(ends_well(&mut console, fine), "{fine}\n{}", console.text);
    }
    for refused in [
        "test -e /etc/shadow".to_owned(),
        "ls -A /root /home | grep -v : | grep .".to_owned(),
        format!("cat {secret}"),
        format!("cat /mnt{secret}"),
        "test -e /mnt/root -o -e /mnt/home -o -e /mnt/etc".to_owned(),
        "mkdir /usr/umbel-was-here".to_owned(),
        "mount -o remount,rw / && mkdir /usr/umbel-was-here".to_owned(),
        "mkdir /mnt/tree/umbel/umbel-was-here".to_owned(),
    ] {
        assert!(!ends_well(&mut console, &refused), "{refused}\n{}", console.text);
    }
    assert!(!Path::new("/usr/umbel-was-here").exists());
    house.stop(guest, 3, StopHow::ShutDown).expect("asked");
    assert_eq!(house.ended(guest), Exit::PoweredOff);
    // What it wrote is gone, and it starts as it did.
    let mut console = Console::boot(house, &start(guest, 4, kernel));
    assert!(ends_well(&mut console, "test ! -e /tmp/x -a ! -e /etc/x"));
    house.stop(guest, 5, StopHow::Kill).expect("killed");
    house.purge(guest, 6).expect("gone");
    assert!(!house.layout.guest(guest).exists());
}

#[test]
fn the_hosts_files_are_a_root_that_shows_only_what_it_should() {
    let house = House::new();
    lives(&house, &kernel(), KernelMode::Strict);
}

#[test]
fn our_own_kernel_has_the_hosts_files_as_its_root_in_both_modes() {
    let mut house = House::new();
    let ours = our_own(&mut house);
    lives(&house, &ours, KernelMode::Strict);
    lives(&house, &ours, KernelMode::Fast);
}

#[test]
fn an_ordinary_users_guests_have_the_hosts_files_too() {
    let mut house = of_a_user(0);
    lives(&house, &kernel(), KernelMode::Strict);
    let ours = our_own(&mut house);
    lives(&house, &ours, KernelMode::Fast);
}

/// Nothing can be mounted into such a guest's root, which is why it mounts it by itself.
#[test]
fn without_namespaces_the_hosts_files_are_a_root_all_the_same() {
    let user = if Uid::effective().is_root() { NOBODYS + 1 } else { Uid::effective().as_raw() };
    let mut house = House::of_user(Some(user));
    house.kill_agent();
    let command = confined(&house, user, &["--panel-uid", UNMAPPED]);
    house.start(command);
    let guest = new_guest(&house);
    let mut console = Console::boot(&house, &start(guest, 2, &kernel()));
    for fine in ["test -x /usr/bin/env", "/usr/bin/env true", "test ! -e /etc/shadow", "echo x >/tmp/x"] {
        assert!(ends_well(&mut console, fine), "{fine}\n{}", console.text);
    }
    assert!(!ends_well(&mut console, "mkdir /usr/umbel-was-here"));
    house.stop(guest, 3, StopHow::ShutDown).expect("asked");
    assert_eq!(house.ended(guest), Exit::PoweredOff);
}

/// Each file that a guest has open is open on the host too.
#[test]
fn a_guest_holds_thousands_of_the_hosts_files_open_and_goes_on() {
    let mut house = House::new();
    let ours = our_own(&mut house);
    for (kernel, mode) in [(kernel(), KernelMode::Strict), (ours, KernelMode::Fast)] {
        let guest = new_guest(&house);
        let mut console = Console::boot(&house, &StartOrder { mode, ..start(guest, 2, &kernel) });
        for fine in [
            "find /usr -xdev -type f -perm -004 | head -n 6000 >/tmp/list; test $(wc -l </tmp/list) = 6000",
            "(ulimit -n 8192; n=10; while read -r f; do eval \"exec $n<'$f'\" || exit; n=$((n+1)); done </tmp/list; \
             test $n = 6010 && /usr/bin/env cat /usr/lib/os-release)",
            "/usr/bin/env true && cat /etc/passwd /usr/lib/os-release",
        ] {
            assert!(ends_well(&mut console, &format!("{{ {fine}; }}")), "{fine}\n{}", console.text);
        }
        house.stop(guest, 3, StopHow::Kill).expect("killed");
    }
}

/// What the tests above find kept from a guest is there to be found without the wall.
#[test]
fn without_a_root_directory_of_its_own_a_guest_reads_what_it_should_not() {
    let mut house = House::new();
    with(&mut house, &["--without-wall", "root directory"]);
    let secret = write_secret(&house);
    let guest = new_guest(&house);
    let mut console = Console::boot(&house, &start(guest, 2, &kernel()));
    assert!(ends_well(&mut console, &format!("mount -t hostfs -o / none /mnt && grep 'a secret' /mnt{secret}")));
    assert!(!ends_well(&mut console, &format!("cat {secret}")), "nor did it have to be asked for");
}

#[test]
fn the_classic_twins_reach_each_other_on_their_switch() {
    let house = House::new();
    twins(&house, &kernel());
}

#[test]
fn the_classic_twins_need_no_root_on_the_host() {
    let mut house = of_a_user(2);
    twins(&house, &kernel());
    let ours = our_own(&mut house);
    twins(&house, &ours);
}

fn twins(house: &House, kernel: &KernelId) {
    let network = new_network();
    let facts = ensure(house, network);
    let mut first = twin(house, kernel, network, 2);
    let mut second = twin(house, kernel, network, 3);
    assert!(ends_well(&mut first, &format!("/umbel/busybox ping -c 2 -W 9 {}", address(&facts, 3))));
    assert!(ends_well(&mut second, &format!("/umbel/busybox ping -c 2 -W 9 {}", address(&facts, 2))));
}

fn twin(house: &House, kernel: &KernelId, network: NetworkId, last: u8) -> Console {
    let guest = new_guest(house);
    let card = Some(Card { attachment: Attachment::Switch, network, number: number(last) });
    Console::boot(house, &StartOrder { card, ..start(guest, 2, kernel) })
}

#[test]
fn an_administrator_may_show_more_but_never_what_is_somebodys() {
    let mut house = House::new();
    let shown = tempfile::tempdir_in("/var/tmp").expect("made");
    fs::set_permissions(shown.path(), fs::Permissions::from_mode(0o755)).expect("set");
    fs::write(shown.path().join("news"), "for guests").expect("written");
    symlink("/root", shown.path().join("link")).expect("linked");
    let link = shown.path().join("link").display().to_string();
    let data = house.layout.data().display().to_string();
    for (path, words) in [
        ("/root", "/root is never shown"),
        ("/root/.ssh", "/root is never shown"),
        ("/home", "/home is never shown"),
        ("/", "is never shown"),
        ("/etc", "/etc/shadow is never shown"),
        ("/var/tmp/../../root", "without . and .."),
        (link.as_str(), "show /root instead"),
        (data.as_str(), "is never shown"),
    ] {
        let output = house.command().arg("serve").args(house.places()).args(["--show-host", path]).output();
        let output = output.expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words) && said.contains(path), "{path}: {said}");
    }

    let path = shown.path().display().to_string();
    with(&mut house, &["--show-host", &path]);
    let guest = new_guest(&house);
    let mut console = Console::boot(&house, &start(guest, 2, &kernel()));
    assert!(ends_well(&mut console, &format!("grep 'for guests' {path}/news")), "{}", console.text);
    assert!(!ends_well(&mut console, &format!("ls -A {path}/link/ | grep .")), "it leads to the guest's own /root");
}

#[test]
fn the_hosts_files_are_listed_and_are_no_disk() {
    let house = House::new();
    let images = match house.connect().ask(&Request::Images {}) {
        Reply::Images { images } => images,
        other => panic!("{other:?}"),
    };
    let [image] = &images[..] else { panic!("{images:?}") };
    assert_eq!((&image.id, image.kind), (&tree::image(), ImageKind::HostTree));
    let prepared = house.connect().ask(&Request::ImagePrepare { image: tree::image() });
    assert_eq!(prepared, Reply::Image(image.clone()));

    let guest = GuestId(uuid::Uuid::now_v7());
    for kind in [DiskKind::Cow, DiskKind::Plain] {
        assert!(matches!(disk(&house, guest, kind), Err(Refusal::NotHere { .. })));
    }
    assert!(matches!(house.disk(guest, DiskKind::Memory), Err(Refusal::NotHere { .. })));
    assert!(house.facts(guest).is_none() && !house.layout.guest(guest).exists());
    // Repeated, and of another kind.
    let guest = new_guest(&house);
    disk(&house, guest, DiskKind::Memory).expect("made already");
    let other = StartOrder { disk_kind: DiskKind::Plain, ..order(guest, 2) };
    assert!(matches!(house.done(&Request::Start(other)), Err(Refusal::BadDisk { .. } | Refusal::Failed { .. })));
}
