//! Links between accounts and those whom a provider vouches for.

use umbel_guest::AccountId;

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcLink {
    pub issuer: String,
    pub subject: String,
    pub account: AccountId,
    pub created_at: i64,
    /// The account was opened by it and has no password that anybody knows.
    pub opened: bool,
}

fn link(row: &Row) -> Result<OidcLink, StoreError> {
    Ok(OidcLink {
        issuer: row.get("issuer")?,
        subject: row.get("subject")?,
        account: row.parse("account")?,
        created_at: row.get("created_at")?,
        opened: row.get("opened")?,
    })
}

/// Fails with [`StoreError::Duplicate`] where either side is linked already.
pub async fn oidc_link_insert(on: impl Into<On<'_>>, link: &OidcLink) -> Result<(), StoreError> {
    let insert = "INSERT INTO oidc_links (issuer, subject, account, created_at, opened) VALUES ($1, $2, $3, $4, $5)";
    sql("oidc_link_insert", insert)
        .bind(link.issuer.as_str())
        .bind(link.subject.as_str())
        .bind(link.account)
        .bind(link.created_at)
        .bind(link.opened)
        .run(on)
        .await?;
    Ok(())
}

pub async fn oidc_link_fetch(
    on: impl Into<On<'_>>,
    issuer: &str,
    subject: &str,
) -> Result<Option<OidcLink>, StoreError> {
    let select =
        "SELECT issuer, subject, account, created_at, opened FROM oidc_links WHERE issuer = $1 AND subject = $2";
    let row = sql("oidc_link_fetch", select).bind(issuer).bind(subject).one(on).await?;
    row.as_ref().map(link).transpose()
}

pub async fn oidc_link_fetch_of(on: impl Into<On<'_>>, account: AccountId) -> Result<Option<OidcLink>, StoreError> {
    let select = "SELECT issuer, subject, account, created_at, opened FROM oidc_links WHERE account = $1";
    sql("oidc_link_fetch_of", select).bind(account).one(on).await?.as_ref().map(link).transpose()
}

/// Whether there was one.
pub async fn oidc_link_delete(on: impl Into<On<'_>>, account: AccountId) -> Result<bool, StoreError> {
    Ok(sql("oidc_link_delete", "DELETE FROM oidc_links WHERE account = $1").bind(account).run(on).await? == 1)
}
