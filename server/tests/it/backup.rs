//! The panel's own state in a file: that all of it comes back on either engine, and nothing of a file that isn't whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};
use umbel_app::backend::Came;
use umbel_app::shown::{AuditAction, AuditKind, ShareDraft};
use umbel_client::Client;
use umbel_guest::GuestRight;
use umbel_server::audit::{Audit, What, Who};
use umbel_server::backup::{BackupError, restore, write};
use umbel_server::clock::Clock;
use umbel_server::quotas::books;
use umbel_server::store::backup::{LEFT_OUT, TABLES, is_used};
use umbel_server::store::db::Address;
use umbel_server::store::guests::guest_fetch;
use umbel_server::store::query::sql;
use umbel_server::store::{Db, meta};

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::TestPanel;
use crate::harness::postgres;
use crate::harness::program::Umbel;

fn who() -> Who {
    Who::named("tester", Came::default())
}

/// A backup of a small panel, as text.
pub(crate) async fn taken(db: &Db, directory: &Path) -> String {
    let path = directory.join("backup");
    write(db, File::create(&path).expect("a new file"), &path, 7).await.expect("a backup");
    fs::read_to_string(&path).expect("text")
}

/// With the last line that it would have by right.
pub(crate) fn sealed(lines: &[&str]) -> String {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let hash: String = Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect();
    let rows = lines.iter().filter(|line| line.starts_with('[')).count();
    format!("{text}{{\"rows\":{rows},\"sha256\":\"{hash}\"}}\n")
}

pub(crate) async fn restored(text: &str, to: &Address, directory: &Path) -> Result<(), BackupError> {
    let path = directory.join("given");
    fs::write(&path, text).expect("a file");
    restore(&mut File::open(&path).expect("just written"), &path, to, who()).await.map(drop)
}

/// Rows of a backup, but for tables that go on by themselves.
fn rows(text: &str) -> BTreeSet<String> {
    let mut table = String::new();
    let mut rows = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(r#"{"table":""#) {
            table = rest.split('"').next().unwrap_or_default().to_owned();
        } else if line.starts_with('[') && !["panel", "audit", "audit_pending"].contains(&table.as_str()) {
            rows.insert(format!("{table} {line}"));
        }
    }
    rows
}

