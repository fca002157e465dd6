//! Guests as somebody looks for them, a page at a time.

use std::collections::HashMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GuestFilter, GuestPage, OperationKind};
use umbel_guest::state::Badge;
use umbel_guest::{AccountId, FieldError, FieldErrors, GuestId, PanelRight};

use super::Guests;
use crate::pages::{self, PAGE_MOST};
use crate::store::guest_pages::{After, Edge, Sought, Way, guest_count, guest_page};
use crate::store::guests::Guest;
use crate::store::operations::{Operation, operation_list_under_way};

impl Guests {
    /// Its `next` is where the guests after these begin.
    pub async fn list(&self, caller: &Caller, filter: GuestFilter) -> Result<GuestPage, AppError> {
        let (sought, limit) = sought(filter, self.seen_by(caller)).map_err(AppError::Invalid)?;
        // One more, to know whether there is another page.
        let guests = guest_page(&self.parts.db, &sought, limit + 1).await?;
        let (guests, next) = pages::cut(guests, limit, |last| cursor(&sought.after, last));
        let reach = self.reach(caller).await?;
        let under_way = operation_list_under_way(&self.parts.db).await?;
        let mut under_way: HashMap<GuestId, Operation> = under_way
            .into_iter()
            .filter(holds_its_guest)
            .filter_map(|operation| Some((operation.guest?, operation)))
            .collect();
        let shown = |guest: Guest| {
            let access = reach.to(guest.owner, Some(guest.id));
            self.shown(under_way.remove(&guest.id), guest, access)
        };
        Ok(GuestPage { rows: guests.into_iter().map(shown).collect(), next })
    }

    /// How many guests the caller sees in each state.
    pub(super) async fn count(&self, caller: &Caller) -> Result<Vec<(Badge, u32)>, AppError> {
        Ok(guest_count(&self.parts.db, self.seen_by(caller)).await?)
    }

    /// None where it is everybody's.
    fn seen_by(&self, caller: &Caller) -> Option<AccountId> {
        caller.may(PanelRight::SeeAllGuests).is_err().then_some(caller.looks_as())
    }
}

/// What the fields say, or all that is wrong with them.
fn sought(filter: GuestFilter, seen_by: Option<AccountId>) -> Result<(Sought, u32), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let state = wrong.take(pages::word("state", &filter.state, &Badge::ALL, Badge::name));
    let after = wrong.take(after(&filter.sort, &filter.cursor));
    let limit = wrong.take(pages::limit(&filter.limit, PAGE_MOST));
    let texts = [("owner", filter.owner), ("name", filter.name), ("q", filter.q)];
    let texts = texts.map(|(field, text)| wrong.take(pages::text(field, text)));
    let (Some(state), Some(after), Some(limit), [Some(owner), Some(name), Some(any)]) = (state, after, limit, texts)
    else {
        return Err(wrong);
    };
    // Of accounts, whose names have no capitals; a group's are as they are.
    let owner = owner.trim();
    let owner = if owner.starts_with('@') { owner.to_owned() } else { owner.to_lowercase() };
    Ok((Sought { seen_by, state, owner, name, any, after }, limit))
}

fn after(sort: &str, cursor: &str) -> Result<After, FieldError> {
    let (way, key) = match sort.strip_prefix('-') {
        Some(key) => (Way::Down, key),
        None => (Way::Up, sort),
    };
    match key {
        "" | "name" => Ok(After::Name(Edge { way, last: pages::last(cursor)? })),
        "created_at" => Ok(After::CreatedAt(Edge { way, last: pages::last(cursor)? })),
        _ => Err(FieldError::new("sort", "One of name, -name, created_at, -created_at.")),
    }
}

fn cursor(after: &After, last: &Guest) -> String {
    match after {
        After::Name(_) => pages::cursor(&last.spec.name, last.id),
        After::CreatedAt(_) => pages::cursor(last.created_at, last.id),
    }
}

/// Nobody has to wait for a backup.
fn holds_its_guest(operation: &Operation) -> bool {
    operation.kind != OperationKind::BackupTake
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::PAGE;

    #[test]
    fn empty_fields_let_everything_through() {
        let (sought, limit) = sought(GuestFilter::default(), None).expect("nothing is wrong");
        assert_eq!((sought.state, sought.after, limit), (None, After::Name(Edge { way: Way::Up, last: None }), PAGE));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let filter =
            GuestFilter { state: "happy".into(), sort: "size".into(), limit: "201".into(), ..GuestFilter::default() };
        let wrong = sought(filter, None).expect_err("much is wrong");
        let fields: Vec<&str> = wrong.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["state", "sort", "limit"]);
    }

    #[test]
    fn a_cursor_is_of_its_order() {
        let id = GuestId(uuid::Uuid::nil());
        let of = |sort| after(sort, &format!("web-1~{id}"));
        let last = Some(("web-1".to_owned(), id));
        assert_eq!(of("-name"), Ok(After::Name(Edge { way: Way::Down, last })));
        assert_eq!(of("created_at").map_err(|error| error.field), Err("cursor".to_owned()));
        assert!(after("name", "web-1").is_err());
    }
}
