//! Files that are sent: begin an upload, send its files, make something of them. A file of a size that hurts to lose is sent
//! in pieces (tus.io/protocols/resumable-upload): after a cut it goes on from what the panel has.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use umbel_guest::UploadId;

use crate::answers::{Begun, UploadedFile};
use crate::client::Client;
use crate::error::Error;

/// How long a file may take: 16 GiB by 10 Mbit/s are four hours.
const SENDING: Duration = Duration::from_secs(4 * 3600);
/// A piece is read at once and has a sum; the panel takes 8 MiB at most.
const PIECE: u64 = 8 << 20;
/// After a cut; then it is given up. The panel may take 20 s to notice one.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 20, 40];

impl Client {
    pub async fn upload_begin(&self) -> Result<UploadId, Error> {
        Ok(self.api(Method::POST, "/uploads").read::<Begun>().await?.upload)
    }

    /// One file, as it is. A file of the same name is replaced.
    pub async fn upload_put(
        &self,
        upload: UploadId,
        name: &str,
        bytes: impl Into<reqwest::Body>,
    ) -> Result<UploadedFile, Error> {
        self.api(Method::PUT, &format!("/uploads/{upload}/{name}")).patient(SENDING).body(bytes).read().await
    }

    /// One file in pieces, from where the panel has it, over cuts and restarts. Gives its SHA-256.
    pub async fn upload_send(&self, upload: UploadId, name: &str, file: &Path) -> Result<String, Error> {
        let path = format!("/uploads/{upload}/{name}");
        let failed = |source| Error::File { path: file.to_owned(), source };
        let mut open = File::open(file).await.map_err(failed)?;
        let length = open.metadata().await.map_err(failed)?.len();
        let mut pauses = PAUSES.iter();
        let begun = self.api(Method::POST, &path).header("upload-length", &length.to_string()).done().await?;
        let mut offset = offset(&path, begun.headers())?;
        let (mut seen, mut next) = (Seen::default(), None);
        while offset < length {
            let piece = match next.take() {
                Some((at, piece)) if at == offset => piece,
                _ => piece_of(&mut open, offset, &mut seen).await.map_err(failed)?,
            };
            let behind = offset + piece.len() as u64;
            // The next one is read while this one is on its way.
            let (put, read) =
                tokio::join!(self.piece_put(&path, offset, piece), piece_of(&mut open, behind, &mut seen));
            next = Some((behind, read.map_err(failed)?));
            match put {
                Ok(there) => (offset, pauses) = (there, PAUSES.iter()),
                Err(error) => {
                    let Some(pause) = pauses.next().filter(|_| passes(&error)) else { return Err(error) };
                    tokio::time::sleep(Duration::from_secs(*pause)).await;
                    if let Ok(there) = self.upload_offset(upload, name).await {
                        offset = there;
                    }
                }
            }
        }
        if seen.bytes == length {
            return Ok(hex(&seen.sum.finalize()));
        }
        sum(&mut open).await.map_err(failed)
    }

    /// How many bytes of a file that comes in pieces the panel has.
    pub async fn upload_offset(&self, upload: UploadId, name: &str) -> Result<u64, Error> {
        let path = format!("/uploads/{upload}/{name}");
        offset(&path, self.api(Method::HEAD, &path).done().await?.headers())
    }

    async fn piece_put(&self, path: &str, at: u64, piece: Vec<u8>) -> Result<u64, Error> {
        let sum = format!("sha256 {}", STANDARD.encode(Sha256::digest(&piece)));
        let asked = self.api(Method::PATCH, path).patient(SENDING).header("upload-offset", &at.to_string());
        let asked = asked.header("upload-checksum", &sum).header("content-type", "application/offset+octet-stream");
        offset(path, asked.body(piece).done().await?.headers())
    }

    pub async fn upload_remove(&self, upload: UploadId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/uploads/{upload}")).done().await.map(drop)
    }
}

fn offset(path: &str, headers: &HeaderMap) -> Result<u64, Error> {
    let offset = headers.get("upload-offset").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    offset.ok_or_else(|| Error::Frame(format!("{path}: it says no Upload-Offset")))
}

/// A connection that broke, a panel that isn't there for a moment, or that has it in another place than we thought.
fn passes(error: &Error) -> bool {
    match error.status().map(|status| status.as_u16()) {
        None => matches!(error, Error::Send { .. }),
        Some(status) => matches!(status, 409 | 429 | 502..=504),
    }
}

/// The sum of a file from its beginning, as far as it was read in one go.
#[derive(Default)]
struct Seen {
    bytes: u64,
    sum: Sha256,
}

/// Nothing where there is nothing more.
async fn piece_of(open: &mut File, at: u64, seen: &mut Seen) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    open.seek(SeekFrom::Start(at)).await?;
    open.take(PIECE).read_to_end(&mut piece).await?;
    if seen.bytes == at {
        seen.sum.update(&piece);
        seen.bytes += piece.len() as u64;
    }
    Ok(piece)
}

async fn sum(open: &mut File) -> std::io::Result<String> {
    open.seek(SeekFrom::Start(0)).await?;
    let (mut sum, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match open.read(&mut piece).await? {
            0 => return Ok(hex(&sum.finalize())),
            read => sum.update(&piece[..read]),
        }
    }
}

fn hex(sum: &[u8]) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
