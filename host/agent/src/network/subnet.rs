//! A /24 for each network, out of 10.64.0.0/10, which belongs to it alone on the whole machine.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use umbel_guest::{HostNumber, NetworkId};

use crate::claims;

/// Who has which, for all instances of the machine.
const CLAIMS: &str = "/run/umbel-subnets";
/// As many /24s as a /10 has.
const SUBNETS: u16 = 1 << 14;
const FIRST: [u8; 2] = [10, 64];

#[derive(Debug, thiserror::Error)]
pub enum SubnetError {
    #[error("claiming a subnet in {CLAIMS}")]
    Claim(#[source] io::Error),
    #[error("all subnets of 10.64.0.0/10 are taken")]
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet(u16);

impl Subnet {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SUBNETS).map(Self)
    }

    /// The one with these first three bytes.
    pub fn of(bytes: [u8; 3]) -> Option<Self> {
        Self::all().find(|subnet| subnet.bytes() == bytes)
    }

    /// Where a network looks first.
    pub fn wish(network: NetworkId) -> Self {
        let id = network.0.as_bytes();
        Self(u16::from_be_bytes([id[14], id[15]]) % SUBNETS)
    }

    pub fn index(self) -> u16 {
        self.0
    }

    pub fn bytes(self) -> [u8; 3] {
        let [high, low] = self.0.to_be_bytes();
        [FIRST[0], FIRST[1] + high, low]
    }

    pub fn address(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.bytes();
        Ipv4Addr::new(a, b, c, last)
    }

    /// The host's own address in it.
    pub fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    pub fn of_guest(self, number: HostNumber) -> Ipv4Addr {
        self.address(number.get())
    }

    /// Claims one for the owner, the wished one if nobody else has it and the host has no way of its own
    /// to it. Repeating it gives the same as long as the claim stands.
    pub fn claim(owner: &str, wish: Self, routes: &str) -> Result<Self, SubnetError> {
        Self::claim_in(Path::new(CLAIMS), owner, wish, routes)
    }

    fn claim_in(directory: &Path, owner: &str, wish: Self, routes: &str) -> Result<Self, SubnetError> {
        for index in (wish.0..SUBNETS).chain(0..wish.0) {
            let (subnet, name) = (Self(index), index.to_string());
            let nobodys = claims::holder(directory, &name).map_err(SubnetError::Claim)?.is_none();
            if nobodys && subnet.is_routed(routes) {
                continue;
            }
            if claims::take(directory, &name, owner.as_bytes()).map_err(SubnetError::Claim)? {
                return Ok(subnet);
            }
        }
        Err(SubnetError::None)
    }

    /// Whether /proc/net/route (proc(5)) leads to any of its addresses, by another way than the default.
    fn is_routed(self, routes: &str) -> bool {
        let leads_here = |line: &str| {
            let mut fields = line.split_ascii_whitespace();
            let (to, mask) = (fields.nth(1)?, fields.nth(5)?);
            // An address of the network's byte order, printed as a number of the host's.
            let number = |hex: &str| u32::from_str_radix(hex, 16).ok().map(u32::from_be);
            let (to, mask) = (number(to)?, number(mask)?);
            let both = mask & 0xffff_ff00;
            Some(mask != 0 && u32::from(self.address(0)) & both == to & both)
        };
        routes.lines().skip(1).any(|line| leads_here(line).unwrap_or(false))
    }

    /// Gives it back.
    pub fn release(self, owner: &str) {
        claims::release(Path::new(CLAIMS), &self.0.to_string(), owner.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    #[test]
    fn two_networks_of_a_machine_never_share_a_subnet() {
        let dir = tempfile::tempdir().expect("tmp");
        let claim = |owner: &str| Subnet::claim_in(dir.path(), owner, Subnet(SUBNETS - 1), HEAD).expect("one");
        let (a, b) = (claim("/data/a one"), claim("/data/a two"));
        assert_eq!((a.bytes(), b.bytes()), ([10, 127, 255], [10, 64, 0]));
        assert_eq!((claim("/data/a one"), claim("/data/a two")), (a, b), "the same again");
        assert_eq!(Subnet::of(a.bytes()), Some(a));
        assert_eq!(Subnet::of([10, 0, 0]), None);
    }

    #[test]
    fn what_the_host_has_a_way_to_is_left_alone() {
        let dir = tempfile::tempdir().expect("tmp");
        let default = "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        let lan = "eth1\t0000400A\t00000000\t0001\t0\t0\t0\t0000FEFF\t0\t0\t0\n";
        let routes = format!("{HEAD}{default}{lan}");
        let claimed = Subnet::claim_in(dir.path(), "a", Subnet(3), &routes).expect("one");
        assert_eq!(claimed.bytes(), [10, 66, 0], "10.64.0.0/15 is a network of the host's");
    }
}
