//! Where backups of guests' disks lie: a directory or a bucket that may be anybody's, in which all is packed, sealed and kept
//! once.
//!
//! [`store`] is what is there, [`shelf`] what it lies on ([`directory`], [`bucket`]), [`chunk`] a piece of a disk in it, [`keys`] what they are sealed with, [`disk`] takes a disk
//! apart and puts it together. The format is written down in docs/guest-backups.md, why it is as it is in
//! docs/decisions/guest-backups.md. Nothing here knows of accounts, rows or the agent.

pub mod bucket;
pub mod chunk;
pub mod directory;
pub mod disk;
pub mod download;
pub mod keys;
pub mod shelf;
pub mod store;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit, RwLock, Semaphore};
use umbel_guest::{BackupId, GuestId, GuestSpec};

use self::disk::Written;
use self::shelf::Where;
use self::store::{Place, Store};

/// Disks that are read or written at once.
const AT_ONCE: usize = 2;
/// Backups that are taken along at once; whoever takes them may be slow, and holds nobody else up.
const TAKEN_ALONG: usize = 4;
/// How often it is looked whether somebody has stopped.
const SOON: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{step} {}: {source}", path.display())]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    #[error("the place of backups, {at}, is full")]
    Full { at: Where },
    #[error("the host's disk is full")]
    NoRoom,
    #[error("nothing is kept in {at}, although backups were: {}", at.doubt())]
    Empty { at: Where },
    #[error("{at}: there is no such bucket")]
    NoBucket { at: Where },
    #[error("{at} does not let the panel in ({step}): are backup_s3_credentials_file and backup_s3_region right?")]
    Denied { step: &'static str, at: Where, source: Box<object_store::Error> },
    #[error("{step} {what}")]
    Remote { step: &'static str, what: String, source: Box<object_store::Error> },
    #[error("backup_s3_credentials_file = {}", path.display())]
    Credentials { path: PathBuf, source: io::Error },
    #[error("the backups in {at} were made with another key than {}: put back the key that they were made with", key.display())]
    OtherKey { at: Where, key: PathBuf },
    #[error("the key of the backups, {}, is missing: put it back", path.display())]
    NoKey { path: PathBuf },
    #[error("{} is no key: 64 hexadecimal digits in a line are", path.display())]
    BadKey { path: PathBuf },
    #[error(
        "another panel keeps its backups in {at}: choose another place, or remove the file owner in it if that panel is \
         gone"
    )]
    Owned { at: Where },
    #[error("{at} has the format {format}, which this panel does not know")]
    Format { at: Where, format: u32 },
    #[error("a part of the backup is missing: {what}")]
    Missing { what: String },
    #[error("a part of the backup is damaged: {what}")]
    Damaged { what: String },
    #[error("{TAKEN_ALONG} backups are being downloaded already")]
    Busy,
    #[error("it was stopped")]
    Stopped,
}

impl VaultError {
    /// Of what is asked for only to write: whoever waits for that is told so, whichever request it was.
    fn in_writing(self) -> Self {
        match self {
            Self::Remote { what, source, .. } => Self::Remote { step: "writing", what, source },
            other => other,
        }
    }

    /// For people who have no business with where things lie.
    pub fn told(&self) -> String {
        match self {
            Self::Io { step, source, .. } => format!("{step} a backup: {source}"),
            Self::Full { .. } => "the place of backups is full".into(),
            Self::Empty { at } => {
                format!("nothing is kept in the place of backups, although backups were: {}", at.doubt())
            }
            Self::NoBucket { .. } => "the bucket for backups is not there".into(),
            Self::Denied { .. } => "the server of backups does not let the panel in".into(),
            Self::Remote { step, .. } => {
                format!("{step} a backup: its server can't be reached, or does not answer as it should")
            }
            Self::Credentials { .. } => "the file with the credentials for backups can't be used".into(),
            Self::OtherKey { .. } => "the backups were made with another key: that one has to be put back".into(),
            Self::NoKey { .. } => "the key of the backups is missing: it has to be put back".into(),
            Self::BadKey { .. } => "the key of the backups is none".into(),
            Self::Owned { .. } => "another panel keeps its backups in the place of backups".into(),
            Self::Format { format, .. } => {
                format!("the backups have the format {format}, which this panel does not know")
            }
            Self::Missing { .. } => "a part of the backup is missing".into(),
            Self::Damaged { .. } => "a part of the backup is damaged".into(),
            Self::NoRoom | Self::Busy | Self::Stopped => self.to_string(),
        }
    }
}

fn io_failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VaultError + use<> {
    let path = path.to_owned();
    move |source| VaultError::Io { step, path, source }
}

/// How far somebody is who works on a thread of their own, and whether they are to go on.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    percent: AtomicU64,
    stopped: AtomicBool,
}

impl Watch {
    fn went_on(&self, at: u64, of: u64) -> Result<(), VaultError> {
        self.0.percent.store(at * 100 / of.max(1), Ordering::Relaxed);
        if self.is_stopped() { Err(VaultError::Stopped) } else { Ok(()) }
    }

    pub fn percent(&self) -> u64 {
        self.0.percent.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }
}

