//! Every operation: each step fails once, each is done twice, each undo is done twice; afterwards
//! database and host are as before, or as after a run without faults.

use std::fs;
use std::path::{Path, PathBuf};

use umbel_app::shown::{
    FileFetchDraft, FileSendDraft, ImageDraft, KernelDraft, KernelFilter, OperationKind, OperationShown,
    OperationState, Role, SnapshotDraft, StepState,
};
use umbel_guest::{Action, Attachment, GuestDraft, GuestId, ImageId, OperationId, StrayName};
use umbel_server::clock::Clock;
use umbel_server::host::Simulated;
use umbel_server::operations::{Drill, begun_before, table};
use umbel_wire::Layout;
use umbel_wire::agent::Refusal;

use crate::harness::db::both;
use crate::harness::panel::{TestPanel, account, draft};

/// What is asked of a guest, and whether it runs then; nothing of those that make something new.
fn action(kind: OperationKind) -> Option<(bool, Asked)> {
    let (running, action) = match kind {
        OperationKind::GuestCreate | OperationKind::GuestAdopt => return None,
        OperationKind::KernelAdd | OperationKind::ImageImport => return None,
        OperationKind::SnapshotTake => return Some((true, Asked::Snapshot)),
        OperationKind::SnapshotRestore => return Some((true, Asked::Restore)),
        OperationKind::BackupTake => return Some((true, Asked::BackUp)),
        OperationKind::BackupRestore => return Some((true, Asked::RestoreBackup)),
        OperationKind::FileSend => return Some((true, Asked::Send)),
        OperationKind::FileFetch => return Some((true, Asked::Fetch)),
        OperationKind::GuestStartShell => (false, Action::StartShell),
        OperationKind::GuestStart => (false, Action::Start),
        OperationKind::GuestShutDown => (true, Action::ShutDown),
        OperationKind::GuestKill => (true, Action::Kill),
        OperationKind::GuestRestart => (true, Action::Restart),
        OperationKind::GuestDelete => (true, Action::Delete),
        OperationKind::GuestPurge => (true, Action::Purge),
        OperationKind::GuestReset => (false, Action::Reset),
    };
    Some((running, Asked::Action(action)))
}

#[derive(Clone, Copy)]
enum Asked {
    Action(Action),
    Snapshot,
    /// Of one that was taken before.
    Restore,
    BackUp,
    RestoreBackup,
    Send,
    Fetch,
}

fn stray() -> StrayName {
    "root_fs".parse().expect("a name")
}

/// Adoption and kernels are administrators'; uploads need a place.
async fn begin(db: &umbel_server::store::Db) -> (TestPanel, tempfile::TempDir) {
    let anna = account(db, "anna", Role::Administrator).await;
    let place = tempfile::tempdir().expect("a directory");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    let host = Simulated::new(Clock::System);
    host.put_stray(stray(), 1 << 20);
    let backups = backups(&layout);
    (TestPanel::keeping(db, host, anna, Drill::default(), Some(layout), Some(backups)).await, place)
}

/// Another life of the panel on the same database, host and place.
async fn again(panel: TestPanel, db: &umbel_server::store::Db, drill: Drill) -> TestPanel {
    let (host, anna, layout) = (panel.host.clone(), panel.anna.clone(), panel.guests.parts.layout.clone());
    drop(panel);
    let backups = layout.as_ref().map(backups);
    TestPanel::keeping(db, host, anna, drill, layout, backups).await
}

/// Where they go, with their key.
fn backups(layout: &Layout) -> PathBuf {
    let place = layout.data().join("backups");
    fs::create_dir_all(&place).expect("made");
    place
}

/// How many are left.
fn uploads(root: &Path) -> usize {
    fs::read_dir(root.join("panel/uploads")).map_or(0, Iterator::count)
}

/// Adds a kernel of one file.
async fn upload(panel: &TestPanel) -> OperationId {
    let upload = panel.uploads().begin(&panel.anna).await.expect("a place");
    let body = futures::stream::iter([Ok::<_, std::io::Error>(b"\x7fELF")]);
    panel.uploads().put(&panel.anna, upload, "linux", body).await.expect("it fits");
    let draft = KernelDraft { upload: upload.to_string(), name: "mine".into(), note: String::new() };
    panel.kernels().add(&panel.anna, draft).await.expect("a free name")
}

/// Makes an image of one file.
async fn import(panel: &TestPanel) -> OperationId {
    let upload = panel.uploads().begin(&panel.anna).await.expect("a place");
    let body = futures::stream::iter([Ok::<_, std::io::Error>(b"a file system")]);
    panel.uploads().put(&panel.anna, upload, "root_fs", body).await.expect("it fits");
    let (name, version) = ("mine".into(), "1".into());
    let draft = ImageDraft { upload: upload.to_string(), name, version, ..ImageDraft::default() };
    panel.images().import(&panel.anna, draft).await.expect("a free name")
}

