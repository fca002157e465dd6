//! Rows in and out: two engines, one SQL text. Nothing is decided here.
//!
//! [`db`] opens SQLite or PostgreSQL, [`query`] is how a statement is written, then a file per noun.
//!
//! # To add a table
//! 1. Write it into the newest unreleased file of `migrations/sqlite` and the same text into
//!    `migrations/postgres` (a test compares them); once a version is out, add a new file to both
//!    and to the list in [`migrate`].
//! 2. Add `store/<noun>.rs` with the noun's type, one private function that reads it out of a
//!    [`query::Row`], and a function per statement, noun first, verb second:
//!    `pub async fn thing_fetch(on: impl Into<On<'_>>, id: ThingId) -> Result<Option<Thing>, StoreError>`.
//!    [`accounts`] is the example. `on` takes `&db` for one statement by itself and `&mut tx`
//!    (`&mut *tx` for one that is borrowed already) for one of several in a transaction.
//! 3. Name it in [`backup`], behind the tables that it refers to.
//! 4. Test it in `tests/it/store/<noun>.rs` with `both!`, which runs it on both engines.
//!
//! # What both engines understand
//! `$1` placeholders (each bound in order, and repeated ones allowed), `RETURNING`, `ON CONFLICT`,
//! subqueries, `CASE`. Ids are TEXT, times µs since the epoch in a BIGINT, flags BOOLEAN, words and
//! JSON TEXT. Write `CAST(SUM(x) AS BIGINT)` (PostgreSQL's sum is numeric), `ORDER BY` with explicit
//! `NULLS LAST` where there are nulls, no `ANY` and no `FOR UPDATE`: a transaction is alone anyway.

pub mod account_pages;
pub mod accounts;
pub mod audit;
pub mod backup;
pub mod backup_plans;
pub mod db;
pub mod error;
pub mod groups;
pub mod guest_backups;
pub mod guest_pages;
pub mod guests;
pub mod idempotency;
pub mod images;
pub mod invitations;
pub mod kernels;
pub mod keys;
pub mod meta;
pub mod migrate;
pub mod networks;
pub mod oidc;
pub mod operation_pages;
pub mod operations;
pub mod query;
pub mod quota_requests;
pub mod quotas;
pub mod readers;
pub mod second_factors;
pub mod sessions;
pub mod shares;
pub mod snapshots;
pub mod tokens;
pub mod usage;
pub mod volumes;
pub mod webhooks;

pub use db::{Db, On, Tx};
pub use error::{OpenError, StoreError};
