use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umbel_guest::quota::{Kind, Said, UNITS};
use umbel_guest::{FieldError, FieldErrors, GroupId, GroupName, GroupRole, InvitationId};

use super::Role;

/// A link by which people make accounts of their own, without what makes it a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct InvitationShown {
    pub id: InvitationId,
    pub note: String,
    /// What whoever comes is on the panel.
    pub role: Role,
    /// Where they are put.
    pub group: Option<InvitedInto>,
    /// Own limits that they get.
    pub limits: Vec<InvitedLimit>,
    /// How many may come, and how many have.
    pub uses: u32,
    pub used: u32,
    /// Who made it.
    pub by: String,
    pub created_at: i64,
    pub expires_at: i64,
    /// Whether it lets nobody in any more.
    pub over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct InvitedInto {
    pub id: GroupId,
    pub name: GroupName,
    pub role: GroupRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InvitedLimit {
    pub kind: Kind,
    pub limit: Said,
}

/// What a new invitation should be; checked by the panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InvitationDraft {
    #[serde(default = "user")]
    pub role: String,
    #[serde(default)]
    pub group: Option<GroupId>,
    /// What they are in it.
    #[serde(default = "member")]
    pub group_role: String,
    /// How many may come by it.
    #[serde(default = "one")]
    pub uses: u32,
    /// How long it is good.
    #[serde(default = "week")]
    pub days: u32,
    /// Whom it is for, for whoever looks at the list.
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub limits: Vec<InvitedLimit>,
}

fn user() -> String {
    Role::User.word().to_owned()
}

fn member() -> String {
    GroupRole::Member.word().to_owned()
}

fn one() -> u32 {
    1
}

fn week() -> u32 {
    7
}

impl InvitedLimit {
    /// As a form has them: numbers by kind; what is empty is not said.
    pub fn read(said: &BTreeMap<String, String>) -> Result<Vec<Self>, FieldErrors> {
        let mut wrong = FieldErrors::default();
        let mut limits = Vec::new();
        for (word, number) in said.iter().filter(|(_, number)| !number.trim().is_empty()) {
            let read = word.parse::<Kind>().ok().zip(Kind::read(number));
            let read = read.ok_or_else(|| FieldError::new("limits", format!("{word}: write a whole number. {UNITS}")));
            limits.extend(wrong.take(read).map(|(kind, most)| Self { kind, limit: Said::AtMost(most) }));
        }
        if wrong.is_empty() { Ok(limits) } else { Err(wrong) }
    }
}

/// An invitation, its link shown once to whoever made it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NewInvitation {
    pub id: InvitationId,
    pub link: String,
    pub uses: u32,
    pub expires_at: i64,
}

impl std::fmt::Debug for NewInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewInvitation").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_limits_by_their_kind_or_says_nothing() {
        let said = |pairs: &[(&str, &str)]| {
            InvitedLimit::read(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
        };
        let three = InvitedLimit { kind: Kind::Guests, limit: Said::AtMost(3) };
        assert_eq!(said(&[("guests", " 3 "), ("disk", "")]), Ok(vec![three]));
        for wrong in [("guests", "many"), ("cats", "3"), ("memory", "-1")] {
            assert_eq!(said(&[wrong]).expect_err("wrong").of("limits").count(), 1, "{wrong:?}");
        }
    }

    #[test]
    fn what_a_program_leaves_out_is_one_user_for_a_week() {
        let draft: InvitationDraft = serde_json::from_str("{}").expect("nothing need be said");
        assert_eq!((draft.role.as_str(), draft.uses, draft.days, draft.group), ("user", 1, 7, None));
    }
}
