//! A console is bytes with absolute offsets. Offset 0 is the first byte a guest ever wrote; offsets
//! go on over restarts. A reader that was cut off asks for the byte it has not got, and what is no
//! longer kept is answered by a typed gap.
//!
//! The frames here travel as binary WebSocket messages between a browser (or any client) and the
//! server: one byte of kind, then fixed big-endian numbers, then bytes.
//!
//! ```text
//! to reader    1 Chunk  u64 offset, bytes          from reader  1 Input  bytes
//!              2 Gap    u64 from, u64 to                        2 Resize u16 columns, u16 rows
//!              3 State  JSON                                    3 Ack    u64 offset
//!              4 Closed JSON                                    4 TakeKeyboard
//!                                                               5 ReleaseKeyboard
//!                                                               6 CtrlAltDel
//! ```

use serde::{Deserialize, Serialize};

use crate::rights::Denied;
use crate::state::Badge;

/// How many bytes may be under way to a reader before it acknowledges some.
pub const WINDOW: u64 = 128 * 1024;

/// The largest chunk in one frame.
pub const CHUNK: usize = 32 * 1024;

/// The most that a reader may type in one frame.
pub const INPUT: usize = 16 * 1024;

/// Where an attached reader stands: shown in words beside the terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleState {
    pub badge: Badge,
    /// What was typed before this offset into a terminal is a replay: no answer to it may reach the guest.
    pub live_from: u64,
    /// Whether this reader holds the keyboard and the size.
    pub keyboard: bool,
    /// Who holds it, for the others.
    pub keyboard_holder: Option<String>,
    /// Why this reader may not type, if so.
    #[serde(default)]
    pub typing_denied: Option<Denied>,
    /// How many readers are attached, this one included.
    pub readers: u32,
    pub columns: u16,
    pub rows: u16,
}

/// Why a console was closed by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The right to read this console is gone.
    RightsChanged,
    /// The panel is shutting down; come again.
    Draining,
    /// The guest was purged.
    Purged,
    /// A frame could not be read.
    BadFrame(String),
    /// The offset asked for has not been written yet.
    OffsetFromTheFuture { end: u64 },
}

/// What the server says to a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToReader {
    Chunk {
        offset: u64,
        bytes: Vec<u8>,
    },
    /// The bytes `from..to` are not kept any more, or the reader was too slow for them.
    Gap {
        from: u64,
        to: u64,
    },
    State(ConsoleState),
    Closed(Closed),
}

/// What a reader says to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromReader {
    Input(Vec<u8>),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Everything before this offset has been drawn.
    Ack {
        offset: u64,
    },
    TakeKeyboard,
    ReleaseKeyboard,
    CtrlAltDel,
}

/// A frame that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    #[error("an empty frame")]
    Empty,
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    #[error("a frame of kind {kind} with {length} bytes of content")]
    Length { kind: u8, length: usize },
    #[error("a frame whose content can't be read: {0}")]
    Content(String),
}

impl ToReader {
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Chunk { offset, bytes } => {
                let mut frame = Vec::with_capacity(9 + bytes.len());
                frame.push(1);
                frame.extend_from_slice(&offset.to_be_bytes());
                frame.extend_from_slice(bytes);
                frame
            }
            Self::Gap { from, to } => {
                let mut frame = vec![2];
                frame.extend_from_slice(&from.to_be_bytes());
                frame.extend_from_slice(&to.to_be_bytes());
                frame
            }
            Self::State(state) => tagged(3, state),
            Self::Closed(why) => tagged(4, why),
        }
    }

    pub fn decode(frame: &[u8]) -> Result<Self, BadFrame> {
        let (&kind, content) = frame.split_first().ok_or(BadFrame::Empty)?;
        let length = BadFrame::Length { kind, length: content.len() };
        match kind {
            1 => {
                let (offset, bytes) = content.split_first_chunk().ok_or(length)?;
                Ok(Self::Chunk { offset: u64::from_be_bytes(*offset), bytes: bytes.to_vec() })
            }
            2 => {
                let (from, to) = content.split_first_chunk().ok_or(length.clone())?;
                let to = to.try_into().map_err(|_| length)?;
                Ok(Self::Gap { from: u64::from_be_bytes(*from), to: u64::from_be_bytes(to) })
            }
            3 => untagged(content).map(Self::State),
            4 => untagged(content).map(Self::Closed),
            _ => Err(BadFrame::Kind(kind)),
        }
    }
}

impl FromReader {
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Input(bytes) => [&[1], bytes.as_slice()].concat(),
            Self::Resize { columns, rows } => [&[2], &columns.to_be_bytes()[..], &rows.to_be_bytes()].concat(),
            Self::Ack { offset } => [&[3], &offset.to_be_bytes()[..]].concat(),
            Self::TakeKeyboard => vec![4],
            Self::ReleaseKeyboard => vec![5],
            Self::CtrlAltDel => vec![6],
        }
    }

    pub fn decode(frame: &[u8]) -> Result<Self, BadFrame> {
        let (&kind, content) = frame.split_first().ok_or(BadFrame::Empty)?;
        let length = BadFrame::Length { kind, length: content.len() };
        match (kind, content) {
            (1, bytes) if bytes.len() <= INPUT => Ok(Self::Input(bytes.to_vec())),
            (2, &[c1, c2, r1, r2]) => {
                Ok(Self::Resize { columns: u16::from_be_bytes([c1, c2]), rows: u16::from_be_bytes([r1, r2]) })
            }
            (3, bytes) => Ok(Self::Ack { offset: u64::from_be_bytes(bytes.try_into().map_err(|_| length)?) }),
            (4, []) => Ok(Self::TakeKeyboard),
            (5, []) => Ok(Self::ReleaseKeyboard),
            (6, []) => Ok(Self::CtrlAltDel),
            (1..=6, _) => Err(length),
            _ => Err(BadFrame::Kind(kind)),
        }
    }
}

fn tagged<T: Serialize>(kind: u8, content: &T) -> Vec<u8> {
    let mut frame = vec![kind];
    // Plain data without maps of odd keys: serde_json can't fail on it.
    frame.extend(serde_json::to_vec(content).unwrap_or_default());
    frame
}

fn untagged<T: for<'de> Deserialize<'de>>(content: &[u8]) -> Result<T, BadFrame> {
    serde_json::from_slice(content).map_err(|error| BadFrame::Content(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(frame in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = ToReader::decode(&frame);
            let _ = FromReader::decode(&frame);
        }

        #[test]
        fn what_is_encoded_is_decoded(offset in any::<u64>(), bytes in proptest::collection::vec(any::<u8>(), 0..64), columns in any::<u16>(), rows in any::<u16>()) {
            for frame in [ToReader::Chunk { offset, bytes: bytes.clone() }, ToReader::Gap { from: offset / 2, to: offset }] {
                prop_assert_eq!(ToReader::decode(&frame.encode()), Ok(frame));
            }
            for frame in [FromReader::Input(bytes), FromReader::Resize { columns, rows }, FromReader::Ack { offset }, FromReader::TakeKeyboard, FromReader::ReleaseKeyboard, FromReader::CtrlAltDel] {
                prop_assert_eq!(FromReader::decode(&frame.encode()), Ok(frame));
            }
        }
    }

    #[test]
    fn too_much_at_once_is_refused() {
        let frame = [&[1u8][..], &vec![b'a'; INPUT + 1]].concat();
        assert_eq!(FromReader::decode(&frame), Err(BadFrame::Length { kind: 1, length: INPUT + 1 }));
    }
}
