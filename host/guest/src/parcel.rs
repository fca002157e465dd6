//! A file on its way into a guest, or out of it: on a disk that the guest has for as long as that takes, without a network.
//! docs/guest-files.md has what is on that disk, and what a guest says of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::FieldError;
use crate::id::ParcelId;
use crate::name::text_type;

/// The script that does the guest's part.
pub const SCRIPT: &str = include_str!("files.sh");
/// What a guest's lines about it begin with.
pub const ANSWER: &str = "umbel-files: ";
/// Where the disk is in the guest: behind all volumes, and the last that the kernel has (`MAX_DEV`,
/// arch/um/drivers/ubd_kern.c).
pub const DEVICE: &str = "/dev/ubdp";
pub const NUMBER: u8 = 15;
/// Where in the guest a file comes to.
pub const PLACE: &str = "/root/files";

/// Bytes of one name (`NAME_MAX`, limits.h of Linux), and of a path that is asked for.
const NAME_LENGTH: usize = 255;
const PATH_LENGTH: usize = 1024;

text_type!(
    /// What a file is called: one part of a path, at most 255 bytes, no control characters, no space at either end.
    FileName, "name", file_name
);
text_type!(
    /// A file or a directory of a guest, from `/` on; without `.` and `..` and what no line can have in it.
    GuestPath, "path", guest_path
);

fn file_name(text: &str) -> Result<String, String> {
    let wrong = |message: &str| Err(message.to_owned());
    if text.is_empty() || text.len() > NAME_LENGTH {
        return wrong("The name of a file has 1 to 255 bytes.");
    }
    if text.contains('/') || text == "." || text == ".." {
        return wrong("The name of a file is one part of a path: without /, and neither . nor ..");
    }
    if !is_a_line(text) {
        return wrong("The name of a file has no control characters, and no space at either end.");
    }
    Ok(text.to_owned())
}

fn guest_path(text: &str) -> Result<String, String> {
    let wrong = |message: &str| Err(message.to_owned());
    let Some(inside) = text.strip_prefix('/') else {
        return wrong("A path in the guest begins with /, for example /var/log/syslog.");
    };
    if inside.is_empty() || text.len() > PATH_LENGTH {
        return wrong("Name a file or a directory below /; its path has at most 1,024 bytes.");
    }
    if inside.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return wrong("Say the path in full: without //, /./ and /../, and without a / at its end.");
    }
    if !is_a_line(text) {
        return wrong("A path that is asked for has no control characters, and no space at its end.");
    }
    Ok(text.to_owned())
}

/// Whether a guest can read it as the rest of a line. What turns the direction of writing around, or shows as nothing,
/// would make one name look like another.
fn is_a_line(text: &str) -> bool {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.trim() == text && !text.chars().any(hides)
}

impl GuestPath {
    /// What is asked for, without where it is.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

/// How much may be fetched at once, in whole MiB: 1 to 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct ParcelSize(u32);

impl ParcelSize {
    pub const MOST: Self = Self(1024);
    pub const DEFAULT: Self = Self(64);

    pub fn from_mib(mib: u32) -> Result<Self, FieldError> {
        if (1..=Self::MOST.0).contains(&mib) {
            return Ok(Self(mib));
        }
        Err(FieldError::new("most_mib", "Must be 1 to 1024 MiB."))
    }

    pub fn mib(self) -> u32 {
        self.0
    }

    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }
}

impl TryFrom<u32> for ParcelSize {
    type Error = FieldError;

    fn try_from(mib: u32) -> Result<Self, FieldError> {
        Self::from_mib(mib)
    }
}

impl From<ParcelSize> for u32 {
    fn from(size: ParcelSize) -> Self {
        size.0
    }
}

/// How far a guest says that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "seen", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParcelSeen {
    /// It has the disk, and said nothing yet: nothing in it may know what to do.
    Waits,
    /// Its script is at it.
    Begun,
    /// µs since the epoch, UTC.
    Done { at: i64 },
    /// Its own words.
    Failed { at: i64, why: String },
}

impl ParcelSeen {
    /// What a guest's line says of this one. A script names which it speaks of; a person who does it by hand doesn't.
    pub fn of(line: &str, parcel: ParcelId, at: i64) -> Option<Self> {
        let said = line.strip_prefix(ANSWER)?.trim();
        let said = match said.split_once(' ') {
            Some((word, rest)) => match word.parse::<ParcelId>() {
                Ok(other) if other != parcel => return None,
                Ok(_) => rest,
                Err(_) => said,
            },
            None => said,
        };
        match said.split_once(": ") {
            _ if said == "done" => Some(Self::Done { at }),
            _ if said == "begun" => Some(Self::Begun),
            Some(("failed", why)) => Some(Self::Failed { at, why: why.to_owned() }),
            _ => None,
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_one_part_of_a_path_and_one_line(text in "\\PC{0,40}|[ -~/\n.]{0,9}") {
            if let Ok(name) = text.parse::<FileName>() {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert!(matches!(path.components().next(), Some(std::path::Component::Normal(_))));
                prop_assert_eq!(name.as_str().lines().count(), 1);
            }
        }

        #[test]
        fn whatever_a_guest_says_is_no_panic(text in "(umbel-files: )?\\PC{0,60}") {
            let _ = ParcelSeen::of(&text, ParcelId(uuid::Uuid::nil()), 1);
        }
    }

    #[test]
    fn names_that_climb_or_lie_are_refused() {
        let long = "a".repeat(256);
        for name in ["", ".", "..", "a/b", "/", "a\nb", "a\0b", " a", "a ", "a\u{1b}[2J", "fdp\u{202e}exe.sh", &long] {
            assert!(name.parse::<FileName>().is_err(), "{name:?} was taken");
        }
        for name in ["a", "-rf", ".bashrc", "two  words", "Grüße.txt", "a\\b", "$(x)", &"a".repeat(255)] {
            assert!(name.parse::<FileName>().is_ok(), "{name:?} was refused");
        }
        for path in ["", "/", "a", "/a/../b", "/a//b", "/a/", "/./a", "/a\nb", "/a "] {
            assert!(path.parse::<GuestPath>().is_err(), "{path:?} was taken");
        }
        let path: GuestPath = "/var/log/two words".parse().expect("a path");
        assert_eq!(path.name(), "two words");
    }

    #[test]
    fn a_guest_speaks_of_the_one_that_it_has() {
        let (mine, other) = (ParcelId(uuid::Uuid::from_u128(1)), ParcelId(uuid::Uuid::from_u128(2)));
        let says = |line: &str| ParcelSeen::of(line, mine, 7);
        assert_eq!(says("umbel-files: done"), Some(ParcelSeen::Done { at: 7 }));
        assert_eq!(says(&format!("umbel-files: {mine} done\n")), Some(ParcelSeen::Done { at: 7 }));
        assert_eq!(says(&format!("umbel-files: {mine} begun")), Some(ParcelSeen::Begun));
        assert_eq!(says(&format!("umbel-files: {other} done")), None, "it speaks of another");
        let failed = says(&format!("umbel-files: {mine} failed: there is no /x"));
        assert_eq!(failed, Some(ParcelSeen::Failed { at: 7, why: "there is no /x".into() }));
        for line in ["umbel-setup: done", "umbel-files: dont", "done", ""] {
            assert_eq!(says(line), None, "{line}");
        }
    }
}
