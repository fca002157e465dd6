//! Who did what: that everything leaves its row, that none can be touched unseen, and that they are
//! numbered one by one whoever writes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reqwest::Method;
use umbel_app::AppError;
use umbel_app::backend::Came;
use umbel_app::shown::{AuditAction, AuditKind, AuditShown, AuditVia, Role};
use umbel_client::Client;
use umbel_server::audit::chain::Broken;
use umbel_server::audit::commands::{AuditError, verify};
use umbel_server::audit::{Audit, What, Who};
use umbel_server::clock::{Clock, DAY};
use umbel_server::store::audit::{Checkpoint, audit_list_after, audit_pending_list};
use umbel_server::store::query::sql;
use umbel_server::store::{Db, accounts, groups, guests, images, kernels, meta, networks, shares, snapshots, volumes};

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::{account, operations};
use crate::harness::program::Umbel;
use crate::walk::{self, DRAFT, Sent};

pub(crate) async fn rows(db: &Db) -> Vec<AuditShown> {
    audit_list_after(db, 0, 100_000).await.expect("a list")
}

fn who(name: &str) -> Who {
    Who::named(name, Came { via: AuditVia::Api, address: "192.0.2.7".parse::<IpAddr>().ok() })
}

fn what() -> What {
    What::new(AuditAction::GuestStart, AuditKind::Guest).of(7).named("web")
}

/// That many rows, numbered from 1.
async fn written(db: &Db, clock: &Clock, many: usize) -> Audit {
    let audit = Audit::new(db.clone(), clock.clone());
    for i in 0..many {
        audit.note(who(&format!("n{i}")), what(), &Ok(())).await.expect("a row");
    }
    audit
}

async fn broken(db: &Db) -> Broken {
    match verify(db, None).await {
        Err(AuditError::Broken(broken)) => broken,
        other => panic!("{other:?}"),
    }
}

