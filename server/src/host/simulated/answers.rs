use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use async_trait::async_trait;
use umbel_guest::publish::Found;
use umbel_guest::{
    Boot, DiskKind, DiskSize, Exit, Forward, Generation, GuestId, ImageId, ImageOrigin, KernelId, KernelOrigin, Limits,
    Logins, Memory, NetworkId, Sample, Seen, Series, Setup, SetupSeen, SnapshotId, Span, StrayName, SysRqKey, Until,
    UploadId, VolumeId, WallState,
};
use umbel_wire::agent::{
    BaseUse, BuildSeen, DiskFacts, DiskOf, DiskSource, DiskUse, FilesRead, GuestFacts, HostFacts, ImageFacts,
    ImageSaid, Inventory, KernelFacts, MemoryInside, Moved, NetworkFacts, ParcelFacts, ParcelOrder, Refusal,
    SnapshotFacts, StartOrder, StopHow, StorageFacts, StrayFacts, VolumeAt, VolumeFacts, Wall,
};
use umbel_wire::frame::FrameError;

use super::disks::{bad_volume, facts_of, hold, holders, in_use, of_disk, put_image, read_upload, tiny, traces};
use super::networks::facts;
use super::{Inner, Simulated, SimulatedGuest, Temper, builds, debian, files};
use crate::host::{Host, HostError};

pub(super) fn check(heard: Generation, asked: Generation) -> Result<(), Refusal> {
    if asked < heard { Err(Refusal::Stale { asked, have: heard }) } else { Ok(()) }
}

fn running(inner: &mut Inner, guest: GuestId, generation: Generation) -> Result<&mut SimulatedGuest, Refusal> {
    let guest = inner.guests.get_mut(&guest).ok_or(Refusal::NotRunning)?;
    check(guest.heard, generation)?;
    match guest.seen {
        Seen::Running { .. } => Ok(guest),
        Seen::Paused { .. } => Err(Refusal::IsPaused),
        Seen::Starting | Seen::Stopping => Err(Refusal::StillRunning),
        Seen::Gone | Seen::Ended { .. } => Err(Refusal::NotRunning),
    }
}

#[async_trait]
impl Host for Simulated {
    async fn facts(&self) -> Result<HostFacts, HostError> {
        let inner = self.begin("host", "")?;
        let used: u32 =
            inner.guests.values().filter(|g| g.seen.is_alive()).filter_map(|g| g.memory).map(Memory::mib).sum();
        Ok(HostFacts {
            profile: inner.profile,
            memory_total_mib: inner.memory_mib,
            memory_available_mib: inner.memory_mib.saturating_sub(used),
            cores: 2,
            disk_total_mib: 20_480,
            disk_free_mib: inner.disk_free_mib,
        })
    }

    async fn storage(&self) -> Result<StorageFacts, HostError> {
        let inner = &*self.begin("storage", "")?;
        let base = BaseUse { image: tiny().id, size: DiskSize::DEFAULT, taken_bytes: 3 << 20 };
        let bytes = |text: &String| text.len() as u64;
        let disks = inner.guests.iter().filter(|(_, guest)| guest.disk.is_some()).map(|(id, guest)| DiskUse {
            guest: *id,
            taken_bytes: bytes(&guest.written),
            snapshots: guest.snapshots.iter().map(|(id, text)| (*id, bytes(text))).collect(),
        });
        Ok(StorageFacts { bases: vec![base], disks: disks.collect(), ..StorageFacts::default() })
    }

    async fn walls(&self) -> Result<Vec<Wall>, HostError> {
        drop(self.begin("walls", "")?);
        Ok(vec![Wall { name: "uid".into(), state: WallState::Stands { does: "one per guest".into() } }])
    }

    async fn kernels(&self) -> Result<Vec<KernelFacts>, HostError> {
        Ok(self.begin("kernels", "")?.kernels.clone())
    }

    async fn kernel_add(&self, kernel: KernelId, upload: UploadId) -> Result<(), HostError> {
        let inner = &mut *self.begin("kernel_add", &format!("{kernel} {upload}"))?;
        if !inner.kernels.iter().any(|known| known.id == kernel) {
            inner.kernels.push(KernelFacts {
                id: kernel,
                origin: KernelOrigin::Uploaded,
                is_default: false,
                ..debian()
            });
        }
        Ok(())
    }

