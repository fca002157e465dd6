//! Cross-site requests are refused: every unsafe method and every WebSocket must come from a page of
//! the panel's own, which browsers say in `Origin` (RFC 6454) and `Sec-Fetch-Site` (Fetch Metadata).
//! Cookies are `SameSite` besides; this is the wall that does not depend on them.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};

/// The addresses under which the panel answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// `public_url` names the one.
    Public { origin: String, authority: Authority },
    /// Nothing is named: loopback, under any of its names and the port that listens.
    Loopback { port: u16, tls: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error("This address is not the panel's own (see public_url in its configuration).")]
    Host,
    #[error("The request comes from another site.")]
    Origin,
    #[error("The request does not say where it comes from: send an Origin header with the panel's address.")]
    Unsaid,
}

impl Origins {
    /// The address that links and messages name.
    pub fn shown(&self) -> String {
        match self {
            Self::Public { origin, .. } => origin.clone(),
            Self::Loopback { port, tls } => format!("{}127.0.0.1:{port}", scheme(*tls)),
        }
    }

    pub fn is_https(&self) -> bool {
        match self {
            Self::Public { origin, .. } => origin.starts_with("https:"),
            Self::Loopback { tls, .. } => *tls,
        }
    }

    /// Host headers of other names are refused, so that a name that is re-bound to loopback
    /// (DNS rebinding) finds nothing.
    pub fn check_host(&self, headers: &HeaderMap, in_uri: Option<&Authority>) -> Result<(), Foreign> {
        let said = headers.get(HOST).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<Authority>().ok());
        let authority = in_uri.cloned().or(said).ok_or(Foreign::Host)?;
        match self {
            Self::Public { authority: own, origin } => {
                let default = if origin.starts_with("https:") { 443 } else { 80 };
                let same = authority.host().eq_ignore_ascii_case(own.host())
                    && authority.port_u16().unwrap_or(default) == own.port_u16().unwrap_or(default);
                same.then_some(()).ok_or(Foreign::Host)
            }
            Self::Loopback { .. } => is_loopback(authority.host()).then_some(()).ok_or(Foreign::Host),
        }
    }

    /// Whether a request of an unsafe method, or a WebSocket, comes from a page of ours.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Foreign> {
        let Some(origin) = headers.get(ORIGIN) else {
            // Browsers that send no Origin with a same-origin form say so here.
            let same = headers.get("sec-fetch-site").is_some_and(|v| v == "same-origin");
            return same.then_some(()).ok_or(Foreign::Unsaid);
        };
        let origin = origin.to_str().map_err(|_| Foreign::Origin)?;
        match self {
            Self::Public { origin: own, .. } if origin.eq_ignore_ascii_case(own) => Ok(()),
            Self::Loopback { port, tls } => {
                let authority = origin.strip_prefix(scheme(*tls)).ok_or(Foreign::Origin)?;
                let authority: Authority = authority.parse().map_err(|_| Foreign::Origin)?;
                let default = if *tls { 443 } else { 80 };
                let same = is_loopback(authority.host()) && authority.port_u16().unwrap_or(default) == *port;
                same.then_some(()).ok_or(Foreign::Origin)
            }
            Self::Public { .. } => Err(Foreign::Origin),
        }
    }
}

/// Methods that change nothing (RFC 9110, section 9.2.1).
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn scheme(tls: bool) -> &'static str {
    if tls { "https://" } else { "http://" }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn public() -> Origins {
        Origins::Public {
            origin: "https://panel.example".into(),
            authority: "panel.example".parse().expect("an authority"),
        }
    }

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a header"))])
    }

    #[test]
    fn only_the_own_origin_may_change_things() {
        assert_eq!(public().check_origin(&with(ORIGIN, "https://panel.example")), Ok(()));
        for origin in [
            "http://panel.example",
            "https://panel.example:8443",
            "https://sub.panel.example",
            "https://panel.example.evil",
            "null",
            "https://evil.example",
            "",
        ] {
            assert_eq!(public().check_origin(&with(ORIGIN, origin)), Err(Foreign::Origin), "{origin:?}");
        }
        assert_eq!(public().check_origin(&HeaderMap::new()), Err(Foreign::Unsaid));
    }

    #[test]
    fn loopback_means_every_name_of_it_and_one_port() {
        let own = Origins::Loopback { port: 8080, tls: false };
        for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"] {
            assert_eq!(own.check_origin(&with(ORIGIN, origin)), Ok(()), "{origin}");
        }
        for origin in [
            "http://127.0.0.1:9090",
            "https://127.0.0.1:8080",
            "http://evil.example:8080",
            "http://localhost.evil:8080",
        ] {
            assert_eq!(own.check_origin(&with(ORIGIN, origin)), Err(Foreign::Origin), "{origin}");
        }
    }

    #[test]
    fn a_rebound_name_is_not_served() {
        let own = Origins::Loopback { port: 8080, tls: false };
        assert_eq!(own.check_host(&with(HOST, "evil.example:8080"), None), Err(Foreign::Host));
        assert_eq!(own.check_host(&with(HOST, "localhost:8080"), None), Ok(()));
        assert_eq!(public().check_host(&with(HOST, "panel.example:443"), None), Ok(()));
        assert_eq!(public().check_host(&HeaderMap::new(), None), Err(Foreign::Host));
    }
}
