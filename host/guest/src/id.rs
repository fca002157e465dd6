//! Typed ids. Rows and messages carry these, never a bare string or number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not an id of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct BadId {
    text: String,
    what: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The last 12 hexadecimal digits: the random part of a version 7 UUID, short enough
            /// for a socket path (108 bytes) and a process list.
            pub fn short(&self) -> String {
                let text = self.0.simple().to_string();
                text[20..].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| BadId { text: text.chars().take(64).collect(), what: $what })
            }
        }
    };
}

uuid_id!(
    /// One guest, for as long as anything remembers it.
    GuestId, "the id of a guest"
);
uuid_id!(
    /// One account, a person's or the first administrator's; of an owner, that of a group too.
    AccountId, "the id of an account"
);
uuid_id!(
    /// A group of accounts.
    GroupId, "the id of a group"
);
impl GroupId {
    /// A group owns what it owns by a row of accounts with its own id, as what nobody signs in to.
    pub fn as_owner(self) -> AccountId {
        AccountId(self.0)
    }
}

uuid_id!(
    /// A link by which people make accounts of their own.
    InvitationId, "the id of an invitation"
);
uuid_id!(
    /// One person's network on one host.
    NetworkId, "the id of a network"
);
uuid_id!(
    /// Files that came in and are not yet taken over.
    UploadId, "the id of an upload"
);
uuid_id!(
    /// A copy of a guest's disk that is kept.
    SnapshotId, "the id of a snapshot"
);
uuid_id!(
    /// A copy of a guest's disk that is kept elsewhere.
    BackupId, "the id of a backup"
);
uuid_id!(
    /// A disk that guests have beside their own.
    VolumeId, "the id of a volume"
);
uuid_id!(
    /// A file on its way into a guest or out of it.
    ParcelId, "the id of a file on its way"
);
uuid_id!(
    /// A public key of an account.
    KeyId, "the id of a key"
);
uuid_id!(
    /// Somebody's wish for more of their quota.
    QuotaRequestId, "the id of a request"
);
uuid_id!(
    /// An address that events are sent to.
    WebhookId, "the id of a webhook"
);
uuid_id!(
    /// An event on its way to a webhook.
    DeliveryId, "the id of a delivery"
);
uuid_id!(
    /// One durable operation.
    OperationId, "the id of an operation"
);

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 64 of `a-z`, `0-9`, `-` and `.`, beginning with a letter or digit and without `..`:
        /// safe as a directory name by construction.
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
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                if is_slug(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId { text: text.chars().take(64).collect(), what: $what })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

fn is_slug(text: &str) -> bool {
    let head = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    head && text.len() <= 64
        && !text.contains("..")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
}

slug_id!(
    /// One version of an image, for example `tiny-1`.
    ImageId, "the id of an image"
);
slug_id!(
    /// One kernel, for example `debian-6.1.176`.
    KernelId, "the id of a kernel"
);
slug_id!(
    /// One panel on one machine, for example `3f9a1c`: a short hash of its data directory that is
    /// part of every name it gives to a thing on the host, so that two panels never meet.
    InstanceId, "the id of an instance"
);

/// How new an order is. The agent refuses what is older than what it has seen; restoring a backup
/// starts a new epoch, so that a panel with older numbers is heard again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Generation {
    pub epoch: u32,
    pub number: u64,
}

impl Generation {
    pub const FIRST: Self = Self { epoch: 1, number: 1 };

    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_slug_is_one_path_component(text in "\\PC{0,70}") {
            if let Ok(id) = text.parse::<ImageId>() {
                let path = std::path::Path::new(id.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert!(matches!(path.components().next(), Some(std::path::Component::Normal(_))));
            }
        }
    }

    #[test]
    fn slugs_that_climb_or_hide_are_refused() {
        for text in ["", ".", "..", "a..b", "/", "a/b", ".hidden", "-x", "A", "a b", "ä", &"a".repeat(65)] {
            assert!(text.parse::<KernelId>().is_err(), "{text:?} was taken");
        }
        assert!("debian-6.1.176".parse::<KernelId>().is_ok());
    }

    #[test]
    fn a_new_epoch_beats_every_number() {
        let old = Generation { epoch: 1, number: u64::MAX - 1 };
        assert!(Generation { epoch: 2, number: 1 } > old);
        assert!(old.next() > old);
    }
}
