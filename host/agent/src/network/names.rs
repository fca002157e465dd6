//! What a network's parts are called on the host. An interface's name is at most 15 characters
//! (IFNAMSIZ, netdevice(7)); those in the host's namespace carry the instance.

use std::path::PathBuf;

use umbel_guest::{GuestId, InstanceId, NetworkId};
use umbel_wire::Layout;

use super::subnet::Subnet;

/// The bridge in a network's namespace.
pub const BRIDGE: &str = "guests0";
/// The bridge's port that leads to the host.
pub const UPLINK: &str = "host0";

/// The host's end of the pair that leads into a network.
pub fn veth(instance: &InstanceId, subnet: Subnet) -> String {
    format!("{}{:04x}", veth_prefix(instance), subnet.index())
}

/// How every one of them begins, and nothing else on the host.
pub fn veth_prefix(instance: &InstanceId) -> String {
    format!("u{instance}-")
}

pub fn tap(guest: GuestId) -> String {
    format!("t{}", guest.short())
}

pub fn host_table(instance: &InstanceId) -> String {
    format!("umbel_{instance}")
}

/// Files that namespaces are pinned at.
pub fn namespaces(layout: &Layout) -> PathBuf {
    layout.run().join("n")
}

pub fn namespace(layout: &Layout, network: NetworkId) -> PathBuf {
    namespaces(layout).join(network.short())
}

/// Directories of switches.
pub fn switches(layout: &Layout) -> PathBuf {
    layout.run().join("v")
}

pub fn switch(layout: &Layout, network: NetworkId) -> PathBuf {
    switches(layout).join(network.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_has_a_name_that_the_kernel_takes() {
        let instance: InstanceId = "3f9a1c".parse().expect("a slug");
        let guest: GuestId = "0190a000-0000-7000-8000-0123456789ab".parse().expect("an id");
        let last = Subnet::all().last().expect("some");
        assert_eq!(veth(&instance, last), "u3f9a1c-3fff");
        for name in [veth(&instance, last), tap(guest), BRIDGE.into(), UPLINK.into()] {
            assert!(name.len() <= 15, "{name}");
        }
    }
}
