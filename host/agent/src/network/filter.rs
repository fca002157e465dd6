//! What may pass, as texts for nft(8). Pure, and every word of them comes out of a typed value. A text
//! replaces a whole table at once, so that there is no moment without a filter.

use std::fmt::Write;
use std::net::Ipv4Addr;

use umbel_guest::{Attachment, GuestId, InstanceId, Mac, NetworkId};

use super::names;
use super::record::Record;

/// Connections that a guest may have through the host at once; each takes memory of the host's.
const CONNECTIONS: u32 = 2048;
/// Where guests' addresses lie, of all instances: nothing in there is anybody else's business.
const ALL_GUESTS: &str = "10.64.0.0/10";
/// What a guest may send at once before its rate counts: a few of the largest frames that its card
/// makes, 64 KiB each.
const BURST_LEAST: u64 = 256 << 10;

/// The table in the host's own namespace: the way out, names, forwarded ports, and what is closed.
///
/// `dns` is where questions to a gateway are led.
pub fn host<'a>(
    instance: &InstanceId,
    networks: impl Iterator<Item = &'a Record> + Clone,
    dns: Option<Ipv4Addr>,
) -> String {
    let table = names::host_table(instance);
    let veths = format!("\"{}*\"", names::veth_prefix(instance));
    let subnets = list(networks.clone().map(|n| format!("{}/24", n.subnet.address(0))));
    let gateways =
        list(networks.clone().map(|n| format!("\"{}\" . {}", names::veth(instance, n.subnet), n.subnet.gateway())));
    let forwards = list(networks.flat_map(|n| {
        n.forwards.iter().map(|f| format!("{} : {} . {}", f.host_port, n.subnet.of_guest(f.to), f.guest_port))
    }));
    let (names_led, names_pass) = match dns {
        Some(dns) => (
            format!("\t\tiifname . ip daddr @gateways meta l4proto {{ tcp, udp }} th dport 53 dnat ip to {dns}\n"),
            format!("\t\tct status dnat ip daddr {dns} accept\n"),
        ),
        None => (String::new(), String::new()),
    };
    format!(
        "table inet {table}
delete table inet {table}
table inet {table} {{
\tset subnets {{ type ipv4_addr; flags interval; {subnets} }}
\tset gateways {{ type ifname . ipv4_addr; {gateways} }}
\tset connections {{ type ipv4_addr; flags dynamic; size 65535; }}
\tmap forwards {{ type inet_service : ipv4_addr . inet_service; {forwards} }}
\tchain early {{
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tiifname {veths} meta nfproto ipv6 drop
\t\tiifname {veths} ip daddr 127.0.0.0/8 drop
\t}}
\tchain led_in {{
\t\ttype nat hook prerouting priority dstnat; policy accept;
{names_led}\t\tiifname != {veths} fib daddr type local dnat ip to tcp dport map @forwards
\t}}
\tchain led_from_host {{
\t\ttype nat hook output priority -100; policy accept;
\t\tfib daddr type local dnat ip to tcp dport map @forwards
\t}}
\tchain led_out {{
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\toifname {veths} ip saddr 127.0.0.0/8 masquerade
\t\toifname != {veths} ip saddr @subnets masquerade
\t}}
\tchain to_host {{
\t\ttype filter hook input priority filter; policy accept;
\t\tiifname != {veths} accept
\t\tct state established,related accept
\t\tiifname . ip daddr @gateways icmp type echo-request accept
\t\tdrop
\t}}
\tchain through {{
\t\ttype filter hook forward priority filter; policy accept;
\t\tiifname {veths} goto from_guests
\t\toifname {veths} goto to_guests
\t}}
\tchain to_guests {{
\t\tct state established,related accept
\t\tct status dnat accept
\t\tdrop
\t}}
\tchain from_guests {{
\t\tct state invalid drop
\t\tct state established,related accept
\t\tct state new add @connections {{ ip saddr ct count over {CONNECTIONS} }} drop
{names_pass}\t\toifname {veths} drop
\t\tip daddr {{ {ALL_GUESTS}, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 }} drop
\t\taccept
\t}}
}}
"
    )
}

/// No table of the instance in the host's namespace. Repeating it does no harm.
pub fn no_host(instance: &InstanceId) -> String {
    let table = names::host_table(instance);
    format!("table inet {table}\ndelete table inet {table}\n")
}

