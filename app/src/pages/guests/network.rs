//! How a guest is reached.

use leptos::prelude::*;
use umbel_guest::{Attachment, GuestRight, Relation};

use super::choices::network_words;
use super::show::GuestContext;
use crate::api::networks::{ForwardAdd, ForwardRemove, network_list};
use crate::live::Live;
use crate::pages::networks::forwards::{ForwardForm, ForwardTable};
use crate::parts::copied::Copied;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::table::Fact;
use crate::paths;
use crate::shown::{GuestShown, NetworkShown};

#[component]
pub fn GuestNetworkPage() -> impl IntoView {
    let context = GuestContext::expect();
    let host = Live::expect().host();
    let add = ServerAction::<ForwardAdd>::new();
    let remove = ServerAction::<ForwardRemove>::new();
    let networks = Resource::new(move || (host.get(), add.version().get(), remove.version().get()), |_| network_list());
    view! {
        <Failure error=failure(remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                let guest = context.guest.await.ok()?;
                Some(match networks.await {
                    Ok(networks) => {
                        let network = networks.into_iter().find(|network| network.owner == guest.owner);
                        view! { <Plugged guest=guest network=network add=add remove=remove /> }.into_any()
                    }
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                })
            })}
        </Transition>
    }
}

#[component]
fn Plugged(
    guest: GuestShown,
    network: Option<NetworkShown>,
    add: ServerAction<ForwardAdd>,
    remove: ServerAction<ForwardRemove>,
) -> impl IntoView {
    let (title, meaning) = network_words(guest.network);
    let denied = guest.access.may(GuestRight::Forwards).err();
    let refused = match guest.network {
        _ if denied.is_some() => denied.map(|why| why.to_string()),
        Attachment::Bridge => None,
        Attachment::None | Attachment::Switch => Some(
            "Only a guest on the bridge can be reached from outside. Stop it and choose the bridge in its settings."
                .to_owned(),
        ),
    };
    let plugged = guest.network != Attachment::None;
    let known = network.is_some() || !matches!(guest.access.relation, Relation::Shared(_) | Relation::Managed(_));
    let (subnet, gateway, forwards) = match network {
        Some(network) => (network.subnet, network.gateway, network.forwards),
        None => (None, None, Vec::new()),
    };
    let forwards: Vec<_> = forwards.into_iter().filter(|forward| forward.guest == guest.id).collect();
    let guests = vec![(guest.id, guest.name.to_string())];
    view! {
        <dl class="facts four">
            <Fact label="Address">
                {match guest.address {
                    Some(address) => view! { <Copied text=address.to_string() /> }.into_any(),
                    None => view! { <span class="meta">{if plugged { "known at its first start" } else { "–" }}</span> }.into_any(),
                }}
            </Fact>
            <Fact label="Plugged into">{title}</Fact>
            <Fact label="Addresses of the network">{subnet.unwrap_or_else(|| "–".into())}</Fact>
            <Fact label="Gateway">{gateway.filter(|_| plugged).map_or_else(|| "–".to_owned(), |g| g.to_string())}</Fact>
            <Fact label="Card"><code>{guest.mac.clone()}</code></Fact>
        </dl>
        <p class="meta">
            {meaning} " " <a href=paths::NETWORKS>"All of the network"</a> " · "
            <a href=paths::guest_settings(guest.id)>"Change it"</a>
        </p>
        <h2>"Ports of this host that lead to it"</h2>
        // Of a network that isn't ours to see, nothing is known: none listed would not mean none.
        {known.then(|| view! { <ForwardTable forwards=forwards remove=remove denied=denied of_one=true /> })}
        <ForwardForm guests=guests add=add refused=refused />
    }
    .into_any()
}
