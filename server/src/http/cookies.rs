//! The cookie that a session is; the other one, of a sign-in at a provider, is in `oidc.rs`.

use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};

use super::origin::Origins;
use crate::accounts::sessions::MOST;

/// How the panel is reached decides how its cookie is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// Over https: bound to this very host by its prefix (RFC 6265bis, section 4.1.3.2).
    Secure,
    /// Plain http on loopback, where browsers differ about `Secure`.
    Plain,
}

impl Cookies {
    pub fn of(origins: &Origins) -> Self {
        if origins.is_https() { Self::Secure } else { Self::Plain }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Secure => "__Host-umbel",
            Self::Plain => "umbel_session",
        }
    }

    /// The cookie lives as long as a sign-in can; the row knows when it ends earlier. Only signing in
    /// makes a session, so a visitor without one leaves no row.
    pub fn layer<S: SessionStore>(self, store: S) -> SessionManagerLayer<S> {
        SessionManagerLayer::new(store)
            .with_name(self.name())
            .with_secure(self == Self::Secure)
            .with_http_only(true)
            .with_same_site(SameSite::Lax)
            .with_path("/")
            .with_expiry(Expiry::OnInactivity(Duration::microseconds(MOST)))
    }
}
