//! All rows of all tables, out of one moment of a database and into an empty one; for `backup` alone. Names of
//! columns and what they hold are the database's own word, so a new column is in a backup without a line here.

use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Column as _, ColumnIndex, Decode, Row as _, Type, TypeInfo as _};

use super::StoreError;
use super::db::{Address, Db, Tx};
use super::error::OpenError;
use super::migrate;
use super::query::sql;

/// Every table whose rows are part of a backup; what a row refers to comes before it.
pub const TABLES: &[&str] = &[
    "panel",
    "hosts",
    "accounts",
    "guests",
    "operations",
    "operation_steps",
    "operation_log",
    "networks",
    "forwards",
    "snapshots",
    "kernels",
    "images",
    "audit",
    "audit_checkpoints",
    "audit_pending",
    "tokens",
    "quota_roles",
    "quota_accounts",
    "reservations",
    "quota_totals",
    "quota_requests",
    "guest_shares",
    "account_groups",
    "group_members",
    "second_factors",
    "recovery_codes",
    "usage_days",
    "traffic_counted",
    "invitations",
    "webhooks",
    "oidc_links",
    "account_keys",
    "snapshot_plans",
    "backup_plans",
    "guest_backups",
    "volumes",
    "volume_attachments",
];

/// Tables that are left out: who is signed in where the backup is taken is nobody where it is restored, what was
/// asked there a moment ago is not asked again here, and what waited to be sent there was sent since.
pub const LEFT_OUT: &[&str] = &["sessions", "idempotency_keys", "webhook_deliveries", "alerts"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Text,
    Bigint,
    Boolean,
}

/// A column by its name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BackupColumn(pub String, pub Kind);

/// The newest migration that a database has; `None` where it has no schema.
pub async fn schema_version(db: &Db) -> Result<Option<i64>, StoreError> {
    let exists = match db {
        Db::Sqlite { .. } => "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'",
        Db::Postgres(_) => {
            "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = current_schema() \
             AND table_name = '_sqlx_migrations'"
        }
    };
    let there: i64 = sql("schema_version", exists).one(db).await?.map_or(Ok(0), |row| row.get("n"))?;
    if there == 0 {
        return Ok(None);
    }
    let row = sql("schema_version", "SELECT MAX(version) AS version FROM _sqlx_migrations").one(db).await?;
    row.map_or(Ok(None), |row| row.get("version"))
}

/// Whether somebody's panel has begun here.
pub async fn is_used(db: &Db) -> Result<bool, StoreError> {
    let select =
        "SELECT (SELECT COUNT(*) FROM panel) + (SELECT COUNT(*) FROM hosts) + (SELECT COUNT(*) FROM accounts) AS n";
    let rows: i64 = sql("is_used", select).one(db).await?.map_or(Ok(0), |row| row.get("n"))?;
    Ok(rows > 0)
}

/// A database with the schema of back then and nothing newer.
pub async fn open_at(address: &Address, version: i64) -> Result<Db, OpenError> {
    let db = Db::connect(address).await?;
    match migrate::run_to(&db, address, version).await {
        Ok(()) => Ok(db),
        Err(error) => {
            db.close().await;
            Err(error)
        }
    }
}

/// The rest of the schema.
pub async fn bring_up(db: &Db, address: &Address) -> Result<(), OpenError> {
    migrate::run(db, address).await
}

/// Every row as of one moment, whoever writes meanwhile.
#[derive(Debug)]
pub struct Snapshot(Tx);

impl Snapshot {
    pub async fn begin(db: &Db) -> Result<Self, StoreError> {
        let failed = |source| StoreError::of("snapshot", source);
        let tx = match db {
            // Write-ahead logging shows a reader what was there when it first looked.
            Db::Sqlite { read, .. } => Tx::Sqlite(read.begin().await.map_err(failed)?),
            Db::Postgres(pool) => {
                let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Tx::Postgres(pool.begin_with(begin).await.map_err(failed)?)
            }
        };
        Ok(Self(tx))
    }

