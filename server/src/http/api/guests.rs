use axum::extract::State;
use axum::http::StatusCode;
use umbel_app::backend::Backend;
use umbel_app::shown::{Created, GuestChange, GuestForm, GuestShown, MemoryInsideShown, MetricsShown, Scope};
use umbel_guest::{Action, GuestDraft, GuestId, OperationId, SysRqKey};

use super::host::Back;
use super::{Json, Path, Query};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

type Answer<T> = Result<axum::Json<T>, Problem>;

pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Answer<Vec<GuestShown>> {
    Ok(axum::Json(panel.guest_list(&caller).await?))
}

/// Choices and sensible values for a new guest.
pub async fn form(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Answer<GuestForm> {
    Ok(axum::Json(panel.guest_form(&caller).await?))
}

pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<GuestDraft>,
) -> Result<(StatusCode, axum::Json<Created>), Problem> {
    Ok((StatusCode::ACCEPTED, axum::Json(panel.guest_create(&caller, draft).await?)))
}

pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Answer<GuestShown> {
    Ok(axum::Json(panel.guest_fetch(&caller, guest).await?))
}

pub async fn change(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(change): Json<GuestChange>,
) -> Answer<GuestShown> {
    Ok(axum::Json(panel.guest_change(&caller, guest, change).await?))
}

/// Deletes, undoable for a while.
pub async fn delete(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<(StatusCode, axum::Json<Acted>), Problem> {
    let operation = panel.guest_act(&caller, guest, Action::Delete).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Acted { operation })))
}

/// What `POST /guests/{guest}/WORD` does, and what a token must be good for.
pub const ACTIONS: [(&str, Action, Scope); 9] = [
    ("start", Action::Start, Scope::Power),
    ("shut-down", Action::ShutDown, Scope::Power),
    ("kill", Action::Kill, Scope::Power),
    ("restart", Action::Restart, Scope::Power),
    ("pause", Action::Pause, Scope::Power),
    ("resume", Action::Resume, Scope::Power),
    // Into a shell of root's, who then types.
    ("start-shell", Action::StartShell, Scope::Console),
    ("undelete", Action::Undelete, Scope::Write),
    ("purge", Action::Purge, Scope::Write),
];

pub async fn act(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    action: Action,
) -> Result<(StatusCode, axum::Json<Acted>), Problem> {
    let operation = panel.guest_act(&caller, guest, action).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Acted { operation })))
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pressed {
    pub key: SysRqKey,
}

pub async fn sysrq(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(pressed): Json<Pressed>,
) -> Result<StatusCode, Problem> {
    panel.guest_sysrq(&caller, guest, pressed.key).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn metrics(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Query(back): Query<Back>,
) -> Answer<MetricsShown> {
    Ok(axum::Json(panel.guest_metrics(&caller, guest, back.span).await?))
}

/// Wakes the guest's kernel.
pub async fn memory(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Answer<MemoryInsideShown> {
    Ok(axum::Json(panel.guest_memory_inside(&caller, guest).await?))
}

/// The classic example.
pub async fn example(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<(StatusCode, axum::Json<Vec<Created>>), Problem> {
    Ok((StatusCode::ACCEPTED, axum::Json(panel.example_create(&caller).await?)))
}

/// What was started; `null` where it was done at once.
#[derive(Debug, serde::Serialize)]
pub struct Acted {
    pub operation: Option<OperationId>,
}
