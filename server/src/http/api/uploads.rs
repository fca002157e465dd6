//! Files come as the body of a request, as they are; everything about them is the address's to say.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AuditAction, AuditKind, UploadedFile};
use umbel_guest::UploadId;

use super::Path;
use crate::audit::What;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

#[derive(Debug, Serialize)]
pub struct Begun {
    pub upload: UploadId,
}

pub async fn begin(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<(StatusCode, axum::Json<Begun>), Problem> {
    let upload = panel.upload_begin(&caller).await?;
    Ok((StatusCode::CREATED, axum::Json(Begun { upload })))
}

/// `PUT /uploads/{upload}/{file}`: streamed to the disk, never held.
pub async fn put(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((upload, file)): Path<(UploadId, String)>,
    body: Body,
) -> Result<axum::Json<UploadedFile>, Problem> {
    let what = What::new(AuditAction::UploadPut, AuditKind::Upload).of(upload).named(&file);
    let doing = panel.kernels.upload_put(&caller, upload, &file, body.into_data_stream());
    Ok(axum::Json(panel.audit.change(&caller, what, doing).await?))
}

pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(upload): Path<UploadId>,
) -> Result<StatusCode, Problem> {
    panel.upload_remove(&caller, upload).await?;
    Ok(StatusCode::NO_CONTENT)
}
