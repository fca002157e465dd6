//! Volumes as pages and programs see them.

use std::collections::BTreeMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AttachedShown, StrayVolume, VolumeShown, VolumeTaker, VolumesShown};
use umbel_guest::{Access, AccountId, GuestRight, PanelRight, VolumeId};
use umbel_wire::agent::VolumeFacts;

use super::Volumes;
use crate::guests::from_host;
use crate::host::HostError;
use crate::store::guests::{Guest, guest_list_of};
use crate::store::volumes::{Attached, Volume, attachment_list, attachment_list_of, volume_list};

impl Volumes {
    /// Those that one may see, and for whoever looks after the host files that no row is about.
    pub async fn list(&self, caller: &Caller) -> Result<VolumesShown, AppError> {
        let parts = self.parts();
        let there = self.there().await?;
        let rows = volume_list(&parts.db, parts.host).await?;
        let attached = attachment_list(&parts.db).await?;
        let mut strays = Vec::new();
        if caller.may(PanelRight::SeeHost).is_ok() {
            let has_row = |facts: &&VolumeFacts| rows.iter().any(|row| row.id == facts.volume);
            strays.extend(there.iter().filter(|facts| !has_row(facts)).map(stray));
        }
        let reach = self.guests.reach(caller).await?;
        let mut volumes = Vec::new();
        for row in rows {
            let access = reach.to_all_of(row.owner);
            if access.may(GuestRight::View).is_ok() {
                volumes.push(shown(row, access, &attached, &there));
            }
        }
        let mut guests = Vec::new();
        let owners: BTreeMap<AccountId, Access> = volumes.iter().map(|volume| (volume.owner, volume.access)).collect();
        for (owner, _) in owners.into_iter().filter(|(_, access)| access.may(GuestRight::Settings).is_ok()) {
            let taker = |guest: Guest| VolumeTaker { guest: guest.id, name: guest.spec.name, owner };
            guests.extend(guest_list_of(&parts.db, owner).await?.into_iter().map(taker));
        }
        Ok(VolumesShown { volumes, guests, strays })
    }

    pub async fn fetch(&self, caller: &Caller, volume: VolumeId) -> Result<VolumeShown, AppError> {
        let found = self.allowed(caller, volume, GuestRight::View).await?;
        let access = self.guests.reach(caller).await?.to_all_of(found.owner);
        let attached = attachment_list_of(&self.parts().db, volume).await?;
        Ok(shown(found, access, &attached, &self.there().await?))
    }

    /// Nothing while the agent is away.
    async fn there(&self) -> Result<Vec<VolumeFacts>, AppError> {
        match self.parts().link.host.volumes().await {
            Err(HostError::Away(_)) => Ok(Vec::new()),
            there => there.map_err(from_host),
        }
    }
}

fn shown(row: Volume, access: Access, attached: &[Attached], there: &[VolumeFacts]) -> VolumeShown {
    let facts = there.iter().find(|facts| facts.volume == row.id);
    let guest = |attached: &Attached| AttachedShown {
        guest: attached.guest,
        guest_name: attached.guest_name.clone(),
        slot: attached.slot,
        device: attached.slot.device(),
        access: attached.access,
        is_there: facts.is_some_and(|facts| facts.held_by.contains(&attached.guest)),
    };
    VolumeShown {
        attached: attached.iter().filter(|attached| attached.volume == row.id).map(guest).collect(),
        id: row.id,
        name: row.name,
        owner: row.owner,
        owner_name: row.owner_name,
        access,
        size_mib: row.size.mib(),
        state: row.state,
        taken_bytes: facts.map(|facts| facts.taken_bytes),
        created_at: row.created_at,
    }
}

fn stray(facts: &VolumeFacts) -> StrayVolume {
    StrayVolume { id: facts.volume, size_bytes: facts.size_bytes, taken_bytes: facts.taken_bytes }
}
