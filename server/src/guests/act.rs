//! Start, shut down, kill, restart, pause, resume, start into a shell, reset, delete, undelete, purge; and keys
//! of the magic SysRq.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{OperationKind, OperationState};
use umbel_guest::{Action, GuestId, GuestRight, OperationId, SysRqKey, Wanted};

use super::{Guests, from_host, requester};
use crate::quotas;
use crate::store::guests::{guest_fetch, guest_update};
use crate::store::operations::{operation_log, operation_set_state, operation_under_way};

impl Guests {
    /// `None` where it was done at once.
    pub async fn act(&self, caller: &Caller, guest: GuestId, action: Action) -> Result<Option<OperationId>, AppError> {
        let guest = self.allowed(caller, guest, action.right()).await?;
        action.check(&guest.wanted, &guest.seen).map_err(|e| AppError::Conflict { message: e.to_string() })?;
        let kind = match action {
            Action::Start => OperationKind::GuestStart,
            Action::ShutDown => OperationKind::GuestShutDown,
            Action::Kill => OperationKind::GuestKill,
            Action::Restart => OperationKind::GuestRestart,
            Action::Delete => OperationKind::GuestDelete,
            Action::Purge => OperationKind::GuestPurge,
            Action::Undelete => return self.undelete(caller, guest.id).await.map(|()| None),
            Action::StartShell => OperationKind::GuestStartShell,
            Action::Reset => return self.reset(caller, &guest).await.map(Some),
            // The host tells when it is so, as of every change.
            Action::Pause | Action::Resume => {
                let paused = action == Action::Pause;
                let done = self.parts.link.host.pause(guest.id, guest.generation, paused).await;
                return done.map(|()| None).map_err(from_host);
            }
            Action::Snapshot
            | Action::Limit
            | Action::Change
            | Action::Rename
            | Action::ReadConsole
            | Action::TypeConsole => {
                return Err(AppError::Conflict { message: format!("{action} is asked for in another way.") });
            }
        };
        if matches!(kind, OperationKind::GuestStart | OperationKind::GuestStartShell) && !guest.disk_ready {
            return Err(AppError::Conflict { message: "Its disk is not made yet.".into() });
        }
        self.operations.begin(kind, &guest, &requester(caller)).await.map(Some)
    }

    /// Asked of a guest that listens: what hears it is its kernel.
    pub async fn sysrq(&self, caller: &Caller, guest: GuestId, key: SysRqKey) -> Result<(), AppError> {
        let guest = self.allowed(caller, guest, GuestRight::TypeConsole).await?;
        let refused = Action::TypeConsole.check(&guest.wanted, &guest.seen);
        refused.map_err(|e| AppError::Conflict { message: e.to_string() })?;
        tracing::info!(guest = %guest.id, ?key, by = caller.account.name, "sysrq");
        self.parts.link.host.sysrq(guest.id, guest.generation, key).await.map_err(from_host)
    }

    async fn undelete(&self, caller: &Caller, id: GuestId) -> Result<(), AppError> {
        let now = self.parts.clock.now();
        let mut tx = self.parts.db.begin().await?;
        let found = guest_fetch(&mut tx, id).await?;
        let mut guest = found.ok_or_else(|| AppError::not_found("guest"))?;
        // Asked again inside the transaction: a purge may have begun a moment ago.
        match operation_under_way(&mut tx, id).await? {
            Some((operation, OperationKind::GuestDelete, _)) => {
                let line = format!("{} took it back.", caller.account.name);
                operation_log(&mut tx, operation, now, &line).await?;
                operation_set_state(&mut tx, operation, &OperationState::Cancelled, Some(now)).await?;
            }
            Some((_, kind, _)) => {
                let message = format!("{} is under way for {}.", kind.title(), guest.spec.name);
                return Err(AppError::Conflict { message });
            }
            None => {}
        }
        Action::Undelete
            .check(&guest.wanted, &guest.seen)
            .map_err(|e| AppError::Conflict { message: e.to_string() })?;
        let from = guest.generation;
        guest.wanted = Wanted::Stopped;
        guest.next_try_at = None;
        guest.generation = self.parts.after(from);
        quotas::reserve(&mut tx, &guest).await?;
        guest_update(&mut tx, &guest, from).await?;
        tx.commit().await?;
        self.parts.guest_changed(id);
        Ok(())
    }
}
