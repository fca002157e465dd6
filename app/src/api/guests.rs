use leptos::prelude::*;
use umbel_guest::{
    Action, Attachment, Clock, DiskKind, GuestId, KernelMode, OperationId, RestartPolicy, Span, SysRqKey,
};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{ConsoleTail, GuestForm, GuestPage, GuestShown, MemoryInsideShown, MetricsShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    api::limits::limits,
    backend::{backend, caller},
    paths,
    shown::{GuestChange, GuestFilter, read_group},
};
#[cfg(feature = "ssr")]
use umbel_guest::SetupDraft;

#[server(prefix = "/_sf", endpoint = "guest_list", output = Answer)]
pub async fn guest_list(
    #[server(default)] q: String,
    #[server(default)] state: String,
    #[server(default)] cursor: String,
) -> Result<GuestPage, AppError> {
    let caller = told(caller())?;
    let filter = GuestFilter { q, state, cursor, ..GuestFilter::default() };
    told(backend()?.guest_list(&caller, filter).await)
}

#[server(prefix = "/_sf", endpoint = "guest_fetch", output = Answer)]
pub async fn guest_fetch(guest: GuestId) -> Result<GuestShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_fetch(&caller, guest).await)
}

#[server(prefix = "/_sf", endpoint = "guest_choices", output = Answer)]
pub async fn guest_choices() -> Result<GuestForm, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_form(&caller).await)
}

/// `memory_exact` is the advanced field; empty, the chosen size counts. An empty limit is none.
#[server(prefix = "/_sf", endpoint = "guest_create", output = Answer)]
pub async fn guest_create(
    name: String,
    #[server(default)] group: String,
    #[server(default)] image: String,
    #[server(default)] kernel: String,
    #[server(default)] memory_mib: u32,
    #[server(default)] memory_exact: String,
    #[server(default)] disk_mib: u32,
    #[server(default)] disk_kind: DiskKind,
    #[server(default)] restart_policy: RestartPolicy,
    #[server(default)] note: String,
    #[server(default)] autostart: Option<bool>,
    #[server(default)] mode: KernelMode,
    #[server(default)] clock: Clock,
    #[server(default)] network: Attachment,
    #[server(default)] cpu_weight: String,
    #[server(default)] cpu_percent: String,
    #[server(default)] processes: String,
    #[server(default)] net_mbit: String,
    #[server(default)] disk_mib_s: String,
    #[server(default)] user: String,
    #[server(default)] password: String,
    #[server(default)] account_keys: bool,
    #[server(default)] ssh_keys: String,
    #[server(default)] user_data: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let memory_mib = told(memory(memory_mib, &memory_exact))?;
    let limits = told(limits([&cpu_weight, &cpu_percent, &processes, &net_mbit, &disk_mib_s]))?;
    let group = told(read_group(&group).map_err(|error| AppError::Invalid(error.into())))?;
    let draft = umbel_guest::GuestDraft {
        name,
        group,
        note,
        image,
        kernel,
        memory_mib,
        disk_mib,
        disk_kind,
        restart_policy,
        autostart: autostart.unwrap_or(true),
        mode,
        clock,
        network,
        limits,
        setup: SetupDraft { user, password, account_keys, ssh_keys, user_data },
    };
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

#[server(prefix = "/_sf", endpoint = "guest_rename", output = Answer)]
pub async fn guest_rename(guest: GuestId, name: String, #[server(default)] note: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = GuestChange { name: Some(name), note: Some(note), ..GuestChange::default() };
    told(backend()?.guest_change(&caller, guest, change).await).map(|_| ())
}

#[server(prefix = "/_sf", endpoint = "guest_reconfigure", output = Answer)]
pub async fn guest_reconfigure(
    guest: GuestId,
    kernel: String,
    memory_mib: u32,
    restart_policy: RestartPolicy,
    #[server(default)] mode: Option<KernelMode>,
    #[server(default)] clock: Option<Clock>,
    #[server(default)] network: Option<Attachment>,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = GuestChange {
        kernel: Some(kernel),
        memory_mib: Some(memory_mib),
        restart_policy: Some(restart_policy),
        mode,
        clock,
        network,
        ..GuestChange::default()
    };
    told(backend()?.guest_change(&caller, guest, change).await).map(|_| ())
}

