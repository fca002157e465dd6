//! A host without a kernel: the same promises as the agent's, in memory, its guests moved on by a test.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use umbel_guest::{DiskKind, DiskSize, Exit, Generation, GuestId, ImageId, Memory, Seen};
use umbel_wire::agent::{
    GuestFacts, HostFacts, ImageFacts, Inventory, KernelFacts, Profile, Refusal, StartOrder, StopHow, Wall,
};
use umbel_wire::frame::FrameError;

use super::{Host, HostError};
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
}

#[derive(Debug)]
struct Inner {
    version: u64,
    guests: BTreeMap<GuestId, SimulatedGuest>,
    away: bool,
    temper: Temper,
    failures: HashMap<&'static str, Refusal>,
    memory_mib: u32,
    disk_free_mib: u64,
    calls: Vec<String>,
}

/// Clones are the same host.
#[derive(Clone, Debug)]
pub struct Simulated {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<Notify>,
    clock: Clock,
}

impl Simulated {
    /// 1 GiB of memory, 10 GiB of disk, one image `tiny-1`, one kernel `debian-6.1`.
    pub fn new(clock: Clock) -> Self {
        let inner = Inner {
            version: 1,
            guests: BTreeMap::new(),
            away: false,
            temper: Temper::Good,
            failures: HashMap::new(),
            memory_mib: 1024,
            disk_free_mib: 10_240,
            calls: Vec::new(),
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
            format!("{id} disk={:?} alive={alive}\n", guest.disk)
        });
        guests.collect()
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

fn check(heard: Generation, asked: Generation) -> Result<(), Refusal> {
    if asked < heard { Err(Refusal::Stale { asked, have: heard }) } else { Ok(()) }
}

fn tiny() -> ImageFacts {
    ImageFacts {
        id: "tiny-1".parse().expect("a slug"),
        title: "Tiny".into(),
        description: "Busybox".into(),
        sha256: "0".repeat(64),
        sizes: DiskSize::ladder().collect(),
        suggested_memory: Memory::DEFAULT,
    }
}

#[async_trait]
impl Host for Simulated {
    async fn facts(&self) -> Result<HostFacts, HostError> {
        let inner = self.begin("host", "")?;
        let used: u32 =
            inner.guests.values().filter(|g| g.seen.is_alive()).filter_map(|g| g.memory).map(Memory::mib).sum();
        Ok(HostFacts {
            profile: Profile::Hosting,
            memory_total_mib: inner.memory_mib,
            memory_available_mib: inner.memory_mib.saturating_sub(used),
            cores: 2,
            disk_total_mib: 20_480,
            disk_free_mib: inner.disk_free_mib,
            walls: vec![Wall { name: "uid".into(), stands: true, detail: "one per guest".into() }],
        })
    }

    async fn kernels(&self) -> Result<Vec<KernelFacts>, HostError> {
        drop(self.begin("kernels", "")?);
        Ok(vec![KernelFacts {
            id: "debian-6.1".parse().expect("a slug"),
            version: "6.1".into(),
            origin: "simulated".into(),
            sha256: "1".repeat(64),
            size_bytes: 1,
        }])
    }

    async fn images(&self) -> Result<Vec<ImageFacts>, HostError> {
        drop(self.begin("images", "")?);
        Ok(vec![tiny()])
    }

    async fn image_prepare(&self, image: ImageId) -> Result<ImageFacts, HostError> {
        drop(self.begin("image_prepare", image.as_str())?);
        if image == tiny().id { Ok(tiny()) } else { Err(Refusal::UnknownImage { image }.into()) }
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
        if let Some(found) = inner.guests.get(&guest) {
            check(found.heard, generation)?;
        }
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
            };
            inner.guests.entry(guest).or_insert(fresh).disk = Some((image, size, kind));
        });
        Ok(())
    }

    async fn start(&self, order: StartOrder) -> Result<(), HostError> {
        let mut inner = self.begin("start", &format!("{} {}", order.guest, order.generation))?;
        let (temper, now) = (inner.temper.clone(), self.clock.now());
        let guest = inner.guests.get_mut(&order.guest).filter(|g| g.disk.is_some()).ok_or(Refusal::NoDisk)?;
        check(guest.heard, order.generation)?;
        if guest.seen.is_alive() {
            let same = guest.seen_generation == order.generation;
            return if same { Ok(()) } else { Err(Refusal::StillRunning.into()) };
        }
        guest.heard = order.generation;
        guest.seen_generation = order.generation;
        guest.memory = Some(order.memory);
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
        });
        Ok(Inventory { version: inner.version, guests: guests.collect() })
    }
}
