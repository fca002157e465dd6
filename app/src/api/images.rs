use leptos::prelude::*;
#[cfg(feature = "ssr")]
use umbel_guest::{FieldError, Logins};
use umbel_guest::{GuestId, ImageId, OperationId, SnapshotId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{ImagePage, ImageShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::{ImageChange, ImageDraft, ImageFilter},
};

#[server(prefix = "/_sf", endpoint = "image_list", output = Answer)]
pub async fn image_list(
    #[server(default)] q: String,
    #[server(default)] cursor: String,
) -> Result<ImagePage, AppError> {
    let caller = told(caller())?;
    told(backend()?.image_list(&caller, ImageFilter { q, cursor, ..ImageFilter::default() }).await)
}

/// `memory_mib` empty is the least.
#[server(prefix = "/_sf", endpoint = "image_import", output = Answer)]
pub async fn image_import(
    upload: String,
    name: String,
    version: String,
    #[server(default)] title: String,
    #[server(default)] description: String,
    #[server(default)] default_user: String,
    #[server(default)] memory_mib: String,
    #[server(default)] tested_with: String,
    #[server(default)] note: String,
) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    let memory_mib = memory(&memory_mib);
    let said = ImageDraft { title, description, default_user, memory_mib, tested_with, note, ..ImageDraft::default() };
    told(backend()?.image_import(&caller, ImageDraft { upload, name, version, ..said }).await)
}

/// No number is refused as the memory that it can't be.
#[cfg(feature = "ssr")]
fn memory(mib: &str) -> Option<u32> {
    Some(mib.trim()).filter(|text| !text.is_empty()).map(|text| text.parse().unwrap_or(0))
}

/// As `debian-13.2`.
#[cfg(feature = "ssr")]
fn parts(image: &str) -> (String, String) {
    let (name, version) = image.trim().rsplit_once('-').unwrap_or((image.trim(), ""));
    (name.to_owned(), version.to_owned())
}

/// Of a guest's snapshot; name and version as one.
#[server(prefix = "/_sf", endpoint = "image_publish", output = Answer)]
pub async fn image_publish(
    guest: GuestId,
    snapshot: SnapshotId,
    image: String,
    #[server(default)] logins: String,
    #[server(default)] title: String,
    #[server(default)] description: String,
    #[server(default)] default_user: String,
    #[server(default)] memory_mib: String,
    #[server(default)] note: String,
) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    let logins = match logins.as_str() {
        "" => Ok(Logins::default()),
        word => word.parse().map_err(|error: FieldError| AppError::Invalid(error.into())),
    };
    let (logins, memory_mib, (name, version)) = (told(logins)?, memory(&memory_mib), parts(&image));
    let said = ImageDraft { title, description, default_user, memory_mib, note, ..ImageDraft::default() };
    let draft = ImageDraft { guest: Some(guest), snapshot: Some(snapshot), logins, name, version, ..said };
    let begun = backend()?.image_import(&caller, draft).await;
    told(begun.map_err(|error| error.of_field(&["name", "version"], "image")))
}

/// A recipe that comes with Umbel.
#[server(prefix = "/_sf", endpoint = "image_recipe", output = Answer)]
pub async fn image_recipe(#[server(default)] name: String) -> Result<String, AppError> {
    told(caller())?;
    let found = umbel_recipe::SHIPPED.iter().find(|(its, _)| *its == name);
    told(Ok(found.map(|(_, text)| (*text).to_owned()).unwrap_or_default()))
}

/// Name and version are the recipe's.
#[server(prefix = "/_sf", endpoint = "image_build", output = Answer)]
pub async fn image_build(recipe: String) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    let draft = ImageDraft { recipe, ..ImageDraft::default() };
    let begun = backend()?.image_import(&caller, draft).await;
    told(begun.map_err(|error| error.of_field(&["name", "version", "title", "description", "memory_mib"], "recipe")))
}

/// Name and version as one, as `debian-13.2`.
#[server(prefix = "/_sf", endpoint = "image_import_from", output = Answer)]
pub async fn image_import_from(
    url: String,
    #[server(default)] sha256: String,
    image: String,
) -> Result<OperationId, AppError> {
    let caller = told(caller())?;
    let (name, version) = parts(&image);
    let draft = ImageDraft { url, sha256, name, version, ..ImageDraft::default() };
    let begun = backend()?.image_import(&caller, draft).await;
    told(begun.map_err(|error| error.of_field(&["name", "version"], "image")))
}

#[server(prefix = "/_sf", endpoint = "image_fetch", output = Answer)]
pub async fn image_fetch(image: ImageId) -> Result<ImageShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.image_fetch(&caller, image).await)
}

#[server(prefix = "/_sf", endpoint = "image_set_deprecated", output = Answer)]
pub async fn image_set_deprecated(image: ImageId, deprecated: bool) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = ImageChange { deprecated: Some(deprecated), ..ImageChange::default() };
    told(backend()?.image_change(&caller, image, change).await)
}

/// `visibility` is as [`umbel_guest::Visibility`] spells it.
#[server(prefix = "/_sf", endpoint = "image_set_visibility", output = Answer)]
pub async fn image_set_visibility(image: ImageId, visibility: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let visibility = told(visibility.parse().map_err(|error: FieldError| AppError::Invalid(error.into())))?;
    let change = ImageChange { visibility: Some(visibility), ..ImageChange::default() };
    told(backend()?.image_change(&caller, image, change).await)
}

#[server(prefix = "/_sf", endpoint = "image_remove", output = Answer)]
pub async fn image_remove(image: ImageId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.image_remove(&caller, image).await)?;
    leptos_axum::redirect(paths::IMAGES);
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "image_set_note", output = Answer)]
pub async fn image_set_note(image: ImageId, #[server(default)] note: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.image_change(&caller, image, ImageChange { note: Some(note), ..ImageChange::default() }).await)
}
