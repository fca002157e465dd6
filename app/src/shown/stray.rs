use serde::{Deserialize, Serialize};
use umbel_guest::{GuestDraft, StrayName};

/// A root image that lies in the host's directory for adoption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct StrayShown {
    pub name: StrayName,
    pub size_bytes: u64,
    pub file_system: Option<String>,
    /// Why it can't be adopted now.
    pub refused: Option<String>,
}

/// What a command line of a kernel that somebody ran by hand means here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AdoptShown {
    /// As far as it could be read; what it doesn't say has its usual value.
    pub draft: GuestDraft,
    /// Each word of it that is not carried over, and why.
    pub left_out: Vec<String>,
}
