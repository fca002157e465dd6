//! The console ring: a file per guest that holds the first and the latest part of what it wrote, and
//! how its last run stands. The shim maps and writes it; anybody else reads it with pread(2), since a
//! file that a hostile shim may cut short must never be mapped (SIGBUS).
//!
//! ```text
//! 0      magic "UMBRING1"   8 end u64   16 boot u64   24 epoch u32   32 number u64
//! 40     note length u32, at 44 the note: JSON of how the run stands (at most NOTE bytes)
//! 4096   the first FIRST bytes of the current boot, from offset `boot`
//! +FIRST the latest LATEST bytes, offset o at o % LATEST
//! ```
//! All numbers little-endian. Bytes are written before `end`, so what lies before `end` is whole
//! whenever the writer dies. Offsets go on over boots: `boot` says where the current one began.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapMut, MmapOptions};
use serde::{Deserialize, Serialize};
use umbel_guest::Generation;

use crate::shim::ShimState;

const MAGIC: &[u8; 8] = b"UMBRING1";
const HEADER: usize = 4096;
/// Bytes kept of the beginning of the current boot.
pub const FIRST: usize = 256 * 1024;
/// Bytes kept of the end.
pub const LATEST: usize = 1024 * 1024;
/// Length of the file in bytes.
pub const FILE: usize = HEADER + FIRST + LATEST;
const NOTE: usize = 2048;

/// A ring that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error("mapping the console ring")]
    Map(#[source] io::Error),
    #[error("reading the console ring")]
    Read(#[source] io::Error),
    #[error("the console ring's header is not one: {0}")]
    Header(&'static str),
}

/// How the run that writes this ring stands: what is known when the shim is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    pub generation: Generation,
    pub state: ShimState,
}

/// What is kept at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    Bytes {
        offset: u64,
        bytes: Vec<u8>,
    },
    /// Nothing of `from..to` is kept.
    Gap {
        from: u64,
        to: u64,
    },
    /// The offset is where the next byte will be.
    End,
    /// The offset lies in the future.
    Beyond {
        end: u64,
    },
}

/// Where bytes can be found: pure, so that writer and reader can't disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset of the current boot's first byte.
    pub boot: u64,
    /// Offset of the next byte.
    pub end: u64,
}

/// A place in the file with so many contiguous bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    At { position: usize, length: usize },
    Gap { to: u64 },
    End,
    Beyond,
}

impl Extent {
    /// The oldest byte that is kept.
    pub fn oldest(self) -> u64 {
        self.latest_from().min(self.boot)
    }

    fn latest_from(self) -> u64 {
        self.end.saturating_sub(LATEST as u64)
    }

    fn first_until(self) -> u64 {
        self.end.min(self.boot.saturating_add(FIRST as u64))
    }

    #[expect(clippy::cast_possible_truncation, reason = "remainders of LATEST and distances below FIRST fit any usize")]
    pub fn place(self, offset: u64) -> Place {
        if offset > self.end {
            Place::Beyond
        } else if offset == self.end {
            Place::End
        } else if offset >= self.latest_from() {
            let at = (offset % LATEST as u64) as usize;
            let length = (self.end - offset).min((LATEST - at) as u64) as usize;
            Place::At { position: HEADER + FIRST + at, length }
        } else if (self.boot..self.first_until()).contains(&offset) {
            let length = (self.first_until().min(self.latest_from()) - offset) as usize;
            Place::At { position: HEADER + (offset - self.boot) as usize, length }
        } else {
            // Before the boot's first part, or between it and the latest part.
            let to = if offset < self.boot { self.boot.min(self.latest_from()) } else { self.latest_from() };
            Place::Gap { to }
        }
    }
}

/// The writing half, in the shim.
#[derive(Debug)]
pub struct RingWriter {
    map: MmapMut,
    extent: Extent,
}

