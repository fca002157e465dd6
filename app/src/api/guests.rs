use leptos::prelude::*;
use umbel_guest::{Action, DiskKind, GuestId, OperationId, RestartPolicy};

use crate::AppError;
use crate::shown::{ConsoleTail, GuestForm, GuestShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::GuestChange,
};

#[server(prefix = "/_sf", endpoint = "guest_list")]
pub async fn guest_list() -> Result<Vec<GuestShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "guest_fetch")]
pub async fn guest_fetch(guest: GuestId) -> Result<GuestShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_fetch(&caller, guest).await)
}

#[server(prefix = "/_sf", endpoint = "guest_choices")]
pub async fn guest_choices() -> Result<GuestForm, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_form(&caller).await)
}

/// `memory_exact` is the advanced field; empty, the chosen size counts.
#[server(prefix = "/_sf", endpoint = "guest_create")]
pub async fn guest_create(
    name: String,
    #[server(default)] image: String,
    #[server(default)] kernel: String,
    #[server(default)] memory_mib: u32,
    #[server(default)] memory_exact: String,
    #[server(default)] disk_mib: u32,
    #[server(default)] disk_kind: DiskKind,
    #[server(default)] restart_policy: RestartPolicy,
    #[server(default)] note: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let memory_mib = told(memory(memory_mib, &memory_exact))?;
    let draft = umbel_guest::GuestDraft { name, note, image, kernel, memory_mib, disk_mib, disk_kind, restart_policy };
    let created = told(backend()?.guest_create(&caller, draft).await)?;
    leptos_axum::redirect(&paths::guest_console(created.guest));
    Ok(())
}

#[cfg(feature = "ssr")]
fn memory(chosen_mib: u32, exact: &str) -> Result<u32, AppError> {
    match exact.trim() {
        "" => Ok(chosen_mib),
        text => text.parse().map_err(|_| {
            AppError::Invalid(umbel_guest::FieldErrors::one("memory_exact", "Memory is a whole number of MiB."))
        }),
    }
}

#[server(prefix = "/_sf", endpoint = "guest_rename")]
pub async fn guest_rename(guest: GuestId, name: String, #[server(default)] note: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = GuestChange { name: Some(name), note: Some(note), ..GuestChange::default() };
    told(backend()?.guest_change(&caller, guest, change).await).map(|_| ())
}

#[server(prefix = "/_sf", endpoint = "guest_reconfigure")]
pub async fn guest_reconfigure(
    guest: GuestId,
    kernel: String,
    memory_mib: u32,
    restart_policy: RestartPolicy,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = GuestChange {
        kernel: Some(kernel),
        memory_mib: Some(memory_mib),
        restart_policy: Some(restart_policy),
        ..GuestChange::default()
    };
    told(backend()?.guest_change(&caller, guest, change).await).map(|_| ())
}

#[server(prefix = "/_sf", endpoint = "guest_act")]
pub async fn guest_act(guest: GuestId, action: Action) -> Result<Option<OperationId>, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_act(&caller, guest, action).await)
}

/// For good and at once; `name` must be the guest's own, typed.
#[server(prefix = "/_sf", endpoint = "guest_purge")]
pub async fn guest_purge(guest: GuestId, name: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let shown = told(backend()?.guest_fetch(&caller, guest).await)?;
    if shown.name.as_str() != name.trim() {
        let message = format!("Type {} to purge it.", shown.name);
        return told(Err(AppError::Invalid(umbel_guest::FieldErrors::one("purge_name", message))));
    }
    told(backend()?.guest_act(&caller, guest, Action::Purge).await)?;
    leptos_axum::redirect(paths::GUESTS);
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "guest_console_tail")]
pub async fn guest_console_tail(guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_console_tail(&caller, guest, lines.min(500)).await)
}
