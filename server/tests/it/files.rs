//! Single files out of backups and snapshots: who may have them, how a backup is opened and closed, what leaves and how.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use tempfile::TempDir;
use umbel_app::AppError;
use umbel_app::shown::{FileAsked, OpenState, OperationState, Role, ShareDraft, SnapshotDraft};
use umbel_guest::files::FileKind;
use umbel_guest::{BackupId, GuestId, GuestRight, SnapshotId};
use umbel_server::store::Db;
use umbel_server::store::audit::audit_list_after;
use umbel_wire::Layout;
use umbel_wire::agent::Refusal;
use uuid::Uuid;

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::{TestPanel, account};

async fn begin(db: &Db) -> (TestPanel, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    fs::create_dir(place.path().join("backups")).expect("made");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    (TestPanel::start_in(db, Some(layout)).await, place)
}

async fn take(panel: &TestPanel, guest: GuestId) -> BackupId {
    let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
    assert_eq!(panel.over(made.operation).await.state, OperationState::Done);
    made.backup
}

async fn snapshot(panel: &TestPanel, guest: GuestId) -> SnapshotId {
    let draft = SnapshotDraft::default();
    let made = panel.guests.snapshot_take(&panel.anna, guest, draft).await.expect("there is room");
    assert_eq!(panel.over(made.operation).await.state, OperationState::Done);
    made.snapshot
}

async fn state(panel: &TestPanel, backup: BackupId) -> OpenState {
    panel.guests.backup_files(&panel.anna, backup, "").await.expect("hers").opened
}

async fn open(panel: &TestPanel, backup: BackupId) {
    panel.guests.backup_open(&panel.anna, backup).await.expect("there is room");
    panel.eventually("it is open", async |panel| state(panel, backup).await == OpenState::Open).await;
}

fn asked(path: &str, pack: &str) -> FileAsked {
    FileAsked { path: path.into(), pack: pack.into() }
}

async fn content(panel: &TestPanel, backup: BackupId, path: &str) -> Result<String, AppError> {
    let mut taken = panel.guests.backup_file(&panel.anna, backup, &asked(path, "")).await?;
    let mut bytes = Vec::new();
    while let Some(part) = taken.next().await {
        bytes.extend(part.expect("readable"));
    }
    assert_eq!(bytes.len() as u64, taken.bytes);
    Ok(String::from_utf8(bytes).expect("text"))
}

fn conflict<T: std::fmt::Debug>(answer: Result<T, AppError>) -> String {
    match answer {
        Err(AppError::Conflict { message }) => message,
        other => panic!("{other:?}"),
    }
}

fn uploads(place: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path().join("panel/uploads")).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).collect()
}

