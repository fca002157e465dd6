//! The file of an image out of the network: asked of public addresses only, wherever one is led; gone on with after a cut
//! or a kill where the server can; never larger, and never longer under way, than is written here. What a registry of
//! containers has is put together in [`registry`].

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::registry;
use crate::clock::HOUR;
use crate::error::chain;
use crate::hex::hex;
use crate::http::address::Network;
use crate::operations::{FetchParams, Run, StepError};
use crate::outward::{self, Destination, Guard, Names, Way};
use crate::uploads::{self, IMAGE_MOST};

/// What is coming, in an upload's place; no plain name begins with a dot.
pub(super) const COMING: &str = "files/.fetched";
/// How often one may be led on.
const HOPS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come.
const QUIET: Duration = Duration::from_secs(60);
/// From the operation's begin to the file's end, in µs.
const ALL: i64 = 4 * HOUR;
/// After a cut; then it is given up.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15), Duration::from_secs(60)];
/// How often it is looked at room, time and whether somebody has cancelled it.
const LOOK: Duration = Duration::from_secs(1);
/// Lines of the log about how far it is.
const LINES: u64 = 10;

/// Why the file is not there.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another try may do.
    Passing(String),
    Lasting(StepError),
}

impl From<StepError> for Trouble {
    fn from(error: StepError) -> Self {
        Self::Lasting(error)
    }
}

pub(super) fn lasting(why: impl Into<String>) -> Trouble {
    Trouble::Lasting(StepError::Failed(why.into()))
}

pub(super) fn file(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Trouble + use<> {
    let path = path.to_owned();
    move |error| lasting(format!("{step} {}: {error}", path.display()))
}

/// Whether an image may be fetched from what is written there.
pub fn check(text: &str, permitted: &[Network]) -> Result<(), String> {
    match registry::is_one(text) {
        true => registry::Place::read(text, permitted).map(drop),
        false => address(text, permitted).map(drop),
    }
}

/// An address that a file may be fetched from.
pub(super) fn address(text: &str, permitted: &[Network]) -> Result<(Url, Way), String> {
    match outward::read(text, permitted)? {
        Destination::Post { url, way } => Ok((url, way)),
        Destination::Mail(_) => Err("An address is https://HOST/PATH.".into()),
    }
}

/// Puts it among the upload's files. Repeating it does no harm.
pub async fn fetch(run: &Run, place: &Path, asked: &FetchParams) -> Result<(), StepError> {
    let whole = place.join("files/fetched");
    if whole.exists() {
        return Ok(());
    }
    let path = match registry::is_one(&asked.url) {
        true => registry::fetch(run, place, &asked.url).await?,
        false => one_file(run, place, &asked.url).await?,
    };
    let expected = asked.sha256.clone();
    run.blocking(move || {
        check_sum(&path, expected.as_deref())?;
        fs::rename(&path, &whole).map_err(|error| format!("naming {}: {error}", whole.display()))
    })
    .await
}

async fn one_file(run: &Run, place: &Path, url: &str) -> Result<PathBuf, StepError> {
    let permitted = &run.parts.fetch_networks;
    let (url, way) = address(url, permitted).map_err(StepError::Failed)?;
    let client = client(way, permitted.clone()).map_err(StepError::Failed)?;
    let part = Part { file: place.join(COMING), etag: place.join("etag") };
    let mut tries = Tries::default();
    while let Err(trouble) = once(run, &client, &url, &part).await {
        tries.wait(run, trouble).await?;
    }
    Ok(part.file)
}

/// What passes is waited for, a few times.
#[derive(Default)]
pub(super) struct Tries(usize);

impl Tries {
    pub(super) async fn wait(&mut self, run: &Run, trouble: Trouble) -> Result<(), StepError> {
        let why = match trouble {
            Trouble::Lasting(error) => return Err(error),
            Trouble::Passing(why) => why,
        };
        let Some(pause) = PAUSES.get(self.0) else { return Err(StepError::Failed(why)) };
        self.0 += 1;
        run.log(&format!("{why}; it is tried again.")).await?;
        tokio::time::sleep(*pause).await;
        wanted(run).await
    }
}

pub(super) fn client(way: Way, permitted: Vec<Network>) -> Result<Client, String> {
    let guard = Guard { way, names: Names::System, permitted: permitted.clone() };
    let policy = Policy::custom(move |attempt| {
        if attempt.previous().len() > HOPS {
            return attempt.error(format!("one is led on more than {HOPS} times"));
        }
        match address(attempt.url().as_str(), &permitted) {
            Ok((_, to)) if to == way => attempt.follow(),
            Ok(_) => attempt.error("it leads out of TLS, or into it"),
            Err(why) => attempt.error(why),
        }
    });
    let builder = outward::client(guard).map_err(|error| chain(&error))?;
    let builder = builder.redirect(policy).connect_timeout(CONNECT).read_timeout(QUIET);
    builder.build().map_err(|error| chain(&error))
}

/// What has come so far, and of what it is a part.
struct Part {
    file: PathBuf,
    etag: PathBuf,
}

impl Part {
    /// How much there is, and the strong entity tag (RFC 9110, 8.8.3) that it is a part of.
    fn begun(&self) -> Option<(u64, String)> {
        let etag = fs::read_to_string(&self.etag).ok()?;
        let bytes = fs::metadata(&self.file).ok()?.len();
        (bytes > 0 && etag.starts_with('"')).then_some((bytes, etag))
    }
}

/// One connection's worth of it, to its end.
async fn once(run: &Run, client: &Client, url: &Url, part: &Part) -> Result<(), Trouble> {
    let begun = part.begun();
    let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if let Some((bytes, etag)) = &begun {
        request = request.header(RANGE, format!("bytes={bytes}-")).header(IF_RANGE, etag);
    }
    let response = request.send().await.map_err(unanswered)?;
    let from = begins_at(&response, begun.map(|(bytes, _)| bytes))?;
    let whole = response.content_length().map(|more| from + more);
    if whole.is_some_and(|bytes| bytes > IMAGE_MOST) {
        return Err(too_much());
    }
    let mut open = tokio::fs::File::options();
    let mut open =
        open.write(true).create(true).truncate(false).open(&part.file).await.map_err(file("opening", &part.file))?;
    open.set_len(from).await.map_err(file("shortening", &part.file))?;
    open.seek(io::SeekFrom::Start(from)).await.map_err(file("reading", &part.file))?;
    tokio::fs::write(&part.etag, etag(response.headers())).await.map_err(file("writing", &part.etag))?;
    Coming { open, path: &part.file, bytes: from, whole, most: IMAGE_MOST }.take_in(run, response, whole).await
}

/// A file that is being written.
pub(super) struct Coming<'a> {
    pub open: tokio::fs::File,
    pub path: &'a Path,
    /// So far; it is written on from there.
    pub bytes: u64,
    /// Of which it is a part, where that is known.
    pub whole: Option<u64>,
    /// Whatever an answer says of its length.
    pub most: u64,
}

