//! The page that an invitation's link leads to, a form without scripts.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use leptos::nonce::Nonce;
use tower_sessions::Session;
use umbel_app::backend::Came;
use umbel_app::plain::{MessageView, NewAccountView, invitation_page, message_page};
use umbel_app::shown::{AccountShown, AuditAction, AuditKind};
use umbel_app::{AppError, paths};

use super::caller::{self, CameFrom};
use super::error::Reader;
use super::sign_in::{LinkQuery, NewAccountForm, again, read};
use crate::accounts::invitations::Coming;
use crate::audit::What;
use crate::panel::Panel;

pub async fn shown(
    State(panel): State<Panel>,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<LinkQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    match panel.accounts.invitation_is_open(&query.token).await {
        Ok(true) => {
            let view = NewAccountView { token: query.token, ..NewAccountView::default() };
            Html(invitation_page(&view, &nonce)).into_response()
        }
        Ok(false) => is_over(&nonce),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn accept(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    form: Result<Form<NewAccountForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let NewAccountForm { token, name, password, password_again } = form;
    let coming =
        Coming { token: token.clone(), name: name.clone(), password: password.0, password_again: password_again.0 };
    let done = async {
        unread?;
        come(&panel, &session, coming, came, &headers).await
    };
    match done.await {
        Ok(_) => Redirect::to(paths::OVERVIEW).into_response(),
        Err(AppError::Forbidden { .. }) => is_over(&nonce),
        Err(error) => again(error, |errors| {
            invitation_page(&NewAccountView { token: token.clone(), name: name.clone(), errors }, &nonce)
        }),
    }
}

/// An account by an invitation, which is signed in; whoever was in before is not any more.
pub(super) async fn come(
    panel: &Panel,
    session: &Session,
    coming: Coming,
    came: Came,
    headers: &HeaderMap,
) -> Result<AccountShown, AppError> {
    let name = coming.name.clone();
    let what = What::new(AuditAction::InvitationAccept, AuditKind::Account).named(&name);
    let id = |account: &AccountShown| Some(account.id.to_string());
    let doing = panel.accounts.invitation_accept(coming, came.address);
    let account = panel.audit.create(caller::nobody(&name, came), what, doing, id).await?;
    caller::begin(panel, session, &account, came, headers).await?;
    Ok(account)
}

fn is_over(nonce: &str) -> Response {
    let view = MessageView {
        title: "This invitation is over".into(),
        text: "It was used up, taken back, or its day has come. Ask whoever invited you for another one.".into(),
        link: Some((paths::SIGN_IN.to_owned(), "Sign in".to_owned())),
    };
    (StatusCode::NOT_FOUND, Html(message_page(&view, nonce))).into_response()
}
