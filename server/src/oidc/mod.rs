//! Sign-in at a provider elsewhere: OpenID Connect, the authorization code flow with PKCE, state and nonce. [`provider`]
//! asks the provider; what a browser carries meanwhile is sealed in [`Pending`]. Whose account it is then is decided
//! in `accounts/oidc.rs`, pages are in `http/oidc.rs`, and why it is so stands in docs/decisions/oidc.md.

pub mod provider;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use umbel_app::AppError;
use umbel_guest::{AccountId, FieldErrors};

use crate::accounts::seal::Seal;
use crate::clock::{Clock, MINUTE, SECOND};
use provider::Provider;

/// How long somebody may take at the provider.
const PENDING: i64 = 10 * MINUTE;
/// What pending sign-ins are sealed for.
const OWNER: &str = "oidc";

/// What happens to whoever has no account here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewAccounts {
    Off,
    User,
}

/// Who asks for the second factor of an account that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorBy {
    Panel,
    Provider,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret_file: PathBuf,
    /// What stands on the button.
    pub label: String,
    /// Which claim becomes the name of a new account.
    pub name_claim: String,
    pub new_accounts: NewAccounts,
    pub second_factor: SecondFactorBy,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("oidc_client_secret_file = {}: it can't be read: {source}", path.display())]
    Secret { path: PathBuf, source: std::io::Error },
    #[error("oidc_client_secret_file = {}: it is empty", path.display())]
    Empty { path: PathBuf },
    #[error("oidc_issuer: {0}")]
    Issuer(#[from] provider::MakeError),
}

/// Whom the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    /// What it calls them, perhaps nothing.
    pub name: String,
    /// µs since they proved it there, if it says so.
    pub proved: Option<i64>,
}

/// What somebody was sent to the provider for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    SignIn,
    /// By whoever is signed in by that session.
    Link {
        account: AccountId,
        session: String,
    },
    /// Whoever is signed in by that session proves there who they are.
    Confirm {
        account: AccountId,
        session: String,
    },
}

/// What the browser carries until it is back, sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    pub purpose: Purpose,
    pub next: String,
    at: i64,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Oidc {
    pub settings: Arc<Settings>,
    provider: Provider,
    seal: Seal,
    clock: Clock,
    /// States that came back, until they would be too old anyhow.
    used: Arc<Mutex<HashMap<String, i64>>>,
}

impl Oidc {
    /// `origin` is the panel's own, where people are sent back to.
    pub fn new(settings: Settings, origin: &str, seal: Seal, clock: Clock) -> Result<Self, SettingsError> {
        let path = settings.client_secret_file.clone();
        let secret =
            fs::read_to_string(&path).map_err(|source| SettingsError::Secret { path: path.clone(), source })?;
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(SettingsError::Empty { path });
        }
        let provider = Provider::new(&settings, secret, origin, clock.clone())?;
        Ok(Self { settings: Arc::new(settings), provider, seal, clock, used: Arc::default() })
    }

    /// Where to send the browser, and what it carries meanwhile.
    pub async fn begin(&self, purpose: Purpose, next: String) -> Result<(String, String), AppError> {
        let asked =
            self.provider.ask(matches!(purpose, Purpose::Confirm { .. })).await.map_err(|error| self.told(&error))?;
        let (state, nonce, verifier) = (asked.state, asked.nonce, asked.verifier);
        let pending = Pending { state, nonce, verifier, purpose, next, at: self.clock.now() };
        let text = serde_json::to_vec(&pending).map_err(|error| crate::error::internal(&error))?;
        Ok((asked.url, self.seal.seal(OWNER, &text)))
    }

    /// What the browser carried, if it is ours, not too old, never came back before, and belongs to that state.
    pub fn came_back(&self, carried: Option<&str>, state: &str) -> Result<Pending, AppError> {
        let opened = carried.and_then(|sealed| self.seal.open(OWNER, sealed).ok());
        let pending = opened.and_then(|bytes| serde_json::from_slice::<Pending>(&bytes).ok());
        let now = self.clock.now();
        let fits = |pending: &Pending| {
            now - pending.at < PENDING && bool::from(pending.state.as_bytes().ct_eq(state.as_bytes()))
        };
        let pending = pending.filter(fits).ok_or_else(not_begun)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, at| now - *at < PENDING);
        if used.insert(pending.state.clone(), pending.at).is_some() {
            return Err(not_begun());
        }
        Ok(pending)
    }

    pub async fn identity(&self, pending: &Pending, code: String) -> Result<Identity, AppError> {
        let nonce = pending.nonce.clone();
        let who = self.provider.identity(code, pending.verifier.clone(), nonce).await;
        let who = who.map_err(|error| self.told(&error))?;
        // By the provider's clock alone, which may go otherwise than ours; it tells whole seconds.
        let since = self.clock.now() - pending.at + SECOND;
        if matches!(pending.purpose, Purpose::Confirm { .. }) && who.proved.is_none_or(|proved| proved > since) {
            let label = &self.settings.label;
            return Err(refused(&format!("{label} did not ask you anew who you are. Begin again.")));
        }
        Ok(who)
    }

    fn told(&self, error: &provider::OidcError) -> AppError {
        let label = &self.settings.label;
        tracing::warn!(cause = crate::error::chain(error), "the sign-in provider");
        match error {
            provider::OidcError::Unreachable(_) => AppError::Unavailable {
                message: format!("{label} can't be reached now. Sign in with your password, or try again in a while."),
            },
            provider::OidcError::Refused(_) => refused(&format!("{label} did not confirm who you are. Begin again.")),
        }
    }
}

pub(crate) fn refused(why: &str) -> AppError {
    AppError::Invalid(FieldErrors::one("form", why))
}

fn not_begun() -> AppError {
    refused("This sign-in was not begun in this browser, took too long, or was used already. Begin again.")
}
