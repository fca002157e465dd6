//! The directory that backups lie in. What is in it has its name only when it is whole:
//!
//! ```text
//! umbel-vault.json   format and which key
//! owner              the panel that writes here
//! chunks/ab/ab12…    chunks, by the first two digits of their names
//! backups/ID         what each backup is made of, sealed; there once all of its chunks are
//! coming/            what is being written
//! lock               held by whoever writes, reads or removes
//! ```

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use umbel_guest::{BackupId, GuestId, GuestSpec};

use super::chunk::{self, ChunkId, LEVEL};
use super::keys::{Keys, What};
use super::{VaultError, io_failed};

const FORMAT: u32 = 1;
const HEAD: &str = "umbel-vault.json";
const OWNER: &str = "owner";
/// What a manifest's file begins with.
const MAGIC: &[u8; 8] = b"UMBMANI1";
/// More than the manifest of the largest disk takes unpacked.
const MANIFEST_MOST: usize = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    key: String,
}

/// What a backup is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub guest: GuestId,
    pub spec: GuestSpec,
    /// When it was asked for, in µs since the epoch.
    pub made_at: i64,
    pub disk_bytes: u64,
    pub chunk_bytes: u64,
    /// Of the whole disk, in hexadecimal.
    pub sha256: String,
    /// In order; `None` where all is zero.
    pub chunks: Vec<Option<ChunkId>>,
}

impl Manifest {
    pub const FORMAT: u32 = FORMAT;
}

#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    keys: Keys,
}

/// Where backups go, and what is known of it before anything is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub directory: PathBuf,
    pub key: PathBuf,
    /// The panel's name of itself.
    pub owner: String,
}

