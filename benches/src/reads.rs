//! How many reads the API answers and how soon, with few guests in the table and with many.
//!
//! The many are one real guest's row over and over, in a backup that a new panel begins with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use umbel_guest::{Action, Attachment, GuestDraft};
use uuid::Uuid;

use crate::Failure;
use crate::boot::PATIENCE;
use crate::figures::{Promise, Report};
use crate::load::{Answered, Asked, Pace, ask};
use crate::panel::{Panel, Setup};

const FEW: usize = 100;
const MANY: usize = 10_000;
const WARM: Duration = Duration::from_secs(1);
const DURING: Duration = Duration::from_secs(8);
const CONNECTIONS: usize = 16;

pub(crate) async fn measure(setup: &Setup, panel: Panel, report: &mut Report) -> Result<(), Failure> {
    let place = tempfile::tempdir()?;
    let one = one_stopped_guest(panel, place.path()).await?;
    let few = with_guests(setup, &one, FEW, report).await?;
    let many = with_guests(setup, &one, MANY, report).await?;
    for (few, many) in few.iter().zip(&many) {
        let ratio = many.1 / few.1;
        report.add(&format!("reads: {}, alone, with {MANY} guests of its time with {FEW}", few.0), ratio, "x");
    }
    Ok(())
}

/// A backup of a panel that has one guest.
async fn one_stopped_guest(panel: Panel, place: &Path) -> Result<PathBuf, Failure> {
    let draft = GuestDraft { network: Attachment::None, ..panel.draft("one").await? };
    let made = panel.client.guest_create(&draft).await?;
    panel.client.operation_over(made.operation, PATIENCE).await?;
    panel.until_running(made.guest).await?;
    if let Some(operation) = panel.client.guest_act(made.guest, Action::Kill).await? {
        panel.client.operation_over(operation, PATIENCE).await?;
    }
    panel.client.guest_until(made.guest, "the guest is stopped", PATIENCE, |guest| !guest.is_running()).await?;
    let backup = place.join("one");
    panel.back_up(&backup)?;
    Ok(backup)
}

/// Everything that is measured with so many; the times of a request alone, in ms, by what was asked.
async fn with_guests(
    setup: &Setup,
    one: &Path,
    guests: usize,
    report: &mut Report,
) -> Result<Vec<(&'static str, f64)>, Failure> {
    let backup = one.with_file_name(guests.to_string());
    multiply(one, guests, &backup)?;
    let panel = Panel::restored(setup, &backup).await?;
    let page = panel.client.guest_page(&[("limit", "50")]).await?;
    let guest = page.rows.first().ok_or("a page without guests")?.id;
    let next = page.next.ok_or("one page only")?;
    let token = panel.client.token_create("bench", &["read"], 1).await?.token;
    let asked = |path: String| Asked { address: panel.address().to_owned(), token: token.clone(), path };

    let loaded = [
        ("one guest", 5_000.0, format!("/api/v1/guests/{guest}")),
        ("a page of 50", 1_000.0, "/api/v1/guests?limit=50".into()),
    ];
    for (what, promised, path) in loaded {
        let asked = asked(path);
        let most = warm(&asked, Pace::AsFastAsAnswered { connections: CONNECTIONS })?.per_second;
        let name = format!("reads: {what}, {guests} guests");
        report.promised(&format!("{name}, answers a second"), most, "/s", Promise::AtLeast(promised));
        let half = warm(&asked, Pace::PerSecond { rate: most / 2.0, connections: 4 * CONNECTIONS })?;
        report.add(&format!("{name}, at half of it, p50"), half.times.quantile(0.5), "ms");
        let p99 = half.times.quantile(0.99);
        report.promised(&format!("{name}, at half of it, p99"), p99, "ms", Promise::AtMost(20.0));
    }

    let alone = [
        ("one guest", format!("/api/v1/guests/{guest}")),
        ("first page of 50", "/api/v1/guests?limit=50".into()),
        ("next page of 50", format!("/api/v1/guests?limit=50&cursor={next}")),
        ("50 by name", "/api/v1/guests?limit=50&sort=name".into()),
        ("50 that run", "/api/v1/guests?limit=50&state=running".into()),
        ("50 with a word in the name", "/api/v1/guests?limit=50&q=99".into()),
    ];
    let mut times = Vec::new();
    for (what, path) in alone {
        let Answered { times: took, .. } = warm(&asked(path), Pace::AsFastAsAnswered { connections: 1 })?;
        let name = format!("reads: {what}, {guests} guests, alone");
        report.add(&format!("{name}, p50"), took.quantile(0.5), "ms");
        report.promised(&format!("{name}, p99"), took.quantile(0.99), "ms", Promise::AtMost(50.0));
        times.push((what, took.quantile(0.5)));
    }
    Ok(times)
}

fn warm(asked: &Asked, pace: Pace) -> Result<Answered, Failure> {
    ask(asked, pace, WARM)?;
    ask(asked, pace, DURING)
}

/// Writes a backup whose guests are so many of the one's (docs/decisions/backup.md).
fn multiply(one: &Path, guests: usize, to: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(one)?;
    let mut lines = Vec::new();
    let mut columns: Option<[usize; 2]> = None;
    let mut rows = 0;
    for line in text.lines() {
        let content: Value = serde_json::from_str(line)?;
        if content.get("sha256").is_some() {
            break;
        }
        let is_row = content.is_array();
        match columns.filter(|_| is_row) {
            Some([id, name]) => {
                // Others refer to it.
                lines.push(line.to_owned());
                for number in 1..guests {
                    let mut row = content.clone();
                    row[id] = json!(Uuid::from_u128(0x7000_8000_0000_0000_0000 + number as u128).to_string());
                    row[name] = json!(format!("guest-{number:05}"));
                    lines.push(row.to_string());
                }
                rows += guests;
            }
            None => {
                rows += usize::from(is_row);
                lines.push(line.to_owned());
            }
        }
        if content.get("table").is_some() {
            let place = |name: &str| content["columns"].as_array()?.iter().position(|column| column[0] == name);
            columns = (content["table"] == "guests").then(|| Some([place("id")?, place("name")?])).flatten();
        }
    }
    let mut file = lines.join("\n") + "\n";
    let hash: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    file.push_str(&format!("{}\n", json!({ "rows": rows, "sha256": hash })));
    Ok(fs::write(to, file)?)
}
