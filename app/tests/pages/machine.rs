//! Pages about what guests run on: choices of a new guest, networks, kernels, the host, adoption.

use std::net::Ipv4Addr;

use axum::http::StatusCode;
use umbel_app::paths;
use umbel_app::shown::{
    CheckShown, CheckState, ForwardShown, ImageShown, KernelShown, LeftoverShown, NetworkGuest, NetworkShown, Role,
    SaidShown, SnapshotShown, SnapshotsShown, StorageShown, StoredGuest, StoredImage, StrayShown, WallShown,
};
use umbel_guest::publish::{Found, Trace};
use umbel_guest::state::Badge;
use umbel_guest::{
    Access, AccountId, Attachment, Boot, DiskSize, Exit, GroupId, HostNumber, ImageKind, KernelFeatures, KernelMode,
    Memory, NetworkId, Relation, Sample, Seen, Series, SnapshotId, SnapshotKind, Span, Until, Visibility, WallState,
    Wanted,
};
use uuid::Uuid;

use crate::fake::{Fake, caller, guest};
use crate::page;

pub(crate) const RUNNING: Seen = Seen::Running { since: 0 };

async fn seen(backend: Fake, role: Role, path: &str) -> String {
    let (status, html) = page(backend, Some(caller(role)), path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {html}");
    html
}

/// The opening tag of the first element after `before` that begins like this.
fn tag<'a>(html: &'a str, before: &str, begins: &str) -> &'a str {
    let from = html.find(before).unwrap_or_else(|| panic!("{before} in {html}"));
    let at = from + html[from..].find(begins).unwrap_or_else(|| panic!("{begins} after {before} in {html}"));
    &html[at..at + html[at..].find('>').unwrap_or_default()]
}

/// The opening tag that begins like this and has all of these attributes.
fn element<'a>(html: &'a str, begins: &str, with: &[&str]) -> &'a str {
    let tags = html.match_indices(begins).map(|(at, _)| &html[at..at + html[at..].find('>').unwrap_or_default()]);
    let mut found = tags.filter(|tag| with.iter().all(|attribute| tag.contains(attribute)));
    found.next().unwrap_or_else(|| panic!("{begins} with {with:?} in {html}"))
}

fn radio<'a>(html: &'a str, name: &str, value: &str) -> &'a str {
    element(html, "<input", &[&format!("name=\"{name}\""), &format!("value=\"{value}\"")])
}

fn all_of(html: &str, parts: &[&str]) {
    for part in parts {
        assert!(html.contains(part), "{part} in {html}");
    }
}

fn kernel() -> KernelShown {
    KernelShown {
        id: "debian-6.1.176".parse().expect("a kernel"),
        version: "6.1.176".into(),
        origin: "the distribution's package".into(),
        uploaded: false,
        sha256: "ab".repeat(32),
        size_bytes: 8 << 20,
        features: KernelFeatures { modes: vec![KernelMode::Strict], hostfs: true, ..KernelFeatures::default() },
        is_default: true,
        retired: false,
        note: String::new(),
        used_by: Vec::new(),
    }
}

fn network(guests: Vec<NetworkGuest>, has_bridge: bool) -> NetworkShown {
    NetworkShown {
        id: NetworkId(Uuid::from_u128(1)),
        owner: AccountId(Uuid::from_u128(1)),
        owner_name: "ada".into(),
        access: Access { role: Role::User, relation: Relation::Owner },
        subnet: Some("10.77.3.0/24".into()),
        gateway: Some(Ipv4Addr::new(10, 77, 3, 1)),
        has_bridge,
        guests,
        forwards: Vec::new(),
    }
}

#[tokio::test]
async fn what_a_new_guest_can_not_have_is_disabled_and_says_why() {
    let html = seen(Fake::default(), Role::User, paths::GUEST_NEW).await;
    assert!(radio(&html, "mode", "fast").contains("disabled"), "{html}");
    assert!(radio(&html, "mode", "strict").contains("checked"), "{html}");
    assert!(radio(&html, "network", "bridge").contains("checked"), "{html}");
    assert!(!radio(&html, "network", "switch").contains("disabled"), "{html}");
    all_of(
        &html,
        &[
            "This kernel has no fast mode. Choose strict.",
            "any program of the guest can reach all of the guest's memory",
            "Idle time passes at once",
            "name=\"cpu_weight\"",
            "name=\"autostart\"",
        ],
    );
}

