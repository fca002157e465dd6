//! The reconciler against a simulated host: lives of panel, agent and host.

use umbel_app::shown::OperationState;
use umbel_guest::{Action, Exit, RestartPolicy, Seen, Wanted};
use umbel_server::host::simulated::Temper;
use umbel_server::operations::Drill;

use crate::harness::db::both;
use crate::harness::panel::{TestPanel, draft};

both! {
    async fn a_guest_that_powers_itself_off_is_stopped_and_one_that_reboots_comes_back(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let first = panel.row(id).await.expect("there").seen_generation;
        panel.host.advance(id, Seen::Ended { at: 1, exit: Exit::Rebooted });
        panel.eventually("it runs again", async |panel| {
            let row = panel.row(id).await.expect("there");
            matches!(row.seen, Seen::Running { .. }) && row.seen_generation > first
        }).await;
        panel.host.advance(id, Seen::Ended { at: 1, exit: Exit::PoweredOff });
        panel.eventually("it is stopped", async |panel| panel.row(id).await.expect("there").wanted == Wanted::Stopped).await;
    }

    async fn a_crash_stays_visible_and_follows_the_policy(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let crash = Seen::Ended { at: 1, exit: Exit::Crashed { signal: 6 } };
        panel.host.advance(id, crash.clone());
        panel.eventually("it is settled", async |panel| panel.row(id).await.expect("there").wanted == Wanted::Stopped).await;
        assert_eq!(panel.row(id).await.expect("there").seen, crash);
        let mut again = draft("again");
        again.restart_policy = RestartPolicy::OnFailure;
        let again = panel.guests.create(&panel.anna, again).await.expect("a good draft");
        panel.over(again.operation).await;
        panel.host.advance(again.guest, Seen::Ended { at: i64::MAX, exit: Exit::Crashed { signal: 6 } });
        panel.eventually("it waits", async |panel| panel.row(again.guest).await.expect("there").next_try_at.is_some()).await;
        panel.eventually("it runs again", async |panel| panel.row(again.guest).await.expect("there").seen.is_alive()).await;
        assert_eq!(panel.row(again.guest).await.expect("there").failures, 1);
    }

    async fn after_a_reboot_of_the_host_what_was_wanted_runs(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (runs, stopped) = (panel.made("runs").await, panel.made("stopped").await);
        let stop = panel.guests.act(&panel.anna, stopped, Action::ShutDown).await.expect("it runs").expect("one");
        panel.over(stop).await;
        let before = panel.row(runs).await.expect("there").seen_generation;
        panel.host.reboot();
        panel.eventually("it runs again", async |panel| {
            let row = panel.row(runs).await.expect("there");
            matches!(row.seen, Seen::Running { .. }) && row.seen_generation > before
        }).await;
        assert!(!panel.row(stopped).await.expect("there").seen.is_alive());
    }

    /// A guest that is off is looked at again only where the host says something new of it.
    async fn one_that_is_off_is_put_off_again_as_soon_as_the_host_sees_it_alive(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let stop = panel.guests.act(&panel.anna, id, Action::ShutDown).await.expect("it runs").expect("one");
        panel.over(stop).await;
        let asked = |panel: &TestPanel| panel.host.calls().iter().filter(|call| call.starts_with("stop ")).count();
        for times in 2..4 {
            panel.host.advance(id, Seen::Running { since: 1 });
            panel.eventually("it is asked to end", async |panel| asked(panel) == times).await;
            panel.eventually("it is off", async |panel| !panel.row(id).await.expect("there").seen.is_alive()).await;
        }
    }

    async fn a_start_waits_for_memory_and_says_so(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (a, b) = (panel.made("a").await, panel.made("b").await);
        let stop = panel.guests.act(&panel.anna, b, Action::ShutDown).await.expect("it runs").expect("one");
        panel.over(stop).await;
        panel.host.set_memory(100);
        let start = panel.guests.act(&panel.anna, b, Action::Start).await.expect("stopped").expect("one");
        panel.eventually("it says so", async |panel| {
            let shown = panel.guests.fetch(&panel.anna, b).await.expect("ours");
            shown.waiting.as_deref() == Some("Waiting for memory: it needs 64 MiB, 36 MiB are free.")
        }).await;
        let stop = panel.guests.act(&panel.anna, a, Action::Kill).await.expect("it runs").expect("one");
        panel.over(stop).await;
        panel.over(start).await;
        panel.eventually("b runs", async |panel| panel.row(b).await.expect("there").seen.is_alive()).await;
    }

    async fn what_can_not_be_started_says_why(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let reason = umbel_wire::agent::Refusal::Wall { wall: "uid".into(), reason: "none left".into() };
        panel.host.fail_next("start", reason);
        let made = panel.guests.create(&panel.anna, draft("web")).await.expect("a good draft");
        let over = panel.over(made.operation).await;
        assert_eq!(over.state, OperationState::Done, "the guest is made");
        let text = &over.log.last().expect("a line").text;
        assert_eq!(text, "The guest is made, but it could not start: the wall uid can't be raised: none left.");
        let row = panel.row(made.guest).await.expect("it stays");
        assert!(matches!(row.seen, Seen::Ended { exit: Exit::NotStarted { .. }, .. }), "{row:?}");
    }

    async fn an_agent_that_is_away_is_waited_for(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        panel.host.set_away(true);
        let prepared = panel.host.calls().iter().filter(|call| *call == "image_prepare tiny-5").count();
        assert_eq!(prepared, 1, "the first image is there when the agent is");
        panel.eventually("it is away", async |panel| !panel.guests.parts.link.heard().is_here()).await;
        let kill = panel.guests.act(&panel.anna, id, Action::Kill).await.expect("accepted").expect("one");
        panel.eventually("it is logged", async |panel| {
            let shown = panel.guests.operation_fetch(&panel.anna, kill).await.expect("ours");
            shown.log.iter().any(|line| line.text == "Waiting for the agent.")
        }).await;
        assert_eq!(panel.guests.create(&panel.anna, draft("no")).await.expect_err("away").status(), 503);
        panel.guests.overview(&panel.anna).await.expect("pages work");
        panel.host.set_away(false);
        assert_eq!(panel.over(kill).await.state, OperationState::Done);
        assert!(!panel.row(id).await.expect("there").seen.is_alive());
    }

    async fn a_panel_that_was_killed_goes_on(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.host.set_temper(Temper::Stubborn);
        let made = panel.guests.create(&panel.anna, draft("web")).await.expect("a good draft");
        panel.eventually("it boots", async |panel| panel.row(made.guest).await.is_some_and(|g| g.seen == Seen::Starting)).await;
        let (host, anna) = (panel.host.clone(), panel.anna.clone());
        drop(panel);
        host.advance(made.guest, Seen::Running { since: 1 });
        let panel = TestPanel::again(&fresh.db, host, anna, Drill::default()).await;
        assert_eq!(panel.over(made.operation).await.state, OperationState::Done);
        let starts = panel.host.calls().iter().filter(|call| call.starts_with("start")).count();
        assert_eq!(starts, 1, "one kernel only");
    }

    async fn after_a_restored_backup_the_agent_listens_again(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let (host, anna) = (panel.host.clone(), panel.anna.clone());
        drop(panel);
        // The backup is older than what the agent has heard.
        let mut tx = fresh.db.begin().await.expect("a transaction");
        let old = "UPDATE guests SET generation = 1, seen_generation = 1, wanted = 'stopped'";
        umbel_server::store::query::sql("test", old).run(&mut tx).await.expect("an update");
        umbel_server::store::meta::panel_epoch_advance(&mut tx).await.expect("a new epoch");
        tx.commit().await.expect("a commit");
        let panel = TestPanel::again(&fresh.db, host, anna, Drill::default()).await;
        panel.eventually("the stop is heard", async |panel| {
            let row = panel.row(id).await.expect("there");
            matches!(row.seen, Seen::Ended { exit: Exit::PoweredOff, .. })
        }).await;
    }
}
