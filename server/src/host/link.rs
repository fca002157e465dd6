//! What was last heard of the host. One task asks for the inventory in long polls; everybody else
//! reads its last answer, or waits for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use umbel_app::shown::{AgentLink, Topic};
use umbel_guest::{GuestId, NetworkId};
use umbel_wire::agent::{GuestFacts, HostFacts, Inventory, NetworkFacts, Said, Wall};

use super::{Host, HostError};
use crate::clock::Clock;
use crate::error::chain;
use crate::events::Events;

/// How long the agent may keep a poll. Its end is also how a dead connection is noticed.
const POLL_MS: u32 = 10_000;
/// Between tries while the agent is away.
const RETRY: Duration = Duration::from_millis(250);

/// The last word of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub agent: AgentLink,
    /// `None` until it was heard for the first time since the panel began.
    pub inventory: Option<Arc<Inventory>>,
    /// When that was asked for: it is no older than this.
    pub asked_at: i64,
    /// How often it has come: what the agent was told of ports and networks is told anew each time.
    pub comings: u64,
}

impl Heard {
    pub fn is_here(&self) -> bool {
        self.agent == AgentLink::Here
    }

    /// What is known now: nothing while the agent is away, since old facts decide nothing.
    pub fn now(&self) -> Option<&Inventory> {
        self.inventory.as_deref().filter(|_| self.is_here())
    }
}

pub fn facts_of(inventory: &Inventory, guest: GuestId) -> Option<&GuestFacts> {
    inventory.guests.iter().find(|facts| facts.guest == guest)
}

/// Guests that have said something since: it is shown, and decides nothing.
fn spoke(before: Option<&Inventory>, now: &Inventory) -> Vec<GuestId> {
    let last: HashMap<GuestId, &[Said]> =
        before.map(|before| before.guests.iter().map(|g| (g.guest, g.said.as_slice())).collect()).unwrap_or_default();
    let silent = |facts: &&GuestFacts| last.get(&facts.guest).copied().unwrap_or_default() == facts.said;
    now.guests.iter().filter(|facts| !silent(facts)).map(|facts| facts.guest).collect()
}

/// What was answered last, for while the agent is away.
#[derive(Debug)]
struct Last<T>(Arc<Mutex<Option<T>>>);

impl<T: Clone> Last<T> {
    /// This answer, kept; where nobody gave one, the last.
    fn or(&self, answer: Result<T, HostError>) -> Result<T, HostError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(said) => Ok(last.insert(said).clone()),
            Err(error) if error.is_away() => last.clone().ok_or(error),
            Err(error) => Err(error),
        }
    }
}

impl<T> Clone for Last<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The host and what was heard of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Link {
    pub host: Arc<dyn Host>,
    heard: watch::Sender<Heard>,
    facts: Last<HostFacts>,
    walls: Last<Vec<Wall>>,
    /// Networks that stand on the host, as far as it said so: a list of guests asks for none of them.
    networks: Arc<Mutex<HashMap<NetworkId, NetworkFacts>>>,
    clock: Clock,
}

impl Link {
    pub fn new(host: Arc<dyn Host>, clock: Clock) -> Self {
        let heard = Heard { agent: AgentLink::Away { since: clock.now() }, inventory: None, asked_at: 0, comings: 0 };
        let heard = watch::Sender::new(heard);
        Self { host, heard, facts: Last::default(), walls: Last::default(), networks: Arc::default(), clock }
    }

    pub fn heard(&self) -> Heard {
        self.heard.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Asks for the host's facts; while the agent is away, the last ones.
    pub async fn facts(&self) -> Result<HostFacts, HostError> {
        self.facts.or(self.host.facts().await)
    }

    /// Which walls stand; while the agent is away, which stood last.
    pub async fn walls(&self) -> Result<Vec<Wall>, HostError> {
        self.walls.or(self.host.walls().await)
    }

    /// What was last said of a network.
    pub fn network_known(&self, network: NetworkId) -> Option<NetworkFacts> {
        self.networks().get(&network).cloned()
    }

    /// The network on the host; made where it isn't known to stand.
    pub async fn network(&self, network: NetworkId) -> Result<NetworkFacts, HostError> {
        if let Some(facts) = self.network_known(network) {
            return Ok(facts);
        }
        let facts = self.host.network_ensure(network).await?;
        self.networks().insert(network, facts.clone());
        Ok(facts)
    }

    /// It is gone, or not to be relied upon.
    pub fn network_forget(&self, network: NetworkId) {
        self.networks().remove(&network);
    }

    /// Asks for all of them.
    pub async fn networks_ask(&self) -> Result<Vec<NetworkId>, HostError> {
        let standing = self.host.networks().await?;
        let ids = standing.iter().map(|facts| facts.network).collect();
        *self.networks() = standing.into_iter().map(|facts| (facts.network, facts)).collect();
        Ok(ids)
    }

    fn networks(&self) -> std::sync::MutexGuard<'_, HashMap<NetworkId, NetworkFacts>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls for ever.
    pub async fn run(self, events: Events) {
        let mut after = 0;
        loop {
            match self.poll(after, POLL_MS, &events).await {
                Some(version) => after = version,
                None => {
                    after = 0;
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// One poll; the version it brought, or `None` when the agent is away.
    pub async fn poll(&self, after: u64, wait_ms: u32, events: &Events) -> Option<u64> {
        let asked_at = self.clock.now();
        match self.host.inventory(after, wait_ms).await {
            Ok(inventory) => {
                let version = inventory.version;
                let changed = self.heard.send_if_modified(|heard| {
                    let changed = heard.inventory.as_deref() != Some(&inventory) || !heard.is_here();
                    if !heard.is_here() {
                        tracing::info!(guests = inventory.guests.len(), "the agent is here");
                        events.publish(Topic::Host);
                    }
                    for guest in spoke(heard.inventory.as_deref(), &inventory) {
                        events.guest(guest);
                    }
                    let comings = heard.comings + u64::from(!heard.is_here());
                    *heard = Heard { agent: AgentLink::Here, inventory: Some(Arc::new(inventory)), asked_at, comings };
                    changed
                });
                tracing::trace!(version, changed, "inventory");
                Some(version)
            }
            Err(error) => {
                self.heard.send_if_modified(|heard| {
                    let was_here = heard.is_here();
                    if was_here {
                        tracing::warn!(cause = chain(&error), "the agent is away");
                        heard.agent = AgentLink::Away { since: self.clock.now() };
                        events.publish(Topic::Host);
                    }
                    was_here
                });
                None
            }
        }
    }
}
