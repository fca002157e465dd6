use serde::{Deserialize, Serialize};
use umbel_guest::{Sample, Series, Span};

/// Curves of a guest, or of all together: the same length each, the oldest first, `None` where nothing
/// was measured. Units are those of [`Sample`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct MetricsShown {
    pub span: Span,
    /// Seconds between two points.
    pub step_s: u32,
    /// When the last one was taken (µs since the epoch, UTC).
    pub end: i64,
    pub cpu_permille: Vec<Option<u32>>,
    pub memory_kib: Vec<Option<u32>>,
    pub net_in_kib_s: Vec<Option<u32>>,
    pub net_out_kib_s: Vec<Option<u32>>,
    pub disk_read_kib_s: Vec<Option<u32>>,
    pub disk_write_kib_s: Vec<Option<u32>>,
    pub processes: Vec<Option<u32>>,
}

impl From<Series> for MetricsShown {
    fn from(series: Series) -> Self {
        let curve = |of: fn(&Sample) -> u32| series.samples.iter().map(|s| s.as_ref().map(of)).collect();
        Self {
            span: series.span,
            step_s: series.span.step_s(),
            end: series.end,
            cpu_permille: curve(|s| s.cpu_permille),
            memory_kib: curve(|s| s.memory_kib),
            net_in_kib_s: curve(|s| s.net_in_kib_s),
            net_out_kib_s: curve(|s| s.net_out_kib_s),
            disk_read_kib_s: curve(|s| s.disk_read_kib_s),
            disk_write_kib_s: curve(|s| s.disk_write_kib_s),
            processes: curve(|s| s.processes),
        }
    }
}

/// What the guest's own kernel says of its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct MemoryInsideShown {
    pub total_kib: u32,
    pub available_kib: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_stay_gaps_in_every_curve() {
        let sample = Sample { cpu_permille: 7, processes: 3, ..Sample::default() };
        let shown: MetricsShown = Series { span: Span::Hour, end: 9, samples: vec![None, Some(sample)] }.into();
        assert_eq!((shown.step_s, shown.cpu_permille, shown.processes), (5, vec![None, Some(7)], vec![None, Some(3)]));
    }
}
