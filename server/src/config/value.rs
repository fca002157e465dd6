//! One value out of its text. An error says what would be right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use http::Uri;
use http::uri::Authority;
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;

use crate::http::address::Network;
use crate::oidc::{NewAccounts, SecondFactorBy};
use crate::webhooks::mail::{MailServer, Security};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The origin that people's browsers see (RFC 6454): scheme, host, and a port that is not the
/// scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    pub origin: String,
    pub authority: Authority,
    pub is_https: bool,
}

impl PublicUrl {
    pub fn is_loopback(&self) -> bool {
        is_here(bare(self.authority.host()))
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether a host is this machine itself, without asking anybody.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Already made absolute where a relative one is welcome.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("a path in a file begins with /".into()) }
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
    local
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| "an IP address and a port, as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(super) fn public_url(text: &str) -> Result<PublicUrl, String> {
    let right =
        || "the address that people open, nothing behind the host or its port, as https://panel.example".to_owned();
    let uri: Uri = text.parse().map_err(|_| right())?;
    let is_https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(format!("it begins with https:// or http://; {}", right())),
    };
    // A fragment is dropped by the parser, and an account before the host is none of an origin's.
    if text.contains(['#', '@', '?']) || uri.path() != "/" {
        return Err(right());
    }
    let authority = uri.authority().ok_or_else(right)?;
    let host = authority.host().to_ascii_lowercase();
    if host.is_empty() {
        return Err(right());
    }
    // The parser passes over a port that is none.
    let port = match authority.as_str().split_at_checked(host.len()).map(|(_, rest)| rest) {
        Some("") => None,
        Some(rest) => {
            let port = rest.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
            Some(port.ok_or_else(right)?)
        }
        None => return Err(right()),
    };
    let own = if is_https { 443 } else { 80 };
    let authority = port.filter(|port| *port != own).map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let origin = format!("{}://{authority}", if is_https { "https" } else { "http" });
    Ok(PublicUrl { origin, authority: authority.parse().map_err(|_| right())?, is_https })
}

/// As the provider writes it of itself, to the letter.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let right = || "the provider's issuer as it writes it, as https://id.example".to_owned();
    let uri: Uri = text.parse().map_err(|_| right())?;
    let host = bare(uri.host().unwrap_or_default());
    if host.is_empty() || text.contains(['#', '@', '?']) {
        return Err(right());
    }
    match uri.scheme_str() {
        Some("https") => Ok(text.to_owned()),
        Some("http") if is_here(host) => Ok(text.to_owned()),
        Some("http") => Err(format!("over http anybody on the way could sign in: use https; {}", right())),
        _ => Err(right()),
    }
}

