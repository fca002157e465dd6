//! A server of S3 on a directory of its own, which checks signatures, and which goes away when it is told to.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use umbel_server::vault::bucket::BucketPlace;

pub(crate) const KEY_ID: &str = "AKIDFORTESTS";
pub(crate) const KEY: &str = "a-key-that-is-shown-to-nobody";
const BUCKET: &str = "backups";
/// As many as anybody asks for.
const ALWAYS: i64 = i64::MAX / 2;

pub(crate) struct Server {
    root: TempDir,
    pub(crate) address: SocketAddr,
    gate: Arc<Gate>,
    running: JoinHandle<()>,
}

struct Gate {
    /// Requests that are answered before the server goes away.
    left: AtomicI64,
    /// One of so many is cut off.
    cut: AtomicU64,
    asked: AtomicU64,
}

impl Gate {
    /// Whether this request is answered.
    fn lets_in(&self) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let cut = self.cut.load(Ordering::SeqCst);
        self.left.fetch_sub(1, Ordering::SeqCst) > 0 && (cut == 0 || !asked.is_multiple_of(cut))
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().expect("tmp");
        fs::create_dir(root.path().join(BUCKET)).expect("a bucket");
        let files = FileSystem::new(root.path()).expect("a directory");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY_ID, KEY));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let gate = Arc::new(Gate { left: AtomicI64::new(ALWAYS), cut: AtomicU64::new(0), asked: AtomicU64::new(0) });
        let open = Arc::clone(&gate);
        let running = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let (service, gate) = (service.clone(), Arc::clone(&open));
                connections.spawn(async move {
                    let answer = hyper::service::service_fn(move |request| {
                        let answer = gate.lets_in().then(|| hyper::service::Service::call(&service, request));
                        async move {
                            match answer {
                                Some(answer) => answer.await.map_err(std::io::Error::other),
                                None => Err(std::io::Error::other("gone")),
                            }
                        }
                    });
                    // Whoever is cut off has an error, which is what they are to have.
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Self { root, address, gate, running }
    }

    /// With credentials that are right.
    pub(crate) fn place(&self, credentials: PathBuf) -> BucketPlace {
        fs::write(&credentials, format!("{KEY_ID}\n{KEY}\n")).expect("written");
        let (bucket, prefix, region) = (BUCKET.to_owned(), "umbel/one".to_owned(), "us-east-1".to_owned());
        BucketPlace { endpoint: format!("http://{}", self.address), bucket, prefix, region, credentials }
    }

    /// Where things lie whose names begin so.
    pub(crate) fn beneath(&self, name: &str) -> PathBuf {
        self.root.path().join(BUCKET).join("umbel/one").join(name)
    }

    /// Everything that it keeps.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files(&self.root.path().join(BUCKET))
    }

    pub(crate) fn asked(&self) -> u64 {
        self.gate.asked.load(Ordering::SeqCst)
    }

    /// It answers so many more requests and then cuts off whoever asks.
    pub(crate) fn goes_away_after(&self, requests: i64) {
        self.gate.left.store(requests, Ordering::SeqCst);
    }

    pub(crate) fn comes_back(&self) {
        self.gate.left.store(ALWAYS, Ordering::SeqCst);
    }

    pub(crate) fn cuts_one_of(&self, requests: u64) {
        self.gate.cut.store(requests, Ordering::SeqCst);
    }
}

/// Files below a directory, in their order.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}
