//! Guests whose kernel is the attacker, and what the attacks are aimed at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use umbel_agent::walls::{WallName, Without};
use umbel_escape::probes::{Attacker, PROBES, Probe};
use umbel_guest::{DiskKind, DiskSize, GuestId, KernelId, KernelMode, Limits, Slot, VolumeAccess, VolumeId};
use umbel_wire::Layout;
use umbel_wire::agent::{Card, Request, StartOrder, StopHow, VolumeAt};

use crate::console::{Console, text_of};
use crate::harness::{House, kernels_of, order, put_kernel};

/// So few that more of them are no burden.
const PROCESSES: u32 = 128;

/// A house whose guests' kernel is the attacker.
pub(crate) struct Den {
    pub(crate) house: House,
    /// Which also says what the filter of system calls does with one that it doesn't know.
    mode: KernelMode,
}

impl Den {
    pub(crate) fn new() -> Self {
        let house = House::new();
        house.prepare();
        put_kernel(&house, &attacker(), &built("umbel-escape"));
        Self { house, mode: KernelMode::Strict }
    }

    pub(crate) fn fast() -> Self {
        Self { mode: KernelMode::Fast, ..Self::new() }
    }

    /// Another agent of the same house, which raises all walls but these.
    pub(crate) fn without(&mut self, walls: &[&str]) {
        self.house.kill_agent();
        let mut command = self.house.command();
        command.arg("serve").args(self.house.places()).stderr(self.house.log_file());
        for wall in walls {
            command.args(["--without-wall", wall]);
        }
        self.house.start(command);
    }

    /// A guest that will do this, line by line.
    pub(crate) fn told(&self, lines: &str) -> GuestId {
        let guest = GuestId(uuid::Uuid::now_v7());
        self.house.disk(guest, DiskKind::Plain).expect("a disk");
        let disk = File::options().write(true).open(self.house.layout.disk(guest)).expect("there");
        disk.write_all_at(&[lines.as_bytes(), b"\0"].concat(), 0).expect("written");
        guest
    }

    pub(crate) fn start(&self, guest: GuestId) {
        self.start_plugged(guest, None);
    }

    pub(crate) fn start_plugged(&self, guest: GuestId, card: Option<Card>) {
        self.start_with(guest, card, Vec::new());
    }

    fn start_with(&self, guest: GuestId, card: Option<Card>, volumes: Vec<VolumeAt>) {
        let limits = Limits { processes: PROCESSES, ..Limits::default() };
        let (kernel, mode) = (attacker(), self.mode);
        let start = StartOrder { kernel, mode, disk_kind: DiskKind::Plain, limits, card, volumes, ..order(guest, 2) };
        self.house.done(&Request::Start(start)).expect("started");
    }

    /// An empty one, and how a guest is to have it.
    fn volume(&self, slot: Slot, access: VolumeAccess) -> VolumeAt {
        let (volume, size) = (VolumeId(uuid::Uuid::now_v7()), DiskSize::from_mib(64).expect("a size"));
        self.house.done(&Request::VolumeCreate { volume, size }).expect("made");
        VolumeAt { volume, slot, access, size }
    }

    /// What it said from beginning to end.
    pub(crate) fn run(&self, lines: &str) -> String {
        let guest = self.told(lines);
        self.start(guest);
        self.house.ended(guest);
        let said = text_of(&self.house, guest);
        self.house.purge(guest, 3).expect("gone");
        said
    }
}

pub(crate) fn attacker() -> KernelId {
    "attacker-1".parse().expect("a slug")
}

pub(crate) fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_umbel-escape")).with_file_name(name)
}

/// What stands on the host for the attacks to find, and is gone with it.
struct Prey {
    sibling: GuestId,
    aims: BTreeMap<&'static str, String>,
    segment: i32,
    _listeners: (TcpListener, UnixListener),
    _directory: tempfile::TempDir,
}