/// Stops the work when whoever waits for it goes: a panel that ends waits for its threads.
#[derive(Debug)]
struct StopOnDrop(Watch);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The panel's way to its backups. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault {
    place: Arc<Place>,
    /// Shared by who writes and reads, and whole to who removes what nobody names.
    used: Arc<RwLock<()>>,
    slots: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    /// Which are being written, also by a thread that nobody waits for any more.
    written: Arc<Mutex<HashSet<BackupId>>>,
}

/// One that is being written.
#[derive(Debug)]
struct Writing(Arc<Mutex<HashSet<BackupId>>>, BackupId);

impl Writing {
    fn begin(written: &Arc<Mutex<HashSet<BackupId>>>, backup: BackupId) -> Self {
        written.lock().unwrap_or_else(PoisonError::into_inner).insert(backup);
        Self(Arc::clone(written), backup)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// A turn at the place.
#[derive(Debug)]
pub struct Turn {
    _slot: OwnedSemaphorePermit,
    _used: OwnedRwLockReadGuard<()>,
}

/// A disk that is to be kept.
#[derive(Clone, Debug)]
pub struct Keep {
    pub backup: BackupId,
    pub guest: GuestId,
    pub spec: GuestSpec,
    pub made_at: i64,
    /// Whether it may be the first of all.
    pub begins: bool,
}

impl Vault {
    pub fn new(place: Place) -> Self {
        let (slots, downloads) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(TAKEN_ALONG)));
        Self { place: Arc::new(place), used: Arc::default(), slots, downloads, written: Arc::default() }
    }

    /// Two disks at once; held to the end by whoever works, also when nobody waits for them any more.
    pub async fn turn(&self) -> Turn {
        let slot = Arc::clone(&self.slots).acquire_owned().await.expect("it is never closed");
        Turn { _slot: slot, _used: Arc::clone(&self.used).read_owned().await }
    }

    /// Keeps a disk. Repeating it keeps it once more, and takes no more room.
    pub async fn write(&self, turn: Turn, keep: Keep, disk: PathBuf, watch: Watch) -> Result<Written, VaultError> {
        let place = Arc::clone(&self.place);
        let writing = Writing::begin(&self.written, keep.backup);
        self.work(watch, move |watch| {
            let (_turn, _writing) = (turn, writing);
            let store = Store::open(&place, keep.begins, watch)?;
            let _held = store.hold(false, &|| watch.is_stopped())?;
            let about = (keep.guest, keep.spec, keep.made_at);
            let (manifest, mut written) = disk::write(&store, &disk, about, watch)?;
            if watch.is_stopped() {
                return Err(VaultError::Stopped);
            }
            written.stored_bytes += store.manifest_put(keep.backup, &manifest)?;
            Ok(written)
        })
        .await
    }

    /// Puts a disk that is kept there as `disk`, whole or not at all.
    pub async fn read(&self, turn: Turn, backup: BackupId, disk: PathBuf, watch: Watch) -> Result<(), VaultError> {
        let place = Arc::clone(&self.place);
        self.work(watch, move |watch| {
            let _turn = turn;
            let store = Store::open(&place, false, watch)?;
            let _held = store.hold(false, &|| watch.is_stopped())?;
            disk::read(&store, &store.manifest(backup)?, &disk, watch)
        })
        .await
    }

    /// It can't be had back from here on; it may be gone already, or be written still by somebody who was stopped.
    pub async fn forget(&self, backup: BackupId) -> Result<(), VaultError> {
        while self.written.lock().unwrap_or_else(PoisonError::into_inner).contains(&backup) {
            tokio::time::sleep(SOON).await;
        }
        let place = Arc::clone(&self.place);
        self.work(Watch::default(), move |watch| match Store::open(&place, false, watch) {
            Ok(store) => store.forget(backup),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes what no backup names, once nobody reads or writes; how many bytes.
    pub async fn prune(&self) -> Result<u64, VaultError> {
        let (place, used) = (Arc::clone(&self.place), Arc::clone(&self.used).write_owned().await);
        self.work(Watch::default(), move |watch| {
            let _used = used;
            match Store::open(&place, false, watch) {
                // Nothing was ever kept.
                Err(VaultError::Empty { .. }) => Ok(0),
                store => {
                    let (store, stopped) = (store?, || watch.is_stopped());
                    let _held = store.hold(true, &stopped)?;
                    store.prune(&stopped)
                }
            }
        })
        .await
    }

    /// The same while nobody waits for it; what could not be removed goes with the next one.
    pub fn prune_soon(&self) {
        let vault = self.clone();
        tokio::spawn(async move {
            match vault.prune().await {
                Ok(0) => {}
                Ok(bytes) => tracing::info!(bytes, "what no backup needs was removed"),
                Err(error) => tracing::warn!(%error, "what no backup needs stays where backups are"),
            }
        });
    }

    async fn work<T: Send + 'static>(
        &self,
        watch: Watch,
        work: impl FnOnce(&Watch) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let _stop = StopOnDrop(watch.clone());
        match tokio::task::spawn_blocking(move || work(&watch)).await {
            Ok(done) => done,
            Err(error) => Err(io_failed("working in", Path::new(&self.place.at.to_string()))(io::Error::other(error))),
        }
    }
}

#[cfg(test)]
mod tests;
