//! What a guest's own programs get: a program of a few KiB, built with the machine's gcc and typed into
//! the guest's shell, since the first image has nothing to measure with.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::task::block_in_place;
use umbel_client::Console;

use crate::Failure;
use crate::bare::Bare;
use crate::boot::PROMPT;
use crate::figures::{Report, Samples};

const SOURCE: &str = include_str!("probe.c");
/// Where it lies in the guest.
pub(crate) const PLACE: &str = "/tmp/probe";
/// Characters in one line; a terminal's line holds 4095 (termios(3)).
const LINE: &str = "800";
/// Worked out by the shell, so that the echo of the command doesn't have it.
const DONE: &str = "; echo done-$((6*7))";
const IS_DONE: &str = "done-42\r\n";
const PATIENCE: Duration = Duration::from_secs(120);
/// What is counted, how often in a round, and its unit.
const FIGURES: [(&str, u32); 5] =
    [("getppid", 20_000), ("fork", 200), ("exec", 100), ("pipe", 2_000), ("fault", 2_000)];

/// The shell of a guest, however it was started.
#[derive(Debug)]
pub(crate) enum Shell {
    Panel(Box<Console>),
    Bare(Bare),
}

impl Shell {
    /// Types a line; what comes until `end`.
    pub(crate) async fn ask(&mut self, line: &str, end: &str) -> Result<String, Failure> {
        match self {
            Self::Panel(console) => {
                console.type_line(line).await?;
                Ok(console.until(end, PATIENCE).await?)
            }
            Self::Bare(bare) => block_in_place(|| {
                bare.write(format!("{line}\r").as_bytes())?;
                bare.said_until(end, PATIENCE)
            }),
        }
    }

    pub(crate) async fn until_prompt(&mut self) -> Result<(), Failure> {
        match self {
            Self::Panel(console) => drop(console.until(PROMPT, PATIENCE).await?),
            Self::Bare(bare) => drop(block_in_place(|| bare.until(PROMPT, PATIENCE))?),
        }
        Ok(())
    }
}

/// The program, as lines of a shell that make it.
#[derive(Debug)]
pub(crate) struct Probe {
    lines: Vec<String>,
}

impl Probe {
    pub(crate) fn build(scratch: &Path) -> Result<Self, Failure> {
        let (source, program) = (scratch.join("probe.c"), scratch.join("probe"));
        std::fs::write(&source, SOURCE)?;
        let mut gcc = Command::new("gcc");
        gcc.args([
            "-Os",
            "-s",
            "-static",
            "-nostdlib",
            "-ffreestanding",
            "-fno-stack-protector",
            "-fno-pie",
            "-no-pie",
        ]);
        gcc.args(["-fno-asynchronous-unwind-tables", "-w", "-Wl,--build-id=none,-z,noseparate-code,-n,--no-warnings"]);
        let built = gcc.arg("-o").arg(&program).arg(&source).output().map_err(|e| format!("running gcc: {e}"))?;
        if !built.status.success() {
            return Err(format!("building the probe: {}", String::from_utf8_lossy(&built.stderr)).into());
        }
        let text = Command::new("base64").args(["-w", LINE]).arg(&program).output()?;
        let text = String::from_utf8(text.stdout)?;
        let lines = text.lines().map(|line| format!("echo {line} | base64 -d >> {PLACE}{DONE}"));
        Ok(Self { lines: lines.chain([format!("chmod 755 {PLACE}{DONE}")]).collect() })
    }

    /// Types it in.
    pub(crate) async fn put(&self, shell: &mut Shell) -> Result<(), Failure> {
        for line in &self.lines {
            shell.ask(line, IS_DONE).await?;
        }
        Ok(())
    }
}

/// Measures each figure in one guest after the other, so often; medians in µs, a row for each figure with
/// a value for each guest.
pub(crate) async fn in_turns(shells: &mut [Shell], rounds: u32) -> Result<Vec<(&'static str, Vec<f64>)>, Failure> {
    let mut rows = Vec::new();
    for (figure, count) in FIGURES {
        let mut samples = vec![Vec::new(); shells.len()];
        for _ in 0..rounds {
            for (shell, samples) in shells.iter_mut().zip(&mut samples) {
                samples.push(measure(shell, figure, count).await?);
            }
        }
        rows.push((figure, samples.into_iter().map(|samples| Samples::new(samples).median()).collect()));
    }
    Ok(rows)
}

/// Microseconds of one.
async fn measure(shell: &mut Shell, figure: &str, count: u32) -> Result<f64, Failure> {
    let said = shell.ask(&format!("{PLACE} {figure} {count}{DONE}"), IS_DONE).await?;
    let word = format!("figure {figure} ");
    let value = said.lines().find_map(|line| line.trim().strip_prefix(&word)?.parse::<f64>().ok());
    value.map(|nanoseconds| nanoseconds / 1e3).ok_or_else(|| format!("{figure} has no figure in {said:?}").into())
}

pub(crate) fn add(report: &mut Report, what: &str, figure: &str, value: f64) {
    report.add(&format!("{what}: {}, median", words(figure)), value, "us");
}

fn words(figure: &str) -> &'static str {
    match figure {
        "getppid" => "a system call (getppid)",
        "fork" => "fork and wait",
        "exec" => "fork, exec and wait",
        "pipe" => "a round trip over pipes",
        _ => "a page fault",
    }
}
