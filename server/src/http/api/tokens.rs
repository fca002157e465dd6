//! One's own tokens. They are made and removed with a sign-in, never with another token.

use axum::extract::State;
use axum::http::StatusCode;
use umbel_app::backend::Backend;
use umbel_app::shown::{NewToken, TokenDraft, TokenShown};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<Vec<TokenShown>>, Problem> {
    Ok(axum::Json(panel.token_list(&caller).await?))
}

pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<TokenDraft>,
) -> Result<(StatusCode, axum::Json<NewToken>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(panel.token_create(&caller, draft).await?)))
}

pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(token): Path<String>,
) -> Result<StatusCode, Problem> {
    panel.token_remove(&caller, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
