//! Copies of a guest's disk that are kept, and which of them take the place of one that was swapped out.

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// Why a copy is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    /// Somebody wanted one.
    Taken,
    /// What a reset to the image has put aside; kept for an hour.
    BeforeReset,
    /// What another snapshot was put in the place of; kept for an hour.
    BeforeRestore,
}

impl SnapshotKind {
    pub const ALL: [Self; 3] = [Self::Taken, Self::BeforeReset, Self::BeforeRestore];

    /// As rows and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::BeforeReset => "before_reset",
            Self::BeforeRestore => "before_restore",
        }
    }

    /// What one is called that nobody has named.
    pub fn title(self) -> &'static str {
        match self {
            Self::Taken => "Snapshot",
            Self::BeforeReset => "Before the reset",
            Self::BeforeRestore => "Before the restore",
        }
    }
}

/// A word that is no kind's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no snapshot of that kind")]
pub struct NoKind;

impl std::str::FromStr for SnapshotKind {
    type Err = NoKind;

    fn from_str(text: &str) -> Result<Self, NoKind> {
        Self::ALL.into_iter().find(|kind| kind.word() == text).ok_or(NoKind)
    }
}

/// How often a copy is taken by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Every {
    Hour,
    SixHours,
    Day,
    Week,
}

impl Every {
    pub const ALL: [Self; 4] = [Self::Hour, Self::SixHours, Self::Day, Self::Week];

    /// As rows and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::SixHours => "six_hours",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Hour => "every hour",
            Self::SixHours => "every six hours",
            Self::Day => "every day",
            Self::Week => "every week",
        }
    }

    pub fn hours(self) -> u32 {
        match self {
            Self::Hour => 1,
            Self::SixHours => 6,
            Self::Day => 24,
            Self::Week => 7 * 24,
        }
    }
}

impl std::str::FromStr for Every {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|every| every.word() == text);
        found.ok_or_else(|| FieldError::new("every", "Must be one of: hour, six_hours, day, week."))
    }
}
