//! Names that people give. A guest's name is its host name inside, so it is a DNS label.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $field:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = FieldError;

            fn from_str(text: &str) -> Result<Self, FieldError> {
                $check(text).map(Self).map_err(|message| FieldError::new($field, message))
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldError;

            fn try_from(text: String) -> Result<Self, FieldError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

pub(crate) use text_type;

text_type!(
    /// A guest's name: 1 to 63 of `a-z`, `0-9` and `-`, no `-` at either end (a DNS label, RFC 1123
    /// section 2.1, in lower case), since it becomes the guest's host name.
    GuestName, "name", guest_name
);
text_type!(
    /// A sign-in name: 2 to 32 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter.
    AccountName, "name", account_name
);
text_type!(
    /// A group's name: 1 to 64 characters, no control characters, none of them a blank at either end.
    GroupName, "name", group_name
);
text_type!(
    /// A snapshot's name: as a group's.
    SnapshotName, "name", snapshot_name
);
text_type!(
    /// A volume's name: as a group's.
    VolumeName, "name", volume_name
);
text_type!(
    /// A free line or two about a guest: at most 500 characters, no control characters but line
    /// feeds. May be empty.
    #[derive(Default)]
    Note, "note", note
);

fn guest_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("A guest needs a name, for example web-1.".into());
    }
    if text.len() > 63 {
        return Err(format!("A name has at most 63 characters; this one has {}.", text.chars().count()));
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err("A name is made of a–z, 0–9 and -, since it becomes the guest's host name.".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("A name begins and ends with a letter or a digit.".into());
    }
    Ok(text.to_owned())
}

fn account_name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("An account needs a name.".into());
    }
    if !(2..=32).contains(&text.len()) {
        return Err("A sign-in name has 2 to 32 characters.".into());
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b)) {
        return Err("A sign-in name is made of a–z, 0–9, -, _ and the dot.".into());
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("A sign-in name begins with a letter.".into());
    }
    Ok(text.to_owned())
}

fn group_name(text: &str) -> Result<String, String> {
    line(text, "A group", "Networks 2026")
}

fn snapshot_name(text: &str) -> Result<String, String> {
    line(text, "A snapshot", "before the upgrade")
}

fn volume_name(text: &str) -> Result<String, String> {
    line(text, "A volume", "data of the shop")
}

fn line(text: &str, what: &str, example: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("{what} needs a name, for example {example}."));
    }
    if text.chars().count() > 64 {
        return Err(format!("{what}'s name has at most 64 characters."));
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Err(format!("{what}'s name holds no control characters, and no blank at either end."));
    }
    Ok(text.to_owned())
}

fn note(text: &str) -> Result<String, String> {
    // Browsers send line ends of text areas as CR LF (HTML, 4.10.21.8).
    let text = text.replace("\r\n", "\n");
    if text.chars().count() > 500 {
        return Err("A note has at most 500 characters.".into());
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("A note holds no control characters.".into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_guest_name_is_one_harmless_word(text in "\\PC{0,70}") {
            if let Ok(name) = text.parse::<GuestName>() {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
                prop_assert!(!name.as_str().starts_with('-'));
            }
        }
    }

    #[test]
    fn names_that_would_be_something_else_are_refused() {
        for text in ["", "-a", "a-", "A", "a b", "a=b", "a,b", "ü", "a\n", "a\0", &"a".repeat(64)] {
            assert!(text.parse::<GuestName>().is_err(), "{text:?} was taken");
        }
        for text in ["a", "web-1", &"a".repeat(63)] {
            assert!(text.parse::<GuestName>().is_ok(), "{text:?} was refused");
        }
    }

    #[test]
    fn a_note_keeps_lines_and_refuses_escapes() {
        assert_eq!("a\r\nb".parse::<Note>().expect("two lines").as_str(), "a\nb");
        assert!("\x1b[31mred".parse::<Note>().is_err());
        assert!("x".repeat(501).parse::<Note>().is_err());
    }
}
