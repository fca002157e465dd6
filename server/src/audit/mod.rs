//! Who did what, on what, from where, and how it ended: every change and every console that is opened,
//! also those that are refused. Rows hang together by their hashes and are changed by nobody.
//!
//! [`backend`] stands around the port that pages and API use, so that every change goes through
//! [`Audit::change`]; [`what`] names what it is asked of; [`chain`] is the hashes, pure; [`list`] finds rows; [`keep`] removes what is too old; [`commands`] is
//! `umbel audit`. Why it is as it is stands in docs/decisions/audit.md.

mod backend;
mod backups;
pub mod chain;
pub mod commands;
pub mod csv;
mod files;
mod keep;
mod list;
mod parcels;
mod storage;
mod volumes;
mod what;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use umbel_app::AppError;
use umbel_app::backend::{Caller, Came};
use umbel_app::proof::Proof;
use umbel_app::shown::{AuditAction, AuditKind, AuditOutcome, AuditShown, Role};
use umbel_guest::AccountId;
use uuid::Uuid;

use crate::clock::{Clock, MINUTE};
use crate::error::chain as causes;
use crate::store::audit::{Checkpoint, Pending, audit_head, audit_insert, audit_pending_insert, audit_pending_take};
use crate::store::{Db, StoreError, Tx};

/// What is kept of a text that came from outside, in characters.
const TEXT_MOST: usize = 100;
const REASON_MOST: usize = 300;
/// Addresses whose tries without a check have their row for this minute.
const ADDRESSES_MOST: usize = 1000;

/// Cheap to clone; clones share what they count.
#[derive(Clone, Debug)]
pub struct Audit {
    db: Db,
    clock: Clock,
    unchecked: Arc<Mutex<Unchecked>>,
}

/// Who it was.
#[derive(Clone, Debug)]
pub struct Who {
    account: Option<AccountId>,
    name: String,
    came: Came,
    /// Of whoever has an account: what they may do, and how they have shown that it is they.
    proof: Option<(Role, Proof)>,
}

impl Who {
    /// Somebody without an account here, by the name that was said.
    pub fn named(name: &str, came: Came) -> Self {
        Self { account: None, name: plain(name, TEXT_MOST), came, proof: None }
    }

    fn proved(&self, action: AuditAction, now: i64) -> Result<(), AppError> {
        self.proof.map_or(Ok(()), |(role, proof)| proof.is_enough(action, role, now))
    }
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        let proof = Some((caller.account.role, caller.proof));
        Self { account: Some(caller.account.id), name: caller.account.name.clone(), came: caller.came, proof }
    }
}

/// What was asked for, and of what.
#[derive(Clone, Debug)]
pub struct What {
    action: AuditAction,
    kind: AuditKind,
    object: String,
    name: String,
    detail: String,
}

impl What {
    pub fn new(action: AuditAction, kind: AuditKind) -> Self {
        Self { action, kind, object: String::new(), name: String::new(), detail: String::new() }
    }

    /// The id of what it is about.
    #[must_use]
    pub fn of(mut self, object: impl ToString) -> Self {
        self.object = plain(&object.to_string(), TEXT_MOST);
        self
    }

    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = plain(name, TEXT_MOST);
        self
    }

    /// What else there is to say, never a secret.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = plain(detail, REASON_MOST);
        self
    }
}

