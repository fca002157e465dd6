//! Walls around guests: whether one stands.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum WallState {
    Stands {
        does: String,
    },
    /// By the administrator.
    SwitchedOff,
    /// It can't be had.
    Missing {
        /// And what would help.
        why: String,
    },
}

impl WallState {
    pub fn stands(&self) -> bool {
        matches!(self, Self::Stands { .. })
    }

    pub fn words(&self) -> &str {
        match self {
            Self::Stands { does } => does,
            Self::SwitchedOff => {
                "Switched off by the administrator (--without-wall): guests may reach what it kept from them."
            }
            Self::Missing { why } => why,
        }
    }
}
