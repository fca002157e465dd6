//! Invitations: links by which people make accounts of their own.

use umbel_app::shown::Role;
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{AccountId, GroupId, GroupName, GroupRole, InvitationId};

use super::StoreError;
use super::db::On;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: InvitationId,
    pub note: String,
    /// What whoever comes is on the panel.
    pub role: Role,
    /// Where they are put, and as what.
    pub group: Option<(GroupId, GroupRole)>,
    /// Own limits that they get.
    pub limits: Vec<(Kind, Said)>,
    /// How many may come, and how many have.
    pub uses: u32,
    pub used: u32,
    pub created_by: AccountId,
    pub created_at: i64,
    pub expires_at: i64,
}

/// One as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub invitation: Invitation,
    pub creator_name: String,
    pub group_name: Option<GroupName>,
}

fn invitation(row: &Row) -> Result<Invitation, StoreError> {
    let group = row.parse_option("group_id")?;
    Ok(Invitation {
        id: row.parse("id")?,
        note: row.get("note")?,
        role: row.parse("role")?,
        group: group.map(|group| Ok::<_, StoreError>((group, row.parse("group_role")?))).transpose()?,
        limits: row.json("limits")?,
        uses: row.number("uses")?,
        used: row.number("used")?,
        created_by: row.parse("created_by")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// `token` is the hash of what the link holds.
pub async fn invitation_insert(on: impl Into<On<'_>>, invitation: &Invitation, token: &str) -> Result<(), StoreError> {
    let insert = "INSERT INTO invitations (id, token, note, role, group_id, group_role, limits, uses, used, created_by, \
                  created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let role = invitation.group.map_or(GroupRole::Member, |(_, role)| role);
    sql("invitation_insert", insert)
        .bind(invitation.id)
        .bind(token)
        .bind(invitation.note.as_str())
        .bind(invitation.role.word())
        .bind(invitation.group.map(|(group, _)| group.to_string()))
        .bind(role.word())
        .bind_json(&invitation.limits)
        .bind(invitation.uses)
        .bind(invitation.used)
        .bind(invitation.created_by)
        .bind(invitation.created_at)
        .bind(invitation.expires_at)
        .run(on)
        .await?;
    Ok(())
}

/// One that still lets somebody in at `now`.
pub async fn invitation_fetch_open(
    on: impl Into<On<'_>>,
    token: &str,
    now: i64,
) -> Result<Option<Invitation>, StoreError> {
    let select = "SELECT id, note, role, group_id, group_role, limits, uses, used, created_by, created_at, expires_at \
                  FROM invitations WHERE token = $1 AND expires_at > $2 AND used < uses";
    sql("invitation_fetch_open", select).bind(token).bind(now).one(on).await?.as_ref().map(invitation).transpose()
}

/// All of them, the newest first: those that are over too, for whoever wonders who came by which.
pub async fn invitation_list(on: impl Into<On<'_>>) -> Result<Vec<Listed>, StoreError> {
    let select = "SELECT i.id AS id, i.note AS note, i.role AS role, i.group_id AS group_id, i.group_role AS group_role, \
                  i.limits AS limits, i.uses AS uses, i.used AS used, i.created_by AS created_by, \
                  i.created_at AS created_at, i.expires_at AS expires_at, a.name AS creator_name, g.name AS group_name \
                  FROM invitations i JOIN accounts a ON a.id = i.created_by \
                  LEFT JOIN account_groups g ON g.id = i.group_id ORDER BY i.created_at DESC, i.id DESC";
    let rows = sql("invitation_list", select).all(on).await?;
    rows.iter()
        .map(|row| {
            let group_name = row.parse_option("group_name")?;
            Ok(Listed { invitation: invitation(row)?, creator_name: row.get("creator_name")?, group_name })
        })
        .collect()
}

/// Takes one of its uses, if it has one left at `now`.
pub async fn invitation_use(on: impl Into<On<'_>>, id: InvitationId, now: i64) -> Result<bool, StoreError> {
    let update = "UPDATE invitations SET used = used + 1 WHERE id = $1 AND expires_at > $2 AND used < uses";
    Ok(sql("invitation_use", update).bind(id).bind(now).run(on).await? == 1)
}

/// Whether there was such a one.
pub async fn invitation_delete(on: impl Into<On<'_>>, id: InvitationId) -> Result<bool, StoreError> {
    Ok(sql("invitation_delete", "DELETE FROM invitations WHERE id = $1").bind(id).run(on).await? == 1)
}

/// Those that have been over since before `before`. Gives their number.
pub async fn invitation_purge(on: impl Into<On<'_>>, before: i64) -> Result<u64, StoreError> {
    sql("invitation_purge", "DELETE FROM invitations WHERE expires_at < $1").bind(before).run(on).await
}
