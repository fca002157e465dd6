//! Rows as pages see them.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AgentLink, GuestShown, OperationKind, OperationShown, OperationState, SaidShown, StepState};
use umbel_guest::{Access, Attachment, GuestId, GuestRight, Mac, OperationId, SetupSeen, Wanted};

use super::{Guests, plain};
use crate::etag::etag_of;
use crate::host::link::facts_of;
use crate::networks::address;
use crate::operations::cancellable;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operations::{Operation, operation_fetch, operation_under_way_of, operation_want_cancel};

/// Lines that a guest said, at most, and letters of each.
const SAID: usize = 20;
const LETTERS: usize = 512;

impl Guests {
    pub async fn fetch(&self, caller: &Caller, guest: GuestId) -> Result<GuestShown, AppError> {
        let (guest, access) = self.found(caller, guest).await?;
        let under_way = operation_under_way_of(&self.parts.db, guest.id).await?;
        let (said, setup) = match access.may(GuestRight::ReadConsole) {
            Ok(()) => self.heard_of(guest.id),
            Err(_) => (Vec::new(), None),
        };
        Ok(GuestShown { said, setup, ..self.shown(under_way, guest, access) })
    }

    /// What the guest said last, without anything that a terminal or a page would obey; and what came of what it was told.
    fn heard_of(&self, guest: GuestId) -> (Vec<SaidShown>, Option<SetupSeen>) {
        let heard = self.parts.link.heard();
        let Some(facts) = heard.inventory.as_deref().and_then(|inventory| facts_of(inventory, guest)) else {
            return (Vec::new(), None);
        };
        let text = |text: &str| plain(text.as_bytes()).replace('\n', " ").chars().take(LETTERS).collect();
        let lines = facts.said.iter().skip(facts.said.len().saturating_sub(SAID));
        let said = lines.map(|line| SaidShown { at: line.at, text: text(&line.text), missed: line.missed }).collect();
        let setup = facts.setup.clone().map(|seen| match seen {
            SetupSeen::Failed { at, why } => SetupSeen::Failed { at, why: text(&why) },
            seen => seen,
        });
        (said, setup)
    }

    pub(super) fn shown(&self, operation: Option<Operation>, guest: Guest, access: Access) -> GuestShown {
        let operation = operation.map(|operation| operation_shown(operation, is_deleted(&guest), access));
        let waiting = self.waiting(&guest);
        let etag = etag_of(&guest.spec);
        let spec = guest.spec;
        let number = guest.number.filter(|_| spec.network != Attachment::None);
        let subnet = guest.network.and_then(|network| self.parts.link.network_known(network)).map(|facts| facts.subnet);
        GuestShown {
            id: guest.id,
            name: spec.name,
            note: spec.note,
            owner: guest.owner,
            owner_name: guest.owner_name,
            access,
            image: spec.image,
            kernel: spec.kernel,
            memory: spec.memory,
            disk: spec.disk,
            disk_kind: spec.disk_kind,
            restart_policy: spec.restart_policy,
            autostart: spec.autostart,
            mode: spec.mode,
            clock: spec.clock,
            network: spec.network,
            limits: spec.limits,
            address: subnet.zip(number).map(|(subnet, number)| address(subnet, number)),
            mac: Mac::of(guest.id).to_string(),
            boot: guest.boot,
            wanted: guest.wanted,
            seen: guest.seen,
            generation: guest.generation,
            etag,
            waiting,
            created_at: guest.created_at,
            operation,
            said: Vec::new(),
            setup: None,
        }
    }

    fn waiting(&self, guest: &Guest) -> Option<String> {
        let alive = guest.seen.is_alive();
        let settled = match guest.wanted {
            Wanted::Running => alive,
            Wanted::Stopped | Wanted::Deleted { .. } => !alive,
        };
        if settled {
            return None;
        }
        if matches!(self.parts.link.heard().agent, AgentLink::Away { .. }) {
            return Some("Waiting for the agent.".into());
        }
        match guest.next_try_at.filter(|_| guest.wanted == Wanted::Running) {
            // Only times of the past and the future are told apart by a page: seconds are the row's.
            Some(at) if at > self.parts.clock.now() => {
                Some(format!("Waiting for its next try after {} ends in a row.", guest.failures))
            }
            _ => guest.waiting.clone(),
        }
    }

    pub async fn operation_fetch(&self, caller: &Caller, id: OperationId) -> Result<OperationShown, AppError> {
        let (operation, access) = self.operation(caller, id).await?;
        let guest = match operation.guest {
            Some(guest) => guest_fetch(&self.parts.db, guest).await?,
            None => None,
        };
        Ok(operation_shown(operation, guest.as_ref().is_some_and(is_deleted), access))
    }

    /// Cancels what can be undone; of a deletion, takes it back.
    pub async fn operation_cancel(&self, caller: &Caller, id: OperationId) -> Result<(), AppError> {
        let (operation, access) = self.operation(caller, id).await?;
        access.may(operation.kind.right())?;
        if operation.kind == OperationKind::GuestDelete
            && let Some(guest) = operation.guest
        {
            self.act(caller, guest, umbel_guest::Action::Undelete).await?;
            return Ok(());
        }
        if !can_cancel(&operation) {
            let title = operation.kind.title();
            return Err(AppError::Conflict { message: format!("{title} can't be cancelled any more.") });
        }
        operation_want_cancel(&self.parts.db, id).await?;
        self.parts.operation_changed(id, operation.guest);
        Ok(())
    }

    async fn operation(&self, caller: &Caller, id: OperationId) -> Result<(Operation, Access), AppError> {
        let missing = || AppError::not_found("operation");
        let found = operation_fetch(&self.parts.db, id).await?.ok_or_else(missing)?;
        let access = self.reach(caller).await?.to(found.owner, found.guest);
        access.may(GuestRight::View).map_err(|_| missing())?;
        Ok((found, access))
    }
}

fn can_cancel(operation: &Operation) -> bool {
    let at = operation.steps.iter().position(|step| step.state != StepState::Done);
    operation.state == OperationState::Running
        && !operation.cancel_wanted
        && at.is_some_and(|at| at < cancellable(operation.kind))
}

fn is_deleted(guest: &Guest) -> bool {
    matches!(guest.wanted, Wanted::Deleted { .. })
}

/// `deleted`: whether its guest can be taken back.
pub(super) fn operation_shown(operation: Operation, deleted: bool, access: Access) -> OperationShown {
    let can_cancel = can_cancel(&operation) || (operation.kind == OperationKind::GuestDelete && deleted);
    let can_cancel = can_cancel && access.may(operation.kind.right()).is_ok();
    OperationShown {
        id: operation.id,
        kind: operation.kind,
        guest: operation.guest,
        guest_name: operation.guest_name,
        requester: operation.requester_name,
        state: operation.state,
        steps: operation.steps,
        log: operation.log,
        created_at: operation.created_at,
        ended_at: operation.ended_at,
        can_cancel,
    }
}
