use std::collections::HashMap;

use umbel_guest::GuestId;

use crate::shown::Topic;

/// How the tab's socket is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// Not opened yet; the page is as fresh as its HTML.
    #[default]
    Fresh,
    Open,
    /// Cut off; tried again in so many milliseconds.
    Lost {
        retry_ms: u32,
    },
    /// The panel doesn't know us any more.
    SignedOut,
}

impl Wire {
    /// For the style and for tests.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "",
            Self::Open => "open",
            Self::Lost { .. } | Self::SignedOut => "cut",
        }
    }

    /// What to tell the person, if anything.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Fresh | Self::Open => None,
            Self::Lost { .. } => Some("The connection to the panel is lost. What you see may be old; trying again."),
            Self::SignedOut => Some("You are signed out. Sign in again to go on."),
        }
    }
}

/// Counters that only grow, one per kind of thing that a page may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    all: u64,
    guests: u64,
    operations: u64,
    people: u64,
    host: u64,
    announcement: u64,
    guest: HashMap<GuestId, u64>,
}

impl Versions {
    pub fn changed(&mut self, topic: Topic) {
        match topic {
            Topic::Guest(id) => {
                self.guests += 1;
                *self.guest.entry(id).or_default() += 1;
            }
            Topic::Operation(_) => self.operations += 1,
            Topic::People => self.people += 1,
            Topic::Host => self.host += 1,
            Topic::Announcement => self.announcement += 1,
            Topic::Rights(_) | Topic::Everything => self.all += 1,
        }
    }

    pub fn all(&self) -> u64 {
        self.all + self.guests + self.operations + self.people + self.host
    }

    /// A guest shows what is under way for it, so operations count.
    pub fn guests(&self) -> u64 {
        self.all + self.guests + self.operations + self.host
    }

    pub fn guest(&self, id: Option<GuestId>) -> u64 {
        self.all + self.operations + id.and_then(|id| self.guest.get(&id)).copied().unwrap_or_default()
    }

    pub fn operations(&self) -> u64 {
        self.all + self.operations
    }

    /// The host, its kernels, its networks.
    pub fn host(&self) -> u64 {
        self.all + self.host
    }

    pub fn announcement(&self) -> u64 {
        self.all + self.announcement
    }

    pub fn people(&self) -> u64 {
        self.all + self.people
    }
}

/// How long to wait before the `tries`th new try, in ms: doubling from a quarter of a second up to
/// eight, spread by `chance` (0 to 1) so that all tabs don't come back at once.
pub fn backoff_ms(tries: u32, chance: f64) -> u32 {
    let full = 250_u32.saturating_mul(1 << tries.min(5));
    let spread = 0.75 + 0.25 * chance.clamp(0.0, 1.0);
    // 250 to 8,000 times at most 1: fits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 187 and 8,000")]
    let wait = (f64::from(full) * spread) as u32;
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_asked_for_again_when_it_changed_and_not_when_another_did() {
        let (a, b): (GuestId, GuestId) = (
            "0190b6f0-0000-7000-8000-000000000001".parse().expect("an id"),
            "0190b6f0-0000-7000-8000-000000000002".parse().expect("an id"),
        );
        let mut versions = Versions::default();
        let before = versions.guest(Some(a));
        versions.changed(Topic::Guest(b));
        assert_eq!(versions.guest(Some(a)), before);
        versions.changed(Topic::Guest(a));
        assert!(versions.guest(Some(a)) > before);
        let list = versions.guests();
        versions.changed(Topic::Everything);
        assert!(versions.guests() > list && versions.people() > 0);
    }

    #[test]
    fn waiting_grows_and_has_an_end() {
        assert!((187..=250).contains(&backoff_ms(0, 0.5)));
        for tries in 0..100 {
            assert!(backoff_ms(tries, 1.0) <= 8000);
            assert!(backoff_ms(tries, 0.0) <= backoff_ms(tries + 1, 0.0));
        }
    }
}