/// A bucket by its address: where its server is, what it is called, and what names in it begin with.
pub(super) fn bucket(text: &str) -> Result<(String, String, String), String> {
    let right = || "https://HOST/BUCKET, or https://HOST/BUCKET/PREFIX".to_owned();
    let uri: Uri = text.parse().map_err(|_| right())?;
    let authority = uri.authority().ok_or_else(right)?;
    if authority.as_str().contains('@') {
        return Err(format!("keys lie in a file, which backup_s3_credentials_file names; {}", right()));
    }
    let host = bare(authority.host());
    if host.is_empty() || text.contains(['#', '?']) {
        return Err(right());
    }
    let scheme = match uri.scheme_str() {
        Some("https") => "https",
        Some("http") if is_here(host) => "http",
        Some("http") => {
            let why = "over http anybody on the way could take what is sent for their own, or remove it";
            return Err(format!("{why}: only this machine is spoken to so; use https; {}", right()));
        }
        _ => return Err(right()),
    };
    let mut parts = uri.path().trim_matches('/').split('/');
    let bucket = parts.next().filter(|name| {
        (3..=63).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    });
    let bucket = bucket.ok_or_else(|| format!("a bucket's name has 3 to 63 of a–z, 0–9, - and .; {}", right()))?;
    let prefix: Vec<_> = parts.collect();
    let is_plain = |part: &&str| {
        !matches!(*part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    if !prefix.iter().all(is_plain) || uri.path().len() > 200 {
        return Err(format!("a prefix has A–Z, a–z, 0–9, -, _ and . between its slashes; {}", right()));
    }
    Ok((format!("{scheme}://{authority}"), bucket.to_owned(), prefix.join("/")))
}

pub(super) fn region(text: &str) -> Result<String, String> {
    let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if good { Ok(text.to_owned()) } else { Err("a region's name, as eu-central-1".into()) }
}

/// A few words in one line.
pub(super) fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    let good = !text.is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if good { Ok(text.to_owned()) } else { Err("1 to 200 characters in one line".into()) }
}

pub(super) fn new_accounts(text: &str) -> Result<NewAccounts, String> {
    match text {
        "off" => Ok(NewAccounts::Off),
        "user" => Ok(NewAccounts::User),
        _ => Err("off, or user for a new account with the role user".into()),
    }
}

pub(super) fn second_factor(text: &str) -> Result<SecondFactorBy, String> {
    match text {
        "panel" => Ok(SecondFactorBy::Panel),
        "provider" => Ok(SecondFactorBy::Provider),
        _ => Err("panel or provider".into()),
    }
}

/// Separated by commas.
pub(super) fn networks(text: &str) -> Result<Vec<Network>, String> {
    text.split(',').map(|network| network.trim().parse::<Network>().map_err(|bad| bad.to_string())).collect()
}

pub(super) fn mail_server(text: &str) -> Result<MailServer, String> {
    let right = || "smtps://USER@HOST, smtp://USER@HOST:PORT with STARTTLS, or smtp://localhost".to_owned();
    let uri: Uri = text.parse().map_err(|_| right())?;
    let authority = uri.authority().ok_or_else(right)?;
    let (account, host) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
    if account.contains(':') {
        return Err(format!("a password lies in a file, which mail_password_file names; {}", right()));
    }
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    if host.is_empty() || text.contains(['#', '?']) || !matches!(uri.path(), "" | "/") {
        return Err(right());
    }
    let host = bare(host);
    let (security, usual) = match uri.scheme_str() {
        Some("smtps") => (Security::Tls, 465),
        Some("smtp") if is_here(host) => (Security::Clear, 25),
        Some("smtp") => (Security::StartTls, 587),
        _ => return Err(right()),
    };
    // A user's own address is often their name, and its @ is written %40.
    let user = Some(account.replace("%40", "@")).filter(|user| !user.is_empty());
    if user.is_some() && security == Security::Clear {
        return Err("a password is sent to nobody in the clear; use smtps://".into());
    }
    Ok(MailServer { host: host.to_owned(), port: authority.port_u16().unwrap_or(usual), security, user })
}

pub(super) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "an address, as umbel@panel.example or Umbel <umbel@panel.example>".to_owned())
}

pub(super) fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; a filter is a level, as info, or a list, as info,umbel_server=debug")),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".into()),
    }
}

pub(super) fn seconds(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let right = || format!("seconds, from {least} to {most}");
    let seconds = text.parse::<i64>().map_err(|_| right())?;
    if (least..=most).contains(&seconds) { Ok(seconds) } else { Err(right()) }
}

pub(super) fn days(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let right = || format!("days, from {least} to {most}");
    let days = text.parse::<i64>().map_err(|_| right())?;
    if (least..=most).contains(&days) { Ok(days) } else { Err(right()) }
}

pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let right = || format!("a number, from {least} to {most}");
    let number = text.parse::<u32>().map_err(|_| right())?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(right()) }
}

pub(super) fn percent(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let right = || format!("percent without a sign, from {least} to {most}");
    let percent = text.parse::<u32>().map_err(|_| right())?;
    if (least..=most).contains(&percent) { Ok(percent) } else { Err(right()) }
}