impl Coming<'_> {
    /// All of an answer, which is kept for the next try where it is cut before that length.
    pub(super) async fn take_in(mut self, run: &Run, answer: Response, until: Option<u64>) -> Result<(), Trouble> {
        let taken = self.take(run, answer).await;
        self.open.sync_all().await.map_err(file("writing", self.path))?;
        taken?;
        match until {
            Some(until) if self.bytes < until => {
                Err(Trouble::Passing(format!("the connection was cut after {} bytes", self.bytes)))
            }
            _ => Ok(()),
        }
    }

    async fn take(&mut self, run: &Run, mut answer: Response) -> Result<(), Trouble> {
        let mut looked = Instant::now() - LOOK;
        // Without a length, a line for each GiB.
        let line = self.whole.map_or(1 << 30, |whole| whole.div_ceil(LINES)).max(1 << 20);
        let mut said = self.bytes / line;
        loop {
            if looked.elapsed() >= LOOK {
                wanted(run).await?;
                uploads::check_room(&run.parts).await.map_err(|error| lasting(error.to_string()))?;
                looked = Instant::now();
            }
            if self.bytes / line > said {
                said = self.bytes / line;
                let of = self.whole.map_or_else(String::new, |whole| format!(" of {}", whole >> 20));
                run.log(&format!("{}{of} MiB have come.", self.bytes >> 20)).await?;
            }
            // Nothing is lost of what has not come yet.
            let Ok(more) = tokio::time::timeout(LOOK, answer.chunk()).await else { continue };
            let more = more.map_err(|error| Trouble::Passing(format!("the connection was cut: {}", chain(&error))))?;
            let Some(more) = more else { return Ok(()) };
            self.bytes += more.len() as u64;
            if self.bytes > self.most {
                return Err(if self.most == IMAGE_MOST { too_much() } else { lasting("more comes than was said") });
            }
            self.open.write_all(&more).await.map_err(file("writing", self.path))?;
        }
    }
}

/// The file's first byte in what is answered.
pub(super) fn begins_at(response: &Response, begun: Option<u64>) -> Result<u64, Trouble> {
    match (response.status(), begun) {
        (StatusCode::OK, _) => Ok(0),
        (StatusCode::PARTIAL_CONTENT, Some(bytes)) => {
            let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
            match range.strip_prefix("bytes ").and_then(|range| range.split('-').next()) == Some(&bytes.to_string()) {
                true => Ok(bytes),
                false => Err(lasting("the server answers another part of it than was asked for")),
            }
        }
        (status, _) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Trouble::Passing(format!("the server answers {status}")))
        }
        (status, _) => Err(lasting(format!("the server answers {status}"))),
    }
}

fn etag(headers: &HeaderMap) -> &[u8] {
    headers.get(ETAG).map(|tag| tag.as_bytes()).unwrap_or_default()
}

/// A redirect that leads inside is no error that passes, and neither is a name that does.
pub(super) fn unanswered(error: reqwest::Error) -> Trouble {
    let why = chain(&error.without_url());
    if why.contains("redirect") || why.contains("no public network") || why.contains("in the clear") {
        return lasting(why);
    }
    Trouble::Passing(why)
}

pub(super) fn too_much() -> Trouble {
    lasting(format!("it has more than {} MiB", IMAGE_MOST >> 20))
}

/// Unless somebody has cancelled it, or it takes too long.
async fn wanted(run: &Run) -> Result<(), StepError> {
    run.wanted().await?;
    if run.parts.clock.now() - run.operation.created_at > ALL {
        return Err(StepError::Failed(format!("it takes longer than {} hours", ALL / HOUR)));
    }
    Ok(())
}

/// Another one is refused.
pub fn check_sum(path: &Path, expected: Option<&str>) -> Result<(), String> {
    let Some(expected) = expected else { return Ok(()) };
    let failed = |error| format!("reading {}: {error}", path.display());
    let (mut file, mut sum) = (fs::File::open(path).map_err(failed)?, Sha256::new());
    io::copy(&mut file, &mut sum).map_err(failed)?;
    let found = hex(&sum.finalize());
    if found == expected { Ok(()) } else { Err(format!("its SHA-256 is {found}, not {expected}")) }
}
