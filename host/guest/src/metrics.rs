//! What was measured of a guest, as the host sees it: nothing of it is the guest's own word.

use serde::{Deserialize, Serialize};

/// One moment of a guest: rates are means since the moment before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Of one core, in thousandths: 1000 is a whole core.
    pub cpu_permille: u32,
    /// Charged to its cgroup, in KiB: memory that it has touched, with what the host caches for it.
    pub memory_kib: u32,
    /// Into the guest and out of it, in KiB per second.
    pub net_in_kib_s: u32,
    pub net_out_kib_s: u32,
    pub disk_read_kib_s: u32,
    pub disk_write_kib_s: u32,
    pub processes: u32,
}

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// An hour, a sample every 5 seconds.
    Hour,
    /// A day, a sample every minute.
    Day,
}

impl Span {
    /// Seconds between two samples.
    pub fn step_s(self) -> u32 {
        match self {
            Self::Hour => 5,
            Self::Day => 60,
        }
    }

    /// How many are kept.
    pub fn length(self) -> usize {
        match self {
            Self::Hour => 720,
            Self::Day => 1440,
        }
    }
}

/// Samples at a fixed distance, the oldest first; `None` where nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    pub span: Span,
    /// When the last one was taken (µs since the epoch, UTC).
    pub end: i64,
    pub samples: Vec<Option<Sample>>,
}
