//! `If-Match` (RFC 9110, section 13.1.1): a change that is made only if its thing is still as it was read.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use umbel_app::AppError;
use umbel_app::backend::Expects;
use umbel_app::shown::Etag;
use umbel_guest::FieldErrors;

use super::error::Problem;

/// What the header says; weak tags match nothing (section 8.8.3.2).
pub fn expects(headers: &HeaderMap) -> Result<Expects, AppError> {
    let (mut seen, mut said) = (Vec::new(), false);
    for value in headers.get_all(IF_MATCH) {
        said = true;
        // No tag of ours has a comma.
        for tag in value.to_str().map_err(|_| wrong())?.split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Expects::Anything);
            }
            let quoted = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
            match tag.strip_prefix("W/") {
                Some(weak) => drop(quoted(weak).ok_or_else(wrong)?),
                None => seen.push(Etag(quoted(tag).ok_or_else(wrong)?)),
            }
        }
    }
    Ok(if said { Expects::OneOf(seen) } else { Expects::Anything })
}

fn wrong() -> AppError {
    let message = "The ETag of the thing as it was read, in its quotation marks, or *.";
    AppError::Invalid(FieldErrors::one(IF_MATCH.as_str(), message))
}

/// Around a change that takes no condition: one that is passed over would be broken in silence.
pub async fn refused(request: Request, next: Next) -> Response {
    let said = [IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE].into_iter();
    match said.into_iter().find(|name| request.headers().contains_key(name)) {
        Some(name) => {
            let message = "This is not asked under a condition. Ask it without.";
            Problem(AppError::Invalid(FieldErrors::one(name.as_str(), message))).into_response()
        }
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[&str]) -> Result<Expects, AppError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, value.parse().expect("visible"));
        }
        expects(&headers)
    }

    #[test]
    fn tags_are_what_stands_in_quotation_marks() {
        let tags = |tags: &[&str]| Ok(Expects::OneOf(tags.iter().map(|tag| Etag((*tag).to_owned())).collect()));
        assert_eq!(said(&[]), Ok(Expects::Anything));
        assert_eq!(said(&["*"]), Ok(Expects::Anything));
        assert_eq!(said(&["\"a\""]), tags(&["a"]));
        assert_eq!(said(&["\"a\", \"b\"", "\"c\""]), tags(&["a", "b", "c"]));
        assert_eq!(said(&["W/\"a\""]), tags(&[]), "a weak one matches nothing");
        for bad in ["a", "", "\"a", "\"", "W/a", "\"a\","] {
            assert!(said(&[bad]).is_err(), "{bad}");
        }
    }
}