/// Sends a file of a few bytes.
async fn send(panel: &TestPanel, guest: GuestId) -> OperationId {
    let upload = panel.uploads().begin_parcel(&panel.anna).await.expect("a place");
    let body = futures::stream::iter([Ok::<_, std::io::Error>(b"words")]);
    panel.uploads().put(&panel.anna, upload, "file", body).await.expect("it fits");
    let draft = FileSendDraft { upload: upload.to_string(), name: "file".into() };
    panel.guests.file_send(&panel.anna, guest, draft, |_| Some("file".into())).await.expect("possible")
}

/// Brings a guest into place, then another life of the panel with that drill does the operation.
async fn drilled(
    panel: TestPanel,
    db: &umbel_server::store::Db,
    kind: OperationKind,
    drill: Drill,
) -> (TestPanel, OperationShown, String, Option<GuestId>) {
    let asked = action(kind);
    let mut guest = None;
    if let Some((running, _)) = asked {
        let id = panel.made("web").await;
        if !running {
            let stop = panel.guests.act(&panel.anna, id, Action::ShutDown).await.expect("it runs").expect("one");
            panel.over(stop).await;
        }
        guest = Some(id);
    }
    let mut taken = None;
    if let (Some((_, Asked::Restore)), Some(guest)) = (asked, guest) {
        panel.host.write(guest, "before ");
        let made =
            panel.guests.snapshot_take(&panel.anna, guest, SnapshotDraft::default()).await.expect("there is room");
        assert_eq!(panel.over(made.operation).await.state, OperationState::Done);
        panel.host.write(guest, "after ");
        taken = Some(made.snapshot);
    }
    let mut kept = None;
    if let (Some((_, Asked::RestoreBackup)), Some(guest)) = (asked, guest) {
        panel.host.write(guest, "before ");
        let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
        assert_eq!(panel.over(made.operation).await.state, OperationState::Done);
        panel.host.write(guest, "after ");
        kept = Some(made.backup);
    }
    let before = panel.dump().await;
    let panel = again(panel, db, drill).await;
    let operation = match (asked, guest) {
        (Some((_, Asked::Action(action))), Some(guest)) => {
            panel.guests.act(&panel.anna, guest, action).await.expect("possible").expect("an operation")
        }
        (Some((_, Asked::Snapshot)), Some(guest)) => {
            let draft = SnapshotDraft { name: "mine".into() };
            panel.guests.snapshot_take(&panel.anna, guest, draft).await.expect("there is room").operation
        }
        (Some((_, Asked::Restore)), Some(guest)) => {
            let snapshot = taken.expect("it was taken");
            panel.guests.snapshot_restore(&panel.anna, guest, snapshot).await.expect("possible")
        }
        (Some((_, Asked::BackUp)), Some(guest)) => {
            panel.guests.backup_take(&panel.anna, guest).await.expect("there is room").operation
        }
        (Some((_, Asked::RestoreBackup)), Some(_)) => {
            panel.guests.backup_restore(&panel.anna, kept.expect("it was made")).await.expect("possible")
        }
        (Some((_, Asked::Send)), Some(guest)) => send(&panel, guest).await,
        (Some((_, Asked::Fetch)), Some(guest)) => {
            let draft = FileFetchDraft { path: "/etc/hosts".into(), most_mib: 1 };
            panel.guests.file_fetch(&panel.anna, guest, draft).await.expect("possible")
        }
        _ if kind == OperationKind::KernelAdd => upload(&panel).await,
        _ if kind == OperationKind::ImageImport => import(&panel).await,
        _ => {
            // With a network of its own, which goes with it.
            let draft = GuestDraft { network: Attachment::Bridge, ..draft("web") };
            let made = match kind {
                OperationKind::GuestAdopt => panel.guests.adopt(&panel.anna, stray(), draft).await,
                _ => panel.guests.create(&panel.anna, draft).await,
            }
            .expect("a good draft");
            guest = Some(made.guest);
            made.operation
        }
    };
    let over = panel.over(operation).await;
    (panel, over, before, guest)
}

