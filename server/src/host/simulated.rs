//! A host without a kernel: the same promises as the agent's, in memory, its guests moved on by a test.
//! What a test steers is here, what the panel asks in `answers`.

mod answers;
mod builds;
mod disks;
mod files;
mod networks;
mod parcels;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use umbel_guest::{
    Boot, DiskKind, DiskSize, Exit, Forward, Generation, GuestId, ImageId, KernelFeatures, KernelMode, KernelOrigin,
    Limits, Memory, NetworkId, Seen, Setup, SetupSeen, SnapshotId, StrayName, UploadId, VolumeId,
};
use umbel_wire::Layout;
use umbel_wire::agent::{Card, ImageFacts, KernelFacts, Moved, Profile, Refusal, Said, StrayFacts, VolumeAt};
use umbel_wire::frame::FrameError;

use super::HostError;
use crate::clock::Clock;

/// What a guest does when it is started, or asked to shut down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Runs at once; shuts down at once.
    Good,
    /// Stays where it is until the test moves it.
    Stubborn,
    /// Ends like this as soon as it is started.
    Dies(Exit),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SimulatedGuest {
    heard: Generation,
    seen: Seen,
    seen_generation: Generation,
    disk: Option<(ImageId, DiskSize, DiskKind)>,
    memory: Option<Memory>,
    limits: Option<Limits>,
    /// Of its last start.
    boot: Boot,
    card: Option<Card>,
    said: Vec<Said>,
    setup: Option<SetupSeen>,
    /// What was written to its disk since it was made.
    written: String,
    /// What it runs with.
    volumes: Vec<VolumeAt>,
    /// The file that is on its way.
    parcel: Option<parcels::Parcel>,
    /// What was on it that is kept.
    snapshots: BTreeMap<SnapshotId, String>,
}

#[derive(Debug)]
struct Inner {
    version: u64,
    guests: BTreeMap<GuestId, SimulatedGuest>,
    /// What each is to be told, whether it is made or not.
    setups: BTreeMap<GuestId, Setup>,
    away: bool,
    temper: Temper,
    failures: HashMap<&'static str, Refusal>,
    memory_mib: u32,
    disk_free_mib: u64,
    profile: Profile,
    kernels: Vec<KernelFacts>,
    images: Vec<ImageFacts>,
    /// Each with the ports that lead into it; the third byte of a subnet is its place.
    networks: Vec<(NetworkId, Vec<Forward>)>,
    moved: BTreeMap<GuestId, Moved>,
    strays: Vec<StrayFacts>,
    /// In bytes.
    volumes: BTreeMap<VolumeId, u64>,
    calls: Vec<String>,
    layout: Option<Layout>,
    builds: BTreeMap<UploadId, builds::Building>,
    /// Builds wait for the test.
    slow_builds: bool,
    /// How far images are that somebody waits for.
    slow_imports: Option<u8>,
    stopped: BTreeSet<ImageId>,
    /// Guests take and give files only when a test says so.
    slow_parcels: bool,
}

/// Clones are the same host.
#[derive(Clone, Debug)]
pub struct Simulated {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<Notify>,
    clock: Clock,
}

