//! A build that runs nothing: a test fetches in its place what it likes, and says how it ends.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use umbel_guest::{ImageId, UploadId};
use umbel_wire::agent::{BuildSeen, BuildState, ImageSaid, Refusal};
use umbel_wire::frame::FrameError;

use super::disks::put_image;
use super::{HostError, Inner, Simulated};

const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Building {
    address: SocketAddr,
    log: String,
    state: BuildState,
}

impl Simulated {
    /// From now on an image is made until somebody stops it, and at that percent.
    pub fn set_slow_imports(&self, percent: Option<u8>) {
        self.change(|inner| inner.slow_imports = percent);
    }

    /// Not written down: it is asked again and again.
    pub(super) async fn build_seen(&self, upload: UploadId, from: u64) -> Result<BuildSeen, HostError> {
        let seen = seen(&self.lock(), upload, from)?;
        if seen.log.is_empty() && seen.state == (BuildState::Running {}) {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(seen)
    }

    pub(super) fn percent(&self, image: &ImageId) -> Option<u8> {
        let inner = self.lock();
        inner.slow_imports.filter(|_| !inner.images.iter().any(|made| made.id == *image))
    }

    pub(super) async fn import(&self, image: ImageId, said: ImageSaid) -> Result<(), HostError> {
        while self.percent(&image).is_some() {
            if self.lock().stopped.remove(&image) {
                return Err(Refusal::ImageStopped { image }.into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.change(|inner| put_image(inner, image, said.origin, said));
        Ok(())
    }

    /// From now on builds last until [`Self::end_build`].
    pub fn set_slow_builds(&self, slow: bool) {
        self.change(|inner| inner.slow_builds = slow);
    }

    /// Where the build under way has its mirrors.
    pub fn building(&self) -> Option<(UploadId, SocketAddr)> {
        self.lock().builds.iter().next().map(|(upload, build)| (*upload, build.address))
    }

    pub fn end_build(&self, upload: UploadId, said: &str, state: BuildState) {
        self.change(|inner| {
            if let Some(build) = inner.builds.get_mut(&upload) {
                build.log.push_str(said);
                build.state = state;
            }
        });
    }
}

pub(super) fn begin(inner: &mut Inner, upload: UploadId) -> Result<TcpListener, HostError> {
    if inner.builds.keys().any(|other| *other != upload) {
        return Err(Refusal::BuildUnderWay.into());
    }
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    };
    let (address, listener) = listen().map_err(|error| HostError::Away(FrameError::Io(error)))?;
    let state = if inner.slow_builds { BuildState::Running {} } else { BuildState::Done {} };
    let log = "umbel: packages\n".to_owned();
    inner.builds.insert(upload, Building { address, log, state });
    Ok(listener)
}

fn seen(inner: &Inner, upload: UploadId, from: u64) -> Result<BuildSeen, Refusal> {
    let build = inner.builds.get(&upload).ok_or(Refusal::UnknownUpload { upload })?;
    if build.state == (BuildState::Done {})
        && let Some(layout) = &inner.layout
        && let Err(error) = fs::write(layout.upload(upload).join("disk"), "built")
    {
        return Err(Refusal::Failed { step: "writing what was built".into(), error: error.to_string() });
    }
    let skip = usize::try_from(from).unwrap_or(usize::MAX).min(build.log.len());
    Ok(BuildSeen { from, log: build.log[skip..].to_owned(), state: build.state.clone() })
}
