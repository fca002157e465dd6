//! The links of a network: its namespace with the bridge, the pair of veths that leads there, and a tap
//! for each guest. Made with ip(8), whose words a reader knows; every one of them is a typed value's.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use umbel_guest::{GuestId, InstanceId, NetworkId};

use super::names::{BRIDGE, UPLINK};
use super::program::{Program, set, set_if_there};
use super::record::Record;
use super::{NetworkError, filter, names, namespace};

/// More than /proc/net/dev says of a full bridge.
const COUNTERS_MAX: usize = 128 << 10;

pub fn stands(instance: &InstanceId, record: &Record, path: &Path) -> bool {
    namespace::is_pinned(path) && namespace::has_link(&names::veth(instance, record.subnet))
}

/// Makes all of it anew.
pub fn make(instance: &InstanceId, record: &Record, path: &Path) -> Result<(), NetworkError> {
    remove(instance, record, path)?;
    namespace::make(path, || {
        // No address ever: a process in there has nothing to speak with but its tap.
        set_if_there("ipv6/conf/all/disable_ipv6", "1")?;
        set_if_there("ipv6/conf/default/disable_ipv6", "1")?;
        // What is bridged is looked at in the bridge's own table only.
        set_if_there("bridge/bridge-nf-call-iptables", "0")
    })?;
    let veth = names::veth(instance, record.subnet);
    // Ours is the namespace of the host.
    let host = std::process::id();
    namespace::within(path, || {
        Program::Ip.feed(&format!("link add name {UPLINK} type veth peer name {veth} netns {host}\n"))
    })?;
    let conf = |key: &str, value| set(&format!("ipv4/conf/{veth}/{key}"), value);
    set_if_there(&format!("ipv6/conf/{veth}/disable_ipv6"), "1")?;
    // Nobody sends with an address of another network, and none of the host's other addresses is told.
    conf("rp_filter", "1")?;
    conf("arp_ignore", "1")?;
    conf("arp_announce", "2")?;
    conf("accept_redirects", "0")?;
    conf("send_redirects", "0")?;
    // Connections of the host's own to 127.0.0.1 and a forwarded port leave by here; what comes from
    // there with such an address is dropped first of all.
    conf("route_localnet", "1")?;
    Program::Ip.feed(&format!("addr add {}/24 dev {veth}\nlink set dev {veth} up\n", record.subnet.gateway()))?;
    namespace::within(path, || {
        Program::Ip.feed(&format!(
            "link add name {BRIDGE} type bridge stp_state 0 mcast_snooping 0\n\
             link set dev {UPLINK} master {BRIDGE}\n\
             link set dev {UPLINK} up\n\
             link set dev {BRIDGE} up\n"
        ))?;
        Program::Nft.feed(&filter::bridge(record))
    })
}

/// Takes all of it away. Repeating it does no harm.
pub fn remove(instance: &InstanceId, record: &Record, path: &Path) -> Result<(), NetworkError> {
    let veth = names::veth(instance, record.subnet);
    if namespace::has_link(&veth) {
        // The other end goes as well.
        Program::Ip.feed(&format!("link del dev {veth}\n"))?;
    }
    namespace::unpin(path)
}

/// Every link and table of the instance in the host's namespace, whoever knows of them.
pub fn remove_all(instance: &InstanceId) -> Result<(), NetworkError> {
    let table = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let prefix = names::veth_prefix(instance);
    for (veth, ..) in namespace::counted(&table).filter(|(name, ..)| name.starts_with(&prefix)) {
        Program::Ip.feed(&format!("link del dev {veth}\n"))?;
    }
    match Program::Nft.feed(&filter::no_host(instance)) {
        // Then there never was a table.
        Err(NetworkError::Missing { .. }) => Ok(()),
        other => other,
    }
}

/// A tap that only a process with both the guest's user and the network's group attaches to, and the
/// rule for what comes out of it.
pub fn plug(path: &Path, record: &Record, guest: GuestId) -> Result<(), NetworkError> {
    let Some(plug) = record.plugs.get(&guest) else { return Ok(()) };
    let (tap, uid, group) = (names::tap(guest), plug.uid, record.group);
    namespace::within(path, || {
        let mut text = String::new();
        if namespace::has_link(&tap) {
            text.push_str(&format!("link del dev {tap}\n"));
        }
        // Filtered before it leads anywhere.
        Program::Nft.feed(&filter::bridge(record))?;
        text.push_str(&format!(
            "tuntap add dev {tap} mode tap user {uid} group {group}\n\
             link set dev {tap} master {BRIDGE}\n\
             link set dev {tap} up\n"
        ));
        Program::Ip.feed(&text)?;
        plug.rate.map_or(Ok(()), |mbit| Program::Tc.feed(&filter::queue(guest, mbit)))
    })
}

/// The record knows no more of the guest. Repeating it does no harm.
pub fn unplug(path: &Path, record: &Record, guest: GuestId) -> Result<(), NetworkError> {
    if !namespace::is_pinned(path) {
        return Ok(());
    }
    let tap = names::tap(guest);
    namespace::within(path, || {
        if namespace::has_link(&tap) {
            Program::Ip.feed(&format!("link del dev {tap}\n"))?;
        }
        Program::Nft.feed(&filter::bridge(record))
    })
}

/// The record has the new rate already.
pub fn limit(path: &Path, record: &Record, guest: GuestId, before: Option<u32>) -> Result<(), NetworkError> {
    let rate = record.plugs.get(&guest).and_then(|plug| plug.rate);
    namespace::within(path, || {
        match (before, rate) {
            (_, Some(mbit)) => Program::Tc.feed(&filter::queue(guest, mbit))?,
            (Some(_), None) => Program::Tc.feed(&filter::no_queue(guest))?,
            (None, None) => {}
        }
        Program::Nft.feed(&filter::bridge(record))
    })
}

/// Counters of a namespace. The file stays the one of the namespace that it was opened in.
pub fn counters(open: &mut BTreeMap<NetworkId, File>, network: NetworkId, path: &Path) -> Result<String, NetworkError> {
    let failed = |source| NetworkError::Namespace { path: path.to_owned(), source };
    let file = match open.entry(network) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(place) => {
            let file = namespace::within(path, || File::open("/proc/thread-self/net/dev").map_err(failed))?;
            place.insert(file)
        }
    };
    let mut table = Vec::new();
    let mut part = [0; 16 * 1024];
    while table.len() < COUNTERS_MAX {
        match file.read_at(&mut part, table.len() as u64).map_err(failed)? {
            0 => break,
            length => table.extend(&part[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&table).into_owned())
}
