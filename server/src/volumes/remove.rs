//! A volume goes, for good, and with it what is on it; also a file that no row is about.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{AccountId, GuestRight, PanelRight, VolumeId, VolumeState};

use super::{Volumes, conflict, refused};
use crate::guests::from_host;
use crate::host::HostError;
use crate::parts::Parts;
use crate::store::StoreError;
use crate::store::volumes::{Volume, attachment_list_of, volume_fetch, volume_list_of, volume_set_state};

impl Volumes {
    pub async fn remove(&self, caller: &Caller, volume: VolumeId) -> Result<(), AppError> {
        let parts = self.parts();
        if volume_fetch(&parts.db, volume).await?.is_none() {
            return self.remove_stray(caller, volume).await;
        }
        self.allowed(caller, volume, GuestRight::Delete).await?;
        let _turn = parts.volumes.lock().await;
        let mut tx = parts.db.begin().await?;
        let found = volume_fetch(&mut tx, volume).await?.ok_or_else(|| AppError::not_found("volume"))?;
        let there = attachment_list_of(&mut tx, volume).await?;
        if !there.is_empty() {
            let names: Vec<&str> = there.iter().map(|there| there.guest_name.as_str()).collect();
            return Err(conflict(format!("{} has it. Detach it first.", names.join(", "))));
        }
        volume_set_state(&mut tx, volume, VolumeState::Going).await?;
        tx.commit().await?;
        tracing::info!(%volume, name = found.name, by = caller.account.name, "a volume was removed");
        match self.let_go(&found).await? {
            // While the agent is away: it is gone when it comes.
            Ok(()) | Err(HostError::Away(_)) => {}
            Err(error) => {
                volume_set_state(&parts.db, volume, found.state).await?;
                return Err(refused(error));
            }
        }
        self.changed();
        Ok(())
    }

    /// Its file, and then its row.
    pub(super) async fn let_go(&self, volume: &Volume) -> Result<Result<(), HostError>, StoreError> {
        match self.parts().link.host.volume_remove(volume.id).await {
            Ok(()) => self.forget(volume.id).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// A file that this panel has no row for, as after the restore of a backup: for whoever looks after the host.
    async fn remove_stray(&self, caller: &Caller, volume: VolumeId) -> Result<(), AppError> {
        let missing = || AppError::not_found("volume");
        caller.may(PanelRight::SeeHost).map_err(|_| missing())?;
        let parts = self.parts();
        let _turn = parts.volumes.lock().await;
        let there = parts.link.host.volumes().await.map_err(from_host)?;
        let is_new = volume_fetch(&parts.db, volume).await?.is_some();
        there.iter().find(|there| there.volume == volume && !is_new).ok_or_else(missing)?;
        parts.link.host.volume_remove(volume).await.map_err(refused)?;
        self.changed();
        Ok(())
    }
}

/// All of an account's that goes: [`Volumes::look_after`] removes them, and whoever waits for it looks again. Whether there
/// are none.
pub async fn let_go_of(parts: &Parts, owner: AccountId) -> Result<bool, StoreError> {
    let all = volume_list_of(&parts.db, owner).await?;
    for volume in all.iter().filter(|volume| volume.state != VolumeState::Going) {
        volume_set_state(&parts.db, volume.id, VolumeState::Going).await?;
    }
    Ok(all.is_empty())
}
