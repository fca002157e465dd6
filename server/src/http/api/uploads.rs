//! Files come as the body of a request, as they are; everything about them is the address's to say.

use axum::body::Body;
use axum::extract::State;
use serde::Serialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AuditAction, AuditKind, UploadedFile};
use umbel_guest::UploadId;

use super::Path;
use crate::audit::What;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::panel::Panel;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Begun {
    pub upload: UploadId,
}

/// Begins an upload.
#[utoipa::path(post, path = "/uploads")]
pub async fn begin(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<Made<Begun>, Problem> {
    let upload = panel.upload_begin(&caller).await?;
    Ok(Made(Begun { upload }))
}

/// A file of an upload, as it is.
///
/// Streamed to the disk, never held.
#[utoipa::path(
    put,
    path = "/uploads/{upload}/{file}",
    request_body(content = String, content_type = "application/octet-stream"),
)]
pub async fn put(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((upload, file)): Path<(UploadId, String)>,
    body: Body,
) -> Result<axum::Json<UploadedFile>, Problem> {
    let what = What::new(AuditAction::UploadPut, AuditKind::Upload).of(upload).named(&file);
    let doing = panel.uploads.put(&caller, upload, &file, body.into_data_stream());
    Ok(axum::Json(panel.audit.change(&caller, what, doing).await?))
}

/// Throws an upload away.
#[utoipa::path(delete, path = "/uploads/{upload}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(upload): Path<UploadId>,
) -> Result<Done, Problem> {
    panel.upload_remove(&caller, upload).await?;
    Ok(Done)
}
