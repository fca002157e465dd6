use serde::{Deserialize, Serialize};
use umbel_guest::{Attachment, Clock, FieldError, KernelFeatures, KernelId, KernelMode};

/// A kernel of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct KernelShown {
    pub id: KernelId,
    /// As the file says it, for example `6.1.176`.
    pub version: String,
    /// In words: where it came from.
    pub origin: String,
    /// Whether somebody put it in, so that it can be removed.
    pub uploaded: bool,
    pub sha256: String,
    pub size_bytes: u64,
    pub features: KernelFeatures,
    pub is_default: bool,
    /// Not offered any more; guests that have it keep it.
    pub retired: bool,
    pub note: String,
    /// Names of the guests that have it, running or not; for administrators.
    pub used_by: Vec<String>,
}

/// Who may do a thing that an administrator decides about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Everyone,
    #[default]
    Administrators,
}

impl Who {
    pub const ALL: [Self; 2] = [Self::Everyone, Self::Administrators];

    pub fn word(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Administrators => "administrators",
        }
    }
}

impl std::str::FromStr for Who {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|who| who.word() == text);
        found.ok_or_else(|| FieldError::new("who", "Must be everyone or administrators."))
    }
}

/// What administrators have decided about kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KernelSettings {
    /// Who may give a guest another kernel than the default.
    pub choice: Who,
    /// Who may put kernels in.
    pub upload: Who,
}

/// What is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct KernelChange {
    pub note: Option<String>,
    pub retired: Option<bool>,
}

/// Which part of the catalogue somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct KernelFilter {
    /// Where to go on: `next` of the page before.
    pub cursor: String,
    pub limit: String,
}

/// Some kernels of the catalogue, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct KernelPage {
    pub rows: Vec<KernelShown>,
    /// `cursor` of the next page, if there is one.
    pub next: Option<String>,
    pub settings: KernelSettings,
    /// Whether the one who asks may put kernels in.
    pub may_upload: bool,
}

/// A value that a form offers, and why it can't be had, if it can't.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Choice<T> {
    pub value: T,
    pub refused: Option<String>,
}

/// A kernel as the form for a guest offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct KernelChoice {
    pub id: KernelId,
    pub version: String,
    pub origin: String,
    pub is_default: bool,
    /// Why the one who asks can't have it.
    pub refused: Option<String>,
    pub features: KernelFeatures,
    pub modes: Vec<Choice<KernelMode>>,
    pub clocks: Vec<Choice<Clock>>,
    pub networks: Vec<Choice<Attachment>>,
}

/// A file that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UploadedFile {
    pub name: String,
    pub size_bytes: u64,
    pub sha256: String,
}

/// What an uploaded kernel is to be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KernelDraft {
    pub upload: String,
    /// As guests name it, for example `mine-7.2`.
    pub name: String,
    #[serde(default)]
    pub note: String,
}
