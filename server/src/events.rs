//! What has changed, told to every open page. Bounded: a listener that is too slow for it learns that
//! everything may have changed, and asks again.

use tokio::sync::broadcast;
use umbel_app::shown::Topic;
use umbel_guest::{GuestId, OperationId};

/// Topics that a listener may lag behind before it is told [`Topic::Everything`].
const ROOM: usize = 256;

/// The bus. Clones speak on the same one.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Topic>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(ROOM) }
    }
}

impl Events {
    /// Tells everybody who listens now. Nobody listening is fine.
    pub fn publish(&self, topic: Topic) {
        let _ = self.sender.send(topic);
    }

    pub fn guest(&self, guest: GuestId) {
        self.publish(Topic::Guest(guest));
    }

    pub fn operation(&self, operation: OperationId) {
        self.publish(Topic::Operation(operation));
    }

    /// Hears everything from now on.
    pub fn listen(&self) -> Listener {
        Listener { receiver: self.sender.subscribe() }
    }
}

#[derive(Debug)]
pub struct Listener {
    receiver: broadcast::Receiver<Topic>,
}

impl Listener {
    /// The next topic, or `None` when the panel ends. May be cancelled without losing one.
    pub async fn next(&mut self) -> Option<Topic> {
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
}