impl RingWriter {
    /// Maps the ring and begins a new boot at its end. A file that is not a ring of ours becomes an
    /// empty one.
    #[expect(unsafe_code, reason = "mapping a file is unsafe because others may change it under us")]
    pub fn begin(file: &File, generation: Generation) -> Result<Self, RingError> {
        file.set_len(FILE as u64).map_err(RingError::Map)?;
        // SAFETY: the agent made this file for this guest and hands it to one shim at a time; nobody
        // else has it open for writing, and nobody shortens it.
        let map = unsafe { MmapOptions::new().len(FILE).map_mut(file) }.map_err(RingError::Map)?;
        let mut ring = Self { map, extent: Extent { boot: 0, end: 0 } };
        if &ring.map[..8] == MAGIC {
            let end = number(&ring.map[8..16]);
            ring.extent = Extent { boot: end, end };
        } else {
            ring.map[..HEADER].fill(0);
        }
        ring.map[16..24].copy_from_slice(&ring.extent.boot.to_le_bytes());
        ring.map[24..28].copy_from_slice(&generation.epoch.to_le_bytes());
        ring.map[32..40].copy_from_slice(&generation.number.to_le_bytes());
        ring.map[..8].copy_from_slice(MAGIC);
        Ok(ring)
    }

    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Appends bytes; never fails, never waits.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by FIRST and LATEST")]
    pub fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = self.extent.end;
            let at = (end % LATEST as u64) as usize;
            let (now, later) = bytes.split_at(bytes.len().min(LATEST - at));
            self.map[HEADER + FIRST + at..][..now.len()].copy_from_slice(now);
            let into_boot = end - self.extent.boot;
            if into_boot < FIRST as u64 {
                let room = FIRST - into_boot as usize;
                let part = &now[..now.len().min(room)];
                self.map[HEADER + into_boot as usize..][..part.len()].copy_from_slice(part);
            }
            self.extent.end = end + now.len() as u64;
            self.publish_end();
            bytes = later;
        }
    }

    /// Notes how the run stands. Too long a note is cut to its state without words.
    pub fn note(&mut self, note: &RunNote) {
        let json = serde_json::to_vec(note).unwrap_or_default();
        let json = if json.len() <= NOTE { json } else { Vec::new() };
        // Length 0 first: a reader between the two writes finds no note rather than half of one.
        self.map[40..44].fill(0);
        self.map[44..44 + json.len()].copy_from_slice(&json);
        let length = u32::try_from(json.len()).unwrap_or_default();
        self.map[40..44].copy_from_slice(&length.to_le_bytes());
    }

    /// What is kept at `offset`, at most `most` bytes, without copying.
    pub fn read(&self, offset: u64, most: usize) -> Result<&[u8], Place> {
        match self.extent.place(offset) {
            Place::At { position, length } => Ok(&self.map[position..position + length.min(most)]),
            other => Err(other),
        }
    }

    #[expect(unsafe_code, reason = "an atomic store into the mapped header")]
    fn publish_end(&mut self) {
        let end = self.map[8..16].as_mut_ptr().cast::<u64>();
        // SAFETY: 8 bytes into a page-aligned map, so aligned for u64 and inside it; only this
        // exclusive borrow writes it.
        let end = unsafe { AtomicU64::from_ptr(end) };
        end.store(self.extent.end.to_le(), Ordering::Release);
    }
}

/// The reading half: needs nothing but the file.
#[derive(Debug)]
pub struct RingReader {
    file: File,
}

impl RingReader {
    pub fn new(file: File) -> Self {
        Self { file }
    }

    pub fn extent(&self) -> Result<Extent, RingError> {
        let mut header = [0; 24];
        self.file.read_exact_at(&mut header, 0).map_err(RingError::Read)?;
        if &header[..8] != MAGIC {
            return Err(RingError::Header("the magic is missing"));
        }
        let extent = Extent { end: number(&header[8..16]), boot: number(&header[16..24]) };
        if extent.boot > extent.end {
            return Err(RingError::Header("the boot begins after the end"));
        }
        Ok(extent)
    }

    /// How the last run stood, if it left word.
    pub fn note(&self) -> Result<Option<RunNote>, RingError> {
        let mut length = [0; 4];
        self.file.read_exact_at(&mut length, 40).map_err(RingError::Read)?;
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 || length > NOTE {
            return Ok(None);
        }
        let mut json = vec![0; length];
        self.file.read_exact_at(&mut json, 44).map_err(RingError::Read)?;
        Ok(serde_json::from_slice(&json).ok())
    }

