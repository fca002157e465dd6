use axum::extract::State;
use axum::http::StatusCode;
use umbel_app::backend::Backend;
use umbel_app::shown::{ForwardDraft, ForwardShown, NetworkShown};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<Vec<NetworkShown>>, Problem> {
    Ok(axum::Json(panel.network_list(&caller).await?))
}

pub async fn forward_add(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<ForwardDraft>,
) -> Result<(StatusCode, axum::Json<ForwardShown>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(panel.forward_add(&caller, draft).await?)))
}

pub async fn forward_remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(host_port): Path<u16>,
) -> Result<StatusCode, Problem> {
    panel.forward_remove(&caller, host_port).await?;
    Ok(StatusCode::NO_CONTENT)
}
