use serde::{Deserialize, Serialize};
use umbel_guest::quota::{Kind, Said, Standing, UNITS};
use umbel_guest::{AccountId, FieldErrors, GroupId, GroupName, QuotaRequestId};

use super::Role;
use crate::AppError;

/// One's own quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct QuotaShown {
    pub standings: Vec<Standing>,
    /// One's own wishes, the newest first.
    pub requests: Vec<QuotaRequestShown>,
}

/// Everybody's, for administrators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct QuotasShown {
    pub roles: Vec<RoleQuotaShown>,
    /// By name.
    pub accounts: Vec<AccountQuotaShown>,
    /// What groups have that have no limit of their own; kinds that aren't here have no limit.
    pub of_groups: Vec<RoleLimit>,
    /// By name.
    pub groups: Vec<GroupQuotaShown>,
    /// Those that wait for a decision, the oldest first.
    pub requests: Vec<QuotaRequestShown>,
}

/// What accounts of a role have that have no limit of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct RoleQuotaShown {
    pub role: Role,
    /// Kinds that aren't here have no limit.
    pub limits: Vec<RoleLimit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct RoleLimit {
    pub kind: Kind,
    pub most: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AccountQuotaShown {
    pub account: AccountId,
    pub name: String,
    pub role: Role,
    pub standings: Vec<Standing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct GroupQuotaShown {
    pub group: GroupId,
    pub name: GroupName,
    pub standings: Vec<Standing>,
}

/// Somebody wants more of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct QuotaRequestShown {
    pub id: QuotaRequestId,
    /// Of a group, the group's.
    pub account: AccountId,
    /// A group's begins with an @.
    pub account_name: String,
    pub kind: Kind,
    /// The limit that is wished for.
    pub wanted: u64,
    pub why: String,
    pub state: QuotaRequestState,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuotaRequestState {
    Open,
    Granted,
    Refused,
}

impl QuotaRequestState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }
}

impl std::str::FromStr for QuotaRequestState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = [Self::Open, Self::Granted, Self::Refused].into_iter().find(|state| state.word() == text);
        found.ok_or_else(|| format!("there is no state {text}"))
    }
}

/// A wish as the API takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuotaWish {
    /// For which one asks, who manages it; nobody's, for oneself.
    #[serde(default)]
    pub group: Option<GroupId>,
    pub kind: Kind,
    pub wanted: u64,
    pub why: String,
}

impl QuotaWish {
    /// As a form has it.
    pub fn read(group: &str, kind: &str, wanted: &str, why: String) -> Result<Self, AppError> {
        let mut wrong = FieldErrors::default();
        let group = wrong.take(read_group(group));
        let kind = wrong.take(read_kind(kind));
        let number = Kind::read(wanted).ok_or_else(|| not_a_number("wanted"));
        let wanted = wrong.take(number);
        match (group, kind, wanted) {
            (Some(group), Some(kind), Some(wanted)) => Ok(Self { group, kind, wanted, why }),
            _ => Err(AppError::Invalid(wrong)),
        }
    }
}

/// Whose limit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaOf {
    Role(Role),
    Account(AccountId),
    /// Every group that has none of its own.
    Groups,
    Group(GroupId),
}

/// A limit that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaChange {
    pub of: QuotaOf,
    pub kind: Kind,
    /// `None` is what would hold without: of an account its role's, of a role no limit.
    pub said: Option<Said>,
}

impl QuotaChange {
    /// As a form has it: a role's word, an account's id, `groups`, or a group's id with an @ before it; a number, `none`,
    /// or nothing.
    pub fn read(of: &str, kind: &str, limit: &str) -> Result<Self, AppError> {
        let mut wrong = FieldErrors::default();
        let group = of.strip_prefix('@').map(str::parse::<GroupId>);
        let whose = match (of.parse::<Role>(), of.parse::<AccountId>(), group) {
            (Ok(role), ..) => Ok(QuotaOf::Role(role)),
            (_, Ok(account), _) => Ok(QuotaOf::Account(account)),
            (_, _, Some(Ok(group))) => Ok(QuotaOf::Group(group)),
            _ if of == "groups" => Ok(QuotaOf::Groups),
            _ => Err(umbel_guest::FieldError::new("of", "Choose a role, an account, groups or a group.")),
        };
        let said = match limit.trim() {
            "" => Ok(None),
            "none" => Ok(Some(Said::NoLimit)),
            number => Kind::read(number).map(|most| Some(Said::AtMost(most))).ok_or_else(|| not_a_number("limit")),
        };
        let (of, kind, said) = (wrong.take(whose), wrong.take(read_kind(kind)), wrong.take(said));
        match (of, kind, said) {
            (Some(of), Some(kind), Some(said)) => Ok(Self { of, kind, said }),
            _ => Err(AppError::Invalid(wrong)),
        }
    }
}

/// A group as a form names it; nothing is none.
pub fn read_group(text: &str) -> Result<Option<GroupId>, umbel_guest::FieldError> {
    let wrong = |_| umbel_guest::FieldError::new("group", "Choose one of your groups.");
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

fn read_kind(text: &str) -> Result<Kind, umbel_guest::FieldError> {
    text.parse().map_err(|_| umbel_guest::FieldError::new("kind", "Choose what is counted."))
}

fn not_a_number(field: &str) -> umbel_guest::FieldError {
    umbel_guest::FieldError::new(field, format!("Write a whole number. {UNITS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_none_or_nothing() {
        let read = |limit| QuotaChange::read("user", "memory", limit).map(|change| change.said);
        assert_eq!(read(" 2048 "), Ok(Some(Said::AtMost(2048))));
        assert_eq!(read("none"), Ok(Some(Said::NoLimit)));
        assert_eq!(read(""), Ok(None));
        for wrong in ["-1", "many", "9999999999999"] {
            let AppError::Invalid(errors) = read(wrong).expect_err(wrong) else { panic!("{wrong}") };
            assert_eq!(errors.of("limit").count(), 1, "{wrong}");
        }
        let AppError::Invalid(errors) = QuotaChange::read("x", "y", "z").expect_err("nothing is right") else {
            panic!("invalid")
        };
        assert_eq!(errors.0.len(), 3);
    }
}
