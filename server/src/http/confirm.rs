//! The plain page that asks somebody who is signed in once more who they are, and the way by the sign-in provider.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use leptos::nonce::Nonce;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::backend::{Caller, Came};
use umbel_app::plain::{ConfirmBy, ConfirmView, confirm_page};
use umbel_app::{AppError, paths};
use umbel_guest::FieldErrors;

use super::caller::{self, CameFrom};
use super::error::Reader;
use super::oidc;
use super::pages::in_query;
use super::secret::Secret;
use super::sign_in::{SignInQuery, again, provider, read, settled_in};
use crate::accounts::code_after;
use crate::oidc::{Identity, Purpose, refused};
use crate::panel::Panel;

#[derive(Debug, Default, Deserialize)]
pub struct ConfirmForm {
    #[serde(default)]
    password: Secret,
    #[serde(default)]
    code: Secret,
    #[serde(default)]
    next: String,
}

pub async fn shown(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<SignInQuery>, QueryRejection>,
) -> Response {
    let Query(SignInQuery { next, .. }) = query.unwrap_or_default();
    let caller = match here(&panel, &session, came, &next, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    match by(&panel, &session, &caller).await {
        Ok(by) => Html(confirm_page(&ConfirmView { by, next, errors: FieldErrors::default() }, &nonce)).into_response(),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn confirm(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Response {
    let (ConfirmForm { password, code, next }, unread) = read(form);
    let caller = match here(&panel, &session, came, &next, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let done = async {
        unread?;
        match by(&panel, &session, &caller).await? {
            ConfirmBy::Code => {
                let done = panel.accounts.confirm_code(&caller, &code.0).await;
                caller::confirmed(&panel, &session, &caller, "by the sign-in provider", done).await
            }
            _ => caller::confirm(&panel, &session, &caller, password.0, Some(&code.0)).await,
        }
    };
    match done.await {
        Ok(()) => Redirect::to(paths::safe_next(&next)).into_response(),
        Err(error) => form_again(&panel, &session, &caller, error, next, &nonce).await,
    }
}

/// To the provider, which asks for the password there whoever is signed in to it.
pub async fn begin(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<SignInQuery>, QueryRejection>,
) -> Response {
    let Query(SignInQuery { next, .. }) = query.unwrap_or_default();
    let caller = match here(&panel, &session, came, &next, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let Some(provider) = &panel.oidc else { return oidc::is_off(&nonce) };
    let purpose = Purpose::Confirm { account: caller.account.id, session: caller.session.clone() };
    match provider.begin(purpose, oidc::way(&next).to_owned()).await {
        Ok((url, carried)) => oidc::sent(&panel, &url, carried),
        Err(error) => form_again(&panel, &session, &caller, error, next, &nonce).await,
    }
}

/// Back from there: it stands for the password, and for nothing else.
pub(super) async fn back(
    panel: &Panel,
    session: &Session,
    caller: &Caller,
    who: Result<Identity, AppError>,
    next: String,
    nonce: &str,
) -> Response {
    let detail = match &who {
        Ok(who) => format!("by {}, subject {}", who.issuer, who.subject),
        Err(_) => "by the sign-in provider".to_owned(),
    };
    let done = match own(panel, caller, who).await {
        Ok(()) if owes_a_code(panel, caller) => match caller::keep_half_confirmed(panel, session).await {
            Ok(()) => return to(&next),
            Err(error) => Err(error),
        },
        done => caller::confirmed(panel, session, caller, &detail, done).await,
    };
    match done {
        Ok(()) => Redirect::to(paths::safe_next(&next)).into_response(),
        Err(error) => form_again(panel, session, caller, error, next, nonce).await,
    }
}

async fn own(panel: &Panel, caller: &Caller, who: Result<Identity, AppError>) -> Result<(), AppError> {
    match panel.accounts.oidc_account(&who?).await? {
        Some(account) if account == caller.account.id => Ok(()),
        _ => Err(refused("That is not whom your account here is linked to.")),
    }
}

fn owes_a_code(panel: &Panel, caller: &Caller) -> bool {
    panel.oidc.as_ref().is_some_and(|oidc| code_after(caller, oidc.settings.second_factor))
}

/// To this page.
pub(super) fn to(next: &str) -> Response {
    Redirect::to(&format!("{}?next={}", paths::CONFIRM, in_query(paths::safe_next(next)))).into_response()
}

/// Whoever isn't in signs in instead, which is the same proof.
async fn here(panel: &Panel, session: &Session, came: Came, next: &str, nonce: &str) -> Result<Caller, Response> {
    settled_in(panel, session, came, paths::safe_next(next), nonce).await
}

async fn by(panel: &Panel, session: &Session, caller: &Caller) -> Result<ConfirmBy, AppError> {
    if owes_a_code(panel, caller) && panel.accounts.owes_a_code(caller::half_confirmed(session).await?) {
        return Ok(ConfirmBy::Code);
    }
    let ways = panel.accounts.confirm_ways(caller).await?;
    let provider = provider(panel).filter(|_| ways.linked);
    Ok(match (ways.password, provider) {
        (true, provider) => ConfirmBy::Password { code: caller.account.second_factor, provider },
        (false, Some(provider)) => ConfirmBy::Provider(provider),
        (false, None) => ConfirmBy::Nothing,
    })
}

async fn form_again(
    panel: &Panel,
    session: &Session,
    caller: &Caller,
    error: AppError,
    next: String,
    nonce: &str,
) -> Response {
    match by(panel, session, caller).await {
        Ok(by) => again(error, |errors| confirm_page(&ConfirmView { by, next, errors }, nonce)),
        Err(error) => Reader::Person.answer(error, nonce),
    }
}
