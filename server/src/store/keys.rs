//! Public keys of accounts, for guests.

use umbel_guest::setup::PublicKey;
use umbel_guest::{AccountId, KeyId};

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub account: AccountId,
    pub name: String,
    pub key: PublicKey,
    /// As ssh-keygen(1) shows it; once for each account.
    pub fingerprint: String,
    pub created_at: i64,
}

fn key(row: &Row) -> Result<Key, StoreError> {
    Ok(Key {
        id: row.parse("id")?,
        account: row.parse("account")?,
        name: row.get("name")?,
        key: row.parse("public_key")?,
        fingerprint: row.get("fingerprint")?,
        created_at: row.get("created_at")?,
    })
}

/// Fails with [`StoreError::Duplicate`] where the account has it.
pub async fn key_insert(on: impl Into<On<'_>>, key: &Key) -> Result<(), StoreError> {
    let insert = "INSERT INTO account_keys (id, account, name, public_key, fingerprint, created_at) \
                  VALUES ($1, $2, $3, $4, $5, $6)";
    sql("key_insert", insert)
        .bind(key.id.to_string())
        .bind(key.account)
        .bind(key.name.as_str())
        .bind(key.key.as_str())
        .bind(key.fingerprint.as_str())
        .bind(key.created_at)
        .run(on)
        .await?;
    Ok(())
}

/// Those of an account, the oldest first.
pub async fn key_list(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<Key>, StoreError> {
    let select = "SELECT id, account, name, public_key, fingerprint, created_at FROM account_keys \
                  WHERE account = $1 ORDER BY created_at, id";
    sql("key_list", select).bind(account).all(on).await?.iter().map(key).collect()
}

/// Whether there was one.
pub async fn key_delete_of(on: impl Into<On<'_>>, key: KeyId, account: AccountId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM account_keys WHERE id = $1 AND account = $2";
    Ok(sql("key_delete_of", delete).bind(key.to_string()).bind(account).run(on).await? > 0)
}
