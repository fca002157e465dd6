//! Files that come in: a directory of the panel's own for each upload, below it `files/` as they came.
//! What the agent takes over, `linux` and `lib/` or `disk`, is put beside them by the operation.
//!
//! What comes in pieces is in [`pieces`]. Nothing of an upload outlives a day.

mod pieces;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::UploadedFile;
use umbel_guest::{AccountId, FieldErrors, PanelRight, ParcelSize, UploadId};
use uuid::Uuid;

use crate::error::internal;
use crate::guests::from_host;
use crate::hex::hex;
use crate::kernels::{allows, settings};
use crate::operations::file_fetch::FETCHED;
use crate::parts::Parts;

pub use pieces::{SUMMED_MOST, SoFar};

/// Of all files of one upload together, where it can be a kernel only; and where it may be an image.
const KERNEL_MOST: u64 = 256 << 20;
pub(crate) const IMAGE_MOST: u64 = 16 << 30;
/// Of the disk's room, in percent, is left free by uploads.
pub const FREE_PERCENT: u64 = 10;
/// How often that is looked at, in bytes.
const LOOK: u64 = 16 << 20;
/// How long nothing may come of a file that is coming: it takes one of few places.
const QUIET: Duration = Duration::from_secs(60);
/// A kernel, its C library, and what that stands on.
const FILES_MOST: usize = 8;
/// Of one person at a time.
const UPLOADS_MOST: usize = 4;
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// What came out of a guest.
pub(crate) const KEPT_FETCHED: Duration = Duration::from_secs(3600);
/// Marks an upload that is for a guest.
const PARCEL: &str = "parcel";

/// A step on an upload's files that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step} {path}")]
pub struct UploadError {
    step: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AppError + use<> {
    let path = path.to_owned();
    move |source| internal(&UploadError { step, path, source })
}

/// As the file is kept: a plain name, as packages of Debian have it, and never a hidden one.
fn plain(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-_.+~%:".contains(&b);
    (1..=120).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(known)
}

/// A file that may come in.
#[derive(Debug)]
pub struct Admitted {
    /// The upload's.
    place: PathBuf,
    name: String,
    /// Of all files of the upload together, in bytes; and how many those beside it have.
    most: u64,
    taken: u64,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Uploads {
    parts: Parts,
}

impl Uploads {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// How many bytes of theirs may come.
    async fn most(&self, caller: &Caller) -> Result<u64, AppError> {
        if caller.may(PanelRight::ManageImages).is_ok() {
            return Ok(IMAGE_MOST);
        }
        if allows(settings(&self.parts.db).await?.upload, caller) {
            return Ok(KERNEL_MOST);
        }
        Err(AppError::Forbidden { reason: "Only administrators put files in here.".into() })
    }

    fn place(&self, upload: UploadId) -> Result<PathBuf, AppError> {
        let layout = self.parts.layout.as_ref().ok_or_else(|| AppError::not_found("upload"))?;
        Ok(layout.upload(upload))
    }

    pub async fn begin(&self, caller: &Caller) -> Result<UploadId, AppError> {
        self.most(caller).await?;
        self.make(caller)
    }

    /// For a file that goes into a guest, of somebody who may send one there.
    pub async fn begin_parcel(&self, caller: &Caller) -> Result<UploadId, AppError> {
        check_room(&self.parts).await?;
        let upload = self.make(caller)?;
        let mark = self.place(upload)?.join(PARCEL);
        fs::write(&mark, "").map_err(failed("marking", &mark))?;
        Ok(upload)
    }

    fn make(&self, caller: &Caller) -> Result<UploadId, AppError> {
        let upload = UploadId(Uuid::now_v7());
        let place = self.place(upload)?;
        if let Some(all) = place.parent()
            && forget_old(all, caller.account.id) >= UPLOADS_MOST
        {
            let message = "Four uploads of yours are there already. Finish one, or try again tomorrow.".into();
            return Err(AppError::Conflict { message });
        }
        fs::create_dir_all(place.join("files")).map_err(failed("making", &place))?;
        fs::write(place.join("owner"), caller.account.id.to_string()).map_err(failed("marking", &place))?;
        Ok(upload)
    }

