//! Brings operations on, a task for each. All it knows is in rows, so it may be killed anywhere.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use umbel_app::AppError;
use umbel_app::shown::{OperationKind, OperationState, StepShown, StepState};
use umbel_guest::{AccountId, GuestId, OperationId};
use uuid::Uuid;

use super::state::{Next, Rung, next};
use super::step::{Params, Run, Step, StepError};
use super::{cancellable, table, takes_over};
use crate::error::chain;
use crate::parts::Parts;
use crate::quotas;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operations::{
    Operation, operation_fetch, operation_insert, operation_is_under_way, operation_list_under_way, operation_log,
    operation_set_state, operation_set_step, operation_under_way,
};
use crate::store::{StoreError, Tx};

/// Between two tries of a step that waits for the agent or the database.
const LATER: Duration = Duration::from_millis(500);
/// Tries of an undo before the operation gives up and says so.
const UNDO_TRIES: usize = 3;

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    pub account: AccountId,
    pub name: String,
}

impl Requester {
    /// Nobody asked: it was time.
    pub fn panel(guest: &Guest) -> Self {
        Self { account: guest.owner, name: "the panel".into() }
    }
}

/// What an operation is about, as its row remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub guest: Option<GuestId>,
    /// The guest's name, or that of whatever else it is about.
    pub name: String,
    /// Who may see it, besides administrators.
    pub owner: AccountId,
}

/// What fault tests ask of the runner; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drill {
    /// This step fails after it was done.
    pub fail_at: Option<usize>,
    /// Every step and every undo is done twice in a row.
    pub twice: bool,
}

#[derive(Clone, Debug)]
pub struct Operations {
    pub parts: Parts,
    running: Arc<Mutex<HashSet<OperationId>>>,
    drill: Drill,
}

impl Operations {
    pub fn new(parts: Parts) -> Self {
        Self { parts, running: Arc::default(), drill: Drill::default() }
    }

    #[must_use]
    pub fn with_drill(self, drill: Drill) -> Self {
        Self { drill, ..self }
    }

    /// Writes a new operation for a guest into the transaction that decides about it. Whatever is under
    /// way for the guest is taken over or refuses it, and so does the quota of what asks for it to run. Call [`Operations::spawn`] after the commit.
    pub async fn insert(
        &self,
        tx: &mut Tx,
        kind: OperationKind,
        guest: &Guest,
        requester: &Requester,
    ) -> Result<OperationId, AppError> {
        let purge_at =
            (kind == OperationKind::GuestDelete).then(|| self.parts.clock.now() + self.parts.patience.undelete);
        self.insert_with(tx, kind, guest, requester, &Params { purge_at, ..Params::default() }).await
    }

    /// The same with more for its steps to know.
    pub async fn insert_with(
        &self,
        tx: &mut Tx,
        kind: OperationKind,
        guest: &Guest,
        requester: &Requester,
        params: &Params,
    ) -> Result<OperationId, AppError> {
        let now = self.parts.clock.now();
        if let Some((old, old_kind, last)) = operation_under_way(&mut *tx, guest.id).await? {
            if !takes_over(kind, old_kind, last == Some(StepState::Running)) {
                let message = format!("{} is under way for {}.", old_kind.title(), guest.spec.name);
                return Err(AppError::Conflict { message });
            }
            let line = format!("{} by {} took its place.", kind.title(), requester.name);
            operation_log(&mut *tx, old, now, &line).await?;
            operation_set_state(&mut *tx, old, &OperationState::Cancelled, Some(now)).await?;
        }
        let about = About { guest: Some(guest.id), name: guest.spec.name.to_string(), owner: guest.owner };
        let id = self.insert_about(&mut *tx, kind, about, requester, params).await?;
        if kind.asks_to_run() {
            // The row may have changed since; one that is about to be made is not there yet.
            let row = guest_fetch(&mut *tx, guest.id).await?;
            quotas::reserve(tx, row.as_ref().unwrap_or(guest)).await?;
        }
        Ok(id)
    }

