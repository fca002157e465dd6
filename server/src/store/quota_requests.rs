//! Wishes for more of a quota, and what became of them.

use umbel_app::shown::{QuotaRequestShown, QuotaRequestState};
use umbel_guest::quota::Kind;
use umbel_guest::{AccountId, QuotaRequestId};

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

fn request(row: &Row) -> Result<QuotaRequestShown, StoreError> {
    Ok(QuotaRequestShown {
        id: row.parse("id")?,
        account: row.parse("account")?,
        account_name: row.get("account_name")?,
        kind: row.parse("kind")?,
        wanted: row.number("wanted")?,
        why: row.get("why")?,
        state: row.parse("state")?,
        created_at: row.get("created_at")?,
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT q.id AS id, q.account AS account, a.name AS account_name, q.kind AS kind, q.wanted AS wanted, ",
            "q.why AS why, q.state AS state, q.created_at AS created_at ",
            "FROM quota_requests q JOIN accounts a ON a.id = q.account ",
            $rest
        )
    };
}

pub async fn quota_request_insert(on: impl Into<On<'_>>, request: &QuotaRequestShown) -> Result<(), StoreError> {
    let insert = "INSERT INTO quota_requests (id, account, kind, wanted, why, state, created_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sql("quota_request_insert", insert)
        .bind(request.id.to_string())
        .bind(request.account)
        .bind(request.kind.word())
        .bind(super::quotas::int(request.wanted))
        .bind(request.why.as_str())
        .bind(request.state.word())
        .bind(request.created_at)
        .run(on)
        .await?;
    Ok(())
}

pub async fn quota_request_fetch(
    on: impl Into<On<'_>>,
    id: QuotaRequestId,
) -> Result<Option<QuotaRequestShown>, StoreError> {
    let query = sql("quota_request_fetch", select!("WHERE q.id = $1")).bind(id.to_string());
    query.one(on).await?.as_ref().map(request).transpose()
}

/// Those that wait for a decision, the oldest first.
pub async fn quota_request_list_open(on: impl Into<On<'_>>) -> Result<Vec<QuotaRequestShown>, StoreError> {
    let query = sql("quota_request_list_open", select!("WHERE q.state = 'open' ORDER BY q.created_at, q.id"));
    query.all(on).await?.iter().map(request).collect()
}

/// An account's newest 20, the newest first.
pub async fn quota_request_list_of(
    on: impl Into<On<'_>>,
    account: AccountId,
) -> Result<Vec<QuotaRequestShown>, StoreError> {
    let select = select!("WHERE q.account = $1 ORDER BY q.created_at DESC, q.id DESC LIMIT 20");
    sql("quota_request_list_of", select).bind(account).all(on).await?.iter().map(request).collect()
}

pub async fn quota_request_is_open(on: impl Into<On<'_>>, account: AccountId, kind: Kind) -> Result<bool, StoreError> {
    let select = "SELECT id FROM quota_requests WHERE account = $1 AND kind = $2 AND state = 'open'";
    Ok(sql("quota_request_is_open", select).bind(account).bind(kind.word()).one(on).await?.is_some())
}

/// Whether it was open until now.
pub async fn quota_request_decide(
    on: impl Into<On<'_>>,
    id: QuotaRequestId,
    state: QuotaRequestState,
    at: i64,
    by: &str,
) -> Result<bool, StoreError> {
    let update =
        "UPDATE quota_requests SET state = $1, decided_at = $2, decided_by = $3 WHERE id = $4 AND state = 'open'";
    let query = sql("quota_request_decide", update).bind(state.word()).bind(at).bind(by).bind(id.to_string());
    Ok(query.run(on).await? == 1)
}
