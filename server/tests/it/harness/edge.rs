//! A whole panel on a real listener on loopback, over a simulated host, and clients of it.

use std::net::TcpListener;

use axum_server::tls_rustls::RustlsConfig;
use futures::StreamExt as _;
use reqwest::Method;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use umbel_app::backend::Caller;
use umbel_app::shown::Role;
use umbel_client::Client;
use umbel_server::accounts::Accounts;
use umbel_server::accounts::passwords::{Password, Passwords};
use umbel_server::accounts::seal::Seal;
use umbel_server::clock::Clock;
use umbel_server::http::address::Proxies;
use umbel_server::http::origin::Origins;
use umbel_server::http::router::router;
use umbel_server::http::serve::{Certificate, Entrance};
use umbel_server::oidc::Oidc;
use umbel_server::panel::Panel;
use umbel_server::store::Db;
use umbel_server::store::accounts::account_set_password;
use umbel_wire::Layout;

use super::panel::{TestPanel, account};

/// What everybody here signs in with.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Dropped, its listener and its tasks end.
pub(crate) struct Edge {
    pub(crate) panel: Panel,
    pub(crate) test: TestPanel,
    pub(crate) address: String,
    /// An administrator, and a user who owns nothing; the owner is `test.anna`.
    pub(crate) root: Caller,
    pub(crate) berta: Caller,
    hash: String,
    _tasks: JoinSet<()>,
}

impl Edge {
    pub(crate) async fn start(db: &Db) -> Self {
        Self::start_in(db, None).await
    }

    pub(crate) async fn start_in(db: &Db, layout: Option<Layout>) -> Self {
        Self::begin(db, layout, None, |port| Origins::Loopback { port, tls: false }, async |_| None).await
    }

    /// With a sign-in provider, which is told its address.
    pub(crate) async fn start_with(db: &Db, provider: impl AsyncFnOnce(&str) -> Oidc) -> Self {
        let provider = async |origin: &str| Some(provider(origin).await);
        Self::begin(db, None, None, |port| Origins::Loopback { port, tls: false }, provider).await
    }

    /// With a certificate of its own for `localhost`.
    pub(crate) async fn start_tls(db: &Db, certificate: &Certificate) -> Self {
        let tls = certificate.load().await.expect("a certificate and its key");
        Self::begin(db, None, Some(tls), |port| Origins::Loopback { port, tls: true }, async |_| None).await
    }

    /// As if behind a proxy that speaks https.
    pub(crate) async fn start_public(db: &Db) -> Self {
        let origin = "https://panel.example".to_owned();
        let authority = "panel.example".parse().expect("an authority");
        Self::begin(db, None, None, |_| Origins::Public { origin, authority }, async |_| None).await
    }

    async fn begin(
        db: &Db,
        layout: Option<Layout>,
        tls: Option<RustlsConfig>,
        origins: impl FnOnce(u16) -> Origins,
        provider: impl AsyncFnOnce(&str) -> Option<Oidc>,
    ) -> Self {
        let test = TestPanel::start_in(db, layout).await;
        let passwords = Passwords::new(2);
        let hash = passwords.hash(Password::given(PASSWORD.into()).expect("short")).await.expect("a hash");
        let accounts =
            Accounts::new(db.clone(), test.guests.parts.events.clone(), Clock::System, passwords, Seal::new([7; 32]));

        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let origins = origins(port);
        let oidc = provider(&origins.shown()).await;
        let panel = Panel::new(test.guests.clone(), accounts.clone(), origins, oidc);
        let mut tasks = JoinSet::new();
        tasks.spawn(accounts.keep());
        tasks.spawn(test.guests.clone().settle(accounts.clone()));
        let address =
            if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let entrance = Entrance { listener, tls, proxies: Proxies::default() };
        let (router, drain) = (router(panel.clone()), panel.drain.clone());
        tasks.spawn(async move { entrance.serve(router, drain).await.expect("a listener") });

        let root = account(db, "root", Role::Administrator).await;
        let berta = account(db, "berta", Role::User).await;
        let edge = Self { panel, test, address, root, berta, hash, _tasks: tasks };
        for caller in [&edge.root, &edge.berta, &edge.test.anna] {
            edge.give_password(caller, false).await;
        }
        edge
    }

    pub(crate) async fn give_password(&self, caller: &Caller, must_change: bool) {
        let set = account_set_password(&self.panel.store, caller.account.id, &self.hash, must_change).await;
        assert!(set.expect("a write"), "there is such an account");
    }

    /// Nobody, until they sign in.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address).expect("an address")
    }

    pub(crate) async fn signed_in(&self, name: &str) -> Client {
        let client = self.client();
        client.sign_in(name, PASSWORD).await.expect("the right password");
        client
    }

    /// Without any header of ours.
    pub(crate) fn bare(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        client.build().expect("a client").request(method, format!("{}{path}", self.address))
    }
}

/// The code with which the server closes; whatever else it says before is skipped.
pub(crate) async fn closed_with(socket: &mut umbel_client::Socket) -> Option<u16> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}