/// The table in a network's own namespace: what a guest sends carries its own addresses, is IPv4 or
/// ARP, and answers no DHCP. Frames of other kinds (IPv6, VLANs, spanning tree) pass nowhere.
pub fn bridge(record: &Record) -> String {
    let plugged = || record.plugged(Attachment::Bridge);
    let own = |guest: GuestId, number| (names::tap(guest), Mac::of(guest), record.subnet.of_guest(number));
    let sources = list(plugged().map(|(guest, plug)| {
        let (tap, mac, address) = own(guest, plug.number);
        format!("\"{tap}\" . {mac} . {address}")
    }));
    let speakers = list(plugged().map(|(guest, plug)| {
        let (tap, mac, address) = own(guest, plug.number);
        format!("\"{tap}\" . {mac} . {mac} . {address}")
    }));
    let limited = || plugged().filter_map(|(guest, plug)| Some((names::tap(guest), plug.rate?)));
    let mut limits = String::new();
    for (tap, mbit) in limited() {
        let (rate, burst) = (bytes_per_second(mbit), burst(mbit));
        let _ = writeln!(limits, "\tlimit out_{tap} {{ rate over {rate} bytes/second burst {burst} bytes }}");
    }
    let rates = list(limited().map(|(tap, _)| format!("\"{tap}\" : \"out_{tap}\"")));
    let uplink = names::UPLINK;
    format!(
        "table bridge umbel
delete table bridge umbel
table bridge umbel {{
\tset sources {{ type ifname . ether_addr . ipv4_addr; {sources} }}
\tset speakers {{ type ifname . ether_addr . ether_addr . ipv4_addr; {speakers} }}
{limits}\tmap rates {{ type ifname : limit; {rates} }}
\tchain from_guests {{
\t\ttype filter hook prerouting priority -300; policy drop;
\t\tiifname \"{uplink}\" accept
\t\tlimit name iifname map @rates drop
\t\tether type ip udp sport 67 drop
\t\tether type ip iifname . ether saddr . ip saddr @sources accept
\t\tether type arp arp htype 1 arp ptype 0x0800 arp operation {{ request, reply }} iifname . ether saddr . arp saddr ether . arp saddr ip @speakers accept
\t}}
}}
"
    )
}

/// A line for tc(8): how fast a guest may be sent to. What it sends is limited by [`bridge`].
pub fn queue(guest: GuestId, mbit: u32) -> String {
    let (tap, rate, burst) = (names::tap(guest), bytes_per_second(mbit) * 8, burst(mbit));
    format!("qdisc replace dev {tap} root tbf rate {rate}bit burst {burst}b latency 50ms\n")
}

pub fn no_queue(guest: GuestId) -> String {
    format!("qdisc del dev {} root\n", names::tap(guest))
}

fn bytes_per_second(mbit: u32) -> u64 {
    u64::from(mbit) * 125_000
}

/// What comes in 10 ms, and never too little for a frame.
fn burst(mbit: u32) -> u64 {
    (bytes_per_second(mbit) / 100).max(BURST_LEAST)
}

fn list(elements: impl Iterator<Item = String>) -> String {
    let elements: Vec<String> = elements.collect();
    if elements.is_empty() { String::new() } else { format!("elements = {{ {} }}", elements.join(", ")) }
}

/// A port of the host that leads into another network already.
pub fn taken<'a>(
    mut others: impl Iterator<Item = (&'a NetworkId, &'a Record)>,
    host_port: u16,
) -> Option<&'a NetworkId> {
    others.find(|(_, record)| record.forwards.iter().any(|f| f.host_port == host_port)).map(|(network, _)| network)
}

#[cfg(test)]
mod tests {
    use umbel_guest::{Forward, HostNumber};

    use super::*;
    use crate::network::record::Plug;
    use crate::network::subnet::Subnet;

    fn record() -> Record {
        let guest: GuestId = "0190a000-0000-7000-8000-0123456789ab".parse().expect("an id");
        let number = HostNumber::new(7).expect("fine");
        let plug = Plug { number, attachment: Attachment::Bridge, uid: 1, rate: Some(8), switch: None };
        Record {
            group: 1,
            subnet: Subnet::of([10, 64, 9]).expect("ours"),
            forwards: vec![Forward { host_port: 20_022, to: number, guest_port: 22 }],
            plugs: [(guest, plug)].into(),
            switch: None,
            moved: [].into(),
        }
    }

    #[test]
    fn a_guest_speaks_with_its_own_addresses_only() {
        let text = bridge(&record());
        for line in [
            "elements = { \"t0123456789ab\" . 02:23:45:67:89:ab . 10.64.9.7 }",
            "limit out_t0123456789ab { rate over 1000000 bytes/second burst 262144 bytes }",
            "policy drop",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        let mut switched = record();
        switched.plugs.values_mut().for_each(|plug| plug.attachment = Attachment::Switch);
        assert!(!bridge(&switched).contains("t0123456789ab"), "what is in a switch is on no bridge");
    }

    #[test]
    fn the_hosts_table_is_named_after_the_instance_and_leads_where_it_should() {
        let instance: InstanceId = "3f9a1c".parse().expect("a slug");
        let text = host(&instance, [record()].iter(), Some(Ipv4Addr::new(192, 0, 2, 53)));
        for line in [
            "table inet umbel_3f9a1c {",
            "20022 : 10.64.9.7 . 22",
            "\"u3f9a1c-0009\" . 10.64.9.1",
            "dnat ip to 192.0.2.53",
        ] {
            assert!(text.contains(line), "no {line} in {text}");
        }
        let without = host(&instance, [].iter(), None);
        assert!(!without.contains("dport 53") && !without.contains("elements"), "{without}");
    }

    #[test]
    fn a_port_of_another_network_is_found() {
        let network: NetworkId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        let record = record();
        assert_eq!(taken([(&network, &record)].into_iter(), 20_022), Some(&network));
        assert_eq!(taken([(&network, &record)].into_iter(), 20_023), None);
    }
}
