//! The made-up host: networks, kernels, walls, limits, curves, images to adopt.

use std::net::Ipv4Addr;

use umbel_app::shown::{
    AttachedShown, BackupShown, BackupsShown, CheckShown, CheckState, FileShown, FilesShown, ForwardShown, GuestShown,
    ImageShown, KernelShown, LeftoverShown, NetworkGuest, NetworkShown, PlanShown, SnapshotShown, SnapshotsShown,
    StorageShown, StoredGuest, StoredImage, StrayShown, VolumeShown, VolumeTaker, VolumesShown, WallShown,
};
use umbel_guest::files::FileKind;
use umbel_guest::publish::{Found, Trace};
use umbel_guest::{
    Access, AccountId, Attachment, BackupId, DiskSize, Every, GuestId, HostNumber, ImageKind, KernelFeatures,
    KernelMode, Memory, NetworkId, Relation, Role, Sample, Series, Slot, SnapshotId, SnapshotKind, Span, Visibility,
    VolumeAccess, VolumeId, VolumeState, WallState,
};
use uuid::Uuid;

use crate::made_up::{HOUR, now};

pub(crate) fn walls() -> Vec<WallShown> {
    let wall = |name: &str, state| WallShown { name: name.into(), state };
    let stands = |name, does: &str| wall(name, WallState::Stands { does: does.into() });
    vec![
        stands("cgroup", "Memory, processes and weight are limited, cgroup version 1."),
        stands("network namespace", "A guest sees its owner's network and no other."),
        stands("pid namespace", "It sees its own processes only; they end with it."),
        stands("root directory", "Its kernel, its disks and three devices are all the files there are."),
        stands("uid", "Each guest runs as a user of its own."),
        wall(
            "Landlock",
            WallState::Missing {
                why: "The host's kernel has none (ENOSYS); the other walls stand without it. It begins with Linux 5.13, and is listed in the kernel's parameter lsm=.".into(),
            },
        ),
        wall("seccomp", WallState::SwitchedOff),
    ]
}

pub(crate) fn checks() -> Vec<CheckShown> {
    let check = |name: &str, ok, detail: &str| CheckShown {
        name: name.into(),
        state: if ok { CheckState::Enough } else { CheckState::TooLow { fix: format!("sysctl -w {name}=262144") } },
        detail: detail.into(),
    };
    vec![
        check(
            "vm.max_map_count",
            false,
            "65530: mappings of one process; a guest with much memory has many; too few for a thousand guests",
        ),
        check("kernel.pid_max", true, "4194304: processes and threads; each program of a guest is one; enough"),
    ]
}

pub(crate) fn images() -> Vec<ImageShown> {
    let image = |id: &str, title: &str, origin: &str, mib: u64| ImageShown {
        visibility: Visibility::Public,
        group: None,
        id: id.parse().expect("a slug"),
        name: id.split('-').next().unwrap_or_default().to_owned(),
        version: id.split('-').nth(1).map(str::to_owned),
        title: title.into(),
        description: "A root to make guests of.".into(),
        origin: origin.into(),
        came_from: None,
        tested_with: None,
        sha256: Some("5eed".repeat(16)),
        kind: ImageKind::Disk,
        file_system: Some("ext4".into()),
        fills_disk: true,
        default_user: "root".into(),
        sizes: DiskSize::ladder().collect(),
        taken_bytes: mib << 20,
        suggested_memory: Memory::DEFAULT,
        imported: origin == "imported",
        deprecated: false,
        newer: None,
        note: String::new(),
        used_by: Some(3),
    };
    let newer = "debian-13.2".parse().expect("a slug");
    let old = image("debian-13.1", "Debian 13", "imported", 412);
    vec![
        ImageShown { deprecated: true, newer: Some(newer), note: "Take debian-13.2.".into(), ..old },
        image("debian-13.2", "Debian 13", "imported", 418),
        image("tiny-5", "Tiny", "built by Umbel", 23),
    ]
}

