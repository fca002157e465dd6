//! Backups of guests' disks: made, put back, made guests of, and removed, whatever becomes of their guest meanwhile.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use umbel_app::AppError;
use umbel_app::shown::{BackupShown, CloneDraft, OperationKind, OperationState, Role, StepState};
use umbel_guest::{Action, BackupId, DiskKind, GuestDraft, GuestId, GuestRight, OperationId, Seen, SnapshotKind};
use umbel_server::clock::Clock;
use umbel_server::host::Simulated;
use umbel_server::operations::Drill;
use umbel_server::store::Db;
use umbel_wire::Layout;
use umbel_wire::agent::Refusal;
use uuid::Uuid;

use crate::harness::db::both;
use crate::harness::panel::{TestPanel, account, draft};

/// A panel with a place for backups.
async fn begin(db: &Db) -> (TestPanel, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    fs::create_dir(place.path().join("backups")).expect("made");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    (TestPanel::start_in(db, Some(layout)).await, place)
}

/// Another life of it.
async fn again(panel: TestPanel, db: &Db, place: &TempDir, drill: Drill) -> TestPanel {
    let (host, anna, layout) = (panel.host.clone(), panel.anna.clone(), panel.guests.parts.layout.clone());
    drop(panel);
    TestPanel::keeping(db, host, anna, drill, layout, Some(place.path().join("backups"))).await
}

async fn done(panel: &TestPanel, operation: OperationId) {
    let over = panel.over(operation).await;
    assert_eq!(over.state, OperationState::Done, "{over:#?}");
}

async fn take(panel: &TestPanel, guest: GuestId) -> BackupId {
    let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
    done(panel, made.operation).await;
    made.backup
}

async fn list(panel: &TestPanel) -> Vec<BackupShown> {
    panel.guests.backup_list(&panel.anna).await.expect("hers").rows
}

fn written(panel: &TestPanel, guest: GuestId) -> String {
    panel.host.disks(guest).expect("there").0
}

fn named(name: &str) -> CloneDraft {
    CloneDraft { name: name.into() }
}

fn conflict<T: std::fmt::Debug>(answer: Result<T, AppError>) -> String {
    match answer {
        Err(AppError::Conflict { message }) => message,
        other => panic!("{other:?}"),
    }
}

/// Files below a directory.
fn files(root: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(&root).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(path) } else { vec![path] }).collect()
}

/// Waits until nothing is kept there that no backup needs.
async fn chunks(panel: &TestPanel, place: &TempDir, number: usize) {
    let there = || files(place.path().join("backups/vault/chunks")).len();
    panel.eventually("what is not needed is gone", async |_| there() == number).await;
}

