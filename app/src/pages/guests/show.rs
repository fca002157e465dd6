//! A guest: its header and tabs around the page of a tab, and the first of them.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::use_params_map;
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;
use umbel_guest::{Action, DiskKind, GuestId, Seen, Wanted};

use super::new::policy_words;
use crate::AppError;
use crate::api::missing;
use crate::api::guests::{GuestAct, guest_console_tail, guest_fetch};
use crate::live::Live;
use crate::parts::action::ActionButton;
use crate::parts::badge::StateBadge;
use crate::parts::loaded::{Failure, Problem, failure};
use crate::parts::operation::OperationSteps;
use crate::parts::table::Fact;
use crate::parts::time::When;
use crate::paths;
use crate::shown::GuestShown;

/// What the tabs of a guest share.
#[derive(Clone, Copy)]
pub struct GuestContext {
    pub id: Memo<Option<GuestId>>,
    pub guest: Resource<Result<GuestShown, AppError>>,
    pub act: ServerAction<GuestAct>,
    /// Told by the tabs that something of the guest was changed here.
    pub changed: RwSignal<u64>,
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
    let changed = RwSignal::new(0);
    let guest = Resource::new(
        move || (id.get(), live.guest(id.get()), act.version().get(), changed.get()),
        |(id, ..)| async move { guest_fetch(id.ok_or_else(|| missing("guest"))?).await },
    );
    provide_context(GuestContext { id, guest, act, changed });
    view! {
        <Transition>
            {move || Suspend::new(async move {
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
        Seen::Running { since } => Some(view! { " since " <When at=since /> }),
        _ => None,
    };
    view! {
        <Title text=guest.name.to_string() />
        <header class="page-head guest-head">
            <h1>{guest.name.to_string()}</h1>
            <p class="guest-state"><StateBadge badge=guest.badge() /> <span class="meta">{since}</span></p>
            <div class="page-actions"><GuestActions guest=guest act=act /></div>
        </header>
        <nav class="tabs" aria-label="Guest">
            <A href=paths::guest(id) exact=true>"Overview"</A>
            <A href=paths::guest_console(id)>"Console"</A>
            <A href=paths::guest_activity(id)>"Activity"</A>
            <A href=paths::guest_settings(id)>"Settings"</A>
        </nav>
    }
}

/// The primary action of the state first, the rest beside it.
#[component]
fn GuestActions(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let first = match guest.badge() {
        Badge::Running | Badge::Starting | Badge::Stopping => Action::ShutDown,
        Badge::Stopped | Badge::Crashed => Action::Start,
        Badge::Deleted => Action::Undelete,
    };
    let rest: &[Action] = match first {
        Action::Undelete => &[],
        Action::Start => &[Action::Kill],
        _ => &[Action::Restart, Action::Kill],
    };
    view! {
        <ActionButton guest=guest.clone() action=first act=act class="button primary" />
        {rest
            .iter()
            .map(|action| view! { <ActionButton guest=guest.clone() action=*action act=act /> })
            .collect_view()}
    }
}

#[component]
pub fn GuestOverviewPage() -> impl IntoView {
    let context = GuestContext::expect();
    view! {
        <Transition>
            {move || Suspend::new(async move {
                context.guest.await.ok().map(|guest| view! { <Why guest=guest.clone() /><Facts guest=guest /> })
            })}
        </Transition>
        <LastLines />
    }
}

/// What people ask first of a guest that isn't simply running: why.
#[component]
fn Why(guest: GuestShown) -> impl IntoView {
    let ended = match &guest.seen {
        Seen::Ended { at, exit } => Some((*at, exit.to_string(), exit.is_failure())),
        _ => None,
    };
    let purge_at = match guest.wanted {
        Wanted::Deleted { purge_at } => Some(purge_at),
        Wanted::Running | Wanted::Stopped => None,
    };
    let operation = guest.operation.clone().filter(|o| !o.state.is_over());
    view! {
        {purge_at.map(|at| view! {
            <p class="notice attention">"Deleted. It is purged with its disk at " <When at=at /> " unless you undo that."</p>
        })}
        {guest.waiting.clone().map(|why| view! { <p class="notice changing" role="status">{why}</p> })}
        {ended.map(|(at, how, failed)| view! {
            <p class=if failed { "notice failed" } else { "notice" }>"It " {how} ", " <When at=at /> "."</p>
        })}
        {operation.map(|operation| view! { <OperationSteps operation=operation /> })}
    }
}

#[component]
fn Facts(guest: GuestShown) -> impl IntoView {
    let disk = match guest.disk_kind {
        DiskKind::Cow => "only changes stored",
        DiskKind::Plain => "full copy",
    };
    view! {
        <dl class="facts">
            <Fact label="Image">{guest.image.to_string()}</Fact>
            <Fact label="Kernel">{guest.kernel.to_string()}</Fact>
            <Fact label="Memory">{in_words(guest.memory.mib())}</Fact>
            <Fact label="Disk">{format!("{}, {disk}", in_words(guest.disk.mib()))}</Fact>
            <Fact label="Restart">{policy_words(guest.restart_policy)}</Fact>
            <Fact label="Owner">{guest.owner_name.clone()}</Fact>
            <Fact label="Created"><When at=guest.created_at /></Fact>
            <Fact label="Id"><code>{guest.id.to_string()}</code></Fact>
        </dl>
        {(!guest.note.as_str().is_empty()).then(|| view! { <p class="note">{guest.note.to_string()}</p> })}
    }
}

/// The end of its console, a way into it.
#[component]
fn LastLines() -> impl IntoView {
    let context = GuestContext::expect();
    let live = Live::expect();
    let tail = Resource::new(
        move || (context.id.get(), live.guest(context.id.get())),
        |(id, _)| async move { guest_console_tail(id.ok_or_else(|| missing("guest"))?, 15).await },
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let id = context.id.get_untracked();
                tail.await.ok().zip(id).filter(|(tail, _)| !tail.text.trim().is_empty()).map(|(tail, id)| view! {
                    <section class="last-lines">
                        <h2><a href=paths::guest_console(id)>"Last lines of the console"</a></h2>
                        <pre tabindex="0">{tail.text}</pre>
                    </section>
                })
            })}
        </Transition>
    }
}
