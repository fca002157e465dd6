use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{KernelDraft, KernelSettings, KernelsShown};
use umbel_guest::KernelId;

use super::guests::Acted;
use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

/// `None` leaves it as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelChange {
    #[serde(default)]
    pub retired: Option<bool>,
    #[serde(default)]
    pub note: Option<String>,
}

pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<KernelsShown>, Problem> {
    Ok(axum::Json(panel.kernel_list(&caller).await?))
}

/// Of what was uploaded.
pub async fn add(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<KernelDraft>,
) -> Result<(StatusCode, axum::Json<Acted>), Problem> {
    let operation = Some(panel.kernel_add(&caller, draft).await?);
    Ok((StatusCode::ACCEPTED, axum::Json(Acted { operation })))
}

pub async fn change(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(kernel): Path<KernelId>,
    Json(change): Json<KernelChange>,
) -> Result<StatusCode, Problem> {
    if let Some(note) = change.note {
        panel.kernel_set_note(&caller, kernel.clone(), note).await?;
    }
    if let Some(retired) = change.retired {
        panel.kernel_set_retired(&caller, kernel, retired).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(kernel): Path<KernelId>,
) -> Result<StatusCode, Problem> {
    panel.kernel_remove(&caller, kernel).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn set_settings(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(settings): Json<KernelSettings>,
) -> Result<StatusCode, Problem> {
    panel.kernel_set_settings(&caller, settings).await?;
    Ok(StatusCode::NO_CONTENT)
}
