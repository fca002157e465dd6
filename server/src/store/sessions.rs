//! Sessions: where somebody is signed in. The id is a SHA-256 of what the cookie holds.

use umbel_guest::AccountId;

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 in hexadecimal.
    pub id: String,
    /// None until somebody has signed in.
    pub account: Option<AccountId>,
    /// What the session library keeps, as JSON.
    pub data: String,
    pub address: String,
    pub user_agent: String,
    pub created_at: i64,
    pub last_seen_at: i64,
    pub expires_at: i64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("account", &self.account).finish_non_exhaustive()
    }
}

fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.get("id")?,
        account: row.parse_option("account")?,
        data: row.get("data")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
        created_at: row.get("created_at")?,
        last_seen_at: row.get("last_seen_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Fails with [`StoreError::Duplicate`] where the id is taken.
pub async fn session_insert(on: impl Into<On<'_>>, session: &Session) -> Result<(), StoreError> {
    let insert = "INSERT INTO sessions (id, account, data, address, user_agent, created_at, last_seen_at, expires_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sql("session_insert", insert)
        .bind(session.id.as_str())
        .bind(session.account)
        .bind(session.data.as_str())
        .bind(session.address.as_str())
        .bind(session.user_agent.as_str())
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.expires_at)
        .run(on)
        .await?;
    Ok(())
}

/// Writes what may change, and tells whether the session still exists: one that was ended stays so.
pub async fn session_update(
    on: impl Into<On<'_>>,
    id: &str,
    account: Option<AccountId>,
    data: &str,
) -> Result<bool, StoreError> {
    let update = "UPDATE sessions SET account = $1, data = $2 WHERE id = $3";
    Ok(sql("session_update", update).bind(account).bind(data).bind(id).run(on).await? == 1)
}

/// Unless it has expired at `now`.
pub async fn session_fetch(on: impl Into<On<'_>>, id: &str, now: i64) -> Result<Option<Session>, StoreError> {
    let select = "SELECT id, account, data, address, user_agent, created_at, last_seen_at, expires_at FROM sessions \
                  WHERE id = $1 AND expires_at > $2";
    sql("session_fetch", select).bind(id).bind(now).one(on).await?.as_ref().map(session).transpose()
}

pub async fn session_touch(
    on: impl Into<On<'_>>,
    id: &str,
    last_seen_at: i64,
    expires_at: i64,
) -> Result<(), StoreError> {
    let update = "UPDATE sessions SET last_seen_at = $1, expires_at = $2 WHERE id = $3";
    sql("session_touch", update).bind(last_seen_at).bind(expires_at).bind(id).run(on).await?;
    Ok(())
}

/// Those of an account that have not expired at `now`, last seen first.
pub async fn session_list(on: impl Into<On<'_>>, account: AccountId, now: i64) -> Result<Vec<Session>, StoreError> {
    let select = "SELECT id, account, data, address, user_agent, created_at, last_seen_at, expires_at FROM sessions \
                  WHERE account = $1 AND expires_at > $2 ORDER BY last_seen_at DESC, id";
    sql("session_list", select).bind(account).bind(now).all(on).await?.iter().map(session).collect()
}

/// All sessions that let somebody in at `now`: id, and how often what their account may do has changed.
pub async fn session_list_live(on: impl Into<On<'_>>, now: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let select = "SELECT sessions.id AS id, accounts.rights AS rights FROM sessions JOIN accounts ON accounts.id = sessions.account \
                  WHERE accounts.state = $1 AND sessions.expires_at > $2 \
                  AND (accounts.expires_at IS NULL OR accounts.expires_at > $2)";
    let rows = sql("session_list_live", select).bind("active").bind(now).all(on).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("rights")?))).collect()
}

/// Whether there was such a session.
pub async fn session_delete(on: impl Into<On<'_>>, id: &str) -> Result<bool, StoreError> {
    Ok(sql("session_delete", "DELETE FROM sessions WHERE id = $1").bind(id).run(on).await? == 1)
}

/// Whether there was such a session of that account.
pub async fn session_delete_of(on: impl Into<On<'_>>, id: &str, account: AccountId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM sessions WHERE id = $1 AND account = $2";
    Ok(sql("session_delete_of", delete).bind(id).bind(account).run(on).await? == 1)
}

/// All of an account but the one with the id `but`; gives the ids of those that are gone.
pub async fn session_delete_all(
    on: impl Into<On<'_>>,
    account: AccountId,
    but: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let delete = "DELETE FROM sessions WHERE account = $1 AND id <> $2 RETURNING id";
    let query = sql("session_delete_all", delete).bind(account).bind(but.unwrap_or_default());
    query.run_all(on).await?.iter().map(|row| row.get("id")).collect()
}

/// Forgets what has expired at `now`; gives how many.
pub async fn session_purge(on: impl Into<On<'_>>, now: i64) -> Result<u64, StoreError> {
    sql("session_purge", "DELETE FROM sessions WHERE expires_at <= $1").bind(now).run(on).await
}
