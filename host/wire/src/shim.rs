//! What is said to a shim over its socket, and what it answers. Frames as in [`crate::frame`], their
//! content one byte of kind, then JSON or, for console bytes, a little-endian `u64` offset and bytes.
//!
//! A connection begins with `Hello` from the client, answered by `Hello`. A watcher then hears
//! `State` at every change and the end of the stream when the shim goes; a reader sends `Attach` and
//! hears `Chunk` and `Gap` besides. `Hello` tells the version of each side. The shim keeps a cursor per reader and no queue: at most
//! [`umbel_guest::console::WINDOW`] bytes are under way unacknowledged; a reader whose cursor falls
//! out of the history gets a `Gap`. Nobody is waited for.

use serde::{Deserialize, Serialize};
use umbel_guest::{Exit, Generation, GuestId, ParcelId, Phase, Slot, SysRqKey, VolumeAccess};

use crate::agent::{MemoryInside, Said};
use crate::frame::FrameError;
use crate::launch::VolumeDisk;

/// A shim of version 1 knows neither what stands under it in [`Control`] nor the words that answer it.
/// Whoever greets with 1 is never told those words. One of version 2 has no place for volumes, and one of
/// version 3 knows of no parcels.
pub const VERSION: u32 = 4;

/// Why a disk is not taken from a guest that has it mounted.
pub const IN_USE: &str = "it is in use in the guest: unmount it there first";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Control {
    Hello {
        version: u32,
    },
    /// Start streaming at this offset; `None` is the oldest byte kept.
    Attach {
        from: Option<u64>,
    },
    Ack {
        offset: u64,
    },
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Ctrl-Alt-Del through the management console.
    CtrlAltDel,
    /// End the kernel and every process beside it.
    Kill,
    // Since version 2.
    /// Neither the kernel nor a program of the guest runs until `Resume`. Answered by `State`.
    Pause,
    Resume,
    /// Answered by `Done`.
    SysRq {
        key: SysRqKey,
    },
    /// Answered by `Memory`.
    MemoryInside,
    // Since version 3.
    /// Gives the kernel a volume that lies at its place. Answered by `Done`, also where it has it already.
    VolumeAdd {
        disk: VolumeDisk,
    },
    /// Answered by `Done`, also where there is none; refused while it is open in the guest.
    VolumeTake {
        slot: Slot,
    },
    // Since version 4.
    /// The same of the disk that a file is on, on its way in or out.
    ParcelAdd {
        parcel: ParcelId,
        access: VolumeAccess,
    },
    ParcelTake,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToShim {
    Control(Control),
    Input(Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Word {
    Hello {
        version: u32,
        guest: GuestId,
        generation: Generation,
    },
    State(ShimState),
    /// The control message was not carried out; which and why.
    Refused {
        what: String,
        reason: String,
    },
    // Since version 2, to watchers only.
    /// A line that root in the guest wrote to its management console, or the last words of its kernel.
    Said(Said),
    Memory(MemoryInside),
    /// The control message was carried out and has no other answer.
    Done {
        what: String,
    },
}

/// Where the guest's process stands. Sent after `Hello` and at every change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ShimState {
    Alive {
        phase: Phase,
        /// When this phase began, µs since the epoch, UTC.
        since: i64,
    },
    /// The kernel has ended; the shim follows when its readers have had the last bytes.
    Ended { at: i64, exit: Exit },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromShim {
    Word(Word),
    Chunk {
        offset: u64,
        bytes: Vec<u8>,
    },
    Gap {
        from: u64,
        to: u64,
    },
    /// Everything up to here has been sent; the next chunk is live.
    CaughtUp {
        offset: u64,
    },
}

impl ToShim {
    /// The content of a frame.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        match self {
            Self::Control(control) => kind_json(1, control),
            Self::Input(bytes) => Ok([&[2], bytes.as_slice()].concat()),
        }
    }

    pub fn decode(content: &[u8]) -> Result<Self, FrameError> {
        match content.split_first() {
            Some((1, json)) => crate::frame::from_json(json).map(Self::Control),
            Some((2, bytes)) => Ok(Self::Input(bytes.to_vec())),
            _ => Err(bad_kind(content)),
        }
    }
}

impl FromShim {
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        match self {
            Self::Word(word) => kind_json(1, word),
            Self::Chunk { offset, bytes } => Ok([&[2], &offset.to_le_bytes()[..], bytes].concat()),
            Self::Gap { from, to } => Ok([&[3], &from.to_le_bytes()[..], &to.to_le_bytes()].concat()),
            Self::CaughtUp { offset } => Ok([&[4], &offset.to_le_bytes()[..]].concat()),
        }
    }

    pub fn decode(content: &[u8]) -> Result<Self, FrameError> {
        let bad = || bad_kind(content);
        let (&kind, rest) = content.split_first().ok_or_else(bad)?;
        if kind == 1 {
            return crate::frame::from_json(rest).map(Self::Word);
        }
        let (first, rest) = rest.split_first_chunk().ok_or_else(bad)?;
        let first = u64::from_le_bytes(*first);
        match (kind, rest) {
            (2, bytes) => Ok(Self::Chunk { offset: first, bytes: bytes.to_vec() }),
            (3, to) => Ok(Self::Gap { from: first, to: u64::from_le_bytes(to.try_into().map_err(|_| bad())?) }),
            (4, []) => Ok(Self::CaughtUp { offset: first }),
            _ => Err(bad()),
        }
    }
}

fn kind_json(kind: u8, message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut content = vec![kind];
    content.extend(crate::frame::to_json(message)?);
    Ok(content)
}

fn bad_kind(content: &[u8]) -> FrameError {
    let kind = content.first().map_or("nothing".to_owned(), |k| format!("kind {k}"));
    FrameError::Content(serde::de::Error::custom(format!("{kind}, {} bytes, is no message", content.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(content in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = ToShim::decode(&content);
            let _ = FromShim::decode(&content);
        }

        #[test]
        fn what_is_encoded_is_decoded(offset in any::<u64>(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            for message in [ToShim::Input(bytes.clone()), ToShim::Control(Control::Ack { offset }), ToShim::Control(Control::Attach { from: Some(offset) })] {
                prop_assert_eq!(ToShim::decode(&message.encode().expect("small")).expect("ours"), message);
            }
            for message in [FromShim::Chunk { offset, bytes }, FromShim::Gap { from: 0, to: offset }, FromShim::CaughtUp { offset }] {
                prop_assert_eq!(FromShim::decode(&message.encode().expect("small")).expect("ours"), message);
            }
        }
    }
}
