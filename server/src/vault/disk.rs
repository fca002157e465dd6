//! A whole disk into chunks, and back. No more of it is in memory than is put or read at once.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use ring::digest::{Context, SHA256};
use umbel_guest::{GuestId, GuestSpec};

use super::chunk::CHUNK;
use super::store::{Manifest, Store};
use super::{VaultError, Watch, io_failed};
use crate::hex::hex;

/// What a backup has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Of the disk, without what is zero.
    pub held_bytes: u64,
    /// Of its place, beside what was there already.
    pub stored_bytes: u64,
}

/// Keeps every chunk of it. What it is made of is returned, to be put last.
pub fn write(
    store: &Store,
    path: &Path,
    (guest, spec, made_at): (GuestId, GuestSpec, i64),
    watch: &Watch,
) -> Result<(Manifest, Written), VaultError> {
    let failed = || io_failed("reading", path);
    let file = File::open(path).map_err(failed())?;
    let disk_bytes = file.metadata().map_err(failed())?.len();
    let (mut sum, mut chunks) = (Context::new(&SHA256), Vec::new());
    let mut written = Written { held_bytes: 0, stored_bytes: 0 };
    let (mut kept, mut several) = (HashSet::new(), Vec::with_capacity(store.at_once()));
    let mut from = file.take(disk_bytes);
    let mut at = 0;
    while at < disk_bytes {
        watch.went_on(at, disk_bytes)?;
        let mut buffer = Vec::with_capacity(CHUNK);
        let piece = (&mut from).take(CHUNK as u64).read_to_end(&mut buffer).map_err(failed())? as u64;
        if piece == 0 {
            return Err(failed()(io::ErrorKind::UnexpectedEof.into()));
        }
        sum.update(&buffer);
        at += piece;
        if is_zero(&buffer) {
            chunks.push(None);
        } else {
            let id = store.name(&buffer);
            chunks.push(Some(id));
            written.held_bytes += piece;
            if kept.insert(id) {
                several.push((id, buffer));
            }
        }
        if several.len() == store.at_once() || at == disk_bytes {
            let put = at_once(&several, |(id, plain)| store.chunk_put(*id, plain, made_at))?;
            written.stored_bytes += put.into_iter().sum::<u64>();
            several.clear();
        }
    }
    let sha256 = hex(sum.finish().as_ref());
    let (format, chunk_bytes) = (Manifest::FORMAT, CHUNK as u64);
    Ok((Manifest { format, guest, spec, made_at, disk_bytes, chunk_bytes, sha256, chunks }, written))
}

/// All of them together, each on a thread of its own where there are several; in their order, or the first that failed.
pub(super) fn at_once<A: Sync, B: Send>(
    several: &[A],
    work: impl Fn(&A) -> Result<B, VaultError> + Sync,
) -> Result<Vec<B>, VaultError> {
    if several.len() < 2 {
        return several.iter().map(work).collect();
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = several.iter().map(|one| scope.spawn(|| work(one))).collect();
        let ended =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Makes the disk of it; nothing is there under that name unless all of it is what was kept.
pub fn read(store: &Store, manifest: &Manifest, path: &Path, watch: &Watch) -> Result<(), VaultError> {
    let half = path.with_extension("half");
    let made = fill(store, manifest, &half, watch);
    let named = made.and_then(|()| std::fs::rename(&half, path).map_err(io_failed("naming", path)));
    if named.is_err() {
        // What can't be removed now goes with the upload.
        let _ = std::fs::remove_file(&half);
    }
    named
}

fn fill(store: &Store, manifest: &Manifest, half: &Path, watch: &Watch) -> Result<(), VaultError> {
    let failed = || {
        let otherwise = io_failed("writing", half);
        move |error: io::Error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::NoRoom,
            _ => otherwise(error),
        }
    };
    let damaged = |what: &str| VaultError::Damaged { what: what.to_owned() };
    check_list(manifest)?;
    let file = File::create(half).map_err(failed())?;
    file.set_len(manifest.disk_bytes).map_err(failed())?;
    let (mut sum, zeros) = (Context::new(&SHA256), vec![0; CHUNK]);
    let places: Vec<_> = manifest.chunks.iter().zip((0u64..).step_by(CHUNK)).collect();
    for several in places.chunks(store.at_once()) {
        let read = at_once(several, |(chunk, _)| chunk.map(|id| store.chunk(id)).transpose())?;
        for (plain, (_, at)) in read.into_iter().zip(several) {
            watch.went_on(*at, manifest.disk_bytes)?;
            let length = usize::try_from(manifest.disk_bytes - at).unwrap_or(CHUNK).min(CHUNK);
            match plain {
                None => sum.update(&zeros[..length]),
                Some(plain) if plain.len() != length => return Err(damaged("a chunk of another length")),
                Some(plain) => {
                    sum.update(&plain);
                    put_sparse(&file, *at, &plain).map_err(failed())?;
                }
            }
        }
    }
    if hex(sum.finish().as_ref()) != manifest.sha256 {
        return Err(damaged("the sum of the whole disk"));
    }
    file.sync_all().map_err(failed())
}

/// Whether it lists as many chunks as the disk has.
pub(super) fn check_list(manifest: &Manifest) -> Result<(), VaultError> {
    let whole = manifest.disk_bytes.div_ceil(CHUNK as u64);
    match manifest.chunk_bytes == CHUNK as u64 && manifest.chunks.len() as u64 == whole {
        true => Ok(()),
        false => Err(VaultError::Damaged { what: "the list of what it is made of".into() }),
    }
}

/// Blocks of zeros stay holes.
fn put_sparse(file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    const BLOCK: usize = 4096;
    for (block, place) in bytes.chunks(BLOCK).zip((at..).step_by(BLOCK)) {
        if !is_zero(block) {
            file.write_all_at(block, place)?;
        }
    }
    Ok(())
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
