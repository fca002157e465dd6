use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::OperationShown;
use umbel_guest::{GuestId, OperationId};

use super::{Path, Query};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    pub guest: Option<GuestId>,
}

pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<Vec<OperationShown>>, Problem> {
    Ok(axum::Json(panel.operation_list(&caller, filter.guest).await?))
}

pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(operation): Path<OperationId>,
) -> Result<axum::Json<OperationShown>, Problem> {
    Ok(axum::Json(panel.operation_fetch(&caller, operation).await?))
}

pub async fn cancel(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(operation): Path<OperationId>,
) -> Result<StatusCode, Problem> {
    panel.operation_cancel(&caller, operation).await?;
    Ok(StatusCode::ACCEPTED)
}
