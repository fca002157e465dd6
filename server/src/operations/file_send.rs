//! Send a file into a guest: what was uploaded becomes a disk of the guest's until the guest has taken it.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use umbel_guest::{ParcelSeen, parcel};
use umbel_wire::agent::{ParcelDeed, ParcelFacts, ParcelOrder, Refusal};

use super::step::{ParcelParams, Run, Step, StepError, once_settled};
use crate::host::HostError;
use crate::store::operations::operation_is_under_way;

/// How often it is looked at how far the guest is.
const LOOK: Duration = Duration::from_millis(300);
/// How long it is waited for a guest, in µs: as long as it may take somebody to do it by hand.
const PATIENCE: i64 = 30 * 60 * 1_000_000;
/// After so long without a word nobody in the guest does it by itself.
const BY_HAND: i64 = 5 * 1_000_000;
/// Between two lines about how much there is.
const LINES: u64 = 16 << 20;

pub const STEPS: &[Step] = &[
    Step { name: "Make a disk of it", act: |run| Box::pin(send(run)), undo: Some(|run| Box::pin(take_back(run))) },
    Step { name: "The guest takes it", act: |run| Box::pin(taken(run)), undo: Some(|run| Box::pin(end(run))) },
    Step { name: "Take the disk away", act: |run| Box::pin(take_back(run)), undo: None },
];

pub(super) async fn parcel(run: &Run) -> Result<ParcelParams, StepError> {
    run.params().await?.parcel.ok_or_else(|| StepError::Failed("it names no file".into()))
}

/// Asks the agent, with the guest's newest generation.
pub(super) async fn ask(run: &Run, deed: ParcelDeed) -> Result<Option<ParcelFacts>, StepError> {
    let (guest, parcel) = (run.fetch().await?, parcel(run).await?.id);
    let order = ParcelOrder { guest: guest.id, generation: guest.generation, parcel, deed };
    match run.parts.link.host.parcel(order).await {
        Err(HostError::Refused(Refusal::ParcelOpen)) => {
            Err(StepError::Later("Waiting until the guest has closed the disk.".into()))
        }
        Err(HostError::Refused(Refusal::IsPaused)) => Err(StepError::Later("Waiting until the guest goes on.".into())),
        answer => once_settled(answer),
    }
}

/// Gives the guest its disk. One that is there and that no operation knows of is of a panel that was restored: it goes.
pub(super) async fn give(run: &Run, deed: ParcelDeed) -> Result<(), StepError> {
    run.wanted().await?;
    let guest = run.fetch().await?;
    let order = ParcelOrder { guest: guest.id, generation: guest.generation, parcel: parcel(run).await?.id, deed };
    match run.parts.link.host.parcel(order.clone()).await {
        Err(HostError::Refused(Refusal::ParcelUnderWay { parcel })) => {
            run.parts.link.host.parcel(ParcelOrder { parcel, deed: ParcelDeed::End {}, ..order.clone() }).await?;
            once_settled(run.parts.link.host.parcel(order).await).map(drop)
        }
        Err(HostError::Refused(Refusal::IsPaused)) => Err(StepError::Later("Waiting until the guest goes on.".into())),
        answer => once_settled(answer).map(drop),
    }
}

/// Until the guest has said what came of it.
pub(super) async fn until_said(run: &Run, by_hand: &str) -> Result<(), StepError> {
    let begun = run.parts.clock.now();
    let (mut hinted, mut at_it, mut told) = (false, false, 0);
    loop {
        run.wanted().await?;
        if !operation_is_under_way(&run.parts.db, run.operation.id).await? {
            return Err(StepError::Superseded);
        }
        let gone = || StepError::Failed("the guest has ended, and the disk went with it".into());
        let ParcelFacts { seen, written_bytes } = ask(run, ParcelDeed::See {}).await?.ok_or_else(gone)?;
        match seen {
            ParcelSeen::Done { .. } => return Ok(()),
            ParcelSeen::Failed { why, .. } => return Err(StepError::Failed(format!("the guest says: {why}"))),
            ParcelSeen::Begun if !at_it => {
                run.log("The guest is at it.").await?;
                at_it = true;
            }
            ParcelSeen::Waits if !hinted && run.parts.clock.now() > begun + BY_HAND => {
                run.log(by_hand).await?;
                hinted = true;
            }
            ParcelSeen::Begun | ParcelSeen::Waits => {}
        }
        if let Some(bytes) = written_bytes.filter(|bytes| *bytes >= told + LINES) {
            told = bytes;
            run.log(&format!("{} MiB are written.", bytes >> 20)).await?;
        }
        if run.parts.clock.now() > run.operation.created_at + PATIENCE {
            return Err(StepError::Failed("nothing in the guest has done it for half an hour".into()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes the disk away, if there is a guest that may have it.
pub(super) async fn end(run: &Run) -> Result<(), StepError> {
    if run.find().await?.is_none() {
        return Ok(());
    }
    match ask(run, ParcelDeed::End {}).await {
        Ok(_) => {
            run.parts.guest_changed(run.guest()?);
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn send(run: &Run) -> Result<(), StepError> {
    let params = run.params().await?;
    let name = parcel(run).await?.name.ok_or_else(|| StepError::Failed("it has no name".into()))?;
    let (upload, place) = (run.upload().await?, run.upload_place().await?);
    let bytes = run.blocking(move || the_only_one(&place)).await?;
    if params.parcel.is_some() {
        run.log(&format!("{} KiB are on their way.", bytes.div_ceil(1024))).await?;
    }
    give(run, ParcelDeed::Send { upload, name }).await
}

/// Puts it where the agent looks for it; how long it is.
fn the_only_one(place: &Path) -> Result<u64, String> {
    let disk = place.join("disk");
    let move_there = || -> io::Result<u64> {
        if !disk.exists() {
            let entries = fs::read_dir(place.join("files"))?.collect::<io::Result<Vec<_>>>()?;
            // But for those that have not come to their end.
            let whole = entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
            let [file] = &whole.collect::<Vec<_>>()[..] else {
                return Err(io::Error::other("one file was to be put into it"));
            };
            fs::rename(file.path(), &disk)?;
        }
        Ok(fs::metadata(&disk)?.len())
    };
    move_there().map_err(|error| format!("reading the upload: {error}"))
}

async fn taken(run: &Run) -> Result<(), StepError> {
    let (device, place) = (parcel::DEVICE, parcel::PLACE);
    let by_hand = format!(
        "Nothing in the guest has taken it yet. As root there: mkdir -p {place} && tar xf {device} -C {place} && echo \
         umbel-files: done >/proc/mconsole"
    );
    until_said(run, &by_hand).await
}

async fn take_back(run: &Run) -> Result<(), StepError> {
    end(run).await?;
    run.upload_discard().await
}
