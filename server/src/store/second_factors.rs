//! Second factors and the codes for who has lost theirs. Whatever uses one up says whether it was there:
//! of several who try the same one at once, one wins.

use umbel_guest::AccountId;

use super::StoreError;
use super::db::{On, Tx};
use super::query::sql;

#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    pub account: AccountId,
    pub sealed: String,
    pub created_at: i64,
    /// None until the first code was right.
    pub confirmed_at: Option<i64>,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("account", &self.account).finish_non_exhaustive()
    }
}

pub async fn second_factor_fetch(
    on: impl Into<On<'_>>,
    account: AccountId,
) -> Result<Option<SecondFactor>, StoreError> {
    let select = "SELECT account, sealed, created_at, confirmed_at FROM second_factors WHERE account = $1";
    let row = sql("second_factor_fetch", select).bind(account).one(on).await?;
    let read = |row: super::query::Row| {
        Ok(SecondFactor {
            account: row.parse("account")?,
            sealed: row.get("sealed")?,
            created_at: row.get("created_at")?,
            confirmed_at: row.get("confirmed_at")?,
        })
    };
    row.map(read).transpose()
}

/// One to be confirmed, in place of an earlier one that was not; false where there is one that was.
pub async fn second_factor_begin(
    on: impl Into<On<'_>>,
    account: AccountId,
    sealed: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let insert = "INSERT INTO second_factors (account, sealed, created_at, confirmed_at, last_step) \
                  VALUES ($1, $2, $3, NULL, 0) ON CONFLICT (account) DO UPDATE SET sealed = excluded.sealed, \
                  created_at = excluded.created_at WHERE second_factors.confirmed_at IS NULL";
    Ok(sql("second_factor_begin", insert).bind(account).bind(sealed).bind(now).run(on).await? == 1)
}

/// Whether it was still the one that `sealed` says, and not confirmed yet. The step of its first code is used.
pub async fn second_factor_confirm(
    tx: &mut Tx,
    account: AccountId,
    sealed: &str,
    now: i64,
    step: i64,
    codes: &[String],
) -> Result<bool, StoreError> {
    let update = "UPDATE second_factors SET confirmed_at = $1, last_step = $2 \
                  WHERE account = $3 AND sealed = $4 AND confirmed_at IS NULL";
    let query = sql("second_factor_confirm", update).bind(now).bind(step).bind(account).bind(sealed);
    if query.run(&mut *tx).await? != 1 {
        return Ok(false);
    }
    for hash in codes {
        let insert = "INSERT INTO recovery_codes (account, hash) VALUES ($1, $2)";
        sql("second_factor_confirm", insert).bind(account).bind(hash.as_str()).run(&mut *tx).await?;
    }
    Ok(true)
}

/// Whether no code of that step or a later one was used before.
pub async fn second_factor_use_step(on: impl Into<On<'_>>, account: AccountId, step: i64) -> Result<bool, StoreError> {
    let update = "UPDATE second_factors SET last_step = $1 \
                  WHERE account = $2 AND last_step < $3 AND confirmed_at IS NOT NULL";
    Ok(sql("second_factor_use_step", update).bind(step).bind(account).bind(step).run(on).await? == 1)
}

/// Whether it was there and wasn't used before.
pub async fn recovery_code_use(on: impl Into<On<'_>>, account: AccountId, hash: &str) -> Result<bool, StoreError> {
    let delete = "DELETE FROM recovery_codes WHERE account = $1 AND hash = $2";
    Ok(sql("recovery_code_use", delete).bind(account).bind(hash).run(on).await? == 1)
}

pub async fn recovery_code_count(on: impl Into<On<'_>>, account: AccountId) -> Result<u32, StoreError> {
    let count = "SELECT COUNT(*) AS n FROM recovery_codes WHERE account = $1";
    let query = sql("recovery_code_count", count).bind(account);
    query.one(on).await?.map_or(Ok(0), |row| row.number("n"))
}

/// With its recovery codes; whether there was one.
pub async fn second_factor_delete(on: impl Into<On<'_>>, account: AccountId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM second_factors WHERE account = $1";
    Ok(sql("second_factor_delete", delete).bind(account).run(on).await? == 1)
}
