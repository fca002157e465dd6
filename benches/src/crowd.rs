//! As many guests as a machine holds, all walls around them: until they run, what each takes, and what
//! keeps the machine busy while they do nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;
use umbel_guest::GuestDraft;

use crate::Failure;
use crate::figures::{Promise, Report, Samples};
use crate::machine::{self, Process};
use crate::panel::Panel;

const MEMORY_MIB: u32 = 64;
/// Requests on their way at once.
const AT_ONCE: usize = 16;
/// No guest more ran for so long: then no more will.
const STUCK: Duration = Duration::from_secs(120);
/// Until what a start leaves behind has settled.
const SETTLING: Duration = Duration::from_secs(20);

/// What the panel must be told so that it promises so much, where it wouldn't by itself.
pub(crate) fn memory_percent(guests: u32) -> Option<u32> {
    let total_mib = machine::total_kib() / 1024;
    let wanted_mib = u64::from(guests) * u64::from(MEMORY_MIB);
    let percent = u32::try_from(wanted_mib * 100 / total_mib.max(1) + 1).unwrap_or(u32::MAX);
    (percent > 100).then_some(percent)
}

pub(crate) async fn measure(panel: &Panel, guests: u32, seconds: u64, report: &mut Report) -> Result<(), Failure> {
    let free_before = machine::available_kib();
    let began = Instant::now();
    let draft = GuestDraft { memory_mib: MEMORY_MIB, ..panel.draft("crowd").await? };
    let mut tasks: JoinSet<Result<(), umbel_client::Error>> = JoinSet::new();
    for i in 0..guests {
        if tasks.len() >= AT_ONCE
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        let (client, mut draft) = (panel.client.clone(), draft.clone());
        draft.name = format!("crowd-{i}");
        tasks.spawn(async move { client.guest_create(&draft).await.map(drop) });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    report.add(&format!("crowd: {guests} guests asked for"), began.elapsed().as_secs_f64(), "s");
    let running = until_running(panel, guests, began).await?;
    report.add(&format!("crowd: {running} of {guests} guests running, after"), began.elapsed().as_secs_f64(), "s");

    sleep(SETTLING).await;
    memory(panel, running, free_before, report)?;
    rest(panel, seconds, report).await
}

/// How many came to run: all, or those that did before nothing more happened.
async fn until_running(panel: &Panel, guests: u32, began: Instant) -> Result<u32, Failure> {
    let (mut most, mut since) = (0, Instant::now());
    loop {
        let list = panel.client.guest_list().await?;
        let running = u32::try_from(list.iter().filter(|guest| guest.is_running()).count())?;
        if running > most {
            (most, since) = (running, Instant::now());
            eprintln!("umbel-benches: {running} of {guests} run after {:.1?}", began.elapsed());
        }
        if running >= guests {
            return Ok(running);
        }
        if since.elapsed() > STUCK {
            let mut why: BTreeMap<String, u32> = BTreeMap::new();
            for guest in list.iter().filter(|guest| !guest.is_running()) {
                let waits = guest.waiting.clone().unwrap_or_default();
                *why.entry(format!("{:?} {waits}", guest.seen)).or_default() += 1;
            }
            let mut why: Vec<_> = why.into_iter().collect();
            why.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            eprintln!("umbel-benches: the others: {:?}", &why[..why.len().min(5)]);
            return Ok(running);
        }
        // A list of a thousand is work for the panel too.
        sleep(Duration::from_secs(2)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes")]
fn memory(panel: &Panel, running: u32, free_before: u64, report: &mut Report) -> Result<(), Failure> {
    let mib = |kib: u64| kib as f64 / 1024.0;
    let each = mib(free_before.saturating_sub(machine::available_kib())) / f64::from(running.max(1));
    report.promised("crowd: memory of the host per guest, all told", each, "MiB", Promise::AtMost(15.0));
    let kernels = panel.kernels()?;
    let held: Vec<f64> = kernels.iter().filter_map(|(_, shim)| Some(mib(shim.cgroup_bytes()? / 1024))).collect();
    report.add("crowd: a guest's cgroup, median", Samples::new(held).median(), "MiB");
    let of = |size: fn(&Process) -> u64| Samples::new(kernels.iter().map(|(_, shim)| mib(size(shim))).collect());
    report.add("crowd: a shim, proportional, median", of(Process::proportional_kib).median(), "MiB");
    report.add("crowd: a shim, resident, median", of(Process::resident_kib).median(), "MiB");
    let kernel = kernels.iter().map(|(kernel, _)| mib(kernel.proportional_kib())).collect();
    report.add("crowd: a kernel's own process, proportional, median", Samples::new(kernel).median(), "MiB");
    let processes = Process::all()?.len() as f64 / f64::from(running.max(1));
    report.add("crowd: processes of the machine per guest", processes, "");
    for (name, process) in panel.own_processes()? {
        report.add(&format!("crowd: {name}, resident"), mib(process.resident_kib()), "MiB");
        report.add(&format!("crowd: {name}, open files"), process.open_files() as f64, "");
    }
    Ok(())
}

/// Nobody looks on, as at night.
#[expect(clippy::cast_precision_loss, reason = "ticks of a minute")]
async fn rest(panel: &Panel, seconds: u64, report: &mut Report) -> Result<(), Failure> {
    let own = panel.own_processes()?;
    let kernels = panel.kernels()?;
    let sum = |all: &mut dyn Iterator<Item = &Process>| all.map(Process::processor).sum::<Duration>();
    let look = || (sum(&mut kernels.iter().map(|(kernel, _)| kernel)), sum(&mut kernels.iter().map(|(_, shim)| shim)));
    let (began, machine_before, (kernel, shim)) = (Instant::now(), machine::busy_and_all()?, look());
    let before: Vec<Duration> = own.iter().map(|(_, process)| process.processor()).collect();
    sleep(Duration::from_secs(seconds)).await;
    let after: Vec<Duration> = own.iter().map(|(_, process)| process.processor()).collect();
    let (took, machine_after, (kernel_after, shim_after)) = (began.elapsed(), machine::busy_and_all()?, look());
    let percent = |time: Duration| time.as_secs_f64() / took.as_secs_f64() * 100.0;
    let mut all = Duration::ZERO;
    for ((name, _), (before, after)) in own.iter().zip(before.iter().zip(&after)) {
        all += *after - *before;
        report.add(&format!("crowd: {name} at rest, share of a core"), percent(*after - *before), "%");
    }
    report.promised("crowd: panel and agent at rest, share of a core", percent(all), "%", Promise::AtMost(2.0));
    report.add("crowd: all kernels at rest, share of a core", percent(kernel_after.saturating_sub(kernel)), "%");
    report.add("crowd: all shims at rest, share of a core", percent(shim_after.saturating_sub(shim)), "%");
    let (busy, there) = (machine_after.0 - machine_before.0, machine_after.1 - machine_before.1);
    report.add("crowd: the machine at rest, whoever else is on it", busy as f64 / there.max(1) as f64 * 100.0, "%");
    Ok(())
}
