//! Create: the row is there before the first step, written with the operation in one transaction. The disk is the image's,
//! or a copy that is kept of another guest's.

use std::time::Instant;

use umbel_guest::Attachment;

use super::step::{Booted, Run, Step, StepError, once_settled};
use crate::networks::tell::{self, TellError};
use crate::store::guests::guest_delete;

pub const STEPS: &[Step] = &[
    Step { name: "Check image and kernel", act: |run| Box::pin(check(run)), undo: Some(|run| Box::pin(forget(run))) },
    Step { name: "Make the network", act: |run| Box::pin(network(run)), undo: Some(|run| Box::pin(network_undo(run))) },
    Step { name: "Make the disk", act: |run| Box::pin(disk(run)), undo: Some(|run| Box::pin(disk_undo(run))) },
    Step { name: "Ask for it to run", act: |run| Box::pin(run.ask_running()), undo: Some(|run| Box::pin(stop(run))) },
    // Nothing to take back: a guest that can't boot was made all the same, and is shown as crashed.
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];

/// Both were there when the form was checked; that may be a while ago.
async fn check(run: &Run) -> Result<(), StepError> {
    let spec = run.fetch().await?.spec;
    let params = run.params().await?;
    let is_copy = params.of.is_some() || params.backup.is_some();
    if !is_copy && !run.parts.link.host.images().await?.iter().any(|image| image.id == spec.image) {
        return Err(StepError::Failed(format!("there is no image {}", spec.image)));
    }
    if !run.parts.link.host.kernels().await?.iter().any(|kernel| kernel.id == spec.kernel) {
        return Err(StepError::Failed(format!("there is no kernel {}", spec.kernel)));
    }
    Ok(())
}

pub(super) async fn forget(run: &Run) -> Result<(), StepError> {
    // The transaction that wrote the guest may have written its network too, and what it is told lies with the agent.
    network_undo(run).await?;
    disk_undo(run).await?;
    let guest = run.guest()?;
    let mut tx = run.parts.db.begin().await?;
    guest_delete(&mut tx, guest).await?;
    tx.commit().await?;
    run.parts.guest_changed(guest);
    Ok(())
}

/// Where it is plugged in, if anywhere: the reconciler needs it at every start.
pub(super) async fn network(run: &Run) -> Result<(), StepError> {
    let guest = run.fetch().await?;
    tell::card(&run.parts, &guest).await?;
    Ok(())
}

/// A network that was made for this guest alone goes with it.
pub(super) async fn network_undo(run: &Run) -> Result<(), StepError> {
    let Some(guest) = run.find().await? else { return Ok(()) };
    if guest.spec.network != Attachment::None {
        tell::leave(&run.parts, guest.owner, guest.id).await?;
    }
    Ok(())
}

impl From<TellError> for StepError {
    fn from(error: TellError) -> Self {
        match error {
            TellError::Store(error) => error.into(),
            TellError::Host(error) => error.into(),
        }
    }
}

async fn disk(run: &Run) -> Result<(), StepError> {
    let guest = run.fetch().await?;
    if guest.disk_ready {
        // Killed before what it was made of was gone.
        return if run.params().await?.backup.is_some() { run.upload_discard().await } else { Ok(()) };
    }
    let (spec, host, params) = (guest.spec, &run.parts.link.host, run.params().await?);
    if let Some(backup) = params.backup {
        let upload = run.upload().await?;
        run.backup_read(backup).await?;
        host.disk_upload(guest.id, guest.generation, upload, spec.image, spec.disk, spec.disk_kind).await?;
        run.parts.guest_edit(guest.id, |guest| guest.disk_ready = true).await?;
        return run.upload_discard().await;
    }
    let began = Instant::now();
    match params.of.zip(params.snapshot) {
        Some((of, snapshot)) => host.disk_copy(guest.id, guest.generation, of, snapshot).await?,
        None => host.disk_create(guest.id, guest.generation, spec.image, spec.disk, spec.disk_kind).await?,
    }
    run.log(&format!("Its disk was made in {:.1} ms.", began.elapsed().as_secs_f64() * 1000.0)).await?;
    run.parts.guest_edit(guest.id, |guest| guest.disk_ready = true).await?;
    Ok(())
}

/// Also of a disk that was begun and not finished: the agent removes whatever there is.
pub(super) async fn disk_undo(run: &Run) -> Result<(), StepError> {
    if run.params().await?.backup.is_some() {
        run.upload_discard().await?;
    }
    let Some(guest) = run.find().await? else { return Ok(()) };
    once_settled(run.parts.link.host.purge(guest.id, guest.generation).await)?;
    run.parts.guest_edit(guest.id, |guest| guest.disk_ready = false).await?;
    Ok(())
}

pub(super) async fn stop(run: &Run) -> Result<(), StepError> {
    if run.find().await?.is_none() {
        return Ok(());
    }
    run.ask_stopped(Some(run.parts.clock.now())).await?;
    run.until_ended().await
}

pub(super) async fn boot(run: &Run) -> Result<(), StepError> {
    match run.until_booted().await? {
        Booted::Running => {}
        Booted::Ended(exit) => run.log(&format!("The guest is made, but it {}.", did(&exit))).await?,
        Booted::Unwanted => run.log("The guest is made; it is not wanted to run by now.").await?,
        Booted::Late => run.log("The guest is made; it has not answered yet and goes on booting.").await?,
    }
    Ok(())
}

/// An end as the rest of a sentence about the guest.
pub(super) fn did(exit: &umbel_guest::Exit) -> String {
    use umbel_guest::Exit;
    match exit {
        Exit::NotStarted { reason } => format!("could not start: {reason}"),
        Exit::ShimLost => "lost its shim".into(),
        Exit::HostRestarted => "ended with the host".into(),
        Exit::Killed => "was killed".into(),
        Exit::OutOfMemory => "ran out of memory".into(),
        other => other.to_string(),
    }
}
