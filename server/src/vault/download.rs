//! A backup as a file: the disk packed with zstd. Its chunks are packed so already, and frames that follow each other are a
//! file (RFC 8878, section 3), so nothing is packed anew. Each is checked on its way, and the sum of all before the last one
//! goes out: what is damaged is cut off and never looks whole.

use std::sync::Arc;

use ring::digest::{Context, SHA256};
use tokio::sync::mpsc;
use umbel_guest::{BackupId, GuestSpec};

use super::chunk::{CHUNK, LEVEL};
use super::disk::{at_once, check_list};
use super::store::{Manifest, Store};
use super::{StopOnDrop, Vault, VaultError, Watch, io_failed};
use crate::giver::giver;
use crate::hex::hex;

/// One that is being taken. Dropped, it ends.
#[derive(Debug)]
pub struct Download {
    pub spec: GuestSpec,
    pub made_at: i64,
    pub disk_bytes: u64,
    /// Of the disk, in hexadecimal.
    pub sha256: String,
    parts: mpsc::Receiver<Result<Vec<u8>, VaultError>>,
    _stop: StopOnDrop,
}

impl Download {
    /// What comes next of the file, until it is over.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, VaultError>> {
        self.parts.recv().await
    }
}

impl Vault {
    /// It holds nobody up: a backup that is removed meanwhile is cut off.
    pub async fn download(&self, backup: BackupId) -> Result<Download, VaultError> {
        let slot = Arc::clone(&self.downloads).try_acquire_owned().map_err(|_| VaultError::Busy)?;
        let (place, watch) = (Arc::clone(&self.place), Watch::default());
        let stop = StopOnDrop(watch.clone());
        let opened = self.work(Watch::default(), move |_| {
            let store = Store::open(&place, false, &watch)?;
            let manifest = store.manifest(backup)?;
            check_list(&manifest)?;
            Ok((store, manifest, watch))
        });
        let (store, manifest, watch) = opened.await?;
        let (giver, parts) = giver();
        let (spec, made_at) = (manifest.spec.clone(), manifest.made_at);
        let (disk_bytes, sha256) = (manifest.disk_bytes, manifest.sha256.clone());
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let sent = send(&store, &manifest, &watch, &|part| {
                if giver.gives(Ok(part)) { Ok(()) } else { Err(VaultError::Stopped) }
            });
            if let Err(error) = sent {
                tracing::warn!(%backup, %error, "a backup that was taken along was cut off");
                giver.gives(Err(error));
            }
        });
        Ok(Download { spec, made_at, disk_bytes, sha256, parts, _stop: stop })
    }
}

fn send(
    store: &Store,
    manifest: &Manifest,
    watch: &Watch,
    give: &dyn Fn(Vec<u8>) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let damaged = |what: &str| VaultError::Damaged { what: what.to_owned() };
    let zeros = vec![0; CHUNK];
    let packed_zeros =
        |length: usize| zstd::bulk::compress(&zeros[..length], LEVEL).map_err(io_failed("packing", "zeros".as_ref()));
    let whole_zeros = packed_zeros(CHUNK)?;
    let (mut sum, mut held) = (Context::new(&SHA256), None);
    let places: Vec<_> = manifest.chunks.iter().zip((0u64..).step_by(CHUNK)).collect();
    for several in places.chunks(store.at_once()) {
        let read = at_once(several, |(chunk, _)| chunk.map(|id| store.chunk_packed(id)).transpose())?;
        for (chunk, (_, at)) in read.into_iter().zip(several) {
            watch.went_on(*at, manifest.disk_bytes)?;
            let length = usize::try_from(manifest.disk_bytes - at).unwrap_or(CHUNK).min(CHUNK);
            let packed = match chunk {
                None => {
                    sum.update(&zeros[..length]);
                    if length == CHUNK { whole_zeros.clone() } else { packed_zeros(length)? }
                }
                Some((_, plain)) if plain.len() != length => return Err(damaged("a chunk of another length")),
                Some((packed, plain)) => {
                    sum.update(&plain);
                    packed
                }
            };
            if let Some(before) = held.replace(packed) {
                give(before)?;
            }
        }
    }
    if hex(sum.finish().as_ref()) != manifest.sha256 {
        return Err(damaged("the sum of the whole disk"));
    }
    held.map_or(Ok(()), give)
}
