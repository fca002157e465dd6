//! Backups that are made by themselves: in time, no more than are to be kept, and heard of when they fail.

use std::fs;

use tempfile::TempDir;
use umbel_app::AppError;
use umbel_app::shown::{BackupShown, PlanDraft, PlanShown};
use umbel_guest::{Action, Every, GuestId};
use umbel_server::accounts::seal::Seal;
use umbel_server::clock::{Clock, HOUR, MINUTE};
use umbel_server::store::Db;
use umbel_server::store::backup_plans::{BackupPlan, backup_plan_fetch, backup_plan_put};
use umbel_server::store::webhooks::alert_take;
use umbel_wire::Layout;

use crate::harness::db::both;
use crate::harness::panel::TestPanel;

async fn begin(db: &Db) -> (TestPanel, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    fs::create_dir(place.path().join("backups")).expect("made");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    (TestPanel::start_in(db, Some(layout)).await, place)
}

async fn set(panel: &TestPanel, guest: GuestId, every: Option<Every>, keep: u32) -> Result<(), AppError> {
    panel.guests.backup_plan_set(&panel.anna, guest, PlanDraft { every, keep }).await
}

async fn seen(panel: &TestPanel, guest: GuestId) -> (Option<PlanShown>, Vec<BackupShown>) {
    let shown = panel.guests.backup_list_of(&panel.anna, guest).await.expect("hers");
    (shown.plan, shown.rows)
}

/// As if its time had come; until what it asks for is over and known to be.
async fn due(panel: &TestPanel, db: &Db, guest: GuestId) {
    let plan = backup_plan_fetch(db, guest).await.expect("a read").expect("it is set");
    backup_plan_put(db, &BackupPlan { next_at: Clock::System.now() - 5 * HOUR, ..plan }).await.expect("a write");
    panel
        .eventually("it is over", async |panel| {
            panel.guests.backups_take_due().await.expect("a write");
            backup_plan_fetch(db, guest).await.expect("a read").is_some_and(|plan| plan.operation.is_none())
        })
        .await;
    panel.guests.backups_let_go_due().await.expect("a write");
}

