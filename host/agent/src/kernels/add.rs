//! Taking over a kernel that the panel has put into its directory of uploads, and removing one. What
//! lies there was written by a process without rights, out of what somebody sent: nothing of it is
//! trusted, and it can change while it is read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rustix::fs::{Mode, OFlags};
use umbel_guest::{KernelId, UploadId};
use umbel_wire::agent::Refusal;

use super::{FILE, Kernels, LIBRARIES};
use crate::host::free_mib;
use crate::shelf::{Shelf, remove};
use crate::{beneath, in_full};

const KERNEL_MAX: u64 = 256 << 20;
const LIBRARY_MAX: u64 = 32 << 20;
const LIBRARIES_MAX: usize = 32;

#[derive(Debug, thiserror::Error)]
enum AddError {
    #[error("{file} in the upload")]
    Open { file: String, source: io::Error },
    #[error("{file} is larger than {} MiB", .most >> 20)]
    Size { file: String, most: u64 },
    #[error("the upload has more than {LIBRARIES_MAX} libraries")]
    TooMany,
    #[error("{file:?} is no name of a library")]
    Name { file: String },
    #[error("making {path}")]
    Make { path: PathBuf, source: io::Error },
    #[error("copying {file}")]
    Copy { file: String, source: io::Error },
    #[error("{0}")]
    NotAKernel(String),
    #[error("another kernel has that name")]
    Taken,
}

impl Kernels {
    /// Takes an upload over under that name, when it was found to be a kernel that runs here. Repeating it
    /// does no harm; a failure leaves nothing.
    pub fn add(&self, id: &KernelId, upload: UploadId) -> Result<(), Refusal> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.layout.upload(upload);
        let is_there = self.layout.kernel(id).join(FILE).exists();
        if !from.exists() {
            return if is_there { Ok(()) } else { Err(Refusal::UnknownUpload { upload }) };
        }
        let refusal = |error: AddError| match &error {
            AddError::Copy { source, .. } | AddError::Make { source, .. }
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                Refusal::DiskFull { free_mib: free_mib(self.layout.data()).unwrap_or_default() }
            }
            _ => Refusal::BadKernel { kernel: id.clone(), reason: in_full(&error) },
        };
        let shelf = self.shelf();
        let make = |source| refusal(AddError::Make { path: self.layout.kernel(id), source });
        let coming = shelf.begin(id.as_str()).map_err(make)?;
        let taken_over = self.take_over(&from, &coming, id, is_there).map_err(refusal);
        // After a success it has its name already.
        remove(&coming).map_err(make)?;
        taken_over
    }

    fn take_over(&self, from: &Path, coming: &Path, id: &KernelId, is_there: bool) -> Result<(), AddError> {
        self.copy(from, coming)?;
        let file = coming.join(FILE);
        if is_there {
            let same = |a: &Path, b: &Path| {
                super::look::digest(a).ok().filter(|d| super::look::digest(b).ok().as_ref() == Some(d))
            };
            let theirs = self.layout.kernel(id).join(FILE);
            return same(&file, &theirs).map(drop).ok_or(AddError::Taken);
        }
        if self.of_the_host().iter().any(|(_, other, _)| other == id) {
            return Err(AddError::Taken);
        }
        let libraries = coming.join(LIBRARIES);
        self.looks.look(&file, Some(libraries.as_path()).filter(|path| path.exists())).map_err(AddError::NotAKernel)?;
        let make = |source| AddError::Make { path: self.layout.kernel(id), source };
        self.shelf().put(coming, id.as_str()).map_err(make)
    }

    /// Every file is opened beneath the data directory, without following a link, and copied: the panel
    /// can write to what it has uploaded, and must not to what root starts.
    fn copy(&self, from: &Path, to: &Path) -> Result<(), AddError> {
        make_directory(to)?;
        self.copy_file(&from.join(FILE), &to.join(FILE), KERNEL_MAX)?;
        let libraries = from.join(LIBRARIES);
        let open = beneath::open(self.layout.data(), &libraries, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
        let directory = match open {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(|source| AddError::Open { file: LIBRARIES.into(), source })?,
        };
        let failed = |e: rustix::io::Errno| AddError::Open { file: LIBRARIES.into(), source: e.into() };
        make_directory(&to.join(LIBRARIES))?;
        let mut count = 0;
        for entry in rustix::fs::Dir::read_from(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." {
                continue;
            }
            count += 1;
            if count > LIBRARIES_MAX {
                return Err(AddError::TooMany);
            }
            if !is_library(&name) {
                return Err(AddError::Name { file: name.chars().take(64).collect() });
            }
            self.copy_file(&libraries.join(&name), &to.join(LIBRARIES).join(&name), LIBRARY_MAX)?;
        }
        Ok(())
    }

    fn copy_file(&self, from: &Path, to: &Path, most: u64) -> Result<(), AddError> {
        let file = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let opened = beneath::regular(self.layout.data(), from);
        let (source, facts) = opened.map_err(|source| AddError::Open { file: file.clone(), source })?;
        // It may grow while it is read.
        if facts.len() > most {
            return Err(AddError::Size { file, most });
        }
        let copy = |source| AddError::Copy { file: file.clone(), source };
        let mut target = File::create_new(to).map_err(copy)?;
        let length = io::copy(&mut source.take(most + 1), &mut target).map_err(copy)?;
        if length > most {
            return Err(AddError::Size { file, most });
        }
        target.set_permissions(fs::Permissions::from_mode(0o755)).map_err(copy)?;
        target.sync_all().map_err(copy)
    }

    /// Removes what was uploaded, if nothing runs with it.
    pub fn remove(&self, id: &KernelId, is_used: impl Fn() -> bool) -> Result<(), Refusal> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _nobody_starts = self.used.write().unwrap_or_else(PoisonError::into_inner);
        if is_used() {
            return Err(Refusal::KernelInUse { kernel: id.clone() });
        }
        let directory = self.layout.kernel(id);
        if !directory.exists() {
            return match self.of_the_host().iter().find(|(_, other, _)| other == id) {
                Some((place, ..)) => {
                    let what = format!("remove {}, which is {}", place.file.display(), place.origin.words());
                    Err(Refusal::NotHere { what })
                }
                None => Ok(()),
            };
        }
        self.shelf().take_away(id.as_str()).map_err(crate::state::failed_at("removing the kernel", &directory))
    }

    /// What an agent left that was killed over an upload or a removal.
    pub fn sweep(&self) {
        self.shelf().sweep();
    }

    fn shelf(&self) -> Shelf {
        Shelf::new(self.layout.kernels())
    }
}

/// `libc.so.6`, `ld-linux-x86-64.so.2` and the like.
fn is_library(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    plain && name.len() <= 64 && !name.starts_with('.') && name.contains(".so")
}

fn make_directory(path: &Path) -> Result<(), AddError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|source| AddError::Make { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries_are_plain() {
        for name in ["libc.so.6", "ld-linux-x86-64.so.2", "libgcc_s.so.1", "libstdc++.so.6"] {
            assert!(is_library(name), "{name}");
        }
        for name in ["", ".so", "../libc.so.6", "libc", "a b.so", &"x.so".repeat(20)] {
            assert!(!is_library(name), "{name:?}");
        }
    }
}
