use axum::extract::State;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{ShareDraft, ShareShown};
use umbel_guest::{AccountId, GuestId};
use utoipa::ToSchema;

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, List};
use crate::panel::Panel;

/// With whom a guest is shared.
#[utoipa::path(get, path = "/guests/{guest}/shares")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<List<ShareShown>, Problem> {
    Ok(List(panel.share_list(&caller, guest).await?))
}

/// Shares a guest with an account.
///
/// Gives exactly these rights, whatever the account had before; so it may be repeated.
#[utoipa::path(put, path = "/guests/{guest}/shares")]
pub async fn put(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<ShareDraft>,
) -> Result<axum::Json<ShareShown>, Problem> {
    Ok(axum::Json(panel.share_put(&caller, guest, draft).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// An account's name, or a group's with an @ before it.
    to: String,
}

/// Gives a guest to somebody else.
///
/// To oneself, or to a group that one manages; administrators give it to anybody. While it is off.
#[utoipa::path(put, path = "/guests/{guest}/owner")]
pub async fn give(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(given): Json<Given>,
) -> Result<Done, Problem> {
    panel.guest_give(&caller, guest, given.to).await?;
    Ok(Done)
}

/// Shares a guest with an account no more.
#[utoipa::path(delete, path = "/guests/{guest}/shares/{account}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, account)): Path<(GuestId, AccountId)>,
) -> Result<Done, Problem> {
    panel.share_remove(&caller, guest, account).await?;
    Ok(Done)
}
