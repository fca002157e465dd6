//! A file that comes in pieces (tus.io/protocols/resumable-upload, 1.0.0: core, creation, checksum): what has come stays
//! when its connection or the panel ends, and is gone on with from there.
//!
//! Below an upload's place, `lengths/NAME` says how long the file will be, and `files/.NAME` is what has come of it. While a
//! piece with a sum comes in, `lengths/.NAME` says where it began: until its sum is known to be right, nothing behind that is here.

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{FieldErrors, UploadId};

use super::{Admitted, LOOK, Uploads, check_room, failed};

/// How long nothing may come of a piece. Who goes on with it waits as long, where a connection died unnoticed.
const QUIET: Duration = Duration::from_secs(20);
/// Of a piece with a sum, in bytes: where it is cut, all of it is sent again.
pub const SUMMED_MOST: u64 = 8 << 20;

/// How much of a file is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoFar {
    pub offset: u64,
    pub length: u64,
}

/// Where a file is that comes in pieces.
struct Coming {
    place: PathBuf,
    length: PathBuf,
    /// Where a piece began whose sum is not known yet.
    begun: PathBuf,
    part: PathBuf,
    whole: PathBuf,
}

impl Coming {
    fn of(Admitted { place, name, .. }: Admitted) -> Self {
        let (files, lengths) = (place.join("files"), place.join("lengths"));
        let hidden = format!(".{name}");
        Self {
            part: files.join(&hidden),
            whole: files.join(&name),
            begun: lengths.join(hidden),
            length: lengths.join(name),
            place,
        }
    }

    fn begun(&self) -> Option<u64> {
        fs::read_to_string(&self.begun).ok()?.parse().ok()
    }

    fn so_far(&self) -> Result<SoFar, AppError> {
        let bytes = |path: &Path| fs::metadata(path).map(|facts| facts.len());
        let length = fs::read_to_string(&self.length).ok().and_then(|text| text.parse().ok());
        let length = length.ok_or_else(|| AppError::not_found("file"))?;
        let part = || bytes(&self.part).map(|there| self.begun().map_or(there, |begun| begun.min(there)));
        let offset = bytes(&self.whole).or_else(|_| part()).map_err(failed("reading", &self.part))?;
        Ok(SoFar { offset, length })
    }
}

impl Uploads {
    /// A file of that many bytes will come. Said again, it is gone on with, unless its length is another one.
    pub async fn pieces_begin(&self, admitted: Admitted, length: u64) -> Result<SoFar, AppError> {
        let most = admitted.most;
        if length == 0 || length.saturating_add(admitted.taken) > most {
            let message = format!("How long the file is, in bytes; an upload has at most {} MiB in all.", most >> 20);
            return Err(AppError::Invalid(FieldErrors::one("Upload-Length", message)));
        }
        let coming = Coming::of(admitted);
        if let Ok(so_far) = coming.so_far()
            && so_far.length == length
        {
            return Ok(so_far);
        }
        check_room(&self.parts).await?;
        let lengths = coming.place.join("lengths");
        fs::create_dir_all(&lengths).map_err(failed("making", &lengths))?;
        for old in [&coming.whole, &coming.part, &coming.begun, &coming.length] {
            gone(old).map_err(failed("removing", old))?;
        }
        fs::File::create(&coming.part).map_err(failed("making", &coming.part))?;
        fs::write(&coming.length, length.to_string()).map_err(failed("writing", &coming.length))?;
        Ok(SoFar { offset: 0, length })
    }

    pub async fn pieces_so_far(&self, caller: &Caller, upload: UploadId, name: &str) -> Result<SoFar, AppError> {
        let admitted = self.admitted(caller, upload, name).await.map_err(|error| match error {
            // No file has such a name.
            AppError::Invalid(_) => AppError::not_found("file"),
            other => other,
        });
        Coming::of(admitted?).so_far()
    }

