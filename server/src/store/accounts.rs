//! Accounts. A password hash leaves here only for a check, in [`Credentials`]. Rows of the role `group` are no account
//! but what a group owns by ([`super::groups`]): nothing here gives them away, and as an account none could be read.

use umbel_app::shown::{AccountState, Role};
use umbel_guest::{AccountId, AccountName};

use super::StoreError;
use super::db::{On, Tx};
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: AccountName,
    pub role: Role,
    pub standing: Standing,
    /// After it the account lets nobody in.
    pub expires_at: Option<i64>,
    /// The password is a first one, or one that an administrator made.
    pub must_change_password: bool,
    pub created_at: i64,
    pub last_sign_in_at: Option<i64>,
    pub second_factor: bool,
    /// To somebody at a sign-in provider.
    pub linked: bool,
    /// Grows with every change of what it may do.
    pub rights: i64,
}

/// What administrators have made of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its owner made it, and no administrator has let it in yet.
    Waiting,
    Active,
    /// Suspended, and its guests are being shut down.
    Stopping,
    Suspended,
    /// Its last day is over, and its guests were shut down.
    Ended,
    /// It goes once its guests are gone.
    Leaving,
}

impl Standing {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Stopping => "stopping",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
            Self::Leaving => "leaving",
        }
    }
}

impl std::str::FromStr for Standing {
    type Err = UnknownStanding;

    fn from_str(text: &str) -> Result<Self, UnknownStanding> {
        let all = [Self::Waiting, Self::Active, Self::Stopping, Self::Suspended, Self::Ended, Self::Leaving];
        all.into_iter().find(|standing| standing.word() == text).ok_or_else(|| UnknownStanding(text.to_owned()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no account stands like {0:?}")]
pub struct UnknownStanding(String);

impl Account {
    /// How it stands at `now`, all told.
    pub fn state(&self, now: i64) -> AccountState {
        match (self.standing, self.expires_at) {
            (Standing::Waiting, _) => AccountState::Waiting,
            (Standing::Leaving, _) => AccountState::Leaving,
            (Standing::Stopping | Standing::Suspended, _) => AccountState::Suspended,
            (Standing::Ended, _) => AccountState::Expired,
            (Standing::Active, Some(end)) if end <= now => AccountState::Expired,
            (Standing::Active, _) if self.must_change_password => AccountState::FirstPassword,
            (Standing::Active, _) => AccountState::Active,
        }
    }

    /// Whether it is nobody's yet: nothing may be shared with it, given to it, or led by it.
    pub fn waits(&self) -> bool {
        self.standing == Standing::Waiting
    }
}

/// What a sign-in is checked against.
#[derive(Clone)]
pub struct Credentials {
    pub account: Account,
    /// In PHC string format.
    pub password_hash: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("account", &self.account).finish_non_exhaustive()
    }
}

pub(super) fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.parse("id")?,
        name: row.parse("name")?,
        role: row.parse("role")?,
        standing: row.parse("state")?,
        expires_at: row.get("expires_at")?,
        must_change_password: row.get("must_change_password")?,
        created_at: row.get("created_at")?,
        last_sign_in_at: row.get("last_sign_in_at")?,
        second_factor: row.number::<u32>("second_factors")? > 0,
        linked: row.number::<u32>("links")? > 0,
        rights: row.get("rights")?,
    })
}

/// The columns that [`account`] reads, with the rest of a statement.
macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT accounts.id AS id, accounts.name AS name, role, state, accounts.expires_at AS expires_at, ",
            "must_change_password, password_hash, accounts.created_at AS created_at, last_sign_in_at, rights, ",
            "(SELECT COUNT(*) FROM second_factors WHERE account = accounts.id AND confirmed_at IS NOT NULL) AS second_factors, ",
            "(SELECT COUNT(*) FROM oidc_links WHERE account = accounts.id) AS links ",
            $($rest),+
        )
    };
}

pub(super) use select;

