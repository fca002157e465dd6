//! Volumes: disks that guests have beside their own. The rules, a verb a file: [`create`], [`attach`] and detach, [`grow`],
//! [`remove`]; [`view`] is how they are seen, and [`keep`] brings the host to what rows say wherever that was cut off.
//!
//! A row comes first and the host is told then; what it refuses is taken back. One at a time, so that what is compared
//! with the host is never half done. Who may: whoever may do the same with all guests of the volume's owner.

mod attach;
mod create;
mod grow;
mod keep;
mod remove;
mod view;

pub use remove::let_go_of;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::Topic;
use umbel_guest::{DiskSize, FieldError, GuestRight, VolumeId};
use umbel_wire::agent::{Refusal, VolumeAt};

use crate::guests::{Guests, from_host};
use crate::host::HostError;
use crate::parts::Parts;
use crate::store::guests::Guest;
use crate::store::volumes::{Attached, Volume, attachment_list_by, volume_fetch, volume_list_of};
use crate::store::{On, StoreError};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Volumes {
    guests: Guests,
}

impl Volumes {
    pub fn new(guests: Guests) -> Self {
        Self { guests }
    }

    fn parts(&self) -> &Parts {
        &self.guests.parts
    }

    /// The volume, if the caller may do that with it. What they may not even see isn't there.
    async fn allowed(&self, caller: &Caller, volume: VolumeId, right: GuestRight) -> Result<Volume, AppError> {
        let missing = || AppError::not_found("volume");
        let found = volume_fetch(&self.parts().db, volume).await?.ok_or_else(missing)?;
        let access = self.guests.reach(caller).await?.to_all_of(found.owner);
        access.may(GuestRight::View).map_err(|_| missing())?;
        access.may(right)?;
        Ok(found)
    }

    fn changed(&self) {
        self.parts().events.publish(Topic::Host);
    }
}

/// What a guest is started with.
pub async fn of_guest(parts: &Parts, guest: &Guest) -> Result<Vec<VolumeAt>, StoreError> {
    let attached = attachment_list_by(&parts.db, guest.id).await?;
    if attached.is_empty() {
        return Ok(Vec::new());
    }
    let volumes = volume_list_of(&parts.db, guest.owner).await?;
    let at = |attached: &Attached| Some(at(attached, volumes.iter().find(|volume| volume.id == attached.volume)?));
    Ok(attached.iter().filter_map(at).collect())
}

/// Why a guest that has volumes can't go to somebody else.
pub async fn keep_it(on: impl Into<On<'_>>, guest: &Guest) -> Result<(), AppError> {
    let attached = attachment_list_by(on, guest.id).await?;
    if attached.is_empty() {
        return Ok(());
    }
    Err(conflict(format!("{} has volumes, which stay with their owner. Detach them first.", guest.spec.name)))
}

fn at(attached: &Attached, volume: &Volume) -> VolumeAt {
    VolumeAt { volume: volume.id, slot: attached.slot, access: attached.access, size: volume.size }
}

fn conflict(message: impl Into<String>) -> AppError {
    AppError::Conflict { message: message.into() }
}

/// As a field of its own name.
fn size(mib: u32) -> Result<DiskSize, FieldError> {
    DiskSize::from_mib(mib).map_err(|error| FieldError::new("size_mib", error.message.replace("A disk", "A volume")))
}

/// Of a guest that somebody waits for.
fn refused(error: HostError) -> AppError {
    match error {
        HostError::Refused(Refusal::VolumeInUse { reason, .. }) => conflict(format!("It stays as it is: {reason}.")),
        HostError::Refused(Refusal::StillRunning) => {
            conflict("The guest is just starting or stopping. Try again in a moment.")
        }
        HostError::Refused(Refusal::IsPaused) => conflict("The guest is paused: its kernel hears nothing."),
        other => from_host(other),
    }
}
