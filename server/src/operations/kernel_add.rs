//! Add a kernel: what was uploaded is unpacked, the agent takes it over and asks it what it can do, and
//! it is in the catalogue. Its name was free when this began.

use umbel_app::shown::Topic;
use umbel_guest::KernelId;
use umbel_wire::agent::Refusal;

use super::step::{Run, Step, StepError};
use crate::host::HostError;
use crate::kernels::debian;
use crate::store::kernels::{Kernel, kernel_delete, kernel_put};

pub const STEPS: &[Step] = &[
    Step {
        name: "Look at the files",
        act: |run| Box::pin(unpack(run)),
        undo: Some(|run| Box::pin(run.upload_discard())),
    },
    Step { name: "Ask it what it can do", act: |run| Box::pin(take(run)), undo: Some(|run| Box::pin(give_back(run))) },
    Step { name: "Write it down", act: |run| Box::pin(write(run)), undo: Some(|run| Box::pin(forget(run))) },
    // What was uploaded is not needed any more, whatever becomes of the kernel.
    Step { name: "Remove the upload", act: |run| Box::pin(run.upload_discard()), undo: None },
];

async fn kernel(run: &Run) -> Result<KernelId, StepError> {
    run.params().await?.kernel.ok_or_else(|| StepError::Failed("it names no kernel".into()))
}

async fn unpack(run: &Run) -> Result<(), StepError> {
    let place = run.upload_place().await?;
    run.blocking(move || debian::unpack(&place).map_err(|error| crate::error::chain(&error))).await
}

async fn take(run: &Run) -> Result<(), StepError> {
    let upload = run.upload().await?;
    Ok(run.parts.link.host.kernel_add(kernel(run).await?, upload).await?)
}

async fn give_back(run: &Run) -> Result<(), StepError> {
    match run.parts.link.host.kernel_remove(kernel(run).await?).await {
        // It was never taken over.
        Err(HostError::Refused(Refusal::UnknownKernel { .. })) => Ok(()),
        other => Ok(other?),
    }
}

async fn write(run: &Run) -> Result<(), StepError> {
    let (id, note) = (kernel(run).await?, run.params().await?.note);
    kernel_put(&run.parts.db, run.parts.host, &Kernel { id, note, retired: false }).await?;
    run.parts.events.publish(Topic::Host);
    Ok(())
}

async fn forget(run: &Run) -> Result<(), StepError> {
    kernel_delete(&run.parts.db, run.parts.host, &kernel(run).await?).await?;
    run.parts.events.publish(Topic::Host);
    Ok(())
}
