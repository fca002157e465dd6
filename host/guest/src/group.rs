//! Groups of accounts: tenants, teams and classes. What one gets by them, the table in
//! [`rights`](crate::rights) says.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// What a group is for; nothing but words follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    Class,
    Team,
    Tenant,
}

impl GroupKind {
    pub const ALL: [Self; 3] = [Self::Class, Self::Team, Self::Tenant];

    /// As rows, forms and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Team => "team",
            Self::Tenant => "tenant",
        }
    }
}

impl FromStr for GroupKind {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| FieldError::new("kind", "A group is a class, a team or a tenant."))
    }
}

/// What a member is in one group, whatever the account's role on the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupRole {
    /// Of a class its teacher: sees the members, and reaches their guests.
    Manager,
    Member,
}

impl GroupRole {
    pub const ALL: [Self; 2] = [Self::Member, Self::Manager];

    /// As rows, forms and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Member => "member",
        }
    }

    /// As people of such a group say it.
    pub fn title(self, kind: GroupKind) -> &'static str {
        match (self, kind) {
            (Self::Manager, GroupKind::Class) => "teacher",
            (Self::Member, GroupKind::Class) => "student",
            (role, GroupKind::Team | GroupKind::Tenant) => role.word(),
        }
    }
}

impl FromStr for GroupRole {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| FieldError::new("role", "In a group one is a member or a manager."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_wire() {
        for kind in GroupKind::ALL {
            assert_eq!(serde_json::to_string(&kind).expect("a word"), format!("\"{}\"", kind.word()));
            assert_eq!(kind.word().parse(), Ok(kind));
        }
        for role in GroupRole::ALL {
            assert_eq!(serde_json::to_string(&role).expect("a word"), format!("\"{}\"", role.word()));
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert!("gang".parse::<GroupKind>().is_err() && "king".parse::<GroupRole>().is_err());
    }
}
