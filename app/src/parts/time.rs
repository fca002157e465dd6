//! Times are absolute where they are rendered, so that server and browser write the same; pages.js
//! makes them relative afterwards and keeps the exact one in the title.

use leptos::prelude::*;

/// How a time stands in its sentence: what is written, what pages.js makes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Said {
    /// `2026-11-24 15:02 UTC`, `3 h ago`.
    #[default]
    Alone,
    /// `since 2026-11-24 15:02 UTC`, `for 3 h`.
    Since,
    /// `at 2026-11-24 15:02 UTC`, `in 58 min`.
    At,
}

impl Said {
    fn word(self) -> &'static str {
        match self {
            Self::Alone => "",
            Self::Since => "since",
            Self::At => "at",
        }
    }
}

/// A point in time, µs since the epoch.
#[component]
pub fn When(at: i64, #[prop(optional)] said: Said) -> impl IntoView {
    // One text, whose node pages.js writes into.
    let text = format!("{} {}", said.word(), utc(at)).trim_start().to_owned();
    view! { <time datetime=iso(at) data-rel=said.word() title=utc(at)>{text}</time> }.into_any()
}

/// `2026-11-24 15:02 UTC`.
pub fn utc(micros: i64) -> String {
    let (year, month, day, hour, minute, _) = civil(micros);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// RFC 3339, to the second.
pub fn iso(micros: i64) -> String {
    let (year, month, day, hour, minute, second) = civil(micros);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `2026-11-28`, out of days since the epoch.
pub fn date(day: i64) -> String {
    iso(day.saturating_mul(86_400_000_000)).chars().take(10).collect()
}

/// Year, month, day, hour, minute, second in the proleptic Gregorian calendar (Howard Hinnant,
/// “chrono-Compatible Low-Level Date Algorithms”, `civil_from_days`).
fn civil(micros: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400_000_000), "2000-02-29T00:00:00Z");
        assert_eq!(iso(1_709_210_096_000_000), "2024-02-29T12:34:56Z");
        assert_eq!(date(19_723), "2024-01-01");
        assert_eq!(iso(-1), "1969-12-31T23:59:59Z");
        assert_eq!(utc(1_709_210_096_000_000), "2024-02-29 12:34 UTC");
    }
}
