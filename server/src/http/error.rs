//! Errors on their way out: problem details (RFC 9457) for programs, plain pages for people.

use axum::Json;
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use umbel_app::plain::{MessageView, message_page};
use umbel_app::{AppError, paths};
use umbel_guest::FieldError;
use utoipa::ToSchema;

/// An [`AppError`] on its way out of the API.
#[derive(Debug)]
pub struct Problem(pub AppError);

/// Problem details (RFC 9457). Without a type of its own the status says which problem it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// Only where there is more to know than the status says.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// The status in words.
    title: &'static str,
    status: u16,
    /// A sentence for the person who asked.
    detail: String,
    /// Every field that is wrong, and what would be right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let errors = match &self.0 {
            AppError::Invalid(errors) => errors.0.as_slice(),
            _ => &[],
        };
        let mut response = typed(kind_of(&self.0), status_of(&self.0), self.0.to_string(), errors);
        retry_after(&self.0, response.headers_mut());
        response
    }
}

/// The answer of the API where there is no [`AppError`] of its status.
pub fn problem(status: StatusCode, detail: String, errors: &[FieldError]) -> Response {
    typed(None, status, detail, errors)
}

/// What a program does something about by itself.
fn kind_of(error: &AppError) -> Option<&'static str> {
    match error {
        AppError::CodeNeeded => Some("urn:umbel:code-needed"),
        AppError::ConfirmNeeded => Some("urn:umbel:confirm-needed"),
        _ => None,
    }
}

fn typed(kind: Option<&'static str>, status: StatusCode, detail: String, errors: &[FieldError]) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let details = ProblemDetails { kind, title, status: status.as_u16(), detail, errors: errors.to_vec() };
    let mut response = (status, Json(details)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

pub fn status_of(error: &AppError) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// When to try again, for those who read headers (RFC 9110, section 10.2.3).
pub fn retry_after(error: &AppError, headers: &mut HeaderMap) {
    match error {
        AppError::TooMany { retry_after_s } => drop(headers.insert(RETRY_AFTER, (*retry_after_s).into())),
        AppError::Unavailable { .. } => drop(headers.insert(RETRY_AFTER, 2.into())),
        _ => {}
    }
}

/// What kind of answer the one who asks can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The API: problem details.
    Program,
    /// A page of ours that calls a server function: the error itself.
    ServerFunction,
    /// A person: a plain page.
    Person,
}

impl Reader {
    pub fn of(path: &str, headers: &HeaderMap) -> Self {
        let takes_html = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
        if is_under(path, "/api") || path == paths::EVENTS {
            Self::Program
        } else if is_under(path, paths::SERVER_FN) && !takes_html {
            Self::ServerFunction
        } else {
            Self::Person
        }
    }

    /// The error in words and form that this reader understands.
    pub fn answer(self, error: AppError, nonce: &str) -> Response {
        match self {
            Self::Program => Problem(error).into_response(),
            Self::ServerFunction => {
                let mut response = (status_of(&error), Json(&error)).into_response();
                retry_after(&error, response.headers_mut());
                response
            }
            Self::Person => {
                let mut response = self.refuse(status_of(&error), error.to_string(), nonce);
                retry_after(&error, response.headers_mut());
                response
            }
        }
    }

    /// The same for a refusal of the edge itself.
    pub fn refuse(self, status: StatusCode, text: String, nonce: &str) -> Response {
        match self {
            Self::Program => problem(status, text, &[]),
            Self::ServerFunction => (status, Json(AppError::Forbidden { reason: text })).into_response(),
            Self::Person => {
                let title = status.canonical_reason().unwrap_or("Error").to_owned();
                let link = Some((paths::OVERVIEW.to_owned(), "To the overview".to_owned()));
                (status, Html(message_page(&MessageView { title, text, link }, nonce))).into_response()
            }
        }
    }
}

/// Whether `path` is `parent` or lies below it.
pub fn is_under(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_told_in_a_way_they_read() {
        let html = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/html,*/*"))]);
        let none = HeaderMap::new();
        assert_eq!(Reader::of("/api/v1/none", &html), Reader::Program);
        assert_eq!(Reader::of("/apiary", &html), Reader::Person);
        assert_eq!(Reader::of("/_sf/guest_list", &none), Reader::ServerFunction);
        assert_eq!(Reader::of("/_sf/guest_list", &html), Reader::Person);
        assert_eq!(Reader::of("/guests", &none), Reader::Person);
    }
}