    /// Takes in what follows on `offset`. What has come of it stays when it is cut, unless it comes with a sum: then all of
    /// it does or nothing.
    pub async fn piece_put<S, B, E>(
        &self,
        admitted: Admitted,
        (offset, sum): (u64, Option<[u8; 32]>),
        mut body: S,
    ) -> Result<SoFar, AppError>
    where
        S: Stream<Item = Result<B, E>> + Send + Unpin,
        B: AsRef<[u8]> + Send,
        E: Send,
    {
        let coming = Coming::of(admitted);
        let SoFar { length, .. } = coming.so_far()?;
        let mut file = opened(&coming, offset)?;
        if sum.is_some() {
            fs::write(&coming.begun, offset.to_string()).map_err(failed("writing", &coming.begun))?;
        }
        let (mut bytes, mut looked, mut seen) = (offset, offset, Sha256::new());
        let whole = async {
            while let Some(some) = timeout(QUIET, body.next()).await.map_err(|_| cut())? {
                let some = some.map_err(|_| cut())?;
                let some = some.as_ref();
                bytes += some.len() as u64;
                if bytes > length {
                    let message = format!("It has {length} bytes, and more come.");
                    return Err(AppError::Invalid(FieldErrors::one("Upload-Length", message)));
                }
                if bytes >= looked {
                    check_room(&self.parts).await?;
                    looked = bytes + LOOK;
                }
                if sum.is_some() {
                    if bytes - offset > SUMMED_MOST {
                        let message = format!("A piece with a sum has at most {SUMMED_MOST} bytes.");
                        return Err(AppError::Invalid(FieldErrors::one("Upload-Checksum", message)));
                    }
                    seen.update(some);
                }
                // What is written is on its way while the next of it comes.
                file.write_all(some).await.map_err(failed("writing", &coming.part))?;
            }
            if sum.is_some_and(|sum| *seen.finalize() != sum) {
                let message = "What came has another sum than Upload-Checksum says: send it again.".into();
                return Err(AppError::Conflict { message });
            }
            Ok(())
        };
        let whole: Result<(), AppError> = whole.await;
        // What was written may be on its way yet.
        let flushed = file.flush().await.map_err(failed("writing", &coming.part));
        if sum.is_some() {
            if whole.is_err() || flushed.is_err() {
                file.set_len(offset).await.map_err(failed("taking back what came of", &coming.part))?;
            }
            gone(&coming.begun).map_err(failed("removing", &coming.begun))?;
        }
        whole.and(flushed)?;
        if bytes == length {
            // Not each piece: what a host that failed has lost of them, the file's length says, and its sender asks for that.
            file.sync_all().await.map_err(failed("writing", &coming.part))?;
            fs::rename(&coming.part, &coming.whole).map_err(failed("naming", &coming.whole))?;
        }
        // It is as old as what came last.
        let touched = fs::File::open(&coming.place).and_then(|place| place.set_modified(SystemTime::now()));
        touched.map_err(failed("marking", &coming.place))?;
        Ok(SoFar { offset: bytes, length })
    }
}

/// To be written on from there, by one at a time: the lock goes with the file, however its writer ends.
fn opened(coming: &Coming, offset: u64) -> Result<tokio::fs::File, AppError> {
    let now = |there: u64| AppError::Conflict { message: format!("{there} bytes of it are here: go on from there.") };
    let mut open = match fs::File::options().write(true).open(&coming.part) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(now(coming.so_far()?.offset)),
        Err(error) => return Err(failed("opening", &coming.part)(error)),
    };
    open.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => AppError::Conflict { message: "Another piece of it is coming in.".into() },
        TryLockError::Error(error) => failed("locking", &coming.part)(error),
    })?;
    // Whoever sent the last piece, or the panel, ended before its sum was known.
    if let Some(begun) = coming.begun() {
        let there = open.metadata().map_err(failed("reading", &coming.part))?.len();
        open.set_len(begun.min(there)).map_err(failed("taking back what came of", &coming.part))?;
        gone(&coming.begun).map_err(failed("removing", &coming.begun))?;
    }
    match io::Seek::seek(&mut open, io::SeekFrom::End(0)).map_err(failed("reading", &coming.part))? {
        there if there == offset => Ok(tokio::fs::File::from_std(open)),
        there => Err(now(there)),
    }
}

fn cut() -> AppError {
    AppError::Invalid(FieldErrors::one("file", "The piece was cut off. Go on from what is here."))
}

fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
