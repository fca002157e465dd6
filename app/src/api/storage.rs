use leptos::prelude::*;
use umbel_guest::{GuestId, SnapshotId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::StorageShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
};

/// What takes how much of the host's disk; for administrators.
#[server(prefix = "/_sf", endpoint = "storage_fetch", output = Answer)]
pub async fn storage_fetch() -> Result<StorageShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.storage(&caller).await)
}

/// For good; without a snapshot, all of the guest.
#[server(prefix = "/_sf", endpoint = "leftover_remove", output = Answer)]
pub async fn leftover_remove(guest: GuestId, #[server(default)] snapshot: Option<SnapshotId>) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.leftover_remove(&caller, guest, snapshot).await)
}