both! {
    async fn sixty_four_who_write_at_once_make_one_chain(fresh) {
        let other = Db::open(&fresh.address).await.expect("another panel's connection");
        let panels = [&fresh.db, &other].map(|db| Audit::new(db.clone(), Clock::System));
        let writes = (0..64).map(|i| {
            let audit = panels[i % 2].clone();
            tokio::spawn(async move {
                let done = async { if i % 3 == 0 { Err(AppError::not_found("guest")) } else { Ok(i) } };
                let _ = audit.change(who(&format!("n{i}")), what(), done).await;
            })
        });
        for write in writes.collect::<Vec<_>>() {
            write.await.expect("no panic");
        }
        let whole = verify(&fresh.db, None).await.expect("a whole chain");
        assert_eq!((whole.rows, whole.last.map(|last| last.number)), (64, Some(64)));
        let names: BTreeSet<String> = rows(&fresh.db).await.into_iter().map(|row| row.name).collect();
        assert_eq!(names.len(), 64, "everybody has a row");
        assert_eq!(audit_pending_list(&fresh.db, i64::MAX).await.expect("a list"), []);
        other.close().await;
    }

    async fn a_row_that_was_edited_is_named(fresh) {
        written(&fresh.db, &Clock::System, 6).await;
        sql("tamper", "UPDATE audit SET name = 'eve' WHERE number = 4").run(&fresh.db).await.expect("a write");
        assert_eq!(broken(&fresh.db).await, Broken::Changed { number: 4 });
    }

    async fn rows_that_were_deleted_are_named(fresh) {
        let audit = written(&fresh.db, &Clock::System, 6).await;
        sql("tamper", "DELETE FROM audit WHERE number = 3").run(&fresh.db).await.expect("a write");
        assert_eq!(broken(&fresh.db).await, Broken::Missing { from: 3, to: 3 });
        sql("tamper", "DELETE FROM audit WHERE number < 3").run(&fresh.db).await.expect("a write");
        assert_eq!(broken(&fresh.db).await, Broken::Missing { from: 1, to: 3 });
        drop(audit);
    }

    async fn rows_in_another_order_are_named(fresh) {
        written(&fresh.db, &Clock::System, 6).await;
        let swap = "UPDATE audit SET number = CASE number WHEN 2 THEN 105 WHEN 5 THEN 102 ELSE number END";
        sql("tamper", swap).run(&fresh.db).await.expect("a write");
        sql("tamper", "UPDATE audit SET number = number - 100 WHERE number > 100").run(&fresh.db).await.expect("a write");
        assert_eq!(broken(&fresh.db).await, Broken::Changed { number: 2 });
    }

    async fn an_end_that_was_cut_off_does_not_reach_its_checkpoint_and_never_will(fresh) {
        let audit = written(&fresh.db, &Clock::System, 6).await;
        let whole = verify(&fresh.db, None).await.expect("a whole chain");
        sql("tamper", "DELETE FROM audit WHERE number > 4").run(&fresh.db).await.expect("a write");
        // Who wrote it down elsewhere needs no checkpoint.
        let known = verify(&fresh.db, whole.last.clone()).await.expect_err("the end is missing").to_string();
        assert!(known.contains("rows 5 to 6 are missing"), "{known}");
        sql("restore", "DELETE FROM audit WHERE number > 0").run(&fresh.db).await.expect("a write");
        for name in ["a", "b"] {
            audit.note(who(name), what(), &Ok(())).await.expect("a row");
        }
        audit.remember().await.expect("a checkpoint");
        sql("tamper", "DELETE FROM audit WHERE number = 2").run(&fresh.db).await.expect("a write");
        assert_eq!(broken(&fresh.db).await, Broken::Missing { from: 2, to: 2 });
        audit.note(who("c"), what(), &Ok(())).await.expect("a row");
        assert_eq!(broken(&fresh.db).await, Broken::Missing { from: 2, to: 2 });
    }

    async fn what_is_old_goes_with_a_checkpoint_and_a_row_that_says_so(fresh) {
        let clock = Clock::set_to(1000 * DAY);
        let audit = written(&fresh.db, &clock, 5).await;
        clock.advance(300 * DAY);
        audit.trim(365).await.expect("nothing to do");
        assert_eq!(rows(&fresh.db).await.len(), 5);
        audit.note(who("later"), what(), &Ok(())).await.expect("a row");
        clock.advance(100 * DAY);
        audit.trim(365).await.expect("it is trimmed");
        let left = rows(&fresh.db).await;
        assert_eq!(left.iter().map(|row| row.number).collect::<Vec<_>>(), [6, 7]);
        assert_eq!((left[1].action.as_str(), left[1].object.as_str(), left[1].via.as_str()), ("audit_trim", "5", "panel"));
        assert_eq!(verify(&fresh.db, None).await.expect("a whole chain").rows, 2);
        audit.trim(365).await.expect("nothing to do");
        assert_eq!(rows(&fresh.db).await.len(), 2);
        // Everything goes, but for the row that says so.
        clock.advance(1000 * DAY);
        audit.trim(365).await.expect("it is trimmed");
        assert_eq!(rows(&fresh.db).await.iter().map(|row| row.number).collect::<Vec<_>>(), [8]);
        audit.note(who("last"), what(), &Ok(())).await.expect("a row");
        assert_eq!(verify(&fresh.db, None).await.expect("a whole chain").last.map(|last| last.number), Some(9));
        // Somebody else removes one more, and keeps the checkpoints right.
        audit.remember().await.expect("a checkpoint");
        audit.note(who("after"), what(), &Ok(())).await.expect("a row");
        sql("tamper", "DELETE FROM audit WHERE number < 10").run(&fresh.db).await.expect("a write");
        assert_eq!(broken(&fresh.db).await, Broken::Removed { from: 1, to: 9 });
    }

    async fn what_was_begun_before_a_crash_has_its_row_once(fresh) {
        let audit = Audit::new(fresh.db.clone(), Clock::System);
        let doing = audit.change(who("ada"), what(), std::future::pending::<Result<(), AppError>>());
        let cut = tokio::time::timeout(std::time::Duration::from_millis(300), doing).await;
        assert!(cut.is_err(), "it never ends");
        assert_eq!(rows(&fresh.db).await, [], "it is not known how it ended");
        // The next life; elsewhere it may still be under way.
        let next = Audit::new(fresh.db.clone(), Clock::System);
        next.settle_earlier().await.expect("rows");
        assert_eq!(rows(&fresh.db).await.len(), usize::from(!fresh.db.is_shared()));
        next.settle_old(i64::MAX).await.expect("rows");
        next.settle_old(i64::MAX).await.expect("rows");
        let left = rows(&fresh.db).await;
        assert_eq!(left.iter().map(|row| (row.name.as_str(), row.outcome.as_str())).collect::<Vec<_>>(), [("ada", "unknown")]);
        assert!(left[0].reason.contains("not seen"), "{}", left[0].reason);
    }

    async fn the_program_verifies_and_exports(fresh) {
        written(&fresh.db, &Clock::System, 3).await;
        let umbel = Umbel::on(&fresh.address);
        let said = String::from_utf8(umbel.output(&["audit", "verify"]).stdout).expect("text");
        let last = said.trim_end().strip_prefix("3 rows fit. The last is ").expect(&said).to_owned();
        let lines = String::from_utf8(umbel.output(&["audit", "export"]).stdout).expect("text");
        let read: Vec<AuditShown> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert_eq!(read, rows(&fresh.db).await);
        assert!(umbel.refused(&["admin", "reset-password", "nobody"]).contains("there is no account nobody"));
        let row = rows(&fresh.db).await.pop().expect("a row");
        assert_eq!((row.outcome.as_str(), row.object_name.as_str()), ("refused", "nobody"));
        account(&fresh.db, "bob", Role::User).await;
        assert!(umbel.output(&["admin", "reset-password", "bob"]).status.success());
        let row = rows(&fresh.db).await.pop().expect("a row");
        assert_eq!((row.action.as_str(), row.via.as_str(), row.object_name.as_str()), ("account_reset_password", "command_line", "bob"));
        assert!(!row.name.is_empty());
        assert!(umbel.output(&["audit", "verify", "--known", &last]).status.success());
        sql("tamper", "DELETE FROM audit").run(&fresh.db).await.expect("a write");
        let said = umbel.refused(&["audit", "verify", "--known", &last]);
        assert!(said.contains("rows 1 to 3 are missing"), "{said}");
    }
}

