//! Kernels: who may choose and put in which, and what can't be had.

use umbel_app::AppError;
use umbel_app::shown::{
    GuestChange, KernelChange, KernelDraft, KernelFilter, KernelSettings, OperationState, Role, Who,
};
use umbel_guest::{Action, Clock, GuestDraft, KernelMode};
use umbel_server::host::simulated::debian;
use umbel_wire::Layout;
use umbel_wire::agent::{KernelFacts, Refusal};

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::{TestPanel, account, draft};

fn fields(error: AppError) -> Vec<String> {
    let AppError::Invalid(wrong) = error else { panic!("{error:?}") };
    wrong.0.into_iter().map(|e| e.field).collect()
}

fn old() -> KernelFacts {
    let mut old = KernelFacts { id: "old".parse().expect("a slug"), is_default: false, ..debian() };
    old.features.modes = vec![KernelMode::Strict];
    old.features.time_travel = false;
    old
}

both! {
    async fn what_a_kernel_can_not_is_refused_by_field_at_create_and_change(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.host.put_kernel(old());
        let much = GuestDraft { mode: KernelMode::Fast, clock: Clock::TimeTravel, kernel: "old".into(), ..draft("a") };
        let error = panel.guests.create(&panel.anna, much.clone()).await.expect_err("too much");
        assert_eq!(fields(error), ["mode", "clock"]);
        let made = panel.guests.create(&panel.anna, GuestDraft { kernel: String::new(), ..much }).await.expect("the default");
        panel.over(made.operation).await;
        assert_eq!(panel.row(made.guest).await.expect("there").spec.kernel, debian().id);
        let stop = panel.guests.act(&panel.anna, made.guest, Action::Kill).await.expect("it runs").expect("one");
        panel.over(stop).await;
        let change = GuestChange { kernel: Some("old".into()), ..GuestChange::default() };
        let error = panel.guests.change(&panel.anna, made.guest, change).await.expect_err("too much");
        assert_eq!(fields(error), ["mode", "clock"]);
    }

    async fn who_may_not_choose_gets_the_default(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.host.put_kernel(old());
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let settings = KernelSettings { choice: Who::Administrators, upload: Who::Administrators };
        assert_eq!(panel.kernels().set_settings(&panel.anna, settings).await.expect_err("not hers").status(), 403);
        panel.kernels().set_settings(&root, settings).await.expect("root's");
        let of_old = |name: &str| GuestDraft { kernel: "old".into(), ..draft(name) };
        assert_eq!(fields(panel.guests.create(&panel.anna, of_old("a")).await.expect_err("not hers")), ["kernel"]);
        panel.guests.create(&panel.anna, draft("a")).await.expect("the default by its name");
        panel.guests.create(&root, of_old("b")).await.expect("root chooses");
        let form = panel.guests.form(&panel.anna).await.expect("a form");
        let refused: Vec<bool> = form.kernels.iter().map(|kernel| kernel.refused.is_some()).collect();
        assert_eq!((form.kernels[0].is_default, refused), (true, vec![false, true]));
    }

    async fn a_retired_kernel_is_kept_by_who_has_it_and_offered_to_nobody(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.host.put_kernel(old());
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let made = panel.guests.create(&panel.anna, GuestDraft { kernel: "old".into(), ..draft("a") }).await.expect("fine");
        panel.over(made.operation).await;
        let retired = KernelChange { retired: Some(true), note: None };
        panel.kernels().change(&root, old().id, retired).await.expect("root's");
        let form = panel.guests.form(&panel.anna).await.expect("a form");
        assert!(form.kernels.iter().all(|kernel| kernel.id != old().id));
        let again = panel.guests.create(&panel.anna, GuestDraft { kernel: "old".into(), ..draft("b") }).await;
        assert_eq!(fields(again.expect_err("retired")), ["kernel"]);
        let restart = panel.guests.act(&panel.anna, made.guest, Action::Restart).await.expect("it runs").expect("one");
        assert_eq!(panel.over(restart).await.state, OperationState::Done);
        let listed = panel.kernels().list(&root, KernelFilter::default()).await.expect("a list");
        let shown = listed.rows.iter().find(|kernel| kernel.id == old().id).expect("it is there");
        assert_eq!((shown.retired, shown.used_by.as_slice()), (true, ["a".to_owned()].as_slice()));
        let hers = panel.kernels().list(&panel.anna, KernelFilter::default()).await.expect("a list");
        assert!(hers.rows.iter().all(|kernel| kernel.used_by.is_empty()), "others' guests are not hers to see");
    }

    async fn a_kernel_is_uploaded_used_and_removed_over_the_api(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout.clone())).await;
        let (root, anna) = (edge.signed_in("root").await, edge.signed_in("anna").await);
        assert_eq!(anna.upload_begin().await.expect_err("not hers").status().map(|s| s.as_u16()), Some(403));
        let upload = root.upload_begin().await.expect("a place");
        // More than any other body may have.
        let kernel = [b"\x7fELF".as_slice(), &[7; 1 << 20]].concat();
        let file = root.upload_put(upload, "linux", kernel.clone()).await.expect("it fits");
        assert_eq!((file.size_bytes, file.sha256.len()), (kernel.len() as u64, 64));
        assert!(root.upload_put(upload, "a%2Fb", kernel).await.is_err(), "a name is no path");
        let operation = root.kernel_add(upload, "mine-1", "ours").await.expect("a free name").expect("one");
        let over = root.operation_over(operation, std::time::Duration::from_secs(10)).await.expect("over");
        assert_eq!(over.state, umbel_client::OperationState::Done, "{over:?}");
        assert!(!layout.upload(upload).exists(), "nothing of it is left");
        let taken = root.upload_begin().await.expect("a place");
        root.upload_put(taken, "linux", &b"\x7fELF"[..]).await.expect("it fits");
        assert_eq!(root.kernel_add(taken, "mine-1", "").await.expect_err("taken").fields()[0].field, "name");
        root.upload_remove(taken).await.expect("root's");

        let mine = "mine-1".parse().expect("a slug");
        let made = anna.guest_create(&GuestDraft { kernel: "mine-1".into(), ..draft("web") }).await.expect("she may choose");
        anna.operation_over(made.operation, std::time::Duration::from_secs(10)).await.expect("over");
        let refused = root.kernel_remove(&mine).await.expect_err("in use").to_string();
        assert!(refused.contains("web of anna"), "{refused}");
        let purge = anna.guest_act(made.guest, Action::Purge).await.expect("hers").expect("one");
        anna.operation_over(purge, std::time::Duration::from_secs(10)).await.expect("over");
        root.kernel_remove(&mine).await.expect("nobody has it");
        assert!(root.kernel_list().await.expect("a list").iter().all(|kernel| kernel.id != mine));
    }

    async fn a_kernel_that_is_none_leaves_nothing_and_says_why(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(place.path(), place.path()).expect("a short path");
        let panel = TestPanel::start_in(&fresh.db, Some(layout.clone())).await;
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let before = panel.dump().await;
        let add = async |content: &'static [u8]| {
            let upload = panel.uploads().begin(&root).await.expect("a place");
            let body = futures::stream::iter([Ok::<_, std::io::Error>(content)]);
            panel.uploads().put(&root, upload, "linux", body).await.expect("it fits");
            let draft = KernelDraft { upload: upload.to_string(), name: "bad".into(), note: String::new() };
            let operation = panel.kernels().add(&root, draft).await.expect("a free name");
            panel.eventually("it is over", async |panel| {
                panel.guests.operation_fetch(&root, operation).await.expect("ours").state.is_over()
            }).await;
            assert!(!layout.upload(upload).exists(), "the upload is gone");
            panel.guests.operation_fetch(&root, operation).await.expect("ours").state
        };
        let OperationState::Failed { reason } = add(b"#!/bin/sh").await else { panic!("it was taken") };
        assert!(reason.contains("neither an ELF file"), "{reason}");
        let reason = "Kernel panic - not syncing".to_owned();
        panel.host.fail_next("kernel_add", Refusal::BadKernel { kernel: "bad".parse().expect("a slug"), reason });
        let OperationState::Failed { reason } = add(b"\x7fELF").await else { panic!("it was taken") };
        assert!(reason.contains("Kernel panic"), "{reason}");
        assert_eq!(panel.dump().await, before);
    }
}
