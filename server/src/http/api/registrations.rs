//! Accounts that people make for themselves.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::backend::Backend;
use umbel_app::shown::{AccountShown, RegistrationSettings};
use umbel_guest::AccountName;

use super::Json;
use crate::accounts::registration::Registering;
use crate::http::caller::{CameFrom, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::http::registration;
use crate::http::secret::Secret;
use crate::panel::Panel;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registrant {
    #[schema(value_type = AccountName)]
    pub name: String,
    pub password: Secret,
    pub password_again: Secret,
}

/// Makes an account of one's own.
///
/// Where registration is open it is signed in, and the answer sets the cookie of the session. Where it needs approval
/// the account is `waiting`, and lets nobody in until an administrator approves it.
#[utoipa::path(post, path = "/registrations", security(()))]
pub async fn create(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    headers: HeaderMap,
    Json(registrant): Json<Registrant>,
) -> Result<Made<AccountShown>, Problem> {
    let Registrant { name, password, password_again } = registrant;
    let who = Registering { name, password: password.0, password_again: password_again.0 };
    Ok(Made(registration::come(&panel, &session, who, came, &headers).await?))
}

/// Whether people make accounts of their own.
#[utoipa::path(get, path = "/settings/registration")]
pub async fn settings(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<RegistrationSettings>, Problem> {
    Ok(axum::Json(panel.registration_fetch(&caller).await?))
}

/// Changes whether people make accounts of their own.
///
/// `off`, `approval` or `open`. Accounts that wait already go on waiting.
#[utoipa::path(put, path = "/settings/registration")]
pub async fn set_settings(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(settings): Json<RegistrationSettings>,
) -> Result<Done, Problem> {
    panel.registration_set(&caller, settings).await?;
    Ok(Done)
}
