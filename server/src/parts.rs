//! What rules, operations and the reconciler stand on together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use umbel_guest::{GuestId, OperationId};
use umbel_wire::Layout;

use crate::clock::{Clock, HOUR, SECOND};
use crate::events::Events;
use crate::host::{Host, Link};
use crate::http::address::Network;
use crate::store::meta::{HostId, host_local, panel_epoch};
use crate::store::{Db, StoreError, guests};
use crate::vault::Vault;
use crate::webhooks::mail::Mailer;

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
        Self { shut_down: 60 * SECOND, boot: 60 * SECOND, undelete: HOUR }
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
    /// Of its file system, how much may be promised to their disks.
    pub disk_percent: u32,
    /// Private networks that events may be sent into.
    pub webhook_networks: Vec<Network>,
    /// Where images may be fetched from beside what is public.
    pub fetch_networks: Vec<Network>,
    /// By whom mail is sent; none where the settings name no server.
    pub mail: Option<Mailer>,
    /// Where backups of guests go; none where the settings name no directory.
    pub vault: Option<Vault>,
    /// How many of those are kept.
    pub backups_per_guest: u32,
    /// First part of every generation.
    pub epoch: u32,
    pub host: HostId,
    /// Where the rings are; `None` on a simulated host.
    pub layout: Option<Layout>,
    /// The end of every task that brings an operation on.
    pub ended: CancellationToken,
    /// Held while a network's ports are told to the host.
    pub telling: Arc<tokio::sync::Mutex<()>>,
    /// Held while a volume's row and the host become the same.
    pub volumes: Arc<tokio::sync::Mutex<()>>,
    wakes: Arc<Wakes>,
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
            disk_percent: 1000,
            webhook_networks: Vec::new(),
            fetch_networks: Vec::new(),
            mail: None,
            vault: None,
            backups_per_guest: 16,
            epoch,
            host: local,
            layout,
            ended: CancellationToken::new(),
            telling: Arc::default(),
            volumes: Arc::default(),
            wakes: Arc::default(),
        })
    }

    /// A guest's row has changed: pages ask again, the reconciler and the guest's operation look again.
    pub fn guest_changed(&self, guest: GuestId) {
        self.events.guest(guest);
        self.wakes.wake(Some(guest));
    }

    pub fn operation_changed(&self, operation: OperationId, guest: Option<GuestId>) {
        self.events.operation(operation);
        if let Some(guest) = guest {
            self.events.guest(guest);
        }
        self.wakes.wake(guest);
    }

    /// Marks what has happened so far as seen: take it before looking, so that no wake is lost. Of one
    /// guest, or of anything: with many guests under way, each must not look again for all the others.
    pub fn waker(&self, guest: Option<GuestId>) -> Waker {
        Wakes::waker(&self.wakes, guest)
    }
}

#[derive(Debug, Default)]
struct Wakes {
    any: watch::Sender<()>,
    /// Of those that somebody waits for.
    guests: Mutex<HashMap<GuestId, watch::Sender<()>>>,
}

impl Wakes {
    fn waker(wakes: &Arc<Self>, guest: Option<GuestId>) -> Waker {
        let heard = match guest {
            None => wakes.any.subscribe(),
            Some(guest) => wakes.lock().entry(guest).or_default().subscribe(),
        };
        Waker { heard, of: guest.map(|guest| (guest, Arc::clone(wakes))) }
    }

    fn wake(&self, guest: Option<GuestId>) {
        self.any.send_replace(());
        if let Some(guest) = guest
            && let Some(sender) = self.lock().get(&guest)
        {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GuestId, watch::Sender<()>>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub struct Waker {
    heard: watch::Receiver<()>,
    of: Option<(GuestId, Arc<Wakes>)>,
}

impl Waker {
    /// Until somebody wakes, at most `most`.
    pub async fn wait(&mut self, most: Duration) {
        let _ = tokio::time::timeout(most, self.heard.changed()).await;
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        let Some((guest, wakes)) = &self.of else { return };
        let mut guests = wakes.lock();
        // This one is counted still.
        if guests.get(guest).is_some_and(|sender| sender.receiver_count() <= 1) {
            guests.remove(guest);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_guest_hears_of_no_other_and_leaves_nothing_behind() {
        let wakes = Arc::<Wakes>::default();
        let [a, b] = [1, 2].map(|n| GuestId(uuid::Uuid::from_u128(n)));
        let (any, of_a, also_of_a) =
            (Wakes::waker(&wakes, None), Wakes::waker(&wakes, Some(a)), Wakes::waker(&wakes, Some(a)));
        let heard = |waker: &Waker| waker.heard.has_changed().expect("its sender is there");
        wakes.wake(Some(b));
        assert!(heard(&any) && !heard(&of_a));
        wakes.wake(Some(a));
        assert!(heard(&of_a) && heard(&also_of_a));
        drop(of_a);
        assert!(wakes.lock().contains_key(&a), "another waits still");
        drop(also_of_a);
        assert!(wakes.lock().is_empty());
    }
}
