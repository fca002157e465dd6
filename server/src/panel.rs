//! Every long-lived part of the panel, as the http edge holds it.

use std::ops::Deref;
use std::sync::Arc;

use leptos::config::LeptosOptions;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use umbel_app::OUTPUT_NAME;
use umbel_wire::Layout;

use crate::accounts::Accounts;
use crate::announcements::Announcements;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::console::Consoles;
use crate::events::Events;
use crate::guests::Guests;
use crate::http::connections::Connections;
use crate::http::cookies::Cookies;
use crate::http::origin::Origins;
use crate::images::Images;
use crate::kernels::Kernels;
use crate::metrics::Metrics;
use crate::networks::Networks;
use crate::oidc::Oidc;
use crate::quotas::Quotas;
use crate::store::Db;
use crate::uploads::Uploads;
use crate::volumes::Volumes;
use crate::webhooks::Webhooks;

/// Requests that are being answered at once; the next ones wait for a turn.
const REQUESTS: usize = 256;
/// Files that come in at once; the next ones are refused.
const UPLOADS: usize = 4;

/// One pointer: it is cloned several times for each request.
#[derive(Clone, Debug)]
pub struct Panel(Arc<Held>);

#[derive(Debug)]
pub struct Held {
    pub guests: Guests,
    pub networks: Networks,
    pub volumes: Volumes,
    pub images: Images,
    pub uploads: Uploads,
    pub kernels: Kernels,
    pub quotas: Quotas,
    pub accounts: Accounts,
    /// Who else says who somebody is.
    pub oidc: Option<Oidc>,
    pub announcements: Announcements,
    pub webhooks: Webhooks,
    pub consoles: Consoles,
    pub audit: Audit,
    pub metrics: Metrics,
    pub store: Db,
    pub events: Events,
    pub clock: Clock,
    /// Where shims and rings are; `None` on a simulated host.
    pub layout: Option<Layout>,
    pub origins: Arc<Origins>,
    pub cookies: Cookies,
    /// Cancelled when the panel ends: connections that stay open close, `/readyz` says so.
    pub drain: CancellationToken,
    pub connections: Connections,
    pub requests: Arc<Semaphore>,
    pub uploading: Semaphore,
    pub leptos: LeptosOptions,
}

impl Panel {
    pub fn new(guests: Guests, accounts: Accounts, origins: Origins, oidc: Option<Oidc>) -> Self {
        let uploads = Uploads::new(guests.parts.clone());
        Self(Arc::new(Held {
            audit: Audit::new(guests.parts.db.clone(), guests.parts.clock.clone()),
            metrics: Metrics::new(guests.parts.clock.now()),
            store: guests.parts.db.clone(),
            events: guests.parts.events.clone(),
            clock: guests.parts.clock.clone(),
            layout: guests.parts.layout.clone(),
            networks: Networks::new(guests.clone()),
            volumes: Volumes::new(guests.clone()),
            images: Images::new(guests.clone(), uploads.clone()),
            kernels: Kernels::new(guests.clone(), uploads.clone()),
            uploads,
            quotas: Quotas::new(guests.parts.clone()),
            webhooks: Webhooks::new(guests.parts.clone(), accounts.seal().clone()),
            announcements: Announcements::new(guests.parts.clone()),
            guests,
            accounts,
            oidc,
            consoles: Consoles::default(),
            cookies: Cookies::of(&origins),
            origins: Arc::new(origins),
            drain: CancellationToken::new(),
            connections: Connections::default(),
            requests: Arc::new(Semaphore::new(REQUESTS)),
            uploading: Semaphore::new(UPLOADS),
            leptos: LeptosOptions::builder().output_name(OUTPUT_NAME).build(),
        }))
    }
}

impl Deref for Panel {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}
