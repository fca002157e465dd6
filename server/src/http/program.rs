//! The plain page to which a program sends its owner for a token.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Extension, Form};
use leptos::nonce::Nonce;
use tower_sessions::Session;
use umbel_app::plain::{MessageView, ProgramView, message_page, program_page};
use umbel_app::shown::TokenAsk;
use umbel_app::{AppError, paths};
use umbel_guest::FieldErrors;

use super::caller::{self, CameFrom};
use super::confirm;
use super::sign_in::{again, read, settled_in};
use crate::panel::Panel;

pub async fn shown(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<TokenAsk>, QueryRejection>,
) -> Response {
    let Query(ask) = query.unwrap_or_default();
    let caller = match settled_in(&panel, &session, came, &address(&ask), &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let who = caller.account.name.to_string();
    match panel.accounts.token_asked(&caller, &ask).await {
        Ok(()) => Html(program_page(&ProgramView { ask, who, errors: FieldErrors::default() }, &nonce)).into_response(),
        Err(error) => again(error, |errors| program_page(&ProgramView { ask, who, errors }, &nonce)),
    }
}

pub async fn give(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    form: Result<Form<TokenAsk>, FormRejection>,
) -> Response {
    let (ask, unread) = read(form);
    let caller = match settled_in(&panel, &session, came, &address(&ask), &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let done = async {
        unread?;
        caller::token_admit(&panel, &caller, &ask).await
    };
    match done.await {
        Ok(()) => {
            let view = MessageView {
                title: "It has its token".into(),
                text: format!(
                    "{} goes on by itself. Its token is on your account page, where you can remove it.",
                    ask.name
                ),
                link: Some((paths::ACCOUNT.into(), "To your account".into())),
            };
            Html(message_page(&view, &nonce)).into_response()
        }
        Err(AppError::ConfirmNeeded) => confirm::to(&address(&ask)),
        Err(error) => {
            let who = caller.account.name.to_string();
            again(error, |errors| program_page(&ProgramView { ask, who, errors }, &nonce))
        }
    }
}

/// The page with the same things asked.
fn address(ask: &TokenAsk) -> String {
    paths::asking(paths::PROGRAM, &ask.fields())
}
