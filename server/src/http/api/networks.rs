use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{ForwardDraft, ForwardShown, NetworkShown};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, List, Made};
use crate::panel::Panel;

/// Networks that one may see.
#[utoipa::path(get, path = "/networks")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<NetworkShown>, Problem> {
    Ok(List(panel.network_list(&caller).await?))
}

/// Leads a TCP port of the host to a guest.
#[utoipa::path(post, path = "/networks/forwards")]
pub async fn forward_add(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<ForwardDraft>,
) -> Result<Made<ForwardShown>, Problem> {
    Ok(Made(panel.forward_add(&caller, draft).await?))
}

/// Leads a port of the host nowhere again.
#[utoipa::path(delete, path = "/networks/forwards/{port}")]
pub async fn forward_remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(host_port): Path<u16>,
) -> Result<Done, Problem> {
    panel.forward_remove(&caller, host_port).await?;
    Ok(Done)
}
