//! What the panel connects to by itself, because somebody named an address: webhooks, images. Never this machine, its
//! neighbours, its guests, unless the settings permit it. [`read`] looks at what is written, [`Guard`] at what a name leads
//! to, each time that a connection is made and for exactly that connection.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use lettre::Address as MailAddress;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Url};

use crate::http::address::Network;
use crate::tls;

const URL_MOST: usize = 1000;
const NOT_CLEAR: &str = "It would cross networks in the clear: the address begins with https.";

/// Why a name is not connected to.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    #[error("{0}")]
    Refused(String),
    #[error("the name has no address")]
    Empty,
    #[error("the name can't be looked up")]
    LookUp(#[source] io::Error),
}

/// How an address is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Secure,
    /// Only to networks that the settings name.
    Clear,
    /// In the clear, to whoever is public: what comes is signed by somebody, and that is looked at.
    Signed,
}

/// Who says what a name means.
#[derive(Clone, Debug)]
pub enum Names {
    System,
    /// A test, which may change its mind.
    Told(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>),
}

impl Names {
    async fn of(&self, name: &str) -> Result<Vec<IpAddr>, NameError> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((name, 0)).await.map_err(NameError::LookUp)?;
                Ok(found.map(|address| address.ip()).collect())
            }
            Self::Told(names) => {
                let names = names.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(names.get(name).cloned().unwrap_or_default())
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("TLS can't be set up")]
    Tls(#[from] rustls::Error),
    #[error("the client can't be made")]
    Make(#[from] reqwest::Error),
}

/// A client that asks nobody but whom the guard lets it ask. Where it is led on to and how long it waits is the caller's
/// to say.
pub fn client(guard: Guard) -> Result<ClientBuilder, ClientError> {
    let builder = Client::builder().dns_resolver(Arc::new(guard)).use_preconfigured_tls(tls::client_config()?);
    // Each time anew, so that no connection outlives what its name was looked up for.
    Ok(builder.pool_max_idle_per_host(0).no_proxy().user_agent(concat!("Umbel/", env!("CARGO_PKG_VERSION"))))
}

/// Answers the client's look-ups with addresses that may be connected to, and with no others. A name with one that may
/// not be is refused whole, since whoever answers for it may answer anything next time.
#[derive(Clone, Debug)]
pub struct Guard {
    pub way: Way,
    pub names: Names,
    pub permitted: Vec<Network>,
}

impl Guard {
    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, NameError> {
        let found = self.names.of(name).await?;
        if found.is_empty() {
            return Err(NameError::Empty);
        }
        for address in &found {
            check(*address, self.way, &self.permitted).map_err(NameError::Refused)?;
        }
        Ok(found)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.look_up(name.as_str()).await?;
            // The port is the address's own.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// Where an event is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Post { url: Url, way: Way },
    Mail(MailAddress),
}

/// As it is kept.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post { url, .. } => write!(f, "{url}"),
            Self::Mail(address) => write!(f, "mailto:{address}"),
        }
    }
}

/// An address that may be named. What a name leads to is looked at when it is connected to.
pub fn read(text: &str, permitted: &[Network]) -> Result<Destination, String> {
    read_as(text, Way::Clear, permitted)
}

/// The same where nobody has to be believed for what comes in the clear.
pub fn read_signed(text: &str, permitted: &[Network]) -> Result<Destination, String> {
    read_as(text, Way::Signed, permitted)
}

