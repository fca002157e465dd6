//! What a simulated host says of its networks.

use umbel_guest::{Forward, NetworkId};
use umbel_wire::agent::NetworkFacts;

pub(super) fn facts(place: usize, network: NetworkId, forwards: &[Forward]) -> NetworkFacts {
    let third = u8::try_from(place).unwrap_or(u8::MAX);
    NetworkFacts { network, subnet: [10, 77, third], has_bridge: true, forwards: forwards.to_vec() }
}
