//! Measures what docs/PROMISES.md promises, against a panel of its own that it starts from built
//! programs and takes away again. It asserts nothing: a machine that is busy is no defect.
//!
//! ```text
//! cargo build --release --bins && target/release/umbel-benches all
//! ```
//! What can be compared is measured in turns, a pair at a time, and medians are compared: so whatever
//! else the machine does meets both sides.

mod bare;
mod boot;
mod console;
mod figures;
mod idle;
mod machine;
mod pages;
mod panel;
mod site;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use figures::Report;
use panel::Panel;

/// Whatever goes wrong is shown and ends the measuring.
type Failure = Box<dyn Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "umbel-benches", about = "Measures what docs/PROMISES.md promises")]
struct Options {
    #[command(subcommand)]
    what: What,
    /// Directory of the programs; this one's own unless it is said.
    #[arg(long, global = true)]
    bin: Option<PathBuf>,
    /// Pairs of boots.
    #[arg(long, global = true, default_value_t = 10)]
    pairs: u32,
    /// Guests that are idle.
    #[arg(long, global = true, default_value_t = 20)]
    guests: u32,
    /// For how long the idle panel is watched.
    #[arg(long, global = true, default_value_t = 60)]
    seconds: u64,
    /// Writes the figures to this file as JSON; without it they are printed.
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum What {
    /// From POST to the prompt, beside the same kernel and image by hand.
    Boot,
    /// Throughput and echo of a console, beside a bare terminal.
    Console,
    /// Processor and memory of a panel with many guests that do nothing.
    Idle,
    /// Answers of the first pages, and what a browser loads for them.
    Pages,
    /// All of these.
    All,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mut report = Report::default();
    // The panel goes when its owner does, so that nothing is left of a measuring that was cut off.
    let measured = tokio::select! {
        measured = measure(&options, &mut report) => measured,
        _ = tokio::signal::ctrl_c() => Err("cut off".into()),
    };
    report.print();
    if let Err(error) = report.write(options.json.as_deref()).and(measured) {
        eprintln!("umbel-benches: {}", in_full(error.as_ref()));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let wants = |what| options.what == what || options.what == What::All;
    let panel = Panel::start(options.bin.as_deref()).await?;
    if wants(What::Pages) {
        pages::measure(&panel, report).await?;
    }
    if wants(What::Boot) {
        boot::measure(&panel, options.pairs, report).await?;
    }
    if wants(What::Console) {
        console::measure(&panel, report).await?;
    }
    if wants(What::Idle) {
        idle::measure(&panel, options.guests, options.seconds, report).await?;
    }
    Ok(())
}

fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
