//! Databases and backups of panels of before: opened by the present one, with all that was in them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use umbel_server::audit::commands::verify;
use umbel_server::quotas::books;
use umbel_server::store::backup::{BackupColumn, LEFT_OUT, Snapshot, TABLES, bring_up, open_at};
use umbel_server::store::db::Address;
use umbel_server::store::{Db, StoreError, accounts, guests};

use crate::backup::{restored, sealed};
use crate::harness::panel::{TestPanel, operations};
use crate::harness::postgres;

const SQLITE: &str = include_str!("fixtures/0002.sqlite.sql");
const POSTGRES: &str = include_str!("fixtures/0002.postgres.sql");
/// The newest migration of both.
const BEFORE: i64 = 2;

/// Every value by table, row and column; a row is known by its values of before.
type Values = BTreeMap<String, Vec<BTreeMap<String, Value>>>;

async fn values(db: &Db, tables: &[&'static str]) -> Values {
    let mut snapshot = Snapshot::begin(db).await.expect("a moment");
    let mut values = Values::new();
    for &table in tables {
        let rows = values.entry(table.to_owned()).or_default();
        let read = snapshot.table::<StoreError>(table, |columns: &[BackupColumn], row| {
            rows.push(columns.iter().map(|column| column.0.clone()).zip(row).collect());
            Ok(())
        });
        read.await.expect("rows");
    }
    values
}

const OF_BEFORE: [&str; 11] = [
    "panel",
    "hosts",
    "accounts",
    "sessions",
    "guests",
    "operations",
    "operation_steps",
    "operation_log",
    "networks",
    "forwards",
    "kernels",
];

async fn opens_with_all_that_was_in_it(address: &Address) {
    let db = open_at(address, BEFORE).await.expect("nothing to do yet");
    let before = values(&db, &OF_BEFORE).await;
    assert!(before.values().all(|rows| !rows.is_empty()), "{before:?}");
    bring_up(&db, address).await.expect("the present schema");
    db.close().await;

    let db = Db::open(address).await.expect("nothing left to do");
    assert_eq!(verify(&db, None).await.expect("a chain").rows, 0);
    has_all_and_a_panel_lives_on_it(&db, before).await;
    db.close().await;
}

async fn has_all_and_a_panel_lives_on_it(db: &Db, before: Values) {
    let after = values(db, &OF_BEFORE).await;
    for (table, rows) in before {
        assert_eq!(rows.len(), after[&table].len(), "{table}");
        for mut row in rows {
            // A flag of before is a word now.
            if let Some(enabled) = row.remove("enabled") {
                let word = if enabled == Value::Bool(true) { "active" } else { "suspended" };
                row.insert("state".to_owned(), word.into());
            }
            let is_kept =
                |now: &BTreeMap<String, Value>| row.iter().all(|(column, value)| now.get(column) == Some(value));
            assert!(after[&table].iter().any(is_kept), "{table} has lost {row:?}");
        }
    }
    assert!(TABLES.len() > OF_BEFORE.len(), "there are new ones");

    let names = |list: Vec<accounts::Account>| list.into_iter().map(|a| a.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(accounts::account_list(db).await.expect("every row can be read")), ["ada", "bob", "eve"]);
    assert_eq!(guests::guest_list(db).await.expect("every row can be read").len(), 4);
    assert_eq!(operations(db).await.len(), 2);
    assert_eq!(books::wrong(db).await.expect("a read"), Vec::<String>::new(), "what they hold was reserved");
    let panel = TestPanel::start(db).await;
    panel.made("new").await;
}

/// Of a database of before, as the panel of then would have written it.
async fn backup_of_before(db: &Db) -> String {
    let head = json!({ "umbel_backup": 1, "migration": BEFORE, "version": "0.1.0", "taken_at": 7 });
    let mut lines = vec![head.to_string()];
    let mut snapshot = Snapshot::begin(db).await.expect("a moment");
    for table in OF_BEFORE.into_iter().filter(|table| !LEFT_OUT.contains(table)) {
        let mut begun = false;
        let read = snapshot.table::<StoreError>(table, |columns: &[BackupColumn], row| {
            if !std::mem::replace(&mut begun, true) {
                lines.push(json!({ "table": table, "columns": columns }).to_string());
            }
            lines.push(Value::from(row).to_string());
            Ok(())
        });
        read.await.expect("rows");
    }
    sealed(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn sqlite_of_before(directory: &Path) -> Address {
    let url = format!("sqlite:{}?mode=rwc", directory.join("umbel.db").display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a new file");
    sqlx::raw_sql(SQLITE).execute(&mut connection).await.expect("the fixture");
    connection.close().await.expect("a quiet end");
    Address::within(directory)
}

#[tokio::test]
async fn a_database_of_before_is_brought_up_on_sqlite() {
    let directory = tempfile::tempdir().expect("a directory");
    opens_with_all_that_was_in_it(&sqlite_of_before(directory.path()).await).await;
}

#[tokio::test]
async fn a_database_of_before_is_brought_up_on_postgres() {
    let (address, name) = postgres::create_empty().await;
    let Address::Postgres(url) = &address else { unreachable!("it is PostgreSQL's") };
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL is running");
    sqlx::raw_sql(POSTGRES).execute(&mut connection).await.expect("the fixture");
    connection.close().await.expect("a quiet end");
    opens_with_all_that_was_in_it(&address).await;
    postgres::remove(&name).await;
}

#[tokio::test]
async fn a_backup_of_before_is_restored_and_brought_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open_at(&sqlite_of_before(directory.path()).await, BEFORE).await.expect("nothing to do yet");
    let (mut before, text) = (values(&db, &OF_BEFORE).await, backup_of_before(&db).await);
    db.close().await;
    // Whoever was signed in is not, and the agent is told of a new epoch.
    before.retain(|table, _| table != "sessions" && table != "panel");
    let (there, name) = postgres::create_empty().await;
    for to in [Address::within(&directory.path().join("new")), there] {
        restored(&text, &to, directory.path()).await.expect("restored");
        let db = Db::open(&to).await.expect("nothing left to do");
        has_all_and_a_panel_lives_on_it(&db, before.clone()).await;
        db.close().await;
    }
    postgres::remove(&name).await;
}
