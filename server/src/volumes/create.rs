//! A new volume, empty: counted and written down, then made on the host.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{VolumeDraft, VolumeShown};
use umbel_guest::{FieldError, FieldErrors, PanelRight, VolumeId, VolumeName, VolumeState};
use uuid::Uuid;

use super::{Volumes, size};
use crate::accounts::Owner;
use crate::error::chain;
use crate::guests::{from_host, has_room};
use crate::host::HostError;
use crate::quotas;
use crate::store::quotas::host_promised_disk;
use crate::store::volumes::{Volume, volume_delete, volume_insert, volume_list_of, volume_set_state};
use crate::store::{StoreError, Tx};

/// Of one owner, whatever the quota.
const MOST: usize = 100;

impl Volumes {
    pub async fn create(&self, caller: &Caller, draft: VolumeDraft) -> Result<VolumeShown, AppError> {
        caller.may(PanelRight::CreateGuests)?;
        let parts = self.parts();
        let facts = parts.link.host.facts().await.map_err(from_host)?;
        let mut wrong = FieldErrors::default();
        let name = wrong.take(draft.name.trim().parse::<VolumeName>());
        let size = wrong.take(size(draft.size_mib));
        wrong.take(has_room(&facts).map_err(|error| FieldError::new("size_mib", error.message)));
        let (Some(name), Some(size), true) = (name, size, wrong.is_empty()) else {
            return Err(AppError::Invalid(wrong));
        };
        let _turn = parts.volumes.lock().await;
        let mut tx = parts.db.begin().await?;
        let owner = Owner::of(&mut tx, caller, draft.group).await?;
        let invalid = |field: &str, message: String| AppError::Invalid(FieldErrors::one(field, message));
        if volume_list_of(&mut tx, owner.id).await?.len() >= MOST {
            return Err(invalid("name", format!("{} has {MOST} volumes already.", owner.name)));
        }
        quotas::reserve_disk(&mut tx, owner.id, size.mib().into()).await?;
        let volume = Volume {
            id: VolumeId(Uuid::now_v7()),
            host: parts.host,
            owner: owner.id,
            owner_name: owner.name,
            name: name.into(),
            size,
            state: VolumeState::Coming,
            created_at: parts.clock.now(),
        };
        volume_insert(&mut tx, &volume).await.map_err(|error| match error.is_duplicate() {
            true => invalid("name", format!("{} has a volume {} already.", volume.owner_name, volume.name)),
            false => error.into(),
        })?;
        room(&mut tx, &volume, size.mib().into(), self.guests.disk_promisable_mib(&facts)).await?;
        tx.commit().await?;
        match self.make(&volume).await? {
            // While the agent is away: it is made when it comes.
            Ok(()) | Err(HostError::Away(_)) => {}
            Err(error) => {
                self.forget(volume.id).await?;
                return Err(from_host(error));
            }
        }
        tracing::info!(volume = %volume.id, name = volume.name, by = caller.account.name, "a volume was made");
        self.changed();
        self.fetch(caller, volume.id).await
    }

    /// Its file; whether the host made it.
    pub(super) async fn make(&self, volume: &Volume) -> Result<Result<(), HostError>, StoreError> {
        if let Err(error) = self.parts().link.host.volume_create(volume.id, volume.size).await {
            tracing::warn!(volume = %volume.id, cause = chain(&error), "a volume is not made");
            return Ok(Err(error));
        }
        volume_set_state(&self.parts().db, volume.id, VolumeState::Kept).await.map(Ok)
    }

    /// Its row, once there is no file.
    pub(super) async fn forget(&self, volume: VolumeId) -> Result<(), StoreError> {
        let mut tx = self.parts().db.begin().await?;
        volume_delete(&mut tx, volume).await?;
        tx.commit().await
    }
}

/// Asked once `more_mib` of it are counted with all others: of several at once the last finds them all.
pub(super) async fn room(tx: &mut Tx, volume: &Volume, more_mib: u64, most_mib: u64) -> Result<(), AppError> {
    let promised_mib = host_promised_disk(tx, volume.host).await?;
    if promised_mib <= most_mib {
        return Ok(());
    }
    let left_mib = most_mib.saturating_sub(promised_mib.saturating_sub(more_mib));
    let message = format!("The host can promise no more than {left_mib} MiB of disk.");
    Err(AppError::Invalid(FieldErrors::one("size_mib", message)))
}
