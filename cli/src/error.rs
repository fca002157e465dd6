use std::error::Error;
use std::io;
use std::path::PathBuf;

use umbel_guest::UploadId;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Panel(#[from] umbel_client::Error),
    #[error("no panel is named: sign in first, or say --panel http://127.0.0.1:8080")]
    NoPanel,
    #[error("there is no {what} {name:?}; umbelctl {list} shows those that are there")]
    Unknown { what: &'static str, name: String, list: &'static str },
    #[error("{0}")]
    Wrong(String),
    /// An operation that ended badly.
    #[error("{what}: {reason}")]
    Failed { what: String, reason: String },
    #[error("{what} {}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    /// A file that is in the panel in part.
    #[error("the file was cut off; within a day, --upload {upload} goes on with it")]
    Cut { upload: UploadId, source: Box<umbel_client::Error> },
    #[error("{what}")]
    Terminal { what: &'static str, source: io::Error },
    #[error("printing")]
    Print(#[from] io::Error),
    #[error("writing it as JSON")]
    Json(#[from] serde_json::Error),
    #[error("writing it as YAML")]
    Yaml(#[from] serde_yaml_ng::Error),
}

impl Failure {
    /// The status that the panel refused with, or would have.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Panel(error) => error.status().map(|status| status.as_u16()),
            Self::NoPanel => Some(401),
            Self::Unknown { .. } => Some(404),
            Self::Wrong(_) => Some(422),
            _ => None,
        }
    }

    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Panel(error) if error.is_passing())
    }

    /// With its causes, on one line.
    pub(crate) fn in_full(&self) -> String {
        let (mut text, mut cause) = (self.to_string(), self.source());
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
