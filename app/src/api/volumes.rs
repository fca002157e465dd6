use leptos::prelude::*;
use umbel_guest::{GuestId, VolumeId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::VolumesShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::{AttachDraft, VolumeChange, VolumeDraft},
};
#[cfg(feature = "ssr")]
use umbel_guest::FieldError;

/// One's own and those of one's groups; all of them for administrators and operators.
#[server(prefix = "/_sf", endpoint = "volume_list", output = Answer)]
pub async fn volume_list() -> Result<VolumesShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.volume_list(&caller).await)
}

/// An empty group is oneself.
#[server(prefix = "/_sf", endpoint = "volume_create", output = Answer)]
pub async fn volume_create(
    name: String,
    size_mib: u32,
    #[server(default)] group: String,
) -> Result<VolumeId, AppError> {
    let caller = told(caller())?;
    let group = match group.as_str() {
        "" => None,
        text => Some(told(text.parse().map_err(|_| wrong("group", "There is no such group.")))?),
    };
    told(backend()?.volume_create(&caller, VolumeDraft { name, size_mib, group }).await).map(|made| made.id)
}

/// Errors of its size come as those of `to_mib`, which stands beside the size of a new one.
#[server(prefix = "/_sf", endpoint = "volume_grow", output = Answer)]
pub async fn volume_grow(larger: VolumeId, to_mib: u32) -> Result<(), AppError> {
    let caller = told(caller())?;
    let grown = backend()?.volume_change(&caller, larger, VolumeChange { size_mib: to_mib }).await;
    told(grown.map_err(|error| error.of_field(&["size_mib"], "to_mib"))).map(drop)
}

#[server(prefix = "/_sf", endpoint = "volume_attach", output = Answer)]
pub async fn volume_attach(guest: GuestId, volume: VolumeId, access: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let access = told(access.parse().map_err(|error: FieldError| AppError::Invalid(error.into())))?;
    told(backend()?.volume_attach(&caller, guest, volume, AttachDraft { access }).await).map(drop)
}

#[server(prefix = "/_sf", endpoint = "volume_detach", output = Answer)]
pub async fn volume_detach(guest: GuestId, volume: VolumeId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.volume_detach(&caller, guest, volume).await)
}

#[server(prefix = "/_sf", endpoint = "volume_remove", output = Answer)]
pub async fn volume_remove(volume: VolumeId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.volume_remove(&caller, volume).await)
}

#[cfg(feature = "ssr")]
fn wrong(field: &str, message: &str) -> AppError {
    AppError::Invalid(FieldError::new(field, message).into())
}