pub(crate) fn kernels() -> Vec<KernelShown> {
    let of = |id: &str, version: &str, origin: &str| KernelShown {
        id: id.parse().expect("an id"),
        version: version.into(),
        origin: origin.into(),
        uploaded: origin == "uploaded",
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        size_bytes: 11_534_336,
        features: KernelFeatures {
            modes: vec![KernelMode::Strict],
            vector: true,
            tuntap: true,
            hostfs: true,
            cow: true,
            time_travel: true,
            ip_config: false,
            file_systems: ["ext3", "ext2", "ext4", "vfat", "iso9660", "hostfs"].map(str::to_owned).to_vec(),
            ..KernelFeatures::default()
        },
        is_default: false,
        retired: false,
        note: String::new(),
        used_by: Vec::new(),
    };
    let mut ours = of("umbel-7.2.13", "7.2.13", "built for Umbel");
    ours.is_default = true;
    ours.features.modes.push(KernelMode::Fast);
    ours.features.ip_config = true;
    ours.features.file_systems.truncate(3);
    ours.used_by = ["web-1", "lab-07", "mail", "db-old"].map(str::to_owned).to_vec();
    let mut debian = of("debian-6.1.176", "6.1.176", "the distribution's package");
    debian.used_by = vec!["build-box-with-a-long-name".into()];
    let mut mine = of("mine-6.9", "6.9.0-rc1", "uploaded");
    mine.note = "For the exercise about schedulers".into();
    let mut old = of("old-5.10", "5.10.218", "uploaded");
    old.features = KernelFeatures { modes: vec![KernelMode::Strict], tuntap: true, vde: true, ..old.features };
    old.retired = true;
    old.used_by = vec!["scratch".into()];
    vec![ours, debian, mine, old]
}

pub(crate) fn networks(guests: &[GuestShown]) -> Vec<NetworkShown> {
    let number = |n| HostNumber::new(n).expect("a number");
    let plugged = guests.iter().filter(|guest| guest.network != Attachment::None);
    let plugged: Vec<_> = plugged
        .zip(2..)
        .map(|(guest, n)| NetworkGuest {
            id: guest.id,
            name: guest.name.clone(),
            attachment: guest.network,
            number: number(n),
            address: guest.address,
            mac: guest.mac.clone(),
            badge: guest.badge(),
        })
        .collect();
    let forward = |host_port, guest: &GuestShown, guest_port, leads| ForwardShown {
        host_port,
        guest: guest.id,
        guest_name: guest.name.clone(),
        guest_port,
        leads,
    };
    let network = |id, owner_name: &str, third| NetworkShown {
        id: NetworkId(Uuid::from_u128(id)),
        owner: AccountId(Uuid::from_u128(id)),
        owner_name: owner_name.into(),
        access: Access { role: Role::Administrator, relation: Relation::Owner },
        subnet: Some(format!("10.77.{third}.0/24")),
        gateway: Some(Ipv4Addr::new(10, 77, third, 1)),
        has_bridge: true,
        guests: Vec::new(),
        forwards: Vec::new(),
    };
    vec![
        NetworkShown {
            guests: plugged,
            forwards: vec![forward(20_022, &guests[0], 22, true), forward(20_080, &guests[0], 80, true)],
            ..network(1, "ada", 3)
        },
        network(2, "bob", 4),
    ]
}

/// A boot long ago, a calm hour with a few peaks, a gap.
pub(crate) fn series() -> Series {
    let sample = |at: u32| {
        let wave = at % 97;
        let busy = if (300..330).contains(&at) { 700 } else { 0 };
        Sample {
            cpu_permille: 20 + wave / 4 + busy,
            memory_kib: 38_000 + at * 12 + wave * 30,
            net_in_kib_s: if at % 160 < 12 { 900 + wave * 8 } else { wave / 9 },
            net_out_kib_s: if at % 160 < 9 { 240 } else { wave / 20 },
            disk_read_kib_s: if at % 220 < 4 { 4000 } else { 0 },
            disk_write_kib_s: if at % 120 < 6 { 1500 } else { 12 },
            processes: 40,
        }
    };
    let samples = (0..720).map(|at| (at >= 40 && !(500..520).contains(&at)).then(|| sample(at))).collect();
    Series { span: Span::Hour, end: 0, samples }
}

