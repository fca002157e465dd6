//! The panel's life: become nobody in particular, open everything in order, say so in one line, serve,
//! and end without cutting anybody short.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use umbel_app::{AppError, paths};
use umbel_wire::Layout;
use umbel_wire::layout::LayoutError;

use crate::accounts::Accounts;
use crate::accounts::passwords::Passwords;
use crate::accounts::seal::{Seal, SealError};
use crate::clock::Clock;
use crate::config::Config;
use crate::events::Events;
use crate::guests::Guests;
use crate::host::Agent;
use crate::http::metrics;
use crate::http::router::router;
use crate::http::serve::{Certificate, CertificateError, Entrance};
use crate::identity::{self, IdentityError};
use crate::inherited;
use crate::oidc::{self, Oidc, SettingsError};
use crate::panel::Panel;
use crate::parts::Parts;
use crate::store::{Db, OpenError, StoreError};
use crate::vault::Vault;
use crate::vault::store::Place;
use crate::volumes::Volumes;
use crate::webhooks::mail::{MailError, Mailer};

/// How long WebSockets may take to say goodbye once everything else is finished.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why the panel does not run. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("a panel already runs on {}; end it first, or choose another data directory with --data", data.display())]
    Running { data: PathBuf },
    #[error("the data directory {} can't be written: {source}; choose another with --data", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("{listen} is taken by another program; choose another with --listen, as --listen {other}")]
    Taken { listen: SocketAddr, other: SocketAddr },
    #[error("{listen} can't be listened on: {source}{hint}")]
    Listen { listen: SocketAddr, source: io::Error, hint: &'static str },
    #[error(transparent)]
    Inherited(#[from] inherited::InheritedError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Oidc(#[from] SettingsError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    App(#[from] AppError),
    #[error("serving failed: {0}")]
    Serve(#[source] io::Error),
}

/// Runs the panel until it is told to end.
pub fn serve(config: &Config) -> Result<(), StartError> {
    let own = config.data.join("panel");
    identity::settle(&config.data, &own, &config.user)?;
    // Only now threads begin: each would have had to give up its privileges by itself.
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Serve)?;
    runtime.block_on(run(config))
}

async fn run(config: &Config) -> Result<(), StartError> {
    let layout = Layout::new(&config.data, &config.run)?;
    let listener = listen(config.listen)?;
    let address = listener.local_addr().map_err(StartError::Serve)?;
    let for_metrics = config.metrics_listen.map(listen_at).transpose()?;
    let _lock = lock(&layout)?;
    let tls = match &config.tls {
        Some(certificate) => Some(certificate.load().await?),
        None => None,
    };
    let mut signals = Signals::new().map_err(StartError::Serve)?;

    let db = Db::open(&config.database).await?;
    let seal = Seal::at(&layout.panel().join("seal.key"))?;
    let (events, clock) = (Events::default(), Clock::System);
    let agent = Arc::new(Agent::new(layout.agent_socket()));
    let mut parts = Parts::new(db.clone(), events.clone(), agent, clock.clone(), config.patience, Some(layout)).await?;
    parts.memory_percent = config.memory_percent;
    parts.disk_percent = config.disk_percent;
    parts.webhook_networks = config.webhook_networks.clone();
    parts.fetch_networks = config.fetch_networks.clone();
    parts.mail = config.mail.as_ref().map(Mailer::load).transpose()?;
    parts.vault = config.backups.as_ref().map(|place| {
        let (at, key, owner) = (place.at.clone(), place.key.clone(), parts.host.to_string());
        Vault::new(Place { at, key, owner })
    });
    parts.backups_per_guest = config.backups_per_guest;
    let guests = Guests::new(parts);
    let passwords = Passwords::new(available_parallelism().map_or(1, usize::from));
    let accounts = Accounts::new(db.clone(), events, clock, passwords, seal);
    let running = guests.run().await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(accounts.keep());
    tasks.spawn(guests.clone().settle(accounts.clone()));
    tasks.spawn(guests.clone().keep_in_time());
    tasks.spawn(guests.clone().keep_backups());
    tasks.spawn(guests.clone().keep_files());
    tasks.spawn(guests.clone().keep_parcels());
    tasks.spawn(Volumes::new(guests.clone()).keep());

    let origins = config.origins(address);
    let provider = |settings: &oidc::Settings| {
        Oidc::new(settings.clone(), &origins.shown(), accounts.seal().clone(), guests.parts.clock.clone())
    };
    let oidc = config.oidc.as_ref().map(provider).transpose()?;
    let panel = Panel::new(guests, accounts, origins, oidc);
    panel.audit.settle_earlier().await?;
    tasks.spawn(panel.audit.keep(config.audit_days));
    tasks.spawn(panel.quotas.keep());
    tasks.spawn(panel.webhooks.clone().run());
    if let Some(listener) = for_metrics {
        listener.set_nonblocking(true).map_err(StartError::Serve)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(StartError::Serve)?;
        let (panel, drain) = (panel.clone(), panel.drain.clone());
        tasks.spawn(async move {
            if let Err(error) = metrics::serve(listener, panel, drain).await {
                tracing::error!(%error, "metrics_listen is answered no more");
            }
        });
    }
    say_ready(&panel).await?;
    tasks.spawn({
        let (drain, reload) = (panel.drain.clone(), config.tls.clone().zip(tls.clone()));
        async move { signals.mind(&drain, reload).await }
    });
    let entrance = Entrance { listener, tls, proxies: config.proxies.clone() };
    let served = entrance.serve(router(panel.clone()), panel.drain.clone()).await;
    // Connections that have become WebSockets are no longer the server's to count.
    panel.drain.cancel();
    let _ = timeout(GOODBYE, panel.connections.over()).await;
    drop(running);
    tasks.shutdown().await;
    db.close().await;
    tracing::info!("the panel has ended");
    served.map_err(StartError::Serve)
}

/// One that was handed in, or a new one.
fn listen(listen: SocketAddr) -> Result<TcpListener, StartError> {
    if let Some(listener) = inherited::listener()? {
        return Ok(listener);
    }
    listen_at(listen)
}

fn listen_at(listen: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(listen).map_err(|source| match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRINUSE) => {
            let port = listen.port().checked_add(1).unwrap_or(8080);
            StartError::Taken { listen, other: SocketAddr::new(listen.ip(), port) }
        }
        Some(Errno::EACCES) => StartError::Listen {
            listen,
            source,
            hint: "; ports below 1024 are for root: let a socket unit of systemd hand it in, or choose a higher one \
                   with --listen",
        },
        _ => StartError::Listen { listen, source, hint: "" },
    })
}

