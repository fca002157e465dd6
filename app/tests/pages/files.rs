//! Files of backups and snapshots, as pages show them.

use umbel_app::paths;
use umbel_app::shown::{BackupShown, BackupsShown, FileShown, FilesShown, OpenState, Role};
use umbel_guest::files::FileKind;
use umbel_guest::{Access, BackupId, GuestId, Relation, SnapshotId, Wanted};
use uuid::Uuid;

use crate::fake::{Fake, caller, guest};
use crate::machine::RUNNING;
use crate::page;

fn file(name: &str, kind: FileKind, target: Option<&str>) -> FileShown {
    FileShown {
        name: name.into(),
        path: format!("/etc/{name}"),
        kind,
        bytes: 5 << 20,
        mode: "0640".into(),
        uid: 1000,
        gid: 100,
        changed_at: 1,
        target: target.map(str::to_owned),
    }
}

fn some() -> FilesShown {
    let rows = vec![
        file("a%0Ab", FileKind::File, None),
        file("<b>", FileKind::Directory, None),
        file("leads", FileKind::Link, Some("/etc/passwd")),
        file("zero", FileKind::Special, None),
    ];
    FilesShown { rows, ..FilesShown::default() }
}

fn with(opened: OpenState, files: FilesShown) -> (Fake, BackupId) {
    let id = BackupId(Uuid::from_u128(1));
    let row = BackupShown {
        id,
        guest: GuestId(Uuid::from_u128(2)),
        guest_name: "web".into(),
        has_guest: false,
        planned: false,
        is_whole: true,
        disk_mib: 256,
        held_bytes: 1,
        stored_bytes: 1,
        made_at: 1,
        access: Access { role: Role::User, relation: Relation::Owner },
    };
    let backups = BackupsShown { is_offered: true, most: 16, rows: vec![row], ..BackupsShown::default() };
    (Fake { backups, opened, files, ..Fake::default() }, id)
}

#[tokio::test]
async fn files_are_links_and_nothing_of_a_name_is_markup() {
    let (fake, id) = with(OpenState::Open, some());
    let (status, html) = page(fake, Some(caller(Role::User)), &paths::backup_files(id, "/etc")).await;
    assert_eq!(status, 200);
    let address = |path: &str| path.replace('&', "&amp;");
    for part in [
        address(&paths::backup_file(id, "/etc/a%0Ab", "")),
        address(&paths::backup_files(id, "/etc/<b>")),
        address(&paths::backup_file(id, "/etc/<b>", "tar")),
        "a%0Ab".into(),
        "&lt;b&gt;/".into(),
        "5.0 MiB".into(),
        "1000:100".into(),
        "→ /etc/passwd".into(),
        "device, pipe or socket".into(),
        "/_sf/backup_close".into(),
    ] {
        assert!(html.contains(&part), "{part} in {html}");
    }
    assert!(!html.contains("<b>"), "{html}");
    assert!(!html.contains(&address(&paths::backup_file(id, "/etc/leads", ""))), "a link is not taken");
    assert!(!html.contains(&address(&paths::backup_file(id, "/etc/zero", ""))), "a device is not taken");
}

#[tokio::test]
async fn how_a_backup_stands_is_said_and_a_closed_one_can_be_opened() {
    for (opened, says, opens) in [
        (OpenState::Closed, "Open the backup", true),
        (OpenState::Opening { percent: 40 }, "40 %", false),
        (OpenState::Failed { reason: "a part is missing".into() }, "a part is missing", true),
    ] {
        let (fake, id) = with(opened, some());
        let (_, html) = page(fake, Some(caller(Role::User)), &paths::backup_files(id, "")).await;
        assert!(html.contains(says) && html.contains("/_sf/backup_open") == opens, "{says} in {html}");
        assert!(!html.contains("a%0Ab"), "{html}");
    }
    let (fake, _) = with(OpenState::Open, some());
    let unknown = paths::backup_files(BackupId(Uuid::from_u128(9)), "");
    let (status, _) = page(fake, Some(caller(Role::User)), &unknown).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_snapshot_is_walked_through_and_what_is_left_out_is_said() {
    let web = guest("web", Wanted::Running, RUNNING);
    let snapshot = SnapshotId(Uuid::from_u128(3));
    let rows = (0..1100).map(|number| file(&format!("{number:04}"), FileKind::File, None)).collect();
    let files = FilesShown { rows, has_more: false, is_damaged: true, ..FilesShown::default() };
    let fake = Fake { guests: vec![web.clone()], files, ..Fake::default() };
    let address = paths::snapshot_files(web.id, snapshot, "/etc/ssh");
    let (_, html) = page(fake, Some(caller(Role::User)), &address).await;
    for part in [paths::snapshot_files(web.id, snapshot, ""), paths::snapshot_files(web.id, snapshot, "/etc")] {
        assert!(html.contains(&format!("href=\"{part}\"")), "{part} in {html}");
    }
    assert!(html.contains("There are 1100; the first 1000 are shown.") && html.contains("is damaged"), "{html}");
    assert!(html.contains("0999") && !html.contains(">1000<"), "{html}");
}