/// Back to a panel without guests.
async fn clear(panel: TestPanel, db: &umbel_server::store::Db, guest: Option<GuestId>) -> TestPanel {
    let panel = again(panel, db, Drill::default()).await;
    let mine = "mine".parse().expect("a slug");
    if panel
        .kernels()
        .list(&panel.anna, KernelFilter::default())
        .await
        .expect("a list")
        .rows
        .iter()
        .any(|kernel| kernel.id == mine)
    {
        panel.kernels().remove(&panel.anna, mine).await.expect("nobody has it");
    }
    let mine: ImageId = "mine-1".parse().expect("a slug");
    if panel.images().fetch(&panel.anna, &mine).await.is_ok() {
        panel.images().remove(&panel.anna, mine).await.expect("nobody has it");
    }
    for row in panel.guests.backup_list(&panel.anna).await.expect("a list").rows {
        panel.guests.backup_remove(&panel.anna, row.id).await.expect("nobody reads it");
    }
    if let Some(guest) = guest
        && panel.row(guest).await.is_some()
    {
        let purge = panel.guests.act(&panel.anna, guest, Action::Purge).await.expect("always").expect("one");
        assert_eq!(panel.over(purge).await.state, OperationState::Done);
    }
    panel
}

both! {
    async fn a_step_that_fails_is_undone_where_there_is_a_way_back(fresh) {
        let (mut panel, root) = begin(&fresh.db).await;
        let empty = panel.dump().await;
        for kind in OperationKind::ALL {
            for at in 0..table(kind).len() {
                for twice in [false, true] {
                    let drill = Drill { fail_at: Some(at), twice };
                    let (done, over, before, guest) = drilled(panel, &fresh.db, kind, drill).await;
                    let place = format!("{kind:?} at {at}, twice {twice}: {over:#?}");
                    assert_eq!(over.state, OperationState::Failed { reason: format!("drilled at {at}") }, "{place}");
                    for (i, step) in over.steps.iter().enumerate() {
                        let undone = table(kind)[i].undo.is_some();
                        let expected = match i {
                            _ if i > at => StepState::Waiting,
                            _ if undone => StepState::Undone,
                            _ if i == at => StepState::Failed,
                            _ => StepState::Done,
                        };
                        assert_eq!(step.state, expected, "step {i} of {place}");
                    }
                    if begun_before(kind) {
                        // What a guest has taken nobody takes back.
                        assert_eq!(done.dump().await.replace("file file ", ""), before, "{place}");
                    }
                    panel = clear(done, &fresh.db, guest).await;
                    assert_eq!(panel.dump().await, empty, "{place}");
                    assert_eq!(uploads(root.path()), 0, "{place}");
                }
            }
        }
    }

    async fn a_step_that_is_repeated_changes_nothing(fresh) {
        let (mut panel, _root) = begin(&fresh.db).await;
        for kind in OperationKind::ALL {
            let mut left = Vec::new();
            for twice in [false, true] {
                let (done, over, _, guest) = drilled(panel, &fresh.db, kind, Drill { fail_at: None, twice }).await;
                assert_eq!(over.state, OperationState::Done, "{kind:?} {over:#?}");
                let id = guest.map(|guest| guest.to_string()).unwrap_or("none".into());
                let dump = done.dump().await.replace(&id, "ID");
                // When it is to be purged differs.
                left.push(dump.split("purge_at").next().unwrap_or_default().to_owned());
                panel = clear(done, &fresh.db, guest).await;
            }
            assert_eq!(left[0], left[1], "{kind:?}");
        }
    }

    async fn a_creation_that_is_cancelled_leaves_nothing(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let before = panel.dump().await;
        let made = panel.guests.create(&panel.anna, draft("web")).await.expect("a good draft");
        // Killed before the first step, which would be quicker than any cancel.
        let (host, anna, guests) = (panel.host.clone(), panel.anna.clone(), panel.guests.clone());
        drop(panel);
        assert!(guests.operation_fetch(&anna, made.operation).await.expect("ours").can_cancel);
        guests.operation_cancel(&anna, made.operation).await.expect("it can be");
        let panel = TestPanel::again(&fresh.db, host, anna, Drill::default()).await;
        assert_eq!(panel.over(made.operation).await.state, OperationState::Cancelled);
        assert_eq!(panel.dump().await, before);
        let late = panel.guests.operation_cancel(&panel.anna, made.operation).await.expect_err("over");
        assert_eq!(late.status(), 409);
    }

    async fn a_full_disk_leaves_nothing_and_says_so(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let before = panel.dump().await;
        panel.host.fail_next("disk_create", Refusal::DiskFull { free_mib: 3 });
        let made = panel.guests.create(&panel.anna, draft("web")).await.expect("a good draft");
        let over = panel.over(made.operation).await;
        let reason = "the disk is full: 3 MiB are left on the host".to_owned();
        assert_eq!(over.state, OperationState::Failed { reason });
        assert_eq!(over.steps.iter().map(|step| step.state).collect::<Vec<_>>(), [
            StepState::Undone,
            StepState::Undone,
            StepState::Undone,
            StepState::Waiting,
            StepState::Waiting,
        ]);
        assert_eq!(panel.dump().await, before);
    }
}