/// Fails with [`StoreError::Duplicate`] where the name is taken.
pub async fn account_insert(on: impl Into<On<'_>>, account: &Account, password_hash: &str) -> Result<(), StoreError> {
    let insert = "INSERT INTO accounts (id, name, role, state, password_hash, must_change_password, created_at, \
                  last_sign_in_at, rights, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    sql("account_insert", insert)
        .bind(account.id)
        .bind(account.name.as_str())
        .bind(account.role.word())
        .bind(account.standing.word())
        .bind(password_hash)
        .bind(account.must_change_password)
        .bind(account.created_at)
        .bind(account.last_sign_in_at)
        .bind(account.rights)
        .bind(account.expires_at)
        .run(on)
        .await?;
    Ok(())
}

pub async fn account_fetch(on: impl Into<On<'_>>, id: AccountId) -> Result<Option<Account>, StoreError> {
    sql("account_fetch", select!("FROM accounts WHERE id = $1 AND role <> 'group'"))
        .bind(id)
        .one(on)
        .await?
        .as_ref()
        .map(account)
        .transpose()
}

pub async fn account_fetch_by_name(on: impl Into<On<'_>>, name: &AccountName) -> Result<Option<Account>, StoreError> {
    let row = sql("account_fetch_by_name", select!("FROM accounts WHERE name = $1 AND role <> 'group'"))
        .bind(name.as_str())
        .one(on)
        .await?;
    row.as_ref().map(account).transpose()
}

pub async fn account_credentials(on: impl Into<On<'_>>, name: &AccountName) -> Result<Option<Credentials>, StoreError> {
    let row = sql("account_credentials", select!("FROM accounts WHERE name = $1 AND role <> 'group'"))
        .bind(name.as_str())
        .one(on)
        .await?;
    row.map(|row| Ok(Credentials { account: account(&row)?, password_hash: row.get("password_hash")? })).transpose()
}

/// By name.
pub async fn account_list(on: impl Into<On<'_>>) -> Result<Vec<Account>, StoreError> {
    sql("account_list", select!("FROM accounts WHERE role <> 'group' ORDER BY name"))
        .all(on)
        .await?
        .iter()
        .map(account)
        .collect()
}

/// An account, and how many guests are theirs.
pub(super) fn counted(row: &Row) -> Result<(Account, u32), StoreError> {
    Ok((account(row)?, row.number("guests")?))
}

/// The columns that [`counted`] reads, with the rest of a statement.
macro_rules! select_counted {
    ($($rest:literal),+) => {
        $crate::store::accounts::select!(
            ", (SELECT COUNT(*) FROM guests WHERE guests.owner = accounts.id) AS guests FROM accounts ",
            $($rest),+
        )
    };
}

pub(super) use select_counted;

pub async fn account_fetch_counted(on: impl Into<On<'_>>, id: AccountId) -> Result<Option<(Account, u32)>, StoreError> {
    let query = sql("account_fetch_counted", select_counted!("WHERE id = $1 AND role <> 'group'")).bind(id);
    query.one(on).await?.as_ref().map(counted).transpose()
}

/// By name.
pub async fn account_list_counted(on: impl Into<On<'_>>) -> Result<Vec<(Account, u32)>, StoreError> {
    let query = sql("account_list_counted", select_counted!("WHERE role <> 'group' ORDER BY name"));
    query.all(on).await?.iter().map(counted).collect()
}

/// How many administrators can sign in, today and ever after.
pub async fn account_count_administrators(on: impl Into<On<'_>>) -> Result<u32, StoreError> {
    let count = "SELECT COUNT(*) AS n FROM accounts WHERE role = $1 AND state = $2 AND expires_at IS NULL";
    let query = sql("account_count_administrators", count).bind(Role::Administrator.word());
    let query = query.bind(Standing::Active.word());
    query.one(on).await?.map_or(Ok(0), |row| row.number("n"))
}

/// How many wait for an administrator.
pub async fn account_count_waiting(on: impl Into<On<'_>>) -> Result<u32, StoreError> {
    let query = sql("account_count_waiting", "SELECT COUNT(*) AS n FROM accounts WHERE state = $1");
    query.bind(Standing::Waiting.word()).one(on).await?.map_or(Ok(0), |row| row.number("n"))
}

