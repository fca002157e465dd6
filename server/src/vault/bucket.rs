//! Things in a bucket of a server that speaks S3. Requests, signatures and tries are the library's; who is connected to, and
//! with which TLS, is ours.

use std::error::Error as _;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use nix::fcntl::Flock;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::path::Path as Name;
use object_store::{BackoffConfig, ObjectStore as _, ObjectStoreExt as _, PutPayload, RetryConfig};
use tokio::runtime::Handle;

use super::shelf::{Shelf, Where};
use super::{VaultError, Watch};
use crate::tls;

/// Chunks under way at once. Each is in memory as it was, packed and sealed: no more than 4 MiB, so 32 MiB for a disk.
const AT_ONCE: usize = 8;
/// Of one request, which is a chunk or a list: 1 MiB in this time is slower than any line that is of use.
const REQUEST: Duration = Duration::from_secs(180);
const CONNECT: Duration = Duration::from_secs(10);
/// One that fails is tried as often again, within this time of the first.
const TRIES: usize = 5;
const TRIED: Duration = Duration::from_secs(120);
/// How often it is looked whether somebody has stopped.
const SOON: Duration = Duration::from_millis(50);
/// Two lines of it are the credentials.
const CREDENTIALS_MOST: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPlace {
    /// As `https://s3.example.org`, with a port where it has one.
    pub endpoint: String,
    pub bucket: String,
    /// What all names begin with: nothing, or parts with a `/` between.
    pub prefix: String,
    pub region: String,
    /// A file: the key's id in one line, the key in the next.
    pub credentials: PathBuf,
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

pub struct Bucket {
    place: Arc<BucketPlace>,
    store: AmazonS3,
    runtime: Handle,
    watch: Watch,
}

/// Without what it signs with.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Bucket {
    /// On a thread of the runtime that may wait.
    pub fn new(place: &Arc<BucketPlace>, watch: &Watch) -> Result<Self, VaultError> {
        let (id, key) = credentials(&place.credentials)?;
        let backoff =
            BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(10), base: 2.0 };
        let store = AmazonS3Builder::new()
            .with_endpoint(&place.endpoint)
            .with_bucket_name(&place.bucket)
            .with_region(&place.region)
            .with_access_key_id(id)
            .with_secret_access_key(key)
            .with_virtual_hosted_style_request(false)
            // The settings permit it to this machine only.
            .with_allow_http(place.endpoint.starts_with("http://"))
            // Not every server knows how to remove many at once.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig { backoff, max_retries: TRIES, retry_timeout: TRIED })
            .with_http_connector(Ours)
            .build();
        let store = store.map_err(|source| VaultError::Remote {
            step: "setting up",
            what: place.to_string(),
            source: source.into(),
        })?;
        Ok(Self { place: Arc::clone(place), store, runtime: Handle::current(), watch: watch.clone() })
    }

    fn name(&self, name: &str) -> Name {
        Name::from_iter([self.place.prefix.as_str(), name].into_iter().flat_map(|part| part.split('/')))
    }

    /// Waits for it; `None` where there is no such thing.
    fn ask<T>(
        &self,
        step: &'static str,
        what: &str,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<Option<T>, VaultError> {
        let stopped = async {
            while !self.watch.is_stopped() {
                tokio::time::sleep(SOON).await;
            }
        };
        let done = self.runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                () = stopped => None,
            }
        });
        match done {
            None => Err(VaultError::Stopped),
            Some(Ok(done)) => Ok(Some(done)),
            Some(Err(object_store::Error::NotFound { .. })) => Ok(None),
            Some(Err(source)) if names_no_bucket(&source) => Err(self.empty()),
            Some(Err(source)) => Err(self.failed(step, what, source)),
        }
    }

    fn failed(&self, step: &'static str, what: &str, source: object_store::Error) -> VaultError {
        match source {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                VaultError::Denied { step, at: Where::Bucket(Arc::clone(&self.place)), source: source.into() }
            }
            source => VaultError::Remote { step, what: format!("{}/{what}", self.place), source: source.into() },
        }
    }

    fn empty(&self) -> VaultError {
        VaultError::NoBucket { at: Where::Bucket(Arc::clone(&self.place)) }
    }
}

impl Shelf for Bucket {
    fn at_once(&self) -> usize {
        AT_ONCE
    }

    fn reads_all(&self) -> bool {
        false
    }

    /// A bucket is made by whoever pays for it. That it is not there is said before a key is made for it.
    fn begin(&self) -> Result<(), VaultError> {
        let prefix = self.name("backups");
        let first = async { self.store.list(Some(&prefix)).next().await.transpose() };
        self.ask("reading", "backups", first)?.map(drop).ok_or_else(|| self.empty())
    }

    fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.name(name);
        let got = self.ask("reading", name, async {
            let found = self.store.get(&path).await?;
            if found.meta.size > most {
                return Ok(None);
            }
            found.bytes().await.map(Some)
        })?;
        match got {
            None => Ok(None),
            Some(None) => Err(VaultError::Damaged { what: format!("{}/{name}", self.place) }),
            Some(Some(bytes)) => Ok(Some(bytes.into())),
        }
    }

    fn has(&self, name: &str) -> Result<bool, VaultError> {
        let path = self.name(name);
        Ok(self.ask("reading", name, self.store.head(&path))?.is_some())
    }

    /// Its sum is signed with it, so the server has it as it was sent or not at all.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), VaultError> {
        let (path, bytes) = (self.name(name), PutPayload::from(bytes));
        self.ask("writing", name, self.store.put(&path, bytes))?.map(drop).ok_or_else(|| self.empty())
    }

    fn remove(&self, names: Vec<String>) -> Result<(), VaultError> {
        let paths: Vec<_> = names.iter().map(|name| Ok(self.name(name))).collect();
        let mut removed = self.store.delete_stream(stream::iter(paths).boxed());
        let all = async {
            loop {
                match removed.next().await {
                    None => return Ok(()),
                    // Some servers say so of what is gone.
                    Some(Ok(_) | Err(object_store::Error::NotFound { .. })) => {}
                    Some(Err(error)) => return Err(error),
                }
            }
        };
        self.ask("removing", names.first().map_or("", String::as_str), all).map(drop)
    }

    fn list(&self, beneath: &str) -> Result<Vec<(String, u64)>, VaultError> {
        let (prefix, own) = (self.name(beneath), self.name(""));
        let list = self.store.list(Some(&prefix)).try_collect::<Vec<_>>();
        let found = self.ask("reading", beneath, list)?.ok_or_else(|| self.empty())?;
        let named = found.into_iter().filter_map(|thing| {
            let parts: Vec<_> = thing.location.prefix_match(&own)?.map(|part| part.as_ref().to_owned()).collect();
            Some((parts.join("/"), thing.size))
        });
        Ok(named.collect())
    }

    /// What a server has said yes to, it has.
    fn sync(&self) -> Result<(), VaultError> {
        Ok(())
    }

    /// A thing comes in one request, whole or not at all.
    fn tidy(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn hold(&self, _alone: bool, _stopped: &dyn Fn() -> bool) -> Result<Option<Flock<File>>, VaultError> {
        Ok(None)
    }
}

/// A list of a bucket that is not there is an error like any other to the library.
fn names_no_bucket(error: &object_store::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner.to_string().contains("<Code>NoSuchBucket</Code>") {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Read each time, so that a new key counts at once.
fn credentials(path: &Path) -> Result<(String, String), VaultError> {
    use std::io::Read as _;
    let bad = |source| VaultError::Credentials { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(CREDENTIALS_MOST).read_to_string(&mut text)).map_err(bad)?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next(), lines.next()) {
        (Some(id), Some(key), None) if text.bytes().all(|byte| byte.is_ascii_graphic() || b" \r\n".contains(&byte)) => {
            Ok((id.to_owned(), key.to_owned()))
        }
        _ => {
            Err(bad(io::Error::new(io::ErrorKind::InvalidData, "two lines are to be in it, the key's id and the key")))
        }
    }
}

/// The client that everything of ours asks with, in the place of the library's.
#[derive(Clone, Copy, Debug)]
struct Ours;

impl HttpConnector for Ours {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic { store: "S3", source };
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls::client_config().map_err(|error| failed(error.into()))?)
            // What is signed is for the server that the settings name, and for no other.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .pool_max_idle_per_host(AT_ONCE)
            .user_agent(concat!("Umbel/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(HttpClient::new(Client(client.map_err(|error| failed(error.into()))?)))
    }
}

#[derive(Debug)]
struct Client(reqwest::Client);

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let unknown =
            |error: Box<dyn std::error::Error + Send + Sync>| HttpError::new_boxed(HttpErrorKind::Unknown, error);
        let (parts, body) = request.into_parts();
        let url = reqwest::Url::parse(&parts.uri.to_string()).map_err(|error| unknown(error.into()))?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let answer: http::Response<reqwest::Body> = self.0.execute(request).await.map_err(told)?.into();
        let (parts, body) = answer.into_parts();
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body.map_err(told))))
    }
}

/// What may be tried again is told from what may not.
fn told(error: reqwest::Error) -> HttpError {
    let mut broken = false;
    let mut cause = error.source();
    while let Some(inner) = cause {
        let cut = inner.downcast_ref::<io::Error>().is_some_and(|error| {
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
        });
        broken |= cut || inner.to_string().contains("connection closed before message completed");
        cause = inner.source();
    }
    let kind = match () {
        () if error.is_timeout() => HttpErrorKind::Timeout,
        () if error.is_connect() => HttpErrorKind::Connect,
        () if error.is_decode() && !broken => HttpErrorKind::Decode,
        () if broken || error.is_request() || error.is_body() => HttpErrorKind::Interrupted,
        () => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_two_lines_and_are_never_shown() {
        let file = tempfile::NamedTempFile::new().expect("tmp");
        let said = |text: &str| {
            std::fs::write(file.path(), text).expect("written");
            credentials(file.path())
        };
        for good in ["id\nkey\n", "\n id \r\n key", "id\nkey"] {
            assert_eq!(said(good).expect(good), ("id".to_owned(), "key".to_owned()));
        }
        for bad in ["", "id", "id\nsecret-key\nmore", "id\nsecret\u{7f}key", "id\nsecret-kéy"] {
            let error = said(bad).expect_err(bad);
            assert!(
                matches!(&error, VaultError::Credentials { .. }) && !format!("{error:?}{error}").contains("secret-")
            );
        }
    }
}
