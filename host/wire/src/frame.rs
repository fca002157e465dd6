//! Frames: a little-endian `u32` length, then that many bytes. Nothing longer than [`MAX`] is read.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest frame in bytes, without its length.
pub const MAX: usize = 1 << 20;

/// A frame that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {0} bytes, more than {MAX}")]
    TooLong(usize),
    #[error("a frame whose content can't be read")]
    Content(#[source] serde_json::Error),
    #[error("the other side is gone")]
    Closed,
    #[error("reading or writing a frame")]
    Io(#[source] io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// The content with its length in front.
pub fn encode(content: &[u8]) -> Result<Vec<u8>, FrameError> {
    let length = u32::try_from(content.len()).ok().filter(|_| content.len() <= MAX);
    let length = length.ok_or(FrameError::TooLong(content.len()))?;
    let mut frame = Vec::with_capacity(4 + content.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(content);
    Ok(frame)
}

/// The first whole frame's content in `buffer` and the bytes it takes up, or `None` if more is to come.
pub fn decode(buffer: &[u8]) -> Result<Option<(&[u8], usize)>, FrameError> {
    let Some((length, rest)) = buffer.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX {
        return Err(FrameError::TooLong(length));
    }
    Ok(rest.get(..length).map(|content| (content, 4 + length)))
}

pub fn write(to: &mut impl Write, content: &[u8]) -> Result<(), FrameError> {
    Ok(to.write_all(&encode(content)?)?)
}

pub fn read(from: &mut impl Read) -> Result<Vec<u8>, FrameError> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX {
        return Err(FrameError::TooLong(length));
    }
    let mut content = vec![0; length];
    from.read_exact(&mut content)?;
    Ok(content)
}

pub fn to_json(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    serde_json::to_vec(message).map_err(FrameError::Content)
}

pub fn from_json<T: DeserializeOwned>(content: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(content).map_err(FrameError::Content)
}

/// The same over tokio's streams.
#[cfg(feature = "tokio")]
pub mod aio {
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

    use super::{FrameError, MAX, encode};

    pub async fn write(to: &mut (impl AsyncWrite + Unpin), content: &[u8]) -> Result<(), FrameError> {
        Ok(to.write_all(&encode(content)?).await?)
    }

    /// Not cancel-safe: drop the stream with the future.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, FrameError> {
        let length = from.read_u32_le().await? as usize;
        if length > MAX {
            return Err(FrameError::TooLong(length));
        }
        let mut content = vec![0; length];
        from.read_exact(&mut content).await?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stream_of_frames_is_cut_at_the_same_places(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let stream: Vec<u8> = parts.iter().flat_map(|p| encode(p).expect("short")).collect();
            let (mut rest, mut got) = (stream.as_slice(), Vec::new());
            while let Some((content, used)) = decode(rest).expect("ours") {
                got.push(content.to_vec());
                rest = &rest[used..];
            }
            prop_assert_eq!(got, parts);
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
            let _ = read(&mut bytes.as_slice());
        }
    }

    #[test]
    fn a_length_from_hell_is_refused_before_memory_is_taken() {
        assert!(matches!(decode(&[0xff; 8]), Err(FrameError::TooLong(_))));
        assert!(matches!(read(&mut [0xff; 8].as_slice()), Err(FrameError::TooLong(_))));
    }
}
