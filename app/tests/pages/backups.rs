//! Backups of guests, as pages show them.

use umbel_app::paths;
use umbel_app::shown::{BackupShown, BackupsShown, PlanShown, Role};
use umbel_guest::{Access, BackupId, Every, GuestId, Relation, Wanted};
use uuid::Uuid;

use crate::fake::{Fake, caller, guest};
use crate::machine::RUNNING;
use crate::page;

fn backup(number: u128, name: &str, has_guest: bool, is_whole: bool, relation: Relation) -> BackupShown {
    BackupShown {
        id: BackupId(Uuid::from_u128(number)),
        guest: GuestId(Uuid::from_u128(number)),
        guest_name: name.into(),
        has_guest,
        planned: false,
        is_whole,
        disk_mib: 256,
        held_bytes: 40 << 20,
        stored_bytes: 3 << 20,
        made_at: 1,
        access: Access { role: Role::User, relation },
    }
}

/// The tag that has this in it.
fn tag<'a>(html: &'a str, part: &str) -> &'a str {
    let at = html.find(part).unwrap_or_else(|| panic!("{part} in {html}"));
    let from = html[..at].rfind('<').unwrap_or_default();
    html[from..].split('>').next().unwrap_or_default()
}

#[tokio::test]
async fn backups_are_shown_with_what_may_be_done_with_each() {
    let shares = umbel_guest::Shares::of([]).expect("to see it is one of them");
    let rows = vec![
        // Its name begins as another's, and is another's all the same.
        backup(5, "web-2", true, true, Relation::Owner),
        backup(1, "web", true, true, Relation::Owner),
        backup(2, "gone", false, true, Relation::Owner),
        backup(3, "coming", true, false, Relation::Owner),
        backup(4, "theirs", true, true, Relation::Shared(shares)),
    ];
    let fake = Fake {
        backups: BackupsShown { is_offered: true, most: 16, rows, ..BackupsShown::default() },
        ..Fake::default()
    };
    let (_, html) = page(fake, Some(caller(Role::User)), paths::BACKUPS).await;
    for part in ["40 MiB", "3.0 MiB", " is gone", "Being made", "web, the newest", "gone, the newest"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains("coming, the newest") && !html.contains("theirs, the newest"), "{html}");
    let restore = |number: u128| format!("data-opens=\"restore-backup-{}\"", BackupId(Uuid::from_u128(number)).short());
    let remove = |number: u128| format!("data-opens=\"remove-backup-{}\"", BackupId(Uuid::from_u128(number)).short());
    assert!(!tag(&html, &restore(1)).contains("disabled") && !tag(&html, &remove(1)).contains("disabled"));
    assert!(tag(&html, &restore(2)).contains("make another one of it") && !tag(&html, &remove(2)).contains("disabled"));
    assert!(!html.contains(&restore(3)), "of what is not there nothing can be made");
    assert!(tag(&html, &restore(4)).contains("disabled") && tag(&html, &remove(4)).contains("disabled"));
}

#[tokio::test]
async fn a_panel_that_keeps_none_says_how_and_troubles_nobody_on_a_disk_page() {
    let (_, html) = page(Fake::default(), Some(caller(Role::User)), paths::BACKUPS).await;
    assert!(html.contains("backup_directory") && html.contains("There is none."), "{html}");
    let web = guest("web", Wanted::Running, RUNNING);
    let path = paths::guest_disk(web.id);
    let none = Fake { guests: vec![web.clone()], ..Fake::default() };
    let (_, html) = page(none, Some(caller(Role::User)), &path).await;
    assert!(!html.contains("/_sf/backup_take"), "{html}");
    let offered = BackupsShown { is_offered: true, most: 16, ..BackupsShown::default() };
    let some = Fake { guests: vec![web.clone()], backups: offered.clone(), ..Fake::default() };
    let (_, html) = page(some, Some(caller(Role::User)), &path).await;
    assert!(html.contains("/_sf/backup_take") && html.contains("Back up"), "{html}");
    assert!(html.contains("/_sf/backup_plan_set") && !html.contains("The last one was not made"), "{html}");
    let plan = PlanShown { every: Every::Week, keep: 3, next_at: 1, failed: Some("its place is away".into()) };
    let planned = BackupsShown { plan: Some(plan), ..offered };
    let (_, html) =
        page(Fake { guests: vec![web], backups: planned, ..Fake::default() }, Some(caller(Role::User)), &path).await;
    assert!(html.contains("The last one was not made") && html.contains("its place is away"), "{html}");
}
