use serde::{Deserialize, Serialize};
use umbel_guest::usage::Used;
use umbel_guest::{AccountId, FieldErrors};

use crate::AppError;

/// How far back, in days, today among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u16);

impl Days {
    pub const MOST: u16 = 366;

    pub fn number(self) -> u16 {
        self.0
    }
}

impl Default for Days {
    fn default() -> Self {
        Self(30)
    }
}

/// Whose use, and how far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageAsked {
    pub days: Days,
    /// None is oneself, or everybody for whoever may see them.
    pub account: Option<AccountId>,
}

impl UsageAsked {
    /// As an address has it; what is empty is not said.
    pub fn read(days: &str, account: &str) -> Result<Self, AppError> {
        let mut wrong = FieldErrors::default();
        let days = match days.trim() {
            "" => Some(Days::default()),
            text => {
                let days = text.parse().ok().filter(|days| (1..=Days::MOST).contains(days)).map(Days);
                let message = || umbel_guest::FieldError::new("days", format!("A number from 1 to {}.", Days::MOST));
                wrong.take(days.ok_or_else(message))
            }
        };
        let account = match account.trim() {
            "" => Some(None),
            text => {
                let message = |_| umbel_guest::FieldError::new("account", "Choose an account.");
                wrong.take(text.parse().map_err(message)).map(Some)
            }
        };
        match (days, account) {
            (Some(days), Some(account)) => Ok(Self { days, account }),
            _ => Err(AppError::Invalid(wrong)),
        }
    }
}

/// What was used, day by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UsageShown {
    /// The account's name; none where it is of everybody together.
    pub of: Option<String>,
    /// Every day that was asked for, the first one first.
    pub days: Vec<DayUsed>,
    /// By name, over all of these days; empty unless it is of everybody.
    pub accounts: Vec<AccountUsed>,
}

impl UsageShown {
    pub fn total(&self) -> Used {
        self.days.iter().fold(Used::default(), |sum, day| sum.plus(day.used))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DayUsed {
    /// Days since the epoch, UTC.
    pub day: i64,
    #[serde(flatten)]
    pub used: Used,
}

impl DayUsed {
    /// Days without anything are days too.
    pub fn every(days: &[(i64, Used)], from: i64, to: i64) -> Vec<Self> {
        let of = |day| days.iter().find(|(on, _)| *on == day).map_or_else(Used::default, |(_, used)| *used);
        (from..=to).map(|day| Self { day, used: of(day) }).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct AccountUsed {
    pub account: AccountId,
    pub name: String,
    #[serde(flatten)]
    pub used: Used,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_a_number_of_days_and_an_account() {
        assert_eq!(UsageAsked::read("", "").expect("nothing is said"), UsageAsked::default());
        assert_eq!(UsageAsked::read("7", "").expect("a week").days.number(), 7);
        for (days, account, fields) in [("0", "", 1), ("367", "", 1), ("x", "y", 2)] {
            let Err(AppError::Invalid(wrong)) = UsageAsked::read(days, account) else { panic!("{days} {account}") };
            assert_eq!(wrong.0.len(), fields);
        }
    }

    #[test]
    fn every_day_is_there() {
        let used = Used { guest_s: 7, ..Used::default() };
        let days = DayUsed::every(&[(3, used)], 2, 4);
        assert_eq!(days.iter().map(|day| (day.day, day.used.guest_s)).collect::<Vec<_>>(), [(2, 0), (3, 7), (4, 0)]);
    }
}