    /// Rows one by one, in the order of their first column.
    pub async fn table<E: From<StoreError>>(
        &mut self,
        table: &'static str,
        mut each: impl FnMut(&[BackupColumn], Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let text = format!("SELECT * FROM {table} ORDER BY 1");
        macro_rules! rows {
            ($tx:expr) => {{
                let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut **$tx);
                let mut columns = Vec::new();
                while let Some(row) = rows.try_next().await.map_err(|e| StoreError::of("snapshot", e))? {
                    if columns.is_empty() {
                        let named = row.columns().iter().map(|c| column(c.name(), c.type_info().name()));
                        columns = named.collect::<Result<_, _>>()?;
                    }
                    let values = (0..).zip(&columns).map(|(at, column)| value(&row, at, column));
                    each(&columns, values.collect::<Result<_, _>>().map_err(|e| StoreError::of("snapshot", e))?)?;
                }
            }};
        }
        match &mut self.0 {
            Tx::Sqlite(tx) => rows!(tx),
            Tx::Postgres(tx) => rows!(tx),
        }
        Ok(())
    }
}

fn column(name: &str, kind: &str) -> Result<BackupColumn, StoreError> {
    let kind = match kind {
        "TEXT" => Kind::Text,
        "BIGINT" | "INTEGER" | "INT8" => Kind::Bigint,
        "BOOLEAN" | "BOOL" => Kind::Boolean,
        other => {
            let what = format!("column {name} is {other}, which a backup has no word for");
            return Err(StoreError::of("snapshot", sqlx::Error::Protocol(what)));
        }
    };
    Ok(BackupColumn(name.to_owned(), kind))
}

fn value<R: sqlx::Row>(row: &R, at: usize, column: &BackupColumn) -> Result<Value, sqlx::Error>
where
    usize: ColumnIndex<R>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<bool>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(match column.1 {
        Kind::Text => row.try_get::<Option<String>, _>(at)?.into(),
        Kind::Bigint => row.try_get::<Option<i64>, _>(at)?.into(),
        Kind::Boolean => row.try_get::<Option<bool>, _>(at)?.into(),
    })
}

/// Removes what migrations have put in. Only for a name out of a backup whose checksum is right.
pub async fn table_clear(tx: &mut Tx, table: &str) -> Result<(), StoreError> {
    let text = AssertSqlSafe(format!("DELETE FROM {}", safe(table)?));
    let done = match tx {
        Tx::Sqlite(tx) => sqlx::query(text).execute(&mut **tx).await.map(drop),
        Tx::Postgres(tx) => sqlx::query(text).execute(&mut **tx).await.map(drop),
    };
    done.map_err(|source| StoreError::of("table_clear", source))
}

/// How rows get into one table.
#[derive(Debug)]
pub struct Insert {
    text: String,
    kinds: Vec<Kind>,
}

impl Insert {
    pub fn into(table: &str, columns: &[BackupColumn]) -> Result<Self, StoreError> {
        let names: Vec<&str> = columns.iter().map(|column| safe(&column.0)).collect::<Result<_, _>>()?;
        let places: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
        let text = format!("INSERT INTO {} ({}) VALUES ({})", safe(table)?, names.join(", "), places.join(", "));
        Ok(Self { text, kinds: columns.iter().map(|column| column.1).collect() })
    }

    /// `None` where the values aren't those of the columns.
    pub async fn row(&self, tx: &mut Tx, values: &[Value]) -> Result<Option<()>, StoreError> {
        let fits = values.len() == self.kinds.len()
            && values.iter().zip(&self.kinds).all(|(value, kind)| match kind {
                Kind::Text => value.is_string() || value.is_null(),
                Kind::Bigint => value.is_i64() || value.is_null(),
                Kind::Boolean => value.is_boolean() || value.is_null(),
            });
        if !fits {
            return Ok(None);
        }
        macro_rules! put {
            ($tx:expr) => {{
                let mut query = sqlx::query(AssertSqlSafe(self.text.clone()));
                for (value, kind) in values.iter().zip(&self.kinds) {
                    query = match kind {
                        Kind::Text => query.bind(value.as_str().map(str::to_owned)),
                        Kind::Bigint => query.bind(value.as_i64()),
                        Kind::Boolean => query.bind(value.as_bool()),
                    };
                }
                query.execute(&mut **$tx).await.map(drop)
            }};
        }
        let done = match tx {
            Tx::Sqlite(tx) => put!(tx),
            Tx::Postgres(tx) => put!(tx),
        };
        done.map(Some).map_err(|source| StoreError::of("restore", source))
    }
}

/// A name that is nothing but a name.
fn safe(name: &str) -> Result<&str, StoreError> {
    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Ok(name);
    }
    Err(StoreError::of("restore", sqlx::Error::Protocol(format!("{name:?} names no table or column"))))
}
