//! Operations as somebody looks for them, a page at a time.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{OperationFilter, OperationKind, OperationPage, OperationSought};
use umbel_guest::{AccountId, FieldError, FieldErrors, GuestId, PanelRight};

use super::Guests;
use super::view::operation_shown;
use crate::pages::{self, PAGE_MOST};
use crate::store::guests::guest_list_deleted;
use crate::store::operation_pages::{Sought, operation_page};
use crate::store::operations::Operation;

impl Guests {
    /// The newest first. Its `next` is where the operations before these begin.
    pub async fn operation_list(&self, caller: &Caller, filter: OperationFilter) -> Result<OperationPage, AppError> {
        let seen_by = caller.may(PanelRight::SeeAllOperations).is_err().then_some(caller.looks_as());
        let (sought, limit) = sought(&filter, seen_by).map_err(AppError::Invalid)?;
        let db = &self.parts.db;
        let operations = operation_page(db, &sought, limit + 1).await?;
        if operations.is_empty()
            && let Some(guest) = sought.guest
        {
            self.told_of(caller, guest, seen_by).await?;
        }
        let (operations, next) = pages::cut(operations, limit, |last| pages::cursor(last.created_at, last.id));
        let reach = self.reach(caller).await?;
        let deleted = guest_list_deleted(db).await?;
        let shown = |operation: Operation| {
            let deleted = operation.guest.is_some_and(|guest| deleted.contains(&guest));
            let access = reach.to(operation.owner, operation.guest);
            operation_shown(operation, deleted, access)
        };
        let seen = |operation: &Operation| reach.sees(operation.owner, operation.guest);
        Ok(OperationPage { rows: operations.into_iter().filter(seen).map(shown).collect(), next })
    }

    /// Of a guest that the caller may not see nothing is told, unless what was done to it is the caller's to see.
    async fn told_of(&self, caller: &Caller, guest: GuestId, seen_by: Option<AccountId>) -> Result<(), AppError> {
        let any = Sought { seen_by, guest: Some(guest), ..Sought::default() };
        if operation_page(&self.parts.db, &any, 1).await?.is_empty() {
            self.visible(caller, guest).await?;
        }
        Ok(())
    }
}

/// What the fields say, or all that is wrong with them.
fn sought(filter: &OperationFilter, seen_by: Option<AccountId>) -> Result<(Sought, u32), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let guest = wrong.take(guest(&filter.guest));
    let kind = wrong.take(pages::word("kind", &filter.kind, &OperationKind::ALL, OperationKind::word));
    let state = wrong.take(pages::word("state", &filter.state, &OperationSought::ALL, OperationSought::word));
    let last = wrong.take(pages::last(&filter.cursor));
    let limit = wrong.take(pages::limit(&filter.limit, PAGE_MOST));
    let (Some(guest), Some(kind), Some(state), Some(last), Some(limit)) = (guest, kind, state, last, limit) else {
        return Err(wrong);
    };
    Ok((Sought { seen_by, guest, kind, state, last }, limit))
}

fn guest(text: &str) -> Result<Option<GuestId>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| FieldError::new("guest", "The id of a guest."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let [guest, kind, state, cursor, limit] = ["x", "x", "happy", "1~x", "0"].map(str::to_owned);
        let wrong = sought(&OperationFilter { guest, kind, state, cursor, limit }, None).expect_err("all is wrong");
        let fields: Vec<&str> = wrong.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["guest", "kind", "state", "cursor", "limit"]);
    }
}
