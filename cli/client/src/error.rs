use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use tokio_tungstenite::tungstenite;
use umbel_guest::console::Closed;
use umbel_guest::{FieldError, FieldErrors};

/// Why the panel could not be asked, or what it answered instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{address:?} is not the address of a panel: {why}")]
    Address { address: String, why: &'static str },
    #[error("this is no token: it has characters that no token has")]
    Token,
    /// The file of certificates that was named.
    #[error("the certificates of {}: {why}", path.display())]
    Certificates { path: PathBuf, why: String },
    /// One that is to be sent.
    #[error("reading {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
    #[error("the client can't be made")]
    Make(#[source] reqwest::Error),
    /// The panel can't be reached, or the connection broke before it answered.
    #[error("{what}")]
    Send { what: String, source: reqwest::Error },
    /// The panel said no, and why.
    #[error("{what}: {problem}")]
    Refused { what: String, problem: Problem },
    #[error("{what}: the answer can't be read")]
    Content { what: String, source: serde_json::Error },
    #[error("opening the WebSocket {path}")]
    Socket { path: String, source: Box<tungstenite::Error> },
    /// The connection broke while something was being said: nobody can tell whether it arrived.
    #[error("the connection was cut while {what}")]
    Cut { what: &'static str },
    /// The server closed a console for good.
    #[error("the console was closed: {0:?}")]
    Closed(Closed),
    #[error("a frame of the server's can't be read: {0}")]
    Frame(String),
    #[error("not within {patience:?}: {what}")]
    TimedOut { what: String, patience: Duration },
}

impl Error {
    /// The status of a refusal.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { problem, .. } => Some(problem.status),
            _ => None,
        }
    }

    /// Whether the password of a sign-in was right and a code is asked for too.
    pub fn needs_code(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.kind == "urn:umbel:code-needed")
    }

    /// The fields that were refused, with what would be right.
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::Refused { problem, .. } => &problem.fields.0,
            _ => &[],
        }
    }

    /// Whether trying again may help: the panel is away, drains, or the agent is.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Send { .. } | Self::Cut { .. } => true,
            Self::Socket { source, .. } => {
                !matches!(**source, tungstenite::Error::Http(_) | tungstenite::Error::Url(_))
            }
            Self::Refused { problem, .. } => {
                matches!(problem.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY)
            }
            _ => false,
        }
    }
}

/// A refusal: problem details (RFC 9457), as far as the panel sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// Its `type`; empty where the status says all.
    pub kind: String,
    /// A sentence for a person.
    pub detail: String,
    pub fields: FieldErrors,
    /// Seconds after which it is worth trying again (RFC 9110, section 10.2.3).
    pub retry_after_s: Option<u64>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(rename = "type", default)]
    kind: String,
    detail: String,
    #[serde(default)]
    errors: FieldErrors,
}

impl Problem {
    /// Out of an answer's body; one that is not problem details (a proxy's page) is quoted in part.
    pub(crate) fn read(status: StatusCode, retry_after: Option<&str>, body: &[u8]) -> Self {
        let retry_after_s = retry_after.and_then(|text| text.trim().parse().ok());
        match serde_json::from_slice::<Details>(body) {
            Ok(details) => {
                Self { status, kind: details.kind, detail: details.detail, fields: details.errors, retry_after_s }
            }
            Err(_) => {
                let text: String = String::from_utf8_lossy(body).chars().take(200).collect();
                let (kind, detail) = (String::new(), text.trim().to_owned());
                Self { status, kind, detail, fields: FieldErrors::default(), retry_after_s }
            }
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.detail, self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_details_name_their_fields() {
        let body = br#"{"title":"Unprocessable Content","status":422,"detail":"name: Taken.","errors":[{"field":"name","message":"Taken."}]}"#;
        let problem = Problem::read(StatusCode::UNPROCESSABLE_ENTITY, None, body);
        assert_eq!(problem.fields.of("name").collect::<Vec<_>>(), ["Taken."]);
        assert_eq!(problem.to_string(), "name: Taken. (422 Unprocessable Entity)");
    }

    #[test]
    fn what_is_no_problem_document_is_quoted() {
        let problem = Problem::read(StatusCode::BAD_GATEWAY, Some("7"), b"<h1>proxy</h1>\n");
        assert_eq!(problem.detail, "<h1>proxy</h1>");
        assert_eq!(problem.retry_after_s, Some(7));
        assert!(Error::Refused { what: "GET /".into(), problem }.is_passing());
    }
}
