//! The host, and what lies on it for adoption.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AdoptShown, Created, HostShown, MetricsShown, StrayShown};
use umbel_guest::{GuestDraft, Span, StrayName};

use super::{Json, Path, Query};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Back {
    #[serde(default = "hour")]
    pub span: Span,
}

fn hour() -> Span {
    Span::Hour
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandLine {
    pub command_line: String,
}

pub async fn fetch(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<HostShown>, Problem> {
    Ok(axum::Json(panel.host(&caller).await?))
}

pub async fn metrics(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(back): Query<Back>,
) -> Result<axum::Json<MetricsShown>, Problem> {
    Ok(axum::Json(panel.host_metrics(&caller, back.span).await?))
}

pub async fn strays(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<Vec<StrayShown>>, Problem> {
    Ok(axum::Json(panel.stray_list(&caller).await?))
}

/// What a command line means here; nothing is done.
pub async fn adopt_read(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(line): Json<CommandLine>,
) -> Result<axum::Json<AdoptShown>, Problem> {
    Ok(axum::Json(panel.adopt_read(&caller, line.command_line).await?))
}

pub async fn adopt(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(stray): Path<StrayName>,
    Json(draft): Json<GuestDraft>,
) -> Result<(StatusCode, axum::Json<Created>), Problem> {
    Ok((StatusCode::ACCEPTED, axum::Json(panel.guest_adopt(&caller, stray, draft).await?)))
}
