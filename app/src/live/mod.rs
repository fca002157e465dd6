//! What is shown stays true: one WebSocket per tab says what has changed, and whatever shows it asks
//! again. A page takes a version out of [`Live`] as the source of its resource; nothing else is needed.
//!
//! On the server there is no socket and every version stays 0.

mod versions;

#[cfg(feature = "hydrate")]
mod socket;

use leptos::prelude::*;
use umbel_guest::GuestId;

pub use versions::{Versions, Wire, backoff_ms};

use crate::shown::Topic;

/// What the panel had told when a page was made, so that nothing is missed until the page's socket is open. The server
/// puts it into the context, the document carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment(pub String);

/// The name of the document's `meta` element for it, and of the socket's argument.
pub const MOMENT: &str = "moment";

/// The tab's view of what has changed.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    versions: RwSignal<Versions>,
    wire: RwSignal<Wire>,
}

impl Live {
    /// Puts itself into the context.
    pub fn provide() {
        provide_context(Self { versions: RwSignal::new(Versions::default()), wire: RwSignal::new(Wire::Fresh) });
    }

    /// Opens the socket, once everything on the page listens: what is told earlier is lost.
    #[cfg(feature = "hydrate")]
    pub(crate) fn open(self) {
        socket::open(self);
    }

    pub fn expect() -> Self {
        expect_context()
    }

    /// Grows when any guest or its operation has changed.
    pub fn guests(self) -> Memo<u64> {
        Memo::new(move |_| self.versions.with(Versions::guests))
    }

    pub fn guest(self, id: Option<GuestId>) -> u64 {
        self.versions.with(|v| v.guest(id))
    }

    pub fn operations(self) -> Memo<u64> {
        Memo::new(move |_| self.versions.with(Versions::operations))
    }

    /// Grows when the host, its kernels or its networks have changed.
    pub fn host(self) -> Memo<u64> {
        Memo::new(move |_| self.versions.with(Versions::host))
    }

    pub fn people(self) -> Memo<u64> {
        Memo::new(move |_| self.versions.with(Versions::people))
    }

    pub fn announcement(self) -> Memo<u64> {
        Memo::new(move |_| self.versions.with(Versions::announcement))
    }

    pub fn everything(self) -> Memo<u64> {
        Memo::new(move |_| self.versions.with(Versions::all))
    }

    pub fn wire(self) -> Wire {
        self.wire.get()
    }

    /// Something has changed, as far as this tab knows.
    pub fn changed(self, topic: Topic) {
        self.versions.update(|v| v.changed(topic));
    }

    #[cfg(feature = "hydrate")]
    fn heard(self, wire: Wire) {
        self.wire.set(wire);
    }
}
