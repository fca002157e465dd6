//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): who doesn't know whether a request was heard asks it
//! again under its key, and it is carried out once. Kept for a day, for each account by itself.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use umbel_app::AppError;
use umbel_guest::{AccountId, FieldErrors};

use super::caller::Known;
use super::error::Problem;
use super::layers::BODY_MOST;
use crate::error::internal;
use crate::panel::Panel;
use crate::store::idempotency::{Answer, idempotency_answer, idempotency_fetch, idempotency_free, idempotency_take};

pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
pub const LONGEST: usize = 128;

/// What an answer may be kept of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    All,
    /// It holds a password or a token.
    Status,
}

/// Around a route that makes something.
pub async fn once(State((panel, keeps)): State<(Panel, Keeps)>, request: Request, next: Next) -> Response {
    match key(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => under(panel, keeps, key, request, next).await.unwrap_or_else(|e| Problem(e).into_response()),
        Err(error) => Problem(error).into_response(),
    }
}

/// A structured field's string (RFC 8941), or the bare word that most clients send.
fn key(headers: &HeaderMap) -> Result<Option<String>, AppError> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    let message = format!("1 to {LONGEST} visible characters, for example a UUID.");
    if fits { Ok(Some(text.to_owned())) } else { Err(wrong(message)) }
}

fn wrong(message: String) -> AppError {
    AppError::Invalid(FieldErrors::one(KEY.as_str(), message))
}

async fn under(panel: Panel, keeps: Keeps, key: String, request: Request, next: Next) -> Result<Response, AppError> {
    let (mut parts, body) = request.into_parts();
    // Nobody's keys are kept; the handler refuses in its own words.
    let Ok(Known(caller)) = Known::from_request_parts(&mut parts, &panel).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let account = caller.account.id;
    // The layers around have bounded it.
    let body = to_bytes(body, BODY_MOST).await.map_err(|error| internal(&error))?;
    // It may hold a password.
    let uri = parts.uri.to_string();
    let asked = panel.accounts.seal().mark(&[parts.method.as_str().as_bytes(), uri.as_bytes(), &body]);
    if !idempotency_take(&panel.store, account, &key, &asked, panel.clock.now()).await? {
        return again(&panel, account, &key, &asked).await;
    }
    let request = Request::from_parts(parts, Body::from(body));
    // On its own, so that it comes to its end and is remembered when its asker goes away.
    let carrying_out = async move {
        let response = next.run(request).await;
        remember(&panel, account, &key, keeps, response).await
    };
    let carried_out = tokio::spawn(carrying_out.in_current_span());
    carried_out.await.map_err(|error| internal(&error))?
}

/// What came of it the first time.
async fn again(panel: &Panel, account: AccountId, key: &str, asked: &str) -> Result<Response, AppError> {
    let conflict = |message: &str| AppError::Conflict { message: message.into() };
    let Some(remembered) = idempotency_fetch(&panel.store, account, key).await? else {
        return Err(conflict("This key was free again a moment ago. Ask once more."));
    };
    if remembered.asked != asked {
        return Err(wrong("This key was used for another request. Take a new one.".into()));
    }
    match remembered.answer {
        Answer::NotYet => Err(conflict("This request is being carried out, or its end is not known.")),
        Answer::Once { status } => {
            let message = format!("This was done ({status}); its answer holds a secret and was told once.");
            Err(AppError::Conflict { message })
        }
        Answer::Given { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, body).into_response();
            match HeaderValue::from_str(&content_type) {
                Ok(kind) if !kind.is_empty() => drop(response.headers_mut().insert(CONTENT_TYPE, kind)),
                _ => drop(response.headers_mut().remove(CONTENT_TYPE)),
            }
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
    }
}

/// Keeps the answer. A refusal is none: nothing was done, and the reason may be gone the next time.
async fn remember(
    panel: &Panel,
    account: AccountId,
    key: &str,
    keeps: Keeps,
    response: Response,
) -> Result<Response, AppError> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_MOST).await.map_err(|error| internal(&error))?;
    if !parts.status.is_success() {
        idempotency_free(&panel.store, account, key).await?;
    } else {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let text = (keeps == Keeps::All).then(|| String::from_utf8_lossy(&body).into_owned());
        idempotency_answer(&panel.store, account, key, parts.status.as_u16(), kind, text).await?;
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}
