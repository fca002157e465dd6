use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::query_signal_with_options;
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;
use umbel_guest::{Action, PanelRight, Relation};

use crate::api::guests::{GuestAct, guest_list};
use crate::live::Live;
use crate::parts::action::ActionButton;
use crate::parts::badge::StateBadge;
use crate::parts::icon::{Drawn, Icon};
use crate::parts::loaded::{Failure, Problem, Skeleton, failure};
use crate::parts::me::Me;
use crate::parts::operation::OperationDoing;
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::GuestShown;

#[component]
pub fn GuestListPage() -> impl IntoView {
    let changed = Live::expect().guests();
    let act = ServerAction::<GuestAct>::new();
    let guests = Resource::new(move || (changed.get(), act.version().get()), |_| guest_list());
    // In the address, so that it outlives a reload and works without scripts.
    let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
    let (query, set_query) = query_signal_with_options::<String>("q", options);
    let filter = Signal::derive(move || query.get().unwrap_or_default());
    let me = Me::expect();
    view! {
        <Title text="Guests" />
        <PageHead title="Guests">
            <form role="search" method="get" action=paths::GUESTS on:submit=move |event| event.prevent_default()>
                <input
                    class="search"
                    type="search"
                    name="q"
                    aria-label="Filter guests"
                    placeholder="Filter  /"
                    data-shortcut="/"
                    value=filter.get_untracked()
                    prop:value=move || filter.get()
                    on:input:target=move |event| {
                        set_query.set(Some(event.target().value()).filter(|text| !text.is_empty()));
                    }
                />
            </form>
            <a class="button primary" href=paths::GUEST_NEW data-shortcut="n">"New guest"</a>
        </PageHead>
        <Failure error=failure(act) />
        <Transition fallback=Skeleton>
            {move || Suspend::new(async move {
                let sees_all = me.may(PanelRight::SeeAllGuests).await.is_ok();
                match guests.await {
                    Ok(guests) if guests.is_empty() => view! { <NoGuests /> }.into_any(),
                    Ok(guests) => {
                        let owners = sees_all || any_foreign(&guests);
                        view! {
                            <NoMatch guests=guests.clone() filter=filter />
                            <GuestTable guests=guests act=act owners=owners filter=filter />
                        }.into_any()
                    }
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
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

/// Another emptiness than having none.
#[component]
fn NoMatch(guests: Vec<GuestShown>, filter: Signal<String>) -> impl IntoView {
    move || {
        filter.with(|filter| !guests.iter().any(|guest| fits(guest, filter))).then(|| {
            view! {
                <section class="empty">
                    <p>{format!("None of {} guests fits “{}”.", guests.len(), filter.get())}</p>
                    <a class="button" href=paths::GUESTS>"Clear the filter"</a>
                </section>
            }
        })
    }
}

/// Guests as rows; on a phone as cards.
#[component]
pub fn GuestTable(
    guests: Vec<GuestShown>,
    act: ServerAction<GuestAct>,
    /// Whether it says whose each is.
    owners: bool,
    #[prop(into, optional)] filter: Signal<String>,
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
                    .map(|guest| view! { <GuestRow guest=guest act=act owners=owners filter=filter /> })
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

/// Whether a row stays when `filter` was typed: part of its name, state, image, owner or note.
fn fits(guest: &GuestShown, filter: &str) -> bool {
    let filter = filter.trim().to_lowercase();
    [guest.name.as_str(), guest.badge().word(), guest.image.as_str(), &guest.owner_name, guest.note.as_str()]
        .iter()
        .any(|text| text.to_lowercase().contains(&filter))
}

#[component]
fn GuestRow(
    guest: GuestShown,
    act: ServerAction<GuestAct>,
    owners: bool,
    #[prop(into)] filter: Signal<String>,
) -> impl IntoView {
    let hidden = {
        let guest = guest.clone();
        move || filter.with(|filter| !fits(&guest, filter))
    };
    let doing = guest.operation.clone().filter(|o| !o.state.is_over() && guest.waiting.is_none());
    let badge = guest.badge();
    view! {
        <tr hidden=hidden data-guest=guest.id.to_string()>
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
