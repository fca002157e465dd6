//! Files that a page leads to. Who isn't in, or has to say once more who they are, is asked and comes back to the page.

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use leptos::nonce::Nonce;
use tower_sessions::Session;
use umbel_app::shown::FileAsked;
use umbel_app::{AppError, paths};
use umbel_guest::{BackupId, FieldErrors, GuestId, SnapshotId};

use super::api::backups::file;
use super::api::files;
use super::caller::CameFrom;
use super::confirm;
use super::error::Reader;
use super::sign_in::settled_in;
use crate::panel::Panel;

pub async fn backup_disk(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    backup: Result<Path<BackupId>, PathRejection>,
) -> Response {
    let caller = match settled_in(&panel, &session, came, paths::BACKUPS, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let download = async {
        let Path(backup) = backup.map_err(|_| AppError::not_found("backup"))?;
        panel.backup_download(&caller, backup).await
    };
    match download.await {
        Ok(download) => file(download),
        Err(error) => refused(error, paths::BACKUPS, &nonce),
    }
}

type Asked = Result<Query<FileAsked>, QueryRejection>;

pub async fn backup_file(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    backup: Result<Path<BackupId>, PathRejection>,
    asked: Asked,
) -> Response {
    let Ok(Path(backup)) = backup else { return missing("backup", &nonce) };
    let page = paths::backup_files(backup, "");
    let caller = match settled_in(&panel, &session, came, &page, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let taken = async { panel.backup_file(&caller, backup, &read(asked)?).await };
    match taken.await {
        Ok(taken) => files::answer(taken),
        Err(error) => refused(error, &page, &nonce),
    }
}

pub async fn snapshot_file(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    snapshot: Result<Path<(GuestId, SnapshotId)>, PathRejection>,
    asked: Asked,
) -> Response {
    let Ok(Path((guest, snapshot))) = snapshot else { return missing("snapshot", &nonce) };
    let page = paths::snapshot_files(guest, snapshot, "");
    let caller = match settled_in(&panel, &session, came, &page, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let taken = async { panel.snapshot_file(&caller, guest, snapshot, &read(asked)?).await };
    match taken.await {
        Ok(taken) => files::answer(taken),
        Err(error) => refused(error, &page, &nonce),
    }
}

fn read(asked: Asked) -> Result<FileAsked, AppError> {
    let Query(asked) = asked.map_err(|error| AppError::Invalid(FieldErrors::one("path", error.body_text())))?;
    Ok(asked)
}

fn missing(what: &str, nonce: &Nonce) -> Response {
    Reader::Person.answer(AppError::not_found(what), nonce)
}

/// Who has to say once more who they are comes back to the page.
fn refused(error: AppError, page: &str, nonce: &Nonce) -> Response {
    match error {
        AppError::ConfirmNeeded => confirm::to(page),
        error => Reader::Person.answer(error, nonce),
    }
}