#[tokio::test]
async fn a_guests_address_and_words_are_text() {
    let mut one = guest("web-1", Wanted::Running, RUNNING);
    (one.network, one.address) = (Attachment::Bridge, Some(Ipv4Addr::new(10, 77, 3, 2)));
    one.said = vec![SaidShown { at: 0, text: "<script>hello</script>".into(), missed: 3 }];
    let path = paths::guest(one.id);
    let html = seen(Fake { guests: vec![one], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["data-copy=\"10.77.3.2\"", "&lt;script&gt;hello", "3 before it came too fast", "value=\"pause\""]);
    assert!(!html.contains("<script>hello"), "{html}");
}

#[tokio::test]
async fn graphs_are_drawn_by_the_server() {
    let samples = (0..720).map(|n| (n > 700).then_some(Sample { cpu_permille: 430, ..Sample::default() })).collect();
    let one = guest("web-1", Wanted::Running, RUNNING);
    let path = paths::guest(one.id);
    let series = Some(Series { span: Span::Hour, end: 0, samples });
    let html = seen(Fake { guests: vec![one.clone()], series, ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["43 %", "<svg", "CPU since 1 h ago", "range=day", "class=\"curve second\""]);
    // Nothing was measured of it: said so, not drawn as nothing.
    let html = seen(Fake { guests: vec![one], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["now –"]);
}

#[tokio::test]
async fn an_exit_code_is_said_in_number_and_words() {
    let ended = guest("web-1", Wanted::Stopped, Seen::Ended { at: 0, exit: Exit::Failed { status: 42 } });
    let path = paths::guest(ended.id);
    let html = seen(Fake { guests: vec![ended], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["ended with status 42", "exit code 42"]);
}

#[tokio::test]
async fn a_shell_and_keys_are_offered_with_what_they_do() {
    let stopped = guest("web-1", Wanted::Stopped, Seen::Gone);
    let path = paths::guest(stopped.id);
    let html = seen(Fake { guests: vec![stopped.clone()], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["Start web-1 into a shell", "without asking for a password", "Write everything to its disks (s)"]);
    assert!(
        element(&html, "<select", &["id=\"sysrq-key\""]).contains("disabled"),
        "no key for a guest that is down: {html}"
    );
    let mut running = stopped;
    (running.wanted, running.seen, running.boot) = (Wanted::Running, RUNNING, Boot::Shell);
    let html = seen(Fake { guests: vec![running], ..Fake::default() }, Role::User, &path).await;
    assert!(!element(&html, "<select", &["id=\"sysrq-key\""]).contains("disabled"), "{html}");
    all_of(&html, &["Stop the guest first.", "It starts into a shell instead of its own init, once."]);
}

#[tokio::test]
async fn a_paused_guest_can_go_on() {
    let paused = guest("web-1", Wanted::Running, Seen::Paused { since: 0, until: Until::Asked });
    let path = paths::guest(paused.id);
    let html = seen(Fake { guests: vec![paused], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["Paused", "value=\"resume\"", "Go on"]);
}

#[tokio::test]
async fn a_held_guest_says_why_it_stands_still() {
    let held = guest("web-1", Wanted::Running, Seen::Paused { since: 0, until: Until::Room });
    let path = paths::guest(held.id);
    let html = seen(Fake { guests: vec![held], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["Paused", "goes on by itself when there is room"]);
    assert!(element(&html, "<button", &["aria-describedby=\"why-resume-"]).contains("disabled"), "{html}");
}

#[tokio::test]
async fn a_forwarded_port_says_how_it_is_reached() {
    let mut one = guest("web-1", Wanted::Running, RUNNING);
    one.network = Attachment::Bridge;
    let (id, name) = (one.id, one.name.clone());
    let forward = ForwardShown { host_port: 20_022, guest: id, guest_name: name, guest_port: 22, leads: true };
    let networks = vec![NetworkShown { forwards: vec![forward], ..network(Vec::new(), true) }];
    let fake = Fake { guests: vec![one.clone()], networks, ..Fake::default() };
    let path = paths::guest_network(id);
    let html = seen(fake.clone(), Role::User, &path).await;
    all_of(&html, &["ssh -p 20022 root@", "10.77.3.0/24", "/_sf/forward_add", "/_sf/forward_remove"]);
    one.network = Attachment::Switch;
    let html = seen(Fake { guests: vec![one], ..fake }, Role::User, &path).await;
    all_of(&html, &["Only a guest on the bridge can be reached from outside."]);
    assert!(tag(&html, "/_sf/forward_add", "<fieldset").contains("disabled"), "{html}");
}

#[tokio::test]
async fn a_network_shows_who_is_in_it() {
    let one = guest("web-1", Wanted::Running, RUNNING);
    let plugged = NetworkGuest {
        id: one.id,
        name: one.name.clone(),
        attachment: Attachment::Bridge,
        number: HostNumber::new(2).expect("a number"),
        address: Some(Ipv4Addr::new(10, 77, 3, 2)),
        mac: one.mac.clone(),
        badge: Badge::Running,
    };
    let mut other = network(Vec::new(), false);
    (other.owner, other.owner_name) = (AccountId(Uuid::from_u128(2)), "bob".into());
    let fake = Fake { networks: vec![network(vec![plugged], true), other], ..Fake::default() };
    let html = seen(fake, Role::Administrator, paths::NETWORKS).await;
    all_of(
        &html,
        &["My network", "10.77.3.2", "10.77.3.1", "1 guest, with a way out", "Network of bob", "/_sf/example_create"],
    );
    all_of(&html, &["none: it needs an agent that runs as root"]);
}

fn image() -> ImageShown {
    ImageShown {
        visibility: Visibility::Public,
        group: None,
        id: "tiny-1".parse().expect("a slug"),
        name: "tiny".into(),
        version: Some("1".into()),
        title: "Tiny <b>".into(),
        description: "Busybox".into(),
        origin: "built by Umbel".into(),
        came_from: None,
        tested_with: None,
        sha256: Some("ab".repeat(32)),
        kind: ImageKind::Disk,
        file_system: Some("ext4".into()),
        fills_disk: true,
        default_user: "root".into(),
        sizes: vec![DiskSize::DEFAULT],
        taken_bytes: 23 << 20,
        suggested_memory: Memory::DEFAULT,
        imported: false,
        deprecated: false,
        newer: Some("tiny-2".parse().expect("a slug")),
        note: "Old".into(),
        used_by: Some(3),
    }
}

#[tokio::test]
async fn an_image_says_what_it_takes_and_what_is_newer() {
    let fake = || Fake { images: vec![image()], ..Fake::default() };
    let html = seen(fake(), Role::Administrator, paths::IMAGES).await;
    all_of(&html, &["Tiny &lt;b&gt;", "tiny-1, built by Umbel", "23 MiB", "ext4", "tiny-2 is newer", ">3<", "Old"]);
    let own = paths::image(&image().id);
    let html = seen(fake(), Role::Administrator, &own).await;
    all_of(&html, &["abababab<", "Busybox", "/_sf/image_set_note", "/_sf/image_set_deprecated", "value=\"true\""]);
    assert!(!html.contains("/_sf/image_remove"), "it is Umbel's own: {html}");
    let imported = ImageShown { imported: true, used_by: Some(1), ..image() };
    let html = seen(Fake { images: vec![imported], ..Fake::default() }, Role::Administrator, &own).await;
    all_of(&html, &["/_sf/image_remove", "One guest has it."]);
    let deprecated = ImageShown { deprecated: true, used_by: None, ..image() };
    let html = seen(Fake { images: vec![deprecated], ..Fake::default() }, Role::User, &own).await;
    all_of(&html, &["Deprecated", "Old"]);
    assert!(!html.contains("/_sf/image_set") && html.contains("everybody"), "{html}");
    let class = Visibility::Group(GroupId(Uuid::nil()));
    for (visibility, group, words) in [
        (Visibility::Private, None, "who manages images"),
        (class, Some("class-1".to_owned()), "the group class-1"),
        (class, None, "a group that is gone"),
    ] {
        let fake =
            || Fake { images: vec![ImageShown { visibility, group: group.clone(), ..image() }], ..Fake::default() };
        all_of(&seen(fake(), Role::Administrator, paths::IMAGES).await, &[&format!("Seen by {words} only")]);
        let chosen = format!("value=\"{visibility}\" selected");
        all_of(&seen(fake(), Role::Administrator, &own).await, &["/_sf/image_set_visibility", words, &chosen]);
    }
    all_of(&seen(Fake::default(), Role::User, paths::IMAGES).await, &["There is no image yet."]);
}

#[tokio::test]
async fn a_kernel_says_what_it_can_and_why_it_stays() {
    let html = seen(Fake { kernels: vec![kernel()], ..Fake::default() }, Role::Administrator, paths::KERNELS).await;
    all_of(
        &html,
        &["debian-6.1.176", "8.0 MiB", "hostfs", ">strict<", "Default", "abababababab<", "It was found on the machine"],
    );
    assert!(!html.contains(">fast<"), "{html}");
    let used = KernelShown { uploaded: true, used_by: vec!["web-1".into()], is_default: false, ..kernel() };
    let html = seen(Fake { kernels: vec![used], ..Fake::default() }, Role::Administrator, paths::KERNELS).await;
    all_of(&html, &["It is used by web-1.", "data-uploads=\"/api/v1/uploads\"", "/_sf/kernel_set_settings"]);
    let html = seen(Fake { kernels: vec![kernel()], ..Fake::default() }, Role::User, paths::KERNELS).await;
    assert!(!html.contains("/_sf/kernel_remove") && !html.contains("/_sf/kernel_set_settings"), "{html}");
}

#[tokio::test]
async fn a_wall_that_does_not_stand_is_named_with_what_helps() {
    let wall = |name: &str, state| WallShown { name: name.into(), state };
    let walls = vec![
        wall("cgroup", WallState::Stands { does: "Memory is limited.".into() }),
        wall("seccomp", WallState::SwitchedOff),
        wall("Landlock", WallState::Missing { why: "The host's kernel has none.".into() }),
    ];
    let checks = vec![CheckShown {
        name: "kernel.pid_max".into(),
        state: CheckState::TooLow { fix: "sysctl -w kernel.pid_max=131072".into() },
        detail: "32768: too few".into(),
    }];
    let html = seen(Fake { walls, checks, ..Fake::default() }, Role::Administrator, paths::DOCTOR).await;
    all_of(
        &html,
        &[
            "2 walls are not standing",
            "Stands",
            "Switched off",
            "Missing",
            "data-copy=\"sysctl -w kernel.pid_max=131072\"",
        ],
    );
}

#[tokio::test]
async fn the_host_says_what_is_promised() {
    let many = vec![guest("web-1", Wanted::Running, RUNNING); 100];
    let html = seen(Fake { guests: many, ..Fake::default() }, Role::Administrator, paths::HOST).await;
    all_of(&html, &["6.2 GiB of 4.0 GiB", "More memory is promised than there is.", "All guests together"]);
}

#[tokio::test]
async fn a_command_line_is_read_before_anything_is_adopted() {
    let stray = |name: &str, refused: Option<&str>| StrayShown {
        name: name.parse().expect("a name"),
        size_bytes: 1 << 30,
        file_system: Some("ext4".into()),
        refused: refused.map(str::to_owned),
    };
    let strays = vec![stray("root_fs", None), stray("busy.img", Some("it is mounted"))];
    let fake = Fake { strays, ..Fake::default() };
    let html = seen(fake.clone(), Role::Administrator, paths::ADOPT).await;
    assert!(!html.contains("/_sf/guest_adopt"), "nothing was read yet: {html}");
    let path = format!("{}?line=con%3Dpty", paths::ADOPT);
    let html = seen(fake.clone(), Role::Administrator, &path).await;
    all_of(&html, &["con=pty", "it has no meaning here", "128 MiB", "1.0 GiB, ext4", "/_sf/guest_adopt"]);
    assert!(radio(&html, "stray", "busy.img").contains("disabled"), "{html}");
    assert!(radio(&html, "stray", "root_fs").contains("checked"), "{html}");
    let html = seen(Fake::default(), Role::Administrator, &path).await;
    all_of(&html, &["No image lies ready."]);
}

fn snapshots() -> SnapshotsShown {
    let snapshot = |number: u128, kind, name: &str, is_whole| SnapshotShown {
        id: SnapshotId(Uuid::from_u128(number)),
        kind,
        name: name.into(),
        image: "tiny-1".parse().expect("a slug"),
        is_whole,
        taken_bytes: 5 << 20,
        made_at: 1,
        goes_at: (kind != SnapshotKind::Taken).then_some(2),
        planned: false,
    };
    let rows = vec![
        snapshot(1, SnapshotKind::BeforeReset, "Before the reset", true),
        snapshot(2, SnapshotKind::Taken, "coming", false),
        snapshot(3, SnapshotKind::Taken, "<before>", true),
    ];
    SnapshotsShown {
        disk_bytes: Some(7 << 20),
        shares_blocks: false,
        plan: None,
        newer: Some("tiny-5".parse().expect("a slug")),
        rows,
    }
}

#[tokio::test]
async fn a_disk_is_shown_with_its_snapshots_and_the_way_back() {
    let backend =
        Fake { guests: vec![guest("web", Wanted::Running, RUNNING)], snapshots: snapshots(), ..Fake::default() };
    let path = paths::guest_disk(guest("web", Wanted::Running, RUNNING).id);
    let html = seen(backend.clone(), Role::User, &path).await;
    all_of(&html, &["was reset to its image", "stands still while 7.0 MiB are copied", "Being made", "&lt;before&gt;"]);
    all_of(&html, &["/_sf/guest_rebuild", "value=\"tiny-5\""]);
    all_of(&html, &["Each stands on its image alone", "chain-box now", "The disk, now"]);
    assert_eq!(html.matches("\"chain-box\"").count(), 4, "an image and three copies");
    assert_eq!(html.matches("/_sf/snapshot_remove").count(), 2, "of the one that is whole, with scripts and without");
    assert!(!tag(&html, "Reset to the image", "<button").contains("disabled"));

    assert!(!html.contains("Make an image"), "who makes none is offered none");
    let html = seen(backend.clone(), Role::Administrator, &path).await;
    assert_eq!(html.matches("Make an image").count(), 1, "of the one that is whole");

    // Whoever may only see it does nothing to it.
    let mut seen_only = guest("web", Wanted::Running, RUNNING);
    seen_only.access = Access { role: Role::Operator, relation: Relation::Stranger };
    let html = seen(Fake { guests: vec![seen_only], ..backend.clone() }, Role::Operator, &path).await;
    for begins in ["data-opens=\"reset-guest\"", "data-opens=\"restore-"] {
        let at = html.find(begins).unwrap_or_else(|| panic!("{begins} in {html}"));
        let from = html[..at].rfind("<button").unwrap_or_default();
        assert!(html[from..].split('>').next().is_some_and(|tag| tag.contains("disabled")), "{begins}");
    }

    let mut tree = guest("tree", Wanted::Running, RUNNING);
    tree.disk_kind = umbel_guest::DiskKind::Memory;
    let html = seen(Fake { guests: vec![tree], ..Fake::default() }, Role::User, &path).await;
    all_of(&html, &["its root lies in memory", "None is kept."]);
    assert!(!html.contains("Take a snapshot"));
}

#[tokio::test]
async fn what_stays_behind_is_shown_before_an_image_is_made() {
    let web = guest("web", Wanted::Running, RUNNING);
    let of = snapshots().rows[2].id;
    let found = |trace, files: u64, name: &str| Found { trace, files, bytes: 2048, names: vec![name.into()] };
    let traces = vec![found(Trace::HostKeys, 1, "/etc/ssh/ssh_host_rsa_key"), found(Trace::Logs, 3, "/var/log/<b>")];
    let fake = Fake { guests: vec![web.clone()], snapshots: snapshots(), traces, ..Fake::default() };
    let html = seen(fake.clone(), Role::Administrator, &paths::snapshot_image(web.id, of)).await;
    all_of(
        &html,
        &[
            "An image of &lt;before&gt;",
            "/etc/ssh/ssh_host_rsa_key",
            "/var/log/&lt;b&gt;",
            " and 2 more",
            "/_sf/image_publish",
        ],
    );
    let nothing = Fake { traces: Vec::new(), ..fake };
    all_of(&seen(nothing, Role::Administrator, &paths::snapshot_image(web.id, of)).await, &["None was found."]);
}

#[tokio::test]
async fn what_takes_the_hosts_disk_is_shown_and_what_is_nobodys_can_be_removed() {
    let web = guest("web", Wanted::Running, RUNNING);
    let image =
        StoredImage { image: "tiny-5".parse().expect("a slug"), taken_bytes: 3 << 20, guests: 4, saved_bytes: 9 << 20 };
    let stored = StoredGuest {
        guest: web.id,
        name: "web".into(),
        owner: "<anna>".into(),
        disk_mib: 1024,
        taken_bytes: 7 << 20,
        snapshots: 2,
        snapshots_bytes: 5 << 20,
    };
    let left = LeftoverShown { guest: web.id, guest_name: None, snapshot: None, taken_bytes: 1 << 20 };
    let storage = StorageShown {
        disk_total_mib: 2048,
        disk_free_mib: 1024,
        images: vec![image],
        guests: vec![stored],
        others: 3,
        others_bytes: 2 << 20,
        leftovers: vec![left],
        ..StorageShown::default()
    };
    let fake = Fake { storage, ..Fake::default() };
    let html = seen(fake.clone(), Role::Administrator, paths::STORAGE).await;
    all_of(&html, &["&lt;anna&gt;", "5.0 MiB in 2", "9.0 MiB", "3 more take 2.0 MiB together", "1 thing lies"]);
    let html = seen(fake, Role::Administrator, paths::DOCTOR).await;
    all_of(&html, &["Leftovers", "/_sf/leftover_remove", &web.id.to_string()]);
    let html = seen(Fake::default(), Role::Administrator, paths::DOCTOR).await;
    all_of(&html, &["is one that this panel knows"]);
}
