//! Adopt: as a creation, but its disk is a copy of a root image that somebody ran by hand. The image
//! itself is left where it is.

use super::guest_create::{boot, disk_undo, forget, network, network_undo, stop};
use super::step::{Run, Step, StepError};

pub const STEPS: &[Step] = &[
    Step { name: "Check image and kernel", act: |run| Box::pin(check(run)), undo: Some(|run| Box::pin(forget(run))) },
    Step { name: "Make the network", act: |run| Box::pin(network(run)), undo: Some(|run| Box::pin(network_undo(run))) },
    Step { name: "Copy its disk", act: |run| Box::pin(disk(run)), undo: Some(|run| Box::pin(disk_undo(run))) },
    Step { name: "Ask for it to run", act: |run| Box::pin(run.ask_running()), undo: Some(|run| Box::pin(stop(run))) },
    Step { name: "Boot", act: |run| Box::pin(boot(run)), undo: None },
];

async fn check(run: &Run) -> Result<(), StepError> {
    let (spec, host) = (run.fetch().await?.spec, &run.parts.link.host);
    if !host.kernels().await?.iter().any(|kernel| kernel.id == spec.kernel) {
        return Err(StepError::Failed(format!("there is no kernel {}", spec.kernel)));
    }
    let stray = run.params().await?.stray;
    let found = host.strays().await?.into_iter().find(|facts| Some(&facts.name) == stray.as_ref());
    match found {
        Some(facts) => facts.refused.map_or(Ok(()), |why| Err(StepError::Failed(why))),
        None => Err(StepError::Failed("the image is not there any more".into())),
    }
}

async fn disk(run: &Run) -> Result<(), StepError> {
    let guest = run.fetch().await?;
    if guest.disk_ready {
        return Ok(());
    }
    let stray = run.params().await?.stray.ok_or_else(|| StepError::Failed("it names no image".into()))?;
    run.parts.link.host.disk_adopt(guest.id, guest.generation, stray).await?;
    run.parts.guest_edit(guest.id, |guest| guest.disk_ready = true).await?;
    Ok(())
}
