use serde::{Deserialize, Serialize};
use umbel_guest::{AccountId, GroupId, GroupKind, GroupName, GroupRole};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GroupShown {
    pub id: GroupId,
    pub name: GroupName,
    pub kind: GroupKind,
    pub created_at: i64,
    pub members: u32,
    /// What whoever looks is in it.
    pub role: Option<GroupRole>,
}

/// A group with those in it whom one may see: all of them, or for a mere member its managers and oneself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GroupRoll {
    pub group: GroupShown,
    pub people: Vec<MemberShown>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct MemberShown {
    pub account: AccountId,
    pub name: String,
    pub role: GroupRole,
    pub since: i64,
    pub guests: u32,
}

/// As a form or the API has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupDraft {
    pub name: String,
    pub kind: String,
}

/// Who is to be in a group, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MemberDraft {
    /// Of the account.
    pub name: String,
    pub role: String,
}