/// Two panels on one data directory would both give orders to its guests. Held until the process ends.
pub(crate) fn lock(layout: &Layout) -> Result<Flock<std::fs::File>, StartError> {
    let path = layout.panel().join("lock");
    let open = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|source| StartError::Lock { path: layout.panel(), source })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, _)| StartError::Running { data: layout.data().to_owned() })
}

/// The one line on standard output. A reader that has gone away is no reason to end.
async fn say_ready(panel: &Panel) -> Result<(), StartError> {
    let origin = panel.origins.shown();
    let mut line = format!("Umbel is ready: {origin}");
    if let Some(token) = panel.accounts.first_run_token().await? {
        line.push_str(&format!(" – make the first administrator: {}", first_run_link(&origin, &token)));
    }
    line.push('\n');
    let mut out = io::stdout().lock();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

pub(crate) fn first_run_link(origin: &str, token: &str) -> String {
    format!("{origin}{}?token={token}", paths::FIRST_RUN)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// TERM and INT drain, HUP reads the certificate again.
    async fn mind(&mut self, drain: &CancellationToken, reload: Option<(Certificate, RustlsConfig)>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {}
            }
            let Some((certificate, config)) = &reload else { continue };
            match certificate.reload(config).await {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "the certificate stays what it was"),
            }
        }
        tracing::info!("draining");
        drain.cancel();
    }
}
