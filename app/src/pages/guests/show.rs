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
use crate::api::guests::{GuestAct, guest_console_tail, guest_fetch};
use crate::api::missing;
use crate::live::Live;
use crate::parts::action::ActionButton;
use crate::parts::badge::StateBadge;
use crate::parts::dialog::{Cancel, Dialog};
use crate::parts::icon::Icon;
use crate::parts::loaded::{Failure, Problem, Skeleton, failure};
use crate::parts::operation::OperationSteps;
use crate::parts::table::Fact;
use crate::parts::time::{Said, When};
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
        <Transition fallback=Skeleton>
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
        Seen::Running { since } => Some(view! { <When at=since said=Said::Since /> }),
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
    .into_any()
}

/// The primary action of the state first, the rest beside it.
#[component]
fn GuestActions(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let first = match guest.badge() {
        Badge::Running | Badge::Starting | Badge::Stopping => Action::ShutDown,
        Badge::Stopped | Badge::Crashed => Action::Start,
        Badge::Deleted => Action::Undelete,
    };
    let icon = match first {
        Action::Start => Icon::Start,
        Action::Undelete => Icon::Undo,
        _ => Icon::ShutDown,
    };
    let (lives, deleted) = (first == Action::ShutDown, first == Action::Undelete);
    view! {
        <ActionButton guest=guest.clone() action=first act=act icon=icon class="button primary" />
        {lives.then(|| view! { <ActionButton guest=guest.clone() action=Action::Restart act=act /> <Kill guest=guest.clone() act=act /> })}
        {(!deleted).then(|| view! { <Delete guest=guest act=act /> })}
    }
    .into_any()
}

/// Asks first, since the guest can't finish what it is at.
#[component]
fn Kill(guest: GuestShown, act: ServerAction<GuestAct>) -> impl IntoView {
    let name = guest.name.to_string();
    view! {
        <button class="button needs-scripts" type="button" data-opens="kill">"Kill…"</button>
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
            <p class="notice attention">"Deleted. It is purged with its disk " <When at=at said=Said::At /> " unless you undo that."</p>
        })}
        {guest.waiting.clone().map(|why| view! { <p class="notice changing" role="status">{why}</p> })}
        {ended.map(|(at, how, failed)| view! {
            <p class=if failed { "notice failed" } else { "notice" }>{sentence(&how)} ", " <When at=at /> "."</p>
        })}
        {operation.map(|operation| view! { <OperationSteps operation=operation /> })}
    }
    .into_any()
}

/// How it ended, as a sentence begins: `It crashed (134)`, `Its shim was lost`, `The host was restarted`.
fn sentence(how: &str) -> String {
    let own = ["its ", "the host "].iter().any(|own| how.starts_with(own));
    if !own {
        return format!("It {how}");
    }
    let mut rest = how.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

#[component]
fn Facts(guest: GuestShown) -> impl IntoView {
    let disk = match guest.disk_kind {
        DiskKind::Cow => "only changes stored",
        DiskKind::Plain => "full copy",
    };
    view! {
        <dl class="facts four">
            <Fact label="Image">{guest.image.to_string()}</Fact>
            <Fact label="Kernel">{guest.kernel.to_string()}</Fact>
            <Fact label="Memory">{in_words(guest.memory.mib())}</Fact>
            <Fact label="Disk">{format!("{}, {disk}", in_words(guest.disk.mib()))}</Fact>
            <Fact label="Restart">{policy_words(guest.restart_policy)}</Fact>
            <Fact label="Owner">{guest.owner_name.clone()}</Fact>
            <Fact label="Created"><When at=guest.created_at /></Fact>
            <Fact label="Id">
                <span class="id">
                    <code title=guest.id.to_string()>{guest.id.short()}</code>
                    <button class="button quiet needs-scripts" type="button" data-copy=guest.id.to_string()>"Copy"</button>
                </span>
            </Fact>
        </dl>
        {(!guest.note.as_str().is_empty()).then(|| view! { <p class="note">{guest.note.to_string()}</p> })}
    }
    .into_any()
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
                        <h2>"Last lines of the console" <a href=paths::guest_console(id)>"Open it"</a></h2>
                        <pre tabindex="0">{tail.text}</pre>
                    </section>
                })
            })}
        </Transition>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use umbel_guest::Exit;

    use super::sentence;

    #[test]
    fn every_end_is_a_sentence() {
        for (exit, said) in [
            (Exit::Crashed { signal: 6 }, "It crashed (134)"),
            (Exit::ShimLost, "Its shim was lost"),
            (Exit::HostRestarted, "The host was restarted"),
            (Exit::NotStarted { reason: "no kernel".into() }, "It could not start: no kernel"),
        ] {
            assert_eq!(sentence(&exit.to_string()), said);
        }
    }
}