/// The rules of useradd(8), so far as they keep other things out.
pub(super) fn user(text: &str) -> Result<String, String> {
    let is_name =
        !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_graphic() && !b"/:".contains(&b));
    if is_name { Ok(text.to_owned()) } else { Err("the name of an account on this machine, as umbel".into()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, origin) in [
            ("https://panel.example", "https://panel.example"),
            ("https://Panel.Example/", "https://panel.example"),
            ("https://panel.example:443", "https://panel.example"),
            ("https://panel.example:8443", "https://panel.example:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(public_url(text).expect(text).origin, origin);
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        for text in [
            "",
            "panel.example",
            "ftp://panel.example",
            "https://",
            "https://panel.example/umbel",
            "https://a@panel.example",
            "https://panel.example?x",
            "https://panel.example#x",
            "https://panel.example:0",
            "https://panel.example:99999",
            "https://panel.example:",
            "https:///x",
        ] {
            assert!(public_url(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, loopback) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:9", true),
            ("http://localhost.example", false),
            ("http://192.0.2.1", false),
        ] {
            assert_eq!(public_url(text).expect(text).is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        for text in ["https://id.example", "https://id.example/realms/a", "http://127.0.0.1:3000", "http://[::1]:3"] {
            assert_eq!(issuer(text), Ok(text.to_owned()));
        }
        for text in ["", "id.example", "http://id.example", "https://id.example?x", "ftp://id.example"] {
            assert!(issuer(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_bucket_is_https_or_on_this_machine_and_has_no_keys_in_its_address() {
        for (text, endpoint, name, prefix) in [
            ("https://s3.example.org/backups", "https://s3.example.org", "backups", ""),
            ("https://s3.example.org:9000/backups/", "https://s3.example.org:9000", "backups", ""),
            ("https://192.0.2.7/backups/umbel/one", "https://192.0.2.7", "backups", "umbel/one"),
            ("http://127.0.0.1:9000/backups", "http://127.0.0.1:9000", "backups", ""),
            ("http://[::1]:9000/backups", "http://[::1]:9000", "backups", ""),
        ] {
            assert_eq!(bucket(text), Ok((endpoint.to_owned(), name.to_owned(), prefix.to_owned())), "{text}");
        }
        for (text, why) in [
            ("", "HOST"),
            ("backups", "HOST"),
            ("s3://backups", "HOST"),
            ("https://s3.example.org", "name has"),
            ("https://s3.example.org/ab", "name has"),
            ("https://s3.example.org/Backups", "name has"),
            ("https://s3.example.org/backups/a//b", "prefix"),
            ("https://s3.example.org/backups/../b", "prefix"),
            ("https://s3.example.org/backups/%2e%2e", "prefix"),
            ("https://s3.example.org/backups?x", "HOST"),
            ("https://id:secret@s3.example.org/backups", "credentials_file"),
            ("http://s3.example.org/backups", "use https"),
            ("http://192.0.2.7/backups", "use https"),
        ] {
            assert!(bucket(text).is_err_and(|error| error.contains(why)), "{text:?} was taken");
        }
    }

    #[test]
    fn listen_takes_an_address_and_a_port() {
        assert_eq!(listen("localhost:80"), listen("127.0.0.1:80"));
        for text in ["", "8080", "127.0.0.1", "panel.example:80", "127.0.0.1:99999", "::1:80:"] {
            assert!(listen(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn times_are_bounded() {
        assert_eq!(seconds("30", 1, 600), Ok(30));
        for text in ["0", "601", "-1", "1.5", "30 s", ""] {
            assert!(seconds(text, 1, 600).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_filter_is_checked_before_it_is_used() {
        assert!(filter("info,umbel_server=debug").is_ok());
        assert!(filter("umbel_server=loud").is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_taken_as_an_origin_stays_one(text in "https?://[a-zA-Z0-9.:/?#@\\[\\]-]{0,24}") {
            if let Ok(url) = public_url(&text) {
                prop_assert_eq!(public_url(&url.origin), Ok(url));
            }
        }
    }
}
