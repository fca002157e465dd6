//! How much of the host one guest may take, besides its memory.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, FieldErrors};

pub const CPU_WEIGHT: RangeInclusive<u32> = 1..=10_000;
/// Below a twentieth of a core a guest hardly boots.
pub const CPU_PERCENT: RangeInclusive<u32> = 5..=6_400;
/// A kernel, its helpers and a few programs need some dozens.
pub const PROCESSES: RangeInclusive<u32> = 64..=32_768;
pub const NET_MBIT: RangeInclusive<u32> = 1..=40_000;
pub const DISK_MIB_S: RangeInclusive<u32> = 1..=10_000;

/// Limits of one guest; `None` is as much as there is. Field names are those of the form and the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Its share of the processors when they are wanted by more than there are; 100 is usual.
    pub cpu_weight: u32,
    /// At most so much of the processors, 100 being one whole core.
    pub cpu_percent: Option<u32>,
    /// Processes and threads on the host: the kernel's own and one for each program of the guest.
    pub processes: u32,
    /// Of its network card, in each direction.
    pub net_mbit: Option<u32>,
    /// Reading and writing each. What the host writes later out of its page cache is not limited by
    /// cgroups of the first version (kernel: admin-guide/cgroup-v1/blkio-controller).
    pub disk_mib_s: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_weight: 100, cpu_percent: None, processes: 4_096, net_mbit: None, disk_mib_s: None }
    }
}

impl Limits {
    /// Checks every field and reports all that is wrong at once.
    pub fn check(self) -> Result<Self, FieldErrors> {
        let mut wrong = FieldErrors::default();
        let mut look = |field: &str, value: Option<u32>, range: &RangeInclusive<u32>, unit: &str| {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                let (least, most) = (range.start(), range.end());
                let message = format!("Must be {least} to {most}{unit}; {value} was asked for.");
                wrong.0.push(FieldError::new(field, message));
            }
        };
        look("cpu_weight", Some(self.cpu_weight), &CPU_WEIGHT, "");
        look("cpu_percent", self.cpu_percent, &CPU_PERCENT, " %");
        look("processes", Some(self.processes), &PROCESSES, "");
        look("net_mbit", self.net_mbit, &NET_MBIT, " Mbit/s");
        look("disk_mib_s", self.disk_mib_s, &DISK_MIB_S, " MiB/s");
        if wrong.is_empty() { Ok(self) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_out_of_bounds_is_named_at_once() {
        assert_eq!(Limits::default().check(), Ok(Limits::default()));
        let wrong =
            Limits { cpu_weight: 0, cpu_percent: Some(1), processes: 1, net_mbit: Some(0), disk_mib_s: Some(0) };
        let errors = wrong.check().expect_err("nothing is right");
        for field in ["cpu_weight", "cpu_percent", "processes", "net_mbit", "disk_mib_s"] {
            assert_eq!(errors.of(field).count(), 1, "{field} in {errors}");
        }
    }
}
