//! From the POST that makes a guest to its prompt on the console, beside the same kernel with the same
//! image by hand.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use umbel_guest::GuestId;

use crate::Failure;
use crate::bare::Recipe;
use crate::figures::{Promise, Report, Samples};
use crate::panel::Panel;

/// How the shell of the first image asks for a command.
pub(crate) const PROMPT: &str = "# ";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn measure(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    // The first boot warms what both sides read, and shows how a guest is started.
    let (guest, _) = through_panel(panel, "warm").await?;
    let recipe = recipe(panel).await?;
    panel.purge(guest).await?;
    block_in_place(|| by_hand(&recipe))?;

    let (mut panels, mut hands, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        // Who is first changes, so that neither always finds what the other left.
        let hand_first = pair % 2 == 0;
        let before = if hand_first { Some(block_in_place(|| by_hand(&recipe))?) } else { None };
        let (guest, took) = through_panel(panel, &format!("boot-{pair}")).await?;
        panel.purge(guest).await?;
        let hand = before.map_or_else(|| block_in_place(|| by_hand(&recipe)), Ok)?;
        more.push(took.as_secs_f64() * 1e3 - hand.as_secs_f64() * 1e3);
        panels.push(took);
        hands.push(hand);
    }
    report.add("boot: POST to prompt, median", Samples::ms(&panels).median(), "ms");
    report.add("boot: by hand to prompt, median", Samples::ms(&hands).median(), "ms");
    let more = Samples::new(more);
    report.promised("boot: more than by hand, median of pairs", more.median(), "ms", Promise::AtMost(120.0));
    report.add("boot: more than by hand, worst pair", more.quantile(1.0), "ms");
    Ok(())
}

pub(crate) async fn through_panel(panel: &Panel, name: &str) -> Result<(GuestId, Duration), Failure> {
    let draft = panel.draft(name).await?;
    let began = Instant::now();
    let made = panel.client.guest_create(&draft).await?;
    let mut console = panel.client.console(made.guest).await?;
    console.until(PROMPT, PATIENCE).await?;
    let took = began.elapsed();
    // Its creation is over a moment later; the next measurement must not meet it.
    panel.client.operation_over(made.operation, PATIENCE).await?;
    Ok((made.guest, took))
}

/// How the one guest that runs was started.
pub(crate) async fn recipe(panel: &Panel) -> Result<Recipe, Failure> {
    let kernels = panel.kernels()?;
    let (kernel, _) = kernels.first().ok_or("no kernel of a guest is running")?;
    Recipe::of(kernel, panel.scratch().to_owned())
}

pub(crate) fn by_hand(recipe: &Recipe) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut bare = recipe.boot()?;
    bare.until(PROMPT, PATIENCE)?;
    Ok(began.elapsed())
}
