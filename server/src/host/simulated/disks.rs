//! Images, disks and volumes of a simulated host.

use umbel_guest::publish::{Found, Trace};
use umbel_guest::{
    DiskSize, Generation, GuestId, ImageId, ImageKind, ImageOrigin, Memory, UploadId, VolumeAccess, VolumeId,
};
use umbel_wire::agent::{DiskOf, ImageFacts, ImageSaid, Refusal, SnapshotFacts, VolumeAt};

use super::answers::check;
use super::{Inner, SimulatedGuest};

pub(super) fn tiny() -> ImageFacts {
    ImageFacts {
        id: "tiny-5".parse().expect("a slug"),
        title: "Tiny".into(),
        description: "Busybox".into(),
        origin: ImageOrigin::Built,
        sha256: "0".repeat(64),
        kind: ImageKind::Disk,
        file_system: Some("ext4".into()),
        fills_disk: true,
        default_user: "root".into(),
        sizes: DiskSize::ladder().collect(),
        taken_bytes: 23 << 20,
        suggested_memory: Memory::DEFAULT,
        came_from: String::new(),
        tested_with: String::new(),
    }
}

pub(super) fn host_tree() -> ImageFacts {
    let sizes = vec![DiskSize::DEFAULT];
    let id = "host".parse().expect("a slug");
    ImageFacts {
        id,
        title: "Host".into(),
        origin: ImageOrigin::Host,
        sha256: String::new(),
        kind: ImageKind::HostTree,
        file_system: None,
        fills_disk: false,
        sizes,
        taken_bytes: 0,
        ..tiny()
    }
}

/// Those that every simulated host has.
pub(super) fn images() -> Vec<ImageFacts> {
    vec![tiny(), host_tree()]
}

pub(super) fn of_disk(
    inner: &mut Inner,
    guest: GuestId,
    generation: Generation,
) -> Result<&mut SimulatedGuest, Refusal> {
    let guest = inner.guests.get_mut(&guest).filter(|guest| guest.disk.is_some()).ok_or(Refusal::NoDisk)?;
    check(guest.heard, generation)?;
    guest.heard = generation;
    Ok(guest)
}

/// What a disk holds that was put among the uploads; behind it all is zero.
pub(super) fn read_upload(inner: &Inner, upload: UploadId, size: DiskSize) -> Result<String, Refusal> {
    let unknown = || Refusal::UnknownUpload { upload };
    let path = inner.layout.as_ref().ok_or_else(unknown)?.upload(upload).join("disk");
    let file = std::fs::File::open(path).map_err(|_| unknown())?;
    if file.metadata().is_ok_and(|facts| facts.len() != size.bytes()) {
        return Err(Refusal::BadDisk { reason: "another size".into() });
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, 4096), &mut bytes).map_err(|_| unknown())?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
}

pub(super) fn facts_of(written: &str) -> SnapshotFacts {
    SnapshotFacts { taken_bytes: written.len() as u64, stood_still_ms: None }
}

pub(super) fn put_image(inner: &mut Inner, id: ImageId, origin: ImageOrigin, said: ImageSaid) {
    if !inner.images.iter().any(|known| known.id == id) {
        let ImageSaid { title, description, default_user, suggested_memory, origin: _, came_from, tested_with } = said;
        let facts = ImageFacts { id, title, description, origin, default_user, suggested_memory, ..tiny() };
        inner.images.push(ImageFacts { came_from, tested_with, ..facts });
    }
}

/// Every simulated disk has a host key, and a log of what was written to it.
pub(super) fn traces(inner: &Inner, of: &DiskOf) -> Result<Vec<Found>, Refusal> {
    let snapshot = inner.guests.get(&of.guest).and_then(|guest| guest.snapshots.get(&of.snapshot));
    let written = snapshot.ok_or(Refusal::UnknownSnapshot { snapshot: of.snapshot })?;
    let found = |trace, bytes, name: &str| Found { trace, files: 1, bytes, names: vec![name.to_owned()] };
    Ok(vec![
        found(Trace::HostKeys, 411, "/etc/ssh/ssh_host_ed25519_key"),
        found(Trace::Logs, written.len() as u64, "/var/log/messages"),
    ])
}

pub(super) fn bad_volume(volume: VolumeId) -> Refusal {
    Refusal::BadVolume { volume, reason: "it has another size".into() }
}

pub(super) fn in_use(volume: VolumeId) -> Refusal {
    Refusal::VolumeInUse { volume, reason: "another guest that runs has it".into() }
}

pub(super) fn holders(inner: &Inner, volume: VolumeId) -> Vec<(GuestId, VolumeAccess)> {
    let alive = inner.guests.iter().filter(|(_, guest)| guest.seen.is_alive());
    let held = alive.flat_map(|(id, guest)| guest.volumes.iter().map(move |at| (*id, at)));
    held.filter(|(_, at)| at.volume == volume).map(|(id, at)| (id, at.access)).collect()
}

pub(super) fn hold(inner: &Inner, guest: GuestId, at: &VolumeAt) -> Result<(), Refusal> {
    let volume = at.volume;
    if !inner.volumes.contains_key(&volume) {
        return Err(Refusal::UnknownVolume { volume });
    }
    let others = holders(inner, volume).into_iter().filter(|(other, _)| *other != guest);
    let others: Vec<VolumeAccess> = others.map(|(_, access)| access).collect();
    if at.access.fits(&others) { Ok(()) } else { Err(in_use(volume)) }
}
