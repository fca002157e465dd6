//! What everybody is told on every page: one text at a time, which an administrator says.

use serde::{Deserialize, Serialize};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AnnouncementDraft, AnnouncementLevel, AnnouncementShown, Topic};
use umbel_guest::{FieldErrors, Note, PanelRight};

use crate::clock::HOUR;
use crate::etag::Tagged as _;
use crate::parts::Parts;
use crate::store::db::On;
use crate::store::meta::{Key, panel_fetch, panel_put, panel_remove};

/// A year: who wants it to stay longer says so without an end.
const HOURS_MOST: u32 = 365 * 24;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Announcements {
    parts: Parts,
}

/// As the row has it.
#[derive(Debug, Deserialize, Serialize)]
struct Said {
    text: String,
    level: AnnouncementLevel,
    until: Option<i64>,
}

impl Announcements {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// For everybody, also for who isn't in.
    pub async fn fetch(&self) -> Result<Option<AnnouncementShown>, AppError> {
        self.read(&self.parts.db).await
    }

    async fn read(&self, on: impl Into<On<'_>>) -> Result<Option<AnnouncementShown>, AppError> {
        let text = panel_fetch(on, Key::Announcement).await?;
        // What only a newer panel wrote is not shown.
        let said = text.and_then(|text| serde_json::from_str::<Said>(&text).ok());
        let now = self.parts.clock.now();
        let said = said.filter(|said| said.until.is_none_or(|until| now < until));
        Ok(said.map(|Said { text, level, until }| AnnouncementShown { text, level, until }))
    }

    /// In place of what was said before.
    pub async fn set(&self, caller: &Caller, draft: AnnouncementDraft) -> Result<(), AppError> {
        caller.may(PanelRight::Announce)?;
        let said = check(draft, self.parts.clock.now())?;
        let text = serde_json::to_string(&said).map_err(|error| crate::error::internal(&error))?;
        let mut tx = self.parts.db.begin().await?;
        caller.expected(&self.read(&mut tx).await?.etag())?;
        panel_put(&mut tx, Key::Announcement, &text).await?;
        tx.commit().await?;
        self.parts.events.publish(Topic::Announcement);
        Ok(())
    }

    pub async fn clear(&self, caller: &Caller) -> Result<(), AppError> {
        caller.may(PanelRight::Announce)?;
        let mut tx = self.parts.db.begin().await?;
        caller.expected(&self.read(&mut tx).await?.etag())?;
        panel_remove(&mut tx, Key::Announcement).await?;
        tx.commit().await?;
        self.parts.events.publish(Topic::Announcement);
        Ok(())
    }
}

fn check(draft: AnnouncementDraft, now: i64) -> Result<Said, AppError> {
    let wrong = |field, message: &str| AppError::Invalid(FieldErrors::one(field, message));
    let text = draft.text.trim();
    // The same free text as a guest's note.
    let Ok(text) = text.parse::<Note>() else {
        return Err(wrong("text", "At most 500 characters, and no control characters but line feeds."));
    };
    if text.as_str().is_empty() {
        return Err(wrong("text", "Say something, or take back what is announced."));
    }
    if draft.hours.is_some_and(|hours| !(1..=HOURS_MOST).contains(&hours)) {
        return Err(wrong("hours", "From an hour to a year (8760), or nothing for no end."));
    }
    let until = draft.hours.map(|hours| now + i64::from(hours) * HOUR);
    Ok(Said { text: text.as_str().to_owned(), level: draft.level, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str, hours: Option<u32>) -> AnnouncementDraft {
        AnnouncementDraft { text: text.into(), level: AnnouncementLevel::Warning, hours }
    }

    #[test]
    fn what_is_said_is_short_plain_and_ends_in_time() {
        assert_eq!(check(draft(" Down at noon ", Some(2)), 7).expect("good").until, Some(7 + 2 * HOUR));
        assert_eq!(check(draft("a\r\nb", None), 7).expect("good").text, "a\nb");
        for (bad, hours) in [("", None), (" \n", None), ("\u{1b}[31m", None), ("a", Some(0)), ("a", Some(8761))] {
            assert!(matches!(check(draft(bad, hours), 7), Err(AppError::Invalid(_))), "{bad:?}, {hours:?}");
        }
        assert!(check(draft(&"x".repeat(501), None), 7).is_err());
    }
}
