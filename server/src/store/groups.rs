//! Groups of accounts, and who is in them as what. What a group owns hangs on a row of `accounts` that has its id and
//! the role `group`, which nothing that reads accounts takes for somebody's.

use umbel_guest::{AccountId, FieldError, GroupId, GroupKind, GroupName, GroupRole};

use super::StoreError;
use super::accounts::account_delete;
use super::db::{On, Tx};
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub name: GroupName,
    pub kind: GroupKind,
    pub created_at: i64,
    /// How many are in it, managers among them.
    pub members: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub account: AccountId,
    pub account_name: String,
    pub role: GroupRole,
    pub since: i64,
    /// How many guests are theirs.
    pub guests: u32,
}

fn group(row: &Row) -> Result<Group, StoreError> {
    Ok(Group {
        id: row.parse("id")?,
        name: row.parse("name")?,
        kind: row.parse("kind")?,
        created_at: row.get("created_at")?,
        members: row.number("members")?,
    })
}

fn member(row: &Row) -> Result<Member, StoreError> {
    Ok(Member {
        account: row.parse("account")?,
        account_name: row.get("account_name")?,
        role: row.parse("role")?,
        since: row.get("since")?,
        guests: row.number("guests")?,
    })
}

/// The columns that [`group`] reads, with the rest of a statement.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT g.id AS id, g.name AS name, g.kind AS kind, g.created_at AS created_at, ",
            "(SELECT COUNT(*) FROM group_members m WHERE m.group_id = g.id) AS members FROM account_groups g ",
            $rest
        )
    };
}

/// Fails with [`StoreError::Duplicate`] where the name is taken.
pub async fn group_insert(tx: &mut Tx, group: &Group) -> Result<(), StoreError> {
    let owner = "INSERT INTO accounts (id, name, role, state, password_hash, must_change_password, created_at, rights) \
                 VALUES ($1, $2, 'group', 'active', '', FALSE, $3, 0)";
    let query = sql("group_insert", owner).bind(group.id).bind(owner_name(&group.name));
    query.bind(group.created_at).run(&mut *tx).await?;
    let insert = "INSERT INTO account_groups (id, name, kind, created_at) VALUES ($1, $2, $3, $4)";
    let query = sql("group_insert", insert).bind(group.id).bind(group.name.as_str()).bind(group.kind.word());
    query.bind(group.created_at).run(tx).await?;
    Ok(())
}

/// As whose a group's guests are shown; no account's name begins so.
pub fn owner_name(name: &GroupName) -> String {
    format!("@{name}")
}

pub async fn group_fetch(on: impl Into<On<'_>>, id: GroupId) -> Result<Option<Group>, StoreError> {
    sql("group_fetch", select!("WHERE g.id = $1")).bind(id).one(on).await?.as_ref().map(group).transpose()
}

pub async fn group_fetch_by_name(on: impl Into<On<'_>>, name: &GroupName) -> Result<Option<Group>, StoreError> {
    let query = sql("group_fetch_by_name", select!("WHERE g.name = $1")).bind(name.as_str());
    query.one(on).await?.as_ref().map(group).transpose()
}

/// By name.
pub async fn group_list(on: impl Into<On<'_>>) -> Result<Vec<Group>, StoreError> {
    sql("group_list", select!("ORDER BY g.name")).all(on).await?.iter().map(group).collect()
}

