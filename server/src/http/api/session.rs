//! The session as a thing of its own: made by signing in, read to see who one is, deleted to leave.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::shown::{AccountShown, RecoveryCodes, SecondFactorShown, SecondFactorStart};

use super::Json;
use crate::http::caller::{self, CameFrom, Known, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::http::secret::Secret;
use crate::panel::Panel;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub name: String,
    pub password: Secret,
    /// Of the second factor, where there is one.
    #[serde(default)]
    pub code: Option<Secret>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    pub password: Secret,
    /// Of the second factor, where there is one.
    #[serde(default)]
    pub code: Option<Secret>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    pub code: Secret,
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
/// The answer sets the cookie of the session. Where the account has a second factor and there is no code, it is a
/// problem of the type `urn:umbel:code-needed`.
#[utoipa::path(post, path = "/session", security(()))]
pub async fn create(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    headers: HeaderMap,
    Json(sign_in): Json<SignIn>,
) -> Result<Made<AccountShown>, Problem> {
    let SignIn { name, password, code } = sign_in;
    let code = code.map(|code| code.0);
    let account = caller::sign_in(&panel, &session, &name, password.0, code, came, &headers).await?;
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

/// Proves once more who one is.
///
/// What opens a way in, decides about people, leads data out or can't be taken back asks a session for a proof of the
/// last 15 minutes, and is a problem of the type `urn:umbel:confirm-needed` without. Signing in is one too; a token is
/// never asked.
#[utoipa::path(post, path = "/session/confirm")]
pub async fn confirm(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    session: Session,
    Json(confirm): Json<Confirm>,
) -> Result<Done, Problem> {
    let Confirm { password, code } = confirm;
    caller::confirm(&panel, &session, &caller, password.0, code.as_ref().map(|code| code.0.as_str())).await?;
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

/// One's own second factor.
#[utoipa::path(get, path = "/session/second-factor")]
pub async fn second_factor(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<SecondFactorShown>, Problem> {
    Ok(axum::Json(panel.accounts.second_factor(&caller).await?))
}

/// A secret for a second factor, which is in this answer and never again.
///
/// Nothing is on before a code of it was right.
#[utoipa::path(post, path = "/session/second-factor")]
pub async fn second_factor_begin(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<Made<SecondFactorStart>, Problem> {
    Ok(Made(caller::second_factor_begin(&panel, &caller).await?))
}

/// Switches it on with its first code; the recovery codes are in this answer and never again.
///
/// All other sign-ins of the account end.
#[utoipa::path(post, path = "/session/second-factor/confirm")]
pub async fn second_factor_confirm(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(code): Json<Code>,
) -> Result<axum::Json<RecoveryCodes>, Problem> {
    Ok(axum::Json(caller::second_factor_confirm(&panel, &caller, &code.code.0).await?))
}

/// Switches it off.
#[utoipa::path(post, path = "/session/second-factor/disable")]
pub async fn second_factor_disable(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(code): Json<Code>,
) -> Result<Done, Problem> {
    caller::second_factor_disable(&panel, &caller, &code.code.0).await?;
    Ok(Done)
}

/// Removes one's own link to the sign-in provider; a page of one's account makes it.
#[utoipa::path(delete, path = "/session/link")]
pub async fn link_remove(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<Done, Problem> {
    caller::oidc_link_remove(&panel, &caller).await?;
    Ok(Done)
}
