use leptos::prelude::*;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::AnnouncementShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::AnnouncementDraft,
};

/// Around every page, so that where it can't be told is no status of the page.
#[server(prefix = "/_sf", endpoint = "announcement_fetch", output = Answer)]
pub async fn announcement_fetch() -> Result<Option<AnnouncementShown>, AppError> {
    told(caller())?;
    backend()?.announcement_fetch().await
}

/// `hours` is a number, or nothing.
#[server(prefix = "/_sf", endpoint = "announcement_set", output = Answer)]
pub async fn announcement_set(
    #[server(default)] text: String,
    #[server(default)] level: String,
    #[server(default)] hours: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let draft = told(AnnouncementDraft::read(text, &level, &hours).map_err(AppError::Invalid))?;
    told(backend()?.announcement_set(&caller, draft).await)
}

#[server(prefix = "/_sf", endpoint = "announcement_clear", output = Answer)]
pub async fn announcement_clear() -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.announcement_clear(&caller).await)
}
