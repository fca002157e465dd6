//! The session as a thing of its own: made by signing in, read to see who one is, deleted to leave.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::shown::AccountShown;

use super::Json;
use crate::http::caller::{self, CameFrom, Known};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::http::secret::Secret;
use crate::panel::Panel;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub name: String,
    pub password: Secret,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    pub password_old: Secret,
    pub password: Secret,
    pub password_again: Secret,
}

/// Signs in.
///
/// The answer sets the cookie of the session.
#[utoipa::path(post, path = "/session", security(()))]
pub async fn create(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    headers: HeaderMap,
    Json(sign_in): Json<SignIn>,
) -> Result<Made<AccountShown>, Problem> {
    let account = caller::sign_in(&panel, &session, &sign_in.name, sign_in.password.0, came, &headers).await?;
    Ok(Made(account))
}

/// Who one is.
#[utoipa::path(get, path = "/session")]
pub async fn fetch(Known(caller): Known) -> Result<axum::Json<AccountShown>, Problem> {
    Ok(axum::Json(caller.account))
}

/// Signs out.
#[utoipa::path(delete, path = "/session")]
pub async fn end(State(panel): State<Panel>, Known(caller): Known, session: Session) -> Result<Done, Problem> {
    caller::sign_out(&panel, &session, caller.came).await?;
    Ok(Done)
}

/// Changes one's own password.
///
/// All other sign-ins of the account end.
#[utoipa::path(post, path = "/session/password")]
pub async fn password(
    State(panel): State<Panel>,
    Known(caller): Known,
    Json(new): Json<NewPassword>,
) -> Result<Done, Problem> {
    caller::password_change(&panel, &caller, new.password_old.0, new.password.0, new.password_again.0).await?;
    Ok(Done)
}
