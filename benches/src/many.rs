//! Many guests asked for at once, until each is at its prompt, beside the same number by hand.

use std::time::{Duration, Instant};

use tokio::task::{JoinSet, block_in_place};
use umbel_guest::GuestId;

use crate::Failure;
use crate::bare::{Bare, Recipe};
use crate::boot::{PROMPT, recipe, through_panel};
use crate::disks::cached_mib;
use crate::figures::{Promise, Report, Samples};
use crate::panel::Panel;

/// For all of them.
const PATIENCE: Duration = Duration::from_secs(900);
const ROUNDS: u32 = 2;

pub(crate) async fn measure(panel: &Panel, guests: u32, report: &mut Report) -> Result<(), Failure> {
    let (warm, _) = through_panel(panel, "many").await?;
    let recipe = recipe(panel).await?;
    panel.purge(warm).await?;
    let (mut panels, mut hands, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let hand = block_in_place(|| all_by_hand(&recipe, guests))?;
        let (made, took) = all_through_panel(panel, round, guests).await?;
        if round == 0 {
            shared(panel, guests, report)?;
        }
        for guest in made {
            panel.purge(guest).await?;
        }
        eprintln!("umbel-benches: round {round}: {guests} by hand {hand:.1?}, through the panel {took:.1?}");
        ratios.push(took.as_secs_f64() / hand.as_secs_f64());
        panels.push(took);
        hands.push(hand);
    }
    let seconds = |times: &[Duration]| Samples::ms(times).median() / 1e3;
    report.add(&format!("many: {guests} guests, POST to the last prompt, median"), seconds(&panels), "s");
    report.add(&format!("many: {guests} by hand, to the last prompt, median"), seconds(&hands), "s");
    let ratio = Samples::new(ratios).median();
    report.promised("many: of the time by hand, median of rounds", ratio, "x", Promise::AtMost(1.5));
    Ok(())
}

/// What of their disks is in the host's memory: of what they share, and of what is each one's own.
fn shared(panel: &Panel, guests: u32, report: &mut Report) -> Result<(), Failure> {
    let base = cached_mib(&panel.data().join("images"), |name| name.starts_with("base-"))?;
    let own = cached_mib(&panel.data().join("guests"), |name| name.starts_with("disk"))?;
    report.add(&format!("many: {guests} guests, the host's memory for their bases, all together"), base, "MiB");
    report.add(&format!("many: {guests} guests, the same for their own disks, all together"), own, "MiB");
    Ok(())
}

async fn all_through_panel(panel: &Panel, round: u32, guests: u32) -> Result<(Vec<GuestId>, Duration), Failure> {
    let draft = panel.draft("many").await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for i in 0..guests {
        let (client, mut draft) = (panel.client.clone(), draft.clone());
        draft.name = format!("many-{round}-{i}");
        tasks.spawn(async move {
            let made = client.guest_create(&draft).await?;
            let mut console = client.console(made.guest).await?.with_patience(PATIENCE);
            console.until(PROMPT, PATIENCE).await?;
            Ok::<_, umbel_client::Error>((made, began.elapsed()))
        });
    }
    let (mut all, mut last) = (Vec::new(), Duration::ZERO);
    while let Some(done) = tasks.join_next().await {
        let (made, took) = done??;
        last = last.max(took);
        all.push(made);
    }
    // A creation is over a moment later; what is measured next must not meet it.
    for made in &all {
        panel.client.operation_over(made.operation, PATIENCE).await?;
    }
    Ok((all.into_iter().map(|made| made.guest).collect(), last))
}

/// As a loop of a shell does it: all are started, then each is waited for.
fn all_by_hand(recipe: &Recipe, guests: u32) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut bares = Vec::new();
    for _ in 0..guests {
        bares.push(recipe.boot()?);
    }
    for bare in &mut bares {
        bare.until(PROMPT, PATIENCE)?;
    }
    let took = began.elapsed();
    Bare::end_all(bares);
    Ok(took)
}
