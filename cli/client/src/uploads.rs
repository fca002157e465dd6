//! Files that are sent: begin an upload, send its files, make something of them. A file of a size that hurts to lose is sent
//! in pieces (tus.io/protocols/resumable-upload): after a cut it goes on from what the panel has.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};
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
        let mut reader = Reader::open(file).map_err(failed)?;
        let length = reader.length;
        let mut pauses = PAUSES.iter();
        let begun = self.api(Method::POST, &path).header("upload-length", &length.to_string()).done().await?;
        let mut offset = offset(&path, begun.headers())?;
        let mut next = None::<Piece>;
        while offset < length {
            let piece = match next.take() {
                Some(piece) if piece.at == offset => piece,
                _ => {
                    let (again, piece) = reader.piece(offset).await.map_err(failed)?;
                    reader = again;
                    piece
                }
            };
            let behind = offset + piece.bytes.len() as u64;
            // The next one is read, and its sum reckoned, while this one is on its way.
            let (put, read) = tokio::join!(self.piece_put(&path, piece), reader.piece(behind));
            let (again, read) = read.map_err(failed)?;
            (reader, next) = (again, Some(read));
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
        reader.sum().await.map_err(failed)
    }

    /// How many bytes of a file that comes in pieces the panel has.
    pub async fn upload_offset(&self, upload: UploadId, name: &str) -> Result<u64, Error> {
        let path = format!("/uploads/{upload}/{name}");
        offset(&path, self.api(Method::HEAD, &path).done().await?.headers())
    }

    async fn piece_put(&self, path: &str, piece: Piece) -> Result<u64, Error> {
        let sum = format!("sha256 {}", STANDARD.encode(piece.sum));
        let asked = self.api(Method::PATCH, path).patient(SENDING).header("upload-offset", &piece.at.to_string());
        let asked = asked.header("upload-checksum", &sum).header("content-type", "application/offset+octet-stream");
        offset(path, asked.body(piece.bytes).done().await?.headers())
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

/// Of a file that is sent; with the sum of it from its beginning, as far as it was read in one go.
struct Reader {
    file: File,
    length: u64,
    seen: u64,
    so_far: Sha256,
}

/// Empty behind the file's end.
struct Piece {
    at: u64,
    bytes: Vec<u8>,
    sum: [u8; 32],
}

impl Reader {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, seen: 0, so_far: Sha256::new() })
    }

    /// What stands there.
    async fn piece(mut self, at: u64) -> io::Result<(Self, Piece)> {
        beside(move || {
            let mut bytes = Vec::new();
            self.file.seek(SeekFrom::Start(at))?;
            (&self.file).take(PIECE).read_to_end(&mut bytes)?;
            if self.seen == at {
                self.so_far.update(&bytes);
                self.seen += bytes.len() as u64;
            }
            let sum = Sha256::digest(&bytes).into();
            Ok((self, Piece { at, bytes, sum }))
        })
        .await
    }

    /// Of the whole file, in hexadecimal.
    async fn sum(mut self) -> io::Result<String> {
        if self.seen < self.length {
            return beside(move || {
                self.file.seek(SeekFrom::Start(0))?;
                let mut sum = Sha256::new();
                io::copy(&mut self.file, &mut sum)?;
                Ok(hex(&sum.finalize()))
            })
            .await;
        }
        Ok(hex(&self.so_far.finalize()))
    }
}

/// On a thread of its own: it keeps a processor busy, and others have something to send.
async fn beside<T: Send + 'static>(reads: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(reads).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn hex(sum: &[u8]) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
