//! What becomes of a guest's disk elsewhere: backups of it, and images; and what a guest writes to its disk and to a volume,
//! beside the host.

use std::process::Command;
use std::time::{Duration, Instant};

use umbel_client::{Console, ImageDraft};
use umbel_guest::{GuestId, VolumeAccess};

use crate::Failure;
use crate::figures::{Report, Samples};
use crate::panel::Panel;

/// Of a guest's disk, that nothing makes smaller.
const MIB: u64 = 100;
/// So much is written at a time.
const WRITTEN: u32 = 200;
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) async fn measure(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let guest = panel.client.guest_create(&panel.draft("bench").await?).await?.guest;
    let mut console = panel.client.console_from(guest, 0).await?;
    console.until("# ", PATIENCE).await?;
    told(&mut console, &format!("dd if=/dev/urandom of=/root/fill bs=1M count={MIB} && sync")).await?;
    backups(panel, guest, pairs, report).await?;
    images(panel, guest, pairs, report).await?;
    written(panel, pairs, report).await
}

async fn backups(panel: &Panel, guest: GuestId, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let (mut first, mut again, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let (mut stored, mut more) = (0, 0);
    for _ in 0..pairs {
        let mut kept = Vec::new();
        for times in [&mut first, &mut again] {
            let begun = Instant::now();
            let taken = panel.client.backup_take(guest).await?;
            panel.over(Some(taken.operation), PATIENCE).await?;
            times.push(begun.elapsed());
            kept.push(taken.backup);
        }
        let rows = panel.client.backups_of(guest).await?.rows;
        let of = |id| rows.iter().find(|row| row.id == id).map(|row| row.stored_bytes).ok_or("a backup is gone");
        (stored, more) = (of(kept[0])?, of(kept[1])?);
        let begun = Instant::now();
        panel.over(panel.client.backup_restore(kept[0]).await?, PATIENCE).await?;
        back.push(begun.elapsed());
        for backup in kept {
            panel.client.backup_remove(backup).await?;
        }
    }
    let name = format!("backup: a guest with {MIB} MiB of its own");
    report.add(&name, Samples::ms(&first).median(), "ms");
    report.add("backup: the same once more", Samples::ms(&again).median(), "ms");
    report.add("backup: restored, running", Samples::ms(&back).median(), "ms");
    report.add("backup: kept of the first", mib(stored), "MiB");
    report.add("backup: kept of the second beside it", mib(more), "MiB");
    Ok(())
}

async fn images(panel: &Panel, guest: GuestId, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let taken = panel.client.snapshot_take(guest, "").await?;
    panel.over(Some(taken.operation), PATIENCE).await?;
    let (mut looks, mut times) = (Vec::new(), Vec::new());
    for number in 0..pairs {
        let begun = Instant::now();
        panel.client.snapshot_traces(guest, taken.snapshot).await?;
        looks.push(begun.elapsed());
        let draft = ImageDraft {
            guest: Some(guest),
            snapshot: Some(taken.snapshot),
            name: "bench".into(),
            version: number.to_string(),
            ..ImageDraft::default()
        };
        let begun = Instant::now();
        panel.over(panel.client.image_import(&draft).await?, PATIENCE).await?;
        times.push(begun.elapsed());
        panel.client.image_remove(&format!("bench-{number}").parse()?).await?;
    }
    report.add("image of a guest: what stays behind is looked for", Samples::ms(&looks).median(), "ms");
    report.add(&format!("image of a guest with {MIB} MiB of its own"), Samples::ms(&times).median(), "ms");
    Ok(())
}

/// To the end of a sync, by turns: a file on the guest's disk, a volume as it is, a file of the host's.
async fn written(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let guest = panel.client.guest_create(&panel.draft("writes").await?).await?.guest;
    let volume = panel.client.volume_create("bench", 256, None).await?;
    let mut console = panel.client.console_from(guest, 0).await?;
    console.until("# ", PATIENCE).await?;
    let begun = Instant::now();
    let device = panel.client.volume_attach(guest, volume.id, VolumeAccess::ReadWrite).await?.attached;
    let attached = begun.elapsed();
    let device = device.first().map(|at| at.device.clone()).ok_or("it is attached nowhere")?;
    let dd = |to: &str| format!("dd if=/dev/zero of={to} bs=1M count={WRITTEN} conv=fsync,notrunc");
    let (mut disk, mut beside, mut host) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        disk.push(told(&mut console, &dd("/root/fill")).await?);
        beside.push(told(&mut console, &dd(&device)).await?);
        let begun = Instant::now();
        let fill = panel.scratch().join("fill");
        let status = Command::new("dd").args(dd(&fill.display().to_string()).split(' ').skip(1)).output()?.status;
        if !status.success() {
            return Err("dd on the host failed".into());
        }
        host.push(begun.elapsed());
    }
    let per_s = |times: &[Duration]| {
        let rates = times.iter().map(|time| f64::from(WRITTEN) / time.as_secs_f64());
        Samples::new(rates.collect()).median()
    };
    report.add("volume: attached to a guest that runs", attached.as_secs_f64() * 1000.0, "ms");
    report.add("written: a file on a copy-on-write disk", per_s(&disk), "MiB/s");
    report.add("written: a volume", per_s(&beside), "MiB/s");
    report.add("written: a file on the host", per_s(&host), "MiB/s");
    Ok(())
}

/// How long it takes.
async fn told(console: &mut Console, line: &str) -> Result<Duration, Failure> {
    let begun = Instant::now();
    console.type_line(&format!("{line}; echo wri\"\"tten")).await?;
    console.until("written", PATIENCE).await?;
    Ok(begun.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is printed")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
