//! Files that a page leads to. Who isn't in, or has to say once more who they are, is asked and comes back to the page.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use leptos::nonce::Nonce;
use tower_sessions::Session;
use umbel_app::{AppError, paths};
use umbel_guest::BackupId;

use super::api::backups::file;
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
        Err(AppError::ConfirmNeeded) => confirm::to(paths::BACKUPS),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}
