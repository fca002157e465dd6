//! A piece of a disk: called by a keyed hash of what it holds, packed (zstd, RFC 8878), sealed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::keys::{Keys, What, unhex};
use crate::hex::hex;

/// Of a disk, the last one may be shorter.
pub const CHUNK: usize = 1 << 20;
/// What a chunk's file begins with.
pub const MAGIC: &[u8; 8] = b"UMBCHNK1";
/// Of zstd: what more than this gains takes several times as long.
pub const LEVEL: i32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChunkId(pub [u8; 32]);

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for ChunkId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unhex(text).map(Self).ok_or_else(|| "64 hexadecimal digits name a chunk".to_owned())
    }
}

impl TryFrom<String> for ChunkId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ChunkId> for String {
    fn from(id: ChunkId) -> Self {
        id.to_string()
    }
}

/// As its file holds it.
pub fn pack(keys: &Keys, id: ChunkId, plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let packed = zstd::bulk::compress(plain, LEVEL)?;
    Ok([&MAGIC[..], &keys.seal(What::Chunk(id), &packed)].concat())
}

/// What it held, if every bit of it is what was written: packed, and as it was.
pub fn unpack(keys: &Keys, id: ChunkId, file: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let packed = keys.open(What::Chunk(id), file.strip_prefix(&MAGIC[..])?)?;
    let plain = zstd::bulk::decompress(&packed, CHUNK).ok()?;
    (keys.name(&plain) == id).then_some((packed, plain))
}
