//! Putting an image in, sent over the API, beside `cp` and `sha256sum` of the same file; and how much memory panel and
//! agent take for it, whatever its size. An archive, unpacked in a guest, beside tar on the host.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use umbel_client::{ImageDraft, OperationState};

use crate::Failure;
use crate::figures::{Promise, Report, Samples};
use crate::machine::Process;
use crate::panel::Panel;

/// Of the file, all of it data.
const MIB: u64 = 1024;
const PATIENCE: Duration = Duration::from_secs(300);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) async fn measure(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    report.promised("image: Tiny made, all its sizes", tiny(panel)?, "ms", Promise::AtMost(2000.0));
    let file = panel.scratch().join("root_fs");
    make(&file)?;
    let (mut by_hand, mut put_in, mut sending, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut most = [0; 2];
    for version in 1..=pairs {
        let hand = beside(&file)?;
        let own = import(panel, &file, version, &mut most).await?;
        ratios.push(own.whole.as_secs_f64() / hand.as_secs_f64());
        by_hand.push(hand);
        put_in.push(own.whole);
        sending.push(own.sending);
    }
    let (by_hand, put_in, sending) = (Samples::ms(&by_hand), Samples::ms(&put_in), Samples::ms(&sending));
    report.add("image: 1 GiB, cp and sha256sum", by_hand.median(), "ms");
    report.add("image: 1 GiB, sent and put in", put_in.median(), "ms");
    report.add("image: of that, sending", sending.median(), "ms");
    report.promised(
        "image: sent and put in, of cp and sha256sum",
        Samples::new(ratios).median(),
        "x",
        Promise::AtMost(1.2),
    );
    for (name, kib) in ["panel", "agent"].iter().zip(most) {
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let mib = kib as f64 / 1024.0;
        report.promised(&format!("image: more memory of the {name}"), mib, "MiB", Promise::AtMost(64.0));
    }
    archive(panel, pairs, report).await
}

/// From the making of its directory to the last word in it, in milliseconds: the agent has made it as the panel began.
fn tiny(panel: &Panel) -> Result<f64, Failure> {
    let images = std::fs::read_dir(panel.data().join("images"))?.filter_map(Result::ok);
    let tiny = images.map(|entry| entry.path()).find(|path| path.file_name().is_some_and(is_tiny));
    let tiny = tiny.ok_or("there is no Tiny")?;
    let began = std::fs::metadata(&tiny)?.created()?;
    let took = std::fs::metadata(tiny.join("image.json"))?.modified()?.duration_since(began)?;
    Ok(took.as_secs_f64() * 1000.0)
}

fn is_tiny(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("tiny-"))
}

async fn archive(panel: &Panel, pairs: u32, report: &mut Report) -> Result<(), Failure> {
    let file = panel.scratch().join("root.tar");
    pack(&panel.scratch().join("tree"), &file)?;
    let (mut by_hand, mut put_in) = (Vec::new(), Vec::new());
    for version in 1..=pairs {
        by_hand.push(unpacked(&file)?);
        put_in.push(import(panel, &file, version, &mut [0; 2]).await?.whole);
    }
    let name = format!("archive: {} MiB in {FILES} files", std::fs::metadata(&file)?.len() >> 20);
    report.add(&format!("{name}, tar and sync by hand"), Samples::ms(&by_hand).median(), "ms");
    report.add(&format!("{name}, sent and made an image"), Samples::ms(&put_in).median(), "ms");
    Ok(())
}

/// About what a small distribution has.
const FILES: u64 = 8000;

fn pack(tree: &Path, file: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(tree.join("sbin"))?;
    std::fs::copy("/bin/busybox", tree.join("sbin/init"))?;
    for number in 0..FILES {
        let directory = tree.join((number / 100).to_string());
        std::fs::create_dir_all(&directory)?;
        let digest: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
        std::fs::write(directory.join(number.to_string()), digest.repeat(640))?;
    }
    let packed = Command::new("tar").arg("-cf").arg(file).arg("-C").arg(tree).arg(".").status()?;
    if packed.success() { Ok(()) } else { Err("tar failed".into()) }
}

fn unpacked(file: &Path) -> Result<Duration, Failure> {
    let into = file.with_extension("into");
    std::fs::create_dir(&into)?;
    let began = Instant::now();
    let done = Command::new("sh")
        .args(["-c", "tar -xf \"$1\" -C \"$2\" && sync -f \"$2\"", "sh"])
        .arg(file)
        .arg(&into)
        .status()?;
    let took = began.elapsed();
    std::fs::remove_dir_all(&into)?;
    if done.success() { Ok(took) } else { Err("tar failed".into()) }
}

/// A file system, and behind its own blocks what no copy can leave out.
fn make(file: &Path) -> Result<(), Failure> {
    let size = format!("{MIB}M");
    let made = Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4"]).arg(file).arg(size).status()?;
    if !made.success() {
        return Err("mke2fs failed".into());
    }
    let target = File::options().write(true).open(file)?;
    for at in 256..MIB {
        let digest: [u8; 32] = Sha256::digest(at.to_le_bytes()).into();
        target.write_all_at(&digest.repeat(1 << 15), at << 20)?;
    }
    Ok(target.sync_all()?)
}

/// By hand: a copy on the disk, and its sum.
fn beside(file: &Path) -> Result<Duration, Failure> {
    let copy = file.with_extension("copy");
    let began = Instant::now();
    let script = "cp --sparse=auto \"$1\" \"$2\" && sync \"$2\" && sha256sum \"$2\"";
    let done = Command::new("sh").args(["-c", script, "sh"]).arg(file).arg(&copy).output()?;
    let took = began.elapsed();
    std::fs::remove_file(&copy)?;
    if done.status.success() { Ok(took) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned().into()) }
}

struct Took {
    whole: Duration,
    /// Of that, until all of the file was with the panel.
    sending: Duration,
}

async fn import(panel: &Panel, file: &Path, version: u32, most: &mut [u64; 2]) -> Result<Took, Failure> {
    let processes = panel.own_processes()?;
    let of = |name: &str| processes.iter().find(|(is, _)| is == name).map(|(_, process)| process.clone());
    let watched: [Process; 2] = [of("panel").ok_or("no panel")?, of("agent").ok_or("no agent")?];
    let before = [watched[0].resident_kib(), watched[1].resident_kib()];
    let began = Instant::now();
    let sending = async {
        let upload = panel.client.upload_begin().await?;
        panel.client.upload_send(upload, "root_fs", file).await?;
        let sent = began.elapsed();
        let (upload, name, version) = (upload.to_string(), "bench".to_owned(), version.to_string());
        let draft = ImageDraft { upload, name, version, ..ImageDraft::default() };
        let operation = panel.client.image_import(&draft).await?.ok_or("no operation")?;
        let over = panel.client.operation_over(operation, PATIENCE).await?;
        if over.state == OperationState::Done { Ok(sent) } else { Err(format!("it ended {:?}", over.state).into()) }
    };
    let mut sending = std::pin::pin!(sending);
    let done: Result<Duration, Failure> = loop {
        tokio::select! {
            done = &mut sending => break done,
            () = sleep(LOOK) => for (place, process) in watched.iter().enumerate() {
                most[place] = most[place].max(process.resident_kib().saturating_sub(before[place]));
            },
        }
    };
    let took = Took { whole: began.elapsed(), sending: done? };
    panel.client.image_remove(&format!("bench-{version}").parse()?).await?;
    Ok(took)
}
