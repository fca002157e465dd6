//! When the reconciler looks: at every wake, at every word of the host, and when a time has come that
//! a guest waits for.

use std::collections::HashMap;
use std::time::Duration;

use umbel_guest::GuestId;
use umbel_wire::agent::Inventory;

use super::carry_out::carry_out;
use super::plan::{Action, Room, Sight, look_again_at, next};
use crate::error::chain;
use crate::host::link::facts_of;
use crate::operations::Operations;
use crate::parts::Parts;
use crate::store::StoreError;
use crate::store::guests::{Guest, guest_fetch, guest_list};

/// It looks at least this often, whatever happens.
const AT_LEAST: Duration = Duration::from_secs(30);
/// Between two looks, so that a flood of wakes is one look.
const AT_MOST: Duration = Duration::from_millis(5);
/// Actions for one guest in one pass. A plan never needs so many; a defect of it must not spin.
const STEPS: usize = 8;

#[derive(Debug)]
pub struct Reconciler {
    parts: Parts,
    operations: Operations,
    /// When the last start of a guest was answered. Nothing is lost with it: without an entry
    /// whatever the host says is newer.
    started_at: HashMap<GuestId, i64>,
}

impl Reconciler {
    pub fn new(parts: Parts, operations: Operations) -> Self {
        Self { parts, operations, started_at: HashMap::new() }
    }

    /// For ever.
    pub async fn run(mut self) {
        let mut heard = self.parts.link.watch();
        loop {
            let mut waker = self.parts.waker();
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

    /// Looks once at everything, and tells how long to rest when nothing happens.
    pub async fn pass(&mut self) -> Result<Duration, StoreError> {
        let heard = self.parts.link.heard();
        let Some(inventory) = heard.now() else { return Ok(AT_LEAST) };
        let mut room = None;
        let mut asked_for_room = false;
        let guests = guest_list(&self.parts.db).await?;
        self.started_at.retain(|id, _| guests.iter().any(|guest| guest.id == *id));
        for guest in guests {
            if !asked_for_room && guest.wanted == umbel_guest::Wanted::Running && !guest.seen.is_alive() {
                room = self.room().await?;
                asked_for_room = true;
            }
            self.bring_on(guest, inventory, heard.asked_at, &mut room).await?;
        }
        let now = self.parts.clock.now();
        let soonest = guest_list(&self.parts.db).await?.iter().filter_map(|guest| look_again_at(guest, now)).min();
        let pause = soonest.map_or(AT_LEAST, |at| Duration::from_micros(u64::try_from(at - now).unwrap_or(0)));
        Ok(pause.clamp(Duration::from_millis(50), AT_LEAST))
    }

    async fn bring_on(
        &mut self,
        mut guest: Guest,
        inventory: &Inventory,
        asked_at: i64,
        room: &mut Option<Room>,
    ) -> Result<(), StoreError> {
        for _ in 0..STEPS {
            let (now, grace) = (self.parts.clock.now(), self.parts.patience.shut_down);
            let fresh = self.started_at.get(&guest.id).is_none_or(|&at| at < asked_at);
            let sight = Sight { facts: facts_of(inventory, guest.id), fresh };
            let Some(action) = next(&guest, sight, *room, now, grace) else { return Ok(()) };
            let starts = action == Action::Start;
            let more = carry_out(&self.parts, &self.operations, &guest, action).await?;
            if starts {
                self.started_at.insert(guest.id, self.parts.clock.now());
                if let Some(room) = room {
                    room.free_mib = room.free_mib.saturating_sub(guest.spec.memory.mib());
                }
            }
            match guest_fetch(&self.parts.db, guest.id).await? {
                Some(row) if more => guest = row,
                _ => return Ok(()),
            }
        }
        tracing::error!(guest = %guest.id, "the plan for a guest has no end");
        Ok(())
    }

    /// What may be given to guests, or `None` where the agent does not say.
    async fn room(&self) -> Result<Option<Room>, StoreError> {
        let Ok(facts) = self.parts.link.host.facts().await else { return Ok(None) };
        let guests = guest_list(&self.parts.db).await?;
        let alive = guests.iter().filter(|guest| guest.seen.is_alive());
        let promised = alive.map(|guest| u64::from(guest.spec.memory.mib())).sum();
        Ok(Some(Room::of(facts.memory_total_mib, facts.memory_available_mib, promised)))
    }
}
