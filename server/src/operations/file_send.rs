//! Send a file into a guest: what was uploaded becomes a disk of the guest's until the guest has taken it.

use std::fs;
use std::time::Duration;

use umbel_guest::{ParcelSeen, parcel};
use umbel_wire::agent::{ParcelDeed, ParcelFacts, ParcelOrder, Refusal};

use super::step::{ParcelParams, Run, Step, StepError, once_settled};
use crate::host::HostError;
use crate::store::operations::operation_is_under_way;
use crate::uploads;

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

/// With the guest's newest generation.
async fn order(run: &Run, deed: ParcelDeed) -> Result<ParcelOrder, StepError> {
    let (guest, parcel) = (run.fetch().await?, parcel(run).await?.id);
    Ok(ParcelOrder { guest: guest.id, generation: guest.generation, parcel, deed })
}

/// Asks the agent.
pub(super) async fn ask(run: &Run, deed: ParcelDeed) -> Result<Option<ParcelFacts>, StepError> {
    heard(run.parts.link.host.parcel(order(run, deed).await?).await)
}

fn heard(answer: Result<Option<ParcelFacts>, HostError>) -> Result<Option<ParcelFacts>, StepError> {
    match answer {
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
    let (host, order) = (&run.parts.link.host, order(run, deed).await?);
    let mut answer = host.parcel(order.clone()).await;
    if let Err(HostError::Refused(Refusal::ParcelUnderWay { parcel })) = answer {
        host.parcel(ParcelOrder { parcel, deed: ParcelDeed::End {}, ..order.clone() }).await?;
        answer = host.parcel(order).await;
    }
    heard(answer).map(drop)
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
    ask(run, ParcelDeed::End {}).await?;
    run.parts.guest_changed(run.guest()?);
    Ok(())
}

async fn send(run: &Run) -> Result<(), StepError> {
    let name = parcel(run).await?.name.ok_or_else(|| StepError::Failed("it has no name".into()))?;
    let (upload, place) = (run.upload().await?, run.upload_place().await?);
    let length = move || {
        let disk = uploads::the_only_one(&place, "what is sent")?;
        Ok(fs::metadata(disk).map_err(|error| format!("reading the upload: {error}"))?.len())
    };
    let bytes = run.blocking(length).await?;
    run.log(&format!("{} KiB are on their way.", bytes.div_ceil(1024))).await?;
    give(run, ParcelDeed::Send { upload, name }).await
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
