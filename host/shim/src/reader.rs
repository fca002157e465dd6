//! One connection to the shim: a watcher, or a reader with a cursor into the ring. There is no queue:
//! what a reader has not taken is still in the ring, and if the ring has moved on the reader is told
//! of a gap. Nobody is waited for.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use umbel_guest::console::{CHUNK, WINDOW};
use umbel_guest::{ParcelId, Slot, SysRqKey, VolumeAccess};
use umbel_wire::frame;
use umbel_wire::launch::VolumeDisk;
use umbel_wire::ring::{Place, RingWriter};
use umbel_wire::shim::{Control, FromShim, ToShim, Word};

/// How far into the latest part a gap looks for the beginning of a line.
const LINE: usize = 4096;
/// Words to a reader that takes none are not kept for ever.
const WORDS_MAX: usize = 256 * 1024;
/// The most that is taken off a connection at once.
const TAKE: usize = 32 * 1024;

/// What a connection asks of the shim as a whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// It greeted: tell it who we are and how the kernel stands.
    Hello {
        version: u32,
    },
    Type(Vec<u8>),
    Resize {
        columns: u16,
        rows: u16,
    },
    CtrlAltDel,
    Kill,
    Pause,
    Resume,
    SysRq(SysRqKey),
    MemoryInside,
    VolumeAdd(VolumeDisk),
    VolumeTake(Slot),
    ParcelAdd(ParcelId, VolumeAccess),
    ParcelTake,
}

/// A connection that is over, and whether that was its fault.
#[derive(Debug)]
pub struct Gone;

#[derive(Debug)]
pub struct Reader<S> {
    stream: S,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    sent: usize,
    stage: Stage,
    awaits_greeting: bool,
    types: bool,
    /// Of the protocol that it speaks.
    version: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing but a hello is heard.
    New,
    Watching,
    Reading {
        cursor: u64,
        acked: u64,
        told_end: bool,
    },
    /// Says its last words and goes.
    Leaving,
}

impl<S: Read + Write> Reader<S> {
    /// `stream` must not block.
    pub fn new(stream: S) -> Self {
        let (inbox, outbox) = (Vec::new(), Vec::new());
        Self { stream, inbox, outbox, sent: 0, stage: Stage::New, awaits_greeting: false, types: false, version: 0 }
    }

    /// Whether keys come from here: while the guest takes none it need not be heard.
    pub fn types(&self) -> bool {
        self.types
    }

    /// Whether it waits for our greeting; asked once.
    pub fn takes_greeting(&mut self) -> bool {
        std::mem::take(&mut self.awaits_greeting)
    }

    pub fn tell(&mut self, word: &Word) {
        if self.stage != Stage::New {
            self.push(&FromShim::Word(word.clone()));
        }
    }

    /// The same for words that came with version 2, to those who watch and know them.
    pub fn tell_watcher(&mut self, word: &Word) {
        if self.stage == Stage::Watching && self.version >= 2 {
            self.push(&FromShim::Word(word.clone()));
        }
    }

    /// Whether there is something that the connection has not taken yet.
    pub fn has_unsent(&self) -> bool {
        self.sent < self.outbox.len()
    }

    /// Whether it has been sent everything there is.
    pub fn is_caught_up(&self, end: u64) -> bool {
        !self.has_unsent() && !matches!(self.stage, Stage::Reading { cursor, .. } if cursor < end)
    }

