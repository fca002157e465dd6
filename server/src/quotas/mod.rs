//! What an account may have: asked in the transaction that changes what is wanted, never by the reconciler.
//!
//! [`reserve`] asks, the store keeps the books ([`crate::store::quotas`]), [`books`] compares them with what
//! is there; limits are set and wished for through [`Quotas`].

pub mod books;
mod limits;
mod requests;
mod usage;

pub use limits::standings_of_all;
use umbel_app::AppError;
use umbel_app::shown::Topic;
use umbel_guest::AccountId;
use umbel_guest::quota::{Kind, Limit, Refused, Rule, Standing};

use crate::parts::Parts;
use crate::store::guests::Guest;
use crate::store::quotas::{Short, disk_ask, quota_of, reservation_ask, reservation_ask_row};
use crate::store::{StoreError, Tx};

/// Limits and wishes for more. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Quotas {
    parts: Parts,
}

impl Quotas {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    fn changed(&self) {
        self.parts.events.publish(Topic::People);
    }
}

/// Reserves what the guest will hold once this transaction has written it, or says what is short: all of
/// it at once. After a refusal the transaction must not be committed.
pub async fn reserve(tx: &mut Tx, guest: &Guest) -> Result<(), AppError> {
    let standings = quota_of(&mut *tx, guest.owner).await?;
    let short = reservation_ask(tx, guest, |kind| limit(&standings, kind)).await?;
    refuse(&standings, &short)
}

/// The same for one more of [`Kind::OF_ROWS`].
pub async fn reserve_row(tx: &mut Tx, guest: &Guest, kind: Kind) -> Result<(), AppError> {
    let standings = quota_of(&mut *tx, guest.owner).await?;
    let short = reservation_ask_row(tx, guest, kind, limit(&standings, kind)).await?;
    refuse(&standings, short.as_slice())
}

/// The same for so much more disk that is no guest's.
pub async fn reserve_disk(tx: &mut Tx, owner: AccountId, mib: u64) -> Result<(), AppError> {
    let standings = quota_of(&mut *tx, owner).await?;
    let short = disk_ask(tx, owner, mib, limit(&standings, Kind::Disk)).await?;
    refuse(&standings, short.as_slice())
}

fn limit(standings: &[Standing], kind: Kind) -> Limit {
    let found = standings.iter().find(|standing| standing.kind == kind);
    found.map_or(Limit { most: None, why: Rule::Nobody }, |standing| standing.limit)
}

fn refuse(standings: &[Standing], short: &[Short]) -> Result<(), AppError> {
    let words = |short: &Short| {
        let standing = standings.iter().find(|standing| standing.kind == short.kind)?;
        let Standing { kind, used, limit } = *standing;
        let refused = Refused { kind, limit: limit.most.unwrap_or_default(), why: limit.why, used, asked: short.asked };
        Some(refused.to_string())
    };
    let words: Vec<String> = short.iter().filter_map(words).collect();
    if words.is_empty() { Ok(()) } else { Err(AppError::Conflict { message: words.join(" ") }) }
}

/// At the start: whatever does not fit is told in the log and put right.
pub async fn put_right(db: &crate::store::Db) -> Result<(), StoreError> {
    let wrong = books::wrong(db).await?;
    if !wrong.is_empty() {
        tracing::error!(wrong = wrong.join("; "), "reservations did not fit what is there, and are written anew");
        books::write_anew(db).await?;
    }
    Ok(())
}
