//! Databases of panels of before: opened by the present one, with all that was in them.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use umbel_server::audit::commands::verify;
use umbel_server::quotas::books;
use umbel_server::store::backup::{BackupColumn, Snapshot, TABLES, bring_up, open_at};
use umbel_server::store::db::Address;
use umbel_server::store::{Db, StoreError, accounts, guests};

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
    let after = values(&db, &OF_BEFORE).await;
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
    assert_eq!(names(accounts::account_list(&db).await.expect("every row can be read")), ["ada", "bob", "eve"]);
    assert_eq!(guests::guest_list(&db).await.expect("every row can be read").len(), 4);
    assert_eq!(operations(&db).await.len(), 2);
    assert_eq!(books::wrong(&db).await.expect("a read"), Vec::<String>::new(), "what they hold was reserved");
    assert_eq!(verify(&db, None).await.expect("a chain").rows, 0);
    // The panel lives on it.
    let panel = TestPanel::start(&db).await;
    panel.made("new").await;
    drop(panel);
    db.close().await;
}

#[tokio::test]
async fn a_database_of_before_is_brought_up_on_sqlite() {
    let directory = tempfile::tempdir().expect("a directory");
    let address = Address::within(directory.path());
    let url = format!("sqlite:{}?mode=rwc", directory.path().join("umbel.db").display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a new file");
    sqlx::raw_sql(SQLITE).execute(&mut connection).await.expect("the fixture");
    connection.close().await.expect("a quiet end");
    opens_with_all_that_was_in_it(&address).await;
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