    /// Writes a new operation, whatever it is about.
    pub async fn insert_about(
        &self,
        tx: &mut Tx,
        kind: OperationKind,
        about: About,
        requester: &Requester,
        params: &Params,
    ) -> Result<OperationId, AppError> {
        // What the first step of these takes back, a row or files, is there before it begins.
        let first = if super::begun_before(kind) { StepState::Running } else { StepState::Waiting };
        let states = std::iter::once(first).chain(std::iter::repeat(StepState::Waiting));
        let steps = table(kind).iter().zip(states).map(|(step, state)| StepShown { name: step.name.into(), state });
        let operation = Operation {
            id: OperationId(Uuid::now_v7()),
            kind,
            guest: about.guest,
            guest_name: about.name,
            owner: about.owner,
            requester: requester.account,
            requester_name: requester.name.clone(),
            params: serde_json::to_string(params).expect("plain data is JSON"),
            state: OperationState::Running,
            cancel_wanted: false,
            steps: steps.collect(),
            log: Vec::new(),
            created_at: self.parts.clock.now(),
            ended_at: None,
        };
        operation_insert(tx, &operation).await?;
        Ok(operation.id)
    }

    /// A new operation for a guest that is there, begun at once.
    pub async fn begin(
        &self,
        kind: OperationKind,
        guest: &Guest,
        requester: &Requester,
    ) -> Result<OperationId, AppError> {
        let mut tx = self.parts.db.begin().await?;
        let id = self.insert(&mut tx, kind, guest, requester).await?;
        tx.commit().await?;
        self.parts.operation_changed(id, Some(guest.id));
        self.spawn(id);
        Ok(id)
    }

    /// The reconciler's own: a deletion's time has come.
    pub async fn purge_due(&self, guest: &Guest) -> Result<(), StoreError> {
        match self.begin(OperationKind::GuestPurge, guest, &Requester::panel(guest)).await {
            Ok(_) => {}
            Err(error) => tracing::info!(guest = %guest.id, %error, "a purge is put off"),
        }
        Ok(())
    }

    /// Goes on with whatever was under way when the panel ended.
    pub async fn resume(&self) -> Result<usize, StoreError> {
        let operations = operation_list_under_way(&self.parts.db).await?;
        for operation in &operations {
            tracing::info!(operation = %operation.id, kind = operation.kind.word(), "goes on");
            self.spawn(operation.id);
        }
        Ok(operations.len())
    }

    /// Brings an operation on in a task of its own, unless one does already.
    pub fn spawn(&self, id: OperationId) {
        if !self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
            return;
        }
        let operations = self.clone();
        tokio::spawn(async move {
            operations.parts.ended.run_until_cancelled(operations.bring_on(id)).await;
            operations.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }

    async fn bring_on(&self, id: OperationId) {
        loop {
            match self.step_on(id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) if error.is_away() => tokio::time::sleep(LATER).await,
                Err(error) => {
                    tracing::error!(operation = %id, cause = chain(&error), "an operation's rows can't be used");
                    return;
                }
            }
        }
    }

    /// One move; whether there is another.
    async fn step_on(&self, id: OperationId) -> Result<bool, StoreError> {
        let Some(operation) = operation_fetch(&self.parts.db, id).await? else { return Ok(false) };
        let steps = table(operation.kind);
        let rungs: Vec<Rung> = operation
            .steps
            .iter()
            .zip(steps)
            .map(|(row, step)| Rung { state: row.state, undoable: step.undo.is_some() })
            .collect();
        let cancellable = cancellable(operation.kind);
        let move_on = next(&operation.state, &rungs, operation.cancel_wanted, cancellable);
        let run = Run { parts: self.parts.clone(), operation };
        match move_on {
            Next::Over => Ok(false),
            Next::Turn(state) => self.turn(&run, &state).await,
            Next::Do(at) => self.act(&run, at, &steps[at]).await,
            Next::Undo(at) => self.undo(&run, at, &steps[at]).await,
        }
    }

