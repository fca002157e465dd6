//! A step: what is done and what takes it back. Both may be called again at any time, so each begins
//! by asking whether it is done already.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umbel_guest::{
    BackupId, Boot, FileName, Generation, GuestId, GuestPath, ImageId, KernelId, Logins, ParcelId, ParcelSize,
    SnapshotId, StrayName, UploadId, Visibility, Wanted,
};
use umbel_wire::agent::{DiskOf, ImageSaid, Refusal};

use crate::host::HostError;
use crate::parts::Parts;
use crate::store::StoreError;
use crate::store::guests::{Guest, guest_fetch, guest_update};
use crate::store::operations::{
    Operation, operation_fetch, operation_is_under_way, operation_log, operation_set_params,
};
use crate::uploads;

/// How soon a step that waits looks again although it heard nothing, at first and at last: for its
/// patience, and for an agent that went.
const LOOK_FIRST: Duration = Duration::from_millis(500);
const LOOK_AT_LEAST: Duration = Duration::from_secs(4);

/// Why a step is not done.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The agent or the database is away: the same step is tried again.
    #[error("{0}")]
    Later(String),
    /// It can't be done; what was done is undone.
    #[error("{0}")]
    Failed(String),
    /// Somebody has ended the operation meanwhile.
    #[error("the operation was ended by another")]
    Superseded,
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        if error.is_away() {
            return Self::Later("Waiting for the database.".into());
        }
        Self::Failed(match crate::error::internal(&error) {
            umbel_app::AppError::Internal { reference } => format!("a defect in the panel, in its log as {reference}"),
            other => other.to_string(),
        })
    }
}

impl From<HostError> for StepError {
    fn from(error: HostError) -> Self {
        if error.is_away() { Self::Later("Waiting for the agent.".into()) } else { Self::Failed(error.to_string()) }
    }
}

/// What the agent refuses as long as the guest is on its way up or down is tried again.
pub fn once_settled<T>(answer: Result<T, HostError>) -> Result<T, StepError> {
    match answer {
        Err(HostError::Refused(Refusal::StillRunning)) => {
            Err(StepError::Later("Waiting until it has stopped or started.".into()))
        }
        other => Ok(other?),
    }
}

pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send + 'a>>;
pub type StepFn = for<'a> fn(&'a Run) -> StepFuture<'a>;