    /// Whether it is the caller's.
    pub(crate) fn is_there(&self, caller: &Caller, upload: UploadId) -> bool {
        self.place(upload).is_ok_and(|place| owner(&place) == Some(caller.account.id))
    }

    /// What the one file of an upload of the caller's is called.
    pub(crate) fn named(&self, caller: &Caller, upload: UploadId) -> Option<String> {
        let place = self.place(upload).ok().filter(|_| self.is_there(caller, upload))?;
        let names = fs::read_dir(place.join("files")).ok()?.filter_map(Result::ok);
        let mut names = names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| plain(name));
        names.next().filter(|_| names.next().is_none())
    }

    /// Whether, and where, a file of that name may come in.
    pub async fn admitted(&self, caller: &Caller, upload: UploadId, name: &str) -> Result<Admitted, AppError> {
        let is_parcel = self.is_there(caller, upload) && self.place(upload)?.join(PARCEL).exists();
        let most = if is_parcel { ParcelSize::MOST.bytes() } else { self.most(caller).await? };
        if !self.is_there(caller, upload) {
            return Err(AppError::not_found("upload"));
        }
        if !plain(name) {
            let message = "A file's name is made of letters, digits and -_.+~, and begins with no dot.";
            return Err(AppError::Invalid(FieldErrors::one("file", message)));
        }
        let place = self.place(upload)?;
        let files = place.join("files");
        let (others, taken) = measure(&files, name).map_err(failed("reading", &files))?;
        if others >= FILES_MOST {
            let message = format!("An upload has at most {FILES_MOST} files.");
            return Err(AppError::Invalid(FieldErrors::one("file", message)));
        }
        Ok(Admitted { place, name: name.to_owned(), most, taken })
    }

    /// Takes one file in, as it comes. A file of the same name is replaced.
    pub async fn put<S, B, E>(
        &self,
        caller: &Caller,
        upload: UploadId,
        name: &str,
        mut body: S,
    ) -> Result<UploadedFile, AppError>
    where
        S: Stream<Item = Result<B, E>> + Send + Unpin,
        B: AsRef<[u8]> + Send,
        E: Send,
    {
        let Admitted { place, most, taken: mut bytes, .. } = self.admitted(caller, upload, name).await?;
        let files = place.join("files");
        // No plain name begins with a dot, so this is nobody's file.
        let part = files.join(format!(".{name}"));
        let mut file = tokio::fs::File::create(&part).await.map_err(failed("making", &part))?;
        let (mut sha256, mut size_bytes, mut looked) = (Sha256::new(), 0, 0);
        let whole = async {
            let cut = || AppError::Invalid(FieldErrors::one("file", "The file was cut off. Send it again."));
            while let Some(some) = timeout(QUIET, body.next()).await.map_err(|_| cut())? {
                let some = some.map_err(|_| cut())?;
                let some = some.as_ref();
                bytes += some.len() as u64;
                size_bytes += some.len() as u64;
                if bytes > most {
                    let message = format!("An upload has at most {} MiB in all.", most >> 20);
                    return Err(AppError::Invalid(FieldErrors::one("file", message)));
                }
                if size_bytes >= looked {
                    check_room(&self.parts).await?;
                    looked = size_bytes + LOOK;
                }
                sha256.update(some);
                file.write_all(some).await.map_err(failed("writing", &part))?;
            }
            file.sync_all().await.map_err(failed("writing", &part))
        };
        if let Err(error) = whole.await {
            let _ = tokio::fs::remove_file(&part).await;
            return Err(error);
        }
        let path = files.join(name);
        tokio::fs::rename(&part, &path).await.map_err(failed("naming", &path))?;
        let sha256 = hex(&sha256.finalize());
        Ok(UploadedFile { name: name.to_owned(), size_bytes, sha256 })
    }

