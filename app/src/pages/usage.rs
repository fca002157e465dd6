//! What was used, day by day: one's own; for whoever manages quotas, everybody's and each account's. What is
//! asked for stands in the address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use umbel_guest::usage::Used;

use crate::api::usage::usage_fetch;
use crate::parts::curve::{COLUMNS, HEIGHT, path, top};
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::table::PageHead;
use crate::parts::time::date;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{AccountUsed, DayUsed, UsageShown};

/// Ranges that the page offers, in days.
const RANGES: [(&str, &str); 3] = [("7", "7 days"), ("30", "30 days"), ("366", "1 year")];

#[component]
pub fn UsagePage() -> impl IntoView {
    let query = use_query_map();
    let said = move |name: &str| query.with(|query| query.get(name).unwrap_or_default());
    let asked = Memo::new(move |_| (said("days"), said("account")));
    let usage = Resource::new(move || asked.get(), |(days, account)| usage_fetch(days, account));
    view! {
        <Title text="Usage" />
        <PageHead title="Usage" />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let (days, account) = asked.get_untracked();
                match usage.await {
                    Ok(usage) => view! { <Usage usage=usage days=days account=account /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn at(path: &str, days: &str, account: &str) -> String {
    paths::asking(path, &[("days", days), ("account", account)])
}

#[component]
fn Usage(usage: UsageShown, days: String, account: String) -> impl IntoView {
    let whose = usage.of.clone().unwrap_or_else(|| "Everybody".into());
    let chosen = if days.is_empty() { "30" } else { &days };
    let ranges = RANGES.map(|(range, words)| {
        let current = (range == chosen).then_some("true");
        view! { <a class="button" href=at(paths::USAGE, range, &account) aria-current=current>{words}</a> }
    });
    let all = (!account.is_empty()).then(|| at(paths::USAGE, &days, ""));
    let export = at(paths::USAGE_EXPORT, &days, &account);
    let by_day = usage.days.iter().rev().filter(|day| day.used != Used::default()).copied().collect();
    view! {
        <div class="measured">
            <h2>{whose}</h2>
            <nav class="segments ranges" aria-label="Range">{ranges.collect_view()}</nav>
        </div>
        <Graphs usage=usage.clone() />
        <p class="pages">
            {all.map(|to| view! { <a class="button quiet" href=to>"Everybody"</a> })}
            <a class="button quiet" href=export rel="external" download="usage.csv">"Export as CSV"</a>
        </p>
        <Accounts accounts=usage.accounts days=days />
        <h2>"By day"</h2>
        <Days days=by_day />
        <p class="meta">
            "Counted once a minute, in UTC. Deleted guests hold their disk until they are purged. Traffic is what passes "
            "guests' cards on the bridge, from one guest to another too."
        </p>
    }
    .into_any()
}

#[component]
fn Graphs(usage: UsageShown) -> impl IntoView {
    let total = usage.total();
    let curve = |of: fn(Used) -> u64| usage.days.iter().map(|day| of(day.used)).collect::<Vec<_>>();
    view! {
        <div class="graphs apart">
            <Graph title="Guests" unit="h" days=curve(Used::guest_mh) total=total.guest_mh() />
            <Graph title="Memory" unit="GiB·h" days=curve(Used::memory_mgibh) total=total.memory_mgibh() />
            <Graph title="Disk" unit="GiB·h" days=curve(Used::disk_mgibh) total=total.disk_mgibh() />
            <Graph title="Traffic" unit="GiB" days=curve(Used::traffic_mgib) total=total.traffic_mgib() />
        </div>
    }
    .into_any()
}

/// Days in thousandths of the unit.
#[component]
fn Graph(title: &'static str, unit: &'static str, days: Vec<u64>, total: u64) -> impl IntoView {
    let days: Vec<Option<u32>> = days.into_iter().map(|day| u32::try_from(day).ok()).collect();
    let scale = top(&[&days], 1000);
    // Stretched to the width of all curves, a day beside the other.
    let wide = COLUMNS.checked_div(days.len()).unwrap_or(COLUMNS).max(1);
    let columns: Vec<Option<u32>> = days.iter().flat_map(|day| std::iter::repeat_n(*day, wide)).collect();
    let most = format!("{} {unit} a day", number(u64::from(scale)));
    let label = format!("{title}, {} days, {} {unit} in all; the scale ends at {most}", days.len(), number(total));
    view! {
        <figure class="graph">
            <figcaption><span class="meta">{title}</span> <span class="number">{format!("{} {unit}", number(total))}</span></figcaption>
            <svg
                class="curves"
                role="img"
                aria-label=label
                viewBox=format!("0 -1 {} {}", columns.len().max(1), HEIGHT + 2)
                preserveAspectRatio="none"
            >
                <path class="curve" d=path(&columns, scale)></path>
            </svg>
            <p class="graph-scale"><span>{format!("{} days", days.len())}</span> <span>{most}</span></p>
        </figure>
    }
    .into_any()
}

#[component]
fn Accounts(accounts: Vec<AccountUsed>, days: String) -> impl IntoView {
    let row = |account: AccountUsed| {
        let to = at(paths::USAGE, &days, &account.account.to_string());
        view! { <tr><td data-label="Name"><a href=to>{account.name}</a></td><Cells used=account.used /></tr> }
    };
    (!accounts.is_empty()).then(|| {
        view! {
            <h2>"By account"</h2>
            <table class="table cards">
                <thead><tr><th>"Name"</th><Heads /></tr></thead>
                <tbody>{accounts.into_iter().map(row).collect_view()}</tbody>
            </table>
        }
    })
}

#[component]
fn Days(days: Vec<DayUsed>) -> impl IntoView {
    if days.is_empty() {
        return view! { <p class="meta">"Nothing was used in this time."</p> }.into_any();
    }
    let row = |day: DayUsed| view! { <tr><td data-label="Day">{date(day.day)}</td><Cells used=day.used /></tr> };
    view! {
        <table class="table cards">
            <thead><tr><th>"Day"</th><Heads /></tr></thead>
            <tbody>{days.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

/// A title, and what stands below it in thousandths of its unit.
type Sum = (&'static str, fn(Used) -> u64);

const SUMS: [Sum; 5] = [
    ("Guest-hours", Used::guest_mh),
    ("Memory, GiB-hours", Used::memory_mgibh),
    ("Disk, GiB-hours", Used::disk_mgibh),
    ("Received, GiB", Used::received_mgib),
    ("Sent, GiB", Used::sent_mgib),
];

#[component]
fn Heads() -> impl IntoView {
    SUMS.map(|(title, _)| view! { <th class="number">{title}</th> }).collect_view()
}

#[component]
fn Cells(used: Used) -> impl IntoView {
    SUMS.map(|(title, of)| view! { <td data-label=title class="number">{number(of(used))}</td> }).collect_view()
}

/// Thousandths as people read them: to a hundredth where it is little.
fn number(thousandths: u64) -> String {
    match thousandths {
        0 => "0".into(),
        1..100_000 => format!("{}.{:02}", thousandths / 1000, thousandths % 1000 / 10),
        _ => (thousandths / 1000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_said_to_a_hundredth() {
        assert_eq!([0, 7, 1500, 99_999, 100_000].map(number), ["0", "0.00", "1.50", "99.99", "100"]);
    }

    #[test]
    fn an_address_says_only_what_is_asked() {
        assert_eq!(at(paths::USAGE, "", ""), "/usage");
        assert_eq!(at(paths::USAGE, "7", ""), "/usage?days=7");
    }
}
