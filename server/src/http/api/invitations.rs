//! Links by which people make accounts of their own.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use tower_sessions::Session;
use umbel_app::backend::Backend;
use umbel_app::shown::{AccountShown, InvitationDraft, InvitationShown, NewInvitation};
use umbel_guest::InvitationId;

use super::{Json, Path};
use crate::accounts::invitations::Coming;
use crate::http::caller::{CameFrom, SignedIn};
use crate::http::error::Problem;
use crate::http::invitation;
use crate::http::openapi::answer::{Done, List, Made};
use crate::http::secret::Secret;
use crate::panel::Panel;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// What stands in the link behind `token=`.
    pub token: Secret,
    pub name: String,
    pub password: Secret,
    pub password_again: Secret,
}

/// Invitations: all of them for administrators, for others those into groups that they manage.
#[utoipa::path(get, path = "/invitations")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<InvitationShown>, Problem> {
    Ok(List(panel.invitation_list(&caller).await?))
}

/// Invites people.
///
/// The answer holds the link, told this once. Administrators invite anybody; who manages a group, users into it.
#[utoipa::path(post, path = "/invitations")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<InvitationDraft>,
) -> Result<Made<NewInvitation>, Problem> {
    Ok(Made(panel.invitation_create(&caller, draft).await?))
}

/// Takes an invitation back.
///
/// Nobody comes by it any more; who has come stays.
#[utoipa::path(delete, path = "/invitations/{invitation}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(invitation): Path<InvitationId>,
) -> Result<Done, Problem> {
    panel.invitation_remove(&caller, invitation).await?;
    Ok(Done)
}

/// Comes by an invitation.
///
/// Makes an account and signs it in; the answer sets the cookie of the session.
#[utoipa::path(post, path = "/invitations/accept", security(()))]
pub async fn accept(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    headers: HeaderMap,
    Json(accept): Json<Accept>,
) -> Result<Made<AccountShown>, Problem> {
    let Accept { token, name, password, password_again } = accept;
    let coming = Coming { token: token.0, name, password: password.0, password_again: password_again.0 };
    Ok(Made(invitation::come(&panel, &session, coming, came, &headers).await?))
}
