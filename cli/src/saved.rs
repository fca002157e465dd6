//! A file that comes, under its name only when it is whole. One that is there stays.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Failure;

pub(crate) struct Saving {
    path: PathBuf,
    file: NamedTempFile,
}

pub(crate) fn failed(path: &Path) -> impl Fn(io::Error) -> Failure + Copy + use<'_> {
    move |source| Failure::File { what: "writing", path: path.to_owned(), source }
}

pub(crate) fn check_free(path: &Path) -> Result<(), Failure> {
    if path.exists() { Err(failed(path)(io::ErrorKind::AlreadyExists.into())) } else { Ok(()) }
}

impl Saving {
    /// Beside it, for its owner alone, and gone unless it is kept.
    pub(crate) fn begin(path: &Path) -> Result<Self, Failure> {
        check_free(path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(directory).map_err(failed(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(failed(&self.path))
    }

    pub(crate) fn keep(self) -> Result<(), Failure> {
        self.file.as_file().sync_all().map_err(failed(&self.path))?;
        self.file.persist_noclobber(&self.path).map_err(|error| failed(&self.path)(error.error))?;
        Ok(())
    }
}
