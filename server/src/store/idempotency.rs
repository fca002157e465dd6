//! Requests that were asked under a key: what was asked, and what was answered once that is known.

use umbel_guest::AccountId;

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

/// What is remembered of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// A hash of method, address and body.
    pub asked: String,
    pub answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is being carried out, or was when the panel ended.
    NotYet,
    Given {
        status: u16,
        content_type: String,
        body: String,
    },
    /// It holds a secret that is shown once.
    Once {
        status: u16,
    },
}

fn remembered(row: &Row) -> Result<Remembered, StoreError> {
    let (status, body): (Option<i64>, Option<String>) = (row.get("status")?, row.get("body")?);
    let status = status.map(|status| u16::try_from(status).map_err(|e| row.unreadable("status", e))).transpose()?;
    let answer = match (status, body) {
        (None, _) => Answer::NotYet,
        (Some(status), None) => Answer::Once { status },
        (Some(status), Some(body)) => Answer::Given { status, content_type: row.get("content_type")?, body },
    };
    Ok(Remembered { asked: row.get("asked")?, answer })
}

/// Whether the key was free; of several who come at once one takes it.
pub async fn idempotency_take(
    on: impl Into<On<'_>>,
    account: AccountId,
    key: &str,
    asked: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO idempotency_keys (account, idempotency_key, asked, content_type, created_at) \
                  VALUES ($1, $2, $3, '', $4) ON CONFLICT (account, idempotency_key) DO NOTHING";
    Ok(sql("idempotency_take", insert).bind(account).bind(key).bind(asked).bind(now).run(on).await? == 1)
}

pub async fn idempotency_fetch(
    on: impl Into<On<'_>>,
    account: AccountId,
    key: &str,
) -> Result<Option<Remembered>, StoreError> {
    let select = "SELECT asked, status, content_type, body FROM idempotency_keys \
                  WHERE account = $1 AND idempotency_key = $2";
    sql("idempotency_fetch", select).bind(account).bind(key).one(on).await?.as_ref().map(remembered).transpose()
}

/// `body` is none where it holds a secret.
pub async fn idempotency_answer(
    on: impl Into<On<'_>>,
    account: AccountId,
    key: &str,
    status: u16,
    content_type: &str,
    body: Option<String>,
) -> Result<(), StoreError> {
    let update = "UPDATE idempotency_keys SET status = $1, content_type = $2, body = $3 \
                  WHERE account = $4 AND idempotency_key = $5";
    let query = sql("idempotency_answer", update).bind(u32::from(status)).bind(content_type).bind(body);
    query.bind(account).bind(key).run(on).await?;
    Ok(())
}

/// The key is free again: nothing was done.
pub async fn idempotency_free(on: impl Into<On<'_>>, account: AccountId, key: &str) -> Result<(), StoreError> {
    let delete = "DELETE FROM idempotency_keys WHERE account = $1 AND idempotency_key = $2";
    sql("idempotency_free", delete).bind(account).bind(key).run(on).await?;
    Ok(())
}

/// Those that were asked before then; gives how many.
pub async fn idempotency_purge(on: impl Into<On<'_>>, before: i64) -> Result<u64, StoreError> {
    sql("idempotency_purge", "DELETE FROM idempotency_keys WHERE created_at < $1").bind(before).run(on).await
}