/// What an account is in its groups.
pub async fn group_list_of(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<(GroupId, GroupRole)>, StoreError> {
    let select = "SELECT group_id, role FROM group_members WHERE account = $1";
    let rows = sql("group_list_of", select).bind(account).all(on).await?;
    rows.iter().map(|row| Ok((row.parse("group_id")?, row.parse("role")?))).collect()
}

/// Those that an account manages, by name.
pub async fn group_list_managed(
    on: impl Into<On<'_>>,
    account: AccountId,
) -> Result<Vec<(GroupId, GroupName)>, StoreError> {
    let select = "SELECT g.id AS id, g.name AS name FROM group_members m JOIN account_groups g ON g.id = m.group_id \
                  WHERE m.account = $1 AND m.role = $2 ORDER BY g.name";
    let query = sql("group_list_managed", select).bind(account).bind(GroupRole::Manager.word());
    query.all(on).await?.iter().map(|row| Ok((row.parse("id")?, row.parse("name")?))).collect()
}

/// Fails with [`StoreError::Duplicate`] where the name is taken.
pub async fn group_change(tx: &mut Tx, id: GroupId, name: &GroupName, kind: GroupKind) -> Result<(), StoreError> {
    let owner = "UPDATE accounts SET name = $1 WHERE id = $2";
    sql("group_change", owner).bind(owner_name(name)).bind(id).run(&mut *tx).await?;
    let update = "UPDATE account_groups SET name = $1, kind = $2 WHERE id = $3";
    sql("group_change", update).bind(name.as_str()).bind(kind.word()).bind(id).run(tx).await?;
    Ok(())
}

/// Whether there was such a group. Fails where it owns guests; its members stay as accounts.
pub async fn group_delete(tx: &mut Tx, id: GroupId) -> Result<bool, StoreError> {
    let there = sql("group_delete", "DELETE FROM account_groups WHERE id = $1").bind(id).run(&mut *tx).await? == 1;
    if there {
        account_delete(tx, id.as_owner()).await?;
    }
    Ok(there)
}

/// Managers first, then by name.
pub async fn member_list(on: impl Into<On<'_>>, id: GroupId) -> Result<Vec<Member>, StoreError> {
    let select = "SELECT m.account AS account, a.name AS account_name, m.role AS role, m.since AS since, \
                  (SELECT COUNT(*) FROM guests g WHERE g.owner = m.account) AS guests \
                  FROM group_members m JOIN accounts a ON a.id = m.account WHERE m.group_id = $1 \
                  ORDER BY m.role, a.name";
    sql("member_list", select).bind(id).all(on).await?.iter().map(member).collect()
}

/// What an account is in a group, if it is in it.
pub async fn member_fetch(
    on: impl Into<On<'_>>,
    id: GroupId,
    account: AccountId,
) -> Result<Option<GroupRole>, StoreError> {
    let select = "SELECT role FROM group_members WHERE group_id = $1 AND account = $2";
    let row = sql("member_fetch", select).bind(id).bind(account).one(on).await?;
    row.map(|row| row.parse("role")).transpose()
}

/// Is this from now on, whatever it was in the group before.
pub async fn member_put(
    on: impl Into<On<'_>>,
    id: GroupId,
    account: AccountId,
    role: GroupRole,
    now: i64,
) -> Result<(), StoreError> {
    let put = "INSERT INTO group_members (group_id, account, role, since) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (group_id, account) DO UPDATE SET role = $3";
    sql("member_put", put).bind(id).bind(account).bind(role.word()).bind(now).run(on).await?;
    Ok(())
}

/// Whether it was in it.
pub async fn member_delete(on: impl Into<On<'_>>, id: GroupId, account: AccountId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM group_members WHERE group_id = $1 AND account = $2";
    Ok(sql("member_delete", delete).bind(id).bind(account).run(on).await? == 1)
}

/// By what an account reaches guests that aren't its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It manages a group that their owner is a member of.
    Managed,
    /// They are a group's that it is in.
    Own(GroupRole),
}

impl std::str::FromStr for Reached {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        if text == "managed" { Ok(Self::Managed) } else { text.parse().map(Self::Own) }
    }
}

/// Owners whose guests an account reaches by its groups.
pub async fn reached_list(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<(AccountId, Reached)>, StoreError> {
    let select = "SELECT owner, how FROM reached_owners WHERE account = $1";
    let rows = sql("reached_list", select).bind(account).all(on).await?;
    rows.iter().map(|row| Ok((row.parse("owner")?, row.parse("how")?))).collect()
}

/// Accounts that reach an owner's guests by their groups.
pub async fn reached_list_by(on: impl Into<On<'_>>, owner: AccountId) -> Result<Vec<AccountId>, StoreError> {
    let select = "SELECT account FROM reached_owners WHERE owner = $1";
    let rows = sql("reached_list_by", select).bind(owner).all(on).await?;
    rows.iter().map(|row| row.parse("account")).collect()
}

/// How an account reaches an owner's guests by its groups, if it does.
pub async fn reached_fetch(
    on: impl Into<On<'_>>,
    account: AccountId,
    owner: AccountId,
) -> Result<Option<Reached>, StoreError> {
    let select = "SELECT how FROM reached_owners WHERE account = $1 AND owner = $2";
    let row = sql("reached_fetch", select).bind(account).bind(owner).one(on).await?;
    row.map(|row| row.parse("how")).transpose()
}
