//! What takes how much of the host's disk, and what lies there that the panel has no row of: of a guest that was purged
//! while the agent was away, of a database that was put back from before. Such is named and only ever removed on request.

use std::collections::{HashMap, HashSet};

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{LeftoverShown, StorageShown, StoredGuest, StoredImage};
use umbel_guest::{DiskKind, DiskSize, Generation, GuestId, ImageId, PanelRight, SnapshotId};
use umbel_wire::agent::{BaseUse, DiskUse, Refusal, StopHow, StorageFacts};

use super::snapshots::conflict;
use super::{Guests, from_host};
use crate::host::HostError;
use crate::store::guests::{Guest, guest_fetch, guest_list};
use crate::store::operations::operation_list_under_way;
use crate::store::snapshots::{snapshot_fetch, snapshot_list_ids};

/// Guests that are told one by one.
const MOST: usize = 100;

/// What the panel has rows of.
struct Known {
    guests: HashMap<GuestId, Guest>,
    snapshots: HashSet<SnapshotId>,
    /// Guests that something is being done to: what their rows say may come in a moment.
    busy: HashSet<GuestId>,
}

impl Guests {
    pub async fn storage(&self, caller: &Caller) -> Result<StorageShown, AppError> {
        caller.may(PanelRight::SeeHost)?;
        let host = &self.parts.link.host;
        // The files first: what comes after them is in the rows.
        let (used, volumes, facts) =
            tokio::try_join!(host.storage(), host.volumes(), host.facts()).map_err(from_host)?;
        let known = self.known().await?;
        let StorageFacts { bases, disks, uploads_bytes, kernels_bytes, ballast_bytes } = used;
        let leftovers = leftovers(&known, &disks);
        let (guests, rest) = told(&known, &disks);
        Ok(StorageShown {
            disk_total_mib: facts.disk_total_mib,
            disk_free_mib: facts.disk_free_mib,
            images: images(&known, &bases),
            others: rest.len() as u64,
            others_bytes: rest.iter().map(|guest| guest.taken_bytes + guest.snapshots_bytes).sum(),
            guests,
            volumes_bytes: volumes.iter().map(|volume| volume.taken_bytes).sum(),
            uploads_bytes,
            kernels_bytes,
            ballast_bytes,
            leftovers,
        })
    }

    /// For good. Refused for what the panel has a row of, whatever the page said that somebody looked at.
    pub async fn leftover_remove(&self, caller: &Caller, of: GuestId, id: Option<SnapshotId>) -> Result<(), AppError> {
        caller.may(PanelRight::SeeHost)?;
        let host = &self.parts.link.host;
        let there = host.storage().await.map_err(from_host)?.disks.into_iter().find(|disk| disk.guest == of);
        let there = there.ok_or_else(|| AppError::not_found("leftover"))?;
        match id {
            Some(snapshot) => {
                if !there.snapshots.iter().any(|(there, _)| *there == snapshot) {
                    return Err(AppError::not_found("leftover"));
                }
                if snapshot_fetch(&self.parts.db, of, snapshot).await?.is_some() {
                    return Err(conflict("The panel has it among the guest's snapshots: remove it there."));
                }
                if self.busy().await?.contains(&of) {
                    return Err(conflict("Something is being done to its guest. Try again when that is over."));
                }
                host.snapshot_remove(of, snapshot).await.map_err(from_host)
            }
            None => {
                if guest_fetch(&self.parts.db, of).await?.is_some() {
                    return Err(conflict("The panel has that guest: purge it."));
                }
                // Of whatever panel it heard before, nothing newer will come.
                let last = Generation { epoch: self.parts.epoch, number: i64::MAX.cast_unsigned() };
                match host.stop(of, last, StopHow::Kill).await {
                    Ok(()) | Err(HostError::Refused(Refusal::NotRunning | Refusal::NoDisk)) => {}
                    Err(error) => return Err(from_host(error)),
                }
                host.purge(of, last).await.map_err(from_host)
            }
        }
    }

