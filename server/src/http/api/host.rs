//! The host, and what lies on it for adoption.

use axum::extract::State;
use serde::Deserialize;
use umbel_app::backend::{Backend, Storage};
use umbel_app::shown::{AdoptShown, Created, HostShown, MetricsShown, StorageShown, StrayShown};
use umbel_guest::{GuestDraft, GuestId, SnapshotId, Span, StrayName};

use super::{Json, Path, Query};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done, List};
use crate::panel::Panel;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Back {
    /// How far.
    #[param(inline)]
    #[serde(default = "hour")]
    pub span: Span,
}

fn hour() -> Span {
    Span::Hour
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandLine {
    pub command_line: String,
}

/// The host, its walls and its limits.
#[utoipa::path(get, path = "/host")]
pub async fn fetch(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<HostShown>, Problem> {
    Ok(axum::Json(panel.host(&caller).await?))
}

/// What all guests together used.
#[utoipa::path(get, path = "/host/metrics")]
pub async fn metrics(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(back): Query<Back>,
) -> Result<axum::Json<MetricsShown>, Problem> {
    Ok(axum::Json(panel.host_metrics(&caller, back.span).await?))
}

/// What takes how much of the host's disk, and what lies there that the panel knows nothing of.
#[utoipa::path(get, path = "/host/storage")]
pub async fn storage(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<StorageShown>, Problem> {
    Ok(axum::Json(panel.storage(&caller).await?))
}

/// Removes files of a guest that the panel has no row of, for good; ends it, if it runs.
#[utoipa::path(delete, path = "/host/leftovers/{guest}")]
pub async fn leftover_remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<Done, Problem> {
    panel.leftover_remove(&caller, guest, None).await?;
    Ok(Done)
}

/// Removes a snapshot that the panel has no row of, for good.
#[utoipa::path(delete, path = "/host/leftovers/{guest}/snapshots/{snapshot}")]
pub async fn leftover_snapshot_remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, snapshot)): Path<(GuestId, SnapshotId)>,
) -> Result<Done, Problem> {
    panel.leftover_remove(&caller, guest, Some(snapshot)).await?;
    Ok(Done)
}

/// Root images that can be adopted.
#[utoipa::path(get, path = "/strays")]
pub async fn strays(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<StrayShown>, Problem> {
    Ok(List(panel.stray_list(&caller).await?))
}

/// What a command line means here; nothing is done.
#[utoipa::path(post, path = "/strays/read")]
pub async fn adopt_read(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(line): Json<CommandLine>,
) -> Result<axum::Json<AdoptShown>, Problem> {
    Ok(axum::Json(panel.adopt_read(&caller, line.command_line).await?))
}

/// Makes a guest of a root image that was run by hand.
#[utoipa::path(post, path = "/strays/{stray}/adopt")]
pub async fn adopt(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(stray): Path<StrayName>,
    Json(draft): Json<GuestDraft>,
) -> Result<Accepted<Created>, Problem> {
    Ok(Accepted(panel.guest_adopt(&caller, stray, draft).await?))
}
