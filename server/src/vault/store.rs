//! What lies where backups do. What is there has its name only when it is whole:
//!
//! ```text
//! umbel-vault.json   format and which key
//! owner              the panel that writes here
//! chunks/ab/ab12…    chunks, by the first two digits of their names
//! backups/ID         what each backup is made of, sealed; there once all of its chunks are
//! coming/            what is being written to a directory
//! lock               held by whoever writes to a directory, reads or removes
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::Flock;
use serde::{Deserialize, Serialize};
use umbel_guest::{BackupId, GuestId, GuestSpec};

use super::chunk::{self, CHUNK, ChunkId, LEVEL};
use super::keys::{Keys, What};
use super::shelf::{Shelf, Where};
use super::{VaultError, Watch, io_failed};

const FORMAT: u32 = 1;
const HEAD: &str = "umbel-vault.json";
const OWNER: &str = "owner";
/// What a manifest's file begins with.
const MAGIC: &[u8; 8] = b"UMBMANI1";
/// More than the manifest of the largest disk takes unpacked.
const MANIFEST_MOST: usize = 16 << 20;
/// What packing and sealing may add to what can't be packed.
const MORE: u64 = 64 << 10;
/// Chunks that are removed between two looks whether to go on.
const TOGETHER: usize = 100;
/// Every so many days the same chunk is read again where not all of them are.
const ROUND: i64 = 16;
const DAY: i64 = 24 * crate::clock::HOUR;

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
    at: Where,
    shelf: Box<dyn Shelf>,
    keys: Keys,
}

/// Where backups go, and what is known of it before anything is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: Where,
    pub key: PathBuf,
    /// The panel's name of itself.
    pub owner: String,
}

impl Store {
    /// `begins`: whether an empty place is begun with; not where backups are said to be in it, since then it is what
    /// another file system is to be mounted on. What waits for a server ends with the watch.
    pub fn open(place: &Place, begins: bool, watch: &Watch) -> Result<Self, VaultError> {
        let (at, shelf) = (place.at.clone(), place.at.shelf(watch)?);
        let Some(head) = shelf.read(HEAD, MORE)? else {
            return if begins { Self::begin(place, shelf) } else { Err(VaultError::Empty { at }) };
        };
        let damaged = |_| VaultError::Damaged { what: format!("{at}/{HEAD}") };
        let head: Head = serde_json::from_slice(&head).map_err(damaged)?;
        if head.format != FORMAT {
            return Err(VaultError::Format { at, format: head.format });
        }
        let keys = Keys::read(&place.key)?;
        if head.key != keys.check() {
            return Err(VaultError::OtherKey { at, key: place.key.clone() });
        }
        let store = Self { at, shelf, keys };
        store.own(&place.owner)?;
        Ok(store)
    }

    fn begin(place: &Place, shelf: Box<dyn Shelf>) -> Result<Self, VaultError> {
        shelf.begin()?;
        let keys = Keys::read_or_make(&place.key)?;
        let store = Self { at: place.at.clone(), shelf, keys };
        store.own(&place.owner)?;
        let head = Head { format: FORMAT, key: store.keys.check().to_owned() };
        store.shelf.put(HEAD, serde_json::to_vec(&head).expect("plain data"))?;
        Ok(store)
    }

    /// One panel writes here: what it removes, it knows that nobody else needs.
    fn own(&self, owner: &str) -> Result<(), VaultError> {
        match self.shelf.read(OWNER, MORE)? {
            Some(said) if said.trim_ascii() == owner.as_bytes() => Ok(()),
            Some(_) => Err(VaultError::Owned { at: self.at.clone() }),
            None => self.shelf.put(OWNER, format!("{owner}\n").into_bytes()),
        }
    }

    pub fn hold(&self, alone: bool, stopped: &dyn Fn() -> bool) -> Result<Option<Flock<File>>, VaultError> {
        self.shelf.hold(alone, stopped)
    }

    /// How many chunks are put or read at once.
    pub fn at_once(&self) -> usize {
        self.shelf.at_once()
    }

    fn named(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }

    fn read(&self, name: &str, most: u64) -> Result<Vec<u8>, VaultError> {
        self.shelf.read(name, most)?.ok_or_else(|| VaultError::Missing { what: self.named(name) })
    }

    pub fn name(&self, plain: &[u8]) -> ChunkId {
        self.keys.name(plain)
    }

