//! New disks of an image of 2 GiB, as large as disks get: how long one takes and how much it writes once its base is there;
//! and what of a base many guests have in the host's memory together.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use umbel_client::{ImageDraft, Operation, OperationState};
use umbel_guest::GuestDraft;

use crate::Failure;
use crate::figures::{Promise, Report, Samples};
use crate::panel::Panel;

const IMAGE: &str = "large-1";
const DISK_MIB: u32 = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) async fn measure(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    put_in(panel).await?;
    // The first one waits for a base of its size.
    made(panel, "first").await?;
    let (mut times, mut written) = (Vec::new(), Vec::new());
    for number in 1..=pairs {
        let (ms, bytes) = made(panel, &format!("disk-{number}")).await?;
        times.push(ms);
        #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
        written.push(bytes as f64 / 1024.0);
    }
    let name = "disk: 16 GiB of an image of 2 GiB";
    report.promised(
        &format!("{name}, asked until it is there"),
        Samples::new(times).median(),
        "ms",
        Promise::AtMost(20.0),
    );
    let written = Samples::new(written).median();
    report.promised(&format!("{name}, takes of the host's disk"), written, "KiB", Promise::AtMost(1024.0));
    Ok(())
}

/// All of it is a file system, a quarter of it data.
async fn put_in(panel: &Panel) -> Result<(), Failure> {
    let (tree, file) = (panel.scratch().join("large"), panel.scratch().join("root_fs"));
    std::fs::create_dir_all(&tree)?;
    let into = format!("of={}", tree.join("data").display());
    let fill = Command::new("dd").args(["if=/dev/urandom", "bs=1M", "count=512", "status=none", &into]).status()?;
    if !fill.success() {
        return Err("dd failed".into());
    }
    let mke2fs =
        Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4", "-d"]).arg(&tree).arg(&file).arg("2G").status()?;
    if !mke2fs.success() {
        return Err("mke2fs failed".into());
    }
    let upload = panel.client.upload_begin().await?;
    panel.client.upload_send(upload, "root_fs", &file).await?;
    let (name, version) = IMAGE.split_once('-').ok_or("no version")?;
    let (upload, name, version) = (upload.to_string(), name.to_owned(), version.to_owned());
    let draft = ImageDraft { upload, name, version, ..ImageDraft::default() };
    panel.over(panel.client.image_import(&draft).await?, PATIENCE).await?;
    Ok(())
}

/// Milliseconds for its disk, and bytes that that takes. There is nothing in it to boot, which ends the guest at once.
async fn made(panel: &Panel, name: &str) -> Result<(f64, u64), Failure> {
    let draft = GuestDraft { image: IMAGE.into(), disk_mib: DISK_MIB, ..panel.draft(name).await? };
    let made = panel.client.guest_create(&draft).await?;
    let over = panel.client.operation_over(made.operation, PATIENCE).await?;
    if over.state != OperationState::Done {
        return Err(format!("it ended {:?}", over.state).into());
    }
    let took = took(&over).ok_or("it says nothing of its disk")?;
    let bytes = panel.client.snapshots(made.guest).await?.disk_bytes.ok_or("it has no disk")?;
    panel.purge(made.guest).await?;
    Ok((took, bytes))
}

/// As the operation's log says it.
fn took(operation: &Operation) -> Option<f64> {
    let said = operation.log.iter().find_map(|line| line.text.strip_prefix("Its disk was made in "))?;
    said.split(' ').next()?.parse().ok()
}

/// Of files in a directory and below, in MiB: how much of them is in the host's memory, each once.
pub(crate) fn cached_mib(of: &Path, is: impl Fn(&str) -> bool) -> Result<f64, Failure> {
    let mut files = Vec::new();
    below(of, &mut files)?;
    files.retain(|file| file.file_name().is_some_and(|name| is(&name.to_string_lossy())));
    if files.is_empty() {
        return Err(format!("no such files in {}", of.display()).into());
    }
    let said =
        Command::new("fincore").args(["--bytes", "--noheadings", "--raw", "--output", "RES"]).args(&files).output()?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned().into());
    }
    let bytes: u64 =
        String::from_utf8(said.stdout)?.lines().map(|line| line.trim().parse::<u64>().unwrap_or_default()).sum();
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    Ok(bytes as f64 / f64::from(1 << 20))
}

fn below(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { below(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