pub(crate) fn strays() -> Vec<StrayShown> {
    let stray = |name: &str, mib: u64, file_system: Option<&str>, refused: Option<&str>| StrayShown {
        name: name.parse().expect("a name"),
        size_bytes: mib << 20,
        file_system: file_system.map(str::to_owned),
        refused: refused.map(str::to_owned),
    };
    vec![
        stray("root_fs", 1024, Some("ext4"), None),
        stray("fedora.img", 600, Some("ext3"), Some("it is mounted, or a guest has it open")),
        stray("notes.iso", 3, None, Some("it has no file system that a guest could boot from")),
    ]
}

pub(crate) fn snapshots() -> SnapshotsShown {
    let snapshot = |number: u128, name: &str, mib: u64, hours: i64, kind, goes_at| SnapshotShown {
        id: SnapshotId(Uuid::from_u128(0x0190_b6f0_2222_7000_8000_0000_0000_0000 + number)),
        kind,
        name: name.into(),
        image: "tiny-5".parse().expect("a slug"),
        is_whole: mib > 0,
        taken_bytes: mib << 20,
        made_at: now() - hours * HOUR,
        goes_at,
        planned: false,
    };
    SnapshotsShown {
        newer: None,
        disk_bytes: Some(180 << 20),
        shares_blocks: false,
        plan: Some(PlanShown {
            every: Every::Day,
            keep: 7,
            next_at: now() + 5 * HOUR,
            failed: Some("Snapshots: the quota is 10, and 10 are used.".into()),
        }),
        rows: vec![
            snapshot(4, "Before the reset", 180, 0, SnapshotKind::BeforeReset, Some(now() + HOUR / 2)),
            snapshot(3, "Snapshot 1", 0, 0, SnapshotKind::Taken, None),
            snapshot(2, "before the upgrade to the new shop software", 164, 30, SnapshotKind::Taken, None),
            snapshot(1, "fresh", 12, 700, SnapshotKind::Taken, None),
        ],
    }
}

