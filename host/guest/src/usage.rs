//! What guests have used, in amounts that add up: seconds that they ran, and MiB held for seconds. Pure.

use serde::{Deserialize, Serialize};

use crate::spec::{DiskKind, GuestSpec};
use crate::state::Seen;

/// Seconds of a day.
pub const DAY_S: i64 = 86_400;

/// Of a guest, an account or all of them, over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Used {
    /// Seconds that guests ran; two at once count twice.
    pub guest_s: u64,
    /// MiB of memory of guests that ran, times seconds.
    pub memory_mib_s: u64,
    /// MiB of disks, written or not, times seconds; guests that are stopped hold theirs too.
    pub disk_mib_s: u64,
    /// Bytes into guests through their cards on the bridge, from each other too.
    #[serde(default)]
    pub received: u64,
    /// Bytes out of them.
    #[serde(default)]
    pub sent: u64,
}

impl Used {
    pub fn plus(self, other: Self) -> Self {
        Self {
            guest_s: self.guest_s.saturating_add(other.guest_s),
            memory_mib_s: self.memory_mib_s.saturating_add(other.memory_mib_s),
            disk_mib_s: self.disk_mib_s.saturating_add(other.disk_mib_s),
            received: self.received.saturating_add(other.received),
            sent: self.sent.saturating_add(other.sent),
        }
    }

    /// Thousandths of hours that guests ran.
    pub fn guest_mh(self) -> u64 {
        self.guest_s * 10 / 36
    }

    /// Thousandths of GiB-hours of memory.
    pub fn memory_mgibh(self) -> u64 {
        gib_hours(self.memory_mib_s)
    }

    /// Thousandths of GiB-hours of disk.
    pub fn disk_mgibh(self) -> u64 {
        gib_hours(self.disk_mib_s)
    }

    /// Thousandths of GiB.
    pub fn received_mgib(self) -> u64 {
        gib(self.received)
    }

    /// Thousandths of GiB.
    pub fn sent_mgib(self) -> u64 {
        gib(self.sent)
    }

    /// Either way, in thousandths of GiB.
    pub fn traffic_mgib(self) -> u64 {
        gib(self.received.saturating_add(self.sent))
    }
}

/// In thousandths.
fn gib_hours(mib_s: u64) -> u64 {
    let thousandths = u128::from(mib_s) * 1000 / (1024 * 3600);
    u64::try_from(thousandths).unwrap_or(u64::MAX)
}

/// In thousandths.
fn gib(bytes: u64) -> u64 {
    u64::try_from((u128::from(bytes) * 1000) >> 30).unwrap_or(u64::MAX)
}

/// A guest, as far as it uses anything.
#[derive(Clone, Copy, Debug)]
pub struct Using<'a> {
    pub spec: &'a GuestSpec,
    pub seen: &'a Seen,
    /// µs since the epoch, UTC.
    pub created_at: i64,
}

impl Using<'_> {
    /// What it used from one moment to another (s since the epoch, UTC), by day since the epoch. What is seen
    /// at the end is taken for what was: a start or stop in between counts from when it was seen.
    pub fn between(&self, from: i64, to: i64) -> Vec<(i64, Used)> {
        let runs_from = match *self.seen {
            Seen::Running { since } => Some(from.max(since.div_euclid(1_000_000))),
            // It was running when it was paused.
            Seen::Paused { .. } => Some(from),
            _ => None,
        };
        let memory = u64::from(self.spec.memory.mib());
        let disk = if self.spec.disk_kind == DiskKind::Memory { 0 } else { u64::from(self.spec.disk.mib()) };
        let ran = runs_from
            .into_iter()
            .flat_map(|from| days(from, to))
            .map(|(day, s)| (day, Used { guest_s: s, memory_mib_s: s.saturating_mul(memory), ..Used::default() }));
        let there = days(from.max(self.created_at.div_euclid(1_000_000)), to);
        let held = there.map(|(day, s)| (day, Used { disk_mib_s: s.saturating_mul(disk), ..Used::default() }));
        ran.chain(held).collect()
    }
}

/// A span of time cut at midnight, UTC: days since the epoch with their seconds.
fn days(from: i64, to: i64) -> impl Iterator<Item = (i64, u64)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let day = at.div_euclid(DAY_S);
        let end = to.min((day + 1) * DAY_S);
        let seconds = u64::try_from(end - at).ok().filter(|&seconds| seconds > 0)?;
        at = end;
        Some((day, seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::GuestDraft;
    use crate::state::Until;

    const S: i64 = 1_000_000;

    /// 64 MiB of memory, 128 of disk.
    fn spec() -> GuestSpec {
        let (name, image, kernel) = ("web".into(), "tiny-5".into(), "debian-6.1".into());
        let draft = GuestDraft { name, image, kernel, memory_mib: 64, disk_mib: 128, ..GuestDraft::default() };
        GuestSpec::check(&draft).expect("sensible")
    }

    fn used(seen: Seen, from: i64, to: i64) -> Vec<(i64, Used)> {
        Using { spec: &spec(), seen: &seen, created_at: 0 }.between(from, to)
    }

    #[test]
    fn a_guest_that_runs_uses_memory_and_disk_and_a_stopped_one_its_disk() {
        let ran = Used { guest_s: 60, memory_mib_s: 60 * 64, ..Used::default() };
        let held = Used { disk_mib_s: 60 * 128, ..Used::default() };
        assert_eq!(used(Seen::Running { since: 0 }, 100, 160), [(0, ran), (0, held)]);
        assert_eq!(used(Seen::Paused { since: 150 * S, until: Until::Asked }, 100, 160), [(0, ran), (0, held)]);
        assert_eq!(used(Seen::Gone, 100, 160), [(0, held)]);
    }

    #[test]
    fn nothing_counts_before_it_was() {
        let seen = Seen::Running { since: 150 * S };
        assert_eq!(used(seen, 100, 160)[0].1.guest_s, 10);
        let young = Using { spec: &spec(), seen: &Seen::Gone, created_at: 170 * S };
        assert_eq!(young.between(100, 160), []);
    }

    #[test]
    fn days_end_at_midnight_and_add_up() {
        let cut: Vec<_> = days(DAY_S - 10, 3 * DAY_S + 5).collect();
        let whole = u64::try_from(DAY_S).expect("positive");
        assert_eq!(cut, [(0, 10), (1, whole), (2, whole), (3, 5)]);
        assert_eq!(days(10, 10).count() + days(10, 5).count(), 0);
    }

    #[test]
    fn hours_are_said_in_thousandths() {
        let hour =
            Used { guest_s: 3600, memory_mib_s: 3600 * 512, disk_mib_s: 3600 * 2048, received: 1 << 30, sent: 1 << 29 };
        assert_eq!((hour.guest_mh(), hour.memory_mgibh(), hour.disk_mgibh()), (1000, 500, 2000));
        assert_eq!((hour.received_mgib(), hour.sent_mgib(), hour.traffic_mgib()), (1000, 500, 1500));
        assert_eq!(Used { disk_mib_s: u64::MAX, ..hour }.plus(hour).disk_mib_s, u64::MAX);
    }
}
