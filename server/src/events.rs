//! What has changed, told to every open page. Bounded: a listener that is too slow for it learns that
//! everything may have changed, and asks again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;
use umbel_app::live::Moment;
use umbel_app::shown::Topic;
use umbel_guest::{GuestId, OperationId};
use uuid::Uuid;

/// Topics that a listener may lag behind before it is told [`Topic::Everything`].
const ROOM: usize = 256;

/// The bus. Clones speak on the same one.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Topic>,
    /// This bus and no other, also after a restart.
    id: Uuid,
    told: Arc<AtomicU64>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(ROOM), id: Uuid::new_v4(), told: Arc::default() }
    }
}

impl Events {
    /// Tells everybody who listens now. Nobody listening is fine.
    pub fn publish(&self, topic: Topic) {
        // Counted first: whoever listens from now on hears it or knows that it was missed.
        self.told.fetch_add(1, Ordering::SeqCst);
        let _ = self.sender.send(topic);
    }

    pub fn guest(&self, guest: GuestId) {
        self.publish(Topic::Guest(guest));
    }

    pub fn operation(&self, operation: OperationId) {
        self.publish(Topic::Operation(operation));
    }

    /// What a page has seen that is made from now on.
    pub fn moment(&self) -> Moment {
        Moment(format!("{}-{}", self.id.simple(), self.told.load(Ordering::SeqCst)))
    }

    /// Hears everything from now on.
    pub fn listen(&self) -> Listener {
        Listener { receiver: self.sender.subscribe(), missed: false }
    }

    /// The same for a page that was made at that moment: first that everything may have changed, if anything has.
    pub fn listen_since(&self, moment: &Moment) -> Listener {
        let listener = self.listen();
        Listener { missed: self.moment() != *moment, ..listener }
    }
}

#[derive(Debug)]
pub struct Listener {
    receiver: broadcast::Receiver<Topic>,
    missed: bool,
}

impl Listener {
    /// The next topic, or `None` when the panel ends. May be cancelled without losing one.
    pub async fn next(&mut self) -> Option<Topic> {
        if std::mem::take(&mut self.missed) {
            return Some(Topic::Everything);
        }
        match self.receiver.recv().await {
            Ok(topic) => Some(topic),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // What is still in the buffer is covered by the word that everything may have changed.
                self.receiver = self.receiver.resubscribe();
                Some(Topic::Everything)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_listener_learns_that_everything_may_have_changed() {
        let events = Events::default();
        let mut listener = events.listen();
        for _ in 0..=ROOM {
            events.publish(Topic::Host);
        }
        assert_eq!(listener.next().await, Some(Topic::Everything));
        events.publish(Topic::People);
        assert_eq!(listener.next().await, Some(Topic::People));
    }

    #[tokio::test]
    async fn what_changed_since_a_page_was_made_is_told_once() {
        let events = Events::default();
        let made = events.moment();
        events.publish(Topic::Host);
        let mut listener = events.listen_since(&made);
        assert_eq!(listener.next().await, Some(Topic::Everything));
        events.publish(Topic::People);
        assert_eq!(listener.next().await, Some(Topic::People));

        let mut fresh = events.listen_since(&events.moment());
        events.publish(Topic::Host);
        assert_eq!(fresh.next().await, Some(Topic::Host));
        let other = Events::default();
        assert_eq!(events.listen_since(&other.moment()).next().await, Some(Topic::Everything));
    }
}
