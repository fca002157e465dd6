//! A panel with many guests that do nothing, and one tab that looks on.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Failure;
use crate::boot::PATIENCE;
use crate::figures::{Promise, Report, Samples};
use crate::machine::Process;
use crate::panel::Panel;

/// Until what a start leaves behind has settled.
const SETTLING: Duration = Duration::from_secs(10);

pub(crate) async fn measure(panel: &Panel, guests: u32, seconds: u64, report: &mut Report) -> Result<(), Failure> {
    let began = Instant::now();
    let mut made = Vec::new();
    for i in 0..guests {
        made.push(panel.client.guest_create(&panel.draft(&format!("idle-{i}")).await?).await?);
    }
    for each in &made {
        panel.client.operation_over(each.operation, PATIENCE * 5).await?;
        panel.until_running(each.guest).await?;
    }
    report.add(&format!("idle: {guests} guests made and running"), began.elapsed().as_secs_f64(), "s");

    let _tab = panel.client.socket("/events").await?;
    sleep(SETTLING).await;
    let own = panel.own_processes()?;
    let before = ticks(&own)?;
    let since = Instant::now();
    sleep(Duration::from_secs(seconds)).await;
    let share = percent(ticks(&own)? - before, since.elapsed())?;
    report.promised("idle: panel and agent, share of a core", share, "%", Promise::AtMost(1.0));
    for (name, process) in &own {
        report.add(&format!("idle: {name}, resident"), mib(process.resident_kib()), "MiB");
    }
    let resident = own.iter().map(|(_, process)| process.resident_kib()).sum();
    report.promised("idle: panel and agent, resident", mib(resident), "MiB", Promise::AtMost(100.0));

    let shims: Vec<Process> = panel.kernels()?.into_iter().map(|(_, shim)| shim).collect();
    if shims.len() != made.len() {
        return Err(format!("{} shims for {} guests", shims.len(), made.len()).into());
    }
    let of = |size: fn(&Process) -> u64| Samples::new(shims.iter().map(|shim| mib(size(shim))).collect());
    report.promised(
        "idle: largest shim, resident",
        of(Process::resident_kib).quantile(1.0),
        "MiB",
        Promise::AtMost(4.0),
    );
    report.add("idle: a shim, proportional, median", of(Process::proportional_kib).median(), "MiB");
    for each in made {
        panel.purge(each.guest).await?;
    }
    Ok(())
}

fn ticks(processes: &[(String, Process)]) -> Result<u64, Failure> {
    processes.iter().map(|(_, process)| process.ticks()).sum()
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a minute")]
fn percent(ticks: u64, took: Duration) -> Result<f64, Failure> {
    let a_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.ok_or("no clock ticks")?;
    Ok(ticks as f64 / a_second as f64 / took.as_secs_f64() * 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "sizes of processes")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
