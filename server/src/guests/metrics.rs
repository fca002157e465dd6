//! What the host measured of guests, and what a guest's own kernel says of its memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{MemoryInsideShown, MetricsShown};
use umbel_guest::{GuestId, PanelRight, Seen, Span};

use super::{Guests, from_host};
use crate::clock::SECOND;

/// A guest is woken at most so often, however many pages look.
const FRESH: i64 = 5 * SECOND;
/// Guests that are looked at at once; more of them are asked each time.
const ROOM: usize = 256;

/// What guests said of their memory, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Inside(Arc<Mutex<HashMap<GuestId, (i64, MemoryInsideShown)>>>);

impl Inside {
    fn fresh(&self, guest: GuestId, now: i64) -> Option<MemoryInsideShown> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&guest).filter(|(at, _)| (0..FRESH).contains(&(now - at))).map(|(_, memory)| *memory)
    }

    fn keep(&self, guest: GuestId, now: i64, memory: MemoryInsideShown) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, _)| (0..FRESH).contains(&(now - *at)));
        if kept.len() < ROOM {
            kept.insert(guest, (now, memory));
        }
    }
}

impl Guests {
    pub async fn metrics(&self, caller: &Caller, guest: GuestId, span: Span) -> Result<MetricsShown, AppError> {
        let guest = self.visible(caller, guest).await?.id;
        Ok(self.parts.link.host.metrics(Some(guest), span).await.map_err(from_host)?.into())
    }

    /// Of all guests together, so of other people's too.
    pub async fn host_metrics(&self, caller: &Caller, span: Span) -> Result<MetricsShown, AppError> {
        caller.may(PanelRight::SeeHost)?;
        Ok(self.parts.link.host.metrics(None, span).await.map_err(from_host)?.into())
    }

    pub async fn memory_inside(&self, caller: &Caller, guest: GuestId) -> Result<MemoryInsideShown, AppError> {
        let guest = self.visible(caller, guest).await?;
        if !matches!(guest.seen, Seen::Running { .. }) {
            return Err(AppError::Conflict {
                message: "Only a guest that runs can say how much memory it has.".into(),
            });
        }
        let now = self.parts.clock.now();
        if let Some(memory) = self.inside.fresh(guest.id, now) {
            return Ok(memory);
        }
        let said = self.parts.link.host.memory_inside(guest.id).await.map_err(from_host)?;
        let memory = MemoryInsideShown { total_kib: said.total_kib, available_kib: said.available_kib };
        self.inside.keep(guest.id, now, memory);
        Ok(memory)
    }
}

#[cfg(test)]
mod tests {
    use umbel_guest::GuestId;

    use super::*;

    #[test]
    fn what_a_guest_said_is_kept_for_a_moment() {
        let (inside, guest) = (Inside::default(), GuestId(uuid::Uuid::nil()));
        let memory = MemoryInsideShown { total_kib: 2, available_kib: 1 };
        inside.keep(guest, 0, memory);
        assert_eq!(inside.fresh(guest, FRESH - 1), Some(memory));
        assert_eq!(inside.fresh(guest, FRESH), None);
    }
}