/// Whether it is started again with the host; at any time.
#[server(prefix = "/_sf", endpoint = "guest_set_autostart", output = Answer)]
pub async fn guest_set_autostart(guest: GuestId, autostart: bool) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = GuestChange { autostart: Some(autostart), ..GuestChange::default() };
    told(backend()?.guest_change(&caller, guest, change).await).map(|_| ())
}

/// All limits at once, also of a guest that runs. An empty one is none.
#[server(prefix = "/_sf", endpoint = "guest_limit", output = Answer)]
pub async fn guest_limit(
    guest: GuestId,
    #[server(default)] cpu_weight: String,
    #[server(default)] cpu_percent: String,
    #[server(default)] processes: String,
    #[server(default)] net_mbit: String,
    #[server(default)] disk_mib_s: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let limits = told(limits([&cpu_weight, &cpu_percent, &processes, &net_mbit, &disk_mib_s]))?;
    let change = GuestChange { limits: Some(limits), ..GuestChange::default() };
    told(backend()?.guest_change(&caller, guest, change).await).map(|_| ())
}

/// What it is told at its next start.
#[server(prefix = "/_sf", endpoint = "guest_set_up", output = Answer)]
pub async fn guest_set_up(
    guest: GuestId,
    #[server(default)] user: String,
    #[server(default)] password: String,
    #[server(default)] account_keys: bool,
    #[server(default)] ssh_keys: String,
    #[server(default)] user_data: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let draft = SetupDraft { user, password, account_keys, ssh_keys, user_data };
    told(backend()?.guest_set_up(&caller, guest, draft).await)
}

#[server(prefix = "/_sf", endpoint = "guest_sysrq", output = Answer)]
pub async fn guest_sysrq(guest: GuestId, key: SysRqKey) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_sysrq(&caller, guest, key).await)
}

/// Without them the page is still the guest's, so an error is no status of the page.
#[server(prefix = "/_sf", endpoint = "guest_metrics", output = Answer)]
pub async fn guest_metrics(guest: GuestId, span: Span) -> Result<MetricsShown, AppError> {
    let caller = told(caller())?;
    backend()?.guest_metrics(&caller, guest, span).await
}

/// Wakes the guest: to be asked while somebody looks, and not more often than every few seconds. Nothing
/// comes of a guest that can't say it just now; that is no error of the page.
#[server(prefix = "/_sf", endpoint = "guest_memory_inside", output = Answer)]
pub async fn guest_memory_inside(guest: GuestId) -> Result<Option<MemoryInsideShown>, AppError> {
    let caller = told(caller())?;
    match backend()?.guest_memory_inside(&caller, guest).await {
        Err(AppError::Conflict { .. }) => Ok(None),
        answer => told(answer).map(Some),
    }
}

/// C1 and C2 on one switch.
#[server(prefix = "/_sf", endpoint = "example_create", output = Answer)]
pub async fn example_create() -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.example_create(&caller).await)?;
    leptos_axum::redirect(paths::GUESTS);
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "guest_act", output = Answer)]
pub async fn guest_act(guest: GuestId, action: Action) -> Result<Option<OperationId>, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_act(&caller, guest, action).await)
}

/// For good and at once; `name` must be the guest's own, typed.
#[server(prefix = "/_sf", endpoint = "guest_purge", output = Answer)]
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

#[server(prefix = "/_sf", endpoint = "guest_console_tail", output = Answer)]
pub async fn guest_console_tail(guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError> {
    let caller = told(caller())?;
    told(backend()?.guest_console_tail(&caller, guest, lines.min(500)).await)
}
