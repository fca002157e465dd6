//! Time as a parameter: µs since the epoch (UTC), from the machine or from a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Where `now` comes from. Cheap to clone; clones of a set clock move together.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `now` until somebody moves it.
    pub fn set_to(now: i64) -> Self {
        Self::Set(Arc::new(AtomicI64::new(now)))
    }

    pub fn now(&self) -> i64 {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Self::Set(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Moves a set clock on; the machine's is left alone.
    pub fn advance(&self, micros: i64) {
        if let Self::Set(now) = self {
            now.fetch_add(micros, Ordering::Relaxed);
        }
    }
}
