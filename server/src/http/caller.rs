//! Who asks, out of the session.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use tower_sessions::Session;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::AccountShown;
use umbel_guest::AccountId;

use super::error::Problem;
use crate::accounts::sessions;
use crate::panel::Panel;

/// Somebody who is signed in and has a password of their own.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Caller);

/// Somebody who is signed in, perhaps with a first password still.
#[derive(Clone, Debug)]
pub struct Known(pub Caller);

/// The one whose session it is, if it lets somebody in.
pub async fn caller(panel: &Panel, session: &Session) -> Result<Option<Caller>, AppError> {
    let Some(account) = session.get::<AccountId>(sessions::ACCOUNT).await.map_err(unreadable)? else {
        return Ok(None);
    };
    let Some(id) = session.id() else { return Ok(None) };
    panel.accounts.caller(account, &sessions::session_hash(&id)).await
}

/// Signs in. The session has a new id afterwards, so that one that was planted before is worth
/// nothing, and whatever hung on the old one ends.
pub async fn begin(
    panel: &Panel,
    session: &Session,
    account: &AccountShown,
    address: Option<IpAddr>,
    headers: &HeaderMap,
) -> Result<(), AppError> {
    end(panel, session).await?;
    let agent = headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let address = address.map(|a| a.to_string()).unwrap_or_default();
    session.insert(sessions::ACCOUNT, account.id).await.map_err(unreadable)?;
    session.insert(sessions::ADDRESS, address).await.map_err(unreadable)?;
    session.insert(sessions::USER_AGENT, agent).await.map_err(unreadable)?;
    session.save().await.map_err(unreadable)
}

/// Signs out, if anybody is signed in.
pub async fn end(panel: &Panel, session: &Session) -> Result<(), AppError> {
    // Reading it finds out whether the id in the cookie is one of ours.
    session.get_value(sessions::ACCOUNT).await.map_err(unreadable)?;
    if let Some(id) = session.id() {
        session.flush().await.map_err(unreadable)?;
        panel.accounts.signed_out(&sessions::session_hash(&id)).await;
    }
    session.cycle_id().await.map_err(unreadable)
}

fn unreadable(error: tower_sessions::session::Error) -> AppError {
    match error {
        tower_sessions::session::Error::Store(error) => {
            tracing::warn!(%error, "the session store does not answer");
            AppError::Unavailable { message: "The database can't be reached. Try again in a moment.".into() }
        }
        other => crate::error::internal(&other),
    }
}

/// The session that the layer has put beside the request.
fn session(parts: &Parts) -> Result<Session, AppError> {
    parts.extensions.get::<Session>().cloned().ok_or(AppError::NotSignedIn)
}

impl FromRequestParts<Panel> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, panel: &Panel) -> Result<Self, Problem> {
        Ok(Self(caller(panel, &session(parts)?).await?.ok_or(AppError::NotSignedIn)?))
    }
}

impl FromRequestParts<Panel> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, panel: &Panel) -> Result<Self, Problem> {
        let Known(caller) = Known::from_request_parts(parts, panel).await?;
        if caller.account.must_change_password {
            return Err(AppError::MustChangePassword.into());
        }
        Ok(Self(caller))
    }
}
