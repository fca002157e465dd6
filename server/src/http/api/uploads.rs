//! Files come as the body of a request, as they are; everything about them is the address's to say.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AuditAction, AuditKind, UploadedFile};
use umbel_app::{AppError, paths};
use umbel_guest::{FieldErrors, UploadId};

use super::Path;
use crate::audit::What;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::panel::Panel;
use crate::uploads::SoFar;

/// Of tus (tus.io/protocols/resumable-upload).
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

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

/// A file of an upload that will come in pieces, as tus 1.0.0 has it (core, creation, checksum).
///
/// Said again, it is gone on with. `Location` is its address, which is this one.
#[utoipa::path(
    post,
    path = "/uploads/{upload}/{file}",
    params(("Upload-Length" = u64, Header, description = "Of the whole file, in bytes.")),
    responses((status = 201, description = "It may come.", headers(
        ("Location" = String), ("Upload-Offset" = u64), ("Upload-Length" = u64), ("Tus-Resumable" = String),
    ))),
)]
pub async fn pieces_begin(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((upload, file)): Path<(UploadId, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let what = What::new(AuditAction::UploadPut, AuditKind::Upload).of(upload).named(&file);
    let doing = async {
        let admitted = panel.uploads.admitted(&caller, upload, &file).await?;
        panel.uploads.pieces_begin(admitted, number(&headers, UPLOAD_LENGTH)?).await
    };
    let so_far = panel.audit.change(&caller, what, doing).await?;
    let location = [(LOCATION, format!("{}/uploads/{upload}/{file}", paths::API))];
    Ok((StatusCode::CREATED, tus(so_far), location).into_response())
}

/// How much of a file that comes in pieces is here.
#[utoipa::path(
    head,
    path = "/uploads/{upload}/{file}",
    responses((status = 200, description = "How much.", headers(
        ("Upload-Offset" = u64), ("Upload-Length" = u64), ("Tus-Resumable" = String),
    ))),
)]
pub async fn pieces_so_far(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((upload, file)): Path<(UploadId, String)>,
) -> Result<Response, Problem> {
    Ok(tus(panel.uploads.pieces_so_far(&caller, upload, &file).await?).into_response())
}

/// The next piece of a file.
///
/// tus calls its type `application/offset+octet-stream`; it is not looked at. What has come of it stays where it is cut. With a sum it is at most 8 MiB, and comes whole or not at all.
#[utoipa::path(
    patch,
    path = "/uploads/{upload}/{file}",
    request_body(content = String, content_type = "application/octet-stream"),
    params(
        ("Upload-Offset" = u64, Header, description = "Where it belongs: as many bytes as are here."),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha256`, a space, and the sum in base64."),
    ),
    responses((status = 204, description = "It is here.", headers(
        ("Upload-Offset" = u64), ("Upload-Length" = u64), ("Tus-Resumable" = String),
    ))),
)]
pub async fn piece_put(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((upload, file)): Path<(UploadId, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let admitted = panel.uploads.admitted(&caller, upload, &file).await?;
    let at = (number(&headers, UPLOAD_OFFSET)?, checksum(&headers)?);
    let so_far = panel.uploads.piece_put(admitted, at, body.into_data_stream()).await?;
    Ok((StatusCode::NO_CONTENT, tus(so_far)).into_response())
}

fn tus(so_far: SoFar) -> [(HeaderName, String); 3] {
    let (offset, length) = (so_far.offset.to_string(), so_far.length.to_string());
    [(TUS_RESUMABLE, "1.0.0".into()), (UPLOAD_OFFSET, offset), (UPLOAD_LENGTH, length)]
}

fn number(headers: &HeaderMap, name: HeaderName) -> Result<u64, AppError> {
    let number = headers.get(&name).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    number.ok_or_else(|| AppError::Invalid(FieldErrors::one(name.as_str(), "A number of bytes.")))
}

fn checksum(headers: &HeaderMap) -> Result<Option<[u8; 32]>, AppError> {
    let Some(value) = headers.get(UPLOAD_CHECKSUM) else { return Ok(None) };
    let sum =
        value.to_str().ok().and_then(|text| text.strip_prefix("sha256 ")).and_then(|text| STANDARD.decode(text).ok());
    let sum = sum.and_then(|sum| <[u8; 32]>::try_from(sum).ok());
    let wrong =
        || AppError::Invalid(FieldErrors::one(UPLOAD_CHECKSUM.as_str(), "sha256, a space, and the sum in base64."));
    sum.map(Some).ok_or_else(wrong)
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
