//! Who is at the other end: the peer, or whom a trusted proxy says it speaks for. Pure.
//!
//! A header is believed only as far as trusted hands wrote it: from its right end up to and including
//! the first address that is no proxy of ours. What stands further left was sent by the client.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED: HeaderName = http::header::FORWARDED;

/// The client of a request, as an extension of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// An address or a block of them in CIDR notation (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    #[error("{0} is no IP address and no block of them, as 10.0.0.7 or 10.0.0.0/24 is")]
    Unreadable(String),
    #[error("the prefix of {0} is longer than its address")]
    Prefix(String),
    #[error("{0} would trust everybody")]
    Everybody(String),
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let unreadable = || BadNetwork::Unreadable(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| unreadable())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        match prefix.unwrap_or(most) {
            0 => Err(BadNetwork::Everybody(text.to_owned())),
            prefix if prefix > most => Err(BadNetwork::Prefix(text.to_owned())),
            prefix => Ok(Self { address, prefix }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        write!(f, "{}", self.address)?;
        if self.prefix < whole { write!(f, "/{}", self.prefix) } else { Ok(()) }
    }
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: u128, width: u8| address.checked_shr(u32::from(width - self.prefix)).unwrap_or(0);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                bits(u32::from(own).into(), 32) == bits(u32::from(other).into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => bits(own.into(), 128) == bits(other.into(), 128),
            _ => false,
        }
    }
}

/// Whose headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<Network>);

impl Proxies {
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client behind `peer`. Where both kinds of header are there and differ, one of them may have
    /// come from the client through a proxy that writes the other: then none is believed.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return ClientAddress(peer);
        }
        let common = hops(headers, &X_FORWARDED_FOR, Some);
        let standard = hops(headers, &FORWARDED, forwarded_for);
        let client = match (self.last_stranger(&common), self.last_stranger(&standard)) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other),
        };
        ClientAddress(client.unwrap_or(peer))
    }

    /// From the right, the first that is no proxy of ours; the leftmost if all are.
    fn last_stranger(&self, hops: &[Option<IpAddr>]) -> Option<IpAddr> {
        let mut last = None;
        for hop in hops.iter().rev() {
            // A hop that can't be read ends what can be known.
            let Some(hop) = *hop else { break };
            last = Some(hop);
            if !self.trust(hop) {
                break;
            }
        }
        last
    }
}

/// The addresses of a header that may come in several lines, from the client to us.
fn hops<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    address: impl Fn(&'a str) -> Option<&'a str>,
) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',')).map(|hop| address(hop.trim()).and_then(ip)).collect()
}

/// The value of `for` in one element of Forwarded (RFC 7239, section 4). A comma within quotes splits
/// it in two that can't be read, which ends the search as an unknown address does.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    Some(value.trim_matches('"'))
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> Proxies {
        Proxies(vec!["10.0.0.0/8".parse().expect("a block"), "::1".parse().expect("an address")])
    }

    fn client(peer: &str, headers: &[(&HeaderName, &str)]) -> String {
        let pairs = headers
            .iter()
            .map(|(name, value)| ((*name).clone(), HeaderValue::from_str(value).expect("a header's value")));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        proxies().client(peer.parse().expect("an address"), &map).0.to_string()
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_says() {
        assert_eq!(client("192.0.2.9", &[(&X_FORWARDED_FOR, "198.51.100.1")]), "192.0.2.9");
        assert_eq!(client("192.0.2.9", &[(&FORWARDED, "for=198.51.100.1")]), "192.0.2.9");
        assert_eq!(client("::ffff:192.0.2.9", &[]), "192.0.2.9");
    }

    #[test]
    fn a_proxy_names_the_last_address_that_is_no_proxy() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "198.51.100.1")]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "1.1.1.1, 198.51.100.1, 10.2.3.4")]), "198.51.100.1");
        assert_eq!(client("::1", &[(&X_FORWARDED_FOR, "1.1.1.1"), (&X_FORWARDED_FOR, "2001:db8::5")]), "2001:db8::5");
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "[2001:db8::5]:4711")]), "2001:db8::5");
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "198.51.100.1:4711")]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "10.9.9.9, 10.2.3.4")]), "10.9.9.9");
        let standard = r#"for=1.1.1.1, proto=https;For="[2001:db8::7]:80";by=10.0.0.1"#;
        assert_eq!(client("10.0.0.1", &[(&FORWARDED, standard)]), "2001:db8::7");
    }

    #[test]
    fn what_cant_be_read_or_contradicts_itself_is_not_believed() {
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "1.1.1.1, unknown")]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, "1.1.1.1, unknown, 10.2.3.4")]), "10.2.3.4");
        assert_eq!(client("10.0.0.1", &[(&FORWARDED, "for=_hidden")]), "10.0.0.1");
        let both = [(&X_FORWARDED_FOR, "198.51.100.1"), (&FORWARDED, "for=1.1.1.1")];
        assert_eq!(client("10.0.0.1", &both), "10.0.0.1");
        let agreed = [(&X_FORWARDED_FOR, "198.51.100.1"), (&FORWARDED, "for=198.51.100.1")];
        assert_eq!(client("10.0.0.1", &agreed), "198.51.100.1");
    }

    #[test]
    fn networks_are_read_and_shown() {
        for text in ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"] {
            assert_eq!(text.parse::<Network>().expect(text).to_string(), text);
        }
        assert_eq!("0.0.0.0/0".parse::<Network>(), Err(BadNetwork::Everybody("0.0.0.0/0".into())));
        assert_eq!("10.0.0.0/33".parse::<Network>(), Err(BadNetwork::Prefix("10.0.0.0/33".into())));
        for text in ["", "proxy.example", "10.0.0.0/x", "10.0.0/8", "10.0.0.0/-1", "/8"] {
            assert!(matches!(text.parse::<Network>(), Err(BadNetwork::Unreadable(_))), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_sends_moves_what_the_proxy_appended(forged in "[ -~]{0,60}") {
            let header = format!("{forged}, 198.51.100.1");
            prop_assert_eq!(client("10.0.0.1", &[(&X_FORWARDED_FOR, &header)]), "198.51.100.1");
        }

        #[test]
        fn a_block_holds_what_shares_its_prefix(base: u32, prefix in 1_u8..=32, other: u32) {
            let network = Network { address: IpAddr::V4(base.into()), prefix };
            let mask = u32::MAX << (32 - u32::from(prefix));
            prop_assert_eq!(network.contains(IpAddr::V4(other.into())), base & mask == other & mask);
        }
    }
}