both! {
    async fn what_was_there_under_load_is_there_elsewhere_and_the_panel_starts_on_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let draft = ShareDraft { name: "berta".into(), rights: vec![GuestRight::Power] };
        edge.test.guests.share_put(&edge.test.anna, guest, draft).await.expect("the owner shares");
        let anna = edge.signed_in("anna").await;
        let token = anna.token_create("program", &["read"], 30).await.expect("made").token;

        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("backup");
        let under_way = std::sync::Arc::new(AtomicBool::new(true));
        let load = tokio::spawn({
            let (audit, under_way) = (Audit::new(fresh.db.clone(), Clock::System), under_way.clone());
            async move {
                while under_way.load(Ordering::Relaxed) {
                    let what = What::new(AuditAction::GuestStart, AuditKind::Guest);
                    audit.note(who(), what, &Ok(())).await.expect("a row");
                }
            }
        });
        let umbel = Umbel::on(&fresh.address);
        let name = file.to_str().expect("text").to_owned();
        let output = tokio::task::spawn_blocking(move || umbel.output(&["backup", &name])).await.expect("no panic");
        under_way.store(false, Ordering::Relaxed);
        load.await.expect("nobody waits for a backup");
        assert!(output.status.success(), "{output:?}");
        let text = fs::read_to_string(&file).expect("text");
        assert!(!text.contains(PASSWORD) && !text.contains(&token), "secrets are hashed");

        let (there, database) = postgres::create().await;
        for elsewhere in [Umbel::new(), Umbel::on(&there)] {
            let name = file.to_str().expect("text").to_owned();
            let (elsewhere, output) = tokio::task::spawn_blocking(move || {
                let output = elsewhere.output(&["restore", &name]);
                (elsewhere, output)
            }).await.expect("no panic");
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            let panel = elsewhere.serve();
            let client = Client::new(panel.origin()).expect("an address");
            client.sign_in("anna", PASSWORD).await.expect("her password of then");
            let program = Client::with_token(panel.origin(), &token).expect("a token");
            assert_eq!(program.guest_fetch(guest).await.expect("tokens go on").name.as_str(), "web");
            drop(panel);
            assert!(elsewhere.output(&["audit", "verify"]).status.success(), "the chain goes on");
            assert!(elsewhere.refused(&["restore", file.to_str().expect("text")]).contains("is not empty"));
        }
        let db = Db::open(&there).await.expect("restored");
        let sessions = sql("sessions", "SELECT COUNT(*) AS n FROM sessions").one(&db).await.expect("a read");
        assert_eq!(sessions.expect("a row").get::<i64>("n").expect("a number"), 1, "sign-ins of then have ended");
        assert_eq!(books::wrong(&db).await.expect("a read"), Vec::<String>::new());
        assert_eq!(meta::panel_epoch(&db).await.expect("a number"), 2, "newer than all that the agent has heard");
        let row = guest_fetch(&db, guest).await.expect("a read").expect("restored");
        assert_eq!(row.generation.epoch, 2, "{row:?}");
        db.close().await;
        postgres::remove(&database).await;
    }

    async fn every_row_comes_back_as_it_was(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.made("web").await;
        drop(panel);
        let directory = tempfile::tempdir().expect("a directory");
        let text = taken(&fresh.db, directory.path()).await;
        assert!(rows(&text).len() > 20, "{text}");
        let (there, database) = postgres::create().await;
        for to in [Address::within(&directory.path().join("new")), there] {
            restored(&text, &to, directory.path()).await.expect("restored");
            let db = Db::open(&to).await.expect("restored");
            let again = taken(&db, directory.path()).await;
            assert_eq!(rows(&again), rows(&text), "{to}");
            db.close().await;
        }
        postgres::remove(&database).await;
    }

    async fn no_table_is_forgotten(fresh) {
        let select = match fresh.db {
            Db::Sqlite { .. } => "SELECT name FROM sqlite_master WHERE type = 'table'",
            Db::Postgres(_) => "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables \
                WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
        };
        let found = sql("tables", select).all(&fresh.db).await.expect("a list");
        let found: BTreeSet<String> = found.iter().map(|row| row.get("name").expect("text")).collect();
        let known = TABLES.iter().chain(LEFT_OUT).chain(&["_sqlx_migrations"]).map(|name| (*name).to_owned());
        assert_eq!(found, known.collect(), "a new table is named in server/src/store/backup.rs");
    }

    // A right checksum, and rows that the schema refuses.
    async fn rows_that_dont_fit_leave_nothing_behind(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.made("web").await;
        let directory = tempfile::tempdir().expect("a directory");
        let text = taken(&fresh.db, directory.path()).await;
        let mut in_accounts = false;
        let without: Vec<&str> = text.lines().filter(|line| {
            if line.starts_with(r#"{"table""#) {
                in_accounts = line.contains(r#""accounts""#);
            }
            !(line.starts_with(r#"{"rows""#) || (in_accounts && line.starts_with('[')))
        }).collect();
        let (there, database) = postgres::create().await;
        let here = Address::within(&directory.path().join("new"));
        for to in [&here, &there] {
            let error = restored(&sealed(&without), to, directory.path()).await.expect_err("a guest without its owner");
            assert!(matches!(error, BackupError::Store(_)), "{error}");
        }
        assert_eq!(fs::read_dir(directory.path().join("new")).expect("a directory").count(), 0);
        let db = Db::open(&there).await.expect("as empty as before");
        assert!(!is_used(&db).await.expect("a read"));
        db.close().await;
        restored(&text, &there, directory.path()).await.expect("the next one is not in its way");
        postgres::remove(&database).await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_whole_restores_nothing_and_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = Db::open(&Address::within(directory.path())).await.expect("a new database");
    meta::panel_epoch(&db).await.expect("a row");
    let text = taken(&db, directory.path()).await;
    let lines: Vec<&str> = text.lines().collect();
    let to = Address::within(&directory.path().join("new"));
    let newer = sealed(&[&lines[0].replace(r#""umbel_backup":1"#, r#""umbel_backup":2"#)]);
    let migration = lines[0].replace(r#""migration":"#, r#""migration":9"#);
    let short = text.lines().filter(|line| !line.starts_with('[')).map(|line| format!("{line}\n")).collect::<String>();
    for (given, why) in [
        (String::new(), "it is empty"),
        ("PK\u{3}\u{4} something else\n".into(), "is no backup of Umbel"),
        ("{\"a\":1}\n".into(), "is no backup of Umbel"),
        (newer, "is of a newer Umbel (0.1.0)"),
        (sealed(&[&migration]), "is of a newer Umbel (0.1.0)"),
        (text.replacen("panel", "qanel", 1), "its checksum is another"),
        (short, "its checksum is another"),
        (lines[..lines.len() - 1].join("\n"), "its end is missing"),
        (text[..text.len() / 2].to_owned(), "damaged"),
        (format!("{text}more\n"), "something stands behind its end"),
        (sealed(&[lines[0], "what"]), "line 2 is nothing that a backup has"),
        (sealed(&[lines[0], "[1]"]), "a row is not of its table"),
        (sealed(&[lines[0], r#"{"table":"panel; DROP TABLE x","columns":[]}"#]), "restore failed"),
    ] {
        let error = restored(&given, &to, directory.path()).await.expect_err(why).to_string();
        assert!(error.contains(why), "{error}, not {why}");
        let left = fs::read_dir(directory.path().join("new")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{why}");
    }
    restored(&text, &to, directory.path()).await.expect("the whole one");
    db.close().await;
}

#[test]
fn a_backup_replaces_no_file_and_leaves_none_where_it_fails() {
    let umbel = Umbel::new();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("backup");
    let name = file.to_str().expect("text");
    assert!(umbel.refused(&["backup", name]).contains("there is no database"));
    assert!(!file.exists());
    drop(umbel.serve());
    assert!(umbel.output(&["backup", name]).status.success());
    assert!(umbel.refused(&["backup", name]).contains("exists"));
    assert_eq!(fs::metadata(&file).map(|there| std::os::unix::fs::MetadataExt::mode(&there) & 0o777).ok(), Some(0o600));
}
