//! A volume becomes larger, while no guest that runs has it: a kernel reads the size of a disk when it is given it. The
//! file system in it is its guest's to grow.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{VolumeChange, VolumeShown};
use umbel_guest::size::in_words;
use umbel_guest::{FieldError, FieldErrors, GuestRight, VolumeId, VolumeState};

use super::create::room;
use super::{Volumes, conflict, refused, size};
use crate::guests::{from_host, has_room};
use crate::host::HostError;
use crate::quotas;
use crate::store::guests::guest_fetch;
use crate::store::volumes::{Volume, attachment_list_of, volume_fetch, volume_resize};

impl Volumes {
    pub async fn change(
        &self,
        caller: &Caller,
        volume: VolumeId,
        change: VolumeChange,
    ) -> Result<VolumeShown, AppError> {
        self.allowed(caller, volume, GuestRight::Settings).await?;
        let parts = self.parts();
        let to = size(change.size_mib).map_err(|error| AppError::Invalid(error.into()))?;
        let facts = parts.link.host.facts().await.map_err(from_host)?;
        has_room(&facts).map_err(|error| AppError::Invalid(FieldError::new("size_mib", error.message).into()))?;
        let _turn = parts.volumes.lock().await;
        let mut tx = parts.db.begin().await?;
        let found = volume_fetch(&mut tx, volume).await?.filter(|found| found.state == VolumeState::Kept);
        let found = found.ok_or_else(|| conflict("The volume is not made yet, or goes."))?;
        if to < found.size {
            let message = format!("It has {}, and never becomes smaller.", in_words(found.size.mib()));
            return Err(AppError::Invalid(FieldErrors::one("size_mib", message)));
        }
        for attached in attachment_list_of(&mut tx, volume).await? {
            if guest_fetch(&mut tx, attached.guest).await?.is_some_and(|guest| guest.seen.is_alive()) {
                let name = &attached.guest_name;
                return Err(conflict(format!("{name} runs and has it. Detach it, or shut {name} down, first.")));
            }
        }
        let more_mib = u64::from(to.mib() - found.size.mib());
        quotas::reserve_disk(&mut tx, found.owner, more_mib).await?;
        volume_resize(&mut tx, &found, to).await?;
        room(&mut tx, &found, more_mib, self.guests.disk_promisable_mib(&facts)).await?;
        tx.commit().await?;
        match parts.link.host.volume_grow(volume, to).await {
            // While the agent is away: it is told when it comes.
            Ok(()) | Err(HostError::Away(_)) => {}
            Err(error) => {
                let mut tx = parts.db.begin().await?;
                volume_resize(&mut tx, &Volume { size: to, ..found.clone() }, found.size).await?;
                tx.commit().await?;
                return Err(refused(error));
            }
        }
        tracing::info!(%volume, mib = to.mib(), by = caller.account.name, "a volume was made larger");
        self.changed();
        self.fetch(caller, volume).await
    }
}