impl Prey {
    fn new(den: &Den) -> Self {
        let layout = &den.house.layout;
        let sibling = den.told("leave-key umbel-escape-sibling\nwait\n");
        let volume = den.volume(Slot::C, VolumeAccess::ReadWrite);
        den.start_with(sibling, None, vec![volume]);
        let its_volume = layout.guest_volumes(sibling).join(format!("w/c.{}", volume.volume));
        Console::of(&den.house, sibling).until("waiting");
        let pid = kernels_of(sibling).first().copied().expect("it runs");

        let directory = tempfile::Builder::new().prefix("umbel-prey-").tempdir_in("/var/tmp").expect("made");
        open_to(directory.path(), 0o777);
        let program = directory.path().join("who");
        fs::copy(built("umbel-escape"), &program).expect("copied");
        open_to(&program, 0o4755);
        let of_panel = layout.data().join("told");
        fs::write(&of_panel, "told").expect("written");
        open_to(&of_panel, 0o644);

        let tcp = TcpListener::bind("127.0.0.1:0").expect("listens");
        let port = tcp.local_addr().expect("bound").port();
        let name = format!("umbel-prey-{sibling}");
        let unix = SocketAddr::from_abstract_name(&name).expect("short");
        let unix = UnixListener::bind_addr(&unix).expect("listens");
        let segment = shared_memory();
        let uts = fs::read_link("/proc/self/ns/uts").expect("there");
        let comm = fs::read_to_string("/proc/self/comm").expect("there");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("there");
        let cards = fs::read_to_string("/proc/net/dev").expect("there");
        let is_card = |line: &&str| line.contains(':') && !line.trim().starts_with("lo:");
        let card = cards.lines().find(is_card).map_or("lo:", |line| line.trim().split(' ').next().expect("a name"));
        let path = |path: &Path| path.display().to_string();
        let aims = BTreeMap::from([
            ("host-file", "/etc/passwd".into()),
            ("walk-up", "/etc/passwd".into()),
            ("host-list", format!("{} agent.log", path(layout.data()))),
            ("panel-file", path(&of_panel)),
            ("host-program", "/bin/true".into()),
            ("set-user-id", path(&program)),
            ("host-write", path(&directory.path().join("stolen"))),
            ("sibling-disk-read", path(&layout.disk(sibling))),
            ("sibling-disk-write", path(&layout.disk(sibling))),
            ("sibling-volume-write", path(&its_volume)),
            ("sibling-ring", path(&layout.ring(sibling))),
            ("agent-socket", path(&layout.agent_socket())),
            ("sibling-shim-socket", path(&layout.shim_socket(sibling))),
            ("file-handle", "/etc/passwd".into()),
            ("fill-work", "100".into()),
            ("many-names", "2000".into()),
            ("host-device", roots_device().into()),
            ("host-process-seen", format!("{} {}", std::process::id(), comm.trim())),
            ("sibling-signal", pid.to_string()),
            ("sibling-trace", pid.to_string()),
            ("sibling-environment", pid.to_string()),
            ("sibling-root", pid.to_string()),
            ("sibling-memory-file", pid.to_string()),
            ("sibling-memory-call", pid.to_string()),
            ("sibling-descriptor", pid.to_string()),
            ("host-namespace", std::process::id().to_string()),
            ("host-shared-memory", segment.to_string()),
            ("host-shared-memory-seen", segment.to_string()),
            ("name-shared", path(&uts)),
            ("host-name", format!("{} {}", path(&uts), host.trim())),
            ("host-ports-seen", format!("0100007F:{port:04X}")),
            ("host-sockets-seen", path(&layout.agent_socket())),
            ("host-cards-seen", card.to_owned()),
            ("host-loopback", format!("127.0.0.1:{port}")),
            ("abstract-socket", name),
            ("sibling-key", "umbel-escape-sibling".into()),
            ("descriptors", "4200".into()),
            ("sibling-notices", works(layout, sibling).map(|work| path(&work.join("notify"))).join(" ")),
            ("processes", (4 * PROCESSES).to_string()),
            ("memory", "200".into()),
        ]);
        Self { sibling, aims, segment, _listeners: (tcp, unix), _directory: directory }
    }