    /// What is kept at `offset`, at most `most` bytes. Safe beside a writer: what was overwritten
    /// while it was read is answered as a gap.
    pub fn read(&self, offset: u64, most: usize) -> Result<Kept, RingError> {
        let before = self.extent()?;
        match before.place(offset) {
            Place::End => Ok(Kept::End),
            Place::Beyond => Ok(Kept::Beyond { end: before.end }),
            Place::Gap { to } => Ok(Kept::Gap { from: offset, to }),
            Place::At { position, length } => {
                let mut bytes = vec![0; length.min(most)];
                self.file.read_exact_at(&mut bytes, position as u64).map_err(RingError::Read)?;
                match self.extent()?.place(offset) {
                    Place::At { position: still, .. } if still == position => Ok(Kept::Bytes { offset, bytes }),
                    Place::Gap { to } => Ok(Kept::Gap { from: offset, to }),
                    _ => self.read(offset, most),
                }
            }
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring() -> (File, RingWriter) {
        let file = tempfile::tempfile().expect("tmp");
        let writer = RingWriter::begin(&file, Generation::FIRST).expect("maps");
        (file, writer)
    }

    fn all(reader: &RingReader) -> (Vec<u8>, Vec<(u64, u64)>) {
        let (mut offset, mut bytes, mut gaps) = (0, Vec::new(), Vec::new());
        loop {
            match reader.read(offset, 70_000).expect("reads") {
                Kept::Bytes { offset: at, bytes: more } => {
                    assert_eq!(at, offset);
                    offset += more.len() as u64;
                    bytes.extend(more);
                }
                Kept::Gap { from, to } => {
                    assert!(from == offset && to > from);
                    gaps.push((from, to));
                    offset = to;
                }
                Kept::End => return (bytes, gaps),
                Kept::Beyond { .. } => panic!("read past the end"),
            }
        }
    }

    fn numbered(count: u32) -> Vec<u8> {
        (0..count).flat_map(|i| format!("{i:07}\n").into_bytes()).collect()
    }

    #[test]
    fn first_and_latest_are_kept_and_the_middle_is_a_gap() {
        let (file, mut writer) = ring();
        let text = numbered(400_000);
        text.chunks(3_001).for_each(|c| writer.append(c));
        let (bytes, gaps) = all(&RingReader::new(file));
        let latest = text.len() - LATEST;
        assert_eq!(gaps, [(FIRST as u64, latest as u64)]);
        assert_eq!(bytes, [&text[..FIRST], &text[latest..]].concat());
    }

    #[test]
    fn offsets_go_on_over_boots_and_both_boots_are_read() {
        let (file, mut writer) = ring();
        writer.append(b"first boot\n");
        drop(writer);
        let mut writer = RingWriter::begin(&file, Generation::FIRST.next()).expect("maps");
        assert_eq!(writer.extent(), Extent { boot: 11, end: 11 });
        writer.append(b"second\n");
        let (bytes, gaps) = all(&RingReader::new(file));
        assert_eq!((bytes.as_slice(), gaps.len()), (&b"first boot\nsecond\n"[..], 0));
    }

    #[test]
    fn the_note_outlives_the_writer() {
        let (file, mut writer) = ring();
        let state = ShimState::Ended { at: 5, exit: umbel_guest::Exit::Crashed { signal: 6 } };
        let note = RunNote { generation: Generation::FIRST, state };
        writer.note(&note);
        drop(writer);
        assert_eq!(RingReader::new(file).note().expect("reads"), Some(note));
    }

    #[test]
    fn a_foreign_or_short_file_is_an_error_and_no_panic() {
        let file = tempfile::tempfile().expect("tmp");
        assert!(matches!(RingReader::new(file.try_clone().expect("dup")).extent(), Err(RingError::Read(_))));
        file.set_len(FILE as u64).expect("grows");
        assert!(matches!(RingReader::new(file).extent(), Err(RingError::Header(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn every_offset_has_one_answer(boot in 0u64..1 << 33, written in 0u64..1 << 23, offset in 0u64..1 << 34) {
            let extent = Extent { boot, end: boot + written };
            match extent.place(offset) {
                Place::At { position, length } => {
                    prop_assert!(length > 0 && position + length <= FILE && position >= HEADER);
                    prop_assert!(offset + length as u64 <= extent.end);
                }
                Place::Gap { to } => prop_assert!(to > offset && to <= extent.end),
                Place::End => prop_assert_eq!(offset, extent.end),
                Place::Beyond => prop_assert!(offset > extent.end),
            }
        }

        #[test]
        fn a_reader_at_any_pace_sees_each_kept_byte_once(sizes in proptest::collection::vec(1usize..200_000, 1..12)) {
            let (file, mut writer) = ring();
            let text = numbered(300_000);
            let mut rest = text.as_slice();
            for size in sizes {
                let (now, later) = rest.split_at(size.min(rest.len()));
                writer.append(now);
                rest = later;
            }
            let end = text.len() - rest.len();
            let (bytes, gaps) = all(&RingReader::new(file));
            let missing: u64 = gaps.iter().map(|(from, to)| to - from).sum();
            prop_assert_eq!(bytes.len() as u64 + missing, end as u64);
            prop_assert!(text[..end].ends_with(&bytes[bytes.len() - bytes.len().min(LATEST)..]));
        }
    }
}
