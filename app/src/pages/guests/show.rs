//! A guest: its header and tabs around the page of a tab.

use leptos::prelude::*;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::use_params_map;
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;
use umbel_guest::{Action, GuestId, GuestRight, Seen};

use crate::AppError;
use crate::api::guests::{GuestAct, guest_fetch};
use crate::api::missing;
use crate::live::Live;
use crate::parts::action::ActionButton;
use crate::parts::badge::StateBadge;
use crate::parts::dialog::{Cancel, Dialog};
use crate::parts::icon::Icon;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::time::{Said, When};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::GuestShown;

/// What the tabs of a guest share.
#[derive(Clone, Copy)]
pub struct GuestContext {
    pub id: Memo<Option<GuestId>>,
    pub guest: Resource<Result<GuestShown, AppError>>,
    pub act: ServerAction<GuestAct>,
}

impl std::fmt::Debug for GuestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestContext").finish_non_exhaustive()
    }
}

impl GuestContext {
    pub fn expect() -> Self {
        expect_context()
    }
}

#[component]
pub fn GuestPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("guest").and_then(|text| text.parse::<GuestId>().ok()));
    let live = Live::expect();
    let act = ServerAction::<GuestAct>::new();
    let guest = Resource::new(
        move || (id.get(), live.guest(id.get()), act.version().get()),
        |(id, ..)| async move { guest_fetch(id.ok_or_else(|| missing("guest"))?).await },
    );
    provide_context(GuestContext { id, guest, act });
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match guest.await {
                    Ok(guest) => view! { <GuestHead guest=guest act=act /> }.into_any(),
                    Err(error) => view! { <Title text="Guest" /><Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        <Failure error=failure(act) />
        <Outlet />
    }
}

#[component]
fn GuestHead(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let id = guest.id;
    let since = match guest.seen {
        Seen::Running { since } | Seen::Paused { since, .. } => Some(view! { <When at=since said=Said::Since /> }),
        _ => None,
    };
    view! {
        <Title text=guest.name.to_string() />
        {guest.seen.is_held().then(|| view! {
            <p class="notice attention" role="status">
                "The host's disk is almost full, and this guest was writing to it. It stands still so that nothing of it is lost, and goes on by itself when there is room."
            </p>
        })}
        <header class="page-head guest-head">
            <h1>{guest.name.to_string()}</h1>
            <p class="guest-state"><StateBadge badge=guest.badge() /> <span class="meta">{since}</span></p>
            <div class="page-actions"><GuestActions guest=guest act=act /></div>
        </header>
        <nav class="tabs" aria-label="Guest">
            <A href=paths::guest(id) exact=true>"Overview"</A>
            <A href=paths::guest_console(id)>"Console"</A>
            <A href=paths::guest_disk(id)>"Disk"</A>
            <A href=paths::guest_files(id)>"Files"</A>
            <A href=paths::guest_network(id)>"Network"</A>
            <A href=paths::guest_activity(id)>"Activity"</A>
            <A href=paths::guest_sharing(id)>"Sharing"</A>
            <A href=paths::guest_settings(id)>"Settings"</A>
        </nav>
    }
    .into_any()
}

/// The primary action of the state first, the rest beside it.
#[component]
fn GuestActions(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let first = match guest.badge() {
        Badge::Running | Badge::Starting | Badge::Stopping => Action::ShutDown,
        Badge::Paused => Action::Resume,
        Badge::Stopped | Badge::Crashed => Action::Start,
        Badge::Deleted => Action::Undelete,
    };
    let icon = match first {
        Action::Start | Action::Resume => Icon::Start,
        Action::Undelete => Icon::Undo,
        _ => Icon::ShutDown,
    };
    let (lives, deleted) = (first == Action::ShutDown, first == Action::Undelete);
    view! {
        <ActionButton guest=guest.clone() action=first act=act icon=icon class="button primary" />
        {lives.then(|| view! {
            <ActionButton guest=guest.clone() action=Action::Pause act=act icon=Icon::Pause />
            <ActionButton guest=guest.clone() action=Action::Restart act=act />
        })}
        {(lives || first == Action::Resume).then(|| view! { <Kill guest=guest.clone() act=act /> })}
        {(!deleted).then(|| view! { <Delete guest=guest act=act /> })}
    }
    .into_any()
}

/// Asks first, since the guest can't finish what it is at.
#[component]
fn Kill(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let name = guest.name.to_string();
    let denied = guest.access.may(GuestRight::Power).err().map(|why| why.to_string());
    let disabled = denied.is_some();
    view! {
        <button class="button needs-scripts" type="button" data-opens="kill" disabled=disabled title=denied>"Kill…"</button>
        <span class="without-scripts"><ActionButton guest=guest.clone() action=Action::Kill act=act /></span>
        <Dialog id="kill" title=format!("Kill {name}")>
            <p>{format!("Ends {name} at once, as if its power were cut. What it has not written to its disk is lost.")}</p>
            <div class="dialog-actions">
                <Cancel />
                <ActionButton guest=guest action=Action::Kill act=act class="button danger final" words=format!("Kill {name}") />
            </div>
        </Dialog>
    }
    .into_any()
}

/// Without scripts the way leads to the settings, where the same is said.
#[component]
fn Delete(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let name = guest.name.to_string();
    if let Err(why) = guest.access.may(GuestRight::Delete) {
        let why = why.to_string();
        return view! { <button class="button danger" type="button" disabled=true title=why>"Delete…"</button> }
            .into_any();
    }
    view! {
        <a class="button danger" href=format!("{}#delete", paths::guest_settings(guest.id)) data-opens="delete-guest">"Delete…"</a>
        <Dialog id="delete-guest" title=format!("Delete {name}")>
            <p>{deletion(&guest)}</p>
            <div class="dialog-actions">
                <Cancel />
                <ActionButton guest=guest action=Action::Delete act=act class="button danger final" words=format!("Delete {name}") />
            </div>
        </Dialog>
    }
    .into_any()
}

/// What deleting does, in words.
pub(super) fn deletion(guest: &GuestShown) -> String {
    format!(
        "Stops {name}. Its disk ({size}) and its console are kept for an hour, in which you can undo this; then they are gone for ever.",
        name = guest.name,
        size = in_words(guest.disk.mib())
    )
}