    pub async fn remove(&self, caller: &Caller, upload: UploadId) -> Result<(), AppError> {
        if !self.is_there(caller, upload) {
            return Err(AppError::not_found("upload"));
        }
        let place = self.place(upload)?;
        remove(&place).map_err(failed("removing", &place))
    }
}

/// Nobody's guest finds the disk full because of what comes in.
pub(crate) async fn check_room(parts: &Parts) -> Result<(), AppError> {
    let facts = parts.link.host.facts().await.map_err(from_host)?;
    if facts.disk_free_mib.saturating_mul(100) >= facts.disk_total_mib.saturating_mul(FREE_PERCENT) {
        return Ok(());
    }
    let message = format!("Less than {FREE_PERCENT} % of the host's disk is free: nothing more comes in.");
    Err(AppError::Conflict { message })
}

/// Removes all of an upload; it may be gone already.
pub fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Moves the only file of an upload to where the agent looks for it, and says where that is. `what` is what it is for.
pub(crate) fn the_only_one(place: &Path, what: &str) -> Result<PathBuf, String> {
    let disk = place.join("disk");
    if disk.exists() {
        return Ok(disk);
    }
    let files = whole(&place.join("files")).map_err(|error| format!("reading the upload: {error}"))?;
    let [file] = &files[..] else {
        return Err(format!("{what} is made of one file, and here are {}", files.len()));
    };
    fs::rename(file, &disk).map_err(|error| format!("moving the upload: {error}"))?;
    Ok(disk)
}

/// But for those that have not come to their end.
fn whole(files: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(files)?.collect::<io::Result<Vec<_>>>()?;
    let whole = entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    Ok(whole.map(fs::DirEntry::path).collect())
}

/// A place that is nobody else's to look into, whoever is on the host.
pub(crate) fn private(place: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(place)
}

fn owner(place: &Path) -> Option<AccountId> {
    fs::read_to_string(place.join("owner")).ok()?.parse().ok()
}

/// Files beside that one, and their bytes.
fn measure(files: &Path, but: &str) -> io::Result<(usize, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for entry in fs::read_dir(files)? {
        let entry = entry?;
        if entry.file_name() != but && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            count += 1;
            bytes += entry.metadata()?.len();
        }
    }
    Ok((count, bytes))
}

/// Forgets uploads that are too old, whosever they are.
pub(crate) fn forget_all_old(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        forget_if_old(&entry.path());
    }
}

/// Whether it was too old.
fn forget_if_old(place: &Path) -> bool {
    let age = |path: &Path| {
        let changed = fs::metadata(path).and_then(|facts| facts.modified());
        changed.ok().map(|changed| SystemTime::now().duration_since(changed).unwrap_or_default())
    };
    let fetched = age(&place.join(FETCHED));
    if fetched.is_none_or(|age| age <= KEPT_FETCHED) && age(place).is_some_and(|age| age <= KEPT) {
        return false;
    }
    if let Err(error) = remove(place) {
        tracing::warn!(path = %place.display(), %error, "an old upload stays");
    }
    true
}

/// Forgets uploads that are too old, and counts those that are left of one person.
fn forget_old(all: &Path, of: AccountId) -> usize {
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    entries.filter(|entry| !forget_if_old(&entry.path()) && owner(&entry.path()) == Some(of)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_under_a_plain_name() {
        for name in ["", ".", "..", ".x", "a/b", "a b", "a\0", "ä", &"a".repeat(121)] {
            assert!(!plain(name), "{name:?}");
        }
        for name in ["linux", "libc6_2.41-12+deb13u1_amd64.deb", "user-mode-linux_7.2um1~rc1_amd64.deb"] {
            assert!(plain(name), "{name:?}");
        }
    }
}
