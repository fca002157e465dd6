//! The page on which people make accounts of their own, a form without scripts.

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use leptos::nonce::Nonce;
use tower_sessions::Session;
use umbel_app::backend::Came;
use umbel_app::plain::{MessageView, NewAccountView, message_page, register_page};
use umbel_app::shown::{AccountShown, AuditAction, AuditKind, Registration};
use umbel_app::{AppError, paths};

use super::caller::{self, CameFrom};
use super::error::Reader;
use super::sign_in::{NewAccountForm, again, read, registration};
use crate::accounts::registration::Registering;
use crate::audit::What;
use crate::panel::Panel;

pub async fn shown(State(panel): State<Panel>, Extension(nonce): Extension<Nonce>) -> Response {
    match panel.accounts.registration().await {
        Ok(Registration::Off) => is_closed(&nonce),
        Ok(open) => {
            Html(register_page(&NewAccountView::default(), open == Registration::Approval, &nonce)).into_response()
        }
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn register(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    form: Result<Form<NewAccountForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let NewAccountForm { name, password, password_again, .. } = form;
    let who = Registering { name: name.clone(), password: password.0, password_again: password_again.0 };
    let done = async {
        unread?;
        come(&panel, &session, who, came, &headers).await
    };
    match done.await {
        Ok(account) if account.state.lets_in() => Redirect::to(paths::OVERVIEW).into_response(),
        Ok(_) => Redirect::to(&format!("{}?waits=1", paths::SIGN_IN)).into_response(),
        Err(AppError::Forbidden { .. }) => is_closed(&nonce),
        Err(error) => {
            let waits = registration(&panel).await == Registration::Approval;
            again(error, |errors| {
                let view = NewAccountView { name: name.clone(), errors, ..NewAccountView::default() };
                register_page(&view, waits, &nonce)
            })
        }
    }
}

/// An account of one's own making. Where it lets its owner in they are signed in, and whoever was in before is not
/// any more. While registration is off nothing is tried, and nothing leaves a row.
pub(super) async fn come(
    panel: &Panel,
    session: &Session,
    who: Registering,
    came: Came,
    headers: &HeaderMap,
) -> Result<AccountShown, AppError> {
    let what = What::new(AuditAction::AccountRegister, AuditKind::Account).named(&who.name);
    let nobody = caller::nobody(&who.name, came);
    if let Err(error) = panel.accounts.registration_try(came.address).await {
        let tried = matches!(error, AppError::TooMany { .. });
        if tried && panel.audit.is_worth_a_row(&error, came.address) {
            panel.audit.note(nobody, what, &Err(error.clone())).await?;
        }
        return Err(error);
    }
    let id = |account: &AccountShown| Some(account.id.to_string());
    let account = panel.audit.create(nobody, what, panel.accounts.register(who, came.address), id).await?;
    if account.state.lets_in() {
        caller::begin(panel, session, &account, came, headers).await?;
    }
    Ok(account)
}

fn is_closed(nonce: &str) -> Response {
    let view = MessageView {
        title: "Registration is not open".into(),
        text: "Nobody makes an account of their own here. Ask an administrator for one.".into(),
        link: Some((paths::SIGN_IN.to_owned(), "Sign in".to_owned())),
    };
    (StatusCode::NOT_FOUND, Html(message_page(&view, nonce))).into_response()
}
