//! The panel behind the port that pages and REST use: a line per method into the nouns.

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{
    AccountShown, ConsoleTail, Created, FirstPassword, GuestChange, GuestForm, GuestShown, HostShown, OperationShown,
    OverviewShown, SessionShown,
};
use umbel_guest::{AccountId, Action, GuestDraft, GuestId, OperationId};

use crate::panel::Panel;

#[async_trait]
impl Backend for Panel {
    async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError> {
        self.guests.overview(caller).await
    }

    async fn host(&self, caller: &Caller) -> Result<HostShown, AppError> {
        self.guests.host(caller).await
    }

    async fn guest_list(&self, caller: &Caller) -> Result<Vec<GuestShown>, AppError> {
        self.guests.list(caller).await
    }

    async fn guest_fetch(&self, caller: &Caller, guest: GuestId) -> Result<GuestShown, AppError> {
        self.guests.fetch(caller, guest).await
    }

    async fn guest_form(&self, caller: &Caller) -> Result<GuestForm, AppError> {
        self.guests.form(caller).await
    }

    async fn guest_create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError> {
        self.guests.create(caller, draft).await
    }

    async fn guest_change(&self, caller: &Caller, guest: GuestId, change: GuestChange) -> Result<GuestShown, AppError> {
        self.guests.change(caller, guest, change).await
    }

    async fn guest_act(
        &self,
        caller: &Caller,
        guest: GuestId,
        action: Action,
    ) -> Result<Option<OperationId>, AppError> {
        self.guests.act(caller, guest, action).await
    }

    async fn guest_console_tail(&self, caller: &Caller, guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError> {
        self.guests.console_tail(caller, guest, lines).await
    }

    async fn operation_list(&self, caller: &Caller, guest: Option<GuestId>) -> Result<Vec<OperationShown>, AppError> {
        self.guests.operation_list(caller, guest).await
    }

    async fn operation_fetch(&self, caller: &Caller, operation: OperationId) -> Result<OperationShown, AppError> {
        self.guests.operation_fetch(caller, operation).await
    }

    async fn operation_cancel(&self, caller: &Caller, operation: OperationId) -> Result<(), AppError> {
        self.guests.operation_cancel(caller, operation).await
    }

    async fn account_list(&self, caller: &Caller) -> Result<Vec<AccountShown>, AppError> {
        self.accounts.people_list(caller).await
    }

    async fn account_create(&self, caller: &Caller, name: String, role: String) -> Result<FirstPassword, AppError> {
        self.accounts.people_create(caller, name, role).await
    }

    async fn account_set_enabled(&self, caller: &Caller, account: AccountId, enabled: bool) -> Result<(), AppError> {
        self.accounts.people_set_enabled(caller, account, enabled).await
    }

    async fn account_reset_password(&self, caller: &Caller, account: AccountId) -> Result<FirstPassword, AppError> {
        self.accounts.people_reset_password(caller, account).await
    }

    async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionShown>, AppError> {
        self.accounts.session_list(caller).await
    }

    async fn session_end(&self, caller: &Caller, session: String) -> Result<(), AppError> {
        self.accounts.session_end(caller, session).await
    }
}
