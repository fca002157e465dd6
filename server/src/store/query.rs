//! A statement, its values, and the rows that come back, for whichever engine runs it.
//!
//! ```ignore
//! let row = sql("account_fetch", "SELECT id, name FROM accounts WHERE id = $1").bind(id).one(&db).await?;
//! let name: AccountName = row.parse("name")?;
//! ```

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use umbel_guest::{
    AccountId, BackupId, DeliveryId, GroupId, GuestId, InvitationId, NetworkId, OperationId, SnapshotId, VolumeId,
    WebhookId,
};

use super::db::{Db, On, Tx};
use super::error::StoreError;

/// One value in one of the three shapes that columns have here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Flag(bool),
}

macro_rules! into_value {
    ($($type:ty => |$v:ident| $value:expr),+ $(,)?) => {
        $(impl From<$type> for Value {
            fn from($v: $type) -> Self {
                $value
            }
        })+
    };
}

into_value! {
    &str => |v| Self::Text(Some(v.to_owned())),
    String => |v| Self::Text(Some(v)),
    Option<String> => |v| Self::Text(v),
    i64 => |v| Self::Int(Some(v)),
    u32 => |v| Self::Int(Some(v.into())),
    Option<i64> => |v| Self::Int(v),
    bool => |v| Self::Flag(v),
    AccountId => |v| Self::Text(Some(v.to_string())),
    DeliveryId => |v| Self::Text(Some(v.to_string())),
    GroupId => |v| Self::Text(Some(v.to_string())),
    GuestId => |v| Self::Text(Some(v.to_string())),
    InvitationId => |v| Self::Text(Some(v.to_string())),
    OperationId => |v| Self::Text(Some(v.to_string())),
    NetworkId => |v| Self::Text(Some(v.to_string())),
    BackupId => |v| Self::Text(Some(v.to_string())),
    SnapshotId => |v| Self::Text(Some(v.to_string())),
    VolumeId => |v| Self::Text(Some(v.to_string())),
    WebhookId => |v| Self::Text(Some(v.to_string())),
    Option<AccountId> => |v| Self::Text(v.map(|id| id.to_string())),
    Option<GuestId> => |v| Self::Text(v.map(|id| id.to_string())),
    Option<OperationId> => |v| Self::Text(v.map(|id| id.to_string())),
}

/// A statement with its values, not yet run.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is run"]
pub struct Query {
    operation: &'static str,
    sql: &'static str,
    values: Vec<Value>,
}

/// A statement in the text that both engines understand. `operation` is the name of the store
/// function, which errors name.
pub fn sql(operation: &'static str, sql: &'static str) -> Query {
    Query { operation, sql, values: Vec::new() }
}

macro_rules! bound {
    ($engine:ty, $query:expr) => {{
        let mut query = sqlx::query::<$engine>($query.sql);
        for value in $query.values {
            query = match value {
                Value::Text(v) => query.bind(v),
                Value::Int(v) => query.bind(v),
                Value::Flag(v) => query.bind(v),
            };
        }
        query
    }};
}

/// The one place where a statement meets an engine.
macro_rules! on_engine {
    ($query:ident, $on:expr, $sqlite:ident, |$bound:ident, $at:ident| $run:expr, |$found:ident| $sqlite_out:expr, $postgres_out:expr) => {{
        let operation = $query.operation;
        let done = match $on {
            On::Db(Db::Sqlite { $sqlite: connections, .. }) => match connections.acquire().await {
                Ok(mut held) => {
                    let ($bound, $at) = (bound!(Sqlite, $query), &mut *held);
                    $run.await.map(|$found| $sqlite_out)
                }
                Err(error) => Err(error),
            },
            On::Tx(Tx::Sqlite(tx)) => {
                let ($bound, $at) = (bound!(Sqlite, $query), &mut **tx);
                $run.await.map(|$found| $sqlite_out)
            }
            On::Db(Db::Postgres($at)) => {
                let $bound = bound!(Postgres, $query);
                $run.await.map(|$found| $postgres_out)
            }
            On::Tx(Tx::Postgres(tx)) => {
                let ($bound, $at) = (bound!(Postgres, $query), &mut **tx);
                $run.await.map(|$found| $postgres_out)
            }
        };
        done.map_err(|source| StoreError::of(operation, source))
    }};
}

