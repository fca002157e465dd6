//! A person's network on this host. One network namespace holds a bridge and the taps of its guests and
//! has no address of its own; a veth pair leads to the host, whose end is the guests' gateway:
//!
//! ```text
//! host's namespace                  │ the network's namespace
//!  nft: NAT, names, forwards        │  nft: own MAC and address only
//!  u<instance>-<n> 10.x.y.1/24 ═════╪═ host0 ─ guests0 (bridge) ┬ t<guest> ─ kernel 10.x.y.2
//!                                   │                           └ t<guest> ─ kernel 10.x.y.3
//! ```
//!
//! Beside it, and without any right, guests may be plugged into a `vde_switch` of the network's own.
//!
//! Reading order: [`record`] (what is remembered), [`names`], [`subnet`], [`filter`] (what may pass,
//! pure), [`forwarding`] and [`firewall`] (what is the whole host's), [`bridge`] (links and taps), [`switch`] and
//! [`cable`] (what leads there), [`namespace`] and [`program`] (how it is done), [`start`] (what a guest's start
//! takes of it).

pub mod bridge;
pub mod cable;
pub mod filter;
pub mod firewall;
pub mod forwarding;
pub mod names;
pub mod namespace;
pub mod program;
pub mod record;
pub mod start;
pub mod subnet;
pub mod switch;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::unistd::Gid;
use umbel_guest::{Attachment, Forward, GuestId, Mac, NetworkId};
use umbel_wire::Layout;
use umbel_wire::agent::{Card, Moved, NetworkFacts, Refusal, Wall};
use umbel_wire::launch;

use crate::uid::{Range, UidError};
use crate::{claims, in_full};
use cable::Cable;
use firewall::Firewall;
use forwarding::Forwarding;
use record::{Plug, Record, Records};
use subnet::{Subnet, SubnetError};

/// Which port of the host leads into whose network, for all instances of the machine.
const PORT_CLAIMS: &str = "/run/umbel-ports";

