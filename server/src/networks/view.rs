//! Networks as pages see them.

use std::net::Ipv4Addr;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{ForwardShown, NetworkGuest, NetworkShown};
use umbel_guest::state::Badge;
use umbel_guest::{Access, Attachment, HostNumber, Mac, PanelRight};

use super::Networks;
use crate::store::guests::{Guest, guest_each, guest_list_of};
use crate::store::networks::{Forwarded, Network, forward_list, network_list, network_list_seen_by};

/// The address of a number in a /24.
pub fn address(subnet: [u8; 3], number: HostNumber) -> Ipv4Addr {
    let [a, b, c] = subnet;
    Ipv4Addr::new(a, b, c, number.get())
}

impl Networks {
    /// One's own, and those of one's groups; all of them for whoever may see them.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<NetworkShown>, AppError> {
        let parts = self.parts();
        let mut guests = Vec::new();
        let networks = match caller.may(PanelRight::SeeAllNetworks) {
            Ok(()) => {
                let plug = |guest: Guest| guests.extend(Some(guest).filter(is_plugged));
                guest_each(&parts.db, plug).await?;
                network_list(&parts.db, parts.host).await?
            }
            Err(_) => {
                let networks = network_list_seen_by(&parts.db, parts.host, caller.looks_as()).await?;
                for network in &networks {
                    guests.extend(guest_list_of(&parts.db, network.owner).await?);
                }
                networks
            }
        };
        let forwards = forward_list(&parts.db, parts.host).await?;
        let reach = self.guests.reach(caller).await?;
        let shown = |network: Network| {
            let access = reach.to_all_of(network.owner);
            self.shown(network, access, &guests, &forwards)
        };
        Ok(networks.into_iter().map(shown).collect())
    }

    fn shown(&self, network: Network, access: Access, guests: &[Guest], forwards: &[Forwarded]) -> NetworkShown {
        let facts = self.parts().link.network_known(network.id);
        let subnet = facts.as_ref().map(|facts| facts.subnet);
        let plugged = guests.iter().filter(|guest| guest.owner == network.owner && is_plugged(guest));
        let mut guests: Vec<NetworkGuest> = plugged
            .filter_map(|guest| {
                let number = guest.number?;
                Some(NetworkGuest {
                    id: guest.id,
                    name: guest.spec.name.clone(),
                    attachment: guest.spec.network,
                    number,
                    address: subnet.map(|subnet| address(subnet, number)),
                    mac: Mac::of(guest.id).to_string(),
                    badge: Badge::of(&guest.wanted, &guest.seen),
                })
            })
            .collect();
        guests.sort_by_key(|guest| guest.number);
        NetworkShown {
            id: network.id,
            owner: network.owner,
            owner_name: network.owner_name,
            access,
            subnet: subnet.map(|[a, b, c]| format!("{a}.{b}.{c}.0/24")),
            gateway: subnet.map(|[a, b, c]| Ipv4Addr::new(a, b, c, 1)),
            has_bridge: facts.is_some_and(|facts| facts.has_bridge),
            guests,
            forwards: forwards.iter().filter(|f| f.owner == network.owner).map(forward_shown).collect(),
        }
    }
}

fn is_plugged(guest: &Guest) -> bool {
    guest.spec.network != Attachment::None
}

pub(super) fn forward_shown(forward: &Forwarded) -> ForwardShown {
    ForwardShown {
        host_port: forward.host_port,
        guest: forward.guest,
        guest_name: forward.guest_name.clone(),
        guest_port: forward.guest_port,
        leads: forward.leads().is_some(),
    }
}