impl Query {
    /// The next placeholder's value.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The next placeholder's value as JSON text.
    pub fn bind_json(self, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).expect("rows hold plain data, whose maps have text for keys");
        self.bind(text)
    }

    /// Writes, and tells how many rows it changed.
    pub async fn run(self, on: impl Into<On<'_>>) -> Result<u64, StoreError> {
        on_engine!(self, on.into(), write, |q, at| q.execute(at), |done| done.rows_affected(), done.rows_affected())
    }

    /// Writes, and gives the row of its `RETURNING`, if it changed one.
    pub async fn run_one(self, on: impl Into<On<'_>>) -> Result<Option<Row>, StoreError> {
        let operation = self.operation;
        on_engine!(
            self,
            on.into(),
            write,
            |q, at| q.fetch_optional(at),
            |row| row.map(|r| Row { operation, row: EngineRow::Sqlite(r) }),
            row.map(|r| Row { operation, row: EngineRow::Postgres(r) })
        )
    }

    /// Writes, and gives the rows of its `RETURNING`.
    pub async fn run_all(self, on: impl Into<On<'_>>) -> Result<Vec<Row>, StoreError> {
        let operation = self.operation;
        on_engine!(
            self,
            on.into(),
            write,
            |q, at| q.fetch_all(at),
            |rows| rows.into_iter().map(|r| Row { operation, row: EngineRow::Sqlite(r) }).collect(),
            rows.into_iter().map(|r| Row { operation, row: EngineRow::Postgres(r) }).collect()
        )
    }

    /// Reads at most one row.
    pub async fn one(self, on: impl Into<On<'_>>) -> Result<Option<Row>, StoreError> {
        let operation = self.operation;
        on_engine!(
            self,
            on.into(),
            read,
            |q, at| q.fetch_optional(at),
            |row| row.map(|r| Row { operation, row: EngineRow::Sqlite(r) }),
            row.map(|r| Row { operation, row: EngineRow::Postgres(r) })
        )
    }

    /// Reads all rows.
    pub async fn all(self, on: impl Into<On<'_>>) -> Result<Vec<Row>, StoreError> {
        let operation = self.operation;
        on_engine!(
            self,
            on.into(),
            read,
            |q, at| q.fetch_all(at),
            |rows| rows.into_iter().map(|r| Row { operation, row: EngineRow::Sqlite(r) }).collect(),
            rows.into_iter().map(|r| Row { operation, row: EngineRow::Postgres(r) }).collect()
        )
    }
}

/// A row of either engine. Store functions turn it into a noun's type; it goes no further.
#[derive(Debug)]
pub struct Row {
    operation: &'static str,
    row: EngineRow,
}

enum EngineRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl std::fmt::Debug for EngineRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Rows hold password hashes.
        f.write_str(match self {
            Self::Sqlite(_) => "SqliteRow",
            Self::Postgres(_) => "PgRow",
        })
    }
}

/// What a column can be read as: `String`, `i64`, `bool` and `Option`s of them.
pub trait Column: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

impl<T> Column for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

impl Row {
    pub fn get<T: Column>(&self, column: &'static str) -> Result<T, StoreError> {
        match &self.row {
            EngineRow::Sqlite(row) => row.try_get(column),
            EngineRow::Postgres(row) => row.try_get(column),
        }
        .map_err(|e| self.unreadable(column, e))
    }

    /// A text column as an id, a name or a word.
    pub fn parse<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.get::<String>(column)?.parse().map_err(|e: T::Err| self.unreadable(column, e.to_string()))
    }

    /// As [`Row::parse`], of a column that may be null.
    pub fn parse_option<T>(&self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.get::<Option<String>>(column)?;
        text.map(|text| text.parse()).transpose().map_err(|e: T::Err| self.unreadable(column, e.to_string()))
    }

    /// A text column that holds JSON.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.get::<String>(column)?).map_err(|e| self.unreadable(column, e))
    }

    /// A count or a size: a BIGINT that fits.
    pub fn number<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: TryFrom<i64>,
        T::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.get::<i64>(column)?.try_into().map_err(|e: T::Error| self.unreadable(column, e))
    }

    /// For a type whose own check refuses what a column says.
    pub fn unreadable(
        &self,
        column: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Unreadable { operation: self.operation, column, source: source.into() }
    }
}