    async fn known(&self) -> Result<Known, AppError> {
        // What is under way before what it writes, so that nothing falls between.
        let busy = self.busy().await?;
        let guests = guest_list(&self.parts.db).await?;
        Ok(Known {
            guests: guests.into_iter().map(|guest| (guest.id, guest)).collect(),
            snapshots: snapshot_list_ids(&self.parts.db).await?.into_iter().collect(),
            busy,
        })
    }

    /// Backups too, which have a snapshot of their own for a while.
    async fn busy(&self) -> Result<HashSet<GuestId>, AppError> {
        let under_way = operation_list_under_way(&self.parts.db).await?;
        Ok(under_way.into_iter().filter_map(|operation| operation.guest).collect())
    }
}

/// What each base saves is what its children but the first would take more.
fn images(known: &Known, bases: &[BaseUse]) -> Vec<StoredImage> {
    let mut children: HashMap<(&ImageId, DiskSize), u64> = HashMap::new();
    for guest in known.guests.values().filter(|guest| guest.spec.disk_kind == DiskKind::Cow && guest.disk_ready) {
        *children.entry((&guest.spec.image, guest.spec.disk)).or_default() += 1;
    }
    let mut images: Vec<StoredImage> = Vec::new();
    for base in bases {
        let guests = children.get(&(&base.image, base.size)).copied().unwrap_or_default();
        let saved_bytes = base.taken_bytes.saturating_mul(guests.saturating_sub(1));
        match images.last_mut().filter(|image| image.image == base.image) {
            Some(image) => {
                image.taken_bytes += base.taken_bytes;
                image.guests += guests;
                image.saved_bytes += saved_bytes;
            }
            None => {
                let (image, taken_bytes) = (base.image.clone(), base.taken_bytes);
                images.push(StoredImage { image, taken_bytes, guests, saved_bytes });
            }
        }
    }
    images.sort_by_key(|image| std::cmp::Reverse(image.taken_bytes));
    images
}

/// Those that are told one by one, and the others.
fn told(known: &Known, disks: &[DiskUse]) -> (Vec<StoredGuest>, Vec<StoredGuest>) {
    let stored = |disk: &DiskUse| {
        let guest = known.guests.get(&disk.guest)?;
        Some(StoredGuest {
            guest: guest.id,
            name: guest.spec.name.to_string(),
            owner: guest.owner_name.to_string(),
            disk_mib: guest.spec.disk.mib(),
            taken_bytes: disk.taken_bytes,
            snapshots: disk.snapshots.len() as u64,
            snapshots_bytes: disk.snapshots.iter().map(|(_, bytes)| bytes).sum(),
        })
    };
    let mut guests: Vec<StoredGuest> = disks.iter().filter_map(stored).collect();
    guests.sort_by_key(|guest| (std::cmp::Reverse(guest.taken_bytes + guest.snapshots_bytes), guest.guest));
    let others = guests.split_off(guests.len().min(MOST));
    (guests, others)
}

fn leftovers(known: &Known, disks: &[DiskUse]) -> Vec<LeftoverShown> {
    let of = |disk: &DiskUse| match known.guests.get(&disk.guest) {
        // Being made or purged.
        _ if known.busy.contains(&disk.guest) => Vec::new(),
        None => {
            let snapshots: u64 = disk.snapshots.iter().map(|(_, bytes)| bytes).sum();
            let taken_bytes = disk.taken_bytes + snapshots;
            vec![LeftoverShown { guest: disk.guest, guest_name: None, snapshot: None, taken_bytes }]
        }
        Some(guest) => {
            let unknown = disk.snapshots.iter().filter(|(snapshot, _)| !known.snapshots.contains(snapshot));
            let shown = |(snapshot, taken_bytes): &(SnapshotId, u64)| LeftoverShown {
                guest: disk.guest,
                guest_name: Some(guest.spec.name.to_string()),
                snapshot: Some(*snapshot),
                taken_bytes: *taken_bytes,
            };
            unknown.map(shown).collect()
        }
    };
    disks.iter().flat_map(of).collect()
}
