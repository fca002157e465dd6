use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER, USER_AGENT};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use crate::error::{Error, Problem};
use crate::tls;

/// A WebSocket of the panel's.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const API: &str = "/api/v1";
const AGENT: HeaderValue = HeaderValue::from_static(concat!("umbel-client/", env!("CARGO_PKG_VERSION")));

/// One person at one panel. Cheap to clone; clones share the sign-in.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    cookies: Arc<Jar>,
    base: Url,
    origin: String,
    /// `Bearer …`, in place of a sign-in.
    token: Option<HeaderValue>,
    /// As what it is known (RFC 9110, section 10.1.5).
    agent: HeaderValue,
    /// For WebSockets; requests have it within them. None where the panel speaks plain HTTP.
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Client {
    /// `address` as `http://127.0.0.1:8080` or `https://panel.example`, whose certificate the system must trust.
    pub fn new(address: &str) -> Result<Self, Error> {
        Self::made(address, None)
    }

    /// One that trusts the certificates of that PEM file too: a private authority's, or the panel's own.
    pub fn trusting(address: &str, certificates: &Path) -> Result<Self, Error> {
        Self::made(address, Some(certificates))
    }

    fn made(address: &str, certificates: Option<&Path>) -> Result<Self, Error> {
        let wrong = |why| Error::Address { address: address.to_owned(), why };
        let base = Url::parse(address).map_err(|_| wrong("it is no URL"))?;
        if base.host_str().is_none() {
            return Err(wrong("a host is missing"));
        }
        let tls = match base.scheme() {
            "http" => None,
            "https" => Some(tls::config(certificates)?),
            _ => return Err(wrong("it begins with http:// or https://")),
        };
        let cookies = Arc::new(Jar::default());
        let mut http = reqwest::Client::builder();
        if let Some(tls) = &tls {
            http = http.use_preconfigured_tls(tls.clone());
        }
        let http = http
            .cookie_provider(Arc::clone(&cookies))
            // Where a form leads is an answer of its own.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(Error::Make)?;
        let origin = base.origin().ascii_serialization();
        Ok(Self { http, cookies, base, origin, token: None, agent: AGENT, tls: tls.map(Arc::new) })
    }

    /// One that comes in with a token and needs no sign-in.
    pub fn with_token(address: &str, token: &str) -> Result<Self, Error> {
        Self::new(address)?.bearing(token)
    }

    /// The same one, with a token.
    pub fn bearing(self, token: &str) -> Result<Self, Error> {
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Token)?;
        header.set_sensitive(true);
        Ok(Self { token: Some(header), ..self })
    }

    /// As one that is known to the panel as `agent`, a name and a version.
    pub fn called(self, agent: &'static str) -> Self {
        Self { agent: HeaderValue::from_static(agent), ..self }
    }

    /// As browsers send it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Any request at the panel, with our sign-in and origin: for what has no method of its own here.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let request = self.http.request(method, url).header(ORIGIN, &self.origin).header(USER_AGENT, &self.agent);
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        }
    }

    /// A page of the panel's, for a browser.
    pub(crate) fn address<'a>(&self, path: &str, asked: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut url = self.base.clone();
        url.set_path(path);
        url.query_pairs_mut().clear().extend_pairs(asked);
        url.into()
    }

    /// A WebSocket at the panel, with our sign-in and origin. A refusal of the upgrade is
    /// [`Error::Refused`], as everywhere.
    pub async fn socket(&self, path: &str) -> Result<Socket, Error> {
        let failed = |source| Error::Socket { path: path.to_owned(), source: Box::new(source) };
        let address = format!("ws{}{path}", self.origin.trim_start_matches("http"));
        let mut request = address.as_str().into_client_request().map_err(failed)?;
        request.headers_mut().extend(self.own_headers());
        let tls = self.tls.clone().map_or(Connector::Plain, Connector::Rustls);
        match tokio_tungstenite::connect_async_tls_with_config(request, None, true, Some(tls)).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => {
                let retry = text_of(answer.headers(), RETRY_AFTER.as_str());
                let body = answer.body().as_deref().unwrap_or_default();
                let problem = Problem::read(answer.status(), retry, body);
                Err(Error::Refused { what: path.to_owned(), problem })
            }
            Err(source) => Err(failed(source)),
        }
    }

    fn own_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(USER_AGENT, self.agent.clone())]);
        // An origin is ASCII by its very serialisation.
        if let Ok(origin) = self.origin.parse() {
            headers.insert(ORIGIN, origin);
        }
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if let Some(cookies) = self.cookies.cookies(&self.base) {
            headers.insert(COOKIE, cookies);
        }
        headers
    }

    pub(crate) fn api(&self, method: Method, path: &str) -> Asked {
        let path = format!("{API}{path}");
        Asked { what: format!("{method} {path}"), request: self.request(method, &path) }
    }

    pub(crate) fn plain(&self, method: Method, path: &str) -> Asked {
        Asked { what: format!("{method} {path}"), request: self.request(method, path) }
    }
}

