//! What a console carries and how soon it answers, beside the same guest on a bare terminal.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use umbel_client::{Console, Heard};

use crate::Failure;
use crate::bare::Bare;
use crate::boot::{PATIENCE, PROMPT, recipe};
use crate::figures::{Promise, Report, Samples};
use crate::panel::Panel;

/// A file of lines, and a script that writes it to the console eight times.
const MAKE: &str = "yes 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ | head -c 1048576 > /tmp/lines; \
                    echo 'for i in 1 2 3 4 5 6 7 8; do cat /tmp/lines; done' > /tmp/write; echo end-$((6*7))";
const WRITE: &str = "echo begin-$((6*7)); sh /tmp/write; echo end-$((6*7))";
/// Worked out by the shell, so that the echo of the command doesn't have them.
const BEGIN: &str = "begin-42\r\n";
const END: &str = "end-42";
/// Echoes nothing of its own: what comes back is the terminal's echo.
const SINK: &str = "echo sink-$((6*7)); cat > /dev/null";
const SINK_READY: &str = "sink-42\r\n";
const ROUNDS: usize = 5;
/// Keys per turn: fewer than a line of a terminal holds.
const KEYS: usize = 100;

pub(crate) async fn measure(panel: &Panel, report: &mut Report) -> Result<(), Failure> {
    let made = panel.client.guest_create(&panel.draft("console").await?).await?;
    let mut console = panel.client.console(made.guest).await?;
    console.until(PROMPT, PATIENCE).await?;
    let mut bare = recipe(panel).await?.boot()?;
    block_in_place(|| bare.until(PROMPT, PATIENCE))?;

    throughput(&mut console, &mut bare, report).await?;
    echo(&mut console, &mut bare, report).await?;
    drop(bare);
    panel.client.operation_over(made.operation, PATIENCE).await?;
    panel.purge(made.guest).await
}

async fn throughput(console: &mut Console, bare: &mut Bare, report: &mut Report) -> Result<(), Failure> {
    console.type_line(MAKE).await?;
    console.until(END, PATIENCE).await?;
    block_in_place(|| {
        bare.write(format!("{MAKE}\r").as_bytes())?;
        bare.until(END, PATIENCE)
    })?;
    let skipped_before: u64 = console.gaps().iter().map(|(from, to)| to - from).sum();
    let (mut panels, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        panels.push(panel_round(console).await?);
        bares.push(block_in_place(|| bare_round(bare))?);
    }
    let skipped: u64 = console.gaps().iter().map(|(from, to)| to - from).sum::<u64>() - skipped_before;
    let (panel, bare) = (Samples::new(panels).median(), Samples::new(bares).median());
    report.add("console: through shim, panel and WebSocket, median", panel, "MB/s");
    report.add("console: bare terminal, median", bare, "MB/s");
    report.promised("console: share of the bare terminal", panel / bare, "", Promise::AtLeast(0.5));
    report.add("console: skipped in all rounds", rate(skipped, Duration::from_secs(1)), "MB");
    Ok(())
}

/// MB/s that were received, from the beginning of the flood to its end. Gaps are not received.
async fn panel_round(console: &mut Console) -> Result<f64, Failure> {
    console.type_line(WRITE).await?;
    console.until(BEGIN, PATIENCE).await?;
    let (began, mut received, mut tail) = (Instant::now(), 0, Vec::new());
    while !ends(&tail) {
        let Ok(heard) = tokio::time::timeout(PATIENCE, console.next()).await else {
            let (offset, tail) = (console.offset(), String::from_utf8_lossy(&tail));
            return Err(
                format!("nothing came for {PATIENCE:?} behind {offset}, after {received} bytes: {tail:?}").into()
            );
        };
        match heard? {
            Heard::Bytes { bytes, .. } => {
                received += bytes.len() as u64;
                keep_tail(&mut tail, &bytes);
            }
            Heard::Gap { .. } => tail.clear(),
            Heard::State(_) => {}
        }
    }
    Ok(rate(received, began.elapsed()))
}

fn bare_round(bare: &mut Bare) -> Result<f64, Failure> {
    bare.write(format!("{WRITE}\r").as_bytes())?;
    bare.until(BEGIN, PATIENCE)?;
    let began = Instant::now();
    let received = bare.until(END, PATIENCE)?;
    Ok(rate(received as u64, began.elapsed()))
}

fn ends(tail: &[u8]) -> bool {
    tail.windows(END.len()).any(|window| window == END.as_bytes())
}

/// The last bytes, as many as the end of a flood has.
fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8]) {
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(64)..]);
    tail.drain(..tail.len().saturating_sub(64));
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn rate(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}

async fn echo(console: &mut Console, bare: &mut Bare, report: &mut Report) -> Result<(), Failure> {
    console.type_line(SINK).await?;
    console.until(SINK_READY, PATIENCE).await?;
    block_in_place(|| {
        bare.write(format!("{SINK}\r").as_bytes())?;
        bare.until(SINK_READY, PATIENCE)
    })?;
    let (mut panels, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        panels.extend(panel_keys(console).await?);
        bares.extend(block_in_place(|| bare_keys(bare))?);
    }
    let (panels, bares) = (Samples::ms(&panels), Samples::ms(&bares));
    report.add("echo: through the panel, p50", panels.median(), "ms");
    report.add("echo: through the panel, p99", panels.quantile(0.99), "ms");
    report.add("echo: bare terminal, p50", bares.median(), "ms");
    report.promised("echo: more than bare, p50", panels.median() - bares.median(), "ms", Promise::AtMost(2.0));
    Ok(())
}

async fn panel_keys(console: &mut Console) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for _ in 0..KEYS {
        let began = Instant::now();
        console.type_bytes(b"x").await?;
        console.until("x", PATIENCE).await?;
        times.push(began.elapsed());
        tokio::time::sleep(BETWEEN_KEYS).await;
    }
    console.type_bytes(b"\r").await?;
    console.until("\r\n", PATIENCE).await?;
    Ok(times)
}

/// As a quick typist leaves, so that no key rides on the work for the one before.
const BETWEEN_KEYS: Duration = Duration::from_millis(5);

fn bare_keys(bare: &mut Bare) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for _ in 0..KEYS {
        let began = Instant::now();
        bare.write(b"x")?;
        bare.until("x", PATIENCE)?;
        times.push(began.elapsed());
        std::thread::sleep(BETWEEN_KEYS);
    }
    bare.write(b"\r")?;
    bare.until("\r\n", PATIENCE)?;
    Ok(times)
}
