//! What stands around every route. From the outside: [`observe`] (a name for the request, its time,
//! its panic), [`guard`] (whom the request may come from, what a browser may do with the answer),
//! the session, [`bound`] (so many at a time, so much of a body, so long).

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, UPGRADE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures::{FutureExt as _, StreamExt as _};
use leptos::nonce::Nonce;
use rand::Rng as _;
use tokio::time::timeout;
use tracing::Instrument as _;
use umbel_app::{AppError, paths};

use super::caller::token;
use super::error::{Reader, is_under};
use super::origin::{Foreign, Origins, is_safe};
use crate::error::internal;
use crate::metrics::Metrics;
use crate::panel::Panel;

/// The largest body: forms and JSON of a few fields. Files that are uploaded have bounds of their own.
pub const BODY_MOST: usize = 64 * 1024;
/// So much of a body that is too large is read and thrown away, so that its sender hears why.
const DISCARD_MOST: usize = 1 << 20;
/// Within so long a body must have come, and an answer gone; sockets live on after theirs.
const BODY_TIME: Duration = Duration::from_secs(10);
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// An image of 16 GiB by 10 Mbit/s.
const UPLOAD_TIME: Duration = Duration::from_secs(4 * 3600);
/// What the agent may take to read one off a disk.
const TAKE_TIME: Duration = Duration::from_secs(720);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[derive(Debug, thiserror::Error)]
#[error("a panic: {0}")]
struct Panicked(String);

/// Names the request in the log and in its answer. A panic of a handler is that request's alone.
pub async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let id = format!("{:08x}", rand::rng().random::<u32>());
    let reader = Reader::of(request.uri().path(), request.headers());
    // Without its query, which may hold the token of a first run.
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, began) = (request.method().clone(), Instant::now());
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let _in = span.enter();
    let mut response = answer.unwrap_or_else(|panic| {
        let mut response = reader.answer(internal(&Panicked(words_of(&*panic))), "");
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    });
    let status = response.status().as_u16();
    metrics.answered(&method, route.as_ref().map(MatchedPath::as_str), status, began.elapsed());
    tracing::debug!(status, ms = began.elapsed().as_millis(), "answered");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".into())
}

/// Lets in what comes from pages of ours, and tells browsers how far to trust the answer.
pub async fn guard(State(panel): State<Panel>, mut request: Request, next: Next) -> Response {
    let nonce = Nonce::new();
    let policy = policy(&panel.origins, request.headers(), &nonce);
    let mut response = match check(&panel.origins, &request) {
        Ok(()) => {
            request.extensions_mut().insert(nonce);
            next.run(request).await
        }
        Err(foreign) => {
            tracing::info!(%foreign, "refused");
            let reader = Reader::of(request.uri().path(), request.headers());
            reader.refuse(StatusCode::FORBIDDEN, foreign.to_string(), &nonce)
        }
    };
    harden(response.headers_mut(), policy, panel.origins.is_https());
    response
}

fn check(origins: &Origins, request: &Request) -> Result<(), Foreign> {
    // A supervisor asks by whatever address it has, and these two tell nothing.
    if matches!(request.uri().path(), "/healthz" | "/readyz") && is_safe(request.method()) {
        return Ok(());
    }
    origins.check_host(request.headers(), request.uri().authority())?;
    // Another's page can't make a browser send a token (Fetch: the panel would be asked first, and does not
    // answer), and where one is sent, cookies are not looked at.
    let path = request.uri().path();
    if (is_under(path, paths::API) || path == paths::EVENTS) && token(request.headers()).is_some() {
        return Ok(());
    }
    let socket = request.headers().contains_key(UPGRADE) || request.method() == Method::CONNECT;
    if socket || !is_safe(request.method()) { origins.check_origin(request.headers()) } else { Ok(()) }
}

/// Content Security Policy, level 3. Styles may stand inline, since xterm.js writes its own.
fn policy(origins: &Origins, headers: &HeaderMap, nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'{}; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'self'; object-src 'none'",
        sockets_of(origins, headers)
    )
}

