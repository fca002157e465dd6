use serde::{Deserialize, Serialize};
use umbel_guest::{FieldError, FieldErrors};

/// How much it wants to be noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AnnouncementLevel {
    #[default]
    Info,
    Warning,
}

impl AnnouncementLevel {
    pub const ALL: [Self; 2] = [Self::Info, Self::Warning];

    /// As forms and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }

    /// Before the text, since a colour alone says nothing.
    pub fn title(self) -> &'static str {
        match self {
            Self::Info => "Announcement",
            Self::Warning => "Warning",
        }
    }

    /// Of the style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Info => "notice announcement changing",
            Self::Warning => "notice announcement attention",
        }
    }
}

/// What everybody is told on every page, also before they have signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AnnouncementShown {
    /// Plain text, perhaps of several lines.
    pub text: String,
    pub level: AnnouncementLevel,
    /// From then on it is shown no more; `None` until it is taken back.
    pub until: Option<i64>,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AnnouncementDraft {
    pub text: String,
    #[serde(default)]
    pub level: AnnouncementLevel,
    /// For so many hours; without, until it is taken back.
    #[serde(default)]
    pub hours: Option<u32>,
}

impl AnnouncementDraft {
    /// Out of a form's fields; no hours are an empty text.
    pub fn read(text: String, level: &str, hours: &str) -> Result<Self, FieldErrors> {
        let mut wrong = Vec::new();
        let found = AnnouncementLevel::ALL.into_iter().find(|known| known.word() == level);
        if found.is_none() {
            wrong.push(FieldError::new("level", "A level is info or warning."));
        }
        let hours = match hours.trim() {
            "" => None,
            some => some.parse::<u32>().map(Some).unwrap_or_else(|_| {
                wrong.push(FieldError::new("hours", "Whole hours, or nothing for no end."));
                None
            }),
        };
        match (found, wrong.is_empty()) {
            (Some(level), true) => Ok(Self { text, level, hours }),
            _ => Err(FieldErrors(wrong)),
        }
    }
}
