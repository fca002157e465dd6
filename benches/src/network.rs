//! What a guest's card carries between guest and host, beside the same kernel by hand, as root and without
//! walls, on a tap of the same topology: a bridge in a network namespace and a veth pair to the host.
//!
//! One TCP stream each way. The first image has no iperf3, so the guest's side is [`crate::inside`]'s
//! program, which does what iperf3 does with its defaults: writes or reads 128 KiB at a time.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use umbel_guest::{Attachment, GuestDraft};

use crate::Failure;
use crate::boot::{PATIENCE, recipe};
use crate::figures::{Promise, Report, Samples};
use crate::inside::{PLACE, Probe, Shell};
use crate::panel::Panel;

const PORT: u16 = 5201;
const ROUNDS: usize = 5;
const STREAM: Duration = Duration::from_secs(3);
const PART: usize = 128 * 1024;

pub(crate) async fn measure(panel: &Panel, report: &mut Report) -> Result<(), Failure> {
    let draft = GuestDraft { network: Attachment::Bridge, ..panel.draft("network").await? };
    let made = panel.client.guest_create(&draft).await?;
    let mut guest = Shell::Panel(Box::new(panel.client.console(made.guest).await?));
    guest.until_prompt().await?;
    panel.client.operation_over(made.operation, PATIENCE).await?;
    let recipe = recipe(panel).await?;
    let address = recipe.address().ok_or("the guest has no card: is its agent root?")?;

    let wire = Wire::lay()?;
    let mut bare = Shell::Bare(recipe.plugged(&wire.name, TAP, GUEST, HOST).boot()?);
    bare.until_prompt().await?;
    let probe = Probe::build(panel.scratch())?;
    for shell in [&mut guest, &mut bare] {
        probe.put(shell).await?;
        shell.ask(&format!("{PLACE} serve {PORT} & echo serves-$((6*7))"), "serves-42\r\n").await?;
    }
    let by_hand: Ipv4Addr = GUEST.parse()?;
    for (what, way) in [("out of the guest", b'g'), ("into the guest", b't')] {
        let (mut panels, mut hands) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let panel = block_in_place(|| stream(address, way))?;
            let hand = block_in_place(|| stream(by_hand, way))?;
            // The first is for windows and caches to grow.
            if round > 0 {
                panels.push(panel);
                hands.push(hand);
            }
        }
        let (panel, hand) = (Samples::new(panels).median(), Samples::new(hands).median());
        report.add(&format!("network: {what}, all walls, median"), panel, "Gbit/s");
        report.add(&format!("network: {what}, by hand, median"), hand, "Gbit/s");
        report.promised(&format!("network: {what}, share of by hand"), panel / hand, "", Promise::AtLeast(0.95));
    }
    drop(bare);
    panel.purge(made.guest).await
}

/// Gbit/s of one connection.
fn stream(guest: Ipv4Addr, way: u8) -> Result<f64, Failure> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((guest, PORT)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&[way])?;
    let mut part = vec![0; PART];
    let (began, mut bytes) = (Instant::now(), 0);
    while began.elapsed() < STREAM {
        bytes += if way == b'g' { stream.read(&mut part)? } else { stream.write(&part)? };
    }
    if way == b't' {
        // What is still on its way is not carried yet.
        stream.shutdown(Shutdown::Write)?;
        stream.read_exact(&mut part[..1])?;
    }
    Ok(gigabits(bytes, began.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn gigabits(bytes: usize, took: Duration) -> f64 {
    bytes as f64 * 8.0 / 1e9 / took.as_secs_f64()
}

const TAP: &str = "tap0";
/// Of the network for benchmarks (RFC 2544, appendix C.2.2).
const HOST: &str = "198.18.99.1";
const GUEST: &str = "198.18.99.2";

/// Namespace, bridge, tap and veth pair as the agent makes them, without its filters. Dropped, all go.
struct Wire {
    name: String,
}

impl Wire {
    fn lay() -> Result<Self, Failure> {
        // At most 15 characters, as a link's name.
        let name = format!("ubench{}", std::process::id());
        let wire = Self { name };
        let name = &wire.name;
        let lines = [
            format!("netns add {name}"),
            format!("link add name {name} type veth peer name host0 netns {name}"),
            format!("addr add {HOST}/24 dev {name}"),
            format!("link set dev {name} up"),
            format!("-n {name} link add name guests0 type bridge stp_state 0 mcast_snooping 0"),
            format!("-n {name} link set dev host0 master guests0"),
            format!("-n {name} link set dev host0 up"),
            format!("-n {name} link set dev guests0 up"),
            format!("-n {name} tuntap add dev {TAP} mode tap"),
            format!("-n {name} link set dev {TAP} master guests0"),
            format!("-n {name} link set dev {TAP} up"),
        ];
        for line in lines {
            ip(&line)?;
        }
        Ok(wire)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The pair and the tap go with the namespace, a moment later; the link's name should be free at once.
        for line in [format!("link del dev {}", self.name), format!("netns del {}", self.name)] {
            if let Err(error) = ip(&line) {
                eprintln!("umbel-benches: {error}");
            }
        }
    }
}

fn ip(line: &str) -> Result<(), Failure> {
    let output = Command::new("ip").args(line.split(' ')).output().map_err(|e| format!("running ip: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
