use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{
    Created, GuestChange, GuestFilter, GuestForm, GuestPage, GuestShown, MemoryInsideShown, MetricsShown, RebuildDraft,
};
use umbel_guest::{Action, GuestDraft, GuestId, OperationId, SetupDraft, SysRqKey};

use super::host::Back;
use super::{Json, Path, Query};
use crate::http::caller::{Changing, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Accepted, Done, WithEtag};
use crate::panel::Panel;

type Answer<T> = Result<axum::Json<T>, Problem>;

/// Guests that one may see, a page at a time.
///
/// `next` of one page is `cursor` of the next.
#[utoipa::path(get, path = "/guests")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<GuestFilter>,
) -> Answer<GuestPage> {
    Ok(axum::Json(panel.guest_list(&caller, filter).await?))
}

/// Choices and sensible values for a new guest.
#[utoipa::path(get, path = "/guests/form")]
pub async fn form(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Answer<GuestForm> {
    Ok(axum::Json(panel.guest_form(&caller).await?))
}

/// Creates a guest.
///
/// Everything about it is checked at once, and every field that is wrong is named.
#[utoipa::path(post, path = "/guests")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<GuestDraft>,
) -> Result<Accepted<Created>, Problem> {
    Ok(Accepted(panel.guest_create(&caller, draft).await?))
}

/// One guest.
#[utoipa::path(get, path = "/guests/{guest}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<WithEtag<GuestShown>, Problem> {
    Ok(WithEtag(panel.guest_fetch(&caller, guest).await?))
}

/// Changes a guest; what is left out stays as it is.
#[utoipa::path(patch, path = "/guests/{guest}")]
pub async fn change(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Path(guest): Path<GuestId>,
    Json(change): Json<GuestChange>,
) -> Result<WithEtag<GuestShown>, Problem> {
    Ok(WithEtag(panel.guest_change(&caller, guest, change).await?))
}

/// Deletes a guest. It can be taken back for a while.
#[utoipa::path(delete, path = "/guests/{guest}")]
pub async fn delete(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = panel.guest_act(&caller, guest, Action::Delete).await?;
    Ok(Accepted(Acted { operation }))
}

/// What is asked of a guest in one word, a route each.
macro_rules! actions {
    ($($(#[$doc:meta])+ $name:ident $path:literal $action:ident;)+) => { $(
        $(#[$doc])+
        #[utoipa::path(post, path = $path)]
        pub async fn $name(
            State(panel): State<Panel>,
            SignedIn(caller): SignedIn,
            Path(guest): Path<GuestId>,
        ) -> Result<Accepted<Acted>, Problem> {
            let operation = panel.guest_act(&caller, guest, Action::$action).await?;
            Ok(Accepted(Acted { operation }))
        }
    )+ };
}

actions! {
    /// Starts a guest.
    start "/guests/{guest}/start" Start;
    /// Shuts a guest down; one that doesn't listen is killed after a while.
    shut_down "/guests/{guest}/shut-down" ShutDown;
    /// Ends a guest at once, as if its plug were pulled.
    kill "/guests/{guest}/kill" Kill;
    /// Shuts a guest down and starts it again.
    restart "/guests/{guest}/restart" Restart;
    /// Freezes a guest where it is.
    pause "/guests/{guest}/pause" Pause;
    /// Lets a paused guest go on.
    resume "/guests/{guest}/resume" Resume;
    /// Starts a guest once into a shell of root's, for whoever has lost its password.
    start_shell "/guests/{guest}/start-shell" StartShell;
    /// Makes a guest's disk its image's again and starts it.
    ///
    /// The disk that it had is among its snapshots for an hour.
    reset "/guests/{guest}/reset" Reset;
    /// Takes a deletion back.
    undelete "/guests/{guest}/undelete" Undelete;
    /// Deletes a guest for good, at once.
    purge "/guests/{guest}/purge" Purge;
}

#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pressed {
    pub key: SysRqKey,
}

/// Makes a guest's disk another image's and starts it: a newer version of its own, mostly.
///
/// The disk that it had is among its snapshots for an hour. Its name, its address and its volumes are as they were.
#[utoipa::path(post, path = "/guests/{guest}/rebuild")]
pub async fn rebuild(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<RebuildDraft>,
) -> Result<Accepted<Acted>, Problem> {
    let operation = Some(panel.guest_rebuild(&caller, guest, draft).await?);
    Ok(Accepted(Acted { operation }))
}

/// Tells a guest that is off who signs in, or what to run, at its next start.
///
/// What it was to be told before is not told.
#[utoipa::path(put, path = "/guests/{guest}/setup")]
pub async fn set_up(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(draft): Json<SetupDraft>,
) -> Result<Done, Problem> {
    panel.guest_set_up(&caller, guest, draft).await?;
    Ok(Done)
}

/// Presses a key of the magic SysRq.
#[utoipa::path(post, path = "/guests/{guest}/sysrq")]
pub async fn sysrq(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Json(pressed): Json<Pressed>,
) -> Result<Done, Problem> {
    panel.guest_sysrq(&caller, guest, pressed.key).await?;
    Ok(Done)
}

/// What a guest used.
#[utoipa::path(get, path = "/guests/{guest}/metrics")]
pub async fn metrics(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Query(back): Query<Back>,
) -> Answer<MetricsShown> {
    Ok(axum::Json(panel.guest_metrics(&caller, guest, back.span).await?))
}

/// What the guest's own kernel says of its memory; this wakes it.
#[utoipa::path(get, path = "/guests/{guest}/memory")]
pub async fn memory(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
) -> Answer<MemoryInsideShown> {
    Ok(axum::Json(panel.guest_memory_inside(&caller, guest).await?))
}

/// Creates the classic example: two guests in one network.
#[utoipa::path(post, path = "/example")]
pub async fn example(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<Accepted<Vec<Created>>, Problem> {
    Ok(Accepted(panel.example_create(&caller).await?))
}

/// What was started; `null` where it was done at once.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Acted {
    pub operation: Option<OperationId>,
}
