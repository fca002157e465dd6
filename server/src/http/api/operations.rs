use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{OperationFilter, OperationPage, OperationShown};
use umbel_guest::OperationId;

use super::{Path, Query};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::WillBe;
use crate::panel::Panel;

/// What is under way, and what was, the newest first, a page at a time.
///
/// `next` of one page is `cursor` of the next.
#[utoipa::path(get, path = "/operations")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<OperationFilter>,
) -> Result<axum::Json<OperationPage>, Problem> {
    Ok(axum::Json(panel.operation_list(&caller, filter).await?))
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
