//! A person's network, those of their groups, and all of them for administrators.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{Attachment, GuestRight, Relation};

use super::forwards::{ForwardForm, ForwardTable};
use crate::api::guests::ExampleCreate;
use crate::api::networks::{ForwardAdd, ForwardRemove, network_list};
use crate::live::Live;
use crate::pages::guests::choices::network_words;
use crate::parts::badge::StateBadge;
use crate::parts::copied::Copied;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::table::{Fact, PageHead};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{NetworkGuest, NetworkShown};

#[component]
pub fn NetworkListPage() -> impl IntoView {
    let live = Live::expect();
    let (host, guests) = (live.host(), live.guests());
    let add = ServerAction::<ForwardAdd>::new();
    let remove = ServerAction::<ForwardRemove>::new();
    let networks = Resource::new(
        move || (host.get(), guests.get(), add.version().get(), remove.version().get()),
        |_| network_list(),
    );
    let me = Me::expect();
    view! {
        <Title text="Networks" />
        <PageHead title="Networks" />
        <Failure error=failure(remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let own = me.0.await.ok().map(|me| me.id);
                match networks.await {
                    Ok(networks) => {
                        let (mine, others): (Vec<_>, Vec<_>) =
                            networks.into_iter().partition(|network| Some(network.owner) == own);
                        view! {
                            {match mine.into_iter().next() {
                                Some(network) => view! { <OneNetwork network=network add=add remove=remove title="My network".to_owned() /> }.into_any(),
                                None => view! { <NoNetwork /> }.into_any(),
                            }}
                            <Example />
                            {others
                                .into_iter()
                                .map(|network| {
                                    let title = format!("Network of {}", network.owner_name);
                                    view! { <OneNetwork network=network add=add remove=remove title=title /> }
                                })
                                .collect_view()}
                        }
                        .into_any()
                    }
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn NoNetwork() -> impl IntoView {
    view! {
        <section class="empty small">
            <p>"You have no network yet. It is made with your first guest that is plugged into one: only your guests are in it."</p>
            <a class="button primary" href=paths::GUEST_NEW>"New guest"</a>
        </section>
    }
    .into_any()
}

#[component]
fn OneNetwork(
    network: NetworkShown,
    add: ServerAction<ForwardAdd>,
    remove: ServerAction<ForwardRemove>,
    title: String,
) -> impl IntoView {
    let NetworkShown { subnet, gateway, has_bridge, guests, forwards, access, .. } = network;
    let denied = access.may(GuestRight::Forwards).err();
    let on = |attachment| guests.iter().filter(|g| g.attachment == attachment).count();
    let (bridged, switched) = (on(Attachment::Bridge), on(Attachment::Switch));
    let reachable: Vec<_> =
        guests.iter().filter(|g| g.attachment == Attachment::Bridge).map(|g| (g.id, g.name.to_string())).collect();
    let refused = match (has_bridge, reachable.is_empty()) {
        (false, _) => Some("Ports are led over the bridge, and there is none here.".to_owned()),
        (true, true) => Some("None of the guests is on the bridge.".to_owned()),
        (true, false) => None,
    };
    let bridge = if has_bridge {
        format!("{}, with a way out", count(bridged))
    } else {
        "none: it needs an agent that runs as root".to_owned()
    };
    view! {
        <section class="network">
            <h2>{title}</h2>
            <dl class="facts four">
                <Fact label="Addresses">{subnet.unwrap_or_else(|| "made at the first start".into())}</Fact>
                <Fact label="Gateway">{gateway.map_or_else(|| "–".to_owned(), |g| g.to_string())}</Fact>
                <Fact label="Bridge">{bridge}</Fact>
                <Fact label="Switch">{format!("{}, among themselves", count(switched))}</Fact>
            </dl>
            <GuestAddresses guests=guests />
            <h3>"Ports of this host that lead in"</h3>
            <ForwardTable forwards=forwards remove=remove denied=denied />
            {(access.relation == Relation::Owner).then(|| view! { <ForwardForm guests=reachable add=add refused=refused /> })}
        </section>
    }
    .into_any()
}

fn count(guests: usize) -> String {
    match guests {
        0 => "no guest".into(),
        1 => "1 guest".into(),
        many => format!("{many} guests"),
    }
}

#[component]
fn GuestAddresses(guests: Vec<NetworkGuest>) -> impl IntoView {
    if guests.is_empty() {
        return view! { <p class="meta">"No guest is plugged in."</p> }.into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"Guest"</th><th>"State"</th><th>"Plugged into"</th><th>"Address"</th><th>"Card"</th></tr>
            </thead>
            <tbody>
                {guests
                    .into_iter()
                    .map(|guest| view! {
                        <tr>
                            <td data-label="Guest"><a href=paths::guest_network(guest.id)>{guest.name.to_string()}</a></td>
                            <td data-label="State"><StateBadge badge=guest.badge /></td>
                            <td data-label="Plugged into">{network_words(guest.attachment).0}</td>
                            <td data-label="Address">
                                {match guest.address {
                                    Some(address) => view! { <Copied text=address.to_string() /> }.into_any(),
                                    None => view! { <span class="meta">"–"</span> }.into_any(),
                                }}
                            </td>
                            <td data-label="Card"><code>{guest.mac}</code></td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// The classic way, in one click.
#[component]
fn Example() -> impl IntoView {
    let create = ServerAction::<ExampleCreate>::new();
    let pending = create.pending();
    view! {
        <section class="card">
            <h2>"The classic example: C1 and C2"</h2>
            <p>
                "Two guests whose root is this host's own files, read-only, joined by a virtual switch: each finds the other with "
                <code>"ping"</code> ", and what they write lies in their memory. No image, no bridge and no root is needed for it."
            </p>
            <Failure error=failure(create) />
            <ActionForm action=create attr:class="inline">
                <button class="button" type="submit" disabled=move || pending.get()>"Make C1 and C2"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
