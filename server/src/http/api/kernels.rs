use axum::extract::State;
use serde::Deserialize;
use umbel_app::AppError;
use umbel_app::backend::Backend;
use umbel_app::shown::{KernelDraft, KernelSettings, KernelsShown};
use umbel_guest::{FieldErrors, KernelId};

use super::guests::Acted;
use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done};
use crate::panel::Panel;

/// `None` leaves it as it is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelChange {
    #[serde(default)]
    pub retired: Option<bool>,
    #[serde(default)]
    pub note: Option<String>,
}

/// The catalogue of kernels.
#[utoipa::path(get, path = "/kernels")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<KernelsShown>, Problem> {
    Ok(axum::Json(panel.kernel_list(&caller).await?))
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

/// Changes the note of a kernel, or retires it.
#[utoipa::path(patch, path = "/kernels/{kernel}")]
pub async fn change(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(kernel): Path<KernelId>,
    Json(change): Json<KernelChange>,
) -> Result<Done, Problem> {
    if change.note.is_none() && change.retired.is_none() {
        let message = "Nothing is to be changed. Say note, retired, or both.";
        return Err(AppError::Invalid(FieldErrors::one("body", message)).into());
    }
    if let Some(note) = change.note {
        panel.kernel_set_note(&caller, kernel.clone(), note).await?;
    }
    if let Some(retired) = change.retired {
        panel.kernel_set_retired(&caller, kernel, retired).await?;
    }
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
#[utoipa::path(put, path = "/settings/kernels")]
pub async fn set_settings(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(settings): Json<KernelSettings>,
) -> Result<Done, Problem> {
    panel.kernel_set_settings(&caller, settings).await?;
    Ok(Done)
}
