//! What of a guest's disk is one guest's own, and stays behind where the disk becomes an image for others. Which files
//! those are, `host/agent/src/workshop/traces` lists.

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// Why files stay behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// What the guest proves itself by; made anew at a first boot.
    HostKeys,
    /// machine-id(5) tells what has one from what has none yet.
    MachineId,
    RandomSeed,
    Logs,
    /// What people have typed.
    History,
    /// Of people, for signing in elsewhere.
    PrivateKeys,
    Leases,
    /// What the guest was told at its first start, and has noted of it.
    Setup,
    Temporary,
    Mail,
    /// Whose keys and passwords let them in.
    Logins,
}

impl Trace {
    pub const ALL: [Self; 11] = [
        Self::HostKeys,
        Self::MachineId,
        Self::RandomSeed,
        Self::Logs,
        Self::History,
        Self::PrivateKeys,
        Self::Leases,
        Self::Setup,
        Self::Temporary,
        Self::Mail,
        Self::Logins,
    ];

    /// As the list of files and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::HostKeys => "host_keys",
            Self::MachineId => "machine_id",
            Self::RandomSeed => "random_seed",
            Self::Logs => "logs",
            Self::History => "history",
            Self::PrivateKeys => "private_keys",
            Self::Leases => "leases",
            Self::Setup => "setup",
            Self::Temporary => "temporary",
            Self::Mail => "mail",
            Self::Logins => "logins",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::HostKeys => "Host keys",
            Self::MachineId => "Machine id",
            Self::RandomSeed => "Random seed",
            Self::Logs => "Logs",
            Self::History => "What was typed",
            Self::PrivateKeys => "Private keys of people",
            Self::Leases => "Leases of addresses",
            Self::Setup => "What it was told at its first start",
            Self::Temporary => "Temporary files and caches",
            Self::Mail => "Mail",
            Self::Logins => "Keys and passwords that let people in",
        }
    }
}

impl std::str::FromStr for Trace {
    type Err = NoTrace;

    fn from_str(text: &str) -> Result<Self, NoTrace> {
        Self::ALL.into_iter().find(|trace| trace.word() == text).ok_or(NoTrace)
    }
}

/// A word that is no trace's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no trace of that kind")]
pub struct NoTrace;

/// What was found of one kind. All of it is the word of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Found {
    pub trace: Trace,
    pub files: u64,
    pub bytes: u64,
    /// The first of them, printable ASCII.
    pub names: Vec<String>,
}

/// What becomes of those by which people sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Logins {
    /// Users stay, and nobody gets in as one of them with what let them in before.
    #[default]
    Remove,
    Keep,
}

impl Logins {
    pub fn name(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::Keep => "keep",
        }
    }
}

impl std::str::FromStr for Logins {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = [Self::Remove, Self::Keep].into_iter().find(|logins| logins.name() == text);
        found.ok_or_else(|| FieldError::new("logins", "Must be one of: remove, keep."))
    }
}
