//! Living with guests: limits, pauses, shells, keys, what they say, what is measured, adoption.

use umbel_app::AppError;
use umbel_app::shown::{GuestChange, GuestFilter, OperationState, Role};
use umbel_guest::{Action, Attachment, Boot, DiskKind, GuestDraft, Limits, Seen, Span, SysRqKey, Wanted};

use crate::harness::db::both;
use crate::harness::panel::{TestPanel, account, draft};

fn limited(cpu_percent: u32) -> GuestChange {
    let limits = Limits { cpu_percent: Some(cpu_percent), ..Limits::default() };
    GuestChange { limits: Some(limits), ..GuestChange::default() }
}

both! {
    async fn limits_reach_a_guest_that_runs_and_are_told_again_until_they_are_heard(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let told = || panel.host.given(id).and_then(|(limits, ..)| limits?.cpu_percent);
        let before = panel.row(id).await.expect("there").generation;
        panel.guests.change(&panel.anna, id, limited(50)).await.expect("at any time");
        panel.eventually("the host has heard", async |_| told() == Some(50)).await;
        panel.host.set_away(true);
        panel.guests.change(&panel.anna, id, limited(70)).await.expect("at any time");
        assert_eq!(told(), Some(50));
        panel.host.set_away(false);
        panel.eventually("the host has heard", async |panel| {
            told() == Some(70) && panel.row(id).await.expect("there").limits_heard
        }).await;
        assert_eq!(panel.row(id).await.expect("there").generation, before, "it is no new order");
        let error = panel.guests.change(&panel.anna, id, limited(1)).await.expect_err("too little");
        let AppError::Invalid(wrong) = error else { panic!("{error:?}") };
        assert_eq!(wrong.0[0].field, "cpu_percent");
    }

    async fn limits_of_a_stopped_guest_come_with_its_start(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let stop = panel.guests.act(&panel.anna, id, Action::Kill).await.expect("it runs").expect("one");
        panel.over(stop).await;
        panel.guests.change(&panel.anna, id, limited(25)).await.expect("at any time");
        let start = panel.guests.act(&panel.anna, id, Action::Start).await.expect("stopped").expect("one");
        panel.over(start).await;
        assert_eq!(panel.host.given(id).and_then(|(limits, ..)| limits?.cpu_percent), Some(25));
        assert!(panel.row(id).await.expect("there").limits_heard);
        assert!(!panel.host.calls().iter().any(|call| call.starts_with("limit")), "nothing to tell besides");
    }

    async fn a_pause_is_seen_and_ends(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let act = async |action| panel.guests.act(&panel.anna, id, action).await;
        assert_eq!(act(Action::Pause).await.expect("it runs"), None);
        panel.eventually("it is paused", async |panel| {
            matches!(panel.row(id).await.expect("there").seen, Seen::Paused { .. })
        }).await;
        assert_eq!(act(Action::Pause).await.expect_err("it is").status(), 409);
        assert_eq!(act(Action::ShutDown).await.expect_err("it would not hear it").status(), 409);
        act(Action::Resume).await.expect("it is paused");
        panel.eventually("it goes on", async |panel| {
            matches!(panel.row(id).await.expect("there").seen, Seen::Running { .. })
        }).await;
    }

    async fn a_shell_is_for_one_start(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let act = async |action| panel.guests.act(&panel.anna, id, action).await;
        assert_eq!(act(Action::StartShell).await.expect_err("it runs").status(), 409);
        panel.over(act(Action::Kill).await.expect("it runs").expect("one")).await;
        let shell = panel.over(act(Action::StartShell).await.expect("stopped").expect("one")).await;
        assert_eq!(shell.state, OperationState::Done);
        let boot = || panel.host.given(id).expect("it was started").1;
        assert_eq!(boot(), Boot::Shell);
        panel.over(act(Action::Restart).await.expect("it runs").expect("one")).await;
        assert_eq!(boot(), Boot::Normal);
    }

    async fn keys_and_memory_are_for_guests_that_run(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let berta = account(&fresh.db, "berta", Role::User).await;
        let missing = AppError::not_found("guest");
        assert_eq!(panel.guests.sysrq(&berta, id, SysRqKey::Sync).await, Err(missing.clone()));
        assert_eq!(panel.guests.metrics(&berta, id, Span::Hour).await.map(drop), Err(missing.clone()));
        assert_eq!(panel.guests.memory_inside(&berta, id).await.map(drop), Err(missing));
        panel.guests.sysrq(&panel.anna, id, SysRqKey::ShowMemory).await.expect("it runs");
        assert!(panel.host.calls().contains(&format!("sysrq {id} m")));
        for _ in 0..3 {
            panel.guests.memory_inside(&panel.anna, id).await.expect("it runs");
        }
        let asked = panel.host.calls().iter().filter(|call| call.starts_with("memory_inside")).count();
        assert_eq!(asked, 1, "it is not woken for each page");
        assert_eq!(panel.guests.metrics(&panel.anna, id, Span::Day).await.expect("measured").processes.len(), 1440);
        panel.over(panel.guests.act(&panel.anna, id, Action::Kill).await.expect("it runs").expect("one")).await;
        assert_eq!(panel.guests.sysrq(&panel.anna, id, SysRqKey::Sync).await.expect_err("it is down").status(), 409);
        assert_eq!(panel.guests.memory_inside(&panel.anna, id).await.expect_err("it is down").status(), 409);
    }

    async fn what_a_guest_says_is_text_and_told_at_once(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let id = panel.made("web").await;
        let mut listener = panel.guests.parts.events.listen();
        for i in 0..25 {
            panel.host.say(id, &format!("\x1b[31mline\n{i} <b>"));
        }
        panel.eventually("it is shown", async |panel| {
            let shown = panel.guests.fetch(&panel.anna, id).await.expect("ours");
            shown.said.last().is_some_and(|line| line.text == "line 24 <b>") && shown.said.len() == 20
        }).await;
        let told = tokio::time::timeout(std::time::Duration::from_secs(10), async {
            while listener.next().await.topic != umbel_app::shown::Topic::Guest(id) {}
        });
        told.await.expect("pages were told");
        let listed = panel.guests.list(&panel.anna, GuestFilter::default()).await.expect("a list").rows;
        assert!(listed[0].said.is_empty(), "lists stay small");
    }

    async fn a_guest_that_is_not_to_come_back_with_the_host_stays_down(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (stays, comes) = (panel.made("stays").await, panel.made("comes").await);
        let change = GuestChange { autostart: Some(false), ..GuestChange::default() };
        panel.guests.change(&panel.anna, stays, change).await.expect("at any time");
        panel.host.reboot();
        panel.eventually("one is stopped and one runs", async |panel| {
            let (stays, comes) = (panel.row(stays).await.expect("there"), panel.row(comes).await.expect("there"));
            stays.wanted == Wanted::Stopped && matches!(comes.seen, Seen::Running { .. })
        }).await;
    }

    async fn the_hosts_own_files_take_a_disk_in_memory_and_nothing_else_does(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        for (image, disk_kind) in [("host", DiskKind::Cow), ("tiny-5", DiskKind::Memory)] {
            let draft = GuestDraft { image: image.into(), disk_kind, ..draft("a") };
            let error = panel.guests.create(&panel.anna, draft).await.expect_err("they don't go together");
            let AppError::Invalid(wrong) = error else { panic!("{error:?}") };
            assert_eq!(wrong.0[0].field, "disk_kind");
        }
    }

    async fn the_classic_example_is_two_guests_on_one_switch(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let mut networks = Vec::new();
        for names in [["c1", "c2"], ["c1-2", "c2-2"]] {
            for (created, name) in panel.guests.example_create(&panel.anna).await.expect("the host shows files").iter().zip(names) {
                assert_eq!(panel.over(created.operation).await.state, OperationState::Done);
                let row = panel.row(created.guest).await.expect("there");
                assert_eq!((row.spec.name.as_str(), row.spec.disk_kind), (name, DiskKind::Memory));
                let card = panel.host.given(created.guest).expect("it was started").2.expect("a card");
                assert_eq!(card.attachment, Attachment::Switch);
                networks.push(card.network);
            }
        }
        networks.dedup();
        assert_eq!(networks.len(), 1);
    }

    async fn what_was_run_by_hand_becomes_a_guest(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let stray: umbel_guest::StrayName = "root_fs".parse().expect("a name");
        panel.host.put_stray(stray.clone(), 100 << 20);
        assert_eq!(panel.guests.stray_list(&panel.anna).await.expect_err("not hers").status(), 403);
        assert_eq!(panel.guests.stray_list(&root).await.expect("one")[0].name, stray);
        let read = panel.guests.adopt_read(&root, "linux ubd0=root_fs mem=128M umid=old".into()).await.expect("read");
        let made = panel.guests.adopt(&root, stray.clone(), read.draft).await.expect("a good draft");
        panel.eventually("it runs", async |panel| {
            panel.row(made.guest).await.is_some_and(|row| matches!(row.seen, Seen::Running { .. }))
        }).await;
        let spec = panel.row(made.guest).await.expect("there").spec;
        assert_eq!((spec.name.as_str(), spec.memory.mib(), spec.disk.mib()), ("old", 128, 128));
        assert!(panel.host.calls().contains(&format!("disk_adopt {} root_fs", made.guest)));
    }

    async fn the_host_says_what_is_promised(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.made("a").await;
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let host = panel.guests.host(&root).await.expect("a page");
        assert_eq!((host.memory_promised_mib, host.guests_running), (64, 1));
        assert!(!host.checks.is_empty());
        assert_eq!(panel.guests.host(&panel.anna).await.map(drop).expect_err("a user").status(), 403);
        let overview = async |caller| panel.guests.overview(caller).await.expect("a page").host;
        assert_eq!((overview(&panel.anna).await, overview(&root).await.is_some()), (None, true));
    }
}
