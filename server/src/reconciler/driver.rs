//! When the reconciler looks: at every wake, at every word of the host, and when a time has come that
//! a guest waits for. At guests that are off and are to be off only where the host says something new of
//! them, so that a look costs by what lives, not by what there is; at all of them now and then.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;
use umbel_guest::{Generation, GuestId, Seen, Wanted};
use umbel_wire::agent::{GuestFacts, Inventory};

use super::carry_out::carry_out;
use super::plan::{Action, Room, Sight, look_again_at, next};
use crate::error::chain;
use crate::operations::Operations;
use crate::parts::Parts;
use crate::store::StoreError;
use crate::store::guests::{Guest, guest_each, guest_fetch, guest_list_restless};

/// It looks at least this often, whatever happens.
const AT_LEAST: Duration = Duration::from_secs(30);
/// Between two looks, so that a flood of wakes is one look.
const AT_MOST: Duration = Duration::from_millis(5);
/// Actions for one guest in one pass. A plan never needs so many; a defect of it must not spin.
const STEPS: usize = 8;
/// Guests that are brought on beside one another.
const AT_ONCE: usize = 8;

#[derive(Debug)]
pub struct Reconciler {
    parts: Parts,
    operations: Operations,
    /// What the host said of a guest when that was last compared with its row.
    compared: HashMap<GuestId, (Generation, Seen)>,
    /// When all are looked at again, whatever the host says.
    all_at: Instant,
    /// When the last start of a guest was answered. Nothing is lost with it: without an entry
    /// whatever the host says is newer.
    started_at: HashMap<GuestId, i64>,
}

impl Reconciler {
    pub fn new(parts: Parts, operations: Operations) -> Self {
        Self { parts, operations, compared: HashMap::new(), all_at: Instant::now(), started_at: HashMap::new() }
    }

    /// For ever.
    pub async fn run(mut self) {
        let mut heard = self.parts.link.watch();
        loop {
            let mut waker = self.parts.waker(None);
            heard.mark_unchanged();
            let pause = match self.pass().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(cause = chain(&error), "a pass of the reconciler failed");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = waker.wait(pause) => {}
                done = heard.changed() => if done.is_err() { return },
            }
            tokio::time::sleep(AT_MOST).await;
        }
    }

    /// Looks once, and tells how long to rest when nothing happens.
    pub async fn pass(&mut self) -> Result<Duration, StoreError> {
        let heard = self.parts.link.heard();
        let Some(inventory) = heard.now() else { return Ok(AT_LEAST) };
        let of_all = Instant::now() >= self.all_at;
        let guests = if of_all { self.all().await? } else { self.restless(inventory).await? };
        let ids: HashSet<GuestId> = guests.iter().map(|guest| guest.id).collect();
        self.started_at.retain(|id, _| ids.contains(id));
        let waits = |guest: &Guest| guest.wanted == Wanted::Running && !guest.seen.is_alive();
        let room = if guests.iter().any(waits) { self.room(&guests).await } else { None };
        let look = Look {
            parts: &self.parts,
            operations: &self.operations,
            facts: inventory.guests.iter().map(|facts| (facts.guest, facts)).collect(),
            asked_at: heard.asked_at,
            room: Mutex::new(room),
            started_at: Mutex::new(std::mem::take(&mut self.started_at)),
        };
        // A start waits for the host most of the time, and others need not wait with it.
        let looked = stream::iter(guests).map(|guest| look.bring_on(guest)).buffer_unordered(AT_ONCE);
        let rows: Vec<Result<Option<Guest>, StoreError>> = looked.collect().await;
        self.started_at = look.started_at.into_inner().unwrap_or_else(PoisonError::into_inner);
        let now = self.parts.clock.now();
        let mut soonest = None;
        for row in rows {
            let again = row?.and_then(|guest| look_again_at(&guest, now));
            soonest = [soonest, again].into_iter().flatten().min();
        }
        // Guests that are not ours, or not yet, are asked for again.
        let ours = |facts: &&GuestFacts| ids.contains(&facts.guest) || self.compared.contains_key(&facts.guest);
        let said = |facts: &GuestFacts| (facts.guest, (facts.generation, facts.seen.clone()));
        self.compared = inventory.guests.iter().filter(ours).map(said).collect();
        if of_all {
            self.all_at = Instant::now() + AT_LEAST;
        }
        let pause = soonest.map_or(AT_LEAST, |at| Duration::from_micros(u64::try_from(at - now).unwrap_or(0)));
        Ok(pause.clamp(Duration::from_millis(50), AT_LEAST))
    }

    async fn all(&self) -> Result<Vec<Guest>, StoreError> {
        let mut all = Vec::new();
        guest_each(&self.parts.db, |guest| all.push(guest)).await?;
        Ok(all)
    }

    /// Those that live or are to live, and those of which the host says something new.
    async fn restless(&self, inventory: &Inventory) -> Result<Vec<Guest>, StoreError> {
        let db = &self.parts.db;
        let mut guests = guest_list_restless(db).await?;
        let known: HashSet<GuestId> = guests.iter().map(|guest| guest.id).collect();
        let news = |facts: &&GuestFacts| {
            let before = self.compared.get(&facts.guest);
            !known.contains(&facts.guest)
                && before.is_none_or(|(at, seen)| (*at, seen) != (facts.generation, &facts.seen))
        };
        for facts in inventory.guests.iter().filter(news) {
            guests.extend(guest_fetch(db, facts.guest).await?);
        }
        Ok(guests)
    }

    /// What may be given to guests, or `None` where the agent does not say.
    async fn room(&self, guests: &[Guest]) -> Option<Room> {
        let facts = self.parts.link.host.facts().await.ok()?;
        let alive = guests.iter().filter(|guest| guest.seen.is_alive());
        let promised = alive.map(|guest| u64::from(guest.spec.memory.mib())).sum();
        Some(Room::of(facts.memory_total_mib, self.parts.memory_percent, facts.memory_available_mib, promised))
    }
}

