//! A key that lies beside the database and not in it: what is sealed with it can't be read out of a copy of
//! the database alone. What that protects, and what not, is said in docs/decisions/second-factor.md.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::Rng as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::hex::hex;

const KEY_LEN: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("{what} the key {} failed: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the key {} has {len} bytes and not {KEY_LEN}: put back the one that was there, or remove it, reset all \
         second factors and make webhooks anew",
        path.display()
    )]
    Length { path: PathBuf, len: usize },
    #[error("what was sealed does not open with the key of this panel; was the database moved without its key file?")]
    Open,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Seal(Arc<Keys>);

struct Keys {
    seals: LessSafeKey,
    marks: hmac::Key,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    pub fn new(key: [u8; KEY_LEN]) -> Self {
        // One key for each use, out of the one that is kept.
        let marks = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), b"marks");
        let marks = hmac::Key::new(hmac::HMAC_SHA256, marks.as_ref());
        let seals = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a key of this length");
        Self(Arc::new(Keys { seals: LessSafeKey::new(seals), marks }))
    }

    /// The same for the same parts, and of no use for guessing them to whoever has the database alone (HMAC-SHA-256, in
    /// hexadecimal).
    pub fn mark(&self, parts: &[&[u8]]) -> String {
        let mut mark = hmac::Context::with_key(&self.0.marks);
        for part in parts {
            mark.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mark.update(part);
        }
        hex(mark.sign().as_ref())
    }

    /// The key in the file, which is made where it isn't there, for nobody else to read.
    pub fn at(path: &Path) -> Result<Self, SealError> {
        let failed = |what| move |source| SealError::File { what, path: path.to_owned(), source };
        match fs::read(path) {
            Ok(bytes) => {
                let wrong = |bytes: Vec<u8>| SealError::Length { path: path.to_owned(), len: bytes.len() };
                Ok(Self::new(bytes.try_into().map_err(wrong)?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = rand::rng().random::<[u8; KEY_LEN]>();
                // Beside its place and then into it: a panel that is killed leaves no half key.
                let beside = path.with_extension("new");
                let mut open = OpenOptions::new();
                let file = open.write(true).create(true).truncate(true).mode(0o600).open(&beside);
                let mut file = file.map_err(failed("making"))?;
                file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed("writing"))?;
                fs::rename(&beside, path).map_err(failed("making"))?;
                Ok(Self::new(key))
            }
            Err(error) => Err(failed("reading")(error)),
        }
    }

    /// Opens again only for the same `owner`, so that rows can't be exchanged.
    pub fn seal(&self, owner: &str, secret: &[u8]) -> String {
        // Of 96 random bits none comes twice among as many secrets as a panel has.
        let nonce = rand::rng().random::<[u8; NONCE_LEN]>();
        let mut bytes = secret.to_vec();
        let sealing =
            self.0.seals.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(owner), &mut bytes);
        sealing.expect("a secret is far shorter than the most that can be sealed");
        STANDARD_NO_PAD.encode([&nonce[..], &bytes].concat())
    }

    pub fn open(&self, owner: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| SealError::Open)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Open)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Open)?;
        let mut rest = rest.to_vec();
        let secret = self.0.seals.open_in_place(nonce, aad(owner), &mut rest).map_err(|_| SealError::Open)?;
        Ok(secret.to_vec())
    }
}

fn aad(owner: &str) -> Aad<&[u8]> {
    Aad::from(owner.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_mark_is_of_all_its_parts_and_of_this_panel() {
        let mark = |key, parts: &[&[u8]]| Seal::new([key; KEY_LEN]).mark(parts);
        assert_eq!(mark(7, &[b"a", b"b"]), mark(7, &[b"a", b"b"]));
        for (key, parts) in [(8, vec![&b"a"[..], b"b"]), (7, vec![b"ab", b""]), (7, vec![b"a"])] {
            assert_ne!(mark(7, &[b"a", b"b"]), mark(key, &parts), "{key} {parts:?}");
        }
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_for_its_owner_only() {
        let seal = Seal::new([7; KEY_LEN]);
        let sealed = seal.seal("ada", b"secret");
        assert_eq!(seal.open("ada", &sealed).expect("its own"), b"secret");
        assert_ne!(sealed, seal.seal("ada", b"secret"), "each time another");
        assert!(seal.open("bob", &sealed).is_err() && Seal::new([8; KEY_LEN]).open("ada", &sealed).is_err());
        for broken in ["", "x", "AAAA", &sealed[..sealed.len() - 4]] {
            assert!(seal.open("ada", broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_for_nobody_else() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("seal.key");
        let sealed = Seal::at(&path).expect("a new key").seal("ada", b"secret");
        assert_eq!(Seal::at(&path).expect("the same").open("ada", &sealed).expect("the same key"), b"secret");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        fs::write(&path, b"short").expect("a write");
        assert!(Seal::at(&path).expect_err("too short").to_string().contains("5 bytes"));
    }
}
