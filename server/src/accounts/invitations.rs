//! Invitations: links by which people make accounts of their own. Administrators invite anybody; whoever manages a
//! group invites users into it. A link is good for as long as whoever made it may still invite like that, and
//! only a hash of its token is kept.

use std::net::IpAddr;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountShown, InvitationDraft, InvitationShown, InvitedInto, InvitedLimit, Role, Topic};
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{
    AccountId, AccountName, FieldError, FieldErrors, GroupId, GroupRole, InvitationId, PanelRight, Right, allowed,
};
use uuid::Uuid;

use super::groups::{follow, is_full};
use super::{Accounts, chosen, fresh, link_token, shown};
use crate::clock::DAY;
use crate::hex::sha256_hex;
use crate::store::accounts::{account_fetch, account_insert};
use crate::store::db::On;
use crate::store::groups::{group_fetch, group_list_of, member_fetch, member_put};
use crate::store::invitations::{
    Invitation, Listed, invitation_delete, invitation_fetch_open, invitation_insert, invitation_list, invitation_use,
};
use crate::store::quotas::quota_set_own;
use crate::store::{StoreError, Tx};

/// Who may come by one link at most.
const MOST_USES: u32 = 1000;
/// Days that a link is good at most.
const MOST_DAYS: u32 = 90;
/// Characters of a note.
const MOST_NOTE: usize = 200;
/// On a panel.
const MOST: usize = 1000;

/// An invitation, and what its link has to hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Invited {
    pub id: InvitationId,
    pub token: String,
    pub uses: u32,
    pub expires_at: i64,
}

impl std::fmt::Debug for Invited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invited").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What whoever comes types.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Coming {
    pub token: String,
    pub name: String,
    pub password: String,
    pub password_again: String,
}

