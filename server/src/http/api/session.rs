//! The session as a thing of its own: made by signing in, read to see who one is, deleted to leave.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::shown::AccountShown;

use super::Json;
use crate::http::caller::{self, CameFrom, Known};
use crate::http::error::Problem;
use crate::http::secret::Secret;
use crate::panel::Panel;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub name: String,
    pub password: Secret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    pub password_old: Secret,
    pub password: Secret,
    pub password_again: Secret,
}

pub async fn create(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    headers: HeaderMap,
    Json(sign_in): Json<SignIn>,
) -> Result<(StatusCode, axum::Json<AccountShown>), Problem> {
    let account = caller::sign_in(&panel, &session, &sign_in.name, sign_in.password.0, came, &headers).await?;
    Ok((StatusCode::CREATED, axum::Json(account)))
}

pub async fn fetch(Known(caller): Known) -> axum::Json<AccountShown> {
    axum::Json(caller.account)
}

pub async fn end(State(panel): State<Panel>, Known(caller): Known, session: Session) -> Result<StatusCode, Problem> {
    caller::sign_out(&panel, &session, caller.came).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn password(
    State(panel): State<Panel>,
    Known(caller): Known,
    Json(new): Json<NewPassword>,
) -> Result<StatusCode, Problem> {
    caller::password_change(&panel, &caller, new.password_old.0, new.password.0, new.password_again.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
