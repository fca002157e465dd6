//! Copies of guests' disks: taken, put back, undone, counted, and gone in time.

use umbel_app::AppError;
use umbel_app::shown::{
    CloneDraft, OperationKind, OperationState, PlanDraft, RebuildDraft, Role, SnapshotDraft, SnapshotShown,
};
use umbel_guest::quota::{Kind, Said};
use umbel_guest::setup::Identity;
use umbel_guest::{Action, DiskKind, Every, GuestDraft, GuestId, OperationId, Seen, SnapshotId, SnapshotKind};
use umbel_server::clock::{Clock, HOUR, MINUTE};
use umbel_server::operations::{Drill, table};
use umbel_server::quotas::books;
use umbel_server::store::Db;
use umbel_server::store::operations::operation_under_way_of;
use umbel_server::store::quotas::{quota_of, quota_set_own};
use umbel_server::store::snapshots::{Plan, plan_fetch, plan_put};
use umbel_wire::agent::Refusal;
use uuid::Uuid;

use crate::harness::db::both;
use crate::harness::panel::{TestPanel, account, draft};

async fn list(panel: &TestPanel, guest: GuestId) -> Vec<SnapshotShown> {
    panel.guests.snapshot_list(&panel.anna, guest).await.expect("hers").rows
}

async fn done(panel: &TestPanel, operation: OperationId) {
    let over = panel.over(operation).await;
    assert_eq!(over.state, OperationState::Done, "{over:#?}");
}

async fn take(panel: &TestPanel, guest: GuestId, name: &str) -> SnapshotId {
    let draft = SnapshotDraft { name: name.into() };
    let taken = panel.guests.snapshot_take(&panel.anna, guest, draft).await.expect("there is room");
    done(panel, taken.operation).await;
    taken.snapshot
}

async fn restore(panel: &TestPanel, guest: GuestId, snapshot: SnapshotId) {
    done(panel, panel.guests.snapshot_restore(&panel.anna, guest, snapshot).await.expect("possible")).await;
}

/// The one way back that is kept.
async fn aside(panel: &TestPanel, guest: GuestId) -> SnapshotShown {
    let rows = list(panel, guest).await.into_iter().filter(|row| row.goes_at.is_some()).collect::<Vec<_>>();
    let [row] = &rows[..] else { panic!("{rows:#?}") };
    row.clone()
}

async fn used(db: &Db, panel: &TestPanel) -> u64 {
    assert_eq!(books::wrong(db).await.expect("a read"), Vec::<String>::new());
    let standings = quota_of(db, panel.anna.account.id).await.expect("a read");
    standings.into_iter().find(|standing| standing.kind == Kind::Snapshots).expect("every kind").used
}

fn written(panel: &TestPanel, guest: GuestId) -> String {
    panel.host.disks(guest).expect("there").0
}

