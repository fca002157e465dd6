//! The key of backups, which lies apart from them: who has the directory alone can read nothing in it and can't tell what
//! is the same as a file of theirs.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rand::Rng as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use super::chunk::ChunkId;
use super::{VaultError, io_failed};
use crate::hex::hex;

pub const KEY_LEN: usize = 32;

/// One key for each use, out of the one that is kept (HKDF-SHA-256, RFC 5869).
pub struct Keys {
    names: hmac::Key,
    chunks: LessSafeKey,
    manifests: LessSafeKey,
    /// Says which key it is and nothing of it.
    check: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("check", &self.check).finish_non_exhaustive()
    }
}

/// What a sealed thing is: another can't be put in its place.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    Chunk(ChunkId),
    Manifest(&'a str),
}

impl Keys {
    pub fn new(key: &[u8; KEY_LEN]) -> Self {
        let main = hkdf::Salt::new(hkdf::HKDF_SHA256, b"umbel vault 1").extract(key);
        let derived = |use_: &[u8]| {
            let mut bytes = [0; KEY_LEN];
            let uses = [use_];
            let key = main.expand(&uses, hkdf::HKDF_SHA256).expect("as long as its hash");
            key.fill(&mut bytes).expect("as long as its hash");
            bytes
        };
        let seals = |use_: &[u8]| {
            LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &derived(use_)).expect("a key of this length"))
        };
        Self {
            names: hmac::Key::new(hmac::HMAC_SHA256, &derived(b"names of chunks")),
            chunks: seals(b"chunks"),
            manifests: seals(b"manifests"),
            check: hex(&derived(b"check")[..8]),
        }
    }

    /// The key in the file.
    pub fn read(path: &Path) -> Result<Self, VaultError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => VaultError::NoKey { path: path.to_owned() },
            _ => io_failed("reading", path)(error),
        })?;
        let bad = || VaultError::BadKey { path: path.to_owned() };
        Ok(Self::new(&unhex(text.trim()).ok_or_else(bad)?))
    }

    /// The same, made where it isn't there, for nobody else to read.
    pub fn read_or_make(path: &Path) -> Result<Self, VaultError> {
        match Self::read(path) {
            Err(VaultError::NoKey { .. }) => {}
            read => return read,
        }
        let key = rand::rng().random::<[u8; KEY_LEN]>();
        // Beside its place and then into it: a panel that is killed leaves no half key.
        let beside = path.with_extension("new");
        let mut open = OpenOptions::new();
        let file = open.write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let mut file = file.map_err(io_failed("making", &beside))?;
        writeln!(file, "{}", hex(&key)).and_then(|()| file.sync_all()).map_err(io_failed("writing", &beside))?;
        fs::rename(&beside, path).map_err(io_failed("making", path))?;
        Ok(Self::new(&key))
    }

    pub fn check(&self) -> &str {
        &self.check
    }

    /// What a chunk is called: the same for the same bytes, and only for whoever has the key (HMAC-SHA-256).
    pub fn name(&self, plain: &[u8]) -> ChunkId {
        let tag = hmac::sign(&self.names, plain);
        ChunkId(tag.as_ref().try_into().expect("32 bytes of SHA-256"))
    }

    /// Nonce, then what is sealed.
    pub fn seal(&self, what: What<'_>, plain: &[u8]) -> Vec<u8> {
        // Of 96 random bits none comes twice among fewer than 2^32 chunks, which are four pebibytes.
        let nonce = rand::rng().random::<[u8; NONCE_LEN]>();
        let mut bytes = plain.to_vec();
        let (key, about) = self.of(what);
        let sealing = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut bytes);
        sealing.expect("far shorter than the most that can be sealed");
        [&nonce[..], &bytes].concat()
    }

    /// `None` where it was changed, or is something else.
    pub fn open(&self, what: What<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let (key, about) = self.of(what);
        let plain = key.open_in_place(nonce, Aad::from(about), &mut rest).ok()?.len();
        rest.truncate(plain);
        Some(rest)
    }

    fn of(&self, what: What<'_>) -> (&LessSafeKey, Vec<u8>) {
        match what {
            What::Chunk(id) => (&self.chunks, id.0.to_vec()),
            What::Manifest(name) => (&self.manifests, name.as_bytes().to_vec()),
        }
    }
}

pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    // A sign is taken by the parser and no digit.
    (!text.contains('+')).then_some(bytes)
}
