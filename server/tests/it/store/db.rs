use std::os::unix::fs::PermissionsExt;

use umbel_server::store::db::Address;
use umbel_server::store::query::sql;
use umbel_server::store::{Db, OpenError};

use crate::harness::db::both;

both! {
    /// Read, decide, write: no update is lost, though each decides on what it has read.
    async fn transactions_are_alone(fresh) {
        let other = Db::open(&fresh.address).await.expect("another panel on the same database");
        let write = "INSERT INTO panel (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2";
        let tasks: Vec<_> = (0..16).map(|i| {
            let db = if i % 2 == 0 { fresh.db.clone() } else { other.clone() };
            tokio::spawn(async move {
                let mut tx = db.begin().await.expect("a turn");
                let row = sql("read", "SELECT value FROM panel WHERE key = $1").bind("n").one(&mut tx).await.expect("a read");
                let n: i64 = row.map_or(0, |row| row.parse("value").expect("a number"));
                tokio::task::yield_now().await;
                sql("write", write).bind("n").bind((n + 1).to_string()).run(&mut tx).await.expect("a write");
                tx.commit().await.expect("a commit");
            })
        }).collect();
        for task in tasks {
            task.await.expect("no task fails");
        }
        let row = sql("read", "SELECT value FROM panel WHERE key = $1").bind("n").one(&fresh.db).await.expect("a read");
        assert_eq!(row.expect("it was written").get::<String>("value").expect("text"), "16");
        other.close().await;
    }

    async fn opening_twice_changes_nothing(fresh) {
        Db::open(&fresh.address).await.expect("a second time").close().await;
    }

    async fn a_newer_database_is_refused_by_name(fresh) {
        let row = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   SELECT 9001, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        sql("from the future", row).run(&fresh.db).await.expect("a row");
        let error = Db::open(&fresh.address).await.expect_err("it is newer");
        assert!(matches!(error, OpenError::Newer { database: 9001, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&fresh.address.to_string()) && text.contains("9001"), "{text}");
    }

    async fn an_account_that_is_gone_takes_its_sessions(fresh) {
        let account = "INSERT INTO accounts (id, name, role, password_hash, must_change_password, created_at) \
                       VALUES ('a', 'anna', 'user', '', $1, 0)";
        sql("account", account).bind(true).run(&fresh.db).await.expect("a row");
        let session = "INSERT INTO sessions (id, account, data, address, user_agent, created_at, last_seen_at, expires_at) \
                       VALUES ('s', $1, '', '', '', 0, 0, 0)";
        assert!(sql("session", session).bind("nobody").run(&fresh.db).await.is_err(), "foreign keys are off");
        sql("session", session).bind("a").run(&fresh.db).await.expect("a row");
        sql("gone", "DELETE FROM accounts").run(&fresh.db).await.expect("a deletion");
        assert!(sql("left", "SELECT id FROM sessions").one(&fresh.db).await.expect("a read").is_none());
    }
}

#[tokio::test]
async fn a_write_on_a_reader_fails() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(&Address::within(directory.path())).await.expect("a new database");
    let stray = sql("stray", "INSERT INTO panel (key, value) VALUES ('a', 'b') RETURNING key").one(&db).await;
    assert!(stray.is_err(), "a write went through a reader");
    db.close().await;
}

#[tokio::test]
async fn nobody_else_may_read_the_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(&Address::within(directory.path())).await.expect("a new database");
    for file in ["umbel.db", "umbel.db-wal"] {
        let mode = std::fs::metadata(directory.path().join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    db.close().await;
}

#[tokio::test]
async fn a_directory_that_cant_be_written_is_named() {
    // Not by its mode: tests run as root too.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let error = Db::open(&Address::within(&file.join("data"))).await.expect_err("a file is no directory");
    assert!(matches!(&error, OpenError::NotWritable { path, .. } if *path == file.join("data")), "{error:?}");
    assert!(error.to_string().contains("can't be written"), "{error}");
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let address: Address = "postgres://umbel:secret@127.0.0.1:1/panel".parse().expect("an address");
    let error = Db::open(&address).await.expect_err("nobody listens there");
    let text = format!("{error} {error:?} {address:?}");
    assert!(text.contains("127.0.0.1:1/panel") && !text.contains("secret"), "{text}");
}

#[test]
fn other_addresses_are_refused() {
    for text in ["mysql://a/b", "sqlite:", "umbel.db", "sqlite:a?mode=ro", ""] {
        assert!(matches!(text.parse::<Address>(), Err(OpenError::BadAddress { .. })), "{text:?} was taken");
    }
    assert_eq!("sqlite:///tmp/a.db".parse::<Address>().expect("a path"), Address::Sqlite("/tmp/a.db".into()));
}
