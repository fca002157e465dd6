//! Lists a page at a time: how many rows a page has, where it begins, and what a filter's fields say.

use std::fmt::Display;
use std::str::FromStr;

use umbel_guest::FieldError;

/// Rows of a page where nothing else is asked for, and the most that may be asked for.
pub(crate) const PAGE: u32 = 50;
pub(crate) const PAGE_MOST: u32 = 200;

/// How many rows a page is to have.
pub(crate) fn limit(text: &str, most: u32) -> Result<u32, FieldError> {
    if text.is_empty() {
        return Ok(PAGE);
    }
    let fits = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    fits.ok_or_else(|| FieldError::new("limit", format!("From 1 to {most}.")))
}

/// Key and id of the row that the page before ended with, as [`cursor`] writes them; none before the first page.
pub(crate) fn last<Key: FromStr, Id: FromStr>(text: &str) -> Result<Option<(Key, Id)>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (key, id) = text.rsplit_once('~').filter(|_| !text.contains('\0'))?;
        Some((key.parse().ok()?, id.parse().ok()?))
    };
    let wrong = || FieldError::new("cursor", "Not the next of a page that was sorted like this one.");
    read().map(Some).ok_or_else(wrong)
}

/// Names hold no `~`, nor do numbers and ids.
pub(crate) fn cursor(key: impl Display, id: impl Display) -> String {
    format!("{key}~{id}")
}

/// A page of what was read, which is one row more than it has where there is another page; and where that begins.
pub(crate) fn cut<Row, Next>(
    mut rows: Vec<Row>,
    limit: u32,
    next: impl FnOnce(&Row) -> Next,
) -> (Vec<Row>, Option<Next>) {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(next);
    (rows, next)
}

/// Text that is looked for. PostgreSQL takes no text with a NUL in it, and for SQLite it ends there.
pub(crate) fn text(field: &str, text: String) -> Result<String, FieldError> {
    match text.contains('\0') {
        false => Ok(text),
        true => Err(FieldError::new(field, "Text without NUL.")),
    }
}

/// One of some words; empty, it may be any.
pub(crate) fn word<T: Copy>(
    field: &str,
    text: &str,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<Option<T>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    let found = all.iter().copied().find(|one| word(*one) == text);
    let words = || all.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| FieldError::new(field, format!("One of {}.", words())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_from_one_row_to_the_most() {
        assert_eq!((limit("", 9), limit("1", 9), limit("9", 9)), (Ok(PAGE), Ok(1), Ok(9)));
        for wrong in ["0", "10", "-1", "x", "1.0", "99999999999"] {
            assert_eq!(limit(wrong, 9).map_err(|error| error.field), Err("limit".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        assert_eq!(last::<i64, u32>(&cursor(-5, 7)), Ok(Some((-5, 7))));
        assert_eq!(last::<i64, u32>(""), Ok(None));
        for wrong in ["5", "~", "a~7", "5~", "5~7~9", "5~a"] {
            assert_eq!(last::<i64, u32>(wrong).map_err(|error| error.field), Err("cursor".to_owned()), "{wrong}");
        }
        assert!(last::<String, u32>("a\0~7").is_err());
    }

    #[test]
    fn the_row_that_is_too_many_says_that_there_is_another_page() {
        let next = |row: &i32| *row;
        assert_eq!(cut(vec![1, 2, 3], 2, next), (vec![1, 2], Some(2)));
        assert_eq!(cut(vec![1, 2], 2, next), (vec![1, 2], None));
        assert_eq!(cut(Vec::new(), 2, next), (Vec::new(), None));
    }

    #[test]
    fn a_word_that_is_none_is_told_what_there_is() {
        let of = |text| word("state", text, &[false, true], |one| if one { "on" } else { "off" });
        assert_eq!((of(""), of("on")), (Ok(None), Ok(Some(true))));
        assert_eq!(of("x"), Err(FieldError::new("state", "One of off, on.")));
    }
}
