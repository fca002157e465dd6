//! The listening end with a router of its own: drain, TLS, and whom the rest is told to speak with.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use umbel_server::http::address::{ClientAddress, Proxies};
use umbel_server::http::serve::{Certificate, Entrance};

/// `/slow` answers after half a second, `/who` with the client's address.
fn router() -> Router {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "finished"
    };
    let who = |Extension(ClientAddress(address)): Extension<ClientAddress>| async move { address.to_string() };
    Router::new().route("/slow", get(slow)).route("/who", get(who))
}

struct Served {
    address: SocketAddr,
    drain: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

fn serve(proxies: Proxies, tls: Option<axum_server::tls_rustls::RustlsConfig>) -> Served {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let drain = CancellationToken::new();
    let entrance = Entrance { listener, tls, proxies };
    let task = tokio::spawn(entrance.serve(router(), drain.clone()));
    Served { address, drain, task }
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_nothing_new_is_begun() {
    let served = serve(Proxies::default(), None);
    let url = format!("http://{}/slow", served.address);
    let slow = tokio::spawn(reqwest::get(url.clone()));
    tokio::time::sleep(Duration::from_millis(150)).await;
    served.drain.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    reqwest::get(url).await.expect_err("nobody listens any more");
    let answer = slow.await.expect("no panic").expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "finished");
    served.task.await.expect("no panic").expect("a quiet end");
}

#[tokio::test]
async fn the_client_is_named_by_trusted_proxies_only() {
    let ask = async |proxies| {
        let served = serve(proxies, None);
        let request = reqwest::Client::new().get(format!("http://{}/who", served.address));
        let answer = request.header("x-forwarded-for", "198.51.100.1").send().await.expect("an answer");
        answer.text().await.expect("text")
    };
    assert_eq!(ask(Proxies::default()).await, "127.0.0.1");
    assert_eq!(ask(Proxies(vec!["127.0.0.1".parse().expect("an address")])).await, "198.51.100.1");
}

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates").join(name)
}

fn put(directory: &Path, name: &str) -> Certificate {
    let files = Certificate { certificate: directory.join("panel.pem"), key: directory.join("panel.key") };
    std::fs::copy(certificate(&format!("{name}.pem")), &files.certificate).expect("a certificate");
    std::fs::copy(certificate(&format!("{name}.key")), &files.key).expect("a key");
    files
}

/// Asks over TLS, and trusts that certificate only.
fn ask_trusting(address: SocketAddr, name: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_file(certificate(&format!("{name}.pem"))).expect("a certificate");
    roots.add(trusted).expect("a certificate");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(b"GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test]
async fn a_certificate_is_used_and_replaced_without_an_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let files = put(directory.path(), "one");
    let tls = files.load().await.expect("a certificate and its key");
    let served = serve(Proxies::default(), Some(tls.clone()));
    let ask = async |name: &'static str| {
        let address = served.address;
        tokio::task::spawn_blocking(move || ask_trusting(address, name)).await.expect("no panic")
    };
    assert!(ask("one").await.expect("an answer").ends_with("127.0.0.1"));
    ask("two").await.expect_err("it is another's");

    std::fs::write(&files.key, "no key").expect("our own file");
    let error = files.reload(&tls).await.expect_err("it can't be read").to_string();
    assert!(error.contains("panel.pem") && error.contains("panel.key"), "{error}");
    assert!(ask("one").await.is_ok(), "what can't be read replaces nothing");
    put(directory.path(), "two");
    files.reload(&tls).await.expect("a certificate and its key");
    assert!(ask("two").await.expect("an answer").ends_with("127.0.0.1"));
}

#[tokio::test]
async fn a_certificate_that_is_missing_is_named() {
    let files = Certificate { certificate: "/absent/panel.pem".into(), key: "/absent/panel.key".into() };
    let error = files.load().await.expect_err("there is none").to_string();
    assert!(error.contains("/absent/panel.pem"), "{error}");
}
