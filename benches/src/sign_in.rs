//! Sign-ins that fail: as long for a name that is there as for one that is not, and what 200 at once leave of
//! the panel for everybody else. Each comes from an address of its own, so that no brake helps.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Failure;
use crate::figures::{Promise, Report, Samples};
use crate::load::post;
use crate::panel::Panel;

const PAIRS: u8 = 100;
const PATH: &str = "/api/v1/session";
/// A request a person makes, not a load of its own.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) async fn measure(panel: &Panel, report: &mut Report) -> Result<(), Failure> {
    for number in 0..PAIRS {
        panel.client.account_create(&name("known", number), "user").await?;
    }
    one_by_one(panel, report).await?;
    at_once(panel, report).await
}

fn name(kind: &str, number: u8) -> String {
    format!("{kind}-{number}")
}

async fn fail(to: String, from: Ipv4Addr, name: String) -> Result<(u16, Duration), Failure> {
    let body = serde_json::json!({ "name": name, "password": "a wrong password" });
    post(&to, from, PATH, &body.to_string()).await
}

async fn one_by_one(panel: &Panel, report: &mut Report) -> Result<(), Failure> {
    let kinds = ["known", "nobody"];
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..PAIRS {
        for (place, kind) in kinds.iter().enumerate() {
            let from = Ipv4Addr::new(127, 1, u8::from(place > 0), number);
            match fail(panel.address().to_owned(), from, name(kind, number)).await? {
                (422, took) => times[place].push(took),
                (status, _) => return Err(format!("a sign-in that fails answers {status}").into()),
            }
        }
    }
    let times = times.map(|times| Samples::ms(&times));
    for (kind, times) in kinds.iter().zip(&times) {
        for (what, share) in [("p10", 0.1), ("p50", 0.5), ("p90", 0.9)] {
            report.add(&format!("sign-in: a name that is {kind}, {what}"), times.quantile(share), "ms");
        }
    }
    report.add("sign-in: known in the time of unknown, median", times[0].median() / times[1].median(), "x");
    Ok(())
}

async fn at_once(panel: &Panel, report: &mut Report) -> Result<(), Failure> {
    let processes = panel.own_processes()?;
    let (_, process) = processes.iter().find(|(name, _)| name == "panel").ok_or("no panel")?;
    let before = process.resident_kib();
    let mut tasks = JoinSet::new();
    for number in 0..PAIRS {
        for (place, kind) in ["known", "nobody"].iter().enumerate() {
            let from = Ipv4Addr::new(127, 2, u8::from(place > 0), number);
            tasks.spawn(fail(panel.address().to_owned(), from, name(kind, number)));
        }
    }
    let (mut health, mut statuses, mut most) = (Vec::new(), BTreeMap::<u16, u32>::new(), before);
    while !tasks.is_empty() {
        let began = Instant::now();
        panel.client.health().await?;
        health.push(began.elapsed());
        most = most.max(process.resident_kib());
        while let Some(done) = tasks.try_join_next() {
            *statuses.entry(done??.0).or_default() += 1;
        }
        sleep(PAUSE).await;
    }
    let health = Samples::ms(&health);
    report.add("sign-in: 200 at once, health p50", health.quantile(0.5), "ms");
    report.promised("sign-in: 200 at once, health p99", health.quantile(0.99), "ms", Promise::AtMost(100.0));
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let more = (most - before) as f64 / 1024.0;
    report.promised("sign-in: 200 at once, more memory", more, "MiB", Promise::AtMost(64.0));
    for (status, times) in statuses {
        report.add(&format!("sign-in: 200 at once, answered {status}"), f64::from(times), "");
    }
    Ok(())
}