impl std::fmt::Debug for Coming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coming").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Accounts {
    pub async fn invitation_list(&self, caller: &Caller) -> Result<Vec<InvitationShown>, AppError> {
        let now = self.clock.now();
        let own = manages(&self.db, caller).await?;
        let seen = invitation_list(&self.db).await?.into_iter().filter(|listed| own.reach(&listed.invitation));
        Ok(seen.map(|listed| shown_as(listed, now)).collect())
    }

    pub async fn invitation_create(&self, caller: &Caller, draft: InvitationDraft) -> Result<Invited, AppError> {
        let wanted = checked(draft)?;
        let now = self.clock.now();
        let invitation = Invitation {
            id: InvitationId(Uuid::now_v7()),
            note: wanted.note,
            role: wanted.role,
            group: wanted.group,
            limits: wanted.limits,
            uses: wanted.uses,
            used: 0,
            created_by: caller.account.id,
            created_at: now,
            expires_at: now + i64::from(wanted.days) * DAY,
        };
        let token = link_token();
        let mut tx = self.db.begin().await?;
        let is_member = match invitation.group {
            Some((group, _)) => {
                let role = member_fetch(&mut tx, group, caller.account.id).await?;
                // Who isn't in it isn't told that it is there.
                let sees = role.is_some() || caller.may(PanelRight::ManageGroups).is_ok();
                if !sees || group_fetch(&mut tx, group).await?.is_none() {
                    return Err(AppError::not_found("group"));
                }
                role
            }
            None => None,
        };
        may_invite(caller.account.role, is_member, &invitation)?;
        if invitation_list(&mut tx).await?.len() >= MOST {
            let message =
                format!("There are {MOST} invitations already. Take one back that isn't needed any more first.");
            return Err(AppError::Conflict { message });
        }
        invitation_insert(&mut tx, &invitation, &sha256_hex(token.as_bytes())).await?;
        tx.commit().await?;
        tracing::info!(invitation = %invitation.id, by = caller.account.name, uses = invitation.uses, "an invitation was made");
        self.people_changed();
        Ok(Invited { id: invitation.id, token, uses: invitation.uses, expires_at: invitation.expires_at })
    }

    /// Nobody comes by it any more; who has come stays.
    pub async fn invitation_remove(&self, caller: &Caller, invitation: InvitationId) -> Result<(), AppError> {
        let missing = || AppError::not_found("invitation");
        let mut tx = self.db.begin().await?;
        let listed = invitation_list(&mut tx).await?.into_iter().find(|listed| listed.invitation.id == invitation);
        let found = listed.ok_or_else(missing)?.invitation;
        if !manages(&mut tx, caller).await?.reach(&found) {
            return Err(missing());
        }
        invitation_delete(&mut tx, invitation).await?;
        tx.commit().await?;
        tracing::info!(%invitation, by = caller.account.name, "an invitation was taken back");
        self.people_changed();
        Ok(())
    }

    /// Whether the link lets somebody in now.
    pub async fn invitation_is_open(&self, token: &str) -> Result<bool, AppError> {
        Ok(self.invitation_open(token).await?.is_some())
    }

    async fn invitation_open(&self, token: &str) -> Result<Option<Invitation>, AppError> {
        let now = self.clock.now();
        let found = invitation_fetch_open(&self.db, &sha256_hex(token.as_bytes()), now).await?;
        match found {
            Some(invitation) if holds(&self.db, &invitation, now).await? => Ok(Some(invitation)),
            _ => Ok(None),
        }
    }

    /// Makes the account of whoever comes. Tries aren't counted: nobody guesses 256 bits.
    pub async fn invitation_accept(&self, coming: Coming, address: Option<IpAddr>) -> Result<AccountShown, AppError> {
        let invitation = self.invitation_open(&coming.token).await?.ok_or_else(closed)?;
        let mut wrong = FieldErrors::default();
        let name = wrong.take(coming.name.trim().parse::<AccountName>());
        let password = chosen(&mut wrong, coming.password, &coming.password_again);
        let (Some(name), Some(password), true) = (name, password, wrong.is_empty()) else {
            return Err(AppError::Invalid(wrong));
        };
        let hash = self.passwords.hash(password).await?;

        let now = self.clock.now();
        let account = fresh(name, invitation.role, now);
        let mut tx = self.db.begin().await?;
        if !invitation_use(&mut tx, invitation.id, now).await? || !holds(&mut tx, &invitation, now).await? {
            return Err(closed());
        }
        account_insert(&mut tx, &account, &hash).await.map_err(|error| super::people::taken(error, &account.name))?;
        for (kind, said) in &invitation.limits {
            quota_set_own(&mut tx, account.id, *kind, Some(*said)).await?;
        }
        let told = self.put_into_group(&mut tx, &invitation, account.id).await?;
        tx.commit().await?;
        tracing::info!(name = account.name.as_str(), invitation = %invitation.id, ?address, "somebody came by an invitation");
        for account in told {
            self.events.publish(Topic::Rights(account));
        }
        self.people_changed();
        Ok(shown(account, now))
    }

    async fn put_into_group(
        &self,
        tx: &mut Tx,
        invitation: &Invitation,
        account: AccountId,
    ) -> Result<Vec<AccountId>, AppError> {
        let Some((group, role)) = invitation.group else { return Ok(Vec::new()) };
        if group_fetch(&mut *tx, group).await?.is_none_or(|group| is_full(&group)) {
            return Err(AppError::Conflict { message: "The group that this link leads into is full.".into() });
        }
        member_put(&mut *tx, group, account, role, self.clock.now()).await?;
        Ok(follow(tx, group, Some(account)).await?.into_iter().collect())
    }
}

/// A draft whose fields are right.
struct Wanted {
    role: Role,
    group: Option<(GroupId, GroupRole)>,
    uses: u32,
    days: u32,
    note: String,
    limits: Vec<(Kind, Said)>,
}

