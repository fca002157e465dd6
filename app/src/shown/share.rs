use serde::{Deserialize, Serialize};
use umbel_guest::{AccountId, GuestRight, Shares};

/// An account that a guest is shared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ShareShown {
    pub account: AccountId,
    pub name: String,
    pub rights: Shares,
    pub created_at: i64,
}

/// With whom a guest is to be shared, and what they may do then; to see it always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareDraft {
    /// Of the account.
    pub name: String,
    #[serde(default)]
    pub rights: Vec<GuestRight>,
}
