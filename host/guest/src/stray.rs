//! Root images that are no guest's yet, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Name of a file in the directory for adoption: 1 to 100 of letters, digits, `-`, `_` and `.`, not
/// beginning with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StrayName(String);

impl StrayName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StrayName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if plain && (1..=100).contains(&name.len()) && !name.starts_with('.') {
            Ok(Self(name))
        } else {
            Err("a file name is 1 to 100 of letters, digits, -, _ and ., not beginning with a dot".into())
        }
    }
}

impl From<StrayName> for String {
    fn from(name: StrayName) -> String {
        name.0
    }
}

impl FromStr for StrayName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for StrayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_file_and_not_a_hidden_one() {
        for name in ["", ".", "..", ".root", "a/b", "a b", "ä", &"a".repeat(101)] {
            assert!(name.parse::<StrayName>().is_err(), "{name:?} was taken");
        }
        assert!("Root_fs-1.ext4".parse::<StrayName>().is_ok());
    }
}
