use axum::extract::State;
use axum::http::StatusCode;
use umbel_app::backend::Backend;
use umbel_app::shown::{ShareDraft, ShareShown};
use umbel_guest::{AccountId, GuestId};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<axum::Json<Vec<ShareShown>>, Problem> {
    Ok(axum::Json(panel.share_list(&caller, guest).await?))
}

/// Gives exactly these rights, whatever the account had before; so it may be repeated.
pub async fn put(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<ShareDraft>,
) -> Result<axum::Json<ShareShown>, Problem> {
    Ok(axum::Json(panel.share_put(&caller, guest, draft).await?))
}

pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, account)): Path<(GuestId, AccountId)>,
) -> Result<StatusCode, Problem> {
    panel.share_remove(&caller, guest, account).await?;
    Ok(StatusCode::NO_CONTENT)
}
