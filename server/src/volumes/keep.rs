//! What was cut off between a row and the host: by a panel that ended, an agent that was away, a guest that was started
//! with what its rows said a moment before.

use std::time::Duration;

use umbel_guest::{Seen, VolumeState};
use umbel_wire::agent::VolumeFacts;

use super::Volumes;
use crate::error::chain;
use crate::host::HostError;
use crate::store::StoreError;
use crate::store::guests::guest_fetch;
use crate::store::volumes::{Attached, Volume, attachment_list, volume_list};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(5);

impl Volumes {
    /// For ever.
    pub async fn keep(self) {
        loop {
            if let Err(error) = self.look_after().await {
                tracing::warn!(cause = chain(&error), "volumes could not be looked after");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Brings the host to what the rows say. What it refuses is tried again the next time.
    pub async fn look_after(&self) -> Result<(), StoreError> {
        let parts = self.parts();
        let _turn = parts.volumes.lock().await;
        if volume_list(&parts.db, parts.host).await?.is_empty() {
            return Ok(());
        }
        // The host first: what it says that somebody has, a row said before.
        let there = match parts.link.host.volumes().await {
            Ok(there) => there,
            Err(error) => {
                if !error.is_away() {
                    tracing::warn!(cause = chain(&error), "volumes can't be asked for");
                }
                return Ok(());
            }
        };
        let volumes = volume_list(&parts.db, parts.host).await?;
        let attached = attachment_list(&parts.db).await?;
        let mut changed = false;
        for volume in &volumes {
            changed |= self.bring(volume, &there).await?;
        }
        for facts in &there {
            changed |= self.take_back(facts, &attached).await?;
        }
        for attached in &attached {
            let is_held =
                |facts: &VolumeFacts| facts.volume == attached.volume && facts.held_by.contains(&attached.guest);
            let volume = volumes.iter().find(|volume| volume.id == attached.volume);
            if let (Some(volume), false) = (volume, there.iter().any(is_held)) {
                changed |= self.give_late(volume, attached).await?;
            }
        }
        if changed {
            self.changed();
        }
        Ok(())
    }

    /// Its file. Whether something was done.
    async fn bring(&self, volume: &Volume, there: &[VolumeFacts]) -> Result<bool, StoreError> {
        let facts = there.iter().find(|facts| facts.volume == volume.id);
        let is_shorter = facts.is_some_and(|facts| facts.size_bytes < volume.size.bytes() && facts.held_by.is_empty());
        let done = match volume.state {
            VolumeState::Coming => self.make(volume).await?,
            VolumeState::Going => self.let_go(volume).await?,
            VolumeState::Kept if is_shorter => self.parts().link.host.volume_grow(volume.id, volume.size).await,
            VolumeState::Kept => return Ok(false),
        };
        Ok(is_done(volume, done))
    }

    /// From guests that no row gives it to.
    async fn take_back(&self, facts: &VolumeFacts, attached: &[Attached]) -> Result<bool, StoreError> {
        let mut changed = false;
        for guest in &facts.held_by {
            if attached.iter().any(|there| there.volume == facts.volume && there.guest == *guest) {
                continue;
            }
            let Some(guest) = guest_fetch(&self.parts().db, *guest).await? else { continue };
            let done = self.parts().link.host.volume_detach(guest.id, guest.generation, facts.volume).await;
            if let Err(error) = &done {
                tracing::debug!(volume = %facts.volume, guest = %guest.id, cause = chain(error), "a volume stays with a guest");
            }
            changed |= done.is_ok();
        }
        Ok(changed)
    }

    /// To a guest that runs without it.
    async fn give_late(&self, volume: &Volume, attached: &Attached) -> Result<bool, StoreError> {
        let Some(guest) = guest_fetch(&self.parts().db, attached.guest).await? else { return Ok(false) };
        if !matches!(guest.seen, Seen::Running { .. }) {
            return Ok(false);
        }
        let done = self.give(&guest, volume, attached).await;
        Ok(is_done(volume, done))
    }
}

fn is_done(volume: &Volume, done: Result<(), HostError>) -> bool {
    if let Err(error) = &done {
        tracing::warn!(volume = %volume.id, cause = chain(error), "a volume is not as its row says");
    }
    done.is_ok()
}