both! {
    async fn a_backup_is_opened_looked_into_and_closed(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "dear ");
        let backup = take(&panel, guest).await;
        assert_eq!(state(&panel, backup).await, OpenState::Closed);
        let why = conflict(content(&panel, backup, "/root/written").await);
        assert!(why.contains("Open it"), "{why}");
        for _ in 0..2 {
            open(&panel, backup).await;
        }
        let shown = panel.guests.backup_files(&panel.anna, backup, "/etc").await.expect("hers");
        assert_eq!(shown.guest_name, "web");
        let files = shown.files.expect("it is open");
        let rows: Vec<_> = files.rows.iter().map(|row| (row.name.as_str(), row.path.as_str(), row.kind)).collect();
        assert_eq!(rows, [
            ("a%0Ab", "/etc/a%0Ab", FileKind::File),
            ("hostname", "/etc/hostname", FileKind::File),
            ("mtab", "/etc/mtab", FileKind::Link),
            ("zero", "/etc/zero", FileKind::Special),
        ]);
        assert_eq!((files.rows[0].mode.as_str(), files.rows[0].changed_at), ("0644", 1_700_000_000_000_000));
        assert_eq!(files.rows[2].target.as_deref(), Some("../proc/mounts"));
        assert_eq!(content(&panel, backup, "/root/written").await.as_deref(), Ok("dear "));
        assert_eq!(content(&panel, backup, &files.rows[0].path).await.as_deref(), Ok("two lines"));
        let archive = panel.guests.backup_file(&panel.anna, backup, &asked("/etc", "tar")).await.expect("hers");
        assert_eq!((archive.name.as_str(), archive.is_archive), ("etc.tar", true));

        assert_eq!(content(&panel, backup, "/nothing").await, Err(AppError::not_found("file")));
        for (path, word) in [("/etc", "directory"), ("/etc/mtab", "links"), ("/etc/zero", "devices")] {
            let why = conflict(content(&panel, backup, path).await);
            assert!(why.contains(word), "{path}: {why}");
        }
        for path in ["etc", "/../etc", "/a%2", "/a%00"] {
            let wrong = content(&panel, backup, path).await;
            let Err(AppError::Invalid(wrong)) = wrong else { panic!("{path:?}: {wrong:?}") };
            assert_eq!(wrong.0[0].field, "path", "{path:?}");
        }
        let wrong = panel.guests.backup_file(&panel.anna, backup, &asked("/etc", "zip")).await.map(drop);
        assert!(matches!(wrong, Err(AppError::Invalid(_))), "{wrong:?}");
        // What was read for a moment has left nothing; the disk lies there until it is closed.
        assert_eq!(uploads(&place), [place.path().join(format!("panel/uploads/{backup}"))]);
        for _ in 0..2 {
            panel.guests.backup_close(&panel.anna, backup).await.expect("hers");
        }
        assert_eq!((state(&panel, backup).await, uploads(&place)), (OpenState::Closed, Vec::new()));
        // One that is removed is closed with it.
        open(&panel, backup).await;
        panel.guests.backup_remove(&panel.anna, backup).await.expect("hers");
        assert_eq!(uploads(&place), Vec::<PathBuf>::new());
    }

    async fn one_that_nobody_looks_into_closes_and_a_killed_panel_leaves_nothing_behind(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        let backups = [take(&panel, guest).await, take(&panel, guest).await, take(&panel, guest).await];
        open(&panel, backups[0]).await;
        open(&panel, backups[1]).await;
        let why = conflict(panel.guests.backup_open(&panel.anna, backups[2]).await);
        assert!(why.contains("2 backups are open"), "{why}");
        let now = SystemTime::now();
        panel.guests.files_sweep(now + Duration::from_secs(3500), false);
        assert_eq!(uploads(&place).len(), 2);
        panel.guests.files_sweep(now + Duration::from_secs(3700), false);
        assert_eq!(uploads(&place), Vec::<PathBuf>::new());
        assert_eq!(state(&panel, backups[0]).await, OpenState::Closed);

        // As a panel leaves it that was killed while it fetched one, and while another was read; beside it somebody's upload.
        let all = place.path().join("panel/uploads");
        for (name, mark) in [(backups[0].to_string(), "opened"), (Uuid::now_v7().to_string(), "reading")] {
            fs::create_dir_all(all.join(&name)).expect("made");
            fs::write(all.join(&name).join(mark), "").expect("written");
            fs::write(all.join(&name).join("disk.half"), "half").expect("written");
        }
        let other = all.join(Uuid::now_v7().to_string());
        fs::create_dir_all(other.join("files")).expect("made");
        assert_eq!(state(&panel, backups[0]).await, OpenState::Closed, "half a disk is none");
        panel.guests.files_sweep(SystemTime::now(), true);
        assert_eq!(uploads(&place), [other]);
        open(&panel, backups[0]).await;
    }

    async fn one_that_is_damaged_or_has_no_room_is_not_opened(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "dear ");
        let backup = take(&panel, guest).await;
        let chunks = place.path().join("backups/vault/chunks");
        for directory in fs::read_dir(&chunks).expect("there").flatten() {
            for chunk in fs::read_dir(directory.path()).expect("there").flatten() {
                fs::write(chunk.path(), "rotten").expect("written");
            }
        }
        panel.guests.backup_open(&panel.anna, backup).await.expect("it begins");
        panel
            .eventually("it failed", async |panel| matches!(state(panel, backup).await, OpenState::Failed { .. }))
            .await;
        assert_eq!(uploads(&place), Vec::<PathBuf>::new());
        // The host refuses what the agent says of the disk.
        let kept = snapshot(&panel, guest).await;
        panel.host.fail_next("files_read", Refusal::DiskFull { free_mib: 3 });
        let why = conflict(panel.guests.snapshot_files(&panel.anna, guest, kept, "/").await);
        assert!(why.contains("full"), "{why}");
        assert_eq!(uploads(&place), Vec::<PathBuf>::new());
    }

    async fn only_who_may_do_all_with_the_guest_reads_its_files(fresh) {
        let (panel, _place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        let (backup, kept) = (take(&panel, guest).await, snapshot(&panel, guest).await);
        open(&panel, backup).await;
        let berta = account(&fresh.db, "berta", Role::User).await;
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let tried = async |who| {
            let guests = &panel.guests;
            [
                guests.backup_files(who, backup, "").await.map(drop),
                guests.backup_open(who, backup).await,
                guests.backup_file(who, backup, &asked("/etc/hostname", "")).await.map(drop),
                guests.snapshot_files(who, guest, kept, "").await.map(drop),
                guests.snapshot_file(who, guest, kept, &asked("/etc/hostname", "")).await.map(drop),
                guests.backup_close(who, backup).await,
            ]
            .map(|answer| answer.map_err(|error| error.status()))
        };
        assert_eq!(tried(&berta).await, [Err(404); 6]);
        let share = ShareDraft { name: "berta".into(), rights: vec![GuestRight::Settings, GuestRight::Power] };
        panel.guests.share_put(&panel.anna, guest, share).await.expect("hers");
        assert_eq!(tried(&berta).await, [Err(403); 6]);
        assert_eq!(tried(&root).await, [Ok(()); 6]);
        let unknown = SnapshotId(Uuid::now_v7());
        let missing = panel.guests.snapshot_files(&panel.anna, guest, unknown, "").await;
        assert_eq!(missing, Err(AppError::not_found("snapshot")));
    }

    async fn what_leaves_is_a_file_and_never_a_page_and_the_audit_has_its_path(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        fs::create_dir(place.path().join("backups")).expect("made");
        let layout = Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout)).await;
        let guest = edge.test.made("web").await;
        edge.test.host.write(guest, "<script>alert(1)</script>");
        let (backup, kept) = (take(&edge.test, guest).await, snapshot(&edge.test, guest).await);
        open(&edge.test, backup).await;
        let client = edge.signed_in("anna").await;
        for address in [
            format!("/api/v1/backups/{backup}/content"),
            format!("/backups/{backup}/content"),
            format!("/api/v1/guests/{guest}/snapshots/{kept}/content"),
            format!("/guests/{guest}/disk/{kept}/content"),
        ] {
            let answer = client.request(Method::GET, &format!("{address}?path=/root/written")).send().await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status(), 200, "{address}");
            let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
            assert_eq!(header("content-type"), "application/octet-stream");
            assert_eq!(header("content-disposition"), "attachment; filename=\"written\"");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(answer.text().await.expect("whole"), "<script>alert(1)</script>");
        }
        let path = "?path=/etc/a%250Ab";
        let answer = client.request(Method::GET, &format!("/backups/{backup}/content{path}")).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"a_0Ab\"; filename*=UTF-8''a%250Ab");
        let rows = audit_list_after(&fresh.db, 0, 1000).await.expect("rows");
        let taken: Vec<_> = rows.iter().filter(|row| row.action.ends_with("_file")).collect();
        assert_eq!(taken.iter().filter(|row| row.action == "backup_file").count(), 3, "{taken:#?}");
        assert_eq!(taken.iter().filter(|row| row.action == "snapshot_file").count(), 2, "{taken:#?}");
        assert!(taken.iter().any(|row| row.detail == format!("/root/written {backup}")), "{taken:#?}");
        assert!(taken.iter().all(|row| row.object_name == "web" && row.outcome == "allowed"), "{taken:#?}");
    }
}
