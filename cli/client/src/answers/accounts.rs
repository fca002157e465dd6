//! Of accounts: who they are, what lets them in, with whom they are and share, what they may have and used.

use serde::{Deserialize, Serialize};
use umbel_guest::quota::{Kind, Standing};
use umbel_guest::usage::Used;
use umbel_guest::{AccountId, GroupId, InvitationId, QuotaRequestId, Shares};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub role: String,
    /// `waiting`, `active`, `first_password`, `suspended`, `expired` or `leaving`.
    pub state: String,
    /// After it the account lets nobody in.
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub last_sign_in_at: Option<i64>,
    pub second_factor: bool,
    /// Whether a sign-in provider lets its owner in too; panels of before say nothing of it.
    #[serde(default)]
    pub linked: bool,
}

/// An account among the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    #[serde(flatten)]
    pub account: Account,
    /// How many are theirs.
    pub guests: u32,
}

/// Whether people make accounts of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationSettings {
    /// `off`, `approval` or `open`.
    pub registration: String,
}

/// What everybody is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Announcement {
    pub text: String,
    /// `info` or `warning`.
    pub level: String,
    pub until: Option<i64>,
}

/// A class, a team or a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    pub kind: String,
    pub members: u32,
    /// What the account that asked is in it.
    pub role: Option<String>,
}

/// A group with those in it whom one may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRoll {
    pub group: Group,
    pub people: Vec<GroupMember>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    pub account: AccountId,
    pub name: String,
    pub role: String,
    pub since: i64,
    pub guests: u32,
}

/// A secret that waits for its first code.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct SecondFactorStart {
    pub secret: String,
    pub uri: String,
}

impl std::fmt::Debug for SecondFactorStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactorStart")
    }
}

#[derive(Deserialize)]
pub(crate) struct RecoveryCodes {
    pub(crate) codes: Vec<String>,
}

/// An account that a guest is shared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub account: AccountId,
    pub name: String,
    pub rights: Shares,
    pub created_at: i64,
}

/// What was used, day by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The account's name; none where it is of everybody together.
    pub of: Option<String>,
    pub days: Vec<DayUsed>,
    pub accounts: Vec<AccountUsed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUsed {
    /// Days since the epoch, UTC.
    pub day: i64,
    #[serde(flatten)]
    pub used: Used,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountUsed {
    pub name: String,
    #[serde(flatten)]
    pub used: Used,
}

/// One's own quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    pub standings: Vec<Standing>,
    /// The newest first.
    pub requests: Vec<QuotaRequest>,
}

/// Everybody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    pub accounts: Vec<AccountQuota>,
    pub groups: Vec<GroupQuota>,
    /// Those that wait for a decision, the oldest first.
    pub requests: Vec<QuotaRequest>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountQuota {
    pub account: AccountId,
    pub name: String,
    pub role: String,
    pub standings: Vec<Standing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupQuota {
    pub group: GroupId,
    pub name: String,
    pub standings: Vec<Standing>,
}

/// A wish for a higher limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaRequest {
    pub id: QuotaRequestId,
    pub account_name: String,
    pub kind: Kind,
    pub wanted: u64,
    pub why: String,
    pub state: String,
    pub created_at: i64,
}

#[derive(Deserialize)]
pub(crate) struct QuotaAsked {
    pub(crate) request: QuotaRequestId,
}

/// Shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstPassword {
    pub account: AccountId,
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for FirstPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstPassword").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a program comes in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: String,
    pub name: String,
    /// The only one whose guests it is good for.
    pub group: Option<GroupId>,
    pub group_name: Option<String>,
    pub scopes: Vec<String>,
    pub created_at: i64,
    pub expires_at: i64,
    pub last_used_at: Option<i64>,
}

/// Shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    pub id: String,
    pub name: String,
    pub token: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ImportedAll {
    pub(crate) accounts: Vec<Imported>,
}

/// One of many accounts that were made or checked at once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub name: String,
    pub role: String,
    pub group: Option<String>,
    /// Shown once; none where it was only checked.
    pub password: Option<String>,
}

impl std::fmt::Debug for Imported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Imported").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A link by which people make accounts, without what makes it a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub id: InvitationId,
    pub note: String,
    pub role: String,
    pub group: Option<InvitedInto>,
    pub uses: u32,
    pub used: u32,
    /// Who made it.
    pub by: String,
    pub expires_at: i64,
    /// Whether it lets nobody in any more.
    pub over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitedInto {
    pub id: GroupId,
    pub name: String,
    pub role: String,
}

/// What is not said is as the panel has it: one user, for a week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InvitationDraft {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Its link is told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInvitation {
    pub id: InvitationId,
    pub link: String,
}

impl std::fmt::Debug for NewInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewInvitation").field("id", &self.id).finish_non_exhaustive()
    }
}
