use serde::{Deserialize, Serialize};
use umbel_guest::{AccountId, FieldError, GroupName, Role};

/// How an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Its owner made it, and it waits for an administrator's approval.
    Waiting,
    Active,
    /// Its password is a first one, or one that an administrator made: it must be changed.
    FirstPassword,
    Suspended,
    Expired,
    /// It goes once its guests are gone.
    Leaving,
}

impl AccountState {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Active, Self::FirstPassword, Self::Suspended, Self::Expired, Self::Leaving];

    /// As the API spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::FirstPassword => "first_password",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Leaving => "leaving",
        }
    }

    pub fn lets_in(self) -> bool {
        matches!(self, Self::Active | Self::FirstPassword)
    }
}

/// Whether people make accounts of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    #[default]
    Off,
    /// What they make waits for an administrator.
    Approval,
    Open,
}

impl Registration {
    pub const ALL: [Self; 3] = [Self::Off, Self::Approval, Self::Open];

    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Approval => "approval",
            Self::Open => "open",
        }
    }
}

impl std::str::FromStr for Registration {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|registration| registration.word() == text);
        found.ok_or_else(|| FieldError::new("registration", "Must be off, approval or open."))
    }
}

/// What administrators have decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegistrationSettings {
    pub registration: Registration,
}

/// What becomes of an account's guests when it is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GuestsThen {
    GoOn,
    ShutDown,
}

/// What becomes of an account's guests when it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestsLeft {
    /// There may be none.
    None,
    Delete,
    /// To the account of that name.
    Give(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AccountShown {
    pub id: AccountId,
    pub name: String,
    pub role: Role,
    pub state: AccountState,
    /// After it the account lets nobody in.
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub last_sign_in_at: Option<i64>,
    /// Whether a sign-in asks for a code too.
    pub second_factor: bool,
    /// Whether a sign-in provider lets its owner in too.
    pub linked: bool,
}

impl AccountShown {
    pub fn must_change_password(&self) -> bool {
        self.state == AccountState::FirstPassword
    }
}

/// An account among the others, with what is counted for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PersonShown {
    #[serde(flatten)]
    pub account: AccountShown,
    /// How many are theirs.
    pub guests: u32,
}

/// What accounts somebody looks for, as a form and the API spell it; what is empty lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct PersonFilter {
    /// Part of its name.
    pub name: String,
    /// `user`, `teacher`, `operator` or `administrator`.
    pub role: String,
    /// A word of [`AccountState`].
    pub state: String,
    /// Where to go on: `next` of the page before.
    pub cursor: String,
    pub limit: String,
}

/// Some accounts, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PersonPage {
    pub rows: Vec<PersonShown>,
    /// `cursor` of the next page, if there is one.
    pub next: Option<String>,
}

/// A first password, shown once to the administrator who made the account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FirstPassword {
    pub account: AccountId,
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for FirstPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstPassword").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Many accounts at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportDraft {
    /// CSV (RFC 4180), an account a line: name, role (user where it is empty), group or nothing.
    pub lines: String,
    /// Makes nothing.
    #[serde(default)]
    pub only_check: bool,
}

/// The accounts of all lines, or none of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImportShown {
    pub accounts: Vec<ImportedShown>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImportedShown {
    pub name: String,
    pub role: Role,
    pub group: Option<GroupName>,
    /// The first one, shown once; none where it was only checked.
    pub password: Option<String>,
}

impl std::fmt::Debug for ImportedShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedShown").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One place where somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionShown {
    /// A hash, good for ending the session and for nothing else.
    pub id: String,
    pub created_at: i64,
    pub last_seen_at: i64,
    pub address: String,
    pub user_agent: String,
    pub current: bool,
}

/// One's own second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SecondFactorShown {
    Off,
    On {
        since: i64,
        /// Recovery codes that weren't used.
        codes_left: u32,
    },
}

/// A secret that waits for its first code, told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct SecondFactorStart {
    /// In base32, as it is typed.
    pub secret: String,
    /// The same for a QR code.
    pub uri: String,
}

/// Each opens the account once in place of a code; told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct RecoveryCodes {
    pub codes: Vec<String>,
}

impl std::fmt::Debug for SecondFactorStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactorStart")
    }
}

impl std::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodes")
    }
}