/// One look at everything, shared by the guests that are brought on beside one another.
struct Look<'a> {
    parts: &'a Parts,
    operations: &'a Operations,
    facts: HashMap<GuestId, &'a GuestFacts>,
    asked_at: i64,
    room: Mutex<Option<Room>>,
    started_at: Mutex<HashMap<GuestId, i64>>,
}

impl Look<'_> {
    /// Gives the row as it was left; nothing where it is gone.
    async fn bring_on(&self, mut guest: Guest) -> Result<Option<Guest>, StoreError> {
        for _ in 0..STEPS {
            let Some(action) = self.next(&guest) else { return Ok(Some(guest)) };
            let starts = action == Action::Start;
            let more = carry_out(self.parts, self.operations, &guest, action).await?;
            if starts {
                lock(&self.started_at).insert(guest.id, self.parts.clock.now());
            }
            match guest_fetch(&self.parts.db, guest.id).await? {
                Some(row) if more => guest = row,
                row => return Ok(row),
            }
        }
        tracing::error!(guest = %guest.id, "the plan for a guest has no end");
        Ok(Some(guest))
    }

    /// The plan's word. Memory for a start is taken from the room in the same breath, so that guests that
    /// are planned beside one another are never given the same.
    fn next(&self, guest: &Guest) -> Option<Action> {
        let (now, grace) = (self.parts.clock.now(), self.parts.patience.shut_down);
        let fresh = lock(&self.started_at).get(&guest.id).is_none_or(|&at| at < self.asked_at);
        let sight = Sight { facts: self.facts.get(&guest.id).copied(), fresh };
        let mut room = lock(&self.room);
        let action = next(guest, sight, *room, now, grace)?;
        if action == Action::Start
            && let Some(room) = room.as_mut()
        {
            room.free_mib = room.free_mib.saturating_sub(guest.spec.memory.mib());
        }
        Some(action)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
