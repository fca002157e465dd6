//! What a guest is told once: who signs in, and a script. The panel checks it, makes a hash of the password and hands it
//! to the agent; none of it is in a row, a log or a backup.

use rand::Rng as _;
use sha_crypt::{Algorithm, Params, PasswordHasher as _, ShaCrypt};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::setup::Checked;
use umbel_guest::{Action, FieldError, FieldErrors, GuestId, GuestName, GuestRight, Setup, SetupDraft};
use uuid::Uuid;

use super::snapshots::has_disk;
use super::{Guests, from_host};
use crate::error::internal;
use crate::store::keys::key_list;

/// Rounds of SHA-512 (crypt(5)): what a guest's slower processor still does in a moment.
const ROUNDS: u32 = 20_000;
/// Of the salt: written down, crypt(5) takes 16 letters and no more.
const SALT: usize = 12;

impl Guests {
    /// For the guest's next start; it must be off. What was to be told before is not told.
    pub async fn set_up(&self, caller: &Caller, guest: GuestId, draft: SetupDraft) -> Result<(), AppError> {
        let guest = self.allowed(caller, guest, GuestRight::Settings).await?;
        let refused = Action::Change.check(&guest.wanted, &guest.seen);
        refused.map_err(|e| AppError::Conflict { message: e.to_string() })?;
        has_disk(&guest)?;
        let host = &self.parts.link.host;
        let images = host.images().await.map_err(from_host)?;
        let image = images.into_iter().find(|image| image.id == guest.spec.image);
        let user = image.map_or_else(String::new, |image| image.default_user);
        let Some(checked) = self.setup_checked(caller, &draft, &user).await?.map_err(AppError::Invalid)? else {
            let message = "Say who signs in, with a password or a key, or what to run.";
            return Err(AppError::Invalid(FieldErrors::one("user", message)));
        };
        let setup = setup(guest.spec.name, checked).await?;
        tracing::info!(guest = %guest.id, by = caller.account.name, "a guest is told anew");
        host.setup_put(guest.id, guest.generation, setup).await.map_err(from_host)?;
        self.parts.guest_changed(guest.id);
        Ok(())
    }

    /// Nothing where nothing was asked for. Nobody named is `usual`, the image's own user.
    pub(super) async fn setup_checked(
        &self,
        caller: &Caller,
        draft: &SetupDraft,
        usual: &str,
    ) -> Result<Result<Option<Checked>, FieldErrors>, AppError> {
        if draft.is_empty() {
            return Ok(Ok(None));
        }
        let keys = if draft.account_keys { key_list(&self.parts.db, caller.account.id).await? } else { Vec::new() };
        if draft.account_keys && keys.is_empty() {
            let message = "Your account has no keys. Add one on the account page first.";
            return Ok(Err(FieldError::new("account_keys", message).into()));
        }
        let keys = keys.into_iter().map(|key| key.key).collect();
        Ok(Checked::of(draft, keys, usual).map(Some))
    }
}

/// As the host is told it.
pub(super) async fn setup(name: GuestName, checked: Checked) -> Result<Setup, AppError> {
    let Checked { user, password, keys, user_data, identity } = checked;
    let password = match password {
        Some(password) => {
            let hashed = tokio::task::spawn_blocking(move || hashed(&password)).await;
            Some(hashed.map_err(|error| internal(&error))??)
        }
        None => None,
    };
    Ok(Setup { id: Uuid::now_v7(), name, user, password, keys, user_data, identity })
}

fn hashed(password: &str) -> Result<umbel_guest::setup::PasswordHash, AppError> {
    let params = Params::new(ROUNDS).map_err(|error| internal(&error))?;
    let salt = rand::rng().random::<[u8; SALT]>();
    let hash = ShaCrypt::new(Algorithm::Sha512Crypt, params).hash_password_with_salt(password.as_bytes(), &salt);
    hash.map_err(|error| internal(&error))?.to_string().parse().map_err(|error| internal(&FieldErrors::from(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_one_that_guests_know_and_another_each_time() {
        let (one, other) = (hashed("correct horse").expect("hashed"), hashed("correct horse").expect("hashed"));
        assert!(one.as_str().starts_with("$6$rounds=20000$"), "{}", one.as_str());
        assert_ne!(one, other);
        // As this machine's own crypt(3) makes it, which every Debian has in its perl.
        let script = "print crypt($ARGV[0], $ARGV[1])";
        let made = std::process::Command::new("perl").args(["-e", script, "correct horse", one.as_str()]).output();
        assert_eq!(String::from_utf8_lossy(&made.expect("perl-base").stdout), one.as_str());
    }
}
