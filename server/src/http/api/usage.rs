//! What was used, day by day, and as a file.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::parts::time::date;
use umbel_app::shown::{UsageAsked, UsageShown};
use umbel_guest::usage::Used;
use utoipa::IntoParams;

use super::Query;
use crate::audit::csv::cell;
use crate::http::attachment::attachment;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// From 1 to 366, today among them; 30 unless it is said.
    #[serde(default)]
    days: String,
    /// The id of a group that one is in, or of any account or group for whoever manages quotas; oneself unless it is
    /// said, or everybody for them.
    #[serde(default)]
    account: String,
}

/// What was used, day by day.
#[utoipa::path(get, path = "/usage")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(asked): Query<Asked>,
) -> Result<axum::Json<UsageShown>, Problem> {
    let asked = UsageAsked::read(&asked.days, &asked.account)?;
    Ok(axum::Json(panel.usage_fetch(&caller, asked).await?))
}

/// The same as a file: of one account by day, of everybody by account.
#[utoipa::path(
    get,
    path = "/usage/export",
    responses((status = 200, description = "Comma-separated values (RFC 4180).", content((String = "text/csv")))),
)]
pub async fn export(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let asked = UsageAsked::read(&asked.days, &asked.account)?;
    let text = csv(&panel.usage_fetch(&caller, asked).await?);
    Ok(attachment("text/csv; charset=utf-8", "usage.csv", None, text.into()))
}

fn csv(usage: &UsageShown) -> String {
    let rows: Vec<(String, Used)> = match usage.of {
        Some(_) => usage.days.iter().map(|day| (date(day.day), day.used)).collect(),
        None => usage.accounts.iter().map(|account| (account.name.clone(), account.used)).collect(),
    };
    let first = if usage.of.is_some() { "date" } else { "name" };
    let mut text = format!("{first},guest_hours,memory_gib_hours,disk_gib_hours,received_gib,sent_gib\r\n");
    for (name, used) in rows {
        let numbers = [used.guest_mh(), used.memory_mgibh(), used.disk_mgibh(), used.received_mgib(), used.sent_mgib()];
        text.push_str(&format!("{},{}\r\n", cell(&name), numbers.map(decimal).join(",")));
    }
    text
}

/// Thousandths, as a number with three places.
fn decimal(thousandths: u64) -> String {
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

#[cfg(test)]
mod tests {
    use umbel_app::shown::DayUsed;

    use super::*;

    #[test]
    fn a_file_has_a_line_for_each_day() {
        let used = Used { guest_s: 5400, memory_mib_s: 3600 * 512, sent: 1 << 28, ..Used::default() };
        let usage = UsageShown { of: Some("ada".into()), days: vec![DayUsed { day: 0, used }], accounts: vec![] };
        let (heads, line) = ("date,guest_hours,memory_gib_hours,disk_gib_hours", "1970-01-01,1.500,0.500,0.000");
        assert_eq!(csv(&usage), format!("{heads},received_gib,sent_gib\r\n{line},0.000,0.250\r\n"));
    }
}
