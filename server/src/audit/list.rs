//! Rows as administrators look for them.

use time::macros::format_description;
use time::{Date, Duration, Time, UtcOffset};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AuditAction, AuditFilter, AuditOutcome, AuditPage};
use umbel_guest::{FieldError, FieldErrors, PanelRight};

use super::Audit;
use crate::pages;
use crate::store::audit::{Sought, audit_list};

/// Rows of a page, at most.
const PAGE_MOST: u32 = 1000;

impl Audit {
    /// The newest first. Its `next` is where the rows after these begin.
    pub async fn list(&self, caller: &Caller, filter: AuditFilter) -> Result<AuditPage, AppError> {
        caller.may(PanelRight::ReadAudit)?;
        let (sought, limit) = sought(filter).map_err(AppError::Invalid)?;
        // One more, to know whether there is another page.
        let rows = audit_list(&self.db, &sought, limit + 1).await?;
        let (rows, next) = pages::cut(rows, limit, |last| last.number);
        Ok(AuditPage { rows, next })
    }
}

/// What the fields say, or all that is wrong with them.
fn sought(filter: AuditFilter) -> Result<(Sought, u32), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let known = |word: &str, is: bool, field: &str, message: &str| match word.is_empty() || is {
        true => Ok(()),
        false => Err(FieldError::new(field, message)),
    };
    let action = AuditAction::of_word(&filter.action).is_some();
    wrong.take(known(&filter.action, action, "action", "There is no such action."));
    let outcome = AuditOutcome::of_word(&filter.outcome).is_some();
    wrong.take(known(&filter.outcome, outcome, "outcome", "An outcome is allowed, refused, failed or unknown."));
    let from = wrong.take(day("from", &filter.from, 0)).flatten();
    let to = wrong.take(day("to", &filter.to, 1)).flatten();
    let before = wrong.take(before(&filter.before));
    let limit = wrong.take(pages::limit(&filter.limit, PAGE_MOST));
    let who = wrong.take(pages::text("who", filter.who));
    let object = wrong.take(pages::text("object", filter.object));
    let (Some(who), Some(object), Some(before), Some(limit), true) = (who, object, before, limit, wrong.is_empty())
    else {
        return Err(wrong);
    };
    let sought = Sought {
        who,
        action: filter.action,
        object,
        outcome: filter.outcome,
        from: from.unwrap_or(i64::MIN),
        to: to.unwrap_or(i64::MAX),
        before,
    };
    Ok((sought, limit))
}

/// Rows have numbers, so theirs is the whole cursor.
fn before(text: &str) -> Result<i64, FieldError> {
    if text.is_empty() {
        return Ok(i64::MAX);
    }
    text.parse().map_err(|_| FieldError::new("before", "A whole number."))
}

/// The beginning of a day in UTC, or of the one `later`, in µs.
fn day(field: &str, text: &str, later: i64) -> Result<Option<i64>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || FieldError::new(field, "A day is written as 2026-11-28.");
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|_| wrong())?;
    let day = day.checked_add(Duration::days(later)).ok_or_else(wrong)?;
    let micros = day.with_time(Time::MIDNIGHT).assume_offset(UtcOffset::UTC).unix_timestamp_nanos() / 1000;
    i64::try_from(micros).map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::PAGE;

    #[test]
    fn empty_fields_let_everything_through() {
        let (sought, limit) = sought(AuditFilter::default()).expect("nothing is wrong");
        assert_eq!((sought.from, sought.to, sought.before, limit), (i64::MIN, i64::MAX, i64::MAX, PAGE));
    }

    #[test]
    fn a_day_is_there_from_its_beginning_to_its_end() {
        assert_eq!(day("from", "1970-01-02", 0), Ok(Some(86_400_000_000)));
        assert_eq!(day("to", "1970-01-01", 1), Ok(Some(86_400_000_000)));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let filter = AuditFilter {
            action: "x".into(),
            outcome: "x".into(),
            from: "yesterday".into(),
            to: "9999-12-31".into(),
            before: "x".into(),
            limit: "1001".into(),
            ..AuditFilter::default()
        };
        let wrong = sought(filter).expect_err("much is wrong");
        let fields: Vec<&str> = wrong.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["action", "outcome", "from", "to", "before", "limit"]);
    }
}
