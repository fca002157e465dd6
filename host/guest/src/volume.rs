//! Disks that a guest has beside its own: where they are in it, and who may have the same one at a time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// Where a volume is in its guest: `/dev/ubdc` and on. The two before are the guest's own disk and what it is told at its
/// set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    C,
    D,
    E,
    F,
    G,
    H,
}

impl Slot {
    pub const ALL: [Self; 6] = [Self::C, Self::D, Self::E, Self::F, Self::G, Self::H];

    pub fn letter(self) -> char {
        match self {
            Self::C => 'c',
            Self::D => 'd',
            Self::E => 'e',
            Self::F => 'f',
            Self::G => 'g',
            Self::H => 'h',
        }
    }

    /// As the kernel counts its disks.
    pub fn number(self) -> u8 {
        match self {
            Self::C => 2,
            Self::D => 3,
            Self::E => 4,
            Self::F => 5,
            Self::G => 6,
            Self::H => 7,
        }
    }

    /// Its name in the guest.
    pub fn device(self) -> String {
        format!("/dev/ubd{}", self.letter())
    }

    /// The first one that isn't taken.
    pub fn free(taken: &[Self]) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| !taken.contains(slot))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

impl FromStr for Slot {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|slot| text.len() == 1 && text.starts_with(slot.letter()));
        found.ok_or_else(|| FieldError::new("slot", "Must be one of: c, d, e, f, g, h."))
    }
}

/// What a guest may do with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VolumeAccess {
    /// Beside any number of others that do the same.
    ReadOnly,
    /// Alone.
    ReadWrite,
}

impl VolumeAccess {
    pub const ALL: [Self; 2] = [Self::ReadWrite, Self::ReadOnly];

    /// As rows and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::ReadWrite => "read_write",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::ReadOnly => "read only",
            Self::ReadWrite => "read and write",
        }
    }

    /// Whether a guest may have it so, beside others that have it.
    pub fn fits(self, others: &[Self]) -> bool {
        others.is_empty() || (self == Self::ReadOnly && others.iter().all(|other| *other == Self::ReadOnly))
    }
}

impl FromStr for VolumeAccess {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|access| access.word() == text);
        found.ok_or_else(|| FieldError::new("access", "Must be one of: read_write, read_only."))
    }
}

/// How far a volume has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum VolumeState {
    /// Its file is being made.
    Coming,
    Kept,
    /// It is being removed.
    Going,
}

impl VolumeState {
    const ALL: [Self; 3] = [Self::Coming, Self::Kept, Self::Going];

    /// As rows and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Coming => "coming",
            Self::Kept => "kept",
            Self::Going => "going",
        }
    }
}

/// A word that is no state's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a volume has no such state")]
pub struct NoState;

impl FromStr for VolumeState {
    type Err = NoState;

    fn from_str(text: &str) -> Result<Self, NoState> {
        Self::ALL.into_iter().find(|state| state.word() == text).ok_or(NoState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_is_alone_and_any_number_may_read() {
        use VolumeAccess::{ReadOnly, ReadWrite};
        assert!(ReadWrite.fits(&[]) && ReadOnly.fits(&[]) && ReadOnly.fits(&[ReadOnly, ReadOnly]));
        assert!(!ReadWrite.fits(&[ReadOnly]) && !ReadWrite.fits(&[ReadWrite]) && !ReadOnly.fits(&[ReadWrite]));
    }

    #[test]
    fn a_slot_is_one_letter_and_the_kernels_number_for_it() {
        for slot in Slot::ALL {
            assert_eq!(slot.to_string().parse(), Ok(slot));
            assert_eq!(u32::from(slot.number()), u32::from(slot.letter()) - u32::from('a'));
        }
        for text in ["", "a", "b", "i", "cc", "C", "ü", "2"] {
            assert!(text.parse::<Slot>().is_err(), "{text:?} was taken");
        }
        assert_eq!(Slot::free(&[Slot::C, Slot::E]), Some(Slot::D));
        assert_eq!(Slot::free(&Slot::ALL), None);
    }
}
