//! An image's name and versions, and where it came from.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::id::ImageId;

/// Where an image came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImageOrigin {
    /// Built on the host out of what is installed there, by Umbel itself.
    Built,
    /// The host's own files.
    Host,
    /// A file system that somebody put in.
    #[default]
    Imported,
    /// The same, got by the panel from an address.
    Fetched,
    /// Built on the host of a recipe that somebody gave.
    Recipe,
    /// Made of what a guest had.
    Published,
}

impl ImageOrigin {
    /// Whether somebody has put it in, and may take it away again.
    pub fn is_somebodys(self) -> bool {
        match self {
            Self::Imported | Self::Fetched | Self::Recipe | Self::Published => true,
            Self::Built | Self::Host => false,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Built => "built by Umbel",
            Self::Host => "this host's own files",
            Self::Imported => "imported",
            Self::Fetched => "fetched",
            Self::Recipe => "built of a recipe",
            Self::Published => "made of a guest",
        }
    }
}

impl ImageId {
    /// What follows the last `-` is the version, if it begins with a digit: `debian-13.2` is version `13.2` of `debian`.
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self.as_str().rsplit_once('-') {
            Some((name, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => (name, Some(version)),
            _ => (self.as_str(), None),
        }
    }

    /// Whether it is the same as the other one by name, in a later version. Versions are compared part by part between
    /// their dots, numbers as numbers.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        match (self.parts(), other.parts()) {
            ((name, Some(version)), (of, Some(before))) => name == of && compared(version, before).is_gt(),
            _ => false,
        }
    }
}

fn compared(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (one, None) => one.map_or(Ordering::Equal, |_| Ordering::Greater),
            (None, _) => Ordering::Less,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                _ => one.cmp(other),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ImageId {
        text.parse().expect("a slug")
    }

    #[test]
    fn a_version_is_what_begins_with_a_digit_at_the_end() {
        assert_eq!(id("tiny-2").parts(), ("tiny", Some("2")));
        assert_eq!(id("debian-13-2026.11").parts(), ("debian-13", Some("2026.11")));
        for name in ["host", "alpine-edge", "7"] {
            assert_eq!(id(name).parts(), (name, None));
        }
    }

    #[test]
    fn versions_of_one_name_are_compared_as_people_count() {
        for (later, earlier) in [("tiny-10", "tiny-9"), ("a-1.10", "a-1.9"), ("a-1.0", "a-1"), ("a-13rc2", "a-13rc1")] {
            assert!(id(later).is_newer_than(&id(earlier)), "{later} {earlier}");
            assert!(!id(earlier).is_newer_than(&id(later)), "{later} {earlier}");
        }
        for (one, other) in [("tiny-2", "tiny-2"), ("tiny-2", "host"), ("tiny-2", "tin-1"), ("host", "host")] {
            assert!(!id(one).is_newer_than(&id(other)), "{one} {other}");
        }
    }
}