/// Asked with POST, and nothing but a question.
const READS: [&str; 16] = [
    "/api/v1/strays/read",
    "/_sf/account_me",
    "/_sf/account_list",
    "/_sf/session_list",
    "/_sf/token_list",
    "/_sf/overview",
    "/_sf/guest_list",
    "/_sf/guest_choices",
    "/_sf/guest_fetch",
    "/_sf/guest_console_tail",
    "/_sf/guest_metrics",
    "/_sf/guest_memory_inside",
    "/_sf/host_fetch",
    "/_sf/host_metrics",
    "/_sf/stray_list",
    "/_sf/adopt_read",
];
const MORE_READS: [&str; 29] = [
    "/_sf/storage_fetch",
    "/_sf/key_list",
    "/_sf/registration_fetch",
    "/_sf/webhook_list",
    "/_sf/announcement_fetch",
    "/_sf/invitation_list",
    "/_sf/group_list",
    "/_sf/group_fetch",
    "/_sf/usage_fetch",
    "/_sf/audit_list",
    "/_sf/network_list",
    "/_sf/image_list",
    "/_sf/image_fetch",
    "/_sf/image_recipe",
    "/_sf/kernel_list",
    "/_sf/operation_list",
    "/_sf/operation_fetch",
    "/_sf/quota_mine",
    "/_sf/quota_of_group",
    "/_sf/quota_list",
    "/_sf/share_list",
    "/_sf/snapshot_list",
    "/_sf/snapshot_traces",
    "/_sf/backup_list",
    "/_sf/backup_files",
    "/_sf/snapshot_files",
    "/_sf/file_list",
    "/_sf/volume_list",
    "/_sf/account_fetch",
];
/// Without a token that was once good, or a password that was right, nothing is tried.
const NOTHING_TRIED: [&str; 2] = ["/first-run", "/sign-in/code"];

/// What is given away whole leaves a row, though nothing changes.
const GIVEN_AWAY: [&str; 7] = [
    "/api/v1/backups/{backup}/disk",
    "/backups/{backup}/disk",
    "/api/v1/backups/{backup}/content",
    "/backups/{backup}/content",
    "/api/v1/guests/{guest}/snapshots/{snapshot}/content",
    "/guests/{guest}/disk/{snapshot}/content",
    "/api/v1/operations/{operation}/file",
];

