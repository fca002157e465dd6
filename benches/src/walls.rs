//! What each wall costs: a panel whose agent doesn't raise it beside one whose agent raises all. The same for
//! what else an agent may leave out.

use crate::Failure;
use crate::boot::through_panel;
use crate::figures::{Report, Samples};
use crate::inside::{self, Probe, Shell};
use crate::panel::{Panel, Setup};

const ROUNDS: u32 = 3;
/// What the host's page lists beside walls.
const NO_WALLS: [&str; 2] = ["shares", "forwarding"];

/// `named` are the walls to look at, all where it is empty.
pub(crate) async fn measure(
    setup: &Setup,
    with: &Panel,
    named: &[String],
    pairs: u32,
    report: &mut Report,
) -> Result<(), Failure> {
    let stand = with.client.host().await?.walls.into_iter().filter(|wall| wall.state.stands()).map(|wall| wall.name);
    let walls = stand.filter(|name| !NO_WALLS.contains(&name.as_str()));
    let names: Vec<String> = if named.is_empty() { walls.collect() } else { named.to_vec() };
    let probe = Probe::build(with.scratch())?;
    for name in names {
        let agent = [&setup.agent[..], &[format!("--without-wall={}", name.replace(' ', "-"))]].concat();
        // Not every agent starts without one.
        let measured = match Panel::start(&Setup { agent, ..setup.clone() }).await {
            Ok(without) => one(&format!("wall {name}"), with, &without, &probe, pairs, report).await,
            Err(error) => Err(error),
        };
        if let Err(error) = measured {
            eprintln!("umbel-benches: without the wall {name}: {error}");
        }
    }
    Ok(())
}

/// A guest whose processes stay on one processor, beside one whose processes may go where they like.
pub(crate) async fn processor(setup: &Setup, with: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let agent = [&setup.agent[..], &["--roam".to_owned()]].concat();
    let without = Panel::start(&Setup { agent, ..setup.clone() }).await?;
    one("one processor", with, &without, &Probe::build(with.scratch())?, pairs, report).await
}

async fn one(
    name: &str,
    with: &Panel,
    without: &Panel,
    probe: &Probe,
    pairs: u32,
    report: &mut Report,
) -> Result<(), Failure> {
    let (mut on, mut off, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..=pairs {
        let mut took = Vec::new();
        // Who is first changes, so that neither always finds what the other left.
        let order = if pair % 2 == 0 { [with, without] } else { [without, with] };
        for panel in order {
            let (guest, time) = through_panel(panel, &format!("wall-{pair}")).await?;
            panel.purge(guest).await?;
            took.push(time);
        }
        if pair % 2 == 1 {
            took.reverse();
        }
        // The first pair warms what both read.
        if pair > 0 {
            more.push((took[0].as_secs_f64() - took[1].as_secs_f64()) * 1e3);
            on.push(took[0]);
            off.push(took[1]);
        }
    }
    report.add(&format!("{name}: POST to prompt with it, median"), Samples::ms(&on).median(), "ms");
    report.add(&format!("{name}: POST to prompt without it, median"), Samples::ms(&off).median(), "ms");
    report.add(&format!("{name}: more with it, median of pairs"), Samples::new(more).median(), "ms");

    let mut shells = Vec::new();
    let mut guests = Vec::new();
    for panel in [with, without] {
        let made = panel.client.guest_create(&panel.draft("wall-probe").await?).await?;
        guests.push((panel, made.guest));
        let mut shell = Shell::Panel(Box::new(panel.client.console(made.guest).await?));
        shell.until_prompt().await?;
        probe.put(&mut shell).await?;
        shells.push(shell);
        panel.client.operation_over(made.operation, crate::boot::PATIENCE).await?;
    }
    for (figure, values) in inside::in_turns(&mut shells, ROUNDS).await? {
        inside::add(report, &format!("{name}: with it"), figure, values[0]);
        inside::add(report, &format!("{name}: without it"), figure, values[1]);
    }
    for (panel, guest) in guests {
        panel.purge(guest).await?;
    }
    Ok(())
}
