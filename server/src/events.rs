//! What has changed, told to every open page and to programs that listen. Bounded: whoever is too slow for it, or
//! comes back too late, learns that everything may have changed, and asks again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use umbel_app::live::Moment;
use umbel_app::shown::Topic;
use umbel_guest::{GuestId, OperationId};
use uuid::Uuid;

/// Topics that a listener may lag behind, or catch up on, before it is told [`Topic::Everything`].
const ROOM: usize = 256;
/// Topics that are kept for whoever comes back.
const KEPT: usize = 4096;

/// The bus. Clones speak on the same one.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Told>,
    /// This bus and no other, also after a restart.
    id: Uuid,
    past: Arc<Mutex<Past>>,
}

#[derive(Debug, Default)]
struct Past {
    /// Number of the last of `kept`; the first that was ever told is 1.
    told: u64,
    kept: VecDeque<Topic>,
}

/// A topic as a listener is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub number: u64,
    pub topic: Topic,
    pub when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Now,
    /// Before the listener was there: what it is about may be gone meanwhile.
    Before,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(ROOM), id: Uuid::new_v4(), past: Arc::default() }
    }
}

impl Events {
    /// Tells everybody who listens now. Nobody listening is fine.
    pub fn publish(&self, topic: Topic) {
        let mut past = self.past();
        past.told += 1;
        if past.kept.len() == KEPT {
            past.kept.pop_front();
        }
        past.kept.push_back(topic);
        // Under the lock: a number is heard after all that are smaller.
        let _ = self.sender.send(Told { number: past.told, topic, when: When::Now });
    }

    pub fn guest(&self, guest: GuestId) {
        self.publish(Topic::Guest(guest));
    }

    pub fn operation(&self, operation: OperationId) {
        self.publish(Topic::Operation(operation));
    }

    /// What a page has seen that is made from now on.
    pub fn moment(&self) -> Moment {
        let told = self.past().told;
        self.moment_of(told)
    }

    /// The moment at which that number had been told.
    pub fn moment_of(&self, number: u64) -> Moment {
        Moment(format!("{}-{number}", self.id.simple()))
    }

    /// Hears everything from now on.
    pub fn listen(&self) -> Listener {
        let past = self.past();
        self.listener(past.told, VecDeque::new())
    }

    /// First what was told since that moment, each topic once; that everything may have changed, where that isn't
    /// known any more or is too much.
    pub fn listen_since(&self, moment: &Moment) -> Listener {
        let past = self.past();
        let missed = self.number_of(moment).and_then(|number| past.since(number));
        let missed = missed.unwrap_or_else(|| [everything(past.told)].into());
        self.listener(past.told, missed)
    }

    /// None of another bus.
    fn number_of(&self, moment: &Moment) -> Option<u64> {
        let (id, number) = moment.0.split_once('-')?;
        (id == self.id.simple().to_string()).then_some(number)?.parse().ok()
    }

    /// Called under the lock, so that what it hears next follows `number`.
    fn listener(&self, number: u64, missed: VecDeque<Told>) -> Listener {
        Listener { events: self.clone(), receiver: self.sender.subscribe(), number, missed }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        // Nothing in here is left half done by a panic.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Past {
    /// What was told after that number, each topic where it was told last.
    fn since(&self, number: u64) -> Option<VecDeque<Told>> {
        let missed =
            usize::try_from(self.told.checked_sub(number)?).ok().filter(|missed| *missed <= self.kept.len())?;
        let mut seen = HashSet::new();
        let mut since = VecDeque::new();
        for (number, topic) in (0..=self.told).rev().zip(self.kept.iter().rev()).take(missed) {
            if seen.insert(*topic) {
                since.push_front(Told { number, topic: *topic, when: When::Before });
            }
        }
        (since.len() <= ROOM).then_some(since)
    }
}

fn everything(number: u64) -> Told {
    Told { number, topic: Topic::Everything, when: When::Before }
}

#[derive(Debug)]
pub struct Listener {
    events: Events,
    receiver: broadcast::Receiver<Told>,
    /// What was heard last, or would have been.
    number: u64,
    missed: VecDeque<Told>,
}

impl Listener {
    /// The next topic. May be cancelled without losing one.
    pub async fn next(&mut self) -> Told {
        if let Some(missed) = self.missed.pop_front() {
            return missed;
        }
        let told = match self.receiver.recv().await {
            Ok(told) => told,
            // What is still in the buffer is covered by the word that everything may have changed.
            Err(broadcast::error::RecvError::Lagged(_) | broadcast::error::RecvError::Closed) => {
                *self = self.events.listen();
                everything(self.number)
            }
        };
        self.number = told.number;
        told
    }

    /// Up to where it has heard everything.
    pub fn moment(&self) -> Moment {
        let number = self.missed.front().map_or(self.number, |missed| missed.number.saturating_sub(1));
        self.events.moment_of(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(number: u64, topic: Topic) -> Told {
        Told { number, topic, when: When::Before }
    }

    fn now(number: u64, topic: Topic) -> Told {
        Told { number, topic, when: When::Now }
    }

    fn guest(number: u128) -> Topic {
        Topic::Guest(GuestId(Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn a_slow_listener_learns_that_everything_may_have_changed() {
        let events = Events::default();
        let mut listener = events.listen();
        for _ in 0..=ROOM {
            events.publish(Topic::Host);
        }
        assert_eq!(listener.next().await, everything(257));
        events.publish(Topic::People);
        assert_eq!(listener.next().await, now(258, Topic::People));
    }

    #[tokio::test]
    async fn what_was_told_meanwhile_is_told_once_and_in_its_order() {
        let events = Events::default();
        events.publish(Topic::Announcement);
        let made = events.moment();
        for topic in [Topic::Host, Topic::People, Topic::Host] {
            events.publish(topic);
        }
        let mut listener = events.listen_since(&made);
        events.publish(Topic::People);
        assert_eq!(listener.moment(), events.moment_of(2), "so that nothing is skipped before it is heard");
        assert_eq!(listener.next().await, before(3, Topic::People));
        assert_eq!(listener.next().await, before(4, Topic::Host));
        assert_eq!(listener.moment(), events.moment_of(4));
        assert_eq!(listener.next().await, now(5, Topic::People));

        let mut fresh = events.listen_since(&events.moment());
        events.publish(Topic::Host);
        assert_eq!(fresh.next().await, now(6, Topic::Host));
    }

    #[tokio::test]
    async fn what_is_not_known_any_more_may_be_everything() {
        let events = Events::default();
        let made = events.moment();
        for i in 0..ROOM as u128 {
            events.publish(guest(i));
        }
        assert_eq!(events.listen_since(&made).next().await, before(1, guest(0)), "as many as fit");
        events.publish(Topic::Host);
        let many = 257;
        assert_eq!(events.listen_since(&made).next().await, everything(many));
        for _ in 0..KEPT {
            events.publish(Topic::Host);
        }
        let all = many + KEPT as u64;
        assert_eq!(events.listen_since(&events.moment_of(many)).next().await, before(all, Topic::Host));
        assert_eq!(events.listen_since(&events.moment_of(many - 1)).next().await, everything(all), "one is gone");
        for strange in [events.moment_of(all + 1), Events::default().moment(), Moment("-1".into()), Moment("".into())] {
            assert_eq!(events.listen_since(&strange).next().await, everything(all), "{strange:?}");
        }
    }
}