    fn orders(&self, probes: &[&Probe]) -> String {
        let line = |probe: &&Probe| {
            format!("{} {}\n", probe.name, self.aims.get(probe.name).map(String::as_str).unwrap_or_default())
        };
        probes.iter().map(line).collect()
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        remove_shared_memory(self.segment);
    }
}

/// Where a guest's own directory may lie: where there is no mount namespace it is seen by others.
fn works(layout: &Layout, guest: GuestId) -> [PathBuf; 4] {
    let name = format!("umbel-{}-{}", layout.instance(), guest.short());
    let [shm, tmp, var] = ["/dev/shm", "/tmp", "/var/tmp"].map(|place| Path::new(place).join(&name));
    [layout.work(guest), shm, tmp, var]
}

fn open_to(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

/// A device that only root may open and that this host has.
fn roots_device() -> &'static str {
    let devices = ["/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0", "/dev/kvm", "/dev/hwrng"];
    devices.into_iter().find(|device| File::open(device).is_ok()).expect("some device")
}

#[expect(unsafe_code, reason = "shmget(2), which no crate wraps")]
fn shared_memory() -> i32 {
    // SAFETY: plain numbers.
    let segment = unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o666) };
    assert!(segment >= 0, "{}", std::io::Error::last_os_error());
    segment
}

#[expect(unsafe_code, reason = "shmctl(2), which no crate wraps")]
fn remove_shared_memory(segment: i32) {
    // SAFETY: this command takes no buffer.
    unsafe { libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut()) };
}

/// How each probe came out: one that began and never ended was ended with its guest.
pub(crate) fn outcomes(said: &str) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    for line in said.lines().filter_map(|line| line.trim().strip_prefix("probe ")) {
        let (name, outcome) = line.split_once(' ').expect("a name and how it went");
        outcomes.insert(name.to_owned(), outcome.to_owned());
    }
    outcomes
}

/// Runs the probes in a guest beside a sibling and says which came out otherwise than they should.
fn wrong(den: &Den, probes: &[&Probe], stolen: bool) -> Vec<String> {
    let prey = Prey::new(den);
    // What takes all that there is may end its guest, and with it what comes after.
    let (greedy, others): (Vec<&Probe>, Vec<&Probe>) = probes.iter().partition(|probe| probe.walls == ["cgroup"]);
    let mut said = den.run(&prey.orders(&others));
    for probe in greedy {
        said += &den.run(&prey.orders(&[probe]));
    }
    den.house.stop(prey.sibling, 3, StopHow::Kill).expect("killed");
    den.house.purge(prey.sibling, 4).expect("gone");
    let outcomes = outcomes(&said);
    let mut wrong = Vec::new();
    for probe in probes {
        let outcome = outcomes.get(probe.name).map_or("not tried", String::as_str);
        let fine = if stolen { outcome == "STOLEN" } else { outcome.starts_with("BLOCKED") || outcome == "TRIES" };
        eprintln!("{:24} {outcome}", probe.name);
        if !fine {
            wrong.push(format!("{}, which {}: {outcome}", probe.name, probe.how));
        }
    }
    if !wrong.is_empty() {
        eprintln!("{said}");
    }
    wrong
}

/// Those of the attacker that need nothing but a guest; the others have tests of their own.
fn of_kernel() -> Vec<&'static Probe> {
    let others = ["outlive-shim", "sibling-tap", "new-tap"];
    let of_kernel = |probe: &&Probe| probe.attacker == Attacker::Kernel && !others.contains(&probe.name);
    PROBES.iter().filter(of_kernel).collect()
}

