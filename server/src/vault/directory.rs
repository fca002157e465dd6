//! Things in a directory: written beside (`coming/`) and renamed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::shelf::{Shelf, Where};
use super::{VaultError, io_failed};

const COMING: &str = "coming";

#[derive(Debug)]
pub struct Directory(pub PathBuf);

impl Shelf for Directory {
    /// One after the other: what is near is limited by itself.
    fn at_once(&self) -> usize {
        1
    }

    fn reads_all(&self) -> bool {
        true
    }

    fn begin(&self) -> Result<(), VaultError> {
        make_directory(&self.0)?;
        ["chunks", "backups", COMING].iter().try_for_each(|name| make_directory(&self.0.join(name)))
    }

    fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.0.join(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        match read {
            Ok(length) if length as u64 > most => Err(VaultError::Damaged { what: path.display().to_string() }),
            Ok(_) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_failed("reading", &path)(error)),
        }
    }

    fn has(&self, name: &str) -> Result<bool, VaultError> {
        let path = self.0.join(name);
        path.try_exists().map_err(io_failed("reading", &path))
    }

    /// Under a name that nobody looks for, then under its own.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), VaultError> {
        let (path, coming) = (self.0.join(name), self.0.join(COMING));
        make_directory(&coming)?;
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        let beside = coming.join(uuid::Uuid::now_v7().to_string());
        let written = (|| {
            let mut open = OpenOptions::new();
            let mut file = open.write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        })();
        written.map_err(|error| {
            // What can't be removed now goes with the next prune.
            let _ = fs::remove_file(&beside);
            match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    VaultError::Full { at: Where::Directory(self.0.clone()) }
                }
                _ => io_failed("writing", &path)(error),
            }
        })
    }

    fn remove(&self, names: Vec<String>) -> Result<(), VaultError> {
        names.iter().try_for_each(|name| remove(&self.0.join(name)))
    }

    fn list(&self, beneath: &str) -> Result<Vec<(String, u64)>, VaultError> {
        let mut found = Vec::new();
        for path in entries(&self.0.join(beneath))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let name = format!("{beneath}/{name}");
            if path.is_dir() {
                found.extend(self.list(&name)?);
            } else {
                found.push((name, fs::metadata(&path).map_or(0, |facts| facts.len())));
            }
        }
        Ok(found)
    }

    /// Until names are on the disk too.
    fn sync(&self) -> Result<(), VaultError> {
        let directory = File::open(&self.0).map_err(io_failed("opening", &self.0))?;
        nix::unistd::syncfs(&directory).map_err(|error| io_failed("writing", &self.0)(error.into()))
    }

    fn tidy(&self) -> Result<(), VaultError> {
        entries(&self.0.join(COMING))?.iter().try_for_each(|path| remove(path))
    }

    fn hold(&self, alone: bool, stopped: &dyn Fn() -> bool) -> Result<Option<Flock<File>>, VaultError> {
        let path = self.0.join("lock");
        let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let mut file = open.map_err(io_failed("opening", &path))?;
        let how = if alone { FlockArg::LockExclusiveNonblock } else { FlockArg::LockSharedNonblock };
        loop {
            match Flock::lock(file, how) {
                Ok(held) => return Ok(Some(held)),
                Err((_, Errno::EWOULDBLOCK)) if stopped() => return Err(VaultError::Stopped),
                Err((again, Errno::EWOULDBLOCK)) => file = again,
                // The file system knows none.
                Err(_) => return Ok(None),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn make_directory(path: &Path) -> Result<(), VaultError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_failed("making", path))
}

fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_failed("removing", path)(error)),
        _ => Ok(()),
    }
}

fn entries(path: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let failed = io_failed("reading", path);
    let read = || fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    read().map_err(failed)
}