    async fn kernel_remove(&self, kernel: KernelId) -> Result<(), HostError> {
        self.begin("kernel_remove", kernel.as_str())?.kernels.retain(|known| known.id != kernel);
        Ok(())
    }

    async fn images(&self) -> Result<Vec<ImageFacts>, HostError> {
        Ok(self.begin("images", "")?.images.clone())
    }

    async fn image_prepare(&self, image: ImageId) -> Result<ImageFacts, HostError> {
        drop(self.begin("image_prepare", image.as_str())?);
        if image == tiny().id { Ok(tiny()) } else { Err(Refusal::UnknownImage { image }.into()) }
    }

    async fn image_import(&self, image: ImageId, upload: UploadId, said: ImageSaid) -> Result<(), HostError> {
        drop(self.begin("image_import", &format!("{image} {upload}"))?);
        self.import(image, said).await
    }

    async fn image_making(&self, image: ImageId) -> Result<Option<u8>, HostError> {
        Ok(self.percent(&image))
    }

    async fn image_stop(&self, image: ImageId) -> Result<(), HostError> {
        self.begin("image_stop", image.as_str())?.stopped.insert(image);
        Ok(())
    }

    async fn image_publish(
        &self,
        image: ImageId,
        of: DiskOf,
        logins: Logins,
        said: ImageSaid,
    ) -> Result<Vec<Found>, HostError> {
        let words = format!("{image} {} {} {}", of.guest, of.snapshot, logins.name());
        let inner = &mut *self.begin("image_publish", &words)?;
        let found = traces(inner, &of)?;
        put_image(inner, image, ImageOrigin::Published, said);
        Ok(found)
    }

    async fn snapshot_traces(&self, of: DiskOf) -> Result<Vec<Found>, HostError> {
        let inner = &*self.begin("snapshot_traces", &format!("{} {}", of.guest, of.snapshot))?;
        Ok(traces(inner, &of)?)
    }

    async fn files_read(&self, asked: FilesRead) -> Result<(), HostError> {
        Ok(files::read(&*self.begin("files_read", &asked.path.to_string())?, &asked)?)
    }

    async fn recipe_build(&self, upload: UploadId, _: String) -> Result<TcpListener, HostError> {
        builds::begin(&mut *self.begin("recipe_build", &upload.to_string())?, upload)
    }

    async fn recipe_seen(&self, upload: UploadId, from: u64, _: u32) -> Result<BuildSeen, HostError> {
        self.build_seen(upload, from).await
    }

    async fn recipe_end(&self, upload: UploadId) -> Result<(), HostError> {
        self.begin("recipe_end", &upload.to_string())?.builds.remove(&upload);
        Ok(())
    }

    async fn image_remove(&self, image: ImageId) -> Result<(), HostError> {
        self.begin("image_remove", image.as_str())?.images.retain(|known| known.id != image);
        Ok(())
    }