/// Those that have waited since before `before`; they own nothing. Gives their number.
pub async fn account_purge_waiting(on: impl Into<On<'_>>, before: i64) -> Result<u64, StoreError> {
    let query = sql("account_purge_waiting", "DELETE FROM accounts WHERE state = $1 AND created_at < $2");
    query.bind(Standing::Waiting.word()).bind(before).run(on).await
}

/// Whether there was such an account.
pub async fn account_set_standing(
    on: impl Into<On<'_>>,
    id: AccountId,
    standing: Standing,
) -> Result<bool, StoreError> {
    let update = "UPDATE accounts SET state = $1 WHERE id = $2";
    Ok(sql("account_set_standing", update).bind(standing.word()).bind(id).run(on).await? == 1)
}

/// Whether there was such an account.
pub async fn account_set_expiry(
    on: impl Into<On<'_>>,
    id: AccountId,
    expires_at: Option<i64>,
) -> Result<bool, StoreError> {
    let update = "UPDATE accounts SET expires_at = $1 WHERE id = $2";
    Ok(sql("account_set_expiry", update).bind(expires_at).bind(id).run(on).await? == 1)
}

/// Accounts whose guests have to stop or go: those that are suspended so, whose last day is over, or that leave.
pub async fn account_list_unsettled(on: impl Into<On<'_>>, now: i64) -> Result<Vec<Account>, StoreError> {
    let select = select!("FROM accounts WHERE state IN ($1, $2) OR (state = $3 AND expires_at <= $4) ORDER BY name");
    let query = sql("account_list_unsettled", select).bind(Standing::Stopping.word()).bind(Standing::Leaving.word());
    query.bind(Standing::Active.word()).bind(now).all(on).await?.iter().map(account).collect()
}

/// Whose name that is, a group's too.
pub async fn owner_fetch_name(on: impl Into<On<'_>>, id: AccountId) -> Result<Option<String>, StoreError> {
    let row = sql("owner_fetch_name", "SELECT name FROM accounts WHERE id = $1").bind(id).one(on).await?;
    row.map(|row| row.get("name")).transpose()
}

/// Whether there was such an account. Fails where it still owns guests; sign-ins, tokens, shares, memberships,
/// limits and its empty networks go with it.
pub async fn account_delete(tx: &mut Tx, id: AccountId) -> Result<bool, StoreError> {
    sql("account_delete", "DELETE FROM networks WHERE owner = $1").bind(id).run(&mut *tx).await?;
    Ok(sql("account_delete", "DELETE FROM accounts WHERE id = $1").bind(id).run(tx).await? == 1)
}

/// Whether there was such an account.
pub async fn account_set_role(on: impl Into<On<'_>>, id: AccountId, role: Role) -> Result<bool, StoreError> {
    let update = "UPDATE accounts SET role = $1, rights = rights + 1 WHERE id = $2";
    Ok(sql("account_set_role", update).bind(role.word()).bind(id).run(on).await? == 1)
}

/// What it may do has changed elsewhere; whoever holds a connection for it notices by that.
pub async fn account_rights_changed(on: impl Into<On<'_>>, id: AccountId) -> Result<(), StoreError> {
    let update = "UPDATE accounts SET rights = rights + 1 WHERE id = $1";
    sql("account_rights_changed", update).bind(id).run(on).await?;
    Ok(())
}

/// Whether there was such an account.
pub async fn account_set_password(
    on: impl Into<On<'_>>,
    id: AccountId,
    password_hash: &str,
    must_change: bool,
) -> Result<bool, StoreError> {
    let update = "UPDATE accounts SET password_hash = $1, must_change_password = $2 WHERE id = $3";
    let query = sql("account_set_password", update).bind(password_hash).bind(must_change).bind(id);
    Ok(query.run(on).await? == 1)
}

pub async fn account_signed_in(on: impl Into<On<'_>>, id: AccountId, at: i64) -> Result<(), StoreError> {
    sql("account_signed_in", "UPDATE accounts SET last_sign_in_at = $1 WHERE id = $2")
        .bind(at)
        .bind(id)
        .run(on)
        .await?;
    Ok(())
}
