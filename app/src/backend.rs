//! What pages may ask of the panel: the only port. REST handlers and server functions are both thin
//! over it, so a page, the API and the command line can do the same things and obey the same rules.
//!
//! Whatever is not the caller's is [`AppError::NotFound`], never `Forbidden`: a stranger can't tell
//! what exists.

use std::sync::Arc;

use async_trait::async_trait;
use leptos::prelude::use_context;
use umbel_guest::{AccountId, Action, GuestDraft, GuestId, OperationId};

use crate::error::AppError;
use crate::shown::{
    AccountShown, ConsoleTail, Created, FirstPassword, GuestChange, GuestForm, GuestShown, HostShown, OperationShown,
    OverviewShown, SessionShown,
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountShown,
    /// The hash of the session that the request came with, as in [`SessionShown::id`].
    pub session: String,
}

#[async_trait]
pub trait Backend: Send + Sync + 'static {
    async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError>;
    async fn host(&self, caller: &Caller) -> Result<HostShown, AppError>;

    async fn guest_list(&self, caller: &Caller) -> Result<Vec<GuestShown>, AppError>;
    async fn guest_fetch(&self, caller: &Caller, guest: GuestId) -> Result<GuestShown, AppError>;
    async fn guest_form(&self, caller: &Caller) -> Result<GuestForm, AppError>;
    async fn guest_create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError>;
    /// Name and note may change at any time, the rest of a stopped guest.
    async fn guest_change(&self, caller: &Caller, guest: GuestId, change: GuestChange) -> Result<GuestShown, AppError>;
    /// Start, shut down, kill, restart, delete, undelete, purge.
    async fn guest_act(&self, caller: &Caller, guest: GuestId, action: Action)
    -> Result<Option<OperationId>, AppError>;
    /// The last `lines` lines of its console, as plain text.
    async fn guest_console_tail(&self, caller: &Caller, guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError>;

    /// The newest first, at most 100; of one guest if it is given.
    async fn operation_list(&self, caller: &Caller, guest: Option<GuestId>) -> Result<Vec<OperationShown>, AppError>;
    async fn operation_fetch(&self, caller: &Caller, operation: OperationId) -> Result<OperationShown, AppError>;
    async fn operation_cancel(&self, caller: &Caller, operation: OperationId) -> Result<(), AppError>;

    async fn account_list(&self, caller: &Caller) -> Result<Vec<AccountShown>, AppError>;
    /// With a first password that must be changed.
    async fn account_create(&self, caller: &Caller, name: String, role: String) -> Result<FirstPassword, AppError>;
    /// Disabling ends the account's sessions and open consoles.
    async fn account_set_enabled(&self, caller: &Caller, account: AccountId, enabled: bool) -> Result<(), AppError>;
    /// A new first password; ends the account's sessions.
    async fn account_reset_password(&self, caller: &Caller, account: AccountId) -> Result<FirstPassword, AppError>;

    async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionShown>, AppError>;
    async fn session_end(&self, caller: &Caller, session: String) -> Result<(), AppError>;
}

/// The panel, out of the context that the server put it into.
pub fn backend() -> Result<Arc<dyn Backend>, AppError> {
    use_context().ok_or_else(|| AppError::Internal { reference: "no backend in context".into() })
}

/// Who asks, out of the context. `NotSignedIn` where the request came without a session.
pub fn caller() -> Result<Caller, AppError> {
    use_context::<Option<Caller>>().flatten().ok_or(AppError::NotSignedIn)
}
