//! Import an image: the one file that was uploaded, or is fetched, or is built of a recipe, becomes a file system that the
//! agent takes over; or what is on a guest's disk becomes one.

use std::time::Duration;

use tokio::time::timeout;
use umbel_app::shown::Topic;
use umbel_guest::ImageId;
use umbel_wire::agent::Refusal;

use super::step::{CANCELLED, ImageParams, PublishParams, Run, Step, StepError};
use crate::host::HostError;
use crate::images::build;
use crate::images::fetch::{check_sum, fetch};
use crate::store::images::{Image, image_delete, image_put};
use crate::uploads;

/// How often it is looked at while the agent makes it.
const LOOK: Duration = Duration::from_millis(500);
/// Between two lines about how far it is, in percent.
const LINES: u8 = 10;

pub const STEPS: &[Step] = &[
    Step { name: "Fetch or build it", act: |run| Box::pin(get(run)), undo: Some(|run| Box::pin(discard(run))) },
    Step { name: "Look at the file", act: |run| Box::pin(look(run)), undo: Some(|run| Box::pin(discard(run))) },
    Step { name: "Make it an image", act: |run| Box::pin(take(run)), undo: Some(|run| Box::pin(give_back(run))) },
    Step { name: "Write it down", act: |run| Box::pin(write(run)), undo: Some(|run| Box::pin(forget(run))) },
    // What was uploaded is not needed any more, whatever becomes of the image.
    Step { name: "Remove the upload", act: |run| Box::pin(discard(run)), undo: None },
];

async fn image(run: &Run) -> Result<ImageParams, StepError> {
    run.params().await?.image.ok_or_else(|| StepError::Failed("it names no image".into()))
}

/// Of what a guest has there is none. A build that is under way ends before its place goes.
async fn discard(run: &Run) -> Result<(), StepError> {
    let params = run.params().await?;
    if params.publish.is_some() {
        return Ok(());
    }
    if params.recipe.is_some() {
        build::end(run, run.upload().await?).await?;
    }
    run.upload_discard().await
}

/// One that was sent is there.
async fn get(run: &Run) -> Result<(), StepError> {
    let params = run.params().await?;
    match (params.fetch, params.recipe) {
        (Some(asked), _) => fetch(run, &run.upload_place().await?, &asked).await,
        (None, Some(recipe)) => build::build(run, &recipe).await,
        (None, None) => Ok(()),
    }
}

/// Also that nobody has the name: from here on it is this one's, and taking it back removes what has it.
async fn look(run: &Run) -> Result<(), StepError> {
    let id = image(run).await?.id;
    if run.parts.link.host.images().await?.iter().any(|image| image.id == id) {
        return Err(StepError::Failed(format!("there is an image {id} already")));
    }
    if run.params().await?.publish.is_some() {
        return Ok(());
    }
    let (place, sha256) = (run.upload_place().await?, run.params().await?.sha256);
    run.blocking(move || check_sum(&uploads::the_only_one(&place, "an image")?, sha256.as_deref())).await
}

/// While the agent works on it, which may take long: how far it is, and whether somebody has cancelled it.
async fn watched<T>(
    run: &Run,
    id: &ImageId,
    making: impl Future<Output = Result<T, HostError>>,
) -> Result<T, StepError> {
    let mut making = std::pin::pin!(making);
    let (mut told, host) = (0, &run.parts.link.host);
    loop {
        if let Ok(made) = timeout(LOOK, &mut making).await {
            return match made {
                Err(HostError::Refused(Refusal::ImageStopped { .. })) => Err(StepError::Later(CANCELLED.into())),
                made => Ok(made?),
            };
        }
        if !run.is_wanted().await? {
            // Said again until it is heard: it may not have begun yet.
            host.image_stop(id.clone()).await?;
        } else if let Some(percent) = host.image_making(id.clone()).await?
            && percent >= told + LINES
        {
            told = percent - percent % LINES;
            run.log(&format!("{told} % of it are read.")).await?;
        }
    }
}

async fn take(run: &Run) -> Result<(), StepError> {
    let ImageParams { id, said, .. } = image(run).await?;
    if let Some(PublishParams { of, logins }) = run.params().await?.publish {
        let publish = run.parts.link.host.image_publish(id.clone(), of, logins, said);
        for found in watched(run, &id, publish).await? {
            let (title, files) = (found.trace.title(), found.files);
            run.log(&format!("Not in it: {title}, {files} of {} KiB.", found.bytes.div_ceil(1024))).await?;
        }
        return Ok(());
    }
    let upload = run.upload().await?;
    watched(run, &id, run.parts.link.host.image_import(id.clone(), upload, said)).await
}

async fn give_back(run: &Run) -> Result<(), StepError> {
    Ok(run.parts.link.host.image_remove(image(run).await?.id).await?)
}

async fn write(run: &Run) -> Result<(), StepError> {
    let (ImageParams { id, visibility, .. }, note) = (image(run).await?, run.params().await?.note);
    image_put(&run.parts.db, run.parts.host, &Image { note, visibility, ..Image::new(id) }).await?;
    run.parts.events.publish(Topic::Host);
    Ok(())
}

async fn forget(run: &Run) -> Result<(), StepError> {
    image_delete(&run.parts.db, run.parts.host, &image(run).await?.id).await?;
    run.parts.events.publish(Topic::Host);
    Ok(())
}