    /// Keeps it under its name, unless it is there; how much more room is taken. One that is there is read first, so that
    /// no backup counts on a chunk that is damaged: it is written anew then. Where reading costs, it is read on one day of
    /// [`ROUND`], which is another one for other chunks, and asked for on the others.
    pub fn chunk_put(&self, id: ChunkId, plain: &[u8], made_at: i64) -> Result<u64, VaultError> {
        let name = chunk_name(id);
        let has_turn = (made_at / DAY + i64::from(id.0[0])) % ROUND == 0;
        if self.shelf.reads_all() || has_turn {
            match self.chunk(id) {
                Ok(_) => return Ok(0),
                Err(VaultError::Missing { .. } | VaultError::Damaged { .. }) => {}
                Err(error) => return Err(error.in_writing()),
            }
        } else if self.shelf.has(&name).map_err(VaultError::in_writing)? {
            return Ok(0);
        }
        let file = chunk::pack(&self.keys, id, plain).map_err(io_failed("packing", Path::new(&name)))?;
        let length = file.len() as u64;
        self.shelf.put(&name, file)?;
        Ok(length)
    }

    pub fn chunk(&self, id: ChunkId) -> Result<Vec<u8>, VaultError> {
        self.chunk_packed(id).map(|(_, plain)| plain)
    }

    /// The same, beside the frame of zstd that it lies in.
    pub fn chunk_packed(&self, id: ChunkId) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
        let name = chunk_name(id);
        let file = self.read(&name, CHUNK as u64 + MORE)?;
        chunk::unpack(&self.keys, id, &file).ok_or_else(|| VaultError::Damaged { what: self.named(&name) })
    }

    /// Once all of its chunks are there; how large it is.
    pub fn manifest_put(&self, id: BackupId, manifest: &Manifest) -> Result<u64, VaultError> {
        let name = manifest_name(id);
        let text = serde_json::to_vec(manifest).expect("plain data");
        let packed = zstd::bulk::compress(&text, LEVEL).map_err(io_failed("packing", Path::new(&name)))?;
        let sealed = self.keys.seal(What::Manifest(&id.to_string()), &packed);
        // What it names has its names for good before it has its own.
        self.shelf.sync()?;
        let file = [&MAGIC[..], &sealed].concat();
        let length = file.len() as u64;
        self.shelf.put(&name, file)?;
        self.shelf.sync()?;
        Ok(length)
    }

    pub fn manifest(&self, id: BackupId) -> Result<Manifest, VaultError> {
        let name = manifest_name(id);
        let file = self.read(&name, MANIFEST_MOST as u64)?;
        let damaged = || VaultError::Damaged { what: self.named(&name) };
        let sealed = file.strip_prefix(&MAGIC[..]).ok_or_else(damaged)?;
        let packed = self.keys.open(What::Manifest(&id.to_string()), sealed).ok_or_else(damaged)?;
        let text = zstd::bulk::decompress(&packed, MANIFEST_MOST).map_err(|_: io::Error| damaged())?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if manifest.format != FORMAT {
            return Err(VaultError::Format { at: self.at.clone(), format: manifest.format });
        }
        Ok(manifest)
    }

    /// It may be gone already. What it alone has needed goes with the next [`Store::prune`].
    pub fn forget(&self, id: BackupId) -> Result<(), VaultError> {
        self.shelf.remove(vec![manifest_name(id)])?;
        self.shelf.sync()
    }

    /// Removes chunks that no backup names, and what was never finished; how many bytes. Nobody may be writing. Where one
    /// of the backups can't be read, nothing is removed.
    pub fn prune(&self, stopped: &dyn Fn() -> bool) -> Result<u64, VaultError> {
        let mut named = BTreeSet::new();
        for (name, _) in self.shelf.list("backups")? {
            // What we have not put there names none of ours.
            let Some(id) = name.strip_prefix("backups/").and_then(|id| id.parse().ok()) else { continue };
            named.extend(self.manifest(id)?.chunks.into_iter().flatten());
        }
        self.shelf.tidy()?;
        let is_needless = |name: &str| {
            let id = name.rsplit('/').next().and_then(|id| id.parse::<ChunkId>().ok());
            id.is_some_and(|id| chunk_name(id) == name && !named.contains(&id))
        };
        let needless: Vec<_> = self.shelf.list("chunks")?.into_iter().filter(|(name, _)| is_needless(name)).collect();
        let mut freed = 0;
        for some in needless.chunks(TOGETHER) {
            if stopped() {
                return Err(VaultError::Stopped);
            }
            self.shelf.remove(some.iter().map(|(name, _)| name.clone()).collect())?;
            freed += some.iter().map(|(_, bytes)| bytes).sum::<u64>();
        }
        Ok(freed)
    }
}

fn chunk_name(id: ChunkId) -> String {
    let name = id.to_string();
    format!("chunks/{}/{name}", &name[..2])
}

fn manifest_name(id: BackupId) -> String {
    format!("backups/{id}")
}