#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("the record of a network {path}")]
    Record { path: PathBuf, source: io::Error },
    #[error("{program} is missing; the Debian package {package} has it")]
    Missing { program: &'static str, package: &'static str },
    #[error("running {program}")]
    Run { program: &'static str, source: io::Error },
    #[error("{program} failed: {said}")]
    Failed { program: &'static str, said: String },
    #[error("setting {path}")]
    Setting { path: PathBuf, source: io::Error },
    #[error("the network namespace {path}")]
    Namespace { path: PathBuf, source: io::Error },
    #[error("a thread for a network namespace")]
    Thread(#[source] io::Error),
    #[error("claiming a port of the host in {PORT_CLAIMS}")]
    Port(#[source] io::Error),
    #[error("forwarding on the host (net.ipv4.ip_forward)")]
    Forwarding(#[source] io::Error),
    #[error("the switch in {directory}")]
    Switch { directory: PathBuf, source: io::Error },
    #[error("plugging a running guest into the new switch in {directory}")]
    Rejoin { directory: PathBuf, source: io::Error },
    #[error(transparent)]
    Subnet(#[from] SubnetError),
    #[error(transparent)]
    Group(#[from] UidError),
    #[error("the address {0} is taken by another guest")]
    NumberTaken(Ipv4Addr),
}

/// A guest that was plugged in, as its start needs it.
#[derive(Debug)]
pub struct Plugged {
    pub card: launch::Card,
    pub way: Way,
}

#[derive(Debug)]
pub enum Way {
    /// A tap that is found by name in this namespace, by a process with this group.
    Tap {
        namespace: PathBuf,
        group: u32,
    },
    Switch(Cable),
}

#[derive(Debug)]
pub struct Networks {
    layout: Layout,
    /// Where groups come from; `None` in the personal profile, which has switches only.
    groups: Option<Range>,
    records: Records,
    /// Where names are asked for; of the host's own choice if `None`.
    dns: Option<Ipv4Addr>,
    /// Held while anything of a network changes: each change takes some milliseconds.
    known: Mutex<BTreeMap<NetworkId, Record>>,
    /// The counters of each namespace, open.
    counters: Mutex<BTreeMap<NetworkId, File>>,
    firewall: Firewall,
}

impl Networks {
    pub fn open(layout: &Layout, groups: Option<Range>) -> Result<Self, NetworkError> {
        let records = Records::new(&layout.ledger());
        let known = Mutex::new(records.all()?);
        Ok(Self {
            layout: layout.clone(),
            groups,
            records,
            dns: None,
            known,
            counters: Mutex::default(),
            firewall: Firewall::default(),
        })
    }

    /// Asks this one for names instead of the first of /etc/resolv.conf that is not the host itself.
    pub fn ask_for_names(&mut self, dns: Ipv4Addr) {
        self.dns = Some(dns);
    }

    /// For the page that says what stands around guests; `None` in the personal profile, which forwards nothing.
    pub fn wall(&self) -> Option<Wall> {
        self.groups.map(|_| self.firewall.wall(self.layout.instance()))
    }

    pub fn ensure(&self, network: NetworkId) -> Result<NetworkFacts, Refusal> {
        let mut known = self.lock();
        self.ensure_in(&mut known, network).map_err(|e| refusal("making the network", &e))?;
        known.get(&network).map(|record| self.facts(network, record)).ok_or(Refusal::UnknownNetwork { network })
    }

    pub fn all(&self) -> Vec<NetworkFacts> {
        self.lock().iter().map(|(network, record)| self.facts(*network, record)).collect()
    }

    /// Leads these ports into the network and no others.
    pub fn forward(&self, network: NetworkId, forwards: Vec<Forward>) -> Result<(), Refusal> {
        let mut known = self.lock();
        if !known.contains_key(&network) {
            return Err(Refusal::UnknownNetwork { network });
        }
        if self.groups.is_none() && !forwards.is_empty() {
            return Err(Refusal::NotHere { what: "ports are led to guests by an agent that runs as root".into() });
        }
        for (i, forward) in forwards.iter().enumerate() {
            let host_port = forward.host_port;
            let bad = |reason: String| Refusal::BadForward { host_port, reason };
            forward.check().map_err(|e| bad(e.to_string()))?;
            if forwards[..i].iter().any(|other| other.host_port == host_port) {
                return Err(bad("it is named twice".into()));
            }
            if filter::taken(known.iter().filter(|(other, _)| **other != network), host_port).is_some() {
                return Err(bad("it leads to another network already".into()));
            }
        }
        let Some(record) = known.get_mut(&network) else { return Ok(()) };
        let claims = self.claim_ports(network, &record.forwards, &forwards);
        if let Some(host_port) = claims.map_err(|e| refusal("claiming ports", &e))? {
            let reason = "it leads to a guest of another Umbel on this host already".into();
            return Err(Refusal::BadForward { host_port, reason });
        }
        let before = std::mem::replace(&mut record.forwards, forwards);
        let saved = self.records.save(network, record);
        let led = saved.and_then(|()| self.filter_host(&known));
        let Some(record) = known.get_mut(&network) else { return Ok(()) };
        let mut gone = before;
        if led.is_err() {
            std::mem::swap(&mut record.forwards, &mut gone);
            self.keep(network, record);
        }
        self.release_ports(network, &gone, &record.forwards);
        led.map_err(|e| refusal("leading ports", &e))
    }

    pub fn remove(&self, network: NetworkId) -> Result<(), Refusal> {
        let mut known = self.lock();
        let Some(record) = known.get(&network) else { return Ok(()) };
        if !record.plugs.is_empty() {
            return Err(Refusal::NetworkInUse);
        }
        self.remove_from(&mut known, network).map_err(|e| refusal("removing the network", &e))
    }

    /// Plugs a guest of this user in. Repeating it makes a tap or cable anew.
    pub fn plug(
        &self,
        guest: GuestId,
        uid: u32,
        card: Card,
        rate: Option<u32>,
        driver: launch::Driver,
    ) -> Result<Plugged, Refusal> {
        if self.groups.is_none() && card.attachment == Attachment::Bridge {
            let what = "a network with a way out is made by an agent that runs as root; choose the switch";
            return Err(Refusal::NotHere { what: what.into() });
        }
        let mut known = self.lock();
        if !known.contains_key(&card.network) {
            return Err(Refusal::UnknownNetwork { network: card.network });
        }
        let plugged = self.plug_in(&mut known, guest, uid, card, rate, driver);
        if plugged.is_err() {
            self.unplug_from(&mut known, guest).unwrap_or_else(|error| {
                tracing::error!(%guest, cause = in_full(&error), "a guest could not be unplugged");
            });
        }
        plugged.map_err(|e| refusal("plugging the guest in", &e))
    }

    /// Takes away what a guest that has ended was plugged in with. Repeating it does no harm.
    pub fn unplug(&self, guest: GuestId) -> Result<(), NetworkError> {
        self.unplug_from(&mut self.lock(), guest)
    }

    /// Limits a guest that is plugged into a bridge, in Mbit/s each direction; others have no limit.
    pub fn set_rate(&self, guest: GuestId, rate: Option<u32>) -> Result<(), NetworkError> {
        let mut known = self.lock();
        let Some((network, record)) = plugged_mut(&mut known, guest) else { return Ok(()) };
        let Some(plug) = record.plugs.get_mut(&guest) else { return Ok(()) };
        let before = std::mem::replace(&mut plug.rate, rate);
        if plug.attachment == Attachment::Bridge && before != rate {
            bridge::limit(&names::namespace(&self.layout, network), record, guest, before)?;
        }
        self.records.save(network, record)
    }

    /// What has passed each guest's card on a bridge since it was plugged in.
    pub fn traffic(&self) -> BTreeMap<GuestId, Moved> {
        self.lock().iter().flat_map(|(network, record)| self.counted(*network, record)).collect()
    }

    /// The same with the cards that were taken away before. A guest whose card can't be read is left out, rather
    /// than said to have moved less.
    pub fn moved(&self) -> BTreeMap<GuestId, Moved> {
        let known = self.lock();
        let mut all: BTreeMap<GuestId, Moved> = BTreeMap::new();
        for (network, record) in known.iter() {
            let counted = self.counted(*network, record);
            let unread = |guest: &GuestId| {
                let on_bridge = record.plugs.get(guest).is_some_and(|plug| plug.attachment == Attachment::Bridge);
                on_bridge && !counted.contains_key(guest)
            };
            let before = record.moved.iter().filter(|(guest, _)| !unread(guest));
            for (guest, moved) in before.chain(&counted) {
                let sum = all.entry(*guest).or_default();
                *sum = sum.plus(*moved);
            }
        }
        all
    }

    /// A guest that will never be plugged in again.
    pub fn forget(&self, guest: GuestId) -> Result<(), NetworkError> {
        for (network, record) in self.lock().iter_mut() {
            if record.moved.remove(&guest).is_some() {
                self.records.save(*network, record)?;
            }
        }
        Ok(())
    }

    fn counted(&self, network: NetworkId, record: &Record) -> BTreeMap<GuestId, Moved> {
        let mut guests = record.plugged(Attachment::Bridge).map(|(guest, _)| guest).peekable();
        if guests.peek().is_none() {
            return BTreeMap::new();
        }
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let path = names::namespace(&self.layout, network);
        let Ok(table) = bridge::counters(&mut counters, network, &path) else { return BTreeMap::new() };
        // What a tap sends, its guest receives.
        let of_taps: BTreeMap<&str, Moved> = namespace::counted(&table)
            .map(|(name, received, sent)| (name, Moved { received: sent, sent: received }))
            .collect();
        guests.filter_map(|guest| Some((guest, *of_taps.get(&*names::tap(guest))?))).collect()
    }

    /// Before cards are taken away.
    fn remember(&self, network: NetworkId, record: &mut Record, guest: Option<GuestId>) {
        for (card, moved) in self.counted(network, record) {
            if guest.is_none_or(|guest| guest == card) {
                let sum = record.moved.entry(card).or_default();
                *sum = sum.plus(moved);
            }
        }
    }

    /// Takes every network off the host; the records stay, so that all of them come back as they were.
    pub fn take_down(&self) -> Result<(), NetworkError> {
        let mut known = self.lock();
        let networks: Vec<NetworkId> = known.keys().copied().collect();
        for network in networks {
            let Some(record) = known.get_mut(&network) else { continue };
            self.remember(network, record, None);
            self.take_off(network, record)?;
            record.plugs.clear();
            self.records.save(network, record)?;
        }
        // What no record knows of any more.
        for path in fs::read_dir(names::namespaces(&self.layout)).into_iter().flatten().filter_map(Result::ok) {
            namespace::unpin(&path.path())?;
        }
        if self.groups.is_some() {
            bridge::remove_all(self.layout.instance())?;
            let given_back = Forwarding::of_the_host();
            let given_back = given_back.and_then(|f| f.give_back(self.layout.instance(), self.layout.data()));
            given_back.map_err(NetworkError::Forwarding)?;
        }
        Ok(())
    }

    fn ensure_in(&self, known: &mut BTreeMap<NetworkId, Record>, network: NetworkId) -> Result<(), NetworkError> {
        if !known.contains_key(&network) {
            let record = self.new_record(known, network)?;
            self.records.save(network, &record)?;
            known.insert(network, record);
            if let Err(error) = self.stand(known, network) {
                // Nothing half made stays behind.
                let removed = self.remove_from(known, network);
                removed.unwrap_or_else(|e| tracing::error!(%network, cause = in_full(&e), "half a network stayed"));
                return Err(error);
            }
            return Ok(());
        }
        self.stand(known, network)
    }

    fn new_record(&self, known: &BTreeMap<NetworkId, Record>, network: NetworkId) -> Result<Record, NetworkError> {
        let wish = Subnet::wish(network);
        let (group, subnet) = match &self.groups {
            Some(range) => {
                let taken: Vec<u32> = known.values().map(|record| record.group).collect();
                (range.free_group(&taken)?, self.claim(network, wish)?)
            }
            // A switch leads nowhere: whoever has the same addresses never meets them.
            None => (Gid::effective().as_raw(), wish),
        };
        Ok(Record { group, subnet, forwards: Vec::new(), plugs: BTreeMap::new(), switch: None, moved: BTreeMap::new() })
    }

    fn claim(&self, network: NetworkId, wish: Subnet) -> Result<Subnet, NetworkError> {
        let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
        Ok(Subnet::claim(&self.owner(network), wish, &routes)?)
    }

    /// The network as all agents of the machine know it.
    fn owner(&self, network: NetworkId) -> String {
        format!("{} {network}", self.layout.data().display())
    }

    /// Claims each of these ports; the first that somebody else has. Then those that weren't claimed before
    /// are given back.
    fn claim_ports(
        &self,
        network: NetworkId,
        before: &[Forward],
        wished: &[Forward],
    ) -> Result<Option<u16>, NetworkError> {
        let owner = self.owner(network);
        for (i, forward) in wished.iter().enumerate() {
            let taken = claims::take(Path::new(PORT_CLAIMS), &forward.host_port.to_string(), owner.as_bytes());
            if !matches!(taken, Ok(true)) {
                self.release_ports(network, &wished[..i], before);
                return taken.map(|_| Some(forward.host_port)).map_err(NetworkError::Port);
            }
        }
        Ok(None)
    }

    /// Gives back those ports that aren't kept.
    fn release_ports(&self, network: NetworkId, ports: &[Forward], kept: &[Forward]) {
        let owner = self.owner(network);
        for port in ports.iter().map(|f| f.host_port).filter(|port| kept.iter().all(|f| f.host_port != *port)) {
            claims::release(Path::new(PORT_CLAIMS), &port.to_string(), owner.as_bytes());
        }
    }

    /// A restart of the machine has forgotten all claims. A port that somebody else was quicker to get is
    /// theirs: it is led no more, and the panel, which reads that, says so.
    fn claim_ports_again(&self, network: NetworkId, record: &mut Record) -> Result<(), NetworkError> {
        let owner = self.owner(network);
        let mut kept = Vec::new();
        for forward in &record.forwards {
            let port = forward.host_port.to_string();
            match claims::take(Path::new(PORT_CLAIMS), &port, owner.as_bytes()).map_err(NetworkError::Port)? {
                true => kept.push(*forward),
                false => tracing::error!(%network, port, "a port leads to a guest of another Umbel by now"),
            }
        }
        if kept.len() < record.forwards.len() {
            record.forwards = kept;
            self.records.save(network, record)?;
        }
        Ok(())
    }

    /// Makes what of a network isn't there; after the host was started again, all.
    fn stand(&self, known: &mut BTreeMap<NetworkId, Record>, network: NetworkId) -> Result<(), NetworkError> {
        if self.groups.is_none() {
            return Ok(());
        }
        let Some(record) = known.get_mut(&network) else { return Ok(()) };
        let subnet = self.claim(network, record.subnet)?;
        if subnet != record.subnet {
            record.subnet = subnet;
            self.records.save(network, record)?;
        }
        self.claim_ports_again(network, record)?;
        let path = names::namespace(&self.layout, network);
        if bridge::stands(self.layout.instance(), record, &path) {
            return Ok(());
        }
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).remove(&network);
        let forwarding = Forwarding::of_the_host().and_then(|f| f.need(self.layout.instance(), self.layout.data()));
        forwarding.map_err(NetworkError::Forwarding)?;
        bridge::make(self.layout.instance(), record, &path)?;
        self.filter_host(known)
    }

    fn filter_host(&self, known: &BTreeMap<NetworkId, Record>) -> Result<(), NetworkError> {
        if self.groups.is_none() {
            return Ok(());
        }
        let instance = self.layout.instance();
        let text = match known.is_empty() {
            true => filter::no_host(instance),
            false => filter::host(instance, known.values(), self.dns.or_else(dns_of_the_host)),
        };
        program::Program::Nft.feed(&text)
    }

    fn plug_in(
        &self,
        known: &mut BTreeMap<NetworkId, Record>,
        guest: GuestId,
        uid: u32,
        card: Card,
        rate: Option<u32>,
        driver: launch::Driver,
    ) -> Result<Plugged, NetworkError> {
        self.unplug_from(known, guest)?;
        self.stand(known, card.network)?;
        let network = card.network;
        let Some(record) = known.get_mut(&network) else { return Err(SubnetError::None.into()) };
        let address = record.subnet.of_guest(card.number);
        if record.plugs.values().any(|plug| plug.number == card.number) {
            return Err(NetworkError::NumberTaken(address));
        }
        // Written down first: what is made is then found again whatever happens to us.
        let plug = Plug { number: card.number, attachment: card.attachment, uid, rate, switch: None };
        record.plugs.insert(guest, plug);
        self.records.save(network, record)?;
        let mac = Mac::of(guest).bytes();
        if card.attachment == Attachment::Bridge {
            let namespace = names::namespace(&self.layout, network);
            bridge::plug(&namespace, record, guest)?;
            let link = launch::Link::Tap { name: names::tap(guest), driver };
            let card = launch::Card { link, mac, address, gateway: Some(record.subnet.gateway()) };
            return Ok(Plugged { card, way: Way::Tap { namespace, group: record.group } });
        }
        let cable = self.plug_into_switch(network, record, guest)?;
        let card = launch::Card { link: launch::Link::Switch, mac, address, gateway: None };
        Ok(Plugged { card, way: Way::Switch(cable) })
    }

    fn unplug_from(&self, known: &mut BTreeMap<NetworkId, Record>, guest: GuestId) -> Result<(), NetworkError> {
        let Some((network, record)) = plugged_mut(known, guest) else { return Ok(()) };
        self.remember(network, record, Some(guest));
        let Some(plug) = record.plugs.remove(&guest) else { return Ok(()) };
        match plug.attachment {
            Attachment::Bridge => bridge::unplug(&names::namespace(&self.layout, network), record, guest)?,
            Attachment::Switch | Attachment::None => {
                self.unplug_from_switch(network, record, guest)?;
            }
        }
        self.records.save(network, record)
    }

    fn remove_from(&self, known: &mut BTreeMap<NetworkId, Record>, network: NetworkId) -> Result<(), NetworkError> {
        let Some(record) = known.get_mut(&network) else { return Ok(()) };
        self.take_off(network, record)?;
        self.records.forget(network)?;
        known.remove(&network);
        self.filter_host(known)
    }

    fn take_off(&self, network: NetworkId, record: &mut Record) -> Result<(), NetworkError> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).remove(&network);
        switch::end(&names::switch(&self.layout, network), record.switch.take().as_ref())?;
        if self.groups.is_some() {
            bridge::remove(self.layout.instance(), record, &names::namespace(&self.layout, network))?;
            record.subnet.release(&self.owner(network));
            self.release_ports(network, &record.forwards, &[]);
        }
        Ok(())
    }

    fn keep(&self, network: NetworkId, record: &Record) {
        self.records.save(network, record).unwrap_or_else(|error| {
            tracing::error!(%network, cause = in_full(&error), "a network could not be written down");
        });
    }

    fn facts(&self, network: NetworkId, record: &Record) -> NetworkFacts {
        let forwards = record.forwards.clone();
        NetworkFacts { network, subnet: record.subnet.bytes(), has_bridge: self.groups.is_some(), forwards }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NetworkId, Record>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plugged_mut(known: &mut BTreeMap<NetworkId, Record>, guest: GuestId) -> Option<(NetworkId, &mut Record)> {
    known.iter_mut().find(|(_, record)| record.plugs.contains_key(&guest)).map(|(network, record)| (*network, record))
}

fn refusal(step: &str, error: &NetworkError) -> Refusal {
    match error {
        NetworkError::Missing { .. } => Refusal::NotHere { what: error.to_string() },
        _ => Refusal::Failed { step: step.into(), error: in_full(error) },
    }
}

/// The first of resolv.conf(5) that guests can ask too.
fn dns_of_the_host() -> Option<Ipv4Addr> {
    dns_in(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

fn dns_in(resolv_conf: &str) -> Option<Ipv4Addr> {
    let servers = resolv_conf.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok());
    servers.into_iter().find_map(|server: IpAddr| match server {
        IpAddr::V4(server) if !server.is_loopback() && !server.is_unspecified() => Some(server),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_guests_can_reach_is_chosen() {
        let text = "# made\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.7\nnameserver 192.0.2.8\n";
        assert_eq!(dns_in(text), Some(Ipv4Addr::new(192, 0, 2, 7)));
        assert_eq!(dns_in("nameserver 127.0.0.53\n"), None);
    }
}
