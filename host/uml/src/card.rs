//! A network card on the kernel's command line (kernel: virt/uml/user_mode_linux_howto_v2.rst,
//! admin-guide/nfs/nfsroot.rst for `ip=`).

use std::ffi::OsString;
use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;
use std::str::FromStr;

use umbel_guest::GuestName;

/// A text that is no name of an interface of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the interface {0:?} must be 1 to 15 of a-z, 0-9 and -")]
pub struct BadInterface(String);

/// Name of a tap: what stands behind it on the command line can't be made part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName(String);

impl FromStr for InterfaceName {
    type Err = BadInterface;

    fn from_str(text: &str) -> Result<Self, BadInterface> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=15).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadInterface(text.chars().take(32).collect()))
        }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// By name, looked up in the process's own network namespace: the fast way, since it turns on
    /// large frames.
    Tap(InterfaceName),
    /// The same with the driver of older kernels.
    LegacyTap(InterfaceName),
    /// An inherited tap, which needs no device node.
    OpenTap(RawFd),
    /// An inherited datagram socket that has joined a switch.
    Datagram(RawFd),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub link: Link,
    pub mac: [u8; 6],
    pub address: Ipv4Addr,
    /// The way out, which also answers for names.
    pub gateway: Option<Ipv4Addr>,
}

impl Card {
    pub(crate) fn arguments(&self, hostname: &GuestName) -> [OsString; 2] {
        let mac = self.mac.map(|byte| format!("{byte:02x}")).join(":");
        // Without gro=1 large frames from the host are dropped: 0.4 Mbit/s instead of 2.3 Gbit/s.
        let card = match &self.link {
            Link::Tap(name) => format!("vec0:transport=tap,ifname={name},mac={mac},depth=128,gro=1"),
            Link::LegacyTap(name) => format!("eth0=tuntap,{name},{mac}"),
            Link::OpenTap(fd) => format!("vec0:transport=fd,fd={fd},mac={mac},depth=128,vec=0"),
            // A queue that its switch keeps waiting for half a second makes the kernel panic; without one it drops.
            Link::Datagram(fd) => format!("vec0:transport=fd,fd={fd},mac={mac},depth=128,vec=0"),
        };
        let device = if matches!(self.link, Link::LegacyTap(_)) { "eth0" } else { "vec0" };
        let (gateway, names) =
            self.gateway.map_or_else(Default::default, |gateway| (gateway.to_string(), format!(":{gateway}")));
        let place = format!("ip={}::{gateway}:255.255.255.0:{hostname}:{device}:off{names}", self.address);
        [card.into(), place.into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(link: Link, gateway: Option<Ipv4Addr>) -> [String; 2] {
        let address = Ipv4Addr::new(10, 64, 0, 2);
        let card = Card { link, mac: [2, 0, 0, 0, 0, 0xab], address, gateway };
        card.arguments(&"web-1".parse().expect("a name")).map(|a| a.to_string_lossy().into_owned())
    }

    #[test]
    fn a_tap_is_named_and_the_guest_knows_its_place() {
        let tap: InterfaceName = "t0123456789ab".parse().expect("fine");
        let gateway = Some(Ipv4Addr::new(10, 64, 0, 1));
        let [card, place] = arguments(Link::Tap(tap.clone()), gateway);
        assert_eq!(card, "vec0:transport=tap,ifname=t0123456789ab,mac=02:00:00:00:00:ab,depth=128,gro=1");
        assert_eq!(place, "ip=10.64.0.2::10.64.0.1:255.255.255.0:web-1:vec0:off:10.64.0.1");
        let [card, place] = arguments(Link::LegacyTap(tap), gateway);
        assert_eq!(card, "eth0=tuntap,t0123456789ab,02:00:00:00:00:ab");
        assert!(place.contains(":eth0:"));
    }

    #[test]
    fn a_switch_has_no_way_out() {
        let [card, place] = arguments(Link::Datagram(6), None);
        assert_eq!(card, "vec0:transport=fd,fd=6,mac=02:00:00:00:00:ab,depth=128,vec=0");
        assert_eq!(place, "ip=10.64.0.2:::255.255.255.0:web-1:vec0:off");
        assert!(arguments(Link::OpenTap(6), None)[0].ends_with("vec=0"));
    }

    #[test]
    fn a_name_that_means_more_is_refused() {
        for text in ["", "t0,mac=1", "t 0", "T0", "0123456789abcdef", "t0:1"] {
            assert!(text.parse::<InterfaceName>().is_err(), "{text:?}");
        }
    }
}