/// Every wrong field is named at once.
fn checked(draft: InvitationDraft) -> Result<Wanted, AppError> {
    let mut wrong = FieldErrors::default();
    let or = |said: String, usual: &str| if said.is_empty() { usual.to_owned() } else { said };
    let role = wrong.take(or(draft.role, Role::User.word()).parse::<Role>());
    let group_role = or(draft.group_role, GroupRole::Member.word()).parse::<GroupRole>();
    let group_role = wrong.take(group_role.map_err(|error| FieldError::new("group_role", error.message)));
    let note = draft.note.trim().to_owned();
    if note.chars().count() > MOST_NOTE || note.chars().any(char::is_control) {
        wrong.0.push(FieldError::new("note", format!("A note has at most {MOST_NOTE} characters, in one line.")));
    }
    if !(1..=MOST_USES).contains(&draft.uses) {
        wrong.0.push(FieldError::new("uses", format!("1 to {MOST_USES} people can come by a link.")));
    } else if role == Some(Role::Administrator) && draft.uses > 1 {
        wrong.0.push(FieldError::new("uses", "An administrator is invited alone: by a link that is good once."));
    }
    if !(1..=MOST_DAYS).contains(&draft.days) {
        wrong.0.push(FieldError::new("days", format!("A link is good for 1 to {MOST_DAYS} days.")));
    }
    let limits: Vec<(Kind, Said)> =
        draft.limits.into_iter().map(|InvitedLimit { kind, limit }| (kind, limit)).collect();
    if limits.iter().enumerate().any(|(i, (kind, _))| limits[..i].iter().any(|(other, _)| other == kind)) {
        wrong.0.push(FieldError::new("limits", "Each kind of quota is limited once."));
    }
    match (role, group_role, wrong.is_empty()) {
        (Some(role), Some(group_role), true) => {
            let group = draft.group.map(|group| (group, group_role));
            Ok(Wanted { role, group, uses: draft.uses, days: draft.days, note, limits })
        }
        _ => Err(AppError::Invalid(wrong)),
    }
}

/// Administrators invite anybody; whoever manages the group, users into it who have what users have.
fn may_invite(role: Role, is: Option<GroupRole>, invitation: &Invitation) -> Result<(), AppError> {
    let into_own = is == Some(GroupRole::Manager)
        && invitation.role == Role::User
        && invitation.group.is_some_and(|(_, role)| role == GroupRole::Member)
        && invitation.limits.is_empty();
    match allowed(role, Right::Panel(PanelRight::ManagePeople)) {
        Err(denied) if !into_own => Err(denied.into()),
        _ => Ok(()),
    }
}

/// Whether whoever made it is there and may still invite like that.
async fn holds<'a>(on: impl Into<On<'a>>, invitation: &Invitation, now: i64) -> Result<bool, AppError> {
    let mut on = on.into();
    let maker = account_fetch(on.again(), invitation.created_by).await?.filter(|maker| maker.state(now).lets_in());
    let Some(maker) = maker else { return Ok(false) };
    let is = match invitation.group {
        Some((group, _)) => member_fetch(on.again(), group, maker.id).await?,
        None => None,
    };
    Ok(may_invite(maker.role, is, invitation).is_ok())
}

/// Whose invitations somebody sees and may take back.
enum Reach {
    All,
    Into(Vec<GroupId>),
}

impl Reach {
    fn reach(&self, invitation: &Invitation) -> bool {
        match self {
            Self::All => true,
            Self::Into(groups) => invitation.group.is_some_and(|(group, _)| groups.contains(&group)),
        }
    }
}

async fn manages<'a>(on: impl Into<On<'a>>, caller: &Caller) -> Result<Reach, StoreError> {
    if caller.may(PanelRight::ManagePeople).is_ok() {
        return Ok(Reach::All);
    }
    let groups = group_list_of(on, caller.account.id).await?.into_iter();
    Ok(Reach::Into(groups.filter(|(_, role)| *role == GroupRole::Manager).map(|(group, _)| group).collect()))
}

fn closed() -> AppError {
    AppError::Forbidden { reason: "This invitation is over: it was used up, taken back, or its day has come.".into() }
}

fn shown_as(listed: Listed, now: i64) -> InvitationShown {
    let Listed { invitation, creator_name, group_name } = listed;
    let over = invitation.used >= invitation.uses || invitation.expires_at <= now;
    InvitationShown {
        id: invitation.id,
        note: invitation.note,
        role: invitation.role,
        group: invitation.group.zip(group_name).map(|((id, role), name)| InvitedInto { id, name, role }),
        limits: invitation.limits.into_iter().map(|(kind, limit)| InvitedLimit { kind, limit }).collect(),
        uses: invitation.uses,
        used: invitation.used,
        by: creator_name,
        created_at: invitation.created_at,
        expires_at: invitation.expires_at,
        over,
    }
}