    async fn disk_create(
        &self,
        guest: GuestId,
        generation: Generation,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError> {
        let inner = self.begin("disk_create", &guest.to_string())?;
        inner.guests.get(&guest).map_or(Ok(()), |found| check(found.heard, generation))?;
        if u64::from(size.mib()) > inner.disk_free_mib {
            return Err(Refusal::DiskFull { free_mib: inner.disk_free_mib }.into());
        }
        drop(inner);
        self.change(|inner| {
            let fresh = SimulatedGuest {
                heard: generation,
                seen: Seen::Gone,
                seen_generation: Generation::default(),
                disk: None,
                memory: None,
                limits: None,
                boot: Boot::Normal,
                card: None,
                said: Vec::new(),
                setup: inner.setups.contains_key(&guest).then_some(SetupSeen::Waits),
                written: String::new(),
                snapshots: BTreeMap::new(),
                volumes: Vec::new(),
                parcel: None,
            };
            inner.guests.entry(guest).or_insert(fresh).disk = Some((image, size, kind));
        });
        Ok(())
    }

    async fn setup_put(&self, guest: GuestId, generation: Generation, setup: Setup) -> Result<(), HostError> {
        let inner = self.begin("setup_put", &guest.to_string())?;
        if let Some(found) = inner.guests.get(&guest) {
            check(found.heard, generation)?;
            if found.seen.is_alive() {
                return Err(Refusal::StillRunning.into());
            }
        }
        drop(inner);
        self.change(|inner| {
            inner.setups.insert(guest, setup);
            if let Some(found) = inner.guests.get_mut(&guest) {
                found.setup = Some(SetupSeen::Waits);
            }
        });
        Ok(())
    }

    async fn disk(&self, guest: GuestId) -> Result<DiskFacts, HostError> {
        let inner = self.begin("disk", &guest.to_string())?;
        let written = inner.guests.get(&guest).ok_or(Refusal::NoDisk)?.written.len();
        Ok(DiskFacts { taken_bytes: written as u64, shares_blocks: false })
    }

    async fn disk_copy(
        &self,
        guest: GuestId,
        generation: Generation,
        of: GuestId,
        snapshot: SnapshotId,
    ) -> Result<(), HostError> {
        let (written, disk) = {
            let inner = self.begin("disk_copy", &format!("{guest} {of} {snapshot}"))?;
            let source = inner.guests.get(&of).ok_or(Refusal::UnknownSnapshot { snapshot })?;
            let written = source.snapshots.get(&snapshot).cloned().ok_or(Refusal::UnknownSnapshot { snapshot })?;
            (written, source.disk.clone().ok_or(Refusal::NoDisk)?)
        };
        let (image, size, kind) = disk;
        self.disk_create(guest, generation, image, size, kind).await?;
        self.change(|inner| {
            if let Some(made) = inner.guests.get_mut(&guest) {
                made.written = written;
            }
        });
        Ok(())
    }

    async fn disk_swap(
        &self,
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    ) -> Result<SnapshotFacts, HostError> {
        let inner = &mut *self.begin("disk_swap", &guest.to_string())?;
        let uploaded = match &with {
            DiskSource::Upload { upload, size, .. } => read_upload(inner, *upload, *size),
            _ => Ok(String::new()),
        };
        let guest = of_disk(inner, guest, generation)?;
        if guest.seen.is_alive() {
            return Err(Refusal::StillRunning.into());
        }
        if !guest.snapshots.contains_key(&keep) {
            let written = match with {
                DiskSource::Image { .. } => String::new(),
                DiskSource::Snapshot { snapshot } => {
                    guest.snapshots.get(&snapshot).ok_or(Refusal::UnknownSnapshot { snapshot })?.clone()
                }
                DiskSource::Upload { .. } => uploaded?,
                DiskSource::Moved { snapshot } => {
                    guest.snapshots.remove(&snapshot).ok_or(Refusal::UnknownSnapshot { snapshot })?
                }
            };
            let before = std::mem::replace(&mut guest.written, written);
            guest.snapshots.insert(keep, before);
        }
        Ok(facts_of(&guest.snapshots[&keep]))
    }

    async fn disk_swap_back(
        &self,
        guest: GuestId,
        generation: Generation,
        keep: SnapshotId,
        with: DiskSource,
    ) -> Result<(), HostError> {
        let inner = &mut *self.begin("disk_swap_back", &guest.to_string())?;
        let guest = of_disk(inner, guest, generation)?;
        if let Some(kept) = guest.snapshots.remove(&keep) {
            let swapped = std::mem::replace(&mut guest.written, kept);
            if let DiskSource::Moved { snapshot } = with {
                guest.snapshots.insert(snapshot, swapped);
            }
        }
        Ok(())
    }

    async fn snapshot_take(
        &self,
        guest: GuestId,
        generation: Generation,
        snapshot: SnapshotId,
    ) -> Result<SnapshotFacts, HostError> {
        let inner = &mut *self.begin("snapshot_take", &guest.to_string())?;
        let guest = of_disk(inner, guest, generation)?;
        let written = guest.written.clone();
        let stood_still_ms = guest.seen.is_alive().then_some(1);
        let kept = guest.snapshots.entry(snapshot).or_insert(written);
        Ok(SnapshotFacts { stood_still_ms, ..facts_of(kept) })
    }

    async fn snapshot_lend(
        &self,
        guest: GuestId,
        snapshot: SnapshotId,
        upload: UploadId,
        _: ImageId,
        size: DiskSize,
        _: DiskKind,
    ) -> Result<(), HostError> {
        let inner = self.begin("snapshot_lend", &format!("{guest} {snapshot} {upload}"))?;
        let written = inner.guests.get(&guest).and_then(|guest| guest.snapshots.get(&snapshot));
        let written = written.ok_or(Refusal::UnknownSnapshot { snapshot })?;
        let place = inner.layout.as_ref().ok_or(Refusal::UnknownUpload { upload })?.upload(upload);
        let path = place.join("disk");
        let made = std::fs::write(&path, written)
            .and_then(|()| std::fs::File::options().write(true).open(&path)?.set_len(size.bytes()));
        made.map_err(|_| Refusal::UnknownUpload { upload })?;
        Ok(())
    }

    async fn disk_upload(
        &self,
        guest: GuestId,
        generation: Generation,
        upload: UploadId,
        image: ImageId,
        size: DiskSize,
        kind: DiskKind,
    ) -> Result<(), HostError> {
        if self.lock().guests.get(&guest).is_some_and(|guest| guest.disk.is_some()) {
            return Ok(());
        }
        let written = read_upload(&*self.begin("disk_upload", &format!("{guest} {upload}"))?, upload, size)?;
        self.disk_create(guest, generation, image, size, kind).await?;
        self.change(|inner| {
            if let Some(made) = inner.guests.get_mut(&guest) {
                made.written = written;
            }
        });
        Ok(())
    }

    async fn snapshot_remove(&self, guest: GuestId, snapshot: SnapshotId) -> Result<(), HostError> {
        let inner = &mut *self.begin("snapshot_remove", &format!("{guest} {snapshot}"))?;
        if let Some(guest) = inner.guests.get_mut(&guest) {
            guest.snapshots.remove(&snapshot);
        }
        Ok(())
    }

    async fn volume_create(&self, volume: VolumeId, size: DiskSize) -> Result<(), HostError> {
        let inner = &mut *self.begin("volume_create", &volume.to_string())?;
        match inner.volumes.insert(volume, size.bytes()) {
            Some(other) if other != size.bytes() => Err(bad_volume(volume).into()),
            _ => Ok(()),
        }
    }

    async fn volume_grow(&self, volume: VolumeId, size: DiskSize) -> Result<(), HostError> {
        let inner = &mut *self.begin("volume_grow", &volume.to_string())?;
        if !holders(inner, volume).is_empty() {
            return Err(in_use(volume).into());
        }
        let bytes = inner.volumes.get_mut(&volume).ok_or(Refusal::UnknownVolume { volume })?;
        if *bytes > size.bytes() {
            return Err(bad_volume(volume).into());
        }
        *bytes = size.bytes();
        Ok(())
    }

    async fn volume_remove(&self, volume: VolumeId) -> Result<(), HostError> {
        let inner = &mut *self.begin("volume_remove", &volume.to_string())?;
        if !holders(inner, volume).is_empty() {
            return Err(in_use(volume).into());
        }
        inner.volumes.remove(&volume);
        Ok(())
    }

    async fn volumes(&self) -> Result<Vec<VolumeFacts>, HostError> {
        let inner = self.begin("volumes", "")?;
        let facts = |(volume, bytes): (&VolumeId, &u64)| VolumeFacts {
            volume: *volume,
            size_bytes: *bytes,
            taken_bytes: 0,
            held_by: holders(&inner, *volume).into_iter().map(|(guest, _)| guest).collect(),
        };
        Ok(inner.volumes.iter().map(facts).collect())
    }

    async fn volume_attach(&self, guest: GuestId, generation: Generation, at: VolumeAt) -> Result<(), HostError> {
        let inner = &mut *self.begin("volume_attach", &format!("{guest} {} {}", at.slot, at.volume))?;
        hold(inner, guest, &at)?;
        running(inner, guest, generation)?.volumes.retain(|other| other.volume != at.volume);
        running(inner, guest, generation)?.volumes.push(at);
        Ok(())
    }

    async fn volume_detach(&self, guest: GuestId, generation: Generation, volume: VolumeId) -> Result<(), HostError> {
        let inner = &mut *self.begin("volume_detach", &format!("{guest} {volume}"))?;
        running(inner, guest, generation)?.volumes.retain(|other| other.volume != volume);
        Ok(())
    }

    async fn parcel(&self, order: ParcelOrder) -> Result<Option<ParcelFacts>, HostError> {
        self.parcel_act(order)
    }

    async fn start(&self, order: StartOrder) -> Result<(), HostError> {
        let mut inner = self.begin("start", &format!("{} {}", order.guest, order.generation))?;
        order.volumes.iter().try_for_each(|at| hold(&inner, order.guest, at))?;
        let (temper, now) = (inner.temper.clone(), self.clock.now());
        if let Some(card) = order.card
            && !inner.networks.iter().any(|(id, _)| *id == card.network)
        {
            return Err(Refusal::UnknownNetwork { network: card.network }.into());
        }
        let guest = inner.guests.get_mut(&order.guest).filter(|g| g.disk.is_some()).ok_or(Refusal::NoDisk)?;
        check(guest.heard, order.generation)?;
        if guest.seen.is_alive() {
            let same = guest.seen_generation == order.generation;
            return if same { Ok(()) } else { Err(Refusal::StillRunning.into()) };
        }
        guest.heard = order.generation;
        guest.seen_generation = order.generation;
        guest.memory = Some(order.memory);
        guest.volumes = order.volumes;
        (guest.limits, guest.boot, guest.card) = (Some(order.limits), order.boot, order.card);
        guest.seen = match temper {
            Temper::Good => Seen::Running { since: now },
            Temper::Stubborn => Seen::Starting,
            Temper::Dies(exit) => Seen::Ended { at: now, exit },
        };
        drop(inner);
        self.change(|_| {});
        Ok(())
    }

    async fn stop(&self, guest: GuestId, generation: Generation, how: StopHow) -> Result<(), HostError> {
        let mut inner = self.begin("stop", &format!("{guest} {generation} {how:?}"))?;
        let (temper, at) = (inner.temper.clone(), self.clock.now());
        let guest = inner.guests.get_mut(&guest).ok_or(Refusal::NotRunning)?;
        check(guest.heard, generation)?;
        guest.heard = generation;
        if !guest.seen.is_alive() {
            return Err(Refusal::NotRunning.into());
        }
        guest.seen = match (how, temper) {
            (StopHow::Kill, _) => Seen::Ended { at, exit: Exit::Killed },
            (StopHow::ShutDown, Temper::Stubborn) => Seen::Stopping,
            (StopHow::ShutDown, _) => Seen::Ended { at, exit: Exit::PoweredOff },
        };
        drop(inner);
        self.change(|_| {});
        Ok(())
    }

    async fn purge(&self, guest: GuestId, generation: Generation) -> Result<(), HostError> {
        let inner = self.begin("purge", &guest.to_string())?;
        if let Some(found) = inner.guests.get(&guest) {
            check(found.heard, generation)?;
            if found.seen.is_alive() {
                return Err(Refusal::StillRunning.into());
            }
        }
        drop(inner);
        self.change(|inner| {
            inner.guests.remove(&guest);
            inner.setups.remove(&guest);
        });
        Ok(())
    }

    async fn inventory(&self, after: u64, wait_ms: u32) -> Result<Inventory, HostError> {
        let changed = self.changed.notified();
        let (version, away) = {
            let inner = self.lock();
            (inner.version, inner.away)
        };
        if version <= after && !away {
            let _ = tokio::time::timeout(Duration::from_millis(wait_ms.into()), changed).await;
        }
        let inner = self.lock();
        if inner.away {
            return Err(HostError::Away(FrameError::Closed));
        }
        let guests = inner.guests.iter().map(|(&guest, g)| GuestFacts {
            guest,
            generation: g.seen_generation,
            seen: g.seen.clone(),
            has_disk: g.disk.is_some(),
            said: g.said.clone(),
            setup: g.setup.clone(),
        });
        Ok(Inventory { version: inner.version, guests: guests.collect() })
    }

    async fn limit(&self, guest: GuestId, generation: Generation, limits: Limits) -> Result<(), HostError> {
        let mut inner = self.begin("limit", &guest.to_string())?;
        let guest = inner.guests.get_mut(&guest).ok_or(Refusal::NotRunning)?;
        check(guest.heard, generation)?;
        guest.limits = Some(limits);
        Ok(())
    }

    async fn pause(&self, guest: GuestId, generation: Generation, paused: bool) -> Result<(), HostError> {
        let mut inner = self.begin("pause", &format!("{guest} {paused}"))?;
        let since = self.clock.now();
        let guest = inner.guests.get_mut(&guest).ok_or(Refusal::NotRunning)?;
        check(guest.heard, generation)?;
        guest.seen = match (&guest.seen, paused) {
            (Seen::Running { .. }, true) => Seen::Paused { since, until: Until::Asked },
            (Seen::Paused { .. }, false) => Seen::Running { since },
            (Seen::Running { .. } | Seen::Paused { .. }, _) => return Ok(()),
            _ => return Err(Refusal::NotRunning.into()),
        };
        drop(inner);
        self.change(|_| {});
        Ok(())
    }

    async fn sysrq(&self, guest: GuestId, _: Generation, key: SysRqKey) -> Result<(), HostError> {
        let inner = self.begin("sysrq", &format!("{guest} {}", key.key()))?;
        let alive = inner.guests.get(&guest).is_some_and(|guest| guest.seen.is_alive());
        if alive { Ok(()) } else { Err(Refusal::NotRunning.into()) }
    }

    async fn metrics(&self, guest: Option<GuestId>, span: Span) -> Result<Series, HostError> {
        drop(self.begin("metrics", &format!("{guest:?} {span:?}"))?);
        let mut samples = vec![None; span.length() - 1];
        samples.push(Some(Sample { cpu_permille: 250, memory_kib: 13_000, processes: 9, ..Sample::default() }));
        Ok(Series { span, end: self.clock.now(), samples })
    }

    async fn memory_inside(&self, guest: GuestId) -> Result<MemoryInside, HostError> {
        let inner = self.begin("memory_inside", &guest.to_string())?;
        let alive = inner.guests.get(&guest).is_some_and(|guest| guest.seen.is_alive());
        let answer = MemoryInside { total_kib: 60_000, available_kib: 40_000 };
        if alive { Ok(answer) } else { Err(Refusal::NotRunning.into()) }
    }

    async fn network_ensure(&self, network: NetworkId) -> Result<NetworkFacts, HostError> {
        let mut inner = self.begin("network_ensure", &network.to_string())?;
        let place = match inner.networks.iter().position(|(id, _)| *id == network) {
            Some(place) => place,
            None => {
                inner.networks.push((network, Vec::new()));
                inner.networks.len() - 1
            }
        };
        Ok(facts(place, network, &inner.networks[place].1))
    }

    async fn networks(&self) -> Result<Vec<NetworkFacts>, HostError> {
        let inner = self.begin("networks", "")?;
        Ok(inner.networks.iter().enumerate().map(|(place, (id, ports))| facts(place, *id, ports)).collect())
    }

    async fn network_forwards(&self, network: NetworkId, forwards: Vec<Forward>) -> Result<(), HostError> {
        let mut inner = self.begin("network_forwards", &format!("{network} {}", forwards.len()))?;
        let found = inner.networks.iter_mut().find(|(id, _)| *id == network);
        found.ok_or(Refusal::UnknownNetwork { network })?.1 = forwards;
        Ok(())
    }

    async fn traffic(&self) -> Result<Vec<(GuestId, Moved)>, HostError> {
        Ok(self.begin("traffic", "")?.moved.clone().into_iter().collect())
    }

    async fn network_remove(&self, network: NetworkId) -> Result<(), HostError> {
        let mut inner = self.begin("network_remove", &network.to_string())?;
        let plugged =
            |guest: &SimulatedGuest| guest.seen.is_alive() && guest.card.is_some_and(|c| c.network == network);
        if inner.guests.values().any(plugged) {
            return Err(Refusal::NetworkInUse.into());
        }
        inner.networks.retain(|(id, _)| *id != network);
        Ok(())
    }

    async fn strays(&self) -> Result<Vec<StrayFacts>, HostError> {
        Ok(self.begin("strays", "")?.strays.clone())
    }

    async fn disk_adopt(&self, guest: GuestId, generation: Generation, stray: StrayName) -> Result<(), HostError> {
        let known = self.begin("disk_adopt", &format!("{guest} {stray}"))?.strays.iter().any(|s| s.name == stray);
        if !known {
            return Err(Refusal::UnknownStray { stray: stray.into() }.into());
        }
        let image = "adopted".parse().expect("a slug");
        self.disk_create(guest, generation, image, DiskSize::DEFAULT, DiskKind::Plain).await
    }
}
