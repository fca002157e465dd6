//! An image that the panel builds of a recipe: the agent has the jail, the panel fetches packages for it and keeps what is
//! said.

use umbel_guest::{FieldErrors, UploadId};
use umbel_recipe::Recipe;
use umbel_wire::agent::{BuildState, Refusal};

use super::mirrors::{self, Mirrors};
use crate::host::HostError;
use crate::http::address::Network;
use crate::operations::{Run, StepError};
use crate::store::operations::operation_log;

/// How long the agent waits before it says that nothing was said.
const WAIT_MS: u32 = 1000;
/// Of a log, in bytes: lists of operations have it with them. Of what comes after, only the end is kept.
const LOG_MOST: usize = 64 << 10;
const END_LINES: usize = 40;

/// What a draft's recipe says, with all that is wrong called by its keys.
pub(super) fn checked(text: &str, permitted: &[Network]) -> Result<Recipe, FieldErrors> {
    let recipe = Recipe::parse(text).map_err(|wrong| {
        let said = wrong.0.iter().map(|error| match error.field.as_str() {
            "recipe" => error.message.clone(),
            key => format!("{key}: {}", error.message),
        });
        FieldErrors::one("recipe", said.collect::<Vec<_>>().join("; "))
    })?;
    match mirrors::read(&recipe, permitted) {
        Ok(_) => Ok(recipe),
        Err(why) => Err(FieldErrors::one("recipe", format!("mirror: {why}"))),
    }
}

/// Puts what is built among the upload's files. Repeating it does no harm.
pub async fn build(run: &Run, text: &str) -> Result<(), StepError> {
    let upload = run.upload().await?;
    if run.upload_place().await?.join("disk").exists() {
        return Ok(());
    }
    let permitted = &run.parts.fetch_networks;
    let recipe = Recipe::parse(text).map_err(|wrong| StepError::Failed(wrong.to_string()))?;
    let host = &run.parts.link.host;
    let listener = match host.recipe_build(upload, text.to_owned()).await {
        Err(HostError::Refused(Refusal::BuildUnderWay)) => {
            return Err(StepError::Later("Another recipe is being built; this one waits.".into()));
        }
        begun => begun?,
    };
    let built = match Mirrors::serve(listener, &recipe, permitted) {
        Ok(mirrors) => follow(run, upload, &mirrors).await,
        Err(why) => Err(StepError::Failed(why)),
    };
    // Also where nobody wants it any more.
    end(run, upload).await?;
    built
}

/// Nothing of it is left on the host, whatever became of it.
pub async fn end(run: &Run, upload: UploadId) -> Result<(), StepError> {
    Ok(run.parts.link.host.recipe_end(upload).await?)
}

async fn follow(run: &Run, upload: UploadId, mirrors: &Mirrors) -> Result<(), StepError> {
    let mut log = Log::default();
    let mut from = 0;
    loop {
        run.wanted().await?;
        let seen = run.parts.link.host.recipe_seen(upload, from, WAIT_MS).await.map_err(|error| match error {
            // It has begun anew since, and nothing of the build is there.
            HostError::Refused(Refusal::UnknownUpload { .. }) => {
                StepError::Failed("the agent was started anew while it was built".into())
            }
            other => other.into(),
        })?;
        from = seen.from + seen.log.len() as u64;
        let said = mirrors.lines();
        let said = said.iter().map(String::as_str).chain(seen.log.lines().filter(|line| !line.trim().is_empty()));
        let lines = log.take(said);
        let is_over = seen.state != (BuildState::Running {});
        let rest = if is_over { log.rest() } else { Vec::new() };
        keep(run, &[lines, rest].concat()).await?;
        match seen.state {
            BuildState::Running {} => {}
            BuildState::Done {} => return Ok(()),
            BuildState::Failed { reason } => return Err(StepError::Failed(reason)),
        }
    }
}

async fn keep(run: &Run, lines: &[String]) -> Result<(), StepError> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut tx = run.parts.db.begin().await?;
    for line in lines {
        operation_log(&mut tx, run.operation.id, run.parts.clock.now(), line).await?;
    }
    tx.commit().await?;
    run.parts.events.operation(run.operation.id);
    Ok(())
}

/// How much of it was kept, and the end of what was not.
#[derive(Debug, Default)]
struct Log {
    bytes: usize,
    end: Vec<String>,
    left: usize,
}

impl Log {
    fn take<'a>(&mut self, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut kept = Vec::new();
        for line in lines {
            self.bytes += line.len() + 1;
            if self.bytes <= LOG_MOST {
                kept.push(line.to_owned());
                continue;
            }
            self.end.push(line.to_owned());
            if self.end.len() > END_LINES {
                self.end.remove(0);
                self.left += 1;
            }
        }
        kept
    }

    fn rest(&mut self) -> Vec<String> {
        let left = (self.left > 0).then(|| format!("… {} lines are left out …", self.left));
        left.into_iter().chain(std::mem::take(&mut self.end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_beginning_and_the_end_are_kept() {
        let mut log = Log::default();
        let lines: Vec<String> = (0..10_000).map(|number| format!("{number:0>99}")).collect();
        let kept = log.take(lines.iter().map(String::as_str));
        let rest = log.rest();
        assert_eq!((kept.len(), rest.len()), (LOG_MOST / 100, END_LINES + 1));
        assert_eq!(rest[0], format!("… {} lines are left out …", 10_000 - LOG_MOST / 100 - END_LINES));
        assert_eq!(rest.last(), lines.last());
        assert!(log.take(["short"].into_iter()).is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_recipe_is_one_field_s_with_all_keys() {
        let wrong = checked("name='d'\nversion='1'\nsuite='a b'\npackages=['-x']\n", &[]).expect_err("wrong");
        let [error] = &wrong.0[..] else { panic!("{wrong:?}") };
        assert!(error.field == "recipe" && error.message.contains("suite: ") && error.message.contains("packages: "));
        let inside =
            checked("name='d'\nversion='1'\nsuite='sid'\nmirror='http://192.0.2.1/x'\n", &[]).expect_err("inside");
        assert!(inside.0[0].message.contains("mirror: 192.0.2.1 is in no public network"), "{inside:?}");
    }
}