both! {
    async fn backups_by_plan_come_and_go_and_those_by_hand_stay(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        panel.host.write(guest, "mine ");
        let mine = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
        panel.over(mine.operation).await;
        for keep in [0, 17] {
            let Err(AppError::Invalid(wrong)) = set(&panel, guest, Some(Every::Day), keep).await else { panic!("{keep} was taken") };
            assert_eq!((wrong.0[0].field.as_str(), wrong.0[0].message.as_str()), ("keep", "A plan keeps 1 to 16 backups."));
        }
        set(&panel, guest, Some(Every::Day), 2).await.expect("hers");
        panel.guests.backups_take_due().await.expect("a read");
        let (plan, rows) = seen(&panel, guest).await;
        assert!(plan.expect("it is set").next_at > Clock::System.now() + 24 * HOUR - MINUTE);
        assert_eq!(rows.len(), 1, "it is not due");
        for number in 0..4 {
            panel.host.write(guest, &format!("{number} "));
            due(&panel, &fresh.db, guest).await;
        }
        let (plan, rows) = seen(&panel, guest).await;
        assert_eq!(rows.iter().map(|row| row.planned).collect::<Vec<_>>(), [true, true, false]);
        let plan = plan.expect("it is set");
        assert_eq!((plan.failed, plan.next_at > Clock::System.now()), (None, true), "what was missed is not made up for");
        let chunks = || crate::harness::s3::files(&place.path().join("backups/vault/chunks")).len();
        panel.eventually("what is not needed is gone", async |_| chunks() == 3).await;

        let kill = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("an operation");
        panel.over(kill).await;
        due(&panel, &fresh.db, guest).await;
        let newest = seen(&panel, guest).await.1[0].id;
        assert_ne!(newest, rows[0].id, "it has run since");
        due(&panel, &fresh.db, guest).await;
        assert_eq!(seen(&panel, guest).await.1[0].id, newest, "it has not run since");
        set(&panel, guest, None, 0).await.expect("hers");
        let (plan, rows) = seen(&panel, guest).await;
        assert_eq!((plan, rows.len()), (None, 3), "they stay");
    }

    async fn a_backup_by_plan_that_fails_is_said_and_costs_none(fresh) {
        let (panel, place) = begin(&fresh.db).await;
        let guest = panel.made("web").await;
        set(&panel, guest, Some(Every::Week), 1).await.expect("hers");
        panel.host.write(guest, "one ");
        due(&panel, &fresh.db, guest).await;
        let first = seen(&panel, guest).await.1;
        assert_eq!(first.len(), 1);
        let webhook = umbel_app::shown::WebhookDraft {
            url: "https://example.org/hook".into(),
            events: vec!["backup_failed".into()],
        };
        let root = crate::harness::panel::account(&fresh.db, "root", umbel_app::shown::Role::Administrator).await;
        let webhooks = umbel_server::webhooks::Webhooks::new(panel.guests.parts.clone(), Seal::new([7; 32]));
        webhooks.create(&root, webhook).await.expect("good");
        // Its place is away.
        fs::rename(place.path().join("backups/vault"), place.path().join("elsewhere")).expect("unmounted");
        panel.host.write(guest, "two ");
        due(&panel, &fresh.db, guest).await;
        let (plan, rows) = seen(&panel, guest).await;
        let why = plan.expect("it is set").failed.expect("it failed");
        assert!(why.contains("mounted"), "{why}");
        assert_eq!(rows, first, "the one that is there stays");
        let mut tx = fresh.db.begin().await.expect("a write");
        let now = Clock::System.now();
        let is_new = alert_take(&mut tx, "backup_failed", &guest.to_string(), now - HOUR, now).await.expect("a read");
        assert!(!is_new, "whoever wants to hear of it was told");
        drop(tx);

        fs::rename(place.path().join("elsewhere"), place.path().join("backups/vault")).expect("mounted");
        due(&panel, &fresh.db, guest).await;
        let (plan, rows) = seen(&panel, guest).await;
        assert_eq!(plan.expect("it is set").failed, None);
        assert!(rows.len() == 1 && rows[0].id != first[0].id, "{rows:#?}");
    }

    async fn a_guest_has_no_more_backups_than_the_settings_permit(fresh) {
        let (mut panel, _place) = begin(&fresh.db).await;
        panel.guests.parts.backups_per_guest = 2;
        let guest = panel.made("web").await;
        let other = panel.made("other").await;
        for _ in 0..2 {
            let made = panel.guests.backup_take(&panel.anna, guest).await.expect("there is room");
            panel.over(made.operation).await;
        }
        let Err(AppError::Conflict { message }) = panel.guests.backup_take(&panel.anna, guest).await else { panic!("a third") };
        assert_eq!(
            message,
            "web has 2 backups already, as many as the settings permit (backups_per_guest). Remove one first."
        );
        panel.guests.backup_take(&panel.anna, other).await.expect("it has none");
        set(&panel, guest, Some(Every::Day), 2).await.expect("hers");
        due(&panel, &fresh.db, guest).await;
        let (plan, rows) = seen(&panel, guest).await;
        assert_eq!((plan.expect("it is set").failed, rows.len()), (Some(message), 2));
        // With room for one, the second takes its place.
        panel.guests.backup_remove(&panel.anna, rows[0].id).await.expect("hers");
        set(&panel, guest, Some(Every::Day), 1).await.expect("hers");
        for _ in 0..2 {
            due(&panel, &fresh.db, guest).await;
            let (plan, rows) = seen(&panel, guest).await;
            assert_eq!(plan.expect("it is set").failed, None);
            assert_eq!(rows.iter().map(|row| row.planned).collect::<Vec<_>>(), [true, false]);
        }
        assert!(set(&panel, guest, Some(Every::Day), 3).await.is_err());
    }
}
