//! One's own tokens. They are made and removed with a sign-in, never with another token.

use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{NewToken, TokenDraft, TokenShown};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, List, Made};
use crate::panel::Panel;

/// One's own tokens.
#[utoipa::path(get, path = "/tokens")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<TokenShown>, Problem> {
    Ok(List(panel.token_list(&caller).await?))
}

/// Makes a token.
///
/// The token itself is in this answer and never again.
#[utoipa::path(post, path = "/tokens")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<TokenDraft>,
) -> Result<Made<NewToken>, Problem> {
    Ok(Made(panel.token_create(&caller, draft).await?))
}

/// Removes a token: whatever uses it is out at once.
#[utoipa::path(delete, path = "/tokens/{token}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(token): Path<String>,
) -> Result<Done, Problem> {
    panel.token_remove(&caller, token).await?;
    Ok(Done)
}
