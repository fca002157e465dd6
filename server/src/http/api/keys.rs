//! One's own public keys, which one lets into guests. As tokens, with a sign-in only: who has a token shall not keep a
//! way in behind it.

use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{KeyDraft, KeyShown};
use umbel_guest::KeyId;

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, List, Made};
use crate::panel::Panel;

/// One's own public keys.
#[utoipa::path(get, path = "/keys")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<KeyShown>, Problem> {
    Ok(List(panel.key_list(&caller).await?))
}

/// Adds a public key.
///
/// New guests are told of it where that is asked for.
#[utoipa::path(post, path = "/keys")]
pub async fn add(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<KeyDraft>,
) -> Result<Made<KeyShown>, Problem> {
    Ok(Made(panel.key_add(&caller, draft).await?))
}

/// Removes a public key.
///
/// It stays in the guests that were told of it.
#[utoipa::path(delete, path = "/keys/{key}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(key): Path<KeyId>,
) -> Result<Done, Problem> {
    panel.key_remove(&caller, key).await?;
    Ok(Done)
}
