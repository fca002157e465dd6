use leptos::prelude::*;
use leptos_meta::Title;
use umbel_guest::Action;
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;

use crate::api::guests::{GuestAct, guest_list};
use crate::live::Live;
use crate::parts::action::ActionButton;
use crate::parts::badge::StateBadge;
use crate::parts::loaded::{Failure, Problem, failure};
use crate::parts::me::Me;
use crate::parts::table::PageHead;
use crate::paths;
use crate::shown::GuestShown;

#[component]
pub fn GuestListPage() -> impl IntoView {
    let changed = Live::expect().guests();
    let act = ServerAction::<GuestAct>::new();
    let guests = Resource::new(move || (changed.get(), act.version().get()), |_| guest_list());
    let filter = RwSignal::new(String::new());
    let me = Me::expect();
    view! {
        <Title text="Guests" />
        <PageHead title="Guests">
            // pages.js brings the focus here on `/`.
            <input
                class="search"
                type="search"
                aria-label="Filter guests"
                placeholder="/ filter"
                data-shortcut="/"
                prop:value=move || filter.get()
                on:input:target=move |event| filter.set(event.target().value())
            />
            <a class="button primary" href=paths::GUEST_NEW>"New guest"</a>
        </PageHead>
        <Failure error=failure(act) />
        <Transition>
            {move || Suspend::new(async move {
                let administrator = me.is_administrator().await;
                match guests.await {
                    Ok(guests) if guests.is_empty() => view! { <NoGuests /> }.into_any(),
                    Ok(guests) => {
                        view! { <GuestTable guests=guests act=act administrator=administrator filter=filter /> }.into_any()
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
        </section>
    }
}

/// Guests as rows; on a phone as cards.
#[component]
pub fn GuestTable(
    guests: Vec<GuestShown>,
    act: ServerAction<GuestAct>,
    administrator: bool,
    #[prop(into, optional)] filter: Signal<String>,
) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Name"</th>
                    <th>"State"</th>
                    <th>"Image"</th>
                    <th class="number">"Memory"</th>
                    {administrator.then(|| view! { <th>"Owner"</th> })}
                    <th><span class="visually-hidden">"Actions"</span></th>
                </tr>
            </thead>
            <tbody>
                {guests
                    .into_iter()
                    .map(|guest| view! { <GuestRow guest=guest act=act administrator=administrator filter=filter /> })
                    .collect_view()}
            </tbody>
        </table>
    }
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
    administrator: bool,
    #[prop(into)] filter: Signal<String>,
) -> impl IntoView {
    let hidden = {
        let guest = guest.clone();
        move || filter.with(|filter| !fits(&guest, filter))
    };
    let doing = guest.waiting.clone().or_else(|| {
        guest.operation.as_ref().filter(|o| !o.state.is_over()).map(|o| {
            let (done, all) = o.progress();
            format!("{}: {done} of {all}", o.kind.title())
        })
    });
    let badge = guest.badge();
    view! {
        <tr hidden=hidden data-guest=guest.id.to_string()>
            <td data-label="Name"><a href=paths::guest(guest.id)>{guest.name.to_string()}</a></td>
            <td data-label="State"><StateBadge badge=badge /> <span class="meta">{doing}</span></td>
            <td data-label="Image">{guest.image.to_string()}</td>
            <td data-label="Memory" class="number">{in_words(guest.memory.mib())}</td>
            {administrator.then(|| view! { <td data-label="Owner">{guest.owner_name.clone()}</td> })}
            <td class="row-actions">
                {match badge {
                    Badge::Deleted => {
                        view! { <ActionButton guest=guest.clone() action=Action::Undelete act=act /> }.into_any()
                    }
                    _ => view! {
                        <a class="button" href=paths::guest_console(guest.id)>
                            "Console" <span class="visually-hidden">{format!(" of {}", guest.name)}</span>
                        </a>
                        <ActionButton guest=guest.clone() action=Action::Start act=act />
                        <ActionButton guest=guest.clone() action=Action::ShutDown act=act />
                        <ActionButton guest=guest.clone() action=Action::Restart act=act />
                    }
                    .into_any(),
                }}
            </td>
        </tr>
    }
}
