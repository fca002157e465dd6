//! Networks of real guests: what they reach, what they don't, and that nothing of them is left.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use umbel_agent::network::names;
use umbel_agent::network::record::Record;
use umbel_guest::{Attachment, Forward, GuestId, HostNumber, Limits, NetworkId};
use umbel_wire::agent::{Card, NetworkFacts, Refusal, Reply, Request, StartOrder, StopHow};

use crate::console::Console;
use crate::harness::{House, PATIENCE, generation, order, soon};
use crate::outside::{ANSWER, ECHO, Outside, greeting};

pub(crate) fn new_network() -> NetworkId {
    NetworkId(uuid::Uuid::now_v7())
}

pub(crate) fn ensure(house: &House, network: NetworkId) -> NetworkFacts {
    match house.connect().ask(&Request::NetworkEnsure { network }) {
        Reply::Network(facts) => facts,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn number(number: u8) -> HostNumber {
    HostNumber::new(number).expect("a number")
}

pub(crate) fn address(facts: &NetworkFacts, last: u8) -> Ipv4Addr {
    let [a, b, c] = facts.subnet;
    Ipv4Addr::new(a, b, c, last)
}

/// A port of this house's alone: others may forward at the same time.
fn port(house: &House, more: u16) -> u16 {
    let instance = u32::from_str_radix(house.layout.instance().as_str(), 16).expect("hexadecimal");
    20_000 + u16::try_from(instance % 4_900).expect("small") * 2 + more
}

fn agent_with_names(house: &mut House, dns: Ipv4Addr) {
    house.kill_agent();
    let mut command = house.command();
    command.arg("serve").args(house.places()).args(["--dns", &dns.to_string()]).stderr(house.log_file());
    house.start(command);
}

pub(crate) fn plugged(
    guest: GuestId,
    generation: u64,
    attachment: Attachment,
    network: NetworkId,
    last: u8,
) -> StartOrder {
    let card = Some(Card { attachment, network, number: number(last) });
    StartOrder { card, ..order(guest, generation) }
}

/// Boots a new guest to its prompt, plugged in.
fn guest(house: &House, attachment: Attachment, network: NetworkId, last: u8) -> (GuestId, Console) {
    let guest = house.new_guest();
    (guest, Console::boot(house, &plugged(guest, 2, attachment, network, last)))
}

/// Whether a command in the guest ends well.
pub(crate) fn ends_well(console: &mut Console, command: &str) -> bool {
    console.type_in(&format!("{command} >/dev/null 2>&1; echo res''ult=$?,"));
    console.until("result=");
    console.until(",") == "0"
}

#[test]
fn a_network_is_the_same_each_time_and_goes_when_nobody_is_in_it() {
    let mut house = House::new();
    let (one, other) = (new_network(), new_network());
    let facts = ensure(&house, one);
    assert!(facts.has_bridge && facts.subnet[0] == 10 && (64..128).contains(&facts.subnet[1]));
    let theirs = ensure(&house, other);
    assert_ne!(facts.subnet, theirs.subnet);
    house.kill_agent();
    house.start_agent();
    assert_eq!(ensure(&house, one), facts);

    let (port, to) = (port(&house, 0), number(2));
    let forwards = vec![Forward { host_port: port, to, guest_port: 22 }];
    house.done(&Request::NetworkForwards { network: one, forwards: forwards.clone() }).expect("led");
    assert_eq!(ensure(&house, one).forwards, forwards);
    let twice = house.done(&Request::NetworkForwards { network: other, forwards: forwards.clone() });
    assert!(matches!(twice, Err(Refusal::BadForward { host_port, .. }) if host_port == port), "{twice:?}");
    let low = vec![Forward { host_port: 22, to, guest_port: 22 }];
    let low = house.done(&Request::NetworkForwards { network: one, forwards: low });
    assert!(matches!(low, Err(Refusal::BadForward { host_port: 22, .. })), "{low:?}");

    house.done(&Request::NetworkRemove { network: one }).expect("gone");
    house.done(&Request::NetworkRemove { network: one }).expect("nothing to do");
    match house.connect().ask(&Request::Networks {}) {
        Reply::Networks { networks } => assert_eq!(networks, [theirs]),
        reply => panic!("{reply:?}"),
    }
    let unknown = house.done(&Request::NetworkForwards { network: one, forwards });
    assert_eq!(unknown, Err(Refusal::UnknownNetwork { network: one }));
}

#[test]
fn a_guest_is_on_the_net_at_once_and_found_from_outside() {
    let mut house = House::new();
    let outside = Outside::new(&house);
    agent_with_names(&mut house, outside.own);
    house.prepare();
    let network = new_network();
    let facts = ensure(&house, network);
    let (host_port, closed) = (port(&house, 0), TcpListener::bind("0.0.0.0:0").expect("listens"));
    let forwards = vec![Forward { host_port, to: number(2), guest_port: 22 }];
    house.done(&Request::NetworkForwards { network, forwards }).expect("led");
    let (id, mut console) = guest(&house, Attachment::Bridge, network, 2);

    console.type_in("ip -o -4 addr; ip route; cat /etc/resolv.conf");
    console.until(&format!("inet {}/24", address(&facts, 2)));
    console.until(&format!("default via {}", address(&facts, 1)));
    console.until(&format!("nameserver {}", address(&facts, 1)));
    assert!(ends_well(&mut console, &format!("ping -c 1 -W 9 {}", address(&facts, 1))));

    console.type_in(&format!("echo hel''lo | nc -w 9 {} {ECHO}", outside.own));
    console.until("hello\r\n");
    assert_eq!(outside.heard(), [outside.host], "it comes from the host");
    console.type_in("nslookup some.example");
    console.until(&Ipv4Addr::from(ANSWER).to_string());

    console.type_in("nc -ll -p 22 -e echo gre''etings & sleep 1; echo list''ening");
    console.until("listening\r\n");
    let greets = Some("greetings\n".to_owned());
    assert_eq!(greeting(SocketAddrV4::new(address(&facts, 2), 22)), greets, "from the host");
    assert_eq!(greeting(SocketAddrV4::new(Ipv4Addr::LOCALHOST, host_port)), greets, "by loopback");
    let from_outside = SocketAddrV4::new(outside.host, host_port);
    assert_eq!(outside.within(|| greeting(from_outside)), greets, "from outside");

    // The host's own services are closed, by each of its addresses.
    let closed = closed.local_addr().expect("bound").port();
    for host in [address(&facts, 1), outside.host] {
        assert!(!ends_well(&mut console, &format!("nc -w 2 {host} {closed} </dev/null")), "{host}");
    }
    assert!(!ends_well(&mut console, &format!("ping -c 1 -W 1 {}", outside.host)));

    // A stranger's address is nobody's way out, and the card's own is no other's.
    let gateway = address(&facts, 1);
    assert!(ends_well(&mut console, &format!("ifconfig vec0 {}; route add default gw {gateway}", address(&facts, 9))));
    assert!(!ends_well(&mut console, &format!("ping -c 1 -W 1 {gateway}")), "a spoofed address");
    let back = format!("ifconfig vec0 {} netmask 255.255.255.0; route add default gw {gateway}", address(&facts, 2));
    ends_well(&mut console, &back);
    assert!(ends_well(&mut console, &format!("ping -c 1 -W 9 {gateway}")), "its own again");
    ends_well(&mut console, "ifconfig vec0 down; ifconfig vec0 hw ether 02:00:00:00:00:99");
    ends_well(&mut console, &format!("ifconfig vec0 up; {back}"));
    assert!(!ends_well(&mut console, &format!("ping -c 1 -W 1 {gateway}")), "a spoofed card");

    assert_eq!(house.done(&Request::NetworkRemove { network }), Err(Refusal::NetworkInUse));
    house.stop(id, 3, StopHow::Kill).expect("killed");
    house.done(&Request::NetworkRemove { network }).expect("nobody is in it");
}

#[test]
fn a_port_of_the_host_leads_into_one_network_whichever_agent_it_is_of() {
    let (house, neighbour) = (House::new(), House::new());
    let (own, theirs) = (new_network(), new_network());
    ensure(&house, own);
    ensure(&neighbour, theirs);
    let (first, second) = (port(&house, 0), port(&house, 1));
    let lead = |house: &House, network, ports: &[u16]| {
        let forward = |&host_port| Forward { host_port, to: number(2), guest_port: 22 };
        house.done(&Request::NetworkForwards { network, forwards: ports.iter().map(forward).collect() })
    };
    lead(&house, own, &[first]).expect("led");
    lead(&house, own, &[first]).expect("the same again");
    let both = lead(&neighbour, theirs, &[second, first]);
    assert!(matches!(both, Err(Refusal::BadForward { host_port, .. }) if host_port == first), "{both:?}");
    assert_eq!(ensure(&neighbour, theirs).forwards, [], "nothing of what was refused");
    lead(&house, own, &[first, second]).expect("nobody holds what was refused");
    lead(&house, own, &[second]).expect("led");
    lead(&neighbour, theirs, &[first]).expect("it was given back");
    house.done(&Request::NetworkRemove { network: own }).expect("gone");
    lead(&neighbour, theirs, &[second]).expect("and so was this");
}

#[test]
fn what_a_card_moves_is_measured() {
    let house = House::new();
    house.prepare();
    let network = new_network();
    let gateway = address(&ensure(&house, network), 1);
    let (id, mut console) = guest(&house, Attachment::Bridge, network, 2);
    console.type_in(&format!("while :; do ping -c 1 -s 1400 {gateway} >/dev/null; done &"));
    let moves = || {
        let samples = house.series(Some(id)).samples;
        samples.into_iter().flatten().any(|sample| sample.net_in_kib_s > 1 && sample.net_out_kib_s > 1)
    };
    assert!(soon(PATIENCE, moves), "{:?}", house.series(Some(id)).samples.into_iter().flatten().next_back());
    house.stop(id, 3, StopHow::Kill).expect("killed");
}

#[test]
fn only_guests_of_one_owner_reach_each_other() {
    let house = House::new();
    house.prepare();
    let (one, other) = (new_network(), new_network());
    let (facts, theirs) = (ensure(&house, one), ensure(&house, other));
    let (_, mut first) = guest(&house, Attachment::Bridge, one, 2);
    let (_, second) = guest(&house, Attachment::Bridge, one, 3);
    let (_, stranger) = guest(&house, Attachment::Bridge, other, 2);
    let mut reaches = |address| ends_well(&mut first, &format!("ping -c 2 -W 2 {address}"));
    assert!(reaches(address(&facts, 3)), "another of the same owner");
    assert!(!reaches(address(&theirs, 2)), "a stranger's guest");
    assert!(!reaches(address(&theirs, 1)), "a stranger's gateway");
    drop((second, stranger));
}

/// Whoever has the group alone is a guest of the same owner, whoever has the user alone is a process that
/// has left its network.
#[test]
fn a_tap_is_its_own_guests_alone() {
    let house = House::new();
    house.prepare();
    let network = new_network();
    ensure(&house, network);
    let (id, console) = guest(&house, Attachment::Bridge, network, 2);
    let record = std::fs::read(house.layout.ledger().join(format!("networks/{network}.json"))).expect("there");
    let record: Record = serde_json::from_slice(&record).expect("a record");
    let (uid, group) = (record.plugs[&id].uid, record.group);
    let namespace = names::namespace(&house.layout, network);
    let attach = |uid, gid| attach(&namespace, &names::tap(id), uid, gid);
    assert_eq!(attach(uid + 1, group), Errno::EPERM);
    assert_eq!(attach(uid, uid), Errno::EPERM);
    assert_eq!(attach(uid, group), Errno::EBUSY, "it may, and the guest has it");
    drop(console);
}

#[test]
fn a_card_is_limited_from_its_start_and_live() {
    let house = House::new();
    house.prepare();
    let network = new_network();
    ensure(&house, network);
    let id = house.new_guest();
    let limited = |net_mbit| Limits { net_mbit, ..Limits::default() };
    let start = StartOrder { limits: limited(Some(5)), ..plugged(id, 2, Attachment::Bridge, network, 2) };
    let console = Console::boot(&house, &start);
    let namespace = names::namespace(&house.layout, network);
    let both = || {
        let queue = within(&namespace, "/sbin/tc", &["qdisc", "show", "dev", &names::tap(id)]);
        let rule = within(&namespace, "/usr/sbin/nft", &["list", "limits"]);
        (queue.contains("rate 5Mbit"), rule.contains(&names::tap(id)))
    };
    assert_eq!(both(), (true, true));
    let limit = |number, net_mbit| {
        let (generation, limits) = (generation(number), limited(net_mbit));
        house.done(&Request::Limit { guest: id, generation, limits }).expect("limited");
    };
    limit(3, None);
    assert_eq!(both(), (false, false));
    limit(4, Some(5));
    assert_eq!(both(), (true, true));
    drop(console);
}

fn within(namespace: &Path, program: &str, arguments: &[&str]) -> String {
    let namespace = File::open(namespace).expect("pinned");
    std::thread::scope(|scope| {
        let there = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("entered");
            let output = Command::new(program).args(arguments).output().expect("runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        });
        there.join().expect("done")
    })
}

/// Asks for a tap as a thread with this user and this only group.
#[expect(unsafe_code, reason = "rights of one thread, and an ioctl")]
fn attach(namespace: &Path, tap: &str, uid: u32, gid: u32) -> Errno {
    let namespace = File::open(namespace).expect("pinned");
    let mut request = [0u8; 40];
    request[..tap.len()].copy_from_slice(tap.as_bytes());
    // IFF_TAP and IFF_NO_PI (linux/if_tun.h), behind the name.
    request[16..18].copy_from_slice(&0x1002u16.to_ne_bytes());
    let tried = std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("entered");
        let tun = File::options().read(true).write(true).open("/dev/net/tun").expect("there");
        // SAFETY: it changes this thread alone, which ends soon.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()) }, 0);
        // SAFETY: the same.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }, 0);
        // SAFETY: the same.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }, 0);
        // SAFETY: the request is longer than a struct ifreq and lives through the call (TUNSETIFF).
        let set = unsafe { libc::ioctl(tun.as_raw_fd(), 0x4004_54ca, request.as_mut_ptr()) };
        Errno::result(set).expect_err("nobody gets it")
    });
    tried.join().expect("tried")
}

fn switched(house: &House) {
    let network = new_network();
    let facts = ensure(house, network);
    let (_, mut first) = guest(house, Attachment::Switch, network, 2);
    let (_, second) = guest(house, Attachment::Switch, network, 3);
    assert!(ends_well(&mut first, &format!("ping -c 2 -W 9 {}", address(&facts, 3))));
    drop(second);
}

#[test]
fn two_guests_on_a_switch_reach_each_other() {
    let house = House::new();
    house.prepare();
    switched(&house);
}

#[test]
fn an_ordinary_user_has_a_switch_and_no_bridge() {
    let user = nix::unistd::Uid::effective().is_root().then_some(1_500_000_002);
    let house = House::of_user(user);
    house.prepare();
    let network = new_network();
    assert!(!ensure(&house, network).has_bridge);
    let refused = house.new_guest();
    let refused = house.done(&Request::Start(plugged(refused, 2, Attachment::Bridge, network, 9)));
    assert!(matches!(refused, Err(Refusal::NotHere { .. })), "{refused:?}");
    switched(&house);
}
