//! Public keys that people let into their guests.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{KeyDraft, KeyShown};
use umbel_guest::setup::PublicKey;
use umbel_guest::{FieldError, FieldErrors, KeyId};
use uuid::Uuid;

use super::Accounts;
use crate::store::keys::{Key, key_delete_of, key_insert, key_list};

/// Of one account; a guest is told of as many.
const MOST: usize = 32;
/// Characters of a name.
const MOST_NAME: usize = 64;

impl Accounts {
    pub async fn key_list(&self, caller: &Caller) -> Result<Vec<KeyShown>, AppError> {
        Ok(key_list(&self.db, caller.account.id).await?.into_iter().map(shown).collect())
    }

    /// What the key is called, unless it is said: the comment at its end, or its kind.
    pub async fn key_add(&self, caller: &Caller, draft: KeyDraft) -> Result<KeyShown, AppError> {
        let invalid = |message: String| AppError::Invalid(FieldErrors::one("key", message));
        let public: PublicKey = draft.key.trim().parse().map_err(|error: FieldError| invalid(error.message))?;
        let half = || invalid("This key isn't whole: what is in it doesn't fit its kind.".into());
        let fingerprint = fingerprint(&public).ok_or_else(half)?;
        let (kind, _, comment) = public.parts();
        let name = [draft.name.trim(), comment, kind].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let name: String = name.chars().filter(|c| !c.is_control()).take(MOST_NAME).collect();
        let (account, created_at) = (caller.account.id, self.clock.now());
        let key = Key { id: KeyId(Uuid::now_v7()), account, name, key: public, fingerprint, created_at };
        let mut tx = self.db.begin().await?;
        if key_list(&mut tx, account).await?.len() >= MOST {
            return Err(AppError::Conflict { message: format!("You have {MOST} keys. Remove one first.") });
        }
        key_insert(&mut tx, &key).await.map_err(|error| {
            if error.is_duplicate() { invalid("You have this key already.".into()) } else { error.into() }
        })?;
        tx.commit().await?;
        tracing::info!(key = key.fingerprint, by = caller.account.name, "a key was added");
        self.people_changed();
        Ok(shown(key))
    }

    /// It stays in the guests that were told of it.
    pub async fn key_remove(&self, caller: &Caller, key: KeyId) -> Result<(), AppError> {
        if !key_delete_of(&self.db, key, caller.account.id).await? {
            return Err(AppError::not_found("key"));
        }
        tracing::info!(by = caller.account.name, "a key was removed");
        self.people_changed();
        Ok(())
    }
}

/// As ssh-keygen(1) shows it; none of what isn't a key of the kind that it says: fields with their lengths before them,
/// the first of which is the kind once more (RFC 4253, 6.6).
fn fingerprint(key: &PublicKey) -> Option<String> {
    let (kind, encoded, _) = key.parts();
    let blob = STANDARD.decode(encoded).ok()?;
    let (mut rest, mut fields) = (blob.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (one, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        fields.push(one);
        rest = after;
    }
    let is_whole = rest.is_empty() && fields.len() >= 2 && fields[0] == kind.as_bytes();
    is_whole.then(|| format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob))))
}

fn shown(key: Key) -> KeyShown {
    KeyShown {
        id: key.id,
        kind: key.key.parts().0.to_owned(),
        name: key.name,
        fingerprint: key.fingerprint,
        created_at: key.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_ssh_keygens_and_half_a_key_has_none() {
        let parsed = |text: &str| text.parse::<PublicKey>().expect("a line");
        assert_eq!(fingerprint(&parsed(KEY)).as_deref(), Some(PRINT));
        for text in [&KEY[..60], &KEY.replace("ssh-ed25519 ", "ssh-rsa "), "ssh-rsa AAAA", "ssh-rsa ===="] {
            assert_eq!(fingerprint(&parsed(text)), None, "{text}");
        }
    }

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINRNnxlle6LQqFTuDPLtSYlitefryp0NO0K3AJ210Qog anna@laptop";
    const PRINT: &str = "SHA256:bfw5nAHX+v9046vqkNX2sst6YdXHcqiyz/IV01tdZZQ";
}
