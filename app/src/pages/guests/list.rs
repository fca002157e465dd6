use std::time::Duration;

use leptos::leptos_dom::helpers::debounce;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;
use umbel_guest::{Action, PanelRight, Relation};

use crate::api::guests::{GuestAct, guest_list};
use crate::live::Live;
use crate::parts::action::ActionButton;
use crate::parts::badge::StateBadge;
use crate::parts::icon::{Drawn, Icon};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::operation::OperationDoing;
use crate::parts::pages::Pages;
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::GuestShown;

/// So long after the last key the guests are looked for.
const TYPED: Duration = Duration::from_millis(200);

#[component]
pub fn GuestListPage() -> impl IntoView {
    let changed = Live::expect().guests();
    let act = ServerAction::<GuestAct>::new();
    // In the address, so that it outlives a reload, can be sent to somebody, and works without scripts.
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let said = |name: &str| query.get(name).unwrap_or_default();
            Asked { q: said("q"), state: said("state"), cursor: said("cursor") }
        })
    });
    let guests = Resource::new(
        move || (changed.get(), act.version().get(), asked.get()),
        |(_, _, asked)| guest_list(asked.q, asked.state, asked.cursor),
    );
    let navigate = use_navigate();
    let look = debounce(TYPED, move |q: String| {
        let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
        let state = asked.with_untracked(|asked| asked.state.clone());
        navigate(&Asked { q, state, cursor: String::new() }.address(), options);
    });
    let me = Me::expect();
    view! {
        <Title text="Guests" />
        <PageHead title="Guests">
            <form role="search" method="get" action=paths::GUESTS on:submit=move |event| event.prevent_default()>
                <Search asked=asked look=look />
            </form>
            <a class="button quiet" href=paths::BACKUPS>"Backups"</a>
            <a class="button primary" href=paths::GUEST_NEW data-shortcut="n">"New guest"</a>
        </PageHead>
        <Failure error=failure(act) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let sees_all = me.may(PanelRight::SeeAllGuests).await.is_ok();
                let asked = asked.get_untracked();
                match guests.await {
                    Ok(page) if page.rows.is_empty() && asked == Asked::default() => view! { <NoGuests /> }.into_any(),
                    Ok(page) => {
                        let owners = sees_all || any_foreign(&page.rows);
                        view! {
                            <Which asked=asked.clone() none=page.rows.is_empty() />
                            {(!page.rows.is_empty()).then(|| view! {
                                <GuestTable guests=page.rows act=act owners=owners />
                            })}
                            <Pages first=asked.first() next=page.next.map(|cursor| asked.at(cursor)) />
                        }
                            .into_any()
                    }
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// What the address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    q: String,
    state: String,
    cursor: String,
}

impl Asked {
    fn address(&self) -> String {
        paths::asking(paths::GUESTS, &[("q", &self.q), ("state", &self.state), ("cursor", &self.cursor)])
    }

    fn at(&self, cursor: String) -> String {
        Self { cursor, ..self.clone() }.address()
    }

    fn first(&self) -> Option<String> {
        (!self.cursor.is_empty()).then(|| self.at(String::new()))
    }
}

#[component]
fn Search(asked: Memo<Asked>, look: impl FnMut(String) + 'static) -> impl IntoView {
    let mut look = look;
    view! {
        <input
            class="search"
            type="search"
            name="q"
            aria-label="Filter guests"
            placeholder="Filter  /"
            data-shortcut="/"
            value=asked.get_untracked().q
            prop:value=move || asked.get().q
            on:input:target=move |event| look(event.target().value())
        />
        {move || {
            let state = asked.get().state;
            (!state.is_empty()).then(|| view! { <input type="hidden" name="state" value=state /> })
        }}
    }
    .into_any()
}

/// What the rows are limited to, and that there is none like that: another emptiness than having none.
#[component]
fn Which(asked: Asked, none: bool) -> impl IntoView {
    let state = Badge::of_name(&asked.state).map(|badge| badge.word().to_lowercase());
    let words = match (asked.q.trim(), state) {
        ("", None) if none => "There are no more guests.".to_owned(),
        ("", None) => return ().into_any(),
        ("", Some(state)) if none => format!("No guest is {state}."),
        ("", Some(state)) => format!("Only guests that are {state}."),
        (q, None) if none => format!("No guest fits “{q}”."),
        (q, Some(state)) if none => format!("No guest that is {state} fits “{q}”."),
        (_, None) => return ().into_any(),
        (_, Some(state)) => format!("Only guests that are {state}."),
    };
    if none {
        view! {
            <section class="empty">
                <p>{words}</p>
                <a class="button" href=paths::GUESTS>"Clear the filter"</a>
            </section>
        }
        .into_any()
    } else {
        view! { <p class="meta">{words} " " <a href=paths::GUESTS>"All guests"</a></p> }.into_any()
    }
}

#[component]
pub fn NoGuests() -> impl IntoView {
    view! {
        <section class="empty">
            <p>"A guest is a Linux of your own, ready in a second."</p>
            <a class="button primary" href=paths::GUEST_NEW>"New guest"</a>
            <p class="meta">"Name, image and size are filled in; its console opens by itself."</p>
        </section>
    }
    .into_any()
}

/// Guests as rows; on a phone as cards.
#[component]
pub fn GuestTable(
    guests: Vec<GuestShown>,
    act: ServerAction<GuestAct>,
    /// Whether it says whose each is.
    owners: bool,
) -> impl IntoView {
    view! {
        <table class="table cards guests">
            <thead>
                <tr>
                    <th>"Name"</th>
                    <th>"State"</th>
                    <th>"Image"</th>
                    <th>"Address"</th>
                    <th class="number">"Memory"</th>
                    <th class="number">"Disk"</th>
                    {owners.then(|| view! { <th>"Owner"</th> })}
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {guests
                    .into_iter()
                    .map(|guest| view! { <GuestRow guest=guest act=act owners=owners /> })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// For whoever may not read it a button that says why.
#[component]
fn ConsoleLink(guest: GuestShown) -> impl IntoView {
    let words = view! {
        <Drawn icon=Icon::Console />
        "Console" <span class="visually-hidden">{format!(" of {}", guest.name)}</span>
    };
    match guest.may(Action::ReadConsole) {
        Ok(()) => view! { <a class="button" href=paths::guest_console(guest.id)>{words}</a> }.into_any(),
        Err(why) => view! {
            <button class="button" type="button" disabled=true title=why.to_string()>{words}</button>
        }
        .into_any(),
    }
}

/// Whether any of them is another's.
pub fn any_foreign(guests: &[GuestShown]) -> bool {
    guests.iter().any(|guest| guest.access.relation != Relation::Owner)
}

#[component]
fn GuestRow(guest: GuestShown, act: ServerAction<GuestAct>, owners: bool) -> impl IntoView {
    let doing = guest.operation.clone().filter(|o| !o.state.is_over() && guest.waiting.is_none());
    let badge = guest.badge();
    view! {
        <tr data-guest=guest.id.to_string()>
            <td data-label="Name"><a href=paths::guest(guest.id)>{guest.name.to_string()}</a></td>
            <td data-label="State">
                <span class="state-cell">
                    <StateBadge badge=badge />
                    {guest.waiting.clone().map(|why| view! { <span class="meta">{why}</span> })}
                    {doing.map(|operation| view! { <OperationDoing operation=operation /> })}
                </span>
            </td>
            <td data-label="Image">{guest.image.to_string()}</td>
            <td data-label="Address">
                {match guest.address {
                    Some(address) => view! { <code>{address.to_string()}</code> }.into_any(),
                    None => view! { <span class="meta">"–"</span> }.into_any(),
                }}
            </td>
            <td data-label="Memory" class="number">{in_words(guest.memory.mib())}</td>
            <td data-label="Disk" class="number">{in_words(guest.disk.mib())}</td>
            {owners.then(|| view! { <td data-label="Owner">{guest.owner_name.clone()}</td> })}
            <td class="row-actions">
                {match badge {
                    Badge::Deleted => view! {
                        <ActionButton guest=guest.clone() action=Action::Undelete act=act icon=Icon::Undo />
                    }
                    .into_any(),
                    _ => view! {
                        <ConsoleLink guest=guest.clone() />
                        {[(Action::Start, Icon::Start), (Action::ShutDown, Icon::ShutDown), (Action::Restart, Icon::Restart)]
                            .into_iter()
                            .map(|(action, icon)| view! {
                                <ActionButton guest=guest.clone() action=action act=act icon=icon class="button symbol" />
                            })
                            .collect_view()}
                    }
                    .into_any(),
                }}
            </td>
        </tr>
    }
    .into_any()
}
