use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{KernelChange, KernelDraft, KernelFilter, KernelPage, KernelSettings, KernelShown};
use umbel_guest::KernelId;

use super::guests::Acted;
use super::{Json, Path, Query};
use crate::http::caller::{Changing, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done, WithEtag};
use crate::panel::Panel;

/// The catalogue of kernels, a page at a time.
///
/// `next` of one page is `cursor` of the next.
#[utoipa::path(get, path = "/kernels")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<KernelFilter>,
) -> Result<axum::Json<KernelPage>, Problem> {
    Ok(axum::Json(panel.kernel_list(&caller, filter).await?))
}

/// Of what was uploaded.
#[utoipa::path(post, path = "/kernels")]
pub async fn add(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<KernelDraft>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.kernel_add(&caller, draft).await?);
    Ok(Accepted(Acted { operation }))
}

/// One kernel.
#[utoipa::path(get, path = "/kernels/{kernel}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(kernel): Path<KernelId>,
) -> Result<WithEtag<KernelShown>, Problem> {
    Ok(WithEtag(panel.kernel_fetch(&caller, kernel).await?))
}

/// Changes the note of a kernel, or retires it.
#[utoipa::path(patch, path = "/kernels/{kernel}")]
pub async fn change(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Path(kernel): Path<KernelId>,
    Json(change): Json<KernelChange>,
) -> Result<Done, Problem> {
    panel.kernel_change(&caller, kernel, change).await?;
    Ok(Done)
}

/// Removes a kernel that somebody put in.
#[utoipa::path(delete, path = "/kernels/{kernel}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(kernel): Path<KernelId>,
) -> Result<Done, Problem> {
    panel.kernel_remove(&caller, kernel).await?;
    Ok(Done)
}

/// Who may choose kernels, and who may put them in.
#[utoipa::path(get, path = "/settings/kernels")]
pub async fn settings(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<WithEtag<KernelSettings>, Problem> {
    Ok(WithEtag(panel.kernel_settings(&caller).await?))
}

/// Says who may choose kernels, and who may put them in.
#[utoipa::path(put, path = "/settings/kernels")]
pub async fn set_settings(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Json(settings): Json<KernelSettings>,
) -> Result<Done, Problem> {
    panel.kernel_set_settings(&caller, settings).await?;
    Ok(Done)
}
