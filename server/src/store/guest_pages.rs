//! Guests a page at a time. A page begins where the one before ended, by key and id, so a page far behind
//! costs what the first does; what is sorted by has an index, and so has a state.

use umbel_guest::state::Badge;
use umbel_guest::{AccountId, GuestId};

use super::StoreError;
use super::db::On;
use super::guests::{Guest, guest, select};
use super::query::{Query, sql};

/// The order of a page, and where it begins: behind that key and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    Name(Edge<String>),
    CreatedAt(Edge<i64>),
}

/// The end of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge<Key> {
    pub way: Way,
    /// None before the first page.
    pub last: Option<(Key, GuestId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// What guests are looked for; an empty text lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// Only its own and those that are shared with it.
    pub seen_by: Option<AccountId>,
    pub state: Option<Badge>,
    /// A name or an id.
    pub owner: String,
    /// Part of the name.
    pub name: String,
    /// Part of one of the things that tell guests apart.
    pub any: String,
    pub after: After,
}

/// Above every guest's name, whatever the order of letters: names are shorter.
const LAST_NAME: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

/// A statement for each way to look, so that none reads more than it must: a condition that may be
/// switched off by its value would hide the index from the planner. What LIKE looks for is put together:
/// SQLite plans a statement anew for each value where it is a placeholder alone.
macro_rules! page {
    ($sought:expr, $key:literal, $than:literal, $way:literal) => {
        match ($sought.seen_by.is_some(), $sought.state.is_some()) {
            (false, false) => page!(@ "$1 = ''", "$2 = ''", $key, $than, $way),
            (false, true) => page!(@ "$1 = ''", "g.state = $2", $key, $than, $way),
            (true, false) => page!(@ mine, "$2 = ''", $key, $than, $way),
            (true, true) => page!(@ mine, "g.state = $2", $key, $than, $way),
        }
    };
    (@ mine, $state:literal, $key:literal, $than:literal, $way:literal) => {
        page!(
            @ "(g.owner = $1 OR g.id IN (SELECT s.guest FROM guest_shares s WHERE s.account = $1) \
               OR g.owner IN (SELECT r.owner FROM reached_owners r WHERE r.account = $1))",
            $state, $key, $than, $way
        )
    };
    (@ $seen:literal, $state:literal, $key:literal, $than:literal, $way:literal) => {
        select!(
            "WHERE ", $seen, " AND ", $state, " AND ($3 = '' OR a.name = $3 OR g.owner = $3) ",
            "AND ($4 = '' OR g.name LIKE '' || $4 ESCAPE '\\') ",
            "AND ($5 = '' OR g.name LIKE '' || $5 ESCAPE '\\' OR LOWER(g.note) LIKE '' || $5 ESCAPE '\\' ",
            "OR g.image LIKE '' || $5 ESCAPE '\\' OR LOWER(a.name) LIKE '' || $5 ESCAPE '\\' OR g.state LIKE '' || $5 ESCAPE '\\') ",
            "AND (g.", $key, ", g.id) ", $than, " ($6, $7) ",
            "ORDER BY g.", $key, " ", $way, ", g.id ", $way, " LIMIT $8"
        )
    };
}

pub async fn guest_page(on: impl Into<On<'_>>, sought: &Sought, most: u32) -> Result<Vec<Guest>, StoreError> {
    let id = |last: Option<GuestId>| last.map(|id| id.to_string()).unwrap_or_default();
    let query = match &sought.after {
        After::Name(Edge { way: Way::Up, last }) => {
            let (name, last) = last.clone().unzip();
            bound(page!(sought, "name", ">", "ASC"), sought).bind(name.unwrap_or_default()).bind(id(last))
        }
        After::Name(Edge { way: Way::Down, last }) => {
            let (name, last) = last.clone().unzip();
            let name = name.unwrap_or_else(|| LAST_NAME.to_owned());
            bound(page!(sought, "name", "<", "DESC"), sought).bind(name).bind(id(last))
        }
        After::CreatedAt(Edge { way: Way::Up, last }) => {
            let (at, last) = last.unzip();
            bound(page!(sought, "created_at", ">", "ASC"), sought).bind(at.unwrap_or(i64::MIN)).bind(id(last))
        }
        After::CreatedAt(Edge { way: Way::Down, last }) => {
            let (at, last) = last.unzip();
            bound(page!(sought, "created_at", "<", "DESC"), sought).bind(at.unwrap_or(i64::MAX)).bind(id(last))
        }
    };
    query.bind(most).all(on).await?.iter().map(guest).collect()
}

fn bound(select: &'static str, sought: &Sought) -> Query {
    sql("guest_page", select)
        .bind(sought.seen_by.map(|id| id.to_string()).unwrap_or_default())
        .bind(sought.state.map(Badge::name).unwrap_or_default())
        .bind(sought.owner.as_str())
        .bind(part(&sought.name))
        .bind(part(&sought.any))
}

/// What LIKE looks for to find it anywhere; what LIKE would take for a sign is none.
pub(super) fn part(text: &str) -> String {
    let text = text.trim().to_lowercase();
    if text.is_empty() {
        return text;
    }
    let plain = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{plain}%")
}

/// How many there are in each state, of all or of those that an account sees.
pub async fn guest_count(on: impl Into<On<'_>>, seen_by: Option<AccountId>) -> Result<Vec<(Badge, u32)>, StoreError> {
    let query = match seen_by {
        None => sql("guest_count", "SELECT state, COUNT(*) AS many FROM guests GROUP BY state"),
        Some(account) => sql(
            "guest_count",
            "SELECT state, COUNT(*) AS many FROM guests WHERE owner = $1 \
             OR id IN (SELECT s.guest FROM guest_shares s WHERE s.account = $1) \
             OR owner IN (SELECT r.owner FROM reached_owners r WHERE r.account = $1) GROUP BY state",
        )
        .bind(account),
    };
    let rows = query.all(on).await?;
    rows.iter()
        .map(|row| {
            let state: String = row.get("state")?;
            let badge = Badge::of_name(&state).ok_or_else(|| row.unreadable("state", state.clone()))?;
            Ok((badge, row.number("many")?))
        })
        .collect()
}

/// What guests of the host come to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promised {
    /// How many have a process.
    pub alive: u32,
    /// Of those, and of those that are wanted to run.
    pub memory_mib: u64,
}

pub async fn guest_promised(on: impl Into<On<'_>>) -> Result<Promised, StoreError> {
    // The state can't tell: one that is starting may have no process yet.
    let select = "SELECT CAST(COALESCE(SUM(memory_mib), 0) AS BIGINT) AS memory, \
                  CAST(COALESCE(SUM(CASE WHEN alive THEN 1 ELSE 0 END), 0) AS BIGINT) AS alive FROM (\
                  SELECT memory_mib, wanted, (seen NOT LIKE '{\"seen\":\"gone\"%' AND seen NOT LIKE '{\"seen\":\"ended\"%') \
                  AS alive FROM guests) AS known WHERE alive OR wanted = 'running'";
    let row = sql("guest_promised", select).one(on).await?;
    let Some(row) = row else { return Ok(Promised { alive: 0, memory_mib: 0 }) };
    Ok(Promised { alive: row.number("alive")?, memory_mib: row.number("memory")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_no_pattern() {
        assert_eq!(part("  "), "");
        assert_eq!(part(" We_b%\\ "), "%we\\_b\\%\\\\%");
    }
}
