use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{ImageChange, ImageDraft, ImageFilter, ImagePage, ImageShown};
use umbel_guest::ImageId;

use super::guests::Acted;
use super::{Json, Path, Query};
use crate::http::caller::{Changing, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done, WithEtag};
use crate::panel::Panel;

/// The catalogue of images, a page at a time.
///
/// `next` of one page is `cursor` of the next.
#[utoipa::path(get, path = "/images")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<ImageFilter>,
) -> Result<axum::Json<ImagePage>, Problem> {
    Ok(axum::Json(panel.image_list(&caller, filter).await?))
}

/// Makes an image: of the one file that was uploaded, of one that is fetched, or of a guest's snapshot.
///
/// Of a snapshot goes what is the guest's own (`GET /guests/{guest}/snapshots/{snapshot}/traces`).
#[utoipa::path(post, path = "/images")]
pub async fn import(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<ImageDraft>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.image_import(&caller, draft).await?);
    Ok(Accepted(Acted { operation }))
}

/// One image.
#[utoipa::path(get, path = "/images/{image}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(image): Path<ImageId>,
) -> Result<WithEtag<ImageShown>, Problem> {
    Ok(WithEtag(panel.image_fetch(&caller, image).await?))
}

/// Changes the note of an image, or deprecates it.
#[utoipa::path(patch, path = "/images/{image}")]
pub async fn change(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Path(image): Path<ImageId>,
    Json(change): Json<ImageChange>,
) -> Result<Done, Problem> {
    panel.image_change(&caller, image, change).await?;
    Ok(Done)
}

/// Removes an image that somebody put in and nobody has.
#[utoipa::path(delete, path = "/images/{image}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(image): Path<ImageId>,
) -> Result<Done, Problem> {
    panel.image_remove(&caller, image).await?;
    Ok(Done)
}
