//! Operations a page at a time, the newest first. A page begins where the one before ended, by time and id, so a page
//! far behind costs what the first does; what pages are sorted by has an index.

use umbel_app::shown::{OperationKind, OperationSought};
use umbel_guest::{AccountId, GuestId, OperationId};

use super::StoreError;
use super::db::Db;
use super::operations::{Operation, gather, select};
use super::query::sql;

/// What operations are looked for; the default lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// Only those about guests that [`guest_page`](super::guest_pages::guest_page) shows an account, and its own.
    pub seen_by: Option<AccountId>,
    pub guest: Option<GuestId>,
    pub kind: Option<OperationKind>,
    pub state: Option<OperationSought>,
    /// The end of the page before.
    pub last: Option<(i64, OperationId)>,
}

/// What every statement looks at, its order, and how many rows it gives.
macro_rules! page {
    ($which:expr) => {
        concat!(
            $which,
            " AND ($3 = '' OR o.kind = $3) AND ($4 = '' OR o.state LIKE '' || $4) ",
            "AND ($5 = '' OR o.over = ($5 = 'over')) AND (o.created_at, o.id) < ($6, $7) ",
            "ORDER BY o.created_at DESC, o.id DESC LIMIT $8"
        )
    };
}

/// A page of some of those that an account sees: no more is read of what it owns than a page holds.
macro_rules! ids {
    ($which:literal) => {
        concat!("SELECT id FROM (SELECT o.id AS id FROM operations o WHERE ", page!($which), ") AS mine")
    };
}

/// A statement for each way to look, so that none reads more than it must: a condition that may be switched off by its
/// value would hide the index from the planner. One's own come by their owner, not by all that there is.
pub async fn operation_page(db: &Db, sought: &Sought, most: u32) -> Result<Vec<Operation>, StoreError> {
    let text = match (sought.seen_by, sought.guest, sought.state) {
        (None, None, None) => select!("WHERE $1 = '' AND $2 = ''", page!("")),
        (None, None, Some(_)) => select!("WHERE $1 = '' AND $2 = '' AND o.over = ($5 = 'over')", page!("")),
        (None, Some(_), _) => select!("WHERE $1 = '' AND o.guest = $2", page!("")),
        (Some(_), Some(_), _) => select!(
            "WHERE o.guest = $2 AND (o.owner = $1 OR o.guest IN (SELECT t.guest FROM guest_shares t WHERE t.account = $1) \
             OR o.owner IN (SELECT r.owner FROM reached_owners r WHERE r.account = $1))",
            page!("")
        ),
        (Some(_), None, _) => select!(
            "WHERE o.id IN (",
            ids!("o.owner = $1 AND $2 = ''"),
            " UNION ",
            ids!("o.guest IN (SELECT t.guest FROM guest_shares t WHERE t.account = $1)"),
            " UNION ",
            ids!("o.guest IS NOT NULL AND o.owner IN (SELECT r.owner FROM reached_owners r WHERE r.account = $1)"),
            ") ORDER BY o.created_at DESC, o.id DESC LIMIT $8"
        ),
    };
    let (at, id) = sought.last.unzip();
    let over = sought.state.map(|state| if state.is_over() { "over" } else { "under_way" });
    let query = sql("operation_page", text)
        .bind(sought.seen_by.map(|id| id.to_string()).unwrap_or_default())
        .bind(sought.guest.map(|id| id.to_string()).unwrap_or_default())
        .bind(sought.kind.map(OperationKind::word).unwrap_or_default())
        .bind(sought.state.map(state_like).unwrap_or_default())
        .bind(over.unwrap_or_default())
        .bind(at.unwrap_or(i64::MAX))
        .bind(id.map(|id| id.to_string()).unwrap_or_default())
        .bind(most);
    gather(db, "operation_page", query).await
}

/// A state is JSON that begins with its word.
fn state_like(state: OperationSought) -> String {
    match state {
        OperationSought::UnderWay | OperationSought::Over => String::new(),
        _ => format!(r#"{{"state":"{}"%"#, state.word()),
    }
}
