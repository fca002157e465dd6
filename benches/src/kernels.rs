//! The kernels of the machine beside one another, each in every mode that it has: by hand, without walls
//! and without a panel around them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::sleep;
use umbel_guest::KernelMode;

use crate::Failure;
use crate::bare::Recipe;
use crate::boot::{by_hand, recipe, through_panel};
use crate::figures::{Promise, Report, Samples};
use crate::inside::{self, Probe, Shell};
use crate::panel::Panel;

/// What the distribution installs.
const PACKAGED: &str = "/usr/bin/linux.uml";
const ROUNDS: u32 = 5;
/// Until what a start leaves behind has settled.
const SETTLING: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(30);

struct Variant {
    name: String,
    is_ours: bool,
    recipe: Recipe,
}

pub(crate) async fn measure(panel: &Panel, pairs: u32, more: &[PathBuf], report: &mut Report) -> Result<(), Failure> {
    let (guest, _) = through_panel(panel, "kernels").await?;
    let recipe = recipe(panel).await?;
    panel.purge(guest).await?;
    let mut variants = Vec::new();
    for (file, is_ours) in files(more) {
        let version = said(&file, "--version")?;
        let fast = said(&file, "--help")?.contains("seccomp=");
        let modes: &[KernelMode] = if fast { &[KernelMode::Strict, KernelMode::Fast] } else { &[KernelMode::Strict] };
        for mode in modes {
            let name = format!("kernel {} {}", version.trim(), mode.word());
            variants.push(Variant { name, is_ours, recipe: recipe.with_kernel(&file, *mode) });
        }
    }
    if variants.is_empty() {
        return Err(format!("there is no {PACKAGED} and no kernel of ours; make kernel builds one").into());
    }
    boots(&variants, pairs, report)?;
    let mut shells = Vec::new();
    let probe = Probe::build(panel.scratch())?;
    for variant in &variants {
        let mut shell = Shell::Bare(variant.recipe.boot()?);
        shell.until_prompt().await?;
        probe.put(&mut shell).await?;
        shells.push(shell);
    }
    for (figure, values) in inside::in_turns(&mut shells, ROUNDS).await? {
        for (variant, value) in variants.iter().zip(values) {
            inside::add(report, &variant.name, figure, value);
        }
    }
    idle(&variants, &shells, report).await
}

/// From the start of the process to the prompt, in turns; against the first, the distribution's.
fn boots(variants: &[Variant], pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let mut times = vec![Vec::new(); variants.len()];
    for round in 0..=pairs as usize {
        for i in 0..variants.len() {
            // Who is first changes, so that none always finds what another left.
            let i = (i + round) % variants.len();
            let took = block_in_place(|| by_hand(&variants[i].recipe))?;
            // The first round warms what all read.
            if round > 0 {
                times[i].push(took);
            }
        }
    }
    let medians: Vec<f64> = times.iter().map(|times| Samples::ms(times).median()).collect();
    for (variant, median) in variants.iter().zip(&medians) {
        report.add(&format!("{}: by hand to prompt, median", variant.name), *median, "ms");
        let share = format!("{}: share of the first kernel's time to prompt", variant.name);
        if variant.is_ours && !variants[0].is_ours {
            report.promised(&share, median / medians[0], "", Promise::AtMost(0.2));
        } else {
            report.add(&share, median / medians[0], "");
        }
    }
    Ok(())
}

async fn idle(variants: &[Variant], shells: &[Shell], report: &mut Report) -> Result<(), Failure> {
    let processor = || -> Result<Vec<Duration>, Failure> {
        let bares = shells.iter().map(|shell| match shell {
            Shell::Bare(bare) => bare.processor(),
            Shell::Panel(_) => Ok(Duration::ZERO),
        });
        bares.collect()
    };
    sleep(SETTLING).await;
    let (before, began) = (processor()?, Instant::now());
    sleep(IDLE).await;
    let (after, took) = (processor()?, began.elapsed());
    for (variant, (before, after)) in variants.iter().zip(before.into_iter().zip(after)) {
        let share = after.saturating_sub(before).as_secs_f64() / took.as_secs_f64();
        report.add(&format!("{}: an idle guest, share of a core over 30 s", variant.name), share * 100.0, "%");
    }
    Ok(())
}

/// The distribution's first, then the newest of ours, then those that were named.
fn files(more: &[PathBuf]) -> Vec<(PathBuf, bool)> {
    let packaged = Path::new(PACKAGED);
    let mut found: Vec<(PathBuf, bool)> = packaged.exists().then(|| (packaged.to_owned(), false)).into_iter().collect();
    found.extend(built().map(|file| (file, true)));
    found.extend(more.iter().map(|file| (file.clone(), true)));
    found
}

/// What `make kernel` keeps.
fn built() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kernel/build.sh");
    let output = Command::new(script).arg("cached").output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn said(kernel: &Path, word: &str) -> Result<String, Failure> {
    let output = Command::new(kernel).arg(word).output().map_err(|e| format!("running {}: {e}", kernel.display()))?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}
