//! What rules, operations and the reconciler stand on together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use umbel_guest::{GuestId, OperationId};
use umbel_wire::Layout;

use crate::clock::{Clock, HOUR, SECOND};
use crate::events::Events;
use crate::host::{Host, Link};
use crate::store::meta::{HostId, host_local, panel_epoch};
use crate::store::{Db, StoreError, guests};

/// What an operator may choose, in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From Ctrl-Alt-Del to the kill.
    pub shut_down: i64,
    /// How long an operation watches a guest boot. The guest goes on either way.
    pub boot: i64,
    /// How long a deletion can be taken back.
    pub undelete: i64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { shut_down: 30 * SECOND, boot: 60 * SECOND, undelete: HOUR }
    }
}

/// The long-lived parts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Parts {
    pub db: Db,
    pub events: Events,
    pub link: Link,
    pub clock: Clock,
    pub patience: Patience,
    /// Of the host's memory, how much may be promised to guests that run.
    pub memory_percent: u32,
    /// First part of every generation.
    pub epoch: u32,
    pub host: HostId,
    /// Where the rings are; `None` on a simulated host.
    pub layout: Option<Layout>,
    /// The end of every task that brings an operation on.
    pub ended: CancellationToken,
    /// Held while a network's ports are told to the host.
    pub telling: Arc<tokio::sync::Mutex<()>>,
    woken: Arc<watch::Sender<u64>>,
}

impl Parts {
    pub async fn new(
        db: Db,
        events: Events,
        host: Arc<dyn Host>,
        clock: Clock,
        patience: Patience,
        layout: Option<Layout>,
    ) -> Result<Self, StoreError> {
        let epoch = panel_epoch(&db).await?;
        guests::guest_adopt_epoch(&db, epoch).await?;
        let local = host_local(&db, clock.now()).await?;
        let link = Link::new(host, clock.clone());
        Ok(Self {
            db,
            events,
            link,
            clock,
            patience,
            memory_percent: 100,
            epoch,
            host: local,
            layout,
            ended: CancellationToken::new(),
            telling: Arc::default(),
            woken: Arc::default(),
        })
    }

    /// A guest's row has changed: pages ask again, the reconciler and operations look again.
    pub fn guest_changed(&self, guest: GuestId) {
        self.events.guest(guest);
        self.wake();
    }

    pub fn operation_changed(&self, operation: OperationId, guest: Option<GuestId>) {
        self.events.operation(operation);
        if let Some(guest) = guest {
            self.events.guest(guest);
        }
        self.wake();
    }

    pub fn wake(&self) {
        self.woken.send_modify(|count| *count += 1);
    }

    /// Marks what has happened so far as seen: take it before looking, so that no wake is lost.
    pub fn waker(&self) -> Waker {
        Waker(self.woken.subscribe())
    }
}

#[derive(Debug)]
pub struct Waker(watch::Receiver<u64>);

impl Waker {
    /// Until somebody wakes, at most `most`.
    pub async fn wait(&mut self, most: Duration) {
        let _ = tokio::time::timeout(most, self.0.changed()).await;
    }
}

impl Parts {
    /// Reads a guest, changes it and writes it in one transaction. `None` where it is gone; the guest
    /// as it is afterwards otherwise.
    pub async fn guest_edit(
        &self,
        id: GuestId,
        edit: impl FnOnce(&mut guests::Guest) + Send,
    ) -> Result<Option<guests::Guest>, StoreError> {
        let mut tx = self.db.begin().await?;
        let Some(before) = guests::guest_fetch(&mut tx, id).await? else { return Ok(None) };
        let mut guest = before.clone();
        edit(&mut guest);
        if guest == before {
            return Ok(Some(guest));
        }
        guests::guest_update(&mut tx, &guest, before.generation).await?;
        tx.commit().await?;
        self.guest_changed(id);
        Ok(Some(guest))
    }

    /// The generation after this one, in the panel's epoch.
    pub fn after(&self, generation: umbel_guest::Generation) -> umbel_guest::Generation {
        umbel_guest::Generation { epoch: self.epoch.max(generation.epoch), number: generation.number + 1 }
    }
}
