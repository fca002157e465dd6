//! Plain pages of the second factor: the code that a sign-in owes, and switching one's own on and off.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use leptos::nonce::Nonce;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::plain::{SecondFactorStage, SecondFactorView, SignInCodeView, second_factor_page, sign_in_code_page};
use umbel_app::shown::{SecondFactorShown, SecondFactorStart};
use umbel_app::{AppError, paths};
use umbel_guest::FieldErrors;

use super::caller::{self, CameFrom};
use super::confirm;
use super::error::Reader;
use super::secret::Secret;
use super::sign_in::{SignInQuery, after, again, read, settled_in};
use crate::error::internal;
use crate::panel::Panel;

#[derive(Debug, Default, Deserialize)]
pub struct CodeForm {
    #[serde(default)]
    code: Secret,
    #[serde(default)]
    next: String,
}

pub async fn code_shown(
    session: Session,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<SignInQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    match caller::half(&session).await {
        Ok(Some(_)) => {
            let view = SignInCodeView { next: query.next, ..SignInCodeView::default() };
            Html(sign_in_code_page(&view, &nonce)).into_response()
        }
        Ok(None) => Redirect::to(paths::SIGN_IN).into_response(),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn code(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Response {
    let (CodeForm { code, next }, unread) = read(form);
    match caller::half(&session).await {
        Ok(Some(_)) => {}
        Ok(None) => return Redirect::to(paths::SIGN_IN).into_response(),
        Err(error) => return Reader::Person.answer(error, &nonce),
    }
    let done = async {
        unread?;
        caller::sign_in_code(&panel, &session, &code.0, came, &headers).await
    };
    match done.await {
        Ok(account) => after(account.must_change_password(), &next),
        // It took too long, or the password has changed meanwhile.
        Err(AppError::NotSignedIn) => Redirect::to(paths::SIGN_IN).into_response(),
        Err(error) => again(error, |errors| sign_in_code_page(&SignInCodeView { next, errors }, &nonce)),
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct SecondFactorForm {
    #[serde(default)]
    step: String,
    #[serde(default)]
    code: Secret,
}

pub async fn shown(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
) -> Response {
    let caller = match settled_in(&panel, &session, came, paths::SECOND_FACTOR, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    match panel.accounts.second_factor(&caller).await {
        Ok(found) => page(of(found), FieldErrors::default(), &nonce),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn change(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    form: Result<Form<SecondFactorForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let caller = match settled_in(&panel, &session, came, paths::SECOND_FACTOR, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let done = async {
        unread?;
        match form.step.as_str() {
            "begin" => {
                let start = caller::second_factor_begin(&panel, &caller).await?;
                let qr = qr(&start)?;
                Ok(SecondFactorStage::Confirm(Some((start, qr))))
            }
            "confirm" => {
                let made = caller::second_factor_confirm(&panel, &caller, &form.code.0).await?;
                Ok(SecondFactorStage::Codes(made.codes))
            }
            "disable" => {
                caller::second_factor_disable(&panel, &caller, &form.code.0).await?;
                Ok(SecondFactorStage::Off)
            }
            _ => Err(AppError::Invalid(FieldErrors::one("form", "A step is begin, confirm or disable."))),
        }
    };
    match done.await {
        Ok(SecondFactorStage::Off) => Redirect::to(paths::ACCOUNT).into_response(),
        Ok(stage) => page(stage, FieldErrors::default(), &nonce),
        Err(AppError::ConfirmNeeded) => confirm::to(paths::SECOND_FACTOR),
        Err(error) => {
            let confirms = form.step == "confirm" && matches!(error, AppError::Invalid(_) | AppError::TooMany { .. });
            let stage = match panel.accounts.second_factor(&caller).await {
                Ok(_) if confirms => SecondFactorStage::Confirm(None),
                Ok(found) => of(found),
                Err(error) => return Reader::Person.answer(error, &nonce),
            };
            again(error, |errors| second_factor_page(&SecondFactorView { stage, errors }, &nonce))
        }
    }
}

fn page(stage: SecondFactorStage, errors: FieldErrors, nonce: &str) -> Response {
    Html(second_factor_page(&SecondFactorView { stage, errors }, nonce)).into_response()
}

fn of(found: SecondFactorShown) -> SecondFactorStage {
    match found {
        SecondFactorShown::Off => SecondFactorStage::Off,
        SecondFactorShown::On { codes_left, .. } => SecondFactorStage::On { codes_left },
    }
}

/// What a telephone scans: black on white in either theme, as cameras want it.
fn qr(start: &SecondFactorStart) -> Result<String, AppError> {
    let code = QrCode::new(start.uri.as_bytes()).map_err(|error| internal(&error))?;
    let svg = code.render::<svg::Color<'_>>().min_dimensions(220, 220).build();
    // Within a page it is an element, not a document.
    Ok(svg.find("<svg").map(|at| svg[at..].to_owned()).unwrap_or_default())
}
