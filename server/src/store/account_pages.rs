//! Accounts a page at a time, by name: names are theirs alone, and have an index.

use umbel_app::shown::{AccountState, Role};
use umbel_guest::{AccountId, AccountName};

use super::StoreError;
use super::accounts::{Account, Standing, counted, select_counted};
use super::db::On;
use super::guest_pages::part;
use super::query::sql;

/// What accounts are looked for; what is empty lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Part of the name.
    pub name: String,
    pub role: Option<Role>,
    /// As [`Account::state`] is at [`Sought::now`].
    pub state: Option<AccountState>,
    pub now: i64,
    /// The end of the page before.
    pub last: Option<(AccountName, AccountId)>,
}

/// A statement for those that wait, of which pages are few among many accounts, and one for all others.
macro_rules! page {
    ($standing:literal) => {
        select_counted!(
            "WHERE ",
            $standing,
            " AND role <> 'group' AND (accounts.name, accounts.id) > ($2, $3) ",
            "AND ($4 = '' OR accounts.name LIKE '' || $4 ESCAPE '\\') AND ($5 = '' OR role = $5) ",
            "AND ($6 = '' OR $6 = CASE WHEN state IN ('waiting', 'leaving') THEN state ",
            "WHEN state IN ('stopping', 'suspended') THEN 'suspended' ",
            "WHEN state = 'ended' OR expires_at <= $7 THEN 'expired' ",
            "WHEN must_change_password THEN 'first_password' ELSE 'active' END) ",
            "ORDER BY accounts.name, accounts.id LIMIT $8"
        )
    };
}

/// Each with how many guests are theirs.
pub async fn account_page(
    on: impl Into<On<'_>>,
    sought: &Sought,
    most: u32,
) -> Result<Vec<(Account, u32)>, StoreError> {
    let (text, standing) = match sought.state {
        Some(AccountState::Waiting) => (page!("state = $1"), Standing::Waiting.word()),
        _ => (page!("$1 = ''"), ""),
    };
    let (name, id) = sought.last.clone().unzip();
    let query = sql("account_page", text)
        .bind(standing)
        .bind(name.map(String::from).unwrap_or_default())
        .bind(id.map(|id| id.to_string()).unwrap_or_default())
        .bind(part(&sought.name))
        .bind(sought.role.map(Role::word).unwrap_or_default())
        .bind(sought.state.map(AccountState::word).unwrap_or_default())
        .bind(sought.now)
        .bind(most);
    query.all(on).await?.iter().map(counted).collect()
}
