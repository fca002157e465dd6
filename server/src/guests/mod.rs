//! What may be asked about guests, and of whom: the rules, a verb a file. All slow things are
//! [`crate::operations`]; all booting and stopping is the [`crate::reconciler`]'s.

mod act;
mod adopt;
mod backup_plans;
mod backups;
mod by_hand;
mod change;
mod checks;
mod clone;
mod console_tail;
mod create;
mod example;
pub mod files;
mod first_image;
mod form;
mod list;
mod metrics;
mod operations;
mod overview;
mod owners;
mod parcels;
mod plans;
mod rebuild;
mod rights;
mod setup;
mod sharing;
mod snapshots;
mod storage;
mod traces;
mod view;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::DropGuard;
use umbel_app::AppError;
use umbel_app::backend::Caller;

use crate::host::HostError;
use crate::operations::{Operations, Requester};
use crate::parts::Parts;
use crate::quotas;
use crate::reconciler::Reconciler;
use crate::store::StoreError;

pub use console_tail::plain;
pub(crate) use create::has_room;
pub use parcels::Download as FileDownload;
pub use rights::Reach;

/// Guests, their operations, and the host they are on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guests {
    pub parts: Parts,
    pub operations: Operations,
    inside: metrics::Inside,
    reads: Arc<files::Reads>,
}

impl Guests {
    pub fn new(parts: Parts) -> Self {
        let operations = Operations::new(parts.clone());
        Self { parts, operations, inside: metrics::Inside::default(), reads: Arc::default() }
    }

    pub fn reconciler(&self) -> Reconciler {
        Reconciler::new(self.parts.clone(), self.operations.clone())
    }

    /// Begins to listen to the host, goes on with what was under way, and reconciles, until what it
    /// gives is dropped.
    pub async fn run(&self) -> Result<Running, StoreError> {
        quotas::put_right(&self.parts.db).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(self.parts.link.clone().run(self.parts.events.clone()));
        tasks.spawn(self.reconciler().run());
        tasks.spawn(first_image::run(self.parts.clone()));
        tasks.spawn(crate::networks::tell::keep(self.parts.clone()));
        let running = Running { _tasks: tasks, _operations: self.parts.ended.clone().drop_guard() };
        self.operations.resume().await?;
        Ok(running)
    }
}

/// The tasks behind guests. Dropped, they end where they are, as they would by a kill: the next life
/// goes on from the rows.
#[derive(Debug)]
pub struct Running {
    _tasks: JoinSet<()>,
    _operations: DropGuard,
}

pub(crate) fn requester(caller: &Caller) -> Requester {
    Requester { account: caller.account.id, name: caller.account.name.clone() }
}

/// An answer of the host that a person waits for.
pub(crate) fn from_host(error: HostError) -> AppError {
    match error {
        HostError::Away(_) => AppError::Unavailable {
            message: "The agent is away, so the host can't be asked. Try again in a moment.".into(),
        },
        HostError::Refused(refusal) => AppError::Conflict { message: format!("The host refused: {refusal}.") },
        other => crate::error::internal(&other),
    }
}
