//! The listening end: plain HTTP or TLS, the client's address on every request, and a drain that
//! finishes what is under way.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use http::StatusCode;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;

use super::address::Proxies;

/// How long requests under way may take once the panel drains.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a client may take for the head of a request, the pause before it included. Longer than
/// proxies keep an unused connection, so that they don't find it closed.
const HEAD: Duration = Duration::from_secs(75);

/// A certificate and its key, in files that may be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
#[error("tls_certificate {} and tls_key {} can't be used: {source}", files.certificate.display(), files.key.display())]
pub struct CertificateError {
    files: Certificate,
    source: io::Error,
}

impl Certificate {
    pub async fn load(&self) -> Result<RustlsConfig, CertificateError> {
        // It fails only where one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        RustlsConfig::from_pem_file(&self.certificate, &self.key).await.map_err(|source| self.failed(source))
    }

    /// New connections get what the files hold now; what they held stays if that can't be read.
    pub async fn reload(&self, config: &RustlsConfig) -> Result<(), CertificateError> {
        config.reload_from_pem_file(&self.certificate, &self.key).await.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> CertificateError {
        CertificateError { files: self.clone(), source }
    }
}

/// Where requests come in.
#[derive(Debug)]
pub struct Entrance {
    pub listener: TcpListener,
    pub tls: Option<RustlsConfig>,
    pub proxies: Proxies,
}

impl Entrance {
    /// Serves until `drain` and until what was under way then is finished, at most for [`DRAIN`].
    pub async fn serve(self, router: Router, drain: CancellationToken) -> io::Result<()> {
        self.listener.set_nonblocking(true)?;
        let door = Door { proxies: self.proxies, is_plain: self.tls.is_none() };
        let app = router.layer(from_fn_with_state(door, let_in)).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let ending = tokio::spawn({
            let handle = handle.clone();
            async move {
                drain.cancelled().await;
                handle.graceful_shutdown(Some(DRAIN));
            }
        });
        let server = patient(axum_server::from_tcp(self.listener)?).handle(handle);
        // Otherwise the end of an answer may wait until the client has acknowledged its beginning (tcp(7)), which that
        // may put off.
        let at_once = NoDelayAcceptor::new();
        let served = match self.tls {
            Some(tls) => server.acceptor(RustlsAcceptor::new(tls).acceptor(at_once)).serve(app).await,
            None => server.acceptor(at_once).serve(app).await,
        };
        ending.abort();
        served
    }
}

fn patient(mut server: Server<SocketAddr>) -> Server<SocketAddr> {
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server
}

#[derive(Clone)]
struct Door {
    proxies: Proxies,
    is_plain: bool,
}

impl Door {
    /// Plain HTTP from elsewhere than this machine or a trusted proxy has crossed a network in the
    /// clear, and is turned away before anybody types a password.
    fn admits(&self, peer: IpAddr, path: &str) -> bool {
        // A supervisor asks from where it is, and is told nothing of anybody.
        let is_probe = matches!(path, "/healthz" | "/readyz");
        !self.is_plain || peer.is_loopback() || self.proxies.trust(peer) || is_probe
    }
}

/// Turns away, or tells the rest who asks.
async fn let_in(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer.ip().to_canonical();
    if !door.admits(peer, request.uri().path()) {
        return (StatusCode::FORBIDDEN, "This panel is reached through its proxy only.\n").into_response();
    }
    let client = door.proxies.client(peer, request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_its_proxies() {
        let plain = Door { proxies: Proxies(vec!["10.0.0.0/8".parse().expect("a block")]), is_plain: true };
        for (peer, admitted) in [("127.0.0.1", true), ("::1", true), ("10.1.2.3", true), ("192.0.2.9", false)] {
            let peer = peer.parse().expect("an address");
            assert_eq!(plain.admits(peer, "/sign-in"), admitted, "{peer}");
            assert!(plain.admits(peer, "/healthz"), "{peer}");
            assert!(Door { is_plain: false, ..plain.clone() }.admits(peer, "/sign-in"), "{peer}");
        }
    }
}
