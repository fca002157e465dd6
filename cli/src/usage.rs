//! What was used: by day, or by account for administrators.

use umbel_client::{AccountUsed, Client, DayUsed};
use umbel_guest::GroupId;
use umbel_guest::usage::Used;

use crate::error::Failure;
use crate::options::UsageOptions;
use crate::output::{Column, Output, moment};
use crate::{groups, people};

const DAYS: [Column<DayUsed>; 6] = [
    ("DAY", |day| moment(day.day.saturating_mul(86_400_000_000)).chars().take(10).collect()),
    ("GUEST-HOURS", |day| decimal(day.used.guest_mh())),
    ("MEMORY GIB-HOURS", |day| decimal(day.used.memory_mgibh())),
    ("DISK GIB-HOURS", |day| decimal(day.used.disk_mgibh())),
    ("RECEIVED GIB", |day| decimal(day.used.received_mgib())),
    ("SENT GIB", |day| decimal(day.used.sent_mgib())),
];

const ACCOUNTS: [Column<AccountUsed>; 6] = [
    ("NAME", |account| account.name.clone()),
    ("GUEST-HOURS", |account| decimal(account.used.guest_mh())),
    ("MEMORY GIB-HOURS", |account| decimal(account.used.memory_mgibh())),
    ("DISK GIB-HOURS", |account| decimal(account.used.disk_mgibh())),
    ("RECEIVED GIB", |account| decimal(account.used.received_mgib())),
    ("SENT GIB", |account| decimal(account.used.sent_mgib())),
];

pub(crate) async fn run(panel: &Client, options: UsageOptions, output: &Output) -> Result<(), Failure> {
    let account = match options.account {
        Some(name) => Some(people::find(panel, &name).await?.id),
        None => groups::named(panel, options.group.as_deref()).await?.map(GroupId::as_owner),
    };
    let usage = panel.usage(options.days, account).await?;
    if !output.is_for_people() {
        return output.one(&usage);
    }
    match usage.of {
        Some(_) => {
            let days: Vec<DayUsed> = usage.days.into_iter().filter(|day| day.used != Used::default()).collect();
            output.many(&days, &DAYS)
        }
        None => output.many(&usage.accounts, &ACCOUNTS),
    }
}

/// Thousandths, as a number with two places.
fn decimal(thousandths: u64) -> String {
    format!("{}.{:02}", thousandths / 1000, thousandths % 1000 / 10)
}