/// Pieces of a file: it left a row when it was said that it comes.
const IN_PIECES: (Method, &str) = (Method::PATCH, "/api/v1/uploads/{upload}/{file}");

fn reads(method: &Method, path: &str) -> bool {
    let asks = [Method::GET, Method::HEAD].contains(method) && !GIVEN_AWAY.contains(&path);
    asks || READS.contains(&path) || MORE_READS.contains(&path)
}

/// What the walk sends is stopped before anything is asked; this is asked, and refused.
fn sent(path: &str, sent: Sent) -> Sent {
    match path {
        "/api/v1/guests" => Sent::Json(DRAFT),
        "/_sf/guest_create" => Sent::Form("name=&image=&memory_mib=64&disk_mib=64"),
        "/_sf/guest_purge" => Sent::Form("guest={guest}&name=web"),
        _ => sent,
    }
}

/// With whom guests are shared.
async fn shared(edge: &Edge) -> Vec<shares::Share> {
    let mut all = Vec::new();
    for guest in guests::guest_list(&edge.panel.store).await.expect("a list") {
        all.extend(shares::share_list(&edge.panel.store, guest.id).await.expect("a list"));
    }
    all
}

/// Of all guests.
async fn snapshotted(edge: &Edge) -> Vec<snapshots::Snapshot> {
    let mut all = Vec::new();
    for guest in guests::guest_list(&edge.panel.store).await.expect("a list") {
        all.extend(snapshots::snapshot_list(&edge.panel.store, guest.id).await.expect("a list"));
    }
    all
}

/// Groups, and who is in them.
async fn grouped(edge: &Edge) -> Vec<(groups::Group, Vec<groups::Member>)> {
    let mut all = Vec::new();
    for group in groups::group_list(&edge.panel.store).await.expect("a list") {
        let members = groups::member_list(&edge.panel.store, group.id).await.expect("a list");
        all.push((group, members));
    }
    all
}

/// All that the panel and its host know, but for sign-ins.
async fn everything(edge: &Edge) -> String {
    let (db, host) = (&edge.panel.store, edge.test.guests.parts.host);
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{}",
        guests::guest_list(db).await.expect("a list"),
        operations(db).await,
        accounts::account_list(db).await.expect("a list"),
        networks::network_list(db, host).await.expect("a list"),
        networks::forward_list(db, host).await.expect("a list"),
        images::image_list(db, host).await.expect("a list"),
        kernels::kernel_list(db, host).await.expect("a list"),
        volumes::volume_list(db, host).await.expect("a list"),
        volumes::attachment_list(db).await.expect("a list"),
        shared(edge).await,
        snapshotted(edge).await,
        grouped(edge).await,
        meta::panel_fetch(db, meta::Key::KernelChoice).await.expect("a word"),
        meta::panel_fetch(db, meta::Key::Registration).await.expect("a word"),
        edge.test.host.dump(),
    )
}

