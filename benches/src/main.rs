//! Measures what docs/PROMISES.md promises, against a panel of its own that it starts from built
//! programs and takes away again. It asserts nothing: a machine that is busy is no defect.
//!
//! ```text
//! cargo build --release --bins && target/release/umbel-benches all
//! target/release/umbel-benches boot --mode fast
//! target/release/umbel-benches kernels
//! target/release/umbel-benches walls --mode fast
//! target/release/umbel-benches network --mode fast
//! target/release/umbel-benches many --mode fast
//! target/release/umbel-benches crowd --mode fast --guests 1000
//! target/release/umbel-benches reads
//! target/release/umbel-benches sign-in
//! target/release/umbel-benches images
//! target/release/umbel-benches snapshots
//! target/release/umbel-benches copies --pairs 3
//! target/release/umbel-benches disks --pairs 10
//! ```
//! What can be compared is measured in turns, a pair at a time, and medians are compared: so whatever
//! else the machine does meets both sides.

mod bare;
mod boot;
mod console;
mod copies;
mod crowd;
mod disks;
mod figures;
mod idle;
mod images;
mod inside;
mod kernels;
mod load;
mod machine;
mod many;
mod network;
mod pages;
mod panel;
mod reads;
mod sign_in;
mod site;
mod snapshots;
mod walls;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use umbel_guest::KernelMode;

use figures::Report;
use panel::{Panel, Setup};

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
    /// How many guests: 20 that are idle, 100 asked for at once, 1000 in a crowd, unless it is said.
    #[arg(long, global = true)]
    guests: Option<u32>,
    /// For how long the idle panel is watched.
    #[arg(long, global = true, default_value_t = 60)]
    seconds: u64,
    /// A kernel of the panel's by its id; the one that the panel suggests unless it is said.
    #[arg(long, global = true)]
    kernel: Option<String>,
    /// strict or fast.
    #[arg(long, global = true, default_value = "strict", value_parser = mode)]
    mode: KernelMode,
    /// One more word for `umbel-agent serve`, as `--agent=--without-wall=seccomp`. May be given several times.
    #[arg(long, global = true, value_name = "WORD", allow_hyphen_values = true)]
    agent: Vec<String>,
    /// One more kernel to measure. May be given several times.
    #[arg(long, global = true, value_name = "FILE")]
    kernel_file: Vec<PathBuf>,
    /// A wall to measure; all that stand unless one is said. May be given several times.
    #[arg(long, global = true, value_name = "NAME")]
    wall: Vec<String>,
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
    /// The machine's kernels in all their modes by hand: boot, system calls, processor at rest.
    Kernels,
    /// Boot and system calls with and without each wall.
    Walls,
    /// Boot and system calls of guests that are kept on one processor, and of guests that are not.
    Processor,
    /// Throughput between guest and host, beside the same kernel by hand on such a tap.
    Network,
    /// Many guests at once, beside as many by hand.
    Many,
    /// As many guests as the machine holds: time, memory, and what happens at rest.
    Crowd,
    /// Reads of the API, with 100 guests in the table and with 10,000.
    Reads,
    /// Sign-ins that fail, one by one and 200 at once.
    SignIn,
    /// Putting an image in, beside cp and sha256sum.
    Images,
    /// How long a guest stands still for a copy of its disk, and what a reset takes.
    Snapshots,
    /// Backups and images of a guest, and what one writes to its disks.
    Copies,
    /// New disks of a large image.
    Disks,
    /// Boot, console, idle and pages.
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
    let crowd = options.guests.unwrap_or(1000);
    let setup = Setup {
        memory_percent: (options.what == What::Crowd).then(|| crowd::memory_percent(crowd)).flatten(),
        bin: options.bin.clone(),
        agent: options.agent.clone(),
        kernel: options.kernel.clone(),
        mode: options.mode,
    };
    let panel = Panel::start(&setup).await?;
    match options.what {
        What::Kernels => return kernels::measure(&panel, options.pairs, &options.kernel_file, report).await,
        What::Walls => return walls::measure(&setup, &panel, &options.wall, options.pairs, report).await,
        What::Processor => return walls::processor(&setup, &panel, options.pairs, report).await,
        What::Network => return network::measure(&panel, report).await,
        What::Many => return many::measure(&panel, options.guests.unwrap_or(100), report).await,
        What::Reads => return reads::measure(&setup, panel, report).await,
        What::Images => return images::measure(&panel, options.pairs, report).await,
        What::Snapshots => return snapshots::measure(&panel, options.pairs, report).await,
        What::Copies => return copies::measure(&panel, options.pairs, report).await,
        What::Disks => return disks::measure(&panel, options.pairs, report).await,
        What::SignIn => return sign_in::measure(&panel, report).await,
        What::Crowd => {
            return crowd::measure(&panel, crowd, options.seconds, report).await;
        }
        What::Boot | What::Console | What::Idle | What::Pages | What::All => {}
    }
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
        idle::measure(&panel, options.guests.unwrap_or(20), options.seconds, report).await?;
    }
    Ok(())
}

fn mode(word: &str) -> Result<KernelMode, String> {
    word.parse().map_err(|error: umbel_guest::FieldError| error.to_string())
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