    async fn turn(&self, run: &Run, state: &OperationState) -> Result<bool, StoreError> {
        let now = self.parts.clock.now();
        let ended_at = state.is_over().then_some(now);
        let mut tx = self.parts.db.begin().await?;
        let moved = operation_set_state(&mut tx, run.operation.id, state, ended_at).await?;
        tx.commit().await?;
        if state.is_over() {
            tracing::info!(operation = %run.operation.id, kind = run.operation.kind.word(), ?state, "over");
        }
        self.parts.operation_changed(run.operation.id, run.operation.guest);
        Ok(moved && !state.is_over())
    }

    async fn mark(&self, run: &Run, at: usize, state: StepState) -> Result<bool, StoreError> {
        let moved = operation_set_step(&self.parts.db, run.operation.id, at, state).await?;
        self.parts.operation_changed(run.operation.id, run.operation.guest);
        Ok(moved)
    }

    /// The step after it is begun in the same transaction: each commit waits for the disk.
    async fn done(&self, run: &Run, at: usize) -> Result<bool, StoreError> {
        let id = run.operation.id;
        let mut tx = self.parts.db.begin().await?;
        let moved = operation_set_step(&mut tx, id, at, StepState::Done).await?;
        if moved && at + 1 < run.operation.steps.len() {
            operation_set_step(&mut tx, id, at + 1, StepState::Running).await?;
        }
        tx.commit().await?;
        self.parts.operation_changed(id, run.operation.guest);
        Ok(moved)
    }

    async fn act(&self, run: &Run, at: usize, step: &Step) -> Result<bool, StoreError> {
        if run.operation.steps[at].state != StepState::Running && !self.mark(run, at, StepState::Running).await? {
            return Ok(false);
        }
        let mut done = (step.act)(run).await;
        if self.drill.twice && done.is_ok() {
            done = (step.act)(run).await;
        }
        if self.drill.fail_at == Some(at) && done.is_ok() {
            done = Err(StepError::Failed(format!("drilled at {at}")));
        }
        match done {
            Ok(()) => self.done(run, at).await,
            Err(StepError::Superseded) => Ok(false),
            Err(StepError::Later(why)) => self.later(run, &why).await,
            Err(StepError::Failed(reason)) => {
                let mut tx = self.parts.db.begin().await?;
                let (id, now) = (run.operation.id, self.parts.clock.now());
                operation_set_step(&mut tx, id, at, StepState::Failed).await?;
                operation_log(&mut tx, id, now, &format!("{} failed: {reason}", step.name)).await?;
                let moved = operation_set_state(&mut tx, id, &OperationState::Undoing { reason }, None).await?;
                tx.commit().await?;
                self.parts.operation_changed(id, run.operation.guest);
                Ok(moved)
            }
        }
    }

    async fn undo(&self, run: &Run, at: usize, step: &Step) -> Result<bool, StoreError> {
        let Some(undo) = step.undo else { return self.mark(run, at, StepState::Undone).await };
        let mut tries = 0;
        loop {
            let mut done = undo(run).await;
            if self.drill.twice && done.is_ok() {
                done = undo(run).await;
            }
            tries += 1;
            match done {
                Ok(()) => return self.mark(run, at, StepState::Undone).await,
                Err(StepError::Superseded) => return Ok(false),
                Err(StepError::Later(why)) => return self.later(run, &why).await,
                Err(StepError::Failed(_)) if tries < UNDO_TRIES => tokio::time::sleep(LATER).await,
                Err(StepError::Failed(why)) => {
                    // What is left stays visible, and can be purged by hand.
                    let OperationState::Undoing { reason } = &run.operation.state else { return Ok(false) };
                    let reason = format!("{reason}; taking back “{}” failed too: {why}", step.name);
                    return self.turn(run, &OperationState::Failed { reason }).await;
                }
            }
        }
    }

    async fn later(&self, run: &Run, why: &str) -> Result<bool, StoreError> {
        let mut waker = self.parts.waker(run.operation.guest);
        if operation_log(&self.parts.db, run.operation.id, self.parts.clock.now(), why).await? {
            self.parts.events.operation(run.operation.id);
        }
        waker.wait(LATER).await;
        operation_is_under_way(&self.parts.db, run.operation.id).await
    }
}
