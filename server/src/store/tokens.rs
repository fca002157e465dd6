//! Tokens of programs. The id is a SHA-256 of what the program sends.

use umbel_app::shown::Scope;
use umbel_guest::{AccountId, GroupId, GroupName};

use super::StoreError;
use super::accounts::{Account, account, select};
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 in hexadecimal.
    pub id: String,
    pub account: AccountId,
    /// The only one whose guests it is good for, and its name.
    pub group: Option<(GroupId, GroupName)>,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: i64,
    pub expires_at: i64,
    pub last_used_at: Option<i64>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("account", &self.account).finish_non_exhaustive()
    }
}

fn token(row: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.get("id")?,
        account: row.parse("account")?,
        group: row.parse_option("group_id")?.zip(row.parse_option("group_name")?),
        name: row.get("name")?,
        scopes: row.json("scopes")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

/// Fails with [`StoreError::Duplicate`] where the account has one of that name.
pub async fn token_insert(on: impl Into<On<'_>>, token: &Token) -> Result<(), StoreError> {
    let insert = "INSERT INTO tokens (id, account, name, scopes, created_at, expires_at, last_used_at, group_id) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sql("token_insert", insert)
        .bind(token.id.as_str())
        .bind(token.account)
        .bind(token.name.as_str())
        .bind_json(&token.scopes)
        .bind(token.created_at)
        .bind(token.expires_at)
        .bind(token.last_used_at)
        .bind(token.group.as_ref().map(|(group, _)| group.to_string()))
        .run(on)
        .await?;
    Ok(())
}

/// Whosever it is.
pub async fn token_is_there(on: impl Into<On<'_>>, id: &str) -> Result<bool, StoreError> {
    Ok(sql("token_is_there", "SELECT id FROM tokens WHERE id = $1").bind(id).one(on).await?.is_some())
}

/// What a token lets in to, and whom; one statement, as it is asked with every request of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub account: Account,
    pub scopes: Vec<Scope>,
    pub group: Option<GroupId>,
    pub last_used_at: Option<i64>,
}

/// Unless it has expired at `now`, or its account is no more in the group that it is bound to.
pub async fn token_fetch(on: impl Into<On<'_>>, id: &str, now: i64) -> Result<Option<Used>, StoreError> {
    let select = select!(
        ", t.scopes AS scopes, t.group_id AS group_id, t.last_used_at AS last_used_at ",
        "FROM tokens t JOIN accounts ON accounts.id = t.account WHERE t.id = $1 AND t.expires_at > $2 ",
        "AND (t.group_id IS NULL OR t.account IN (SELECT m.account FROM group_members m WHERE m.group_id = t.group_id))"
    );
    let row = sql("token_fetch", select).bind(id).bind(now).one(on).await?;
    row.map(|row| {
        let (scopes, group, last_used_at) =
            (row.json("scopes")?, row.parse_option("group_id")?, row.get("last_used_at")?);
        Ok(Used { account: account(&row)?, scopes, group, last_used_at })
    })
    .transpose()
}

pub async fn token_touch(on: impl Into<On<'_>>, id: &str, now: i64) -> Result<(), StoreError> {
    sql("token_touch", "UPDATE tokens SET last_used_at = $1 WHERE id = $2").bind(now).bind(id).run(on).await?;
    Ok(())
}

/// Those of an account, the newest first; also those that have expired.
pub async fn token_list(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<Token>, StoreError> {
    let select = "SELECT t.id AS id, t.account AS account, t.name AS name, t.scopes AS scopes, t.created_at AS created_at, \
                  t.expires_at AS expires_at, t.last_used_at AS last_used_at, g.id AS group_id, g.name AS group_name \
                  FROM tokens t LEFT JOIN account_groups g ON g.id = t.group_id \
                  WHERE t.account = $1 ORDER BY t.created_at DESC, t.id";
    sql("token_list", select).bind(account).all(on).await?.iter().map(token).collect()
}

/// All that let a program in at `now`: id, and how often what their account may do has changed.
pub async fn token_list_live(on: impl Into<On<'_>>, now: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let select = "SELECT tokens.id AS id, accounts.rights AS rights FROM tokens JOIN accounts ON accounts.id = tokens.account \
                  WHERE accounts.state = $1 AND tokens.expires_at > $2 \
                  AND (accounts.expires_at IS NULL OR accounts.expires_at > $2)";
    let rows = sql("token_list_live", select).bind("active").bind(now).all(on).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("rights")?))).collect()
}

/// Whether there was such a token of that account.
pub async fn token_delete_of(on: impl Into<On<'_>>, id: &str, account: AccountId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM tokens WHERE id = $1 AND account = $2";
    Ok(sql("token_delete_of", delete).bind(id).bind(account).run(on).await? == 1)
}

/// All of an account; gives the ids of those that are gone.
pub async fn token_delete_all(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<String>, StoreError> {
    let delete = "DELETE FROM tokens WHERE account = $1 RETURNING id";
    sql("token_delete_all", delete).bind(account).run_all(on).await?.iter().map(|row| row.get("id")).collect()
}
