//! Plain pages for people who aren't in yet, as forms without scripts: sign-in, sign-out, the first
//! administrator, a new password.

use axum::Extension;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use leptos::nonce::Nonce;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::backend::{Caller, Came};
use umbel_app::plain::{
    MessageView, NewAccountView, NewPasswordView, SignInView, Why, first_run_page, message_page, new_password_page,
    sign_in_page,
};
use umbel_app::shown::{AccountShown, AnnouncementShown, AuditAction, AuditKind, Registration};
use umbel_app::{AppError, paths};
use umbel_guest::FieldErrors;

use super::caller::{self, CameFrom};
use super::error::{Reader, retry_after, status_of};
use super::pages::in_query;
use super::secret::Secret;
use crate::audit::What;
use crate::panel::Panel;

/// Where to go, or that one has just left, or has made an account that waits.
#[derive(Debug, Default, Deserialize)]
pub struct SignInQuery {
    #[serde(default)]
    pub(super) next: String,
    #[serde(default)]
    out: String,
    #[serde(default)]
    waits: String,
}

#[derive(Debug, Default, Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: Secret,
    #[serde(default)]
    next: String,
}

pub async fn sign_in_shown(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<SignInQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    match caller::caller(&panel, &session, came).await {
        Ok(Some(caller)) => after(caller.account.must_change_password(), &query.next),
        Ok(None) => {
            let notice = notice(&query);
            let view = SignInView { next: query.next, notice, ..sign_in_view(&panel).await };
            Html(sign_in_page(&view, &nonce)).into_response()
        }
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

fn notice(query: &SignInQuery) -> Option<String> {
    let said = match (query.out.is_empty(), query.waits.is_empty()) {
        (false, _) => "You are signed out.",
        (_, false) => "Your account is there and waits for the approval of an administrator. Sign in once you have it.",
        _ => return None,
    };
    Some(said.to_owned())
}

/// What stands on it whoever comes.
pub(super) async fn sign_in_view(panel: &Panel) -> SignInView {
    let may_register = registration(panel).await != Registration::Off;
    SignInView {
        announcement: announced(panel).await,
        provider: provider(panel),
        may_register,
        ..SignInView::default()
    }
}

pub async fn sign_in(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let SignInForm { name, password, next } = form;
    let done = async {
        unread?;
        caller::sign_in(&panel, &session, &name, password.0, None, came, &headers).await
    };
    match done.await {
        Ok(account) => after(account.must_change_password(), &next),
        Err(AppError::CodeNeeded) => {
            let next = in_query(paths::safe_next(&next));
            Redirect::to(&format!("{}?next={next}", paths::SIGN_IN_CODE)).into_response()
        }
        Err(error) => {
            let view = SignInView { name, next, ..sign_in_view(&panel).await };
            again(error, |errors| sign_in_page(&SignInView { errors, ..view }, &nonce))
        }
    }
}

pub async fn sign_out(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
) -> Response {
    match caller::sign_out(&panel, &session, came).await {
        Ok(()) => Redirect::to(&format!("{}?out=1", paths::SIGN_IN)).into_response(),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

/// What a link holds.
#[derive(Debug, Default, Deserialize)]
pub struct LinkQuery {
    #[serde(default)]
    pub(super) token: String,
}

/// By which whoever has a link makes an account.
#[derive(Debug, Default, Deserialize)]
pub struct NewAccountForm {
    #[serde(default)]
    pub(super) token: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) password: Secret,
    #[serde(default)]
    pub(super) password_again: Secret,
}

pub async fn first_run_shown(
    State(panel): State<Panel>,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<LinkQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    match panel.accounts.first_run_is_open(&query.token).await {
        Ok(true) => Html(first_run_page(&NewAccountView { token: query.token, ..NewAccountView::default() }, &nonce))
            .into_response(),
        Ok(false) => link_is_over(&nonce),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn first_run(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    form: Result<Form<NewAccountForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let NewAccountForm { token, name, password, password_again } = form;
    let done = async {
        unread?;
        if !panel.accounts.first_run_is_open(&token).await? {
            return Ok(None);
        }
        let what = What::new(AuditAction::FirstRun, AuditKind::Account).named(&name);
        let doing = panel.accounts.first_run(&token, &name, password.0, password_again.0);
        let id = |account: &AccountShown| Some(account.id.to_string());
        let account = panel.audit.create(caller::nobody(&name, came), what, doing, id).await?;
        caller::begin(&panel, &session, &account, came, &headers).await?;
        Ok(Some(account))
    };
    match done.await {
        Ok(Some(_)) => Redirect::to(paths::OVERVIEW).into_response(),
        Ok(None) => link_is_over(&nonce),
        Err(error) => again(error, |errors| {
            first_run_page(&NewAccountView { token: token.clone(), name: name.clone(), errors }, &nonce)
        }),
    }
}

fn link_is_over(nonce: &str) -> Response {
    let view = MessageView {
        title: "This link is over".into(),
        text: "It was used, or a newer one was printed when the panel started.".into(),
        link: Some((paths::SIGN_IN.to_owned(), "Sign in".to_owned())),
    };
    (StatusCode::NOT_FOUND, Html(message_page(&view, nonce))).into_response()
}

#[derive(Debug, Default, Deserialize)]
pub struct NewPasswordForm {
    #[serde(default)]
    password_old: Secret,
    #[serde(default)]
    password: Secret,
    #[serde(default)]
    password_again: Secret,
}

pub async fn new_password_shown(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
) -> Response {
    match caller::caller(&panel, &session, came).await {
        Ok(Some(caller)) => {
            let (why, announcement) = (why(caller.account.must_change_password()), announced(&panel).await);
            let view = NewPasswordView { why, announcement, ..NewPasswordView::default() };
            Html(new_password_page(&view, &nonce)).into_response()
        }
        Ok(None) => to_sign_in(paths::NEW_PASSWORD),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn new_password(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    form: Result<Form<NewPasswordForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let caller = match caller::caller(&panel, &session, came).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return to_sign_in(paths::NEW_PASSWORD),
        Err(error) => return Reader::Person.answer(error, &nonce),
    };
    let must = caller.account.must_change_password();
    let done = async {
        unread?;
        caller::password_change(&panel, &caller, form.password_old.0, form.password.0, form.password_again.0).await
    };
    match done.await {
        Ok(()) => Redirect::to(if must { paths::OVERVIEW } else { paths::ACCOUNT }).into_response(),
        Err(error) => {
            let announcement = announced(&panel).await;
            again(error, |errors| new_password_page(&NewPasswordView { why: why(must), errors, announcement }, &nonce))
        }
    }
}

/// What the sign-in provider is called.
pub(super) fn provider(panel: &Panel) -> Option<String> {
    panel.oidc.as_ref().map(|oidc| oidc.settings.label.clone())
}

/// A database that doesn't answer is told by the form, not by this.
async fn announced(panel: &Panel) -> Option<AnnouncementShown> {
    panel.announcements.fetch().await.ok().flatten()
}

/// Off where the database doesn't answer.
pub(super) async fn registration(panel: &Panel) -> Registration {
    panel.accounts.registration().await.unwrap_or_default()
}

fn why(must_change: bool) -> Why {
    if must_change { Why::FirstPassword } else { Why::Asked }
}

/// Where one goes once one is in.
pub(super) fn after(must_change: bool, next: &str) -> Response {
    Redirect::to(if must_change { paths::NEW_PASSWORD } else { paths::safe_next(next) }).into_response()
}

/// Whoever is in with a password of their own; for anybody else the answer that leads to `page`, an address, in the end.
pub(super) async fn settled_in(
    panel: &Panel,
    session: &Session,
    came: Came,
    page: &str,
    nonce: &str,
) -> Result<Caller, Response> {
    match caller::caller(panel, session, came).await {
        Ok(Some(caller)) if caller.account.must_change_password() => {
            Err(Redirect::to(paths::NEW_PASSWORD).into_response())
        }
        Ok(Some(caller)) => Ok(caller),
        Ok(None) => Err(to_sign_in(page)),
        Err(error) => Err(Reader::Person.answer(error, nonce)),
    }
}

pub(super) fn to_sign_in(next: &str) -> Response {
    Redirect::to(&format!("{}?next={}", paths::SIGN_IN, in_query(next))).into_response()
}

/// A form, or what was wrong with it; its fields are empty then.
pub(super) fn read<T: Default>(form: Result<Form<T>, FormRejection>) -> (T, Result<(), AppError>) {
    match form {
        Ok(Form(form)) => (form, Ok(())),
        Err(rejection) => (T::default(), Err(AppError::Invalid(FieldErrors::one("form", rejection.body_text())))),
    }
}

/// The same form, with what was wrong beside its fields.
pub(super) fn again(error: AppError, page: impl FnOnce(FieldErrors) -> String) -> Response {
    let errors = match &error {
        AppError::Invalid(errors) => errors.clone(),
        other => FieldErrors::one("form", other.to_string()),
    };
    let mut response = (status_of(&error), Html(page(errors))).into_response();
    retry_after(&error, response.headers_mut());
    response
}
