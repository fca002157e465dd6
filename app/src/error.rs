//! The one error that crosses from panel to page: few variants, a sentence for the person, a status.
//! Causes stay in the panel's log.

use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use umbel_guest::{Denied, FieldErrors};

use crate::codec::JsonText;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "detail", rename_all = "snake_case")]
pub enum AppError {
    #[error("Sign in first.")]
    NotSignedIn,
    /// The password was right, and a code of the second factor is asked for too.
    #[error("A code of your second factor is needed too.")]
    CodeNeeded,
    /// A first password must be changed before anything else.
    #[error("Choose a new password first.")]
    MustChangePassword,
    /// It is the caller's to do, and takes a proof of who they are that is not so old.
    #[error("This asks for a fresh proof of who you are. Give it, then do this again.")]
    ConfirmNeeded,
    #[error("{reason}")]
    Forbidden { reason: String },
    /// Also what a stranger is told about things that are not theirs.
    #[error("There is no such {what}.")]
    NotFound { what: String },
    #[error("{0}")]
    Invalid(FieldErrors),
    /// Right in itself, but not in the state that things are in.
    #[error("{message}")]
    Conflict { message: String },
    /// Since whoever changes it has seen it.
    #[error("It has been changed meanwhile. Read it again, and change that.")]
    Changed,
    #[error("Too many tries. Try again in {retry_after_s} s.")]
    TooMany { retry_after_s: u64 },
    /// The agent or the database is away; what was asked for may be tried again.
    #[error("{message}")]
    Unavailable { message: String },
    /// The reference stands beside the cause in the panel's log.
    #[error("Something went wrong in the panel. Its log has the cause under {reference}.")]
    Internal { reference: String },
}

impl AppError {
    /// What is wrong with those fields is said of another, where a form has other ones than the port.
    #[must_use]
    pub fn of_field(mut self, from: &[&str], to: &str) -> Self {
        if let Self::Invalid(wrong) = &mut self {
            wrong.0.iter_mut().filter(|e| from.contains(&e.field.as_str())).for_each(|e| to.clone_into(&mut e.field));
        }
        self
    }

    /// HTTP status of an answer that is this error (RFC 9110, section 15).
    pub fn status(&self) -> u16 {
        match self {
            Self::NotSignedIn | Self::CodeNeeded => 401,
            Self::MustChangePassword | Self::ConfirmNeeded | Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::Changed => 412,
            Self::Invalid(_) => 422,
            Self::TooMany { .. } => 429,
            Self::Internal { .. } => 500,
            Self::Unavailable { .. } => 503,
        }
    }

    pub fn not_found(what: &str) -> Self {
        Self::NotFound { what: what.to_owned() }
    }
}

impl From<Denied> for AppError {
    fn from(denied: Denied) -> Self {
        Self::Forbidden { reason: denied.to_string() }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonText;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(message) => {
                Self::Unavailable { message: format!("The panel can't be reached: {message}") }
            }
            ServerFnErrorErr::Args(message) | ServerFnErrorErr::MissingArg(message) => {
                Self::Invalid(FieldErrors::one("form", message))
            }
            other => Self::Internal { reference: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fields_that_are_named_become_another() {
        let wrong = |field: &str| AppError::Invalid(FieldErrors::one(field, "Taken."));
        assert_eq!(wrong("name").of_field(&["name", "version"], "image"), wrong("image"));
        assert_eq!(wrong("url").of_field(&["name", "version"], "image"), wrong("url"));
        assert_eq!(AppError::NotSignedIn.of_field(&["name"], "image"), AppError::NotSignedIn);
    }

    #[test]
    fn every_error_crosses_from_panel_to_page() {
        for error in [
            AppError::NotSignedIn,
            AppError::CodeNeeded,
            AppError::ConfirmNeeded,
            AppError::not_found("guest"),
            AppError::Invalid(FieldErrors::one("name", "Taken.")),
            AppError::Conflict { message: "No.".into() },
            AppError::TooMany { retry_after_s: 3 },
        ] {
            let json = serde_json::to_string(&error).expect("plain data");
            assert_eq!(serde_json::from_str::<AppError>(&json).expect(&json), error);
        }
    }
}