/// `'self'` does not cover WebSockets in every browser, so their address is named.
fn sockets_of(origins: &Origins, headers: &HeaderMap) -> String {
    let scheme = if origins.is_https() { "wss" } else { "ws" };
    match origins {
        Origins::Public { authority, .. } => format!(" {scheme}://{authority}"),
        Origins::Loopback { .. } => {
            let host = headers.get(HOST).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<Authority>().ok());
            // Any other host is refused, and put together again so that nothing but a host gets in.
            host.filter(|host| origins.check_host(headers, Some(host)).is_ok())
                .map(|host| {
                    let port = host.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
                    format!(" {scheme}://{}{port}", host.host())
                })
                .unwrap_or_default()
        }
    }
}

fn harden(headers: &mut HeaderMap, policy: String, https: bool) {
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // Forms without scripts are led back by it, so our own pages get it.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Only the built site may be kept; it says so itself.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Reads the body of whatever has one, so that no handler meets one that is too large or never ends.
pub async fn bound(State(panel): State<Panel>, request: Request, next: Next) -> Response {
    let reader = Reader::of(request.uri().path(), request.headers());
    let nonce = request.extensions().get::<Nonce>().map(ToString::to_string).unwrap_or_default();
    let too_slow = || {
        let message = "The panel did not get it done in time. Try again in a moment.".into();
        reader.answer(AppError::Unavailable { message }, &nonce)
    };
    if is_upload(&request) {
        let Ok(_turn) = panel.uploading.try_acquire() else {
            let message = "Other files are coming in. Try again in a moment.".into();
            return reader.answer(AppError::Unavailable { message }, &nonce);
        };
        return timeout(UPLOAD_TIME, next.run(request)).await.unwrap_or_else(|_| too_slow());
    }
    let Ok(Ok(_turn)) = timeout(ANSWER_TIME, panel.requests.acquire()).await else { return too_slow() };
    let request = match with_whole_body(request).await {
        Ok(request) => request,
        Err(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
            let text = format!("A request has at most {BODY_MOST} bytes.");
            return reader.refuse(status, text, &nonce);
        }
        Err(status) => return reader.refuse(status, "The request took too long to come.".into(), &nonce),
    };
    let patience = if is_taken(&request) { TAKE_TIME } else { ANSWER_TIME };
    match timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => too_slow(),
    }
}

/// A file, which its handler takes as it comes, and only of somebody who may.
fn is_upload(request: &Request) -> bool {
    matches!(*request.method(), Method::PUT | Method::PATCH)
        && is_under(request.uri().path(), &format!("{}/uploads", paths::API))
}

/// A file of a disk, which is read to its end before the first of it goes out; few are at once.
fn is_taken(request: &Request) -> bool {
    *request.method() == Method::GET && request.uri().path().ends_with("/content")
}

async fn with_whole_body(request: Request) -> Result<Request, StatusCode> {
    if is_safe(request.method()) || request.method() == Method::CONNECT {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    match timeout(BODY_TIME, whole(body)).await {
        Ok(Some(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(None) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// `None` where it is too long, or cut off by somebody who hears no answer anyway. What is a little too
/// long is read to its end: a connection that is closed on unread bytes loses the answer too.
async fn whole(body: Body) -> Option<Vec<u8>> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(some) = stream.next().await {
        let some = some.ok()?;
        length += some.len();
        if length > DISCARD_MOST {
            return None;
        }
        if length <= BODY_MOST {
            bytes.extend_from_slice(&some);
        }
    }
    (length <= BODY_MOST).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_sockets_and_lets_no_header_into_itself() {
        let own = Origins::Loopback { port: 8080, tls: false };
        let with = |host: &'static str| HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
        let policy = |host| policy(&own, &with(host), "n0");
        assert!(policy("localhost:8080").contains("connect-src 'self' ws://localhost:8080;"));
        assert!(policy("[::1]:8080").contains("connect-src 'self' ws://[::1]:8080;"));
        assert!(policy("evil.example").contains("connect-src 'self';"));
        assert!(policy("a;script-src*@127.0.0.1:8080").contains("connect-src 'self' ws://127.0.0.1:8080;"));
        assert!(policy("localhost").contains("'nonce-n0' 'wasm-unsafe-eval'"));
    }
}
