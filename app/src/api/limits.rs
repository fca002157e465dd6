//! Limits as forms send them: text, where empty is none.

use umbel_guest::{FieldError, FieldErrors, Limits};

use crate::AppError;

/// Names of the fields, in the order in which [`limits`] takes them.
const FIELDS: [&str; 5] = ["cpu_weight", "cpu_percent", "processes", "net_mbit", "disk_mib_s"];

/// Every field that is no number is named; whether they are within bounds is [`Limits::check`]'s.
pub(super) fn limits(texts: [&str; 5]) -> Result<Limits, AppError> {
    let mut wrong = FieldErrors::default();
    let mut values = [None; 5];
    for ((value, text), field) in values.iter_mut().zip(texts).zip(FIELDS) {
        let text = text.trim();
        if !text.is_empty() {
            let message = "Must be a whole number, or empty for no limit.";
            *value = wrong.take(text.parse().map_err(|_| FieldError::new(field, message)));
        }
    }
    if !wrong.is_empty() {
        return Err(AppError::Invalid(wrong));
    }
    let [cpu_weight, cpu_percent, processes, net_mbit, disk_mib_s] = values;
    let usual = Limits::default();
    Ok(Limits {
        cpu_weight: cpu_weight.unwrap_or(usual.cpu_weight),
        cpu_percent,
        processes: processes.unwrap_or(usual.processes),
        net_mbit,
        disk_mib_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_limit_is_none_and_every_word_is_named() {
        assert_eq!(limits(["", " ", "", "", ""]), Ok(Limits::default()));
        let some = limits(["200", "50", "", "10", ""]).expect("numbers");
        assert_eq!((some.cpu_weight, some.cpu_percent, some.net_mbit), (200, Some(50), Some(10)));
        let Err(AppError::Invalid(wrong)) = limits(["x", "1", "-3", "", "1e9"]) else { panic!("no numbers") };
        assert_eq!(
            wrong.0.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(),
            ["cpu_weight", "processes", "disk_mib_s"]
        );
    }
}