fn read_as(text: &str, in_clear: Way, permitted: &[Network]) -> Result<Destination, String> {
    let text = text.trim();
    if let Some(address) = text.strip_prefix("mailto:") {
        let address = address.parse().map_err(|_| "A mail address is mailto:NAME@HOST, one of them.".to_owned())?;
        return Ok(Destination::Mail(address));
    }
    if text.is_empty() || text.len() > URL_MOST {
        return Err("An address is https://HOST/PATH, at most 1000 characters.".into());
    }
    let url: Url = text.parse().map_err(|_| "An address is https://HOST/PATH.".to_owned())?;
    let way = match url.scheme() {
        "https" => Way::Secure,
        "http" => in_clear,
        _ => return Err("An address is https://HOST/PATH.".into()),
    };
    if url.host_str().is_none() {
        return Err("An address is https://HOST/PATH.".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("No name or password in the address: everybody who administrates would read them.".into());
    }
    match literal(&url) {
        Some(address) => check(address, way, permitted)?,
        None if way == Way::Clear && permitted.is_empty() => return Err(NOT_CLEAR.into()),
        None => {}
    }
    Ok(Destination::Post { url, way })
}

/// What an address is called where more people read than administrate webhooks: many carry a secret in their path.
pub fn origin_of(text: &str) -> String {
    match text.trim().parse::<Url>() {
        // Nothing of it is a secret, but it is somebody's.
        Ok(url) if url.scheme() == "mailto" => {
            format!("mail to {}", url.path().rsplit_once('@').map_or("nobody", |(_, host)| host))
        }
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "no address".into(),
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn check(address: IpAddr, way: Way, permitted: &[Network]) -> Result<(), String> {
    if permitted.iter().any(|network| network.contains(address)) {
        return Ok(());
    }
    if !is_public(address) {
        return Err(format!(
            "{address} is in no public network; the settings can permit it (webhook_networks, fetch_networks)."
        ));
    }
    match way {
        Way::Secure | Way::Signed => Ok(()),
        Way::Clear => Err(NOT_CLEAR.into()),
    }
}

/// Of the registries of special addresses (RFC 6890 and what came after), what leads to somebody in public.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    )
}

/// Only what is handed out; of that, nothing that another address is hidden in (Teredo, 6to4, NAT64).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    (0x2000..=0x3fff).contains(&a) && !matches!((a, b), (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_refused_however_it_is_written() {
        let hosts = [
            "127.0.0.1",
            "127.1",
            "0177.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ];
        for host in hosts {
            for text in [format!("https://{host}/"), format!("https://{host}:8443/latest/meta-data")] {
                assert!(read(&text, &[]).is_err(), "{text} was taken");
            }
        }
        for text in [
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "https://user@example.com/",
            "https://:secret@example.com/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://",
            "example.com",
            "",
        ] {
            assert!(read(text, &[]).is_err(), "{text} was taken");
        }
        for host in ["example.com", "1.1.1.1", "172.32.0.1", "[2606:4700::1111]:8443"] {
            let text = format!("https://{host}/hook?x=1");
            assert!(read(&text, &[]).is_ok(), "{text} was refused");
        }
    }

    #[test]
    fn the_settings_permit_what_they_name_and_nothing_else() {
        let permitted: Vec<Network> = vec!["10.1.0.0/16".parse().expect("a block")];
        let may = |scheme: &str, host: &str| read(&format!("{scheme}://{host}/"), &permitted).is_ok();
        assert!(may("http", "10.1.2.3:8080") && may("https", "10.1.2.3"));
        assert!(!may("https", "10.2.2.3"));
        assert!(!may("http", "1.1.1.1"), "in the clear only to what is named");
        assert!(read(&format!("https://example.com/{}", "x".repeat(1000)), &permitted).is_err());
    }

    #[test]
    fn what_a_path_says_is_not_told_on() {
        assert_eq!(origin_of(" https://h.example:8443/T0/B0/secret?token=1"), "https://h.example:8443");
        assert_eq!(origin_of("nonsense"), "no address");
        assert_eq!(origin_of("mailto:ops@h.example"), "mail to h.example");
    }

    #[tokio::test]
    async fn a_name_is_refused_for_where_it_leads() {
        let names = Names::Told(Arc::default());
        let Names::Told(told) = &names else { unreachable!("it was just made") };
        let guard = Guard { way: Way::Secure, names: names.clone(), permitted: Vec::new() };
        for inner in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1", "64:ff9b::a9fe:a9fe"] {
            // Hidden behind one that is public, too.
            let addresses = ["1.1.1.1", inner].map(|text| text.parse().expect("an address")).to_vec();
            told.lock().expect("whole").insert("a.example".into(), addresses);
            let error = guard.look_up("a.example").await.expect_err(inner).to_string();
            assert!(error.contains("no public network"), "{inner}: {error}");
        }
        told.lock().expect("whole").insert("a.example".into(), vec!["1.1.1.1".parse().expect("an address")]);
        guard.look_up("a.example").await.expect("it is public");
        let clear = Guard { way: Way::Clear, ..guard.clone() };
        clear.look_up("a.example").await.expect_err("in the clear only to what is named");
        guard.look_up("b.example").await.expect_err("nobody knows it");
        let system = Guard { names: Names::System, ..guard };
        system.look_up("localhost").await.expect_err("it leads here");
    }
}