both! {
    async fn a_backup_is_the_way_back_and_outlives_its_guest(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let first = take(&panel, guest).await;
        assert_eq!(panel.host.disks(guest).expect("there").1, [""; 0], "its passing copy is gone");
        assert_eq!(files(place.path().join("panel/uploads")), Vec::<PathBuf>::new(), "and so is what was lent");
        // Nothing has changed: nothing is kept twice.
        let second = take(&panel, guest).await;
        let rows = list(&panel).await;
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [second, first]);
        assert!(rows.iter().all(|row| row.is_whole && row.has_guest && row.held_bytes == 1 << 20), "{rows:#?}");
        assert!(rows[0].stored_bytes < rows[1].stored_bytes, "{rows:#?}");
        chunks(&panel, &place, 1).await;

        panel.host.write(guest, "two ");
        done(&panel, panel.guests.backup_restore(&panel.anna, first).await.expect("possible")).await;
        assert_eq!(written(&panel, guest), "one ");
        assert!(matches!(panel.row(guest).await.expect("there").seen, Seen::Running { .. }), "it was started");
        let aside = panel.guests.snapshot_list(&panel.anna, guest).await.expect("hers").rows;
        assert_eq!(aside.iter().map(|row| row.kind).collect::<Vec<_>>(), [SnapshotKind::BeforeRestore]);
        let undo = panel.guests.snapshot_restore(&panel.anna, guest, aside[0].id).await.expect("possible");
        done(&panel, undo).await;
        assert_eq!(written(&panel, guest), "one two ");

        let purge = panel.guests.act(&panel.anna, guest, Action::Purge).await.expect("always").expect("an operation");
        done(&panel, purge).await;
        let rows = list(&panel).await;
        assert!(rows.len() == 2 && rows.iter().all(|row| !row.has_guest && row.guest_name == "web"), "{rows:#?}");
        let why = conflict(panel.guests.backup_restore(&panel.anna, first).await);
        assert!(why.contains("is gone"), "{why}");
        let made = panel.guests.backup_clone(&panel.anna, first, named("again")).await.expect("there is room");
        done(&panel, made.operation).await;
        assert_eq!(written(&panel, made.guest), "one ");
        let row = panel.row(made.guest).await.expect("there");
        assert_eq!((row.spec.name.as_str(), row.spec.disk_kind, row.owner), ("again", DiskKind::Cow, panel.anna.account.id));
        assert_eq!(panel.host.setup(made.guest).expect("it is told").name.as_str(), "again");
        assert_eq!(files(place.path().join("panel/uploads")), Vec::<PathBuf>::new());

        for backup in [first, second] {
            panel.guests.backup_remove(&panel.anna, backup).await.expect("hers");
        }
        assert_eq!(list(&panel).await, []);
        chunks(&panel, &place, 0).await;
    }

    async fn a_guest_goes_on_while_it_is_backed_up_and_may_even_go(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        // Both turns at the directory are taken, so it waits once the copy is there.
        let vault = panel.guests.parts.vault.clone().expect("a place");
        let turns = (vault.turn().await, vault.turn().await);
        let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
        panel.eventually("it waits for its turn", async |panel| {
            let steps = panel.guests.operation_fetch(&panel.anna, made.operation).await.expect("hers").steps;
            steps[2].state == StepState::Running
        })
        .await;
        let why = conflict(panel.guests.backup_take(&panel.anna, guest).await);
        assert!(why.contains("already"), "{why}");
        for action in [Action::ShutDown, Action::Start, Action::Kill, Action::Purge] {
            done(&panel, panel.guests.act(&panel.anna, guest, action).await.expect("possible").expect("one")).await;
        }
        assert!(!list(&panel).await[0].is_whole);
        let why = conflict(panel.guests.backup_remove(&panel.anna, made.backup).await);
        assert!(why.contains("not there yet"), "{why}");
        drop(turns);
        done(&panel, made.operation).await;
        let again = panel.guests.backup_clone(&panel.anna, made.backup, named("web")).await.expect("there is room");
        done(&panel, again.operation).await;
        assert_eq!(written(&panel, again.guest), "one ");
        chunks(&panel, &place, 1).await;
    }

    async fn one_that_is_cancelled_or_fails_leaves_nothing(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let vault = panel.guests.parts.vault.clone().expect("a place");
        let turns = (vault.turn().await, vault.turn().await);
        let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
        panel.eventually("it waits for its turn", async |panel| {
            let steps = panel.guests.operation_fetch(&panel.anna, made.operation).await.expect("hers").steps;
            steps[2].state == StepState::Running
        })
        .await;
        panel.guests.operation_cancel(&panel.anna, made.operation).await.expect("it can be");
        assert_eq!(panel.over(made.operation).await.state, OperationState::Cancelled);
        drop(turns);
        for call in ["snapshot_take", "snapshot_lend"] {
            panel.host.fail_next(call, Refusal::DiskFull { free_mib: 3 });
            let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
            let over = panel.over(made.operation).await;
            assert!(matches!(&over.state, OperationState::Failed { reason } if reason.contains("3 MiB")), "{over:#?}");
        }
        assert_eq!(list(&panel).await, []);
        assert_eq!(panel.host.disks(guest).expect("there").1, [""; 0]);
        assert_eq!(files(place.path().join("panel/uploads")), Vec::<PathBuf>::new());
        chunks(&panel, &place, 0).await;
        // A place that can't be written to is said, and is no reason for anything to stay.
        fs::write(place.path().join("backups/vault"), "no directory").expect("written");
        let made = panel.guests.backup_take(&panel.anna, guest).await.expect("asked");
        let over = panel.over(made.operation).await;
        assert!(matches!(&over.state, OperationState::Failed { reason } if reason.contains("a backup: ")), "{over:#?}");
    }

    async fn what_is_damaged_is_found_before_anything_is_touched(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let backup = take(&panel, guest).await;
        panel.host.write(guest, "two ");
        let before = (panel.dump().await, panel.row(guest).await);
        let chunk = files(place.path().join("backups/vault/chunks")).remove(0);
        let whole = fs::read(&chunk).expect("there");
        let restore = async |reason: &str| {
            let operation = panel.guests.backup_restore(&panel.anna, backup).await.expect("asked");
            let over = panel.over(operation).await;
            assert!(matches!(&over.state, OperationState::Failed { reason: why } if why.contains(reason)), "{over:#?}");
            assert_eq!((panel.dump().await, panel.row(guest).await), before);
            assert_eq!(files(place.path().join("panel/uploads")), Vec::<PathBuf>::new());
        };
        let mut spoilt = whole.clone();
        spoilt[40] ^= 1;
        fs::write(&chunk, &spoilt).expect("spoilt");
        restore("damaged").await;
        let made = panel.guests.backup_clone(&panel.anna, backup, named("copy")).await.expect("asked");
        assert!(matches!(panel.over(made.operation).await.state, OperationState::Failed { .. }));
        assert!(panel.row(made.guest).await.is_none());
        fs::remove_file(&chunk).expect("gone");
        restore("missing").await;
        fs::write(&chunk, &whole).expect("put back");
        let key = place.path().join("backups/backup.key");
        let right = fs::read(&key).expect("there");
        fs::write(&key, "ab".repeat(32)).expect("written");
        restore("another key").await;
        fs::write(&key, right).expect("put back");
        fs::rename(place.path().join("backups/vault"), place.path().join("elsewhere")).expect("unmounted");
        restore("mounted").await;
        // Nor is it begun anew there, or the old one would be forgotten.
        let made = panel.guests.backup_take(&panel.anna, guest).await.expect("asked");
        let over = panel.over(made.operation).await;
        assert!(matches!(&over.state, OperationState::Failed { reason } if reason.contains("mounted")), "{over:#?}");
        // One that is removed meanwhile goes when its place is back.
        panel.guests.backup_remove(&panel.anna, backup).await.expect("hers");
        assert_eq!(list(&panel).await, []);
        fs::rename(place.path().join("elsewhere"), place.path().join("backups/vault")).expect("mounted");
        panel.guests.backups_let_go_due().await.expect("a write");
        assert_eq!(files(place.path().join("backups/vault/backups")), Vec::<PathBuf>::new());
        chunks(&panel, &place, 0).await;
    }

    async fn whose_they_are_follows_the_guest_and_nobody_else_sees_them(fresh) {
        let (panel, _place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        let backup = take(&panel, guest).await;
        let (berta, root) =
            (account(&fresh.db, "berta", Role::User).await, account(&fresh.db, "root", Role::Administrator).await);
        let missing = AppError::not_found("backup");
        let seen_by = async |who| panel.guests.backup_list(who).await.expect("a list").rows.len();
        assert_eq!((seen_by(&berta).await, seen_by(&root).await), (0, 1));
        assert_eq!(panel.guests.backup_list_of(&berta, guest).await, Err(AppError::not_found("guest")));
        assert_eq!(panel.guests.backup_take(&berta, guest).await.map(drop), Err(AppError::not_found("guest")));
        assert_eq!(panel.guests.backup_restore(&berta, backup).await, Err(missing.clone()));
        assert_eq!(panel.guests.backup_clone(&berta, backup, named("copy")).await.map(drop), Err(missing.clone()));
        assert_eq!(panel.guests.backup_remove(&berta, backup).await, Err(missing.clone()));
        assert_eq!(panel.guests.backup_restore(&panel.anna, BackupId(Uuid::now_v7())).await, Err(missing.clone()));

        assert_eq!(panel.guests.backup_download(&berta, backup).await.map(drop), Err(missing.clone()));
        let mut file = panel.guests.backup_download(&panel.anna, backup).await.expect("hers");
        assert!(file.next().await.expect("something").is_ok() && file.disk_bytes > 0);

        // Who may change settings may put it back, and not take it along or away.
        let rights = vec![GuestRight::Settings];
        let share = umbel_app::shown::ShareDraft { name: "berta".into(), rights };
        panel.guests.share_put(&panel.anna, guest, share).await.expect("hers");
        assert_eq!(seen_by(&berta).await, 1);
        for refused in [
            panel.guests.backup_clone(&berta, backup, named("copy")).await.map(drop),
            panel.guests.backup_remove(&berta, backup).await,
            panel.guests.backup_download(&berta, backup).await.map(drop),
        ] {
            assert_eq!(refused.expect_err("not hers").status(), 403);
        }
        done(&panel, panel.guests.backup_restore(&berta, backup).await.expect("she may")).await;

        let off = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("one");
        done(&panel, off).await;
        panel.guests.owner_set(&root, guest, "berta").await.expect("it is off");
        assert_eq!((seen_by(&panel.anna).await, seen_by(&berta).await), (0, 1));
        let purge = panel.guests.act(&berta, guest, Action::Purge).await.expect("hers").expect("one");
        panel.eventually("it is purged", async |panel| panel.row(guest).await.is_none()).await;
        let _ = purge;
        assert_eq!((seen_by(&panel.anna).await, seen_by(&berta).await), (0, 1));
        let made = panel.guests.backup_clone(&berta, backup, named("mine")).await.expect("hers");
        panel.eventually("it is made", async |panel| panel.row(made.guest).await.is_some_and(|g| g.disk_ready)).await;
        assert_eq!(panel.row(made.guest).await.expect("there").owner, berta.account.id);
    }

    async fn what_is_not_possible_is_said(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(place.path(), place.path()).expect("a short path");
        let panel = TestPanel::start_in(&fresh.db, Some(layout)).await;
        let guest = panel.made("web").await;
        assert!(!panel.guests.backup_list(&panel.anna).await.expect("hers").is_offered);
        let why = conflict(panel.guests.backup_take(&panel.anna, guest).await);
        assert!(why.contains("backup_directory"), "{why}");
        let panel = again(panel, &fresh.db, &place, Drill::default()).await;
        let tree = GuestDraft { image: "host".into(), disk_kind: DiskKind::Memory, ..draft("tree") };
        let made = panel.guests.create(&panel.anna, tree).await.expect("a good draft");
        done(&panel, made.operation).await;
        let why = conflict(panel.guests.backup_take(&panel.anna, made.guest).await);
        assert!(why.contains("in memory"), "{why}");
        let first = take(&panel, guest).await;
        for name in ["web", "No name", ""] {
            let wrong = panel.guests.backup_clone(&panel.anna, first, named(name)).await;
            let Err(AppError::Invalid(wrong)) = wrong else { panic!("{name:?} was taken") };
            assert_eq!(wrong.0[0].field, "name", "{name:?}");
        }
        for _ in 1..16 {
            take(&panel, guest).await;
        }
        let why = conflict(panel.guests.backup_take(&panel.anna, guest).await);
        assert!(why.contains("16 backups"), "{why}");
    }

    async fn a_clone_that_fails_leaves_nothing_wherever_that_is(fresh) {
        let (mut panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let backup = take(&panel, guest).await;
        let before = panel.dump().await;
        for at in 0..umbel_server::operations::table(OperationKind::GuestCreate).len() {
            panel = again(panel, &fresh.db, &place, Drill { fail_at: Some(at), twice: true }).await;
            let made = panel.guests.backup_clone(&panel.anna, backup, named("copy")).await.expect("there is room");
            let over = panel.over(made.operation).await;
            assert!(matches!(over.state, OperationState::Failed { .. }), "{at}: {over:#?}");
            assert_eq!(panel.dump().await, before, "{at}");
            assert_eq!(files(place.path().join("panel/uploads")), Vec::<PathBuf>::new(), "{at}");
        }
    }

    async fn without_its_image_a_guest_of_one_has_a_plain_disk(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let backup = take(&panel, guest).await;
        // Another machine, on which nothing is but the kernel.
        let (anna, layout) = (panel.anna.clone(), panel.guests.parts.layout.clone());
        drop(panel);
        let host = Simulated::new(Clock::System);
        host.forget_images();
        let backups = Some(place.path().join("backups"));
        let panel = TestPanel::keeping(&fresh.db, host, anna, Drill::default(), layout, backups).await;
        let made = panel.guests.backup_clone(&panel.anna, backup, named("copy")).await.expect("there is room");
        done(&panel, made.operation).await;
        assert_eq!(written(&panel, made.guest), "one ");
        assert_eq!(panel.row(made.guest).await.expect("there").spec.disk_kind, DiskKind::Plain);
    }
}
