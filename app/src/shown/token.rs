use serde::{Deserialize, Serialize};
use umbel_guest::{FieldError, GroupId, GroupName};

/// What a token lets a program do; never more than its account may do anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Read,
    Power,
    Console,
    Write,
    Manage,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Read, Self::Power, Self::Console, Self::Write, Self::Manage];

    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Power => "power",
            Self::Console => "console",
            Self::Write => "write",
            Self::Manage => "manage",
        }
    }

    /// What it opens, for whoever chooses.
    pub fn explained(self) -> &'static str {
        match self {
            Self::Read => "See guests, networks, kernels, operations and events.",
            Self::Power => "Start, shut down, kill, restart, pause and resume guests.",
            Self::Console => "Read consoles and type into them.",
            Self::Write => "Create, change, delete and purge guests, lead ports, cancel operations.",
            Self::Manage => "What only administrators may do: people, kernels, adoption, settings.",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|scope| scope.word() == text);
        found.ok_or_else(|| FieldError::new("scopes", "A scope is read, power, console, write or manage."))
    }
}

/// A token as its owner sees it ever after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TokenShown {
    /// A hash, good for removing the token and for nothing else.
    pub id: String,
    pub name: String,
    /// The only one whose guests it is good for.
    pub group: Option<GroupId>,
    pub group_name: Option<GroupName>,
    pub scopes: Vec<Scope>,
    pub created_at: i64,
    pub expires_at: i64,
    /// To the minute.
    pub last_used_at: Option<i64>,
}

/// What a new token should be; checked by the panel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenDraft {
    pub name: String,
    /// One that one is in: the token is good for its guests only. Nobody's, for all that one may oneself.
    #[serde(default)]
    pub group: Option<GroupId>,
    /// Words of [`Scope`].
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How long it is good, in days.
    pub days: u32,
}

/// What a program asks its owner for by a link. It has made the token by itself and tells its hash, so the secret is in
/// no address, no page and no answer. Text as it came: the panel checks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenAsk {
    /// SHA-256 of the token, in lower-case hexadecimal.
    pub id: String,
    pub name: String,
    /// Words of [`Scope`] with commas between them.
    pub scopes: String,
    pub days: String,
    /// The name of a group, or nothing.
    pub group: String,
}

impl TokenAsk {
    /// Names and values, as an address and a form have them.
    pub fn fields(&self) -> [(&'static str, &str); 5] {
        [("id", &self.id), ("name", &self.name), ("scopes", &self.scopes), ("days", &self.days), ("group", &self.group)]
    }
}

/// A token, shown once to the one who made it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NewToken {
    pub id: String,
    pub name: String,
    pub token: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("name", &self.name).finish_non_exhaustive()
    }
}