impl Store {
    /// `begins`: whether an empty directory is begun with; not where backups are said to be in it, since then it is what
    /// another file system is to be mounted on.
    pub fn open(place: &Place, begins: bool) -> Result<Self, VaultError> {
        let directory = place.directory.clone();
        let path = directory.join(HEAD);
        let head = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && begins => return Self::begin(place),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(VaultError::Empty { directory }),
            Err(error) => return Err(io_failed("reading", &path)(error)),
        };
        let damaged = |_| VaultError::Damaged { what: path.display().to_string() };
        let head: Head = serde_json::from_slice(&head).map_err(damaged)?;
        if head.format != FORMAT {
            return Err(VaultError::Format { directory, format: head.format });
        }
        let keys = Keys::read(&place.key)?;
        if head.key != keys.check() {
            return Err(VaultError::OtherKey { directory, key: place.key.clone() });
        }
        let store = Self { directory, keys };
        store.own(&place.owner)?;
        Ok(store)
    }

    fn begin(place: &Place) -> Result<Self, VaultError> {
        let directory = place.directory.clone();
        make_directory(&directory)?;
        let keys = Keys::read_or_make(&place.key)?;
        let store = Self { directory, keys };
        for name in ["chunks", "backups", "coming"] {
            make_directory(&store.directory.join(name))?;
        }
        store.own(&place.owner)?;
        let head = Head { format: FORMAT, key: store.keys.check().to_owned() };
        store.put(&store.directory.join(HEAD), &serde_json::to_vec(&head).expect("plain data"))?;
        Ok(store)
    }

    /// One panel writes here: what it removes, it knows that nobody else needs.
    fn own(&self, owner: &str) -> Result<(), VaultError> {
        let path = self.directory.join(OWNER);
        match fs::read_to_string(&path) {
            Ok(said) if said.trim() == owner => Ok(()),
            Ok(_) => Err(VaultError::Owned { directory: self.directory.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.put(&path, format!("{owner}\n").as_bytes()),
            Err(error) => Err(io_failed("reading", &path)(error)),
        }
    }

    /// Beside another process that uses the same directory: shared, or alone. Where the file system knows no locks,
    /// the panel's own has to do.
    pub fn hold(&self, alone: bool, stopped: &dyn Fn() -> bool) -> Result<Option<Flock<File>>, VaultError> {
        let path = self.directory.join("lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let mut file = open.map_err(io_failed("opening", &path))?;
        let how = if alone { FlockArg::LockExclusiveNonblock } else { FlockArg::LockSharedNonblock };
        loop {
            match Flock::lock(file, how) {
                Ok(held) => return Ok(Some(held)),
                Err((_, Errno::EWOULDBLOCK)) if stopped() => return Err(VaultError::Stopped),
                Err((again, Errno::EWOULDBLOCK)) => file = again,
                Err(_) => return Ok(None),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn chunk_path(&self, id: ChunkId) -> PathBuf {
        let name = id.to_string();
        self.directory.join("chunks").join(&name[..2]).join(name)
    }

    fn manifest_path(&self, id: BackupId) -> PathBuf {
        self.directory.join("backups").join(id.to_string())
    }

    /// Keeps it, unless it is there; how much more of the directory is taken. One that is there is read first, so that no
    /// backup counts on a chunk that is damaged: it is written anew then.
    pub fn chunk_put(&self, plain: &[u8]) -> Result<(ChunkId, u64), VaultError> {
        let id = self.keys.name(plain);
        match self.chunk(id) {
            Ok(_) => return Ok((id, 0)),
            Err(VaultError::Missing { .. } | VaultError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let path = self.chunk_path(id);
        let file = chunk::pack(&self.keys, id, plain).map_err(io_failed("packing", &path))?;
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        self.put(&path, &file)?;
        Ok((id, file.len() as u64))
    }

    pub fn chunk(&self, id: ChunkId) -> Result<Vec<u8>, VaultError> {
        let path = self.chunk_path(id);
        let file = read(&path)?;
        chunk::unpack(&self.keys, id, &file).ok_or_else(|| VaultError::Damaged { what: path.display().to_string() })
    }

    /// Once all of its chunks are there; how large it is.
    pub fn manifest_put(&self, id: BackupId, manifest: &Manifest) -> Result<u64, VaultError> {
        let path = self.manifest_path(id);
        let text = serde_json::to_vec(manifest).expect("plain data");
        let packed = zstd::bulk::compress(&text, LEVEL).map_err(io_failed("packing", &path))?;
        let sealed = self.keys.seal(What::Manifest(&id.to_string()), &packed);
        // What it names has its names for good before it has its own.
        self.sync()?;
        let file = [&MAGIC[..], &sealed].concat();
        self.put(&path, &file)?;
        self.sync()?;
        Ok(file.len() as u64)
    }

    pub fn manifest(&self, id: BackupId) -> Result<Manifest, VaultError> {
        let path = self.manifest_path(id);
        let file = read(&path)?;
        let damaged = || VaultError::Damaged { what: path.display().to_string() };
        let sealed = file.strip_prefix(&MAGIC[..]).ok_or_else(damaged)?;
        let packed = self.keys.open(What::Manifest(&id.to_string()), sealed).ok_or_else(damaged)?;
        let text = zstd::bulk::decompress(&packed, MANIFEST_MOST).map_err(|_| damaged())?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if manifest.format != FORMAT {
            return Err(VaultError::Format { directory: self.directory.clone(), format: manifest.format });
        }
        Ok(manifest)
    }

    /// It may be gone already. What it alone has needed goes with the next [`Store::prune`].
    pub fn forget(&self, id: BackupId) -> Result<(), VaultError> {
        let path = self.manifest_path(id);
        remove(&path)?;
        self.sync()
    }

    /// Removes chunks that no backup names, and what was never finished; how many bytes. Nobody may be writing. Where one
    /// of the backups can't be read, nothing is removed.
    pub fn prune(&self, stopped: &dyn Fn() -> bool) -> Result<u64, VaultError> {
        let mut named = BTreeSet::new();
        for path in entries(&self.directory.join("backups"))? {
            let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            // What we have not put there names none of ours.
            let Some(id) = id else { continue };
            named.extend(self.manifest(id)?.chunks.into_iter().flatten());
        }
        let mut freed = 0;
        for path in entries(&self.directory.join("coming"))? {
            remove(&path)?;
        }
        for directory in entries(&self.directory.join("chunks"))? {
            for path in entries(&directory)? {
                if stopped() {
                    return Err(VaultError::Stopped);
                }
                let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                if id.is_some_and(|id: ChunkId| !named.contains(&id)) {
                    freed += fs::metadata(&path).map_or(0, |facts| facts.len());
                    remove(&path)?;
                }
            }
        }
        Ok(freed)
    }

    /// Under a name that nobody looks for, then under its own.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
        let coming = self.directory.join("coming");
        make_directory(&coming)?;
        let beside = coming.join(uuid::Uuid::now_v7().to_string());
        let written = (|| {
            let mut open = OpenOptions::new();
            let mut file = open.write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, path)
        })();
        written.map_err(|error| {
            // What can't be removed now goes with the next prune.
            let _ = fs::remove_file(&beside);
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    VaultError::Full { directory: self.directory.clone() }
                }
                _ => io_failed("writing", path)(error),
            }
        })
    }

    /// Until names are on the disk too.
    fn sync(&self) -> Result<(), VaultError> {
        let directory = File::open(&self.directory).map_err(io_failed("opening", &self.directory))?;
        nix::unistd::syncfs(&directory).map_err(|error| io_failed("writing", &self.directory)(error.into()))
    }
}

fn make_directory(path: &Path) -> Result<(), VaultError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_failed("making", path))
}

fn read(path: &Path) -> Result<Vec<u8>, VaultError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => VaultError::Missing { path: path.to_owned() },
        _ => io_failed("reading", path)(error),
    })
}

fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_failed("removing", path)(error)),
        _ => Ok(()),
    }
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let failed = io_failed("reading", path);
    let read = || fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    read().map_err(failed)
}
