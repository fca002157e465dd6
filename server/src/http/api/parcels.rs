use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use umbel_app::AppError;
use umbel_app::backend::Parcels;
use umbel_app::shown::{FileFetchDraft, FileSendDraft, ParcelsShown};
use umbel_guest::{GuestId, OperationId};

use super::guests::Acted;
use super::uploads::Begun;
use super::{Json, Path};
use crate::error::internal;
use crate::guests::FileDownload;
use crate::http::attachment::attachment;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Made};
use crate::panel::Panel;

/// Files that go into a guest or come out of it, and those that did lately.
#[utoipa::path(get, path = "/guests/{guest}/files")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<axum::Json<ParcelsShown>, Problem> {
    Ok(axum::Json(panel.file_list(&caller, guest).await?))
}

/// Begins an upload of a file that is to go into a guest.
///
/// One file of at most 1 GiB is put into it, at once or in pieces, under any name.
#[utoipa::path(post, path = "/guests/{guest}/files/uploads")]
pub async fn upload(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<Made<Begun>, Problem> {
    let upload = panel.file_upload_begin(&caller, guest).await?;
    Ok(Made(Begun { upload }))
}

/// Sends a file into a guest that runs, without a network.
///
/// It comes to `/root/files` there; a file of the same name is replaced. What the guest says of it is how the operation ends.
#[utoipa::path(post, path = "/guests/{guest}/files/send")]
pub async fn send(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<FileSendDraft>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.file_send(&caller, guest, draft).await?);
    Ok(Accepted(Acted { operation }))
}

/// Fetches a file or a directory out of a guest that runs, without a network.
///
/// When the operation is done, it is at `/operations/{operation}/file` for an hour, or until another one is fetched.
#[utoipa::path(post, path = "/guests/{guest}/files/fetch")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<FileFetchDraft>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.file_fetch(&caller, guest, draft).await?);
    Ok(Accepted(Acted { operation }))
}

/// What an operation has fetched out of a guest: a file as it is, anything else as a tar archive.
///
/// The guest wrote it: nobody else has looked at what is in it.
#[utoipa::path(
    get,
    path = "/operations/{operation}/file",
    responses((status = 200, description = "The file.", content((Vec<u8> = "application/octet-stream")))),
)]
pub async fn download(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(operation): Path<OperationId>,
) -> Result<Response, Problem> {
    Ok(file(panel.file_download(&caller, operation).await?).await?)
}

pub async fn file(download: FileDownload) -> Result<Response, AppError> {
    let mut file = tokio::fs::File::from_std(download.file);
    let fetched = download.fetched;
    file.seek(std::io::SeekFrom::Start(fetched.at)).await.map_err(|error| internal(&error))?;
    let body = Body::from_stream(ReaderStream::new(file.take(fetched.bytes)));
    Ok(attachment("application/octet-stream", &fetched.name, Some(fetched.bytes), body))
}
