//! Curves as drawn lines: pure, so that server and browser draw the same.

use std::fmt::Write as _;

/// Columns that a curve is drawn in; more than a small graph has pixels to tell apart.
pub const COLUMNS: usize = 120;
/// Height of the field that paths are drawn in; its width is [`COLUMNS`].
pub const HEIGHT: u32 = 40;

/// The highest value of each column: a short peak stays to be seen. `None` where nothing was measured.
pub fn columns(samples: &[Option<u32>]) -> Vec<Option<u32>> {
    let wide = samples.len().div_ceil(COLUMNS).max(1);
    samples.chunks(wide).map(|chunk| chunk.iter().flatten().copied().max()).collect()
}

/// An SVG path, with a gap wherever nothing was measured.
pub fn path(columns: &[Option<u32>], top: u32) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (x, value) in columns.iter().enumerate() {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let y = height(*value, top);
        // A measurement alone is a short line, or nothing would be seen of it.
        let _ = match drawing {
            true => write!(path, "L{x} {y}"),
            false => write!(path, "M{x} {y}h.5"),
        };
        drawing = true;
    }
    path
}

/// In tenths, from the bottom up.
fn height(value: u32, top: u32) -> String {
    let up = u64::from(value.min(top)) * u64::from(HEIGHT) * 10 / u64::from(top.max(1));
    let down = u64::from(HEIGHT) * 10 - up;
    format!("{}.{}", down / 10, down % 10)
}

/// The end of the scale: a round number that all of the curves stay under.
pub fn top(curves: &[&[Option<u32>]], least: u32) -> u32 {
    let most = curves.iter().flat_map(|curve| curve.iter().flatten()).copied().max().unwrap_or_default();
    let least = least.max(1);
    // 1, 2, 5, 10 and so on of the least; in u64 they pass every u32.
    let tens = std::iter::successors(Some(u64::from(least)), |ten| Some(ten * 10));
    let tops = tens.take(11).flat_map(|ten| [ten, ten * 2, ten * 5]);
    let top = tops.into_iter().find(|&top| top >= u64::from(most));
    top.and_then(|top| u32::try_from(top).ok()).unwrap_or(u32::MAX)
}

/// The newest measurement, if it is of now: the last one, or the one before it.
pub fn newest(samples: &[Option<u32>]) -> Option<u32> {
    samples.iter().rev().take(2).flatten().next().copied()
}

/// `4 %`: thousandths of a core.
pub fn percent(permille: u32) -> String {
    if permille > 0 && permille < 10 { "under 1 %".into() } else { format!("{} %", (permille + 5) / 10) }
}

/// `96 MiB` out of KiB, to a tenth where it is small.
pub fn bytes(kib: u32) -> String {
    match kib {
        0..1024 => format!("{kib} KiB"),
        1024..10_240 => format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024),
        10_240..1_048_576 => format!("{} MiB", kib / 1024),
        _ => format!("{}.{} GiB", kib / 1_048_576, kib % 1_048_576 / 1024 * 10 / 1024),
    }
}

/// The same out of bytes.
pub fn size(size: u64) -> String {
    bytes(u32::try_from(size / 1024).unwrap_or(u32::MAX))
}

/// `1.2 MiB/s`.
pub fn rate(kib_s: u32) -> String {
    format!("{}/s", bytes(kib_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_gap_and_a_peak_is_seen() {
        assert_eq!(path(&[Some(0), Some(10), None, Some(5)], 10), "M0 40.0h.5L1 0.0M3 20.0h.5");
        let mut samples = vec![Some(1); 720];
        samples[3] = Some(99);
        samples[6..12].fill(None);
        let drawn = columns(&samples);
        assert_eq!((drawn.len(), drawn[0], drawn[1], drawn[2]), (COLUMNS, Some(99), None, Some(1)));
        assert_eq!(columns(&[]), Vec::new());
    }

    #[test]
    fn a_scale_ends_at_a_round_number_above_all() {
        assert_eq!(top(&[&[Some(3), None]], 100), 100);
        assert_eq!(top(&[&[Some(101)], &[Some(450)]], 100), 500);
        assert_eq!(top(&[&[Some(600)]], 100), 1000);
        assert_eq!(top(&[&[Some(u32::MAX)]], 1000), u32::MAX);
        assert_eq!(top(&[], 0), 1);
    }

    #[test]
    fn numbers_have_units_that_fit() {
        assert_eq!([0, 4, 44, 1500].map(percent), ["0 %", "under 1 %", "4 %", "150 %"]);
        assert_eq!([7, 1536, 98_304, 3_670_016].map(bytes), ["7 KiB", "1.5 MiB", "96 MiB", "3.5 GiB"]);
        assert_eq!(rate(0), "0 KiB/s");
    }

    #[test]
    fn what_was_measured_long_ago_is_not_now() {
        assert_eq!(newest(&[Some(1), Some(2), None]), Some(2));
        assert_eq!(newest(&[Some(1), None, None]), None);
    }
}