impl Audit {
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, unchecked: Arc::default() }
    }

    /// Does it, and leaves a row of how it ended; refuses what takes a fresher proof of who asks. That it was begun is on
    /// the disk before it is: a row whose end nobody could write says so.
    pub async fn change<T>(
        &self,
        who: impl Into<Who>,
        what: What,
        doing: impl Future<Output = Result<T, AppError>>,
    ) -> Result<T, AppError> {
        self.create(who, what, doing, |_| None).await
    }

    /// The same of what has its id only once it is done.
    pub async fn create<T>(
        &self,
        who: impl Into<Who>,
        what: What,
        doing: impl Future<Output = Result<T, AppError>>,
        id: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, AppError> {
        let who = who.into();
        let proved = who.proved(what.action, self.clock.now());
        let row = self.row(
            &who,
            what,
            AuditOutcome::Unknown,
            "Its end was not seen: the panel ended, or the one who asked went away.",
        );
        let mut pending = Pending { id: Uuid::now_v7(), row };
        audit_pending_insert(&self.db, &pending).await?;
        let done = match proved {
            Ok(()) => doing.await,
            Err(error) => Err(error),
        };
        let (outcome, reason) = end_of(&done);
        pending.row.outcome = outcome.word().into();
        pending.row.reason = reason;
        if let Some(id) = done.as_ref().ok().and_then(id) {
            pending.row.object = id;
        }
        if let Err(error) = self.settle(pending).await {
            // What was done is done; the keeper will say that its end was not seen.
            tracing::error!(cause = causes(&error), "a row of the audit has no end");
        }
        done
    }

    /// A row at once, of what is done next or was refused.
    pub async fn note(&self, who: impl Into<Who>, what: What, done: &Result<(), AppError>) -> Result<(), AppError> {
        let (outcome, reason) = end_of(done);
        let row = self.row(&who.into(), what, outcome, &reason);
        let mut tx = self.db.begin().await?;
        append(&mut tx, row).await?;
        Ok(tx.commit().await?)
    }

    /// Whether a try that was turned away unchecked gets a row: one a minute for each address, so that
    /// whoever tries without end does not fill the table.
    pub fn is_worth_a_row(&self, error: &AppError, address: Option<IpAddr>) -> bool {
        if !matches!(error, AppError::TooMany { .. }) {
            return true;
        }
        let mut unchecked = self.unchecked.lock().unwrap_or_else(PoisonError::into_inner);
        unchecked.first_in_its_minute(address, self.clock.now() / MINUTE)
    }

    fn row(&self, who: &Who, what: What, outcome: AuditOutcome, reason: &str) -> AuditShown {
        AuditShown {
            number: 0,
            at: self.clock.now(),
            account: who.account.map(|id| id.to_string()),
            name: who.name.clone(),
            action: what.action.word().into(),
            kind: what.kind.word().into(),
            object: what.object,
            object_name: what.name,
            detail: what.detail,
            via: who.came.via.word().into(),
            address: who.came.address.map(|address| address.to_string()).unwrap_or_default(),
            outcome: outcome.word().into(),
            reason: reason.into(),
            hash: String::new(),
        }
    }

    /// Numbers a row, unless somebody else has.
    async fn settle(&self, pending: Pending) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        if audit_pending_take(&mut tx, pending.id).await? {
            append(&mut tx, pending.row).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// The next row of the chain. A transaction is alone on both engines, so nobody else numbers meanwhile.
async fn append(tx: &mut Tx, mut row: AuditShown) -> Result<Checkpoint, StoreError> {
    let head = audit_head(tx).await?;
    let before = head.unwrap_or_else(|| Checkpoint { number: 0, hash: chain::BEGINNING.into() });
    row.number = before.number + 1;
    row.hash = chain::hash(&before.hash, &row);
    audit_insert(tx, &row).await?;
    Ok(Checkpoint { number: row.number, hash: row.hash })
}

fn end_of<T>(done: &Result<T, AppError>) -> (AuditOutcome, String) {
    let Err(error) = done else { return (AuditOutcome::Allowed, String::new()) };
    let outcome = match error {
        AppError::Unavailable { .. } | AppError::Internal { .. } => AuditOutcome::Failed,
        AppError::NotSignedIn
        | AppError::CodeNeeded
        | AppError::MustChangePassword
        | AppError::ConfirmNeeded
        | AppError::Forbidden { .. }
        | AppError::NotFound { .. }
        | AppError::Invalid(_)
        | AppError::Conflict { .. }
        | AppError::Changed
        | AppError::TooMany { .. } => AuditOutcome::Refused,
    };
    (outcome, plain(&reason(error), REASON_MOST))
}

/// What is wrong with the whole form is said without a field.
fn reason(error: &AppError) -> String {
    let AppError::Invalid(errors) = error else { return error.to_string() };
    let said = errors.0.iter().map(|wrong| match wrong.field.as_str() {
        "form" => wrong.message.clone(),
        field => format!("{field}: {}", wrong.message),
    });
    said.collect::<Vec<_>>().join(" ")
}

/// Without what terminals, PostgreSQL and readers of lines stumble over.
fn plain(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

#[derive(Debug, Default)]
struct Unchecked {
    minute: i64,
    addresses: HashSet<Option<IpAddr>>,
}

impl Unchecked {
    fn first_in_its_minute(&mut self, address: Option<IpAddr>, minute: i64) -> bool {
        if self.minute != minute {
            *self = Self { minute, addresses: HashSet::new() };
        }
        self.addresses.len() < ADDRESSES_MOST && self.addresses.insert(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_tries_without_end_has_one_row_a_minute() {
        let (mut unchecked, home) = (Unchecked::default(), "192.0.2.1".parse().ok());
        assert!(unchecked.first_in_its_minute(home, 7));
        assert!(!unchecked.first_in_its_minute(home, 7));
        assert!(unchecked.first_in_its_minute(None, 7));
        assert!(unchecked.first_in_its_minute(home, 8));
    }

    #[test]
    fn what_came_from_outside_is_one_short_line() {
        let what =
            What::new(AuditAction::GuestCreate, AuditKind::Guest).named(&format!("a\n\0b\u{1b}{}", "x".repeat(200)));
        assert_eq!((what.name.len(), &what.name[..3]), (100, "abx"));
    }
}
