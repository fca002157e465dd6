//! Which guest has which volume. A guest that runs is given it, or gives it back, at once; one that is off is started with
//! what it has then.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AttachDraft, VolumeShown};
use umbel_guest::{GuestId, GuestRight, Slot, VolumeAccess, VolumeId, VolumeState, Wanted};
use umbel_wire::agent::Refusal;

use super::{Volumes, at, conflict, refused};
use crate::host::HostError;
use crate::store::Tx;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::volumes::{
    Attached, Volume, attachment_delete, attachment_insert, attachment_list_by, attachment_list_of, volume_fetch,
};

impl Volumes {
    /// The guest has it from now on. Repeating it does no harm.
    pub async fn attach(
        &self,
        caller: &Caller,
        guest: GuestId,
        volume: VolumeId,
        draft: AttachDraft,
    ) -> Result<VolumeShown, AppError> {
        self.guests.allowed(caller, guest, GuestRight::Settings).await?;
        self.allowed(caller, volume, GuestRight::Settings).await?;
        let parts = self.parts();
        let _turn = parts.volumes.lock().await;
        let mut tx = parts.db.begin().await?;
        let guest = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        let found = volume_fetch(&mut tx, volume).await?.ok_or_else(|| AppError::not_found("volume"))?;
        let there = attachment_list_of(&mut tx, volume).await?;
        let had = there.iter().find(|there| there.guest == guest.id);
        let attached = match had {
            Some(had) if had.access == draft.access => had.clone(),
            Some(had) => {
                let message = format!("{} has it to {} already. Detach it first.", guest.spec.name, had.access.title());
                return Err(conflict(message));
            }
            None => {
                let attached = place(&mut tx, &guest, &found, &there, draft.access).await?;
                attachment_insert(&mut tx, &attached, parts.clock.now()).await?;
                attached
            }
        };
        tx.commit().await?;
        if let Err(error) = self.give(&guest, &found, &attached).await {
            if had.is_none() {
                attachment_delete(&parts.db, volume, guest.id).await?;
            }
            return Err(refused(error));
        }
        tracing::info!(%volume, guest = %guest.id, by = caller.account.name, "a volume was attached");
        self.changed();
        parts.guest_changed(guest.id);
        self.fetch(caller, volume).await
    }

    /// Tells the host, where the guest runs. While the agent is away, it is told when it comes.
    pub(super) async fn give(&self, guest: &Guest, volume: &Volume, attached: &Attached) -> Result<(), HostError> {
        if !guest.seen.is_alive() {
            return Ok(());
        }
        match self.parts().link.host.volume_attach(guest.id, guest.generation, at(attached, volume)).await {
            // It has just ended, and is started with it.
            Err(HostError::Refused(Refusal::NotRunning) | HostError::Away(_)) => Ok(()),
            done => done,
        }
    }

    /// The guest has it no more. Of one that runs only what nothing in it has open.
    pub async fn detach(&self, caller: &Caller, guest: GuestId, volume: VolumeId) -> Result<(), AppError> {
        self.guests.allowed(caller, guest, GuestRight::Settings).await?;
        self.allowed(caller, volume, GuestRight::Settings).await?;
        let parts = self.parts();
        let _turn = parts.volumes.lock().await;
        let missing = || AppError::not_found("volume");
        let guest = guest_fetch(&parts.db, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        let there = attachment_list_by(&parts.db, guest.id).await?;
        there.iter().find(|there| there.volume == volume).ok_or_else(missing)?;
        match parts.link.host.volume_detach(guest.id, guest.generation, volume).await {
            Ok(()) | Err(HostError::Refused(Refusal::NotRunning)) => {}
            // Nobody else starts it meanwhile.
            Err(HostError::Away(_)) if !guest.seen.is_alive() => {}
            Err(error) => return Err(refused(error)),
        }
        attachment_delete(&parts.db, volume, guest.id).await?;
        tracing::info!(%volume, guest = %guest.id, by = caller.account.name, "a volume was detached");
        self.changed();
        parts.guest_changed(guest.id);
        Ok(())
    }
}

/// Where the guest will have it, if nobody shuts it out.
async fn place(
    tx: &mut Tx,
    guest: &Guest,
    volume: &Volume,
    there: &[Attached],
    access: VolumeAccess,
) -> Result<Attached, AppError> {
    match volume.state {
        VolumeState::Kept => {}
        VolumeState::Coming => return Err(conflict("The volume is not made yet.")),
        VolumeState::Going => return Err(AppError::not_found("volume")),
    }
    let name = &guest.spec.name;
    if guest.owner != volume.owner {
        let (of_guest, of_volume) = (&guest.owner_name, &volume.owner_name);
        return Err(conflict(format!("{name} is {of_guest}'s, and {} is {of_volume}'s.", volume.name)));
    }
    if matches!(guest.wanted, Wanted::Deleted { .. }) {
        return Err(conflict(format!("{name} is deleted.")));
    }
    let others: Vec<VolumeAccess> = there.iter().map(|there| there.access).collect();
    if !access.fits(&others) {
        let names: Vec<&str> = there.iter().map(|there| there.guest_name.as_str()).collect();
        let have = if there.iter().any(|there| there.access == VolumeAccess::ReadWrite) { "writes to" } else { "read" };
        let message = format!("{} {have} it: who writes to a volume has it alone.", names.join(", "));
        return Err(conflict(message));
    }
    let taken: Vec<Slot> = attachment_list_by(tx, guest.id).await?.into_iter().map(|there| there.slot).collect();
    let full = || conflict(format!("{name} has {} volumes, and room for no more.", taken.len()));
    let slot = Slot::free(&taken).ok_or_else(full)?;
    Ok(Attached { volume: volume.id, guest: guest.id, guest_name: name.clone(), slot, access })
}