/// A request on its way, with its name for errors.
pub(crate) struct Asked {
    what: String,
    request: RequestBuilder,
}

impl Asked {
    pub(crate) fn json(self, body: &impl serde::Serialize) -> Self {
        Self { request: self.request.json(body), ..self }
    }

    /// Within so long the whole answer must be there; 30 s unless it is said.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { request: self.request.timeout(patience), ..self }
    }

    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    pub(crate) fn query(self, query: &[(&str, &str)]) -> Self {
        Self { request: self.request.query(query), ..self }
    }

    pub(crate) fn body(self, bytes: impl Into<reqwest::Body>) -> Self {
        Self { request: self.request.body(bytes), ..self }
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        Self { request: self.request.form(fields), ..self }
    }

    /// The answer, whatever it says.
    pub(crate) async fn any(self) -> Result<(String, Response), Error> {
        match self.request.send().await {
            Ok(response) => Ok((self.what, response)),
            Err(source) => Err(Error::Send { what: self.what, source }),
        }
    }

    /// The answer, unless it is a refusal.
    pub(crate) async fn done(self) -> Result<Response, Error> {
        let (what, response) = self.any().await?;
        if response.status().is_success() || response.status().is_redirection() {
            return Ok(response);
        }
        Err(refusal(what, response).await)
    }

    pub(crate) async fn bytes(self) -> Result<Vec<u8>, Error> {
        let what = self.what.clone();
        let response = self.done().await?;
        let bytes = response.bytes().await.map_err(|source| Error::Send { what, source })?;
        Ok(bytes.to_vec())
    }

    pub(crate) async fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let what = self.what.clone();
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Content { what, source })
    }
}

pub(crate) async fn refusal(what: String, response: Response) -> Error {
    let status = response.status();
    let retry = text_of(response.headers(), RETRY_AFTER.as_str()).map(str::to_owned);
    let page = text_of(response.headers(), CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/html"));
    match response.bytes().await {
        // A page says it to eyes only.
        Ok(_) if page => Error::Refused { what, problem: Problem::read(status, retry.as_deref(), reason(status)) },
        Ok(body) => Error::Refused { what, problem: Problem::read(status, retry.as_deref(), &body) },
        Err(source) => Error::Send { what, source },
    }
}

fn reason(status: StatusCode) -> &'static [u8] {
    status.canonical_reason().unwrap_or("refused").as_bytes()
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        for address in ["127.0.0.1:8080", "ftp://panel.example", "unix:/run/x", ""] {
            assert!(matches!(Client::new(address), Err(Error::Address { .. })), "{address:?}");
        }
        assert_eq!(Client::new("http://127.0.0.1:8080/").expect("an address").origin(), "http://127.0.0.1:8080");
        assert_eq!(Client::new("https://panel.example/").expect("an address").origin(), "https://panel.example");
        assert_eq!(Client::new("http://[::1]:81/x?y").expect("an address").origin(), "http://[::1]:81");
    }

    #[test]
    fn a_query_stays_a_query() {
        let client = Client::new("http://127.0.0.1:1").expect("an address");
        let request = client.request(Method::GET, "/a b?c=d").build().expect("a request");
        assert_eq!(request.url().as_str(), "http://127.0.0.1:1/a%20b?c=d");
        assert_eq!(request.headers()[ORIGIN], "http://127.0.0.1:1");
    }
}
