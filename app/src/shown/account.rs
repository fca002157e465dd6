use serde::{Deserialize, Serialize};
use umbel_guest::{AccountId, FieldError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Administrator,
    User,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::User => "user",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        match text {
            "administrator" => Ok(Self::Administrator),
            "user" => Ok(Self::User),
            _ => Err(FieldError::new("role", "A role is administrator or user.")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountShown {
    pub id: AccountId,
    pub name: String,
    pub role: Role,
    pub enabled: bool,
    pub must_change_password: bool,
    pub created_at: i64,
    pub last_sign_in_at: Option<i64>,
    pub guests: u32,
}

/// A first password, shown once to the administrator who made the account.
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

/// One place where somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionShown {
    /// A hash, good for ending the session and for nothing else.
    pub id: String,
    pub created_at: i64,
    pub last_seen_at: i64,
    pub address: String,
    pub user_agent: String,
    pub current: bool,
}
