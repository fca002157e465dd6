//! The rules about guests.

use umbel_app::AppError;
use umbel_app::shown::{GuestChange, GuestFilter, OperationState, Role};
use umbel_guest::{Action, Exit, GuestDraft, Seen, Wanted};
use umbel_server::host::simulated::Temper;

use crate::harness::db::both;
use crate::harness::panel::{TestPanel, about, account, draft};

fn fields(error: AppError) -> Vec<String> {
    let AppError::Invalid(wrong) = error else { panic!("{error:?}") };
    wrong.0.into_iter().map(|e| e.field).collect()
}

both! {
    async fn a_created_guest_runs(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let made = panel.guests.create(&panel.anna, draft("web")).await.expect("a good draft");
        let listed = panel.guests.list(&panel.anna, GuestFilter::default()).await.expect("a list").rows;
        assert_eq!(listed.len(), 1, "it is in the list at once");
        let over = panel.over(made.operation).await;
        assert_eq!((over.state, over.steps.len()), (OperationState::Done, 5));
        let shown = panel.guests.fetch(&panel.anna, made.guest).await.expect("ours");
        assert!(matches!(shown.seen, Seen::Running { .. }), "{shown:?}");
        assert_eq!((shown.wanted, shown.operation), (Wanted::Running, None));
    }

    async fn every_wrong_field_is_named_and_nothing_is_left(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.made("web").await;
        let before = panel.dump().await;
        let create = async |draft: GuestDraft| fields(panel.guests.create(&panel.anna, draft).await.expect_err("wrong"));
        assert_eq!(create(draft("")).await, ["name"]);
        assert_eq!(create(draft("web")).await, ["name"], "taken");
        let unknown = GuestDraft { image: "other-1".into(), kernel: "other".into(), memory_mib: 4096, ..draft("x") };
        assert_eq!(create(unknown).await, ["image", "kernel", "memory_mib"]);
        assert_eq!(panel.dump().await, before);
    }

    async fn what_is_not_yours_is_not_there(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let made = panel.guests.create(&panel.anna, draft("web")).await.expect("a good draft");
        panel.over(made.operation).await;
        let (guests, id) = (&panel.guests, made.guest);
        let stranger = account(&fresh.db, "berta", Role::User).await;
        let missing = Err(AppError::not_found("guest"));
        assert_eq!(guests.fetch(&stranger, id).await.map(drop), missing);
        assert_eq!(guests.act(&stranger, id, Action::Kill).await.map(drop), missing);
        assert_eq!(guests.change(&stranger, id, GuestChange::default()).await.map(drop), missing);
        assert_eq!(guests.console_tail(&stranger, id, 5).await.map(drop), missing);
        assert_eq!(guests.operation_list(&stranger, about(id)).await.map(drop), missing);
        let missing = Err(AppError::not_found("operation"));
        assert_eq!(guests.operation_fetch(&stranger, made.operation).await.map(drop), missing);
        assert_eq!(guests.operation_cancel(&stranger, made.operation).await, missing);
        assert!(guests.list(&stranger, GuestFilter::default()).await.expect("a list").rows.is_empty());
        assert!(guests.overview(&stranger).await.expect("a page").operations.is_empty());
        let administrator = account(&fresh.db, "root", Role::Administrator).await;
        assert_eq!(guests.list(&administrator, GuestFilter::default()).await.expect("a list").rows.len(), 1);
    }

    async fn only_a_stopped_guest_is_changed_and_any_is_renamed(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let rename = GuestChange { name: Some("www".into()), note: Some("ours".into()), ..GuestChange::default() };
        let shown = panel.guests.change(&panel.anna, id, rename).await.expect("any time");
        assert_eq!((shown.name.as_str(), shown.note.as_str()), ("www", "ours"));
        let more = GuestChange { memory_mib: Some(128), ..GuestChange::default() };
        let refused = panel.guests.change(&panel.anna, id, more.clone()).await.expect_err("it runs");
        assert_eq!(refused.status(), 409);
        let stop = panel.guests.act(&panel.anna, id, Action::ShutDown).await.expect("it runs").expect("an operation");
        panel.over(stop).await;
        let shown = panel.guests.change(&panel.anna, id, more).await.expect("it is stopped");
        assert_eq!(shown.memory.mib(), 128);
    }

    async fn a_shut_down_that_is_ignored_ends_in_a_kill(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        panel.host.set_temper(Temper::Stubborn);
        let stop = panel.guests.act(&panel.anna, id, Action::ShutDown).await.expect("it runs").expect("an operation");
        let over = panel.over(stop).await;
        assert_eq!(over.state, OperationState::Done);
        assert_eq!(over.log.last().expect("a line").text, "It did not shut down in time and was killed.");
        let row = panel.row(id).await.expect("there");
        assert!(matches!(row.seen, Seen::Ended { exit: Exit::Killed, .. }));
    }

    async fn a_busy_guest_says_with_what_and_a_kill_takes_over(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        panel.host.set_temper(Temper::Stubborn);
        let act = async |action| panel.guests.act(&panel.anna, id, action).await;
        let restart = act(Action::Restart).await.expect("it runs").expect("an operation");
        let refused = act(Action::ShutDown).await.expect_err("busy");
        assert_eq!(refused, AppError::Conflict { message: "Restart is under way for web.".into() });
        let kill = act(Action::Kill).await.expect("always").expect("an operation");
        assert_eq!(panel.over(kill).await.state, OperationState::Done);
        let restart = panel.over(restart).await;
        assert_eq!(restart.state, OperationState::Cancelled);
        assert_eq!(restart.log.last().expect("a line").text, "Kill by anna took its place.");
        assert_eq!(panel.row(id).await.expect("there").wanted, Wanted::Stopped);
    }

    async fn a_deletion_is_taken_back_or_purged(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let before = panel.dump().await;
        let id = panel.made("web").await;
        let act = async |action| panel.guests.act(&panel.anna, id, action).await;
        let delete = act(Action::Delete).await.expect("it is there").expect("an operation");
        assert!(panel.over(delete).await.can_cancel);
        assert!(matches!(panel.row(id).await.expect("there").wanted, Wanted::Deleted { .. }));
        panel.guests.operation_cancel(&panel.anna, delete).await.expect("taken back");
        assert_eq!(panel.row(id).await.expect("there").wanted, Wanted::Stopped);
        let start = act(Action::Start).await.expect("it is back").expect("an operation");
        assert_eq!(panel.over(start).await.state, OperationState::Done);
        let purge = act(Action::Purge).await.expect("always").expect("an operation");
        assert_eq!(panel.over(purge).await.state, OperationState::Done);
        assert_eq!(panel.dump().await, before, "nothing is left");
        assert!(!panel.guests.operation_list(&panel.anna, about(id)).await.expect("remembered").rows.is_empty());
    }
}