both! {
    async fn whatever_changes_anything_leaves_a_row_and_nothing_else_does(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = umbel_wire::Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout)).await;
        let carl = account(&fresh.db, "carl", Role::User).await;
        let guest = edge.test.made("web").await;
        let operation = operations(&fresh.db).await.first().expect("it was created").id;
        walk::group(&fresh.db).await;
        let fill = |text: &str| walk::fill(text, guest, operation, carl.account.id);
        let client = edge.signed_in("root").await;
        let ask = async |client: &Client, row: &walk::Row| {
            let (method, path, body, _) = row;
            walk::send(client, method, &fill(path), sent(path, *body), &fill).await.status().as_u16()
        };
        let table = walk::table();

        let (before, told) = (everything(&edge).await, rows(&fresh.db).await);
        for row in table.iter().filter(|(method, path, ..)| reads(method, path)) {
            ask(&client, row).await;
        }
        assert_eq!(everything(&edge).await, before, "what only asks changes nothing");
        assert_eq!(rows(&fresh.db).await, told, "and leaves no row");

        let mut silent = Vec::new();
        let changes = |(method, path, ..): &&walk::Row| {
            !reads(method, path) && !NOTHING_TRIED.contains(path) && (method, *path) != (&IN_PIECES.0, IN_PIECES.1)
        };
        for row in table.iter().filter(changes) {
            let before = rows(&fresh.db).await.len();
            // Signed in again where the last one has signed out.
            let client = edge.signed_in("root").await;
            let status = ask(&client, row).await;
            let left = rows(&fresh.db).await.split_off(before + 1);
            let allowed = left.iter().any(|row| row.outcome == "allowed");
            // One for the sign-in.
            if left.is_empty() || (status < 400) != allowed {
                silent.push(format!("{} {}: {status}, {left:?}", row.0, row.1));
            }
        }
        assert!(silent.is_empty(), "{}", silent.join("\n"));

        let stranger = edge.signed_in("berta").await;
        for action in ["start", "shut-down", "kill", "restart", "pause", "resume", "start-shell", "reset", "undelete", "purge"] {
            let path = format!("/api/v1/guests/{guest}/{action}");
            let answer = stranger.request(Method::POST, &path).send().await.expect("an answer");
            let row = rows(&fresh.db).await.pop().expect("a row");
            assert_eq!((answer.status().as_u16(), row.outcome.as_str(), row.name.as_str()), (404, "refused", "berta"));
            assert_eq!((row.reason.as_str(), row.via.as_str(), row.address.as_str()), ("There is no such guest.", "api", "127.0.0.1"));
            assert_eq!(row.object, guest.to_string());
        }
        for (path, change) in [("kernels/debian-6.1", r#"{"retired":true}"#), ("images/tiny-5", r#"{"deprecated":true}"#)] {
            let change = client.request(Method::PATCH, &format!("/api/v1/{path}")).body(change);
            change.header("content-type", "application/json").send().await.expect("an answer");
        }

        let all = rows(&fresh.db).await;
        let seen: BTreeSet<&str> = all.iter().map(|row| row.action.as_str()).collect();
        let known: BTreeSet<&str> = AuditAction::ALL.iter().map(|action| action.word()).collect();
        let elsewhere = BTreeSet::from(["audit_trim", "console_open", "first_run", "first_run_link", "oidc_link", "oidc_open", "panel_backup", "panel_restore"]);
        assert_eq!(known.difference(&seen).copied().collect::<BTreeSet<_>>(), elsewhere, "never left");
        assert!(verify(&fresh.db, None).await.expect("a whole chain").rows > 100);
        let berta = format!("/api/v1/people/{}/password", edge.berta.account.id);
        let reset = client.request(Method::POST, &berta).send().await;
        let first: umbel_client::FirstPassword = reset.expect("an answer").json().await.expect("a password");
        let text = format!("{:?}", rows(&fresh.db).await);
        for secret in [PASSWORD, first.password.as_str()] {
            assert!(!text.contains(secret), "{secret}");
        }
    }

    async fn coming_in_and_going_out_leave_rows(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.client();
        client.sign_in("anna", "a wrong one").await.expect_err("refused");
        client.sign_in("nobody", "a wrong one").await.expect_err("refused");
        client.sign_in("My Secret!", "a wrong one").await.expect_err("refused");
        client.sign_in("Anna ", PASSWORD).await.expect("the right password");
        client.request(Method::DELETE, "/api/v1/session").send().await.expect("an answer");
        let told: Vec<(String, String, String)> =
            rows(&fresh.db).await.into_iter().map(|row| (row.action, row.name, row.outcome)).collect();
        let row = |action: &str, name: &str, outcome: &str| (action.to_owned(), name.to_owned(), outcome.to_owned());
        assert_eq!(told, [
            row("sign_in", "anna", "refused"),
            row("sign_in", "nobody", "refused"),
            row("sign_in", "(not a name)", "refused"),
            row("sign_in", "anna", "allowed"),
            row("sign_out", "anna", "allowed"),
        ]);
        assert_eq!(rows(&fresh.db).await[3].account, Some(edge.test.anna.account.id.to_string()));
        for _ in 0..30 {
            client.sign_in("nobody", "a wrong one").await.expect_err("refused");
        }
        let tries = rows(&fresh.db).await.into_iter().filter(|row| row.name == "nobody");
        let reasons: Vec<String> = tries.map(|row| row.reason).collect();
        let unchecked = reasons.iter().filter(|reason| reason.starts_with("Too many")).count();
        assert!((1..=2).contains(&unchecked), "{reasons:?}");
    }

    async fn a_console_that_is_opened_or_refused_leaves_a_row(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let path = format!("/api/v1/guests/{guest}/console");
        let before = rows(&fresh.db).await.len();
        edge.signed_in("berta").await.socket(&path).await.expect_err("not hers");
        let socket = edge.signed_in("anna").await.socket(&path).await.expect("a socket");
        drop(socket);
        let told: Vec<(String, String, String, String)> = rows(&fresh.db).await.into_iter().skip(before)
            .filter(|row| row.action == "console_open")
            .map(|row| (row.name, row.object, row.object_name, row.outcome)).collect();
        assert_eq!(told, [
            ("berta".into(), guest.to_string(), String::new(), "refused".into()),
            ("anna".into(), guest.to_string(), "web".into(), "allowed".into()),
        ]);
    }
}

