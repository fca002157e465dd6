//! The session as a thing of its own: made by signing in, read to see who one is, deleted to leave.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::shown::AccountShown;

use super::Json;
use crate::http::address::ClientAddress;
use crate::http::caller::{self, Known};
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
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    Json(sign_in): Json<SignIn>,
) -> Result<(StatusCode, axum::Json<AccountShown>), Problem> {
    let address = address.map(|Extension(ClientAddress(address))| address);
    let account = panel.accounts.sign_in(&sign_in.name, sign_in.password.0, address).await?;
    caller::begin(&panel, &session, &account, address, &headers).await?;
    Ok((StatusCode::CREATED, axum::Json(account)))
}

pub async fn fetch(Known(caller): Known) -> axum::Json<AccountShown> {
    axum::Json(caller.account)
}

pub async fn end(State(panel): State<Panel>, _: Known, session: Session) -> Result<StatusCode, Problem> {
    caller::end(&panel, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn password(
    State(panel): State<Panel>,
    Known(caller): Known,
    Json(new): Json<NewPassword>,
) -> Result<StatusCode, Problem> {
    panel.accounts.password_change(&caller, new.password_old.0, new.password.0, new.password_again.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
