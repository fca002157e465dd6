//! Pages and their server functions, rendered by Leptos for whoever is signed in.

use std::sync::{Arc, LazyLock};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use leptos::nonce::Nonce;
use leptos::prelude::provide_context;
use leptos::server_fn::ServerFn as _;
use serde::de::DeserializeOwned;
use tower_sessions::Session;
use umbel_app::api::accounts::{AccountCreate, AccountImport, AccountResetPassword};
use umbel_app::api::invitations::InvitationCreate;
use umbel_app::api::tokens::TokenCreate;
use umbel_app::api::webhooks::WebhookCreate;
use umbel_app::backend::{Backend, Caller, Came};
use umbel_app::plain::{first_password_page, imported_page, new_invitation_page, new_token_page, new_webhook_page};
use umbel_app::shown::{FirstPassword, ImportShown, NewInvitation, NewToken, NewWebhook};
use umbel_app::{App, AppError, paths, shell};

use super::error::{Reader, status_of};
use super::layers::BODY_MOST;
use super::{assets, caller};
use crate::panel::Panel;

/// Paths of all pages, as the router spells them. Found once: Leptos runs the whole app for it.
pub fn paths() -> Vec<String> {
    static PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let routes = leptos_axum::generate_route_list(App);
        let mut paths: Vec<String> = routes.iter().map(|r| r.path().to_owned()).collect();
        paths.sort();
        paths.dedup();
        paths
    });
    PATHS.clone()
}

/// Paths of all server functions; each is a POST.
pub fn server_fns() -> Vec<String> {
    let functions = leptos::server_fn::axum::server_fn_paths();
    let mut paths: Vec<String> =
        functions.filter(|(_, method)| *method == Method::POST).map(|(p, _)| p.into()).collect();
    paths.sort();
    paths
}

/// Every page.
pub async fn page(State(panel): State<Panel>, session: Session, request: Request) -> Response {
    match caller::caller(&panel, &session, came(&request)).await {
        Ok(Some(caller)) if caller.account.must_change_password() => Redirect::to(paths::NEW_PASSWORD).into_response(),
        Ok(Some(caller)) => render(panel, caller, request).await,
        Ok(None) => Redirect::to(&sign_in_first(request.uri())).into_response(),
        Err(error) => Reader::Person.answer(error, &nonce(&request)),
    }
}

/// What no route knows: a file of the site, a page that says so, or an answer of the API.
pub async fn fallback(State(panel): State<Panel>, session: Session, request: Request) -> Response {
    let reader = Reader::of(request.uri().path(), request.headers());
    if let Some(file) = assets::serve(request.method(), request.uri(), request.headers()) {
        return file;
    }
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    if reader == Reader::Person
        && get
        && let Ok(Some(caller)) = caller::caller(&panel, &session, came(&request)).await
        && !caller.account.must_change_password()
    {
        let mut response = render(panel, caller, request).await;
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    reader.answer(AppError::not_found(if reader == Reader::Program { "address" } else { "page" }), &nonce(&request))
}

/// A path that is known, asked in a way that it isn't.
pub async fn method_not_allowed(request: Request) -> Response {
    let reader = Reader::of(request.uri().path(), request.headers());
    let text = format!("{} is not answered here.", request.method());
    reader.refuse(StatusCode::METHOD_NOT_ALLOWED, text, &nonce(&request))
}

/// Every server function.
pub async fn server_fn(State(panel): State<Panel>, session: Session, request: Request) -> Response {
    let reader = Reader::of(request.uri().path(), request.headers());
    let caller = match caller::caller(&panel, &session, came(&request)).await {
        Ok(Some(caller)) => caller,
        // A plain form: the person can do something about it.
        Ok(None) if reader == Reader::Person => return Redirect::to(paths::SIGN_IN).into_response(),
        Ok(None) => return reader.answer(AppError::NotSignedIn, &nonce(&request)),
        Err(error) => return reader.answer(error, &nonce(&request)),
    };
    if caller.account.must_change_password() {
        return match reader {
            Reader::Person => Redirect::to(paths::NEW_PASSWORD).into_response(),
            _ => reader.answer(AppError::MustChangePassword, &nonce(&request)),
        };
    }
    let (nonce, path) = (nonce(&request), request.uri().path().to_owned());
    let context = context(panel, caller, &nonce);
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    match (reader, path.as_str()) {
        (Reader::Person, AccountCreate::PATH | AccountResetPassword::PATH) => {
            shown_once(response, |first: FirstPassword| first_password_page(&first, &nonce)).await
        }
        (Reader::Person, TokenCreate::PATH) => shown_once(response, |new: NewToken| new_token_page(&new, &nonce)).await,
        (Reader::Person, AccountImport::PATH) => {
            shown_once(response, |done: ImportShown| imported_page(&done, &nonce)).await
        }
        (Reader::Person, InvitationCreate::PATH) => {
            shown_once(response, |new: NewInvitation| new_invitation_page(&new, &nonce)).await
        }
        (Reader::Person, WebhookCreate::PATH) => {
            shown_once(response, |new: NewWebhook| new_webhook_page(&new, &nonce)).await
        }
        _ => with_own_status(response).await,
    }
}

/// A plain form is answered with a redirect, which can't carry a secret: that gets a page of its own
/// instead. What failed is led back to the form as ever.
async fn shown_once<T: DeserializeOwned>(response: Response, page: impl FnOnce(T) -> String) -> Response {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_MOST).await.unwrap_or_default();
    match serde_json::from_slice(&body) {
        Ok(secret) => Html(page(secret)).into_response(),
        Err(_) => Response::from_parts(parts, Body::from(body)),
    }
}