#[test]
fn with_all_walls_nothing_is_stolen() {
    let wrong = wrong(&Den::new(), &of_kernel(), false);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A call that isn't known fails there, and the attacker goes on.
#[test]
fn in_fast_mode_nothing_is_stolen_either() {
    let wrong = wrong(&Den::fast(), &of_kernel(), false);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn without_the_walls_that_hold_it_each_attack_steals() {
    let mut groups: BTreeMap<BTreeSet<WallName>, Vec<&Probe>> = BTreeMap::new();
    for probe in of_kernel() {
        let walls = probe.walls.iter().map(|name| name.parse().expect("a wall")).collect();
        groups.entry(walls).or_default().push(probe);
    }
    let mut den = Den::new();
    let mut all_wrong = Vec::new();
    for (walls, probes) in groups {
        let names: Vec<&str> = walls.iter().map(|wall| wall.words()).collect();
        eprintln!("without {}", Without::new(&walls.iter().copied().collect::<Vec<_>>()));
        den.without(&names);
        all_wrong.extend(wrong(&den, &probes, true));
    }
    assert!(all_wrong.is_empty(), "{all_wrong:#?}");
}

/// What has several walls in its way is held by each of them alone.
#[test]
fn each_of_several_walls_holds_by_itself() {
    hold_by_themselves(Den::new(), |_| true);
}

#[test]
fn in_fast_mode_the_filter_holds_by_itself_too() {
    hold_by_themselves(Den::fast(), |kept| kept == WallName::Seccomp);
}

fn hold_by_themselves(mut den: Den, chosen: impl Fn(WallName) -> bool) {
    let mut groups: BTreeMap<BTreeSet<WallName>, Vec<&Probe>> = BTreeMap::new();
    for probe in of_kernel() {
        let walls: BTreeSet<WallName> = probe.walls.iter().map(|name| name.parse().expect("a wall")).collect();
        for kept in walls.iter().filter(|kept| walls.len() > 1 && chosen(**kept)) {
            let others: BTreeSet<_> = walls.iter().copied().filter(|wall| wall != kept).collect();
            // One that can't stand without another of them is not alone.
            let without = Without::new(&others.iter().copied().collect::<Vec<_>>());
            if without.keeps(*kept) {
                groups.entry(others).or_default().push(probe);
            }
        }
    }
    let mut all_wrong = Vec::new();
    for (walls, probes) in groups {
        let names: Vec<&str> = walls.iter().map(|wall| wall.words()).collect();
        den.without(&names);
        let wrong = wrong(&den, &probes, false);
        all_wrong.extend(wrong.into_iter().map(|wrong| format!("without {names:?}: {wrong}")));
    }
    assert!(all_wrong.is_empty(), "{all_wrong:#?}");
}

/// Its flag is the kernel's own to look at: what holds is the file's owner, the mount and Landlock.
#[test]
fn a_volume_that_is_only_read_is_written_by_no_kernel() {
    let mut den = Den::new();
    for without in [None, Some("landlock")] {
        den.without(without.as_slice());
        let (mine, shared) =
            (den.volume(Slot::C, VolumeAccess::ReadWrite), den.volume(Slot::D, VolumeAccess::ReadOnly));
        let guest = den.told(&format!(
            "sibling-disk-write /volumes/w/c.{}\nsibling-volume-write /volumes/r/d.{}\nhost-file /volumes/r/d.{}\nhost-write /volumes/w/e\n",
            mine.volume, shared.volume, shared.volume
        ));
        den.start_with(guest, None, vec![mine, shared]);
        den.house.ended(guest);
        let outcomes = outcomes(&text_of(&den.house, guest));
        let outcome = |name: &str| outcomes.get(name).map_or("not tried", String::as_str);
        assert_eq!(outcome("sibling-disk-write"), "STOLEN", "{outcomes:?}");
        assert_eq!(outcome("host-file"), "STOLEN", "it may read it: {outcomes:?}");
        for name in ["sibling-volume-write", "host-write"] {
            assert!(outcome(name).starts_with("BLOCKED"), "{name}: {outcomes:?}");
        }
        let length = |at: VolumeAt| fs::metadata(den.house.layout.volume(at.volume)).expect("there").len();
        assert_eq!((length(mine), length(shared)), ((64 << 20) + 6, 64 << 20));
        // What it has made longer is not taken for what it was.
        let start =
            StartOrder { kernel: attacker(), disk_kind: DiskKind::Plain, volumes: vec![mine], ..order(guest, 3) };
        assert!(den.house.done(&Request::Start(start)).is_err());
        den.house.purge(guest, 4).expect("gone");
    }
}
