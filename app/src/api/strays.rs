use leptos::prelude::*;
use umbel_guest::{Attachment, Clock, KernelMode, StrayName};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{AdoptShown, StrayShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
};

#[server(prefix = "/_sf", endpoint = "stray_list", output = Answer)]
pub async fn stray_list() -> Result<Vec<StrayShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.stray_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "adopt_read", output = Answer)]
pub async fn adopt_read(command_line: String) -> Result<AdoptShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.adopt_read(&caller, command_line).await)
}

#[server(prefix = "/_sf", endpoint = "guest_adopt", output = Answer)]
pub async fn guest_adopt(
    stray: StrayName,
    name: String,
    #[server(default)] kernel: String,
    memory_mib: u32,
    #[server(default)] mode: KernelMode,
    #[server(default)] clock: Clock,
    #[server(default)] network: Attachment,
    #[server(default)] note: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let usual = umbel_guest::GuestDraft::default();
    let draft = umbel_guest::GuestDraft { name, kernel, memory_mib, mode, clock, network, note, ..usual };
    let created = told(backend()?.guest_adopt(&caller, stray, draft).await)?;
    leptos_axum::redirect(&paths::guest(created.guest));
    Ok(())
}
