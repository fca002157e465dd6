use serde::{Deserialize, Serialize};
use umbel_guest::{AccountId, Role};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
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
