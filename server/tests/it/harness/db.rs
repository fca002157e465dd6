//! A fresh database of each engine.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt as _;
use umbel_server::store::db::Address;
use umbel_server::store::{Db, StoreError, Tx};

use super::postgres;

/// An open database with the newest schema and nothing else in it. `address` opens it once more, as
/// another panel would.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) db: Db,
    pub(crate) address: Address,
}

/// Runs a test on SQLite in a temporary directory.
pub(crate) async fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Fresh) -> F) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let address = Address::within(directory.path());
    let db = Db::open(&address).await.expect("a new database");
    let done = AssertUnwindSafe(test(Fresh { db: db.clone(), address })).catch_unwind().await;
    finish(done, db).await;
}

/// Runs a test on a database of its own in the PostgreSQL of this binary.
pub(crate) async fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Fresh) -> F) {
    let (address, name) = postgres::create().await;
    let db = Db::open(&address).await.expect("a new database");
    let done = AssertUnwindSafe(test(Fresh { db: db.clone(), address })).catch_unwind().await;
    postgres::remove(&name).await;
    finish(done, db).await;
}

async fn finish(done: Result<(), Box<dyn Any + Send>>, db: Db) {
    db.close().await;
    if let Err(panic) = done {
        resume_unwind(panic);
    }
}

/// One change in a transaction of its own.
pub(crate) async fn alone<T>(
    db: &Db,
    change: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut tx = db.begin().await?;
    let done = change(&mut tx).await?;
    tx.commit().await?;
    Ok(done)
}

/// Each test of the block as two, `<name>::sqlite` and `<name>::postgres`. A test is an `async fn`
/// that takes a [`Fresh`].
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($fresh:ident $(: $type:ty)?) $body:block)+) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn body($fresh: crate::harness::db::Fresh) $body

                #[tokio::test]
                async fn sqlite() {
                    crate::harness::db::on_sqlite(body).await;
                }

                #[tokio::test]
                async fn postgres() {
                    crate::harness::db::on_postgres(body).await;
                }
            }
        )+
    };
}

pub(crate) use both;
