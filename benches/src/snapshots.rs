//! Snapshots: how long a guest stands still for a copy of its disk, what a reset takes more than a kill and a start, and
//! what a guest takes to be made of one, or to be told who signs in.

use std::time::{Duration, Instant};

use umbel_client::Operation;
use umbel_guest::{Action, GuestDraft, GuestId, SetupDraft, SetupSeen};

use crate::Failure;
use crate::figures::{Promise, Report, Samples};
use crate::panel::Panel;

/// Written to its disk before it is copied.
const MIB: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn measure(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let guest = panel.client.guest_create(&panel.draft("bench").await?).await?.guest;
    fill(panel, guest).await?;
    let shares = panel.client.snapshots(guest).await?.shares_blocks;
    let mut stood = Vec::new();
    for _ in 0..pairs {
        let taken = panel.client.snapshot_take(guest, "").await?;
        let over = panel.over(Some(taken.operation), PATIENCE).await?;
        stood.push(stood_still(&over).ok_or("it says nothing of standing still")?);
        panel.client.snapshot_remove(guest, taken.snapshot).await?;
    }
    let how = if shares { "blocks shared" } else { "copied" };
    let name = format!("snapshot: stands still, {MIB} MiB {how}");
    let stood = Samples::new(stood).median();
    if shares {
        report.promised(&name, stood, "ms", Promise::AtMost(100.0));
    } else {
        report.add(&name, stood, "ms");
    }
    // What was written is there until the first reset.
    new_guests(panel, guest, pairs, report).await?;
    let (mut plain, mut resets, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        let begun = Instant::now();
        panel.over(panel.client.guest_act(guest, Action::Kill).await?, PATIENCE).await?;
        panel.over(panel.client.guest_act(guest, Action::Start).await?, PATIENCE).await?;
        let by_hand = begun.elapsed();
        let begun = Instant::now();
        panel.over(panel.client.guest_act(guest, Action::Reset).await?, PATIENCE).await?;
        let reset = begun.elapsed();
        more.push((reset.as_secs_f64() - by_hand.as_secs_f64()) * 1000.0);
        plain.push(by_hand);
        resets.push(reset);
    }
    report.add("reset: kill and start", Samples::ms(&plain).median(), "ms");
    report.add("reset: all of it, with its boot", Samples::ms(&resets).median(), "ms");
    report.promised("reset: more than kill and start", Samples::new(more).median(), "ms", Promise::AtMost(1000.0));
    Ok(())
}

/// From the asking to a kernel that runs: of the image, and of a snapshot; with somebody let in and a script, to the end of
/// that.
async fn new_guests(panel: &Panel, of: GuestId, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let taken = panel.client.snapshot_take(of, "").await?;
    panel.over(Some(taken.operation), PATIENCE).await?;
    let setup = SetupDraft {
        user: "anna".into(),
        ssh_keys: "ssh-rsa AAAA anna".into(),
        user_data: "#!/bin/sh\nexit 0\n".into(),
        ..SetupDraft::default()
    };
    let (mut plain, mut copied, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        let draft = panel.draft("plain").await?;
        let begun = Instant::now();
        let made = panel.client.guest_create(&draft).await?;
        panel.over(Some(made.operation), PATIENCE).await?;
        plain.push(begun.elapsed());
        panel.purge(made.guest).await?;

        let begun = Instant::now();
        let made = panel.client.snapshot_clone(of, taken.snapshot, "copied").await?;
        panel.over(Some(made.operation), PATIENCE).await?;
        copied.push(begun.elapsed());
        panel.purge(made.guest).await?;

        let draft = GuestDraft { setup: setup.clone(), ..panel.draft("told").await? };
        let begun = Instant::now();
        let made = panel.client.guest_create(&draft).await?;
        while !matches!(panel.client.guest_fetch(made.guest).await?.setup, Some(SetupSeen::Done { .. })) {
            if begun.elapsed() > PATIENCE {
                return Err("it never says that it is set up".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        told.push(begun.elapsed());
        panel.purge(made.guest).await?;
    }
    report.add("new guest: of its image, running", Samples::ms(&plain).median(), "ms");
    report.add(&format!("new guest: of a snapshot with {MIB} MiB, running"), Samples::ms(&copied).median(), "ms");
    report.add("new guest: with a user, a key and a script, done", Samples::ms(&told).median(), "ms");
    Ok(())
}

async fn fill(panel: &Panel, guest: GuestId) -> Result<(), Failure> {
    let mut console = panel.client.console_from(guest, 0).await?;
    console.until("# ", PATIENCE).await?;
    let line = format!("dd if=/dev/urandom of=/root/fill bs=1M count={MIB} && sync && echo fil\"\"led");
    console.type_line(&line).await?;
    console.until("filled", PATIENCE).await?;
    Ok(())
}

/// In milliseconds, as the operation's log says it.
fn stood_still(operation: &Operation) -> Option<f64> {
    let said = operation.log.iter().find_map(|line| line.text.strip_prefix("The guest stood still for "))?;
    said.split(' ').next()?.parse().ok()
}