    /// Takes what has come in, at most `room` bytes of typing; wishes in the order they were said.
    pub fn hear(&mut self, ring: &RingWriter) -> Result<Vec<Wish>, Gone> {
        let mut buffer = [0; TAKE];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Err(Gone),
            Ok(length) => self.inbox.extend_from_slice(&buffer[..length]),
            Err(error) if is_later(&error) => return Ok(Vec::new()),
            Err(_) => return Err(Gone),
        }
        let mut wishes = Vec::new();
        let mut taken = 0;
        while let Some((content, used)) = frame::decode(&self.inbox[taken..]).map_err(|_| Gone)? {
            let said = ToShim::decode(content).map_err(|_| Gone)?;
            taken += used;
            wishes.extend(self.understand(said, ring)?);
        }
        self.inbox.drain(..taken);
        Ok(wishes)
    }

    fn understand(&mut self, said: ToShim, ring: &RingWriter) -> Result<Option<Wish>, Gone> {
        if self.stage == Stage::New {
            let ToShim::Control(Control::Hello { version }) = said else { return Err(Gone) };
            self.stage = Stage::Watching;
            self.awaits_greeting = true;
            self.version = version;
            return Ok(Some(Wish::Hello { version }));
        }
        match said {
            ToShim::Input(bytes) => {
                self.types = true;
                Ok(Some(Wish::Type(bytes)))
            }
            ToShim::Control(Control::Resize { columns, rows }) => Ok(Some(Wish::Resize { columns, rows })),
            ToShim::Control(Control::CtrlAltDel) => Ok(Some(Wish::CtrlAltDel)),
            ToShim::Control(Control::Kill) => Ok(Some(Wish::Kill)),
            ToShim::Control(Control::Pause) => Ok(Some(Wish::Pause)),
            ToShim::Control(Control::Resume) => Ok(Some(Wish::Resume)),
            ToShim::Control(Control::SysRq { key }) => Ok(Some(Wish::SysRq(key))),
            ToShim::Control(Control::MemoryInside) => Ok(Some(Wish::MemoryInside)),
            ToShim::Control(Control::VolumeAdd { disk }) => Ok(Some(Wish::VolumeAdd(disk))),
            ToShim::Control(Control::VolumeTake { slot }) => Ok(Some(Wish::VolumeTake(slot))),
            ToShim::Control(Control::ParcelAdd { parcel, access }) => Ok(Some(Wish::ParcelAdd(parcel, access))),
            ToShim::Control(Control::ParcelTake) => Ok(Some(Wish::ParcelTake)),
            ToShim::Control(Control::Hello { .. }) => Err(Gone),
            ToShim::Control(Control::Ack { offset }) => {
                if let Stage::Reading { cursor, acked, .. } = &mut self.stage {
                    *acked = (*acked).max(offset.min(*cursor));
                }
                Ok(None)
            }
            ToShim::Control(Control::Attach { from }) => {
                let extent = ring.extent();
                let cursor = from.unwrap_or(extent.oldest());
                if cursor > extent.end {
                    let reason = format!("offset {cursor} has not been written yet; the end is {}", extent.end);
                    self.push(&FromShim::Word(Word::Refused { what: "attach".into(), reason }));
                    self.stage = Stage::Leaving;
                } else {
                    self.stage = Stage::Reading { cursor, acked: cursor, told_end: false };
                }
                Ok(None)
            }
        }
    }

    /// Sends as much as the connection takes and the window allows.
    pub fn serve(&mut self, ring: &RingWriter) -> Result<(), Gone> {
        loop {
            self.flush()?;
            if self.has_unsent() {
                return Ok(());
            }
            match self.stage {
                Stage::Leaving => return Err(Gone),
                Stage::New | Stage::Watching => return Ok(()),
                Stage::Reading { .. } => {
                    if !self.fill(ring) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Puts the next piece of history into the outbox; tells whether there was one to put.
    fn fill(&mut self, ring: &RingWriter) -> bool {
        let Stage::Reading { cursor, acked, told_end } = self.stage else { return false };
        if cursor - acked >= WINDOW {
            return false;
        }
        match ring.read(cursor, CHUNK) {
            Ok(bytes) => {
                let bytes = bytes.to_vec();
                self.stage = Stage::Reading { cursor: cursor + bytes.len() as u64, acked, told_end };
                self.push(&FromShim::Chunk { offset: cursor, bytes });
                true
            }
            Err(Place::Gap { to }) => {
                let to = line_after(ring, to);
                self.stage = Stage::Reading { cursor: to, acked: to, told_end };
                self.push(&FromShim::Gap { from: cursor, to });
                true
            }
            Err(Place::End) if !told_end => {
                self.stage = Stage::Reading { cursor, acked, told_end: true };
                self.push(&FromShim::CaughtUp { offset: cursor });
                true
            }
            Err(_) => false,
        }
    }

    fn push(&mut self, message: &FromShim) {
        let frame = message.encode().and_then(|content| frame::encode(&content));
        if let Ok(frame) = frame
            && self.outbox.len() < WORDS_MAX
        {
            self.outbox.extend_from_slice(&frame);
        }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        while self.has_unsent() {
            match self.stream.write(&self.outbox[self.sent..]) {
                Ok(0) => return Err(Gone),
                Ok(length) => self.sent += length,
                Err(error) if is_later(&error) => return Ok(()),
                Err(_) => return Err(Gone),
            }
        }
        self.outbox.clear();
        self.sent = 0;
        Ok(())
    }
}

impl<S: AsFd> AsFd for Reader<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A gap ends at the beginning of a line, if one is near: half a line and half an escape are worse
/// than a few bytes less.
fn line_after(ring: &RingWriter, to: u64) -> u64 {
    let near = ring.read(to, LINE).unwrap_or_default();
    near.iter().position(|&b| b == b'\n').map_or(to, |at| to + at as u64 + 1)
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use umbel_guest::Generation;

    use super::*;

    /// A connection that takes so many bytes a time and hands over what was put into it.
    #[derive(Debug, Default)]
    struct Wire {
        incoming: Vec<u8>,
        outgoing: Vec<u8>,
        takes: usize,
    }

    impl Read for Wire {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.incoming.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let length = into.len().min(self.incoming.len());
            into[..length].copy_from_slice(&self.incoming[..length]);
            self.incoming.drain(..length);
            Ok(length)
        }
    }

    impl Write for Wire {
        fn write(&mut self, from: &[u8]) -> io::Result<usize> {
            if self.takes == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let length = from.len().min(self.takes);
            self.takes -= length;
            self.outgoing.extend_from_slice(&from[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn say(reader: &mut Reader<Wire>, ring: &RingWriter, control: Control) -> Vec<Wish> {
        let content = ToShim::Control(control).encode().expect("small");
        reader.stream.incoming.extend(frame::encode(&content).expect("small"));
        reader.hear(ring).expect("well said")
    }

    fn heard(wire: &mut Wire) -> Vec<FromShim> {
        let mut messages = Vec::new();
        while let Some((content, used)) = frame::decode(&wire.outgoing).expect("ours") {
            messages.push(FromShim::decode(content).expect("ours"));
            wire.outgoing.drain(..used);
        }
        messages
    }

    fn attached() -> (RingWriter, Reader<Wire>) {
        let file = tempfile::tempfile().expect("tmp");
        let ring = RingWriter::begin(&file, Generation::FIRST).expect("maps");
        let mut reader = Reader::new(Wire { takes: usize::MAX, ..Wire::default() });
        assert_eq!(say(&mut reader, &ring, Control::Hello { version: 1 }), [Wish::Hello { version: 1 }]);
        say(&mut reader, &ring, Control::Attach { from: Some(0) });
        (ring, reader)
    }

    #[test]
    fn nothing_is_heard_before_a_hello() {
        let file = tempfile::tempfile().expect("tmp");
        let ring = RingWriter::begin(&file, Generation::FIRST).expect("maps");
        let mut reader = Reader::new(Wire::default());
        reader.stream.incoming = frame::encode(&ToShim::Input(b"rm".to_vec()).encode().expect("small")).expect("small");
        assert!(reader.hear(&ring).is_err());
    }

    #[test]
    fn an_offset_from_the_future_is_refused_and_the_connection_closed() {
        let (ring, mut reader) = attached();
        say(&mut reader, &ring, Control::Attach { from: Some(1) });
        assert!(reader.serve(&ring).is_err());
        assert!(matches!(heard(&mut reader.stream)[..], [FromShim::Word(Word::Refused { .. })]));
    }

    #[test]
    fn whoever_types_is_known_by_it() {
        let (ring, mut reader) = attached();
        assert!(!reader.types(), "a reader that only acknowledges is always heard");
        reader.stream.incoming = frame::encode(&ToShim::Input(b"ls".to_vec()).encode().expect("small")).expect("small");
        assert_eq!(reader.hear(&ring).expect("well said"), [Wish::Type(b"ls".to_vec())]);
        assert!(reader.types());
    }

    #[test]
    fn a_reader_that_acknowledges_nothing_gets_a_window_and_no_more() {
        let (mut ring, mut reader) = attached();
        ring.append(&vec![b'y'; 600_000]);
        reader.serve(&ring).expect("open");
        let sent: u64 = heard(&mut reader.stream)
            .iter()
            .map(|m| if let FromShim::Chunk { bytes, .. } = m { bytes.len() as u64 } else { 0 })
            .sum();
        assert!((WINDOW..WINDOW + CHUNK as u64).contains(&sent), "{sent}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn at_any_pace_every_byte_comes_once_and_in_order_or_is_told_as_a_gap(
            steps in proptest::collection::vec((0usize..300_000, 0usize..200_000, any::<bool>()), 1..20),
        ) {
            let (mut ring, mut reader) = attached();
            reader.stream.takes = 0;
            let text: Vec<u8> = (0..700_000u32).flat_map(|i| format!("{i:06}\n").into_bytes()).collect();
            let (mut written, mut next) = (0, 0u64);
            let finish = std::iter::repeat_n((0, usize::MAX / 2, true), 80);
            for (write, take, ack) in steps.into_iter().chain(finish) {
                let until = (written + write).min(text.len());
                ring.append(&text[written..until]);
                written = until;
                reader.stream.takes = take;
                reader.serve(&ring).expect("open");
                for message in heard(&mut reader.stream) {
                    match message {
                        FromShim::Chunk { offset, bytes } => {
                            prop_assert_eq!(offset, next);
                            let at = usize::try_from(offset).expect("small");
                            prop_assert_eq!(&text[at..at + bytes.len()], &bytes[..]);
                            next += bytes.len() as u64;
                        }
                        FromShim::Gap { from, to } => {
                            prop_assert!(from == next && to > from);
                            next = to;
                        }
                        FromShim::CaughtUp { .. } | FromShim::Word(_) => {}
                    }
                }
                if ack {
                    say(&mut reader, &ring, Control::Ack { offset: next });
                }
            }
            prop_assert_eq!(next, written as u64);
            prop_assert!(reader.is_caught_up(written as u64));
        }
    }
}
