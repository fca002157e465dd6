//! Who reads a guest's console, and which one of them holds the keyboard and the size.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use umbel_guest::{Denied, GuestId};

/// The hubs of all guests that somebody reads now.
#[derive(Clone, Debug, Default)]
pub struct Consoles {
    hubs: Arc<Mutex<HashMap<GuestId, Hub>>>,
}

#[derive(Debug)]
struct Hub {
    readers: Vec<Present>,
    keyboard: Option<u64>,
    columns: u16,
    rows: u16,
    next: u64,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Present {
    id: u64,
    name: String,
    typing: Result<(), Denied>,
}

/// How the keyboard stands, seen by one reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub mine: bool,
    /// Whether it may be this reader's at all.
    pub typing: Result<(), Denied>,
    pub holder: Option<String>,
    pub readers: u32,
    pub columns: u16,
    pub rows: u16,
}

/// One reader's presence; gone when it is dropped.
#[derive(Debug)]
pub struct Attachment {
    consoles: Consoles,
    guest: GuestId,
    id: u64,
    changed: watch::Receiver<()>,
}

impl Consoles {
    /// The first reader that may type gets the keyboard.
    pub fn attach(&self, guest: GuestId, name: &str, typing: Result<(), Denied>) -> Attachment {
        let mut hubs = self.lock();
        let hub = hubs.entry(guest).or_insert_with(Hub::new);
        let id = hub.next;
        hub.next += 1;
        hub.readers.push(Present { id, name: name.to_owned(), typing });
        hub.settle();
        hub.changed.send_replace(());
        // Afterwards: whoever comes looks for themself first.
        let changed = hub.changed.subscribe();
        Attachment { consoles: self.clone(), guest, id, changed }
    }

    /// Readers attached to all guests together.
    pub fn readers(&self) -> usize {
        self.lock().values().map(|hub| hub.readers.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GuestId, Hub>> {
        // Nothing that holds the lock can panic half-way; a poisoned one is still whole.
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    fn new() -> Self {
        Self { readers: Vec::new(), keyboard: None, columns: 80, rows: 24, next: 0, changed: watch::Sender::new(()) }
    }

    /// A keyboard that nobody holds who may goes to the reader who has waited longest.
    fn settle(&mut self) {
        let held = self.keyboard.is_some_and(|id| self.typists().any(|r| r.id == id));
        if !held {
            let next = self.typists().next().map(|r| r.id);
            self.keyboard = next;
        }
    }

    fn typists(&self) -> impl Iterator<Item = &Present> {
        self.readers.iter().filter(|reader| reader.typing.is_ok())
    }
}

impl Attachment {
    pub fn holding(&self) -> Holding {
        self.with(|hub, id| Holding {
            mine: hub.keyboard == Some(id),
            typing: hub.readers.iter().find(|r| r.id == id).map_or(Ok(()), |r| r.typing),
            holder: hub.keyboard.and_then(|id| hub.readers.iter().find(|r| r.id == id)).map(|r| r.name.clone()),
            readers: u32::try_from(hub.readers.len()).unwrap_or(u32::MAX),
            columns: hub.columns,
            rows: hub.rows,
        })
        .unwrap_or(Holding { mine: false, typing: Ok(()), holder: None, readers: 0, columns: 80, rows: 24 })
    }

    /// Takes the keyboard from whoever has it. Without the right to type nothing happens.
    pub fn take_keyboard(&self) {
        self.with(|hub, id| {
            if hub.typists().any(|r| r.id == id) {
                hub.keyboard = Some(id);
                hub.changed.send_replace(());
            }
        });
    }

    /// Hands the keyboard to the reader who has waited longest, if there is another.
    pub fn release_keyboard(&self) {
        self.with(|hub, id| {
            if hub.keyboard == Some(id) {
                let next = hub.typists().find(|r| r.id != id).map(|r| r.id);
                hub.keyboard = next.or(Some(id));
                hub.changed.send_replace(());
            }
        });
    }

    /// The right to type has come or gone; a keyboard that is held without it goes on at once.
    pub fn set_typing(&self, typing: Result<(), Denied>) {
        self.with(|hub, id| {
            if let Some(reader) = hub.readers.iter_mut().find(|r| r.id == id) {
                reader.typing = typing;
            }
            hub.settle();
            hub.changed.send_replace(());
        });
    }

    /// Notes the size, if this reader holds it; tells whether it did.
    pub fn resize(&self, columns: u16, rows: u16) -> bool {
        self.with(|hub, id| {
            let mine = hub.keyboard == Some(id);
            if mine && (hub.columns, hub.rows) != (columns, rows) {
                (hub.columns, hub.rows) = (columns, rows);
                hub.changed.send_replace(());
            }
            mine
        })
        .unwrap_or(false)
    }

    /// Waits until something of [`Attachment::holding`] may have changed.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The hub outlives its readers' attachments, so this can't be; waiting is harmless.
            std::future::pending::<()>().await;
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Hub, u64) -> T) -> Option<T> {
        self.consoles.lock().get_mut(&self.guest).map(|hub| act(hub, self.id))
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut hubs = self.consoles.lock();
        if let Some(hub) = hubs.get_mut(&self.guest) {
            hub.readers.retain(|r| r.id != self.id);
            hub.settle();
            hub.changed.send_replace(());
            if hub.readers.is_empty() {
                hubs.remove(&self.guest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENIED: Result<(), Denied> = Err(Denied::Guest(umbel_guest::GuestRight::TypeConsole));

    fn guest() -> GuestId {
        "0190a000-0000-7000-8000-000000000001".parse().expect("an id")
    }

    #[test]
    fn one_reader_holds_the_keyboard_and_hands_it_over() {
        let consoles = Consoles::default();
        let ada = consoles.attach(guest(), "ada", Ok(()));
        let bob = consoles.attach(guest(), "bob", Ok(()));
        assert!(ada.holding().mine && !bob.holding().mine);
        assert_eq!(bob.holding().holder.as_deref(), Some("ada"));
        assert!(!bob.resize(100, 30), "only the holder sets the size");
        assert!(ada.resize(100, 30));
        ada.release_keyboard();
        assert!(bob.holding().mine && !ada.holding().mine);
        ada.take_keyboard();
        assert!(ada.holding().mine);
        drop(ada);
        assert!(bob.holding().mine, "it goes to who is left");
        drop(bob);
        assert_eq!(consoles.readers(), 0);
    }

    #[test]
    fn a_reader_without_the_right_never_gets_it() {
        let consoles = Consoles::default();
        let watcher = consoles.attach(guest(), "watcher", DENIED);
        watcher.take_keyboard();
        assert!(!watcher.holding().mine);
        let ada = consoles.attach(guest(), "ada", Ok(()));
        assert!(ada.holding().mine);
        ada.release_keyboard();
        assert!(ada.holding().mine, "nobody else may hold it");
    }

    #[test]
    fn whoever_loses_the_right_loses_the_keyboard_too() {
        let consoles = Consoles::default();
        let (ada, bob) = (consoles.attach(guest(), "ada", Ok(())), consoles.attach(guest(), "bob", Ok(())));
        ada.set_typing(DENIED);
        assert_eq!((ada.holding().mine, ada.holding().typing, bob.holding().mine), (false, DENIED, true));
        bob.set_typing(DENIED);
        assert_eq!(bob.holding().holder, None);
        ada.set_typing(Ok(()));
        assert!(ada.holding().mine, "it comes back with the right");
    }
}