both! {
    async fn a_snapshot_is_the_way_back_and_the_way_back_has_one(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let first = take(&panel, guest, "before the upgrade").await;
        panel.host.write(guest, "two ");
        let numbered = take(&panel, guest, "").await;
        let rows = list(&panel, guest).await;
        assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["Snapshot 1", "before the upgrade"]);
        assert!(rows.iter().all(|row| row.is_whole && row.kind == SnapshotKind::Taken && row.taken_bytes > 0));
        assert_eq!(used(&fresh.db, &panel).await, 2);

        restore(&panel, guest, first).await;
        assert_eq!(written(&panel, guest), "one ");
        let row = panel.row(guest).await.expect("there");
        assert!(matches!(row.seen, Seen::Running { .. }), "it was started");
        let undo = aside(&panel, guest).await;
        assert_eq!((undo.kind, undo.goes_at), (SnapshotKind::BeforeRestore, Some(undo.made_at + HOUR)));
        restore(&panel, guest, undo.id).await;
        assert_eq!(written(&panel, guest), "one two ");
        let reset = panel.guests.act(&panel.anna, guest, Action::Reset).await.expect("possible").expect("an operation");
        done(&panel, reset).await;
        assert_eq!(written(&panel, guest), "");
        // Of the ways back only the last one is offered, and only what somebody took is counted.
        let undo = aside(&panel, guest).await;
        assert_eq!(undo.kind, SnapshotKind::BeforeReset);
        assert_eq!(used(&fresh.db, &panel).await, 2);
        panel.guests.let_go_due().await.expect("a write");
        assert_eq!(panel.host.disks(guest).expect("there").1, ["one ", "one two ", "one two "]);
        restore(&panel, guest, undo.id).await;
        assert_eq!(written(&panel, guest), "one two ");

        panel.guests.snapshot_remove(&panel.anna, guest, numbered).await.expect("hers");
        assert_eq!(used(&fresh.db, &panel).await, 1);
        let purge = panel.guests.act(&panel.anna, guest, Action::Purge).await.expect("always").expect("an operation");
        done(&panel, purge).await;
        assert_eq!(used(&fresh.db, &panel).await, 0);
    }

    async fn what_has_had_its_time_goes_and_nothing_else_does(fresh) {
        let mut panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        take(&panel, guest, "mine").await;
        panel.guests.operations.parts.patience.undelete = -1;
        let reset = panel.guests.act(&panel.anna, guest, Action::Reset).await.expect("possible").expect("an operation");
        done(&panel, reset).await;
        assert_eq!(list(&panel, guest).await.len(), 2);
        panel.host.set_away(true);
        panel.guests.let_go_due().await.expect("a read");
        assert_eq!(list(&panel, guest).await.len(), 2, "the agent is away");
        panel.host.set_away(false);
        panel.guests.let_go_due().await.expect("a write");
        assert_eq!(list(&panel, guest).await.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["mine"]);
        assert_eq!(panel.host.disks(guest).expect("there").1, ["one "]);
    }

    async fn one_that_is_removed_while_the_agent_is_away_goes_when_it_comes(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        let snapshot = take(&panel, guest, "mine").await;
        panel.host.set_away(true);
        panel.guests.snapshot_remove(&panel.anna, guest, snapshot).await.expect("hers");
        assert_eq!(list(&panel, guest).await, []);
        assert_eq!(used(&fresh.db, &panel).await, 1, "until it is seen to be gone");
        panel.host.set_away(false);
        panel.guests.let_go_due().await.expect("a write");
        assert_eq!((used(&fresh.db, &panel).await, panel.host.disks(guest).expect("there").1), (0, vec![]));
    }

    async fn what_is_not_possible_is_said_and_changes_nothing(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (guest, other) = (panel.made("web").await, panel.made("db").await);
        let snapshot = take(&panel, guest, "mine").await;
        let before = panel.dump().await;
        let conflict = |answer: Result<_, AppError>| match answer {
            Err(AppError::Conflict { message }) => message,
            other => panic!("{other:?}"),
        };
        let named = |name: &str| SnapshotDraft { name: name.into() };
        for name in ["mine", "a\u{7}b", &"x".repeat(65)] {
            let answer = panel.guests.snapshot_take(&panel.anna, guest, named(name)).await;
            let Err(AppError::Invalid(wrong)) = answer else { panic!("{answer:?}") };
            assert_eq!(wrong.0[0].field, "name", "{name:?}");
        }
        quota_set_own(&fresh.db, panel.anna.account.id, Kind::Snapshots, Some(Said::AtMost(1))).await.expect("a write");
        let answer = panel.guests.snapshot_take(&panel.anna, guest, named("more")).await;
        assert!(conflict(answer.map(drop)).starts_with("Snapshots: the quota is 1"));
        // Another guest's is none of this one's.
        let missing = AppError::not_found("snapshot");
        for (of, id) in [(other, snapshot), (guest, SnapshotId(Uuid::now_v7()))] {
            assert_eq!(panel.guests.snapshot_restore(&panel.anna, of, id).await, Err(missing.clone()));
            assert_eq!(panel.guests.snapshot_remove(&panel.anna, of, id).await, Err(missing.clone()));
        }
        let berta = account(&fresh.db, "berta", Role::User).await;
        assert_eq!(panel.guests.snapshot_restore(&berta, guest, snapshot).await, Err(AppError::not_found("guest")));
        assert_eq!(panel.dump().await, before);

        let tree = GuestDraft { image: "host".into(), disk_kind: DiskKind::Memory, ..draft("tree") };
        let made = panel.guests.create(&panel.anna, tree).await.expect("a good draft");
        done(&panel, made.operation).await;
        let why = conflict(panel.guests.snapshot_take(&panel.anna, made.guest, named("")).await.map(drop));
        assert!(why.contains("in memory"), "{why}");
        let why = conflict(panel.guests.act(&panel.anna, made.guest, Action::Reset).await.map(drop));
        assert!(why.contains("in memory"), "{why}");
    }

    async fn a_rebuild_makes_it_another_images_and_can_be_undone(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "old ");
        let kept_before = take(&panel, guest, "mine").await;
        let to = |image: &str| RebuildDraft { image: image.into() };
        let rebuild = async |image: &str| panel.guests.rebuild(&panel.anna, guest, to(image)).await;
        let before = panel.dump().await;
        for image in ["none-1", "../x", "", "host"] {
            let answer = rebuild(image).await;
            let Err(AppError::Invalid(wrong)) = answer else { panic!("{image:?}: {answer:?}") };
            assert!(wrong.0.iter().all(|error| error.field == "image"), "{wrong}");
        }
        assert_eq!(panel.dump().await, before);
        panel.host.put_image("tiny-6");
        let shown = panel.guests.snapshot_list(&panel.anna, guest).await.expect("hers");
        assert_eq!(shown.newer.map(|image| image.to_string()).as_deref(), Some("tiny-6"));
        done(&panel, rebuild("tiny-6").await.expect("it is there")).await;
        let image = async |guest| panel.row(guest).await.expect("there").spec.image.to_string();
        assert_eq!((written(&panel, guest).as_str(), image(guest).await.as_str()), ("", "tiny-6"));
        let undo = aside(&panel, guest).await;
        assert_eq!((undo.name.as_str(), undo.image.as_str()), ("Before the rebuild", "tiny-5"));

        // What is made of what was before is of the image that it was.
        panel.host.write(guest, "new ");
        let clone = CloneDraft { name: "copy".into() };
        let made = panel.guests.snapshot_clone(&panel.anna, guest, kept_before, clone).await.expect("there is room");
        done(&panel, made.operation).await;
        assert_eq!((written(&panel, made.guest).as_str(), image(made.guest).await.as_str()), ("old ", "tiny-5"));
        restore(&panel, guest, undo.id).await;
        assert_eq!((written(&panel, guest).as_str(), image(guest).await.as_str()), ("old ", "tiny-5"));
        let redo = aside(&panel, guest).await;
        assert_eq!(redo.image.as_str(), "tiny-6");
        restore(&panel, guest, redo.id).await;
        assert_eq!((written(&panel, guest).as_str(), image(guest).await.as_str()), ("new ", "tiny-6"));
        books::wrong(&fresh.db).await.expect("a read");
    }

    async fn a_rebuild_that_fails_leaves_the_guest_as_it_was_wherever_that_is(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "old ");
        panel.host.put_image("tiny-5");
        let (mut panel, steps) = (panel, table(OperationKind::GuestReset).len() - 1);
        for at in 0..steps {
            let (host, anna) = (panel.host.clone(), panel.anna.clone());
            drop(panel);
            panel = TestPanel::again(&fresh.db, host, anna, Drill { fail_at: Some(at), twice: true }).await;
            let draft = RebuildDraft { image: "tiny-5".into() };
            let operation = panel.guests.rebuild(&panel.anna, guest, draft).await.expect("it is there");
            assert!(matches!(panel.over(operation).await.state, OperationState::Failed { .. }), "at {at}");
            assert_eq!(panel.row(guest).await.expect("there").spec.image.as_str(), "tiny-5", "at {at}");
            assert_eq!(written(&panel, guest), "old ", "at {at}");
        }
    }

    async fn another_guest_is_made_of_one_and_is_its_own(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "one ");
        let snapshot = take(&panel, guest, "mine").await;
        panel.host.write(guest, "two ");
        // Whoever manages it makes it, and it is hers.
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let named = |name: &str| CloneDraft { name: name.into() };
        let made = panel.guests.snapshot_clone(&root, guest, snapshot, named("copy")).await.expect("there is room");
        done(&panel, made.operation).await;
        assert_eq!(written(&panel, made.guest), "one ");
        let (row, of) = (panel.row(made.guest).await.expect("there"), panel.row(guest).await.expect("there"));
        assert_eq!((row.owner, row.spec.name.as_str()), (of.owner, "copy"));
        assert_eq!((&row.spec.image, row.spec.disk, row.spec.memory), (&of.spec.image, of.spec.disk, of.spec.memory));
        let told = panel.host.setup(made.guest).expect("it is told");
        assert_eq!((told.identity, told.name.as_str(), told.keys.len()), (Identity::Copied, "copy", 0));
        books::wrong(&fresh.db).await.expect("a read");
        let purge = panel.guests.act(&panel.anna, guest, Action::Purge).await.expect("always").expect("an operation");
        done(&panel, purge).await;
        assert_eq!(written(&panel, made.guest), "one ", "it needs nothing of the other");
    }

    async fn a_clone_that_fails_leaves_nothing_wherever_that_is(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        let snapshot = take(&panel, guest, "mine").await;
        let before = panel.dump().await;
        let clone = async |panel: &TestPanel, name: &str, of: SnapshotId| {
            panel.guests.snapshot_clone(&panel.anna, guest, of, CloneDraft { name: name.into() }).await
        };
        for name in ["web", "No name", ""] {
            let Err(AppError::Invalid(wrong)) = clone(&panel, name, snapshot).await else { panic!("{name:?} was taken") };
            assert_eq!(wrong.0[0].field, "name", "{name:?}");
        }
        let missing = clone(&panel, "copy", SnapshotId(Uuid::now_v7())).await;
        assert_eq!(missing.expect_err("there is none"), AppError::not_found("snapshot"));
        panel.host.fail_next("disk_copy", Refusal::DiskFull { free_mib: 3 });
        let made = clone(&panel, "copy", snapshot).await.expect("there is room");
        assert!(matches!(panel.over(made.operation).await.state, OperationState::Failed { .. }));
        assert_eq!((panel.dump().await, panel.host.setups()), (before.clone(), 0));
        let (mut panel, steps) = (panel, table(OperationKind::GuestCreate).len() - 1);
        for at in 0..steps {
            let (host, anna) = (panel.host.clone(), panel.anna.clone());
            drop(panel);
            panel = TestPanel::again(&fresh.db, host, anna, Drill { fail_at: Some(at), twice: true }).await;
            let made = clone(&panel, "copy", snapshot).await.expect("there is room");
            assert!(matches!(panel.over(made.operation).await.state, OperationState::Failed { .. }), "at {at}");
            assert_eq!((panel.dump().await, panel.host.setups()), (before.clone(), 0), "at {at}");
        }
    }

    async fn by_plan_they_come_and_go(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        take(&panel, guest, "mine").await;
        let set = async |every, keep| panel.guests.plan_set(&panel.anna, guest, PlanDraft { every, keep }).await;
        for keep in [0, 25] {
            let Err(AppError::Invalid(wrong)) = set(Some(Every::Day), keep).await else { panic!("{keep} was taken") };
            assert_eq!(wrong.0[0].field, "keep");
        }
        set(Some(Every::Hour), 2).await.expect("hers");
        let plan = async || panel.guests.snapshot_list(&panel.anna, guest).await.expect("hers").plan;
        let next = plan().await.expect("it is set").next_at;
        assert!(next > Clock::System.now() + HOUR - MINUTE);
        panel.guests.take_due().await.expect("a read");
        assert_eq!(list(&panel, guest).await.len(), 1, "it is not due");
        // As if that time had passed.
        let due = async |ago| {
            let plan = plan_fetch(&fresh.db, guest).await.expect("a read").expect("it is set");
            let plan = Plan { next_at: Clock::System.now() - ago, ..plan };
            plan_put(&fresh.db, &plan).await.expect("a write");
            panel.guests.take_due().await.expect("a write");
            // The next one is not taken beside it.
            let is_over = async || operation_under_way_of(&fresh.db, guest).await.expect("a read").is_none();
            panel.eventually("it is taken", async |_| is_over().await).await;
        };
        // Two are all that the quota has room for beside hers.
        quota_set_own(&fresh.db, panel.anna.account.id, Kind::Snapshots, Some(Said::AtMost(3))).await.expect("a write");
        for number in 0..4 {
            panel.host.write(guest, &format!("{number} "));
            due(5 * HOUR).await;
        }
        let rows = list(&panel, guest).await;
        assert_eq!(rows.iter().map(|row| row.planned).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(panel.host.disks(guest).expect("there").1, ["", "0 1 2 ", "0 1 2 3 "]);
        let now = plan().await.expect("it is set");
        assert_eq!((now.failed, now.next_at > Clock::System.now()), (None, true), "what was missed is not made up for");

        quota_set_own(&fresh.db, panel.anna.account.id, Kind::Snapshots, Some(Said::AtMost(1))).await.expect("a write");
        due(0).await;
        let why = plan().await.expect("it is set").failed.expect("there is no room");
        assert!(why.contains("quota"), "{why}");
        assert_eq!(list(&panel, guest).await.len(), 2, "one made room");
        due(0).await;
        assert_eq!(list(&panel, guest).await.len(), 2, "and no more go for one that can't come");

        quota_set_own(&fresh.db, panel.anna.account.id, Kind::Snapshots, Some(Said::NoLimit)).await.expect("a write");
        let kill = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("an operation");
        done(&panel, kill).await;
        due(0).await;
        assert_eq!(list(&panel, guest).await.len(), 3, "it has run since");
        due(0).await;
        assert_eq!(list(&panel, guest).await.len(), 3, "it has not run since");
        set(None, 0).await.expect("hers");
        assert_eq!((plan().await, list(&panel, guest).await.len()), (None, 3), "they stay");
    }

    async fn a_copy_that_fails_is_not_there_and_not_counted(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.fail_next("snapshot_take", Refusal::DiskFull { free_mib: 3 });
        let taken = panel.guests.snapshot_take(&panel.anna, guest, SnapshotDraft::default()).await.expect("there is room");
        let over = panel.over(taken.operation).await;
        let reason = "the disk is full: 3 MiB are left on the host".to_owned();
        assert_eq!(over.state, OperationState::Failed { reason });
        assert_eq!((list(&panel, guest).await, used(&fresh.db, &panel).await), (vec![], 0));
        panel.host.fail_next("disk_swap", Refusal::DiskFull { free_mib: 3 });
        panel.host.write(guest, "one ");
        let reset = panel.guests.act(&panel.anna, guest, Action::Reset).await.expect("possible").expect("an operation");
        assert!(matches!(panel.over(reset).await.state, OperationState::Failed { .. }));
        assert_eq!((written(&panel, guest), list(&panel, guest).await), ("one ".to_owned(), vec![]));
    }
}
