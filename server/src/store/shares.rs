//! Guests that are shared: who was given which rights on one that isn't theirs.

use umbel_guest::{AccountId, GuestId, Shares};

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub guest: GuestId,
    pub account: AccountId,
    pub account_name: String,
    pub rights: Shares,
    pub created_at: i64,
}

fn share(row: &Row) -> Result<Share, StoreError> {
    Ok(Share {
        guest: row.parse("guest")?,
        account: row.parse("account")?,
        account_name: row.get("account_name")?,
        rights: row.parse("rights")?,
        created_at: row.get("created_at")?,
    })
}

/// Gives exactly these rights, whatever there was before.
pub async fn share_put(
    on: impl Into<On<'_>>,
    guest: GuestId,
    account: AccountId,
    rights: Shares,
    now: i64,
) -> Result<(), StoreError> {
    let put = "INSERT INTO guest_shares (guest, account, rights, created_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (guest, account) DO UPDATE SET rights = $3";
    sql("share_put", put).bind(guest).bind(account).bind(rights.to_string()).bind(now).run(on).await?;
    Ok(())
}

/// What an account was given on a guest, if anything.
pub async fn share_fetch(
    on: impl Into<On<'_>>,
    guest: GuestId,
    account: AccountId,
) -> Result<Option<Shares>, StoreError> {
    let select = "SELECT rights FROM guest_shares WHERE guest = $1 AND account = $2";
    let row = sql("share_fetch", select).bind(guest).bind(account).one(on).await?;
    row.map(|row| row.parse("rights")).transpose()
}

/// Those of a guest, by name.
pub async fn share_list(on: impl Into<On<'_>>, guest: GuestId) -> Result<Vec<Share>, StoreError> {
    let select = "SELECT s.guest AS guest, s.account AS account, a.name AS account_name, s.rights AS rights, \
                  s.created_at AS created_at FROM guest_shares s JOIN accounts a ON a.id = s.account \
                  WHERE s.guest = $1 ORDER BY a.name";
    sql("share_list", select).bind(guest).all(on).await?.iter().map(share).collect()
}

/// Guests that are shared with an account, and what it may do with each.
pub async fn share_list_with(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<(GuestId, Shares)>, StoreError> {
    let select = "SELECT guest, rights FROM guest_shares WHERE account = $1";
    let rows = sql("share_list_with", select).bind(account).all(on).await?;
    rows.iter().map(|row| Ok((row.parse("guest")?, row.parse("rights")?))).collect()
}

/// Whether there was such a share.
pub async fn share_delete(on: impl Into<On<'_>>, guest: GuestId, account: AccountId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM guest_shares WHERE guest = $1 AND account = $2";
    Ok(sql("share_delete", delete).bind(guest).bind(account).run(on).await? == 1)
}
