//! All pages over made-up guests, to look at while styling: no agent, no store, nobody signs in.
//!
//! ```text
//! deploy/site.sh && cargo run -p umbel-app --features ssr --example preview
//! ```
//! It listens on 127.0.0.1:8090, or on the address after `--`, and takes the site of `$CARGO_TARGET_DIR`;
//! `/empty/…` sets a cookie with which the panel has no guest yet, `/full/…` takes it away again.

#[path = "../../tests/pages/fake.rs"]
mod fake;
mod hardware;
mod made_up;
mod plain;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use leptos::config::LeptosOptions;
use leptos::nonce::Nonce;
use leptos::prelude::provide_context;
use umbel_app::backend::Backend;
use umbel_app::shown::Role;
use umbel_app::{App, OUTPUT_NAME, paths, shell};
use umbel_guest::console::{ConsoleState, ToReader};
use umbel_guest::state::Badge;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // Sets up the executor too, as in the server.
    leptos_axum::generate_route_list(App);
    let router = Router::new()
        .route(paths::EVENTS, any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(quiet) }))
        .route("/api/v1/guests/{guest}/console", any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(console) }))
        .route("/_sf/{name}", any(|request: Request| answer(request, true)))
        .route("/empty", get(|| async { chosen("empty") }))
        .route("/full", get(|| async { chosen("full") }))
        .merge(plain::routes())
        .fallback(|request: Request| async {
            match file(request.uri().path()) {
                Some(response) => response,
                None => answer(request, false).await,
            }
        });
    let listener = tokio::net::TcpListener::bind(address()).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router).await
}

fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".into())
}

fn chosen(what: &str) -> Response {
    ([(header::SET_COOKIE, format!("preview={what}; Path=/"))], Redirect::to("/")).into_response()
}

/// A page or a server function, with the policy of the real panel around it.
async fn answer(request: Request, function: bool) -> Response {
    let empty = request.headers().get(header::COOKIE).is_some_and(|c| c.to_str().is_ok_and(|c| c.contains("=empty")));
    let backend: Arc<dyn Backend> = Arc::new(if empty { fake::Fake::default() } else { made_up::panel() });
    let nonce = Nonce::new();
    let given = nonce.clone();
    let context = move || {
        provide_context(Arc::clone(&backend));
        provide_context(Some(fake::caller(Role::Administrator)));
        provide_context(given.clone());
    };
    let mut response = if function {
        leptos_axum::handle_server_fns_with_context(context, request).await.into_response()
    } else {
        let options = LeptosOptions::builder().output_name(OUTPUT_NAME).build();
        leptos_axum::render_app_async_with_context(context, move || shell(options.clone()))(request).await
    };
    with_policy(response.headers_mut(), &nonce);
    response
}

fn with_policy(headers: &mut HeaderMap, nonce: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self' ws://{}; form-action 'self'",
        address()
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn file(path: &str) -> Option<Response> {
    let kind = match path.rsplit_once('.')?.1 {
        "css" => "text/css",
        "js" => "text/javascript",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => return None,
    };
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let bytes = std::fs::read(PathBuf::from(target).join("site").join(path.trim_start_matches('/'))).ok();
    Some(match bytes {
        Some(bytes) => ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

/// Nothing ever changes here.
async fn quiet(mut socket: WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

/// A guest that has booted and says back what is typed.
async fn console(mut socket: WebSocket) {
    let booted = made_up::BOOTED.replace('\n', "\r\n").into_bytes();
    let mut offset = booted.len() as u64;
    let state = ConsoleState {
        badge: Badge::Running,
        live_from: 0,
        keyboard: true,
        keyboard_holder: None,
        typing_denied: None,
        readers: 2,
        columns: 80,
        rows: 24,
    };
    for frame in [ToReader::State(state), ToReader::Chunk { offset: 0, bytes: booted }] {
        if socket.send(Message::Binary(frame.encode().into())).await.is_err() {
            return;
        }
    }
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Binary(frame) = message else { continue };
        let Some((1, typed)) = frame.split_first() else { continue };
        let frame = ToReader::Chunk { offset, bytes: typed.to_vec() };
        offset += typed.len() as u64;
        if socket.send(Message::Binary(frame.encode().into())).await.is_err() {
            return;
        }
    }
}