/// A line of an operation's table.
#[derive(Clone, Copy)]
pub struct Step {
    pub name: &'static str,
    pub act: StepFn,
    /// `None` where there is nothing to take back; the table says why.
    pub undo: Option<StepFn>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What the steps of an operation were told and have found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The generation with which it asked for something.
    #[serde(default)]
    pub asked: Option<Generation>,
    /// When a deleted guest is to be purged.
    #[serde(default)]
    pub purge_at: Option<i64>,
    /// The kernel that is put in, and the files that it is made of.
    #[serde(default)]
    pub kernel: Option<KernelId>,
    /// The image that is put in, out of an upload too.
    #[serde(default)]
    pub image: Option<ImageParams>,
    #[serde(default)]
    pub upload: Option<UploadId>,
    /// Of the file that was sent, in lower-case hexadecimal, if any is expected.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Where its file is fetched from.
    #[serde(default)]
    pub fetch: Option<FetchParams>,
    /// The recipe that it is built of, as it was sent.
    #[serde(default)]
    pub recipe: Option<String>,
    /// The guest's disk that it is made of.
    #[serde(default)]
    pub publish: Option<PublishParams>,
    #[serde(default)]
    pub note: String,
    /// The copy of a disk that is taken, or that becomes a disk again.
    #[serde(default)]
    pub snapshot: Option<SnapshotId>,
    /// Of whose disk it is a copy, where it isn't the guest's own.
    #[serde(default)]
    pub of: Option<GuestId>,
    /// The image that it is to be of from then on.
    #[serde(default)]
    pub rebuild: Option<ImageId>,
    /// What a disk is kept as that another takes the place of.
    #[serde(default)]
    pub keep: Option<SnapshotId>,
    /// What is kept elsewhere: that a disk becomes, or that becomes a disk.
    #[serde(default)]
    pub backup: Option<BackupId>,
    /// The file that is on its way.
    #[serde(default)]
    pub parcel: Option<ParcelParams>,
    /// The root image that is adopted.
    #[serde(default)]
    pub stray: Option<StrayName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageParams {
    pub id: ImageId,
    pub said: ImageSaid,
    #[serde(default)]
    pub visibility: Visibility,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelParams {
    pub id: ParcelId,
    /// What it is called in the guest, of one that goes there.
    #[serde(default)]
    pub name: Option<FileName>,
    /// What is wanted of the guest, and how much of it.
    #[serde(default)]
    pub wanted: Option<(GuestPath, ParcelSize)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishParams {
    pub of: DiskOf,
    pub logins: Logins,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchParams {
    pub url: String,
    /// In lower-case hexadecimal, if any is expected.
    pub sha256: Option<String>,
}

/// Many addresses carry a secret in their path.
impl std::fmt::Debug for FetchParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchParams").field("from", &crate::outward::origin_of(&self.url)).finish_non_exhaustive()
    }
}

/// Of a step that somebody has cancelled.
pub(super) const CANCELLED: &str = "It is being cancelled.";

/// One operation under way, as its steps see it.
#[derive(Debug)]
pub struct Run {
    pub parts: Parts,
    pub operation: Operation,
}

impl Run {
    pub async fn log(&self, line: &str) -> Result<(), StepError> {
        if operation_log(&self.parts.db, self.operation.id, self.parts.clock.now(), line).await? {
            self.parts.events.operation(self.operation.id);
        }
        Ok(())
    }

    /// Whether nobody has cancelled it.
    pub async fn is_wanted(&self) -> Result<bool, StepError> {
        let operation = operation_fetch(&self.parts.db, self.operation.id).await?;
        Ok(operation.is_some_and(|operation| !operation.cancel_wanted))
    }

    /// Ends a step that nobody wants any more.
    pub async fn wanted(&self) -> Result<(), StepError> {
        if self.is_wanted().await? { Ok(()) } else { Err(StepError::Later(CANCELLED.into())) }
    }

    /// The guest that it is about.
    pub fn guest(&self) -> Result<GuestId, StepError> {
        self.operation.guest.ok_or_else(|| StepError::Failed("it is about no guest".into()))
    }

    pub async fn find(&self) -> Result<Option<Guest>, StepError> {
        Ok(guest_fetch(&self.parts.db, self.guest()?).await?)
    }

    pub async fn fetch(&self) -> Result<Guest, StepError> {
        self.find().await?.ok_or_else(|| StepError::Failed("the guest is gone".into()))
    }

    /// The newest params: an earlier step may have written them since the run began.
    pub async fn params(&self) -> Result<Params, StepError> {
        let operation = operation_fetch(&self.parts.db, self.operation.id).await?;
        Ok(operation.and_then(|o| serde_json::from_str(&o.params).ok()).unwrap_or_default())
    }

    pub async fn snapshot(&self) -> Result<SnapshotId, StepError> {
        self.params().await?.snapshot.ok_or_else(|| StepError::Failed("it names no snapshot".into()))
    }

    /// The files that it is made of.
    pub async fn upload(&self) -> Result<UploadId, StepError> {
        self.params().await?.upload.ok_or_else(|| StepError::Failed("it names no upload".into()))
    }

    /// Where they are.
    pub async fn upload_place(&self) -> Result<PathBuf, StepError> {
        let layout = self.parts.layout.as_ref();
        let layout = layout.ok_or_else(|| StepError::Failed("there is no place for uploads".into()))?;
        Ok(layout.upload(self.upload().await?))
    }

    /// They are not needed any more, or never will be.
    pub async fn upload_discard(&self) -> Result<(), StepError> {
        let place = self.upload_place().await?;
        self.blocking(move || uploads::remove(&place).map_err(|error| format!("removing the upload: {error}"))).await
    }

    /// What would keep others waiting.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, StepError> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| StepError::Failed(error.to_string()))?.map_err(StepError::Failed)
    }

    /// Changes what is wanted, as a new generation, and notes the generation in the operation. `edit`
    /// says whether there is anything to change.
    pub async fn ask(&self, edit: impl FnOnce(&mut Guest) -> bool + Send) -> Result<(), StepError> {
        let mut tx = self.parts.db.begin().await?;
        if !operation_is_under_way(&mut tx, self.operation.id).await? {
            return Err(StepError::Superseded);
        }
        let found = guest_fetch(&mut tx, self.guest()?).await?;
        let mut guest = found.ok_or_else(|| StepError::Failed("the guest is gone".into()))?;
        let from = guest.generation;
        if !edit(&mut guest) {
            return Ok(());
        }
        guest.generation = self.parts.after(from);
        guest_update(&mut tx, &guest, from).await?;
        let params: Params = serde_json::from_str(&self.operation.params).unwrap_or_default();
        let params = Params { asked: Some(guest.generation), ..params };
        let params = serde_json::to_string(&params).expect("plain data is JSON");
        operation_set_params(&mut tx, self.operation.id, &params).await?;
        tx.commit().await?;
        self.parts.guest_changed(guest.id);
        Ok(())
    }

    pub async fn ask_running(&self) -> Result<(), StepError> {
        self.ask(|guest| {
            let already = guest.wanted == Wanted::Running && guest.next_try_at.is_none();
            guest.wanted = Wanted::Running;
            guest.boot = Boot::Normal;
            (guest.next_try_at, guest.kill_at, guest.failures) = (None, None, 0);
            !already
        })
        .await
    }

    pub async fn ask_stopped(&self, kill_at: Option<i64>) -> Result<(), StepError> {
        self.ask(|guest| {
            let sooner = kill_at.is_some() && (guest.kill_at.is_none() || guest.kill_at > kill_at);
            let already = guest.wanted == Wanted::Stopped && !(sooner && guest.seen.is_alive());
            guest.wanted = Wanted::Stopped;
            (guest.next_try_at, guest.waiting) = (None, None);
            if sooner {
                guest.kill_at = kill_at;
            }
            !already
        })
        .await
    }

    /// Looks at the guest at every change of it until `done` answers; says once a wait what it waits for.
    pub async fn until<T>(&self, mut done: impl FnMut(Option<&Guest>) -> Option<T> + Send) -> Result<T, StepError> {
        let mut most = LOOK_FIRST;
        loop {
            let mut waker = self.parts.waker(self.operation.guest);
            if !operation_is_under_way(&self.parts.db, self.operation.id).await? {
                return Err(StepError::Superseded);
            }
            let guest = self.find().await?;
            if let Some(answer) = done(guest.as_ref()) {
                return Ok(answer);
            }
            if !self.parts.link.heard().is_here() {
                self.log("Waiting for the agent.").await?;
            } else if let Some(why) = guest.and_then(|guest| guest.waiting) {
                self.log(&why).await?;
            }
            waker.wait(most).await;
            // What another panel wrote into shared rows is found by asking only.
            most = if self.parts.db.is_shared() { LOOK_FIRST } else { (most * 2).min(LOOK_AT_LEAST) };
        }
    }

    /// Until no process of it exists.
    pub async fn until_ended(&self) -> Result<(), StepError> {
        self.until(|guest| guest.is_none_or(|guest| !guest.seen.is_alive()).then_some(())).await
    }
}

/// How a boot went that an operation has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Booted {
    Running,
    Ended(umbel_guest::Exit),
    /// Somebody wants otherwise by now.
    Unwanted,
    /// Not yet; the reconciler goes on.
    Late,
}

impl Run {
    /// Watches the start that was asked for, as long as patience lasts and the agent is here.
    pub async fn until_booted(&self) -> Result<Booted, StepError> {
        use umbel_guest::Seen;
        let asked = self.params().await?.asked.unwrap_or_default();
        let mut deadline = self.parts.clock.now() + self.parts.patience.boot;
        self.until(|guest| {
            let Some(guest) = guest else { return Some(Booted::Unwanted) };
            let now = self.parts.clock.now();
            if !self.parts.link.heard().is_here() {
                deadline = now + self.parts.patience.boot;
            }
            match &guest.seen {
                Seen::Running { .. } | Seen::Paused { .. } if guest.seen_generation >= asked => Some(Booted::Running),
                Seen::Ended { exit, .. }
                    if guest.seen_generation >= asked && (exit.is_failure() || guest.wanted != Wanted::Running) =>
                {
                    Some(Booted::Ended(exit.clone()))
                }
                _ if guest.wanted != Wanted::Running => Some(Booted::Unwanted),
                _ if now >= deadline => Some(Booted::Late),
                _ => None,
            }
        })
        .await
    }
}
