use axum::extract::State;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::OperationShown;
use umbel_guest::{GuestId, OperationId};
use utoipa::IntoParams;

use super::{Path, Query};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{List, WillBe};
use crate::panel::Panel;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only those about it.
    #[param(inline)]
    pub guest: Option<GuestId>,
}

/// What is under way, and what was, the newest first.
#[utoipa::path(get, path = "/operations")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<Filter>,
) -> Result<List<OperationShown>, Problem> {
    Ok(List(panel.operation_list(&caller, filter.guest).await?))
}

/// One operation.
#[utoipa::path(get, path = "/operations/{operation}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(operation): Path<OperationId>,
) -> Result<axum::Json<OperationShown>, Problem> {
    Ok(axum::Json(panel.operation_fetch(&caller, operation).await?))
}

/// Cancels an operation, or takes a deletion back.
#[utoipa::path(post, path = "/operations/{operation}/cancel")]
pub async fn cancel(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(operation): Path<OperationId>,
) -> Result<WillBe, Problem> {
    panel.operation_cancel(&caller, operation).await?;
    Ok(WillBe)
}