impl Simulated {
    /// 1 GiB of memory, 10 GiB of disk, the images `tiny-5` and `host`, one kernel `debian-6.1`.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner {
            version: 1,
            guests: BTreeMap::new(),
            setups: BTreeMap::new(),
            away: false,
            temper: Temper::Good,
            failures: HashMap::new(),
            memory_mib: 1024,
            disk_free_mib: 10_240,
            profile: Profile::Hosting,
            kernels: vec![debian()],
            images: disks::images(),
            networks: Vec::new(),
            moved: BTreeMap::new(),
            strays: Vec::new(),
            volumes: BTreeMap::new(),
            calls: Vec::new(),
            layout: None,
            builds: BTreeMap::new(),
            slow_builds: false,
            slow_imports: None,
            stopped: BTreeSet::new(),
            slow_parcels: false,
        };
        Self { inner: Arc::new(Mutex::new(inner)), changed: Arc::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        inner.version += 1;
        drop(inner);
        self.changed.notify_waiters();
    }

    pub fn set_disk_free_mib(&self, disk_free_mib: u64) {
        self.change(|inner| inner.disk_free_mib = disk_free_mib);
    }

    pub fn set_away(&self, away: bool) {
        self.change(|inner| inner.away = away);
    }

    pub fn is_away(&self) -> bool {
        self.lock().away
    }

    pub fn set_temper(&self, temper: Temper) {
        self.lock().temper = temper;
    }

    pub fn set_memory(&self, mib: u32) {
        self.lock().memory_mib = mib;
    }

    pub fn set_profile(&self, profile: Profile) {
        self.lock().profile = profile;
    }

    /// As another version of the one that every simulated host has.
    pub fn put_image(&self, id: &str) {
        let mut inner = self.lock();
        let tiny = inner.images.first().cloned();
        inner.images.extend(tiny.map(|tiny| ImageFacts { id: id.parse().expect("a slug"), ..tiny }));
    }

    /// A kernel that wasn't put in by the panel.
    pub fn put_kernel(&self, kernel: KernelFacts) {
        self.lock().kernels.push(kernel);
    }

    pub fn put_stray(&self, name: StrayName, size_bytes: u64) {
        let file_system = Some("ext4".into());
        self.lock().strays.push(StrayFacts { name, size_bytes, file_system, refused: None });
    }

    /// All that has passed a guest's card, ever.
    pub fn set_moved(&self, guest: GuestId, moved: Moved) {
        self.lock().moved.insert(guest, moved);
    }

    /// As if root in the guest wrote it to /proc/mconsole.
    pub fn say(&self, guest: GuestId, text: &str) {
        let at = self.clock.now();
        self.change(|inner| {
            let Some(found) = inner.guests.get_mut(&guest) else { return };
            found.said.push(Said { at, text: text.into(), missed: 0 });
            parcels::heard(found, text, at);
            if let Some(outcome) = SetupSeen::of(text, at).filter(|_| found.setup == Some(SetupSeen::Waits)) {
                found.setup = Some(outcome);
                inner.setups.remove(&guest);
            }
        });
    }

    /// What a guest is to be told.
    pub fn setup(&self, guest: GuestId) -> Option<Setup> {
        self.lock().setups.get(&guest).cloned()
    }

    /// How many are to be told something.
    pub fn setups(&self) -> usize {
        self.lock().setups.len()
    }

    /// As if it wrote to its disk.
    pub fn write(&self, guest: GuestId, text: &str) {
        self.change(|inner| {
            if let Some(guest) = inner.guests.get_mut(&guest) {
                guest.written.push_str(text);
            }
        });
    }

    /// Where the panel's uploads are; without, nothing is lent and nothing taken over.
    pub fn share_uploads(&self, layout: Layout) {
        self.lock().layout = Some(layout);
    }

    /// As on a host where none was made yet.
    pub fn forget_images(&self) {
        self.lock().images.clear();
    }

    /// What was written to its disk, and what the copies of it hold, in the order of their ids.
    pub fn disks(&self, guest: GuestId) -> Option<(String, Vec<String>)> {
        let inner = self.lock();
        let guest = inner.guests.get(&guest)?;
        Some((guest.written.clone(), guest.snapshots.values().cloned().collect()))
    }

    /// The limits, the boot and the card that a guest was last given.
    pub fn given(&self, guest: GuestId) -> Option<(Option<Limits>, Boot, Option<Card>)> {
        self.lock().guests.get(&guest).map(|guest| (guest.limits, guest.boot, guest.card))
    }

    /// A file that no panel asked for.
    pub fn put_volume(&self, volume: VolumeId, size: DiskSize) {
        self.lock().volumes.insert(volume, size.bytes());
    }

    /// How large it is, where it is there.
    pub fn volume(&self, volume: VolumeId) -> Option<u64> {
        self.lock().volumes.get(&volume).copied()
    }

    /// What a guest that runs has.
    pub fn volumes_of(&self, guest: GuestId) -> Vec<VolumeAt> {
        let inner = self.lock();
        inner
            .guests
            .get(&guest)
            .filter(|guest| guest.seen.is_alive())
            .map(|guest| guest.volumes.clone())
            .unwrap_or_default()
    }

    /// As if somebody had given it to the guest, or taken it away, without the panel.
    pub fn edit_volumes(&self, guest: GuestId, edit: impl FnOnce(&mut Vec<VolumeAt>)) {
        self.change(|inner| {
            if let Some(guest) = inner.guests.get_mut(&guest) {
                edit(&mut guest.volumes);
            }
        });
    }

    /// The ports that lead into a network; `None` where it isn't there.
    pub fn forwards(&self, network: NetworkId) -> Option<Vec<Forward>> {
        let inner = self.lock();
        inner.networks.iter().find(|(id, _)| *id == network).map(|(_, forwards)| forwards.clone())
    }

    /// The next call of that name is refused like this, once.
    pub fn fail_next(&self, call: &'static str, refusal: Refusal) {
        self.lock().failures.insert(call, refusal);
    }

    /// Moves a guest on, as its shim would report it.
    pub fn advance(&self, guest: GuestId, seen: Seen) {
        self.change(|inner| {
            if let Some(guest) = inner.guests.get_mut(&guest) {
                guest.seen = seen;
            }
        });
    }

    /// As after a reboot: what ran ended with the host.
    pub fn reboot(&self) {
        let at = self.clock.now();
        self.change(|inner| {
            for guest in inner.guests.values_mut().filter(|guest| guest.seen.is_alive()) {
                guest.seen = Seen::Ended { at, exit: Exit::HostRestarted };
            }
            inner.networks.clear();
        });
    }

    /// Every call so far, in words.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// What is on the host, for comparison.
    pub fn dump(&self) -> String {
        let inner = self.lock();
        let guests = inner.guests.iter().map(|(id, guest)| {
            let alive = guest.seen.is_alive();
            let (written, kept) = (&guest.written, guest.snapshots.values());
            format!("{id} disk={:?} alive={alive} written={written:?} kept={:?}\n", guest.disk, kept)
        });
        let volumes = inner.volumes.iter().map(|(id, bytes)| format!("volume {id} {bytes}\n"));
        let kernels = inner.kernels.iter().map(|kernel| format!("{}\n", kernel.id));
        guests.chain(volumes).chain(kernels).collect()
    }

    fn begin(&self, call: &'static str, about: &str) -> Result<MutexGuard<'_, Inner>, HostError> {
        let mut inner = self.lock();
        if inner.away {
            return Err(HostError::Away(FrameError::Io(io::ErrorKind::ConnectionRefused.into())));
        }
        inner.calls.push(format!("{call} {about}"));
        match inner.failures.remove(call) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(inner),
        }
    }
}

/// The distribution's kernel.
pub fn debian() -> KernelFacts {
    KernelFacts {
        id: "debian-6.1".parse().expect("a slug"),
        version: "6.1".into(),
        origin: KernelOrigin::Machine,
        sha256: "1".repeat(64),
        size_bytes: 1,
        features: KernelFeatures {
            modes: vec![KernelMode::Strict, KernelMode::Fast],
            vector: true,
            hostfs: true,
            cow: true,
            time_travel: true,
            ip_config: true,
            file_systems: ["ext2", "ext3", "ext4"].map(str::to_owned).to_vec(),
            ..KernelFeatures::default()
        },
        is_default: true,
    }
}
