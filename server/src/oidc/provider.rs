//! The provider: found by its issuer when it is first needed, asked over HTTP with bounds, believed by its keys.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreIdToken,
    CoreIdTokenClaims, CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError,
    SubjectIdentifier, TokenResponse as _, UserInfoClaims,
};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use umbel_app::paths;

use super::{Identity, Settings};
use crate::clock::{Clock, HOUR};

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const MOST: usize = 1024 * 1024;
/// How long keys are believed without asking again.
const KNOWN: i64 = HOUR;

/// A client of a provider that was found.
type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("it is no address: {0}")]
    Url(String),
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the client can't be made: {0}")]
    Make(#[from] reqwest::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("the provider can't be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    #[error("the provider's word is not good")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error("asking failed")]
    Send(#[from] reqwest::Error),
    #[error("an answer that can't be: {0}")]
    Made(#[from] http::Error),
    #[error("an answer of more than {MOST} bytes")]
    Long,
}

/// Where a browser is sent, and what has to come back.
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
}

/// All that is said of somebody, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Said(Map<String, Value>);

impl AdditionalClaims for Said {}

#[derive(Clone)]
pub(super) struct Provider {
    issuer: IssuerUrl,
    id: ClientId,
    secret: ClientSecret,
    back: RedirectUrl,
    name_claim: String,
    http: reqwest::Client,
    clock: Clock,
    known: Arc<Mutex<Option<(i64, CoreProviderMetadata)>>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    pub(super) fn new(settings: &Settings, secret: &str, origin: &str, clock: Clock) -> Result<Self, MakeError> {
        let url = |error: openidconnect::url::ParseError| MakeError::Url(error.to_string());
        let http = reqwest::Client::builder()
            .use_preconfigured_tls(crate::tls::client_config()?)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("Umbel/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            issuer: IssuerUrl::new(settings.issuer.clone()).map_err(url)?,
            id: ClientId::new(settings.client_id.clone()),
            secret: ClientSecret::new(secret.to_owned()),
            back: RedirectUrl::new(format!("{origin}{}", paths::OIDC_BACK)).map_err(url)?,
            name_claim: settings.name_claim.clone(),
            http,
            clock,
            known: Arc::default(),
        })
    }

    /// `anew` asks also whoever is signed in there.
    pub(super) async fn ask(&self, anew: bool) -> Result<Asked, OidcError> {
        let client = self.client().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scope(Scope::new("profile".into()))
            .set_pkce_challenge(challenge);
        if anew {
            // With an age it has to say when that was (OpenID Connect Core, section 2).
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        let (url, state, nonce) = request.url();
        Ok(Asked {
            url: url.into(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Who it is that the code was given for.
    pub(super) async fn identity(&self, code: String, verifier: String, nonce: String) -> Result<Identity, OidcError> {
        let client = self.client().await?;
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(refused)?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let answer = exchange.request_async(&self.http()).await.map_err(|error| match error {
            openidconnect::RequestTokenError::Request(error) => unreachable(error),
            other => refused(other),
        })?;
        let token = answer.id_token().ok_or_else(|| refused("there is no ID token in its answer"))?;
        let (subject, proved) = self.subject(&client, token, &Nonce::new(nonce)).await?;
        let name = self.name(&client, token, &answer, &subject).await;
        Ok(Identity { issuer: self.issuer.to_string(), subject: subject.to_string(), name, proved })
    }

    /// And how long ago they proved it. Out of a token whose signature, issuer, audience, age and nonce are right. A key that isn't known is looked for
    /// once more: providers change theirs.
    async fn subject(
        &self,
        client: &Client,
        token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<(SubjectIdentifier, Option<i64>), OidcError> {
        let said = |claims: &CoreIdTokenClaims| (claims.subject().clone(), proved(claims));
        let unknown = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        match token.claims(&client.id_token_verifier(), nonce) {
            Ok(claims) => Ok(said(claims)),
            Err(error) if error == unknown => {
                let client = self.client_of(self.find().await?);
                let claims = token.claims(&client.id_token_verifier(), nonce).map_err(refused)?;
                Ok(said(claims))
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// What the provider calls them; in the token, or where it tells more.
    async fn name(
        &self,
        client: &Client,
        token: &CoreIdToken,
        answer: &CoreTokenResponse,
        subject: &SubjectIdentifier,
    ) -> String {
        let named = |said: &Map<String, Value>| said.get(&self.name_claim).and_then(Value::as_str).map(str::to_owned);
        if let Some(name) = payload(&token.to_string()).as_ref().and_then(named) {
            return name;
        }
        let asked = client.user_info(answer.access_token().clone(), Some(subject.clone()));
        let Ok(asked) = asked else { return String::new() };
        let told: Result<UserInfoClaims<Said, CoreGenderClaim>, _> = asked.request_async(&self.http()).await;
        match told.map(serde_json::to_value) {
            Ok(Ok(Value::Object(said))) => named(&said).unwrap_or_default(),
            Ok(_) => String::new(),
            Err(error) => {
                tracing::warn!(cause = crate::error::chain(&error), "the provider does not say how somebody is called");
                String::new()
            }
        }
    }

    async fn client(&self) -> Result<Client, OidcError> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let metadata = match known.filter(|(at, _)| now - at < KNOWN) {
            Some((_, metadata)) => metadata,
            None => self.find().await?,
        };
        Ok(self.client_of(metadata))
    }

    fn client_of(&self, metadata: CoreProviderMetadata) -> Client {
        // Without a word about it, a provider takes the first (OpenID Connect Discovery, section 3).
        let basic = metadata
            .token_endpoint_auth_methods_supported()
            .is_none_or(|ways| ways.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let client = CoreClient::from_provider_metadata(metadata, self.id.clone(), Some(self.secret.clone()));
        let way = if basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        client.set_redirect_uri(self.back.clone()).set_auth_type(way)
    }

    /// Asks what it is and for its keys, and keeps both.
    async fn find(&self) -> Result<CoreProviderMetadata, OidcError> {
        let found =
            CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http()).await.map_err(unreachable)?;
        let now = self.clock.now();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, found.clone()));
        Ok(found)
    }

    fn http(
        &self,
    ) -> impl Fn(HttpRequest) -> std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>> + use<>
    {
        let http = self.http.clone();
        move |request| Box::pin(send(http.clone(), request))
    }
}

async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut response = http::Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > MOST {
            return Err(HttpError::Long);
        }
        body.extend_from_slice(&piece);
    }
    Ok(response.body(body)?)
}

/// µs from then to when the token was made.
fn proved(claims: &CoreIdTokenClaims) -> Option<i64> {
    claims.auth_time().and_then(|at| (claims.issue_time() - at).num_microseconds())
}

/// What a token says whose signature is known to be good.
fn payload(token: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}

fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> OidcError {
    OidcError::Refused(error.into())
}

fn unreachable(error: impl Into<Box<dyn Error + Send + Sync>>) -> OidcError {
    OidcError::Unreachable(error.into())
}