pub(crate) fn traces() -> Vec<Found> {
    let found = |trace, files, bytes, names: &[&str]| Found {
        trace,
        files,
        bytes,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    vec![
        found(Trace::HostKeys, 4, 2590, &["/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"]),
        found(Trace::Logs, 61, 14 << 20, &["/var/log/apt/history.log", "/var/log/wtmp"]),
        found(Trace::Logins, 2, 570, &["/home/anna/.ssh/authorized_keys", "the password of anna"]),
    ]
}

pub(crate) fn storage() -> StorageShown {
    let image = |image: &str, mib: u64, guests: u64| StoredImage {
        image: image.parse().expect("a slug"),
        taken_bytes: mib << 20,
        guests,
        saved_bytes: (mib << 20) * guests.saturating_sub(1),
    };
    let guest = |number: u128, name: &str, owner: &str, mib: u64, snapshots: u64| StoredGuest {
        guest: GuestId(Uuid::from_u128(number)),
        name: name.into(),
        owner: owner.into(),
        disk_mib: 4096,
        taken_bytes: mib << 20,
        snapshots,
        snapshots_bytes: (mib << 20) / 2 * snapshots,
    };
    StorageShown {
        disk_total_mib: 80 << 10,
        disk_free_mib: 51 << 10,
        images: vec![image("debian-13.2", 953, 14), image("tiny-5", 30, 3)],
        guests: vec![
            guest(1, "shop-of-the-print-works", "Print works", 2900, 3),
            guest(2, "web-1", "anna", 180, 0),
            guest(3, "lab-3", "bob", 12, 1),
        ],
        others: 0,
        others_bytes: 0,
        volumes_bytes: 1192 << 20,
        uploads_bytes: 0,
        kernels_bytes: 61 << 20,
        ballast_bytes: 256 << 20,
        leftovers: vec![LeftoverShown {
            guest: GuestId(Uuid::from_u128(0x0190_b6f0_2222_7000_8000_0000_0000_0009)),
            guest_name: None,
            snapshot: None,
            taken_bytes: 340 << 20,
        }],
    }
}

pub(crate) fn volumes(guests: &[GuestShown]) -> VolumesShown {
    let Some(first) = guests.first() else { return VolumesShown::default() };
    let volume = |number: u128, name: &str, mib: u64, attached: Vec<AttachedShown>| VolumeShown {
        id: VolumeId(Uuid::from_u128(number)),
        name: name.into(),
        owner: first.owner,
        owner_name: first.owner_name.clone(),
        access: Access { role: Role::Administrator, relation: Relation::Owner },
        size_mib: 1024,
        state: VolumeState::Kept,
        taken_bytes: Some(mib << 20),
        created_at: now() - 30 * HOUR,
        attached,
    };
    let at = |guest: &GuestShown, slot: Slot, access| AttachedShown {
        guest: guest.id,
        guest_name: guest.name.clone(),
        slot,
        device: slot.device(),
        access,
        is_there: guest.seen.is_alive(),
    };
    let readers = guests.iter().take(2).map(|guest| at(guest, Slot::D, VolumeAccess::ReadOnly)).collect();
    let taker = |guest: &GuestShown| VolumeTaker { guest: guest.id, name: guest.name.clone(), owner: guest.owner };
    VolumesShown {
        volumes: vec![
            volume(81, "data of the shop", 412, vec![at(first, Slot::C, VolumeAccess::ReadWrite)]),
            volume(82, "packages", 780, readers),
            volume(83, "scratch", 0, Vec::new()),
        ],
        guests: guests.iter().filter(|guest| guest.owner == first.owner).map(taker).collect(),
        strays: Vec::new(),
    }
}

pub(crate) fn backups() -> BackupsShown {
    let backup = |number: u128, name: &str, has_guest, held: u64, new: u64, hours: i64| BackupShown {
        id: BackupId(Uuid::from_u128(0x0190_b6f0_3333_7000_8000_0000_0000_0000 + number)),
        guest: GuestId(Uuid::from_u128(number)),
        guest_name: name.into(),
        has_guest,
        planned: new < 100,
        is_whole: held > 0,
        disk_mib: 1024,
        held_bytes: held << 20,
        stored_bytes: new << 20,
        made_at: now() - hours * HOUR,
        access: Access { role: Role::Administrator, relation: Relation::Owner },
    };
    let rows = vec![
        backup(4, "shop", true, 0, 0, 0),
        backup(3, "shop", true, 310, 9, 24),
        backup(2, "shop", true, 304, 122, 48),
        backup(1, "mail-of-last-year", false, 711, 402, 3000),
    ];
    BackupsShown { is_offered: true, most: 16, plan: None, rows }
}

/// What lies on the disk of a backup.
pub(crate) fn files() -> FilesShown {
    let row = |name: &str, kind, bytes, target: Option<&str>| FileShown {
        name: name.into(),
        path: format!("/etc/{name}"),
        kind,
        bytes,
        mode: if kind == FileKind::Directory { "0755" } else { "0644" }.into(),
        uid: 0,
        gid: 0,
        changed_at: 1_790_000_000_000_000,
        target: target.map(str::to_owned),
    };
    let rows = vec![
        row("hostname", FileKind::File, 4, None),
        row("mtab", FileKind::Link, 14, Some("../proc/mounts")),
        row("ssh", FileKind::Directory, 4096, None),
        row("a%0Aname%E2%80%AEthat deceives", FileKind::File, 3 << 20, None),
    ];
    FilesShown { path: "/etc".into(), rows, ..FilesShown::default() }
}
