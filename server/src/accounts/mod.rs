//! Who may come in: sign-in, the first administrator, people, passwords, sign-ins and their end, second factors,
//! tokens of programs, groups.
//!
//! [`passwords`] hashes in a bounded pool, [`rate_limit`] counts tries, [`sessions`] keeps what the
//! session library asks to be kept, [`seal`] keeps secrets that must be read again, [`codes`] is what is pure of second
//! factors, [`live`] tells whoever holds a connection that its session is over.

pub mod codes;
mod confirm;
mod first_run;
mod groups;
mod import;
pub mod invitations;
mod keys;
pub mod live;
mod oidc;
mod own;
mod owner;
pub mod passwords;
mod people;
pub mod rate_limit;
pub mod registration;
pub mod seal;
mod second_factor;
pub mod sessions;
mod sign_in;
mod standing;
mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use umbel_app::AppError;
use umbel_app::backend::{Caller, Came, Expects};
use umbel_app::proof::Proof;
use umbel_app::shown::{AccountShown, Role, Topic};
use umbel_guest::{AccountId, AccountName, FieldErrors};
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::internal;
use crate::events::Events;
use crate::store::Db;
use crate::store::accounts::{Account, Standing, account_fetch};
use crate::store::groups::member_fetch;
use live::Live;
use passwords::{BadPassword, HashError, Password, Passwords};
use rate_limit::{RateLimit, TooMany};
use seal::Seal;

pub use confirm::code_after;
pub use first_run::token as first_run_token;
pub use owner::Owner;
pub use people::reset_password;
pub use second_factor::{HalfIn, reset_second_factor};
pub use sign_in::SignedIn;
pub use standing::Gone;
pub(crate) use standing::deletable;

/// Seconds after which a full pool of password checks is worth another try.
const BUSY_RETRY_S: u64 = 2;

/// Accounts and their sign-ins. Clones share pool, counts and watchers.
#[derive(Clone, Debug)]
pub struct Accounts {
    db: Db,
    events: Events,
    clock: Clock,
    passwords: Passwords,
    seal: Seal,
    tries: RateLimit,
    live: Live,
}

impl Accounts {
    pub fn new(db: Db, events: Events, clock: Clock, passwords: Passwords, seal: Seal) -> Self {
        Self { db, events, clock, passwords, seal, tries: RateLimit::default(), live: Live::default() }
    }

    /// What keeps other secrets of this panel, too.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Who a session that is known to exist belongs to, as if signed in long ago; `None` if the account is gone,
    /// suspended or expired.
    pub async fn caller(&self, account: AccountId, session: &str) -> Result<Option<Caller>, AppError> {
        let found = account_fetch(&self.db, account).await?;
        Ok(found.and_then(|account| caller(account, session, Proof::At(0), self.clock.now())))
    }

    /// The same one as the database knows them now, for whoever holds a connection.
    pub async fn again(&self, caller: &Caller) -> Result<Option<Caller>, AppError> {
        let Some(fresh) = self.caller(caller.account.id, &caller.session).await? else { return Ok(None) };
        if let Some(group) = caller.bound
            && member_fetch(&self.db, group, caller.account.id).await?.is_none()
        {
            return Ok(None);
        }
        Ok(Some(Caller { came: caller.came, proof: caller.proof, bound: caller.bound, ..fresh }))
    }

    /// Resolves when the caller's session lets nobody in any more: signed out, ended, expired, its account
    /// suspended or at its end. At once when this panel did it, within a second when somebody else did. Ask for it
    /// first and check the session then, so that nothing is missed in between. As long as it is held, changes
    /// of what the account may do are told as [`Topic::Rights`], those of other panels too.
    pub fn session_over(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.live.over(caller)
    }

    /// Somebody has signed out, and the session is gone from the database.
    pub async fn signed_out(&self, session: &str) {
        self.live.end([session]);
    }

    /// The store of the session library, on the same rows.
    pub fn session_store(&self) -> sessions::SessionRows {
        sessions::SessionRows::new(self.db.clone(), self.clock.clone())
    }

    /// What goes on behind accounts as long as the panel runs: watches the sessions that somebody holds
    /// a connection with, and forgets those that have expired.
    pub fn keep(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        live::keep(self.live.clone(), self.db.clone(), self.clock.clone(), self.events.clone())
    }

    fn people_changed(&self) {
        self.events.publish(Topic::People);
    }
}

/// What a link holds: 256 random bits, of which the database knows a hash.
fn link_token() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>())
}

/// One that lets its owner in from now on.
fn fresh(name: AccountName, role: Role, now: i64) -> Account {
    Account {
        id: AccountId(Uuid::now_v7()),
        name,
        role,
        standing: Standing::Active,
        expires_at: None,
        must_change_password: false,
        created_at: now,
        last_sign_in_at: None,
        second_factor: false,
        linked: false,
        rights: 0,
    }
}

/// Who comes in with that session or token, if the account lets anybody in.
fn caller(account: Account, session: &str, proof: Proof, now: i64) -> Option<Caller> {
    account.state(now).lets_in().then(|| Caller {
        rights: account.rights,
        account: shown(account, now),
        session: session.to_owned(),
        came: Came::default(),
        proof,
        expects: Expects::Anything,
        bound: None,
    })
}

/// What may be seen of an account.
fn shown(account: Account, now: i64) -> AccountShown {
    AccountShown {
        state: account.state(now),
        expires_at: account.expires_at,
        id: account.id,
        name: account.name.into(),
        role: account.role,
        created_at: account.created_at,
        last_sign_in_at: account.last_sign_in_at,
        second_factor: account.second_factor,
        linked: account.linked,
    }
}

/// A password that is to be set, typed twice; what is wrong with it goes to its fields.
fn chosen(errors: &mut FieldErrors, password: String, again: &str) -> Option<Password> {
    if password != again {
        errors.0.push(umbel_guest::FieldError::new("password_again", "The two passwords differ."));
    }
    errors.take(Password::chosen(password).map_err(|bad| bad_password("password", bad)))
}

fn bad_password(field: &str, bad: BadPassword) -> umbel_guest::FieldError {
    umbel_guest::FieldError::new(field, bad.to_string())
}

impl From<HashError> for AppError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::TooMany { retry_after_s: BUSY_RETRY_S },
            other => internal(&other),
        }
    }
}

impl From<TooMany> for AppError {
    fn from(error: TooMany) -> Self {
        Self::TooMany { retry_after_s: error.retry_after_s }
    }
}
