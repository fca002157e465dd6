//! Groups of accounts, and who is in them as what.

use umbel_guest::{AccountId, GroupId, GroupKind, GroupName, GroupRole};

use super::StoreError;
use super::db::On;
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
pub async fn group_insert(on: impl Into<On<'_>>, group: &Group) -> Result<(), StoreError> {
    let insert = "INSERT INTO account_groups (id, name, kind, created_at) VALUES ($1, $2, $3, $4)";
    let query = sql("group_insert", insert).bind(group.id).bind(group.name.as_str()).bind(group.kind.word());
    query.bind(group.created_at).run(on).await?;
    Ok(())
}

pub async fn group_fetch(on: impl Into<On<'_>>, id: GroupId) -> Result<Option<Group>, StoreError> {
    sql("group_fetch", select!("WHERE g.id = $1")).bind(id).one(on).await?.as_ref().map(group).transpose()
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

/// Fails with [`StoreError::Duplicate`] where the name is taken.
pub async fn group_change(
    on: impl Into<On<'_>>,
    id: GroupId,
    name: &GroupName,
    kind: GroupKind,
) -> Result<(), StoreError> {
    let update = "UPDATE account_groups SET name = $1, kind = $2 WHERE id = $3";
    sql("group_change", update).bind(name.as_str()).bind(kind.word()).bind(id).run(on).await?;
    Ok(())
}

/// Whether there was such a group. Its members stay as accounts.
pub async fn group_delete(on: impl Into<On<'_>>, id: GroupId) -> Result<bool, StoreError> {
    Ok(sql("group_delete", "DELETE FROM account_groups WHERE id = $1").bind(id).run(on).await? == 1)
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

/// Accounts whose guests an account reaches, since it manages a group that they are members of.
pub async fn managed_list(on: impl Into<On<'_>>, manager: AccountId) -> Result<Vec<AccountId>, StoreError> {
    let select = "SELECT account FROM managed_accounts WHERE manager = $1";
    let rows = sql("managed_list", select).bind(manager).all(on).await?;
    rows.iter().map(|row| row.parse("account")).collect()
}

/// Accounts that manage an account, by any group.
pub async fn manager_list_of(on: impl Into<On<'_>>, account: AccountId) -> Result<Vec<AccountId>, StoreError> {
    let select = "SELECT manager FROM managed_accounts WHERE account = $1";
    let rows = sql("manager_list_of", select).bind(account).all(on).await?;
    rows.iter().map(|row| row.parse("manager")).collect()
}

/// Whether one of them manages the other by any group.
pub async fn manages(on: impl Into<On<'_>>, manager: AccountId, account: AccountId) -> Result<bool, StoreError> {
    let select = "SELECT account FROM managed_accounts WHERE manager = $1 AND account = $2";
    Ok(sql("manages", select).bind(manager).bind(account).one(on).await?.is_some())
}
