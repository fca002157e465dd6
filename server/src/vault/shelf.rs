//! Where things lie by name, as `chunks/ab/ab12…`: a directory, or a bucket of a server. A thing has its name only when it is
//! whole.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use nix::fcntl::Flock;

use super::bucket::{Bucket, BucketPlace};
use super::directory::Directory;
use super::{VaultError, Watch};

/// Where that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    Directory(PathBuf),
    Bucket(Arc<BucketPlace>),
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Bucket(place) => write!(f, "{place}"),
        }
    }
}

impl Where {
    /// What to look at where nothing is found.
    pub(super) fn doubt(&self) -> &'static str {
        match self {
            Self::Directory(_) => "is that mounted which it lies on?",
            Self::Bucket(_) => "does the address name their bucket?",
        }
    }

    pub(super) fn shelf(&self, watch: &Watch) -> Result<Box<dyn Shelf>, VaultError> {
        match self {
            Self::Directory(path) => Ok(Box::new(Directory(path.clone()))),
            Self::Bucket(place) => Ok(Box::new(Bucket::new(place, watch)?)),
        }
    }
}

/// Called by threads that may wait.
pub trait Shelf: fmt::Debug + Send + Sync {
    /// How many things are asked for at once: what is far away takes long to answer, not long to work.
    fn at_once(&self) -> usize;

    /// Whether what is there has to be read to be relied on each time, or its server keeps it whole and reading it costs.
    fn reads_all(&self) -> bool;

    /// Prepared to be put into, by whoever is first.
    fn begin(&self) -> Result<(), VaultError>;

    /// `None` where there is no such thing; what is longer than `most` is damaged.
    fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, VaultError>;

    /// Whether there is such a thing.
    fn has(&self, name: &str) -> Result<bool, VaultError>;

    /// In the place of what is there.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), VaultError>;

    /// They may be gone already.
    fn remove(&self, names: Vec<String>) -> Result<(), VaultError>;

    /// All whose names begin with this and a `/`, with their lengths.
    fn list(&self, beneath: &str) -> Result<Vec<(String, u64)>, VaultError>;

    /// Until what was put is there for good.
    fn sync(&self) -> Result<(), VaultError>;

    /// What was never finished is removed.
    fn tidy(&self) -> Result<(), VaultError>;

    /// Beside another process that uses the same: shared, or alone. Where there are no locks, the panel's own has to do.
    fn hold(&self, alone: bool, stopped: &dyn Fn() -> bool) -> Result<Option<Flock<File>>, VaultError>;
}