/// Leptos answers 500 to arguments that can't be read; the error in the body knows better.
async fn with_own_status(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // An error is a few sentences.
    let body = to_bytes(body, BODY_MOST).await.unwrap_or_default();
    if let Ok(error) = serde_json::from_slice::<AppError>(&body) {
        parts.status = status_of(&error);
    }
    Response::from_parts(parts, Body::from(body))
}

async fn render(panel: Panel, caller: Caller, request: Request) -> Response<Body> {
    let options = panel.leptos.clone();
    // Before anything is read.
    let moment = panel.events.moment();
    let context = context(panel, caller, &nonce(&request));
    let context = move || {
        context();
        provide_context(moment.clone());
    };
    leptos_axum::render_app_async_with_context(context, move || shell(options.clone()))(request).await
}

/// What pages and server functions find in their context.
fn context(panel: Panel, caller: Caller, nonce: &str) -> impl Fn() + Clone + Send + Sync + 'static {
    let backend: Arc<dyn Backend> = Arc::new(panel);
    let nonce: Arc<str> = nonce.into();
    move || {
        provide_context(Arc::clone(&backend));
        provide_context(Some(caller.clone()));
        // In place of the one that Leptos made: the policy names ours.
        provide_context(Nonce::from_value(Arc::clone(&nonce)));
    }
}

fn came(request: &Request) -> Came {
    caller::came(request.uri(), request.headers(), request.extensions())
}

/// The nonce of this answer's policy.
pub fn nonce(request: &Request) -> String {
    request.extensions().get::<Nonce>().map(ToString::to_string).unwrap_or_default()
}

fn sign_in_first(uri: &Uri) -> String {
    let next = uri.path_and_query().map_or(paths::OVERVIEW, |p| p.as_str());
    if next == paths::OVERVIEW {
        return paths::SIGN_IN.to_owned();
    }
    format!("{}?next={}", paths::SIGN_IN, in_query(next))
}

/// Percent-encoded as a value of a query (RFC 3986, section 2.3).
pub(super) fn in_query(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_back_to_where_one_wanted_to_go() {
        let to = |uri: &'static str| sign_in_first(&Uri::from_static(uri));
        assert_eq!(to("/"), "/sign-in");
        assert_eq!(to("/guests?a=1&b=2"), "/sign-in?next=/guests%3Fa%3D1%26b%3D2");
    }
}
