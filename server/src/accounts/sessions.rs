//! Sessions in the database, for the session library. The row's id is a SHA-256 of what the cookie
//! holds; account, address and user agent are columns too, so that sign-ins can be listed and ended.

use async_trait::async_trait;
use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use umbel_guest::AccountId;

use crate::clock::{Clock, DAY, HOUR, MINUTE};
use crate::error::chain;
use crate::hex::sha256_hex;
use crate::store::accounts::account_fetch;
use crate::store::sessions::{Session, session_delete, session_fetch, session_insert, session_touch, session_update};
use crate::store::{Db, StoreError};

/// Key of the [`AccountId`] that has signed in.
pub const ACCOUNT: &str = "account";
/// Key of the [`HalfIn`](super::HalfIn) of who owes a code; no [`ACCOUNT`] is there then.
pub const HALF: &str = "half";
/// Key of when its owner last proved who they are, in µs since the epoch.
pub const CONFIRMED: &str = "confirmed";
/// Key of when the sign-in provider stood for the password; a code is owed then.
pub const HALF_CONFIRMED: &str = "half_confirmed";
/// Key of the address that it came from, as text.
pub const ADDRESS: &str = "address";
/// Key of the browser's own name of itself, as text.
pub const USER_AGENT: &str = "user_agent";

/// How long a sign-in lasts at most, in µs; also the right life of the cookie.
pub const MOST: i64 = 30 * DAY;
/// How long it lasts unused.
const IDLE: i64 = 7 * DAY;
/// How long a session lasts in which nobody has signed in.
const NOBODY: i64 = HOUR;
/// A row is written for being seen at most this often.
const TOUCH: i64 = MINUTE;
/// What is kept of a browser's name, in characters.
const USER_AGENT_MOST: usize = 300;

/// What the database and [`Accounts`](super::Accounts) know a session by.
pub fn session_hash(id: &Id) -> String {
    sha256_hex(id.to_string().as_bytes())
}

/// The session library's store.
#[derive(Clone, Debug)]
pub struct SessionRows {
    db: Db,
    clock: Clock,
}

impl SessionRows {
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    fn row(&self, record: &Record) -> Result<Session> {
        let now = self.clock.now();
        let account = account_of(record)?;
        let text = |key| record.data.get(key).and_then(Value::as_str).unwrap_or_default();
        Ok(Session {
            id: session_hash(&record.id),
            account,
            data: data(record)?,
            address: text(ADDRESS).to_owned(),
            user_agent: text(USER_AGENT).chars().filter(|c| !c.is_control()).take(USER_AGENT_MOST).collect(),
            created_at: now,
            last_seen_at: now,
            expires_at: expiry(account.is_some(), now, now),
        })
    }
}

#[async_trait]
impl SessionStore for SessionRows {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let mut row = self.row(record)?;
        loop {
            let mut tx = self.db.begin().await.map_err(failed)?;
            // Somebody who was suspended between the check of the password and now stays outside.
            if let Some(id) = row.account
                && !account_fetch(&mut tx, id)
                    .await
                    .map_err(failed)?
                    .is_some_and(|account| account.state(self.clock.now()).lets_in())
            {
                return Err(Error::Backend("the account was suspended meanwhile".into()));
            }
            match session_insert(&mut tx, &row).await {
                Ok(()) => return tx.commit().await.map_err(failed),
                Err(error) if error.is_duplicate() => {
                    record.id = Id::default();
                    row.id = session_hash(&record.id);
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// One that was ended meanwhile is not brought back: its cookie leads nowhere.
    async fn save(&self, record: &Record) -> Result<()> {
        let id = session_hash(&record.id);
        session_update(&self.db, &id, account_of(record)?, &data(record)?).await.map_err(failed)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now = self.clock.now();
        let Some(mut row) = session_fetch(&self.db, &session_hash(id), now).await.map_err(failed)? else {
            return Ok(None);
        };
        if now - row.last_seen_at >= TOUCH {
            row.expires_at = expiry(row.account.is_some(), row.created_at, now);
            session_touch(&self.db, &row.id, now, row.expires_at).await.map_err(failed)?;
        }
        let data = serde_json::from_str(&row.data).map_err(|error| Error::Decode(error.to_string()))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(row.expires_at) * 1000)
            .map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        session_delete(&self.db, &session_hash(id)).await.map_err(failed)?;
        Ok(())
    }
}

/// Each sight of it puts the end off, up to the most.
fn expiry(signed_in: bool, created_at: i64, now: i64) -> i64 {
    if signed_in { (now + IDLE).min(created_at + MOST) } else { created_at + NOBODY }
}

fn account_of(record: &Record) -> Result<Option<AccountId>> {
    let account = record.data.get(ACCOUNT).map(|value| serde_json::from_value(value.clone()));
    account.transpose().map_err(|error| Error::Encode(error.to_string()))
}

/// Without the id, which is nobody's but the cookie's.
fn data(record: &Record) -> Result<String> {
    serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))
}

fn failed(error: StoreError) -> Error {
    Error::Backend(chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_lives_while_it_is_used_but_not_for_ever() {
        assert_eq!(expiry(true, 0, 0), 7 * DAY);
        assert_eq!(expiry(true, 0, 20 * DAY), 27 * DAY);
        assert_eq!(expiry(true, 0, 29 * DAY), 30 * DAY);
        assert_eq!(expiry(false, 0, HOUR / 2), HOUR);
    }

    #[test]
    fn the_hash_tells_nothing_of_the_id() {
        let id = Id(7);
        let hash = session_hash(&id);
        assert_eq!((hash.len(), hash.contains(&id.to_string())), (64, false));
        assert_ne!(hash, session_hash(&Id(8)));
    }
}
