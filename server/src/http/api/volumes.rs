use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{AttachDraft, VolumeChange, VolumeDraft, VolumeShown, VolumesShown};
use umbel_guest::{GuestId, VolumeId};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::panel::Panel;

/// Volumes that one may see, and which guests have them.
///
/// For administrators also files on the host that the panel knows nothing of; they are removed as volumes are.
#[utoipa::path(get, path = "/volumes")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<VolumesShown>, Problem> {
    Ok(axum::Json(panel.volume_list(&caller).await?))
}

/// One of them.
#[utoipa::path(get, path = "/volumes/{volume}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(volume): Path<VolumeId>,
) -> Result<axum::Json<VolumeShown>, Problem> {
    Ok(axum::Json(panel.volume_fetch(&caller, volume).await?))
}

/// Makes a volume: a disk that guests have beside their own.
///
/// It is empty, and takes of the host's disk what is written to it; a guest makes a file system on it.
#[utoipa::path(post, path = "/volumes")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<VolumeDraft>,
) -> Result<Made<VolumeShown>, Problem> {
    Ok(Made(panel.volume_create(&caller, draft).await?))
}

/// Makes a volume larger, while no guest that runs has it.
///
/// Never smaller. The file system on it is its guest's to grow.
#[utoipa::path(patch, path = "/volumes/{volume}")]
pub async fn change(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(volume): Path<VolumeId>,
    Json(change): Json<VolumeChange>,
) -> Result<axum::Json<VolumeShown>, Problem> {
    Ok(axum::Json(panel.volume_change(&caller, volume, change).await?))
}

/// Removes a volume for good, and what is on it, while no guest has it.
#[utoipa::path(delete, path = "/volumes/{volume}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(volume): Path<VolumeId>,
) -> Result<Done, Problem> {
    panel.volume_remove(&caller, volume).await?;
    Ok(Done)
}

/// Gives a volume to a guest of the same owner, at once where the guest runs.
///
/// One guest may write to it, or any number may read it. Which device it is in the guest, the answer says.
#[utoipa::path(put, path = "/guests/{guest}/volumes/{volume}")]
pub async fn attach(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, volume)): Path<(GuestId, VolumeId)>,
    Json(draft): Json<AttachDraft>,
) -> Result<axum::Json<VolumeShown>, Problem> {
    Ok(axum::Json(panel.volume_attach(&caller, guest, volume, draft).await?))
}

/// Takes a volume from a guest; of one that runs only what nothing in it has open.
#[utoipa::path(delete, path = "/guests/{guest}/volumes/{volume}")]
pub async fn detach(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((guest, volume)): Path<(GuestId, VolumeId)>,
) -> Result<Done, Problem> {
    panel.volume_detach(&caller, guest, volume).await?;
    Ok(Done)
}