both! {
    async fn rows_are_found_a_page_at_a_time_and_exported(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for i in 0..120 {
            let what = What::new(if i % 2 == 0 { AuditAction::GuestStart } else { AuditAction::GuestKill }, AuditKind::Guest);
            let done = if i % 3 == 0 { Err(AppError::not_found("guest")) } else { Ok(()) };
            edge.panel.audit.note(who(if i < 60 { "eve" } else { "=1+1" }), what.of(i).named("web"), &done).await.expect("a row");
        }
        let client = edge.signed_in("root").await;
        let get = async |query: &str| {
            let answer = client.request(Method::GET, &format!("/api/v1/audit{query}")).send().await.expect("an answer");
            (answer.status().as_u16(), answer.text().await.expect("a body"))
        };
        let found = async |query: &str| {
            let (status, text) = get(query).await;
            assert_eq!(status, 200, "{query}: {text}");
            serde_json::from_str::<umbel_app::shown::AuditPage>(&text).expect("a page")
        };
        let (mut numbers, mut next) = (Vec::new(), String::new());
        loop {
            let page = found(&format!("?who=eve&before={next}&limit=25")).await;
            assert!(page.rows.len() <= 25 && page.rows.iter().all(|row| row.name == "eve"));
            numbers.extend(page.rows.iter().map(|row| row.number));
            match page.next {
                Some(number) => next = number.to_string(),
                None => break,
            }
        }
        assert_eq!(numbers, (1..=60).rev().collect::<Vec<_>>());
        assert_eq!(found("?action=guest_kill&outcome=refused&limit=1000").await.rows.len(), 20);
        assert_eq!(found("?object=7").await.rows.len(), 1);
        assert_eq!(found("?object=web").await.rows.len(), 50);
        assert_eq!(found("?to=2000-01-01").await.rows.len(), 0);
        assert_eq!(found("?from=2000-01-01&to=2999-01-01&action=sign_in").await.rows.len(), 1);
        for query in ["?action=x", "?outcome=x", "?from=x", "?before=x", "?limit=0", "?limit=1001", "?x=1"] {
            assert_eq!(get(query).await.0, 422, "{query}");
        }
        let (_, lines) = get("/export?who=eve").await;
        let read: Vec<AuditShown> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert_eq!(read.iter().map(|row| row.number).collect::<Vec<_>>(), numbers);
        let (_, csv) = get("/export?format=csv&who=%3D1%2B1").await;
        assert_eq!(csv.lines().count(), 61, "{csv}");
        assert!(csv.lines().skip(1).all(|line| line.contains(",\"'=1+1\",")), "{csv}");
    }
}

#[test]
fn what_is_known_elsewhere_is_a_number_and_a_hash() {
    let hash = "a".repeat(64);
    let known: umbel_server::audit::commands::Known = format!("7:{hash}").parse().expect("as it was printed");
    assert_eq!(known.0, Checkpoint { number: 7, hash });
    assert!("7:abc".parse::<umbel_server::audit::commands::Known>().is_err());
}
