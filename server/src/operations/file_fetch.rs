//! Fetch a file out of a guest: the guest writes an archive onto an empty disk, and the panel finds out where that ends.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use umbel_guest::{GuestPath, ParcelSize, parcel};
use umbel_wire::agent::ParcelDeed;
use umbel_wire::tar::{self, Contents};

use super::file_send::{ask, end, give, parcel, until_said};
use super::step::{Run, Step, StepError};
use crate::error::chain;
use crate::uploads;

/// Beside the disk: what of it is the file.
pub const FETCHED: &str = "fetched";

pub const STEPS: &[Step] = &[
    Step { name: "Give it an empty disk", act: |run| Box::pin(begin(run)), undo: Some(|run| Box::pin(end(run))) },
    Step { name: "The guest writes it", act: |run| Box::pin(written(run)), undo: Some(|run| Box::pin(end(run))) },
    Step {
        name: "Look at what it wrote",
        act: |run| Box::pin(take(run)),
        undo: Some(|run| Box::pin(run.upload_discard())),
    },
    Step { name: "Take the disk away", act: |run| Box::pin(end(run)), undo: None },
];

/// What of the disk is the file, and what that is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    pub name: String,
    pub at: u64,
    pub bytes: u64,
}

async fn wanted(run: &Run) -> Result<(GuestPath, ParcelSize), StepError> {
    parcel(run).await?.wanted.ok_or_else(|| StepError::Failed("it wants nothing".into()))
}

async fn begin(run: &Run) -> Result<(), StepError> {
    let (path, most) = wanted(run).await?;
    give(run, ParcelDeed::Fetch { path, most }).await
}

async fn written(run: &Run) -> Result<(), StepError> {
    let device = parcel::DEVICE;
    let by_hand = format!(
        "Nothing in the guest has begun yet. As root there: tar cf {device} FILE && echo umbel-files: done >/proc/mconsole"
    );
    until_said(run, &by_hand).await
}

async fn take(run: &Run) -> Result<(), StepError> {
    let (place, upload, (path, most)) = (run.upload_place().await?, run.upload().await?, wanted(run).await?);
    let made = place.clone();
    run.blocking(move || uploads::private(&made).map_err(|error| format!("making a place for it: {error}"))).await?;
    if !place.join(FETCHED).exists() {
        ask(run, ParcelDeed::Lend { upload }).await?;
    }
    let bytes = run.blocking(move || look(&place, &path, most)).await?;
    run.log(&format!("{} KiB are here.", bytes.div_ceil(1024))).await
}

/// Only where it ends is read of what a guest wrote; it is called what was asked for.
fn look(place: &Path, path: &GuestPath, most: ParcelSize) -> Result<u64, String> {
    let disk = fs::File::open(place.join("disk")).map_err(|error| format!("opening what the guest wrote: {error}"))?;
    let length = disk.metadata().map_err(|error| format!("reading what the guest wrote: {error}"))?.len();
    let contents = tar::contents(length, |at, header| disk.read_exact_at(header, at));
    let contents = contents.map_err(|error| format!("the guest wrote no archive: {}", chain(&error)))?;
    let fetched = match contents {
        Contents::File { at, bytes } => Fetched { name: path.name().to_owned(), at, bytes },
        Contents::Archive { bytes } => Fetched { name: format!("{}.tar", path.name()), at: 0, bytes },
    };
    if fetched.bytes > most.bytes() + (1 << 20) {
        return Err(format!("it is larger than {} MiB", most.mib()));
    }
    let text = serde_json::to_string(&fetched).expect("plain data is JSON");
    let coming = place.join("fetched.new");
    let written = fs::write(&coming, text).and_then(|()| fs::rename(&coming, place.join(FETCHED)));
    written.map_err(|error| format!("writing down what the guest wrote: {error}"))?;
    Ok(fetched.bytes)
}
