//! Who sees something that a host has for many, such as an image.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{FieldError, GroupId};

/// As text, `public`, `private` or `group:ID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Visibility {
    #[default]
    Public,
    /// Whoever is in that group.
    Group(GroupId),
    /// Only those who manage such things, who see all of them anyway.
    Private,
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::Private => f.write_str("private"),
        }
    }
}

impl FromStr for Visibility {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        match text.trim() {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            text => {
                let group = text.strip_prefix("group:").and_then(|id| id.parse().ok()).map(Self::Group);
                group.ok_or_else(|| FieldError::new("visibility", "One of public, private and group:ID."))
            }
        }
    }
}

impl TryFrom<String> for Visibility {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error: FieldError| error.message)
    }
}

impl From<Visibility> for String {
    fn from(visibility: Visibility) -> Self {
        visibility.to_string()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Visibility {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
        text.pattern(Some("^(public|private|group:[0-9a-f-]{36})$")).build().into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Visibility {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_out_of_its_text() {
        for visibility in
            [Visibility::Public, Visibility::Private, Visibility::Group(GroupId(uuid::Uuid::from_u128(7)))]
        {
            assert_eq!(visibility.to_string().parse(), Ok(visibility));
        }
        for text in ["", "Public", "group:", "group:x", "groups", "public private"] {
            assert!(text.parse::<Visibility>().is_err(), "{text}");
        }
    }
}
