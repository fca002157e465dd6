//! What frames mean to a reader who wants every byte once and in order. Pure.

use umbel_guest::console::{BadFrame, CHUNK, Closed, ConsoleState, ToReader};

use super::Heard;

/// Acknowledged after so many bytes: a quarter of the window, so that the sender never waits for us.
const ACK: u64 = CHUNK as u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Heard(Heard),
    /// Known already, or a word to the socket only.
    Nothing,
    /// There is a hole that nobody announced: ask for it on a new connection rather than lose it.
    AskAgain,
    Over(Closed),
}

#[derive(Debug)]
pub(super) struct Follow {
    /// The next byte we want; `None` until the first has come.
    next: Option<u64>,
    acked: u64,
    state: Option<ConsoleState>,
}

impl Follow {
    pub(super) fn new(from: Option<u64>) -> Self {
        Self { next: from, acked: from.unwrap_or_default(), state: None }
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    pub(super) fn state(&self) -> Option<&ConsoleState> {
        self.state.as_ref()
    }

    /// A new connection knows nothing of what the old one acknowledged.
    pub(super) fn opened(&mut self) {
        self.acked = self.next.unwrap_or_default();
        self.state = None;
    }

    /// What to acknowledge now, if it is time to. Everything handed out so far has been read.
    pub(super) fn ack(&mut self) -> Option<u64> {
        let next = self.next?;
        (next - self.acked >= ACK).then(|| {
            self.acked = next;
            next
        })
    }

    pub(super) fn on(&mut self, frame: &[u8]) -> Result<Meaning, BadFrame> {
        Ok(match ToReader::decode(frame)? {
            ToReader::Chunk { offset, bytes } => self.chunk(offset, bytes),
            ToReader::Gap { from, to } => self.gap(from, to),
            ToReader::State(state) => {
                self.state = Some(state.clone());
                Meaning::Heard(Heard::State(state))
            }
            // The socket's own end follows, and then it is worth coming again.
            ToReader::Closed(Closed::Draining) => Meaning::Nothing,
            ToReader::Closed(why) => Meaning::Over(why),
        })
    }

    fn chunk(&mut self, offset: u64, mut bytes: Vec<u8>) -> Meaning {
        let next = self.wanted(offset);
        if offset > next {
            return Meaning::AskAgain;
        }
        let known = usize::try_from(next - offset).unwrap_or(usize::MAX);
        if known >= bytes.len() {
            return Meaning::Nothing;
        }
        bytes.drain(..known);
        self.next = Some(next + bytes.len() as u64);
        Meaning::Heard(Heard::Bytes { offset: next, bytes })
    }

    fn gap(&mut self, from: u64, to: u64) -> Meaning {
        let next = self.wanted(from);
        if to <= next {
            return Meaning::Nothing;
        }
        if from > next {
            return Meaning::AskAgain;
        }
        self.next = Some(to);
        Meaning::Heard(Heard::Gap { from: next, to })
    }

    /// The byte we want; whatever comes first is where we begin.
    fn wanted(&mut self, first: u64) -> u64 {
        if self.next.is_none() {
            self.acked = first;
        }
        *self.next.get_or_insert(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(follow: &mut Follow, offset: u64, bytes: &[u8]) -> Meaning {
        follow.on(&ToReader::Chunk { offset, bytes: bytes.to_vec() }.encode()).expect("a frame")
    }

    fn heard(offset: u64, bytes: &[u8]) -> Meaning {
        Meaning::Heard(Heard::Bytes { offset, bytes: bytes.to_vec() })
    }

    #[test]
    fn what_is_known_comes_once() {
        let mut follow = Follow::new(None);
        assert_eq!(chunk(&mut follow, 10, b"abc"), heard(10, b"abc"));
        assert_eq!(chunk(&mut follow, 11, b"bcd"), heard(13, b"d"));
        assert_eq!(chunk(&mut follow, 10, b"abcd"), Meaning::Nothing);
        assert_eq!(follow.next(), Some(14));
    }

    #[test]
    fn a_hole_without_a_word_is_asked_for_again() {
        let mut follow = Follow::new(Some(10));
        assert_eq!(chunk(&mut follow, 12, b"c"), Meaning::AskAgain);
        assert_eq!(follow.next(), Some(10), "nothing was taken");
    }

    #[test]
    fn a_gap_is_said_and_reading_goes_on_behind_it() {
        let mut follow = Follow::new(Some(10));
        let gap = follow.on(&ToReader::Gap { from: 4, to: 20 }.encode()).expect("a frame");
        assert_eq!(gap, Meaning::Heard(Heard::Gap { from: 10, to: 20 }));
        assert_eq!(chunk(&mut follow, 20, b"x"), heard(20, b"x"));
        let old = follow.on(&ToReader::Gap { from: 4, to: 20 }.encode()).expect("a frame");
        assert_eq!(old, Meaning::Nothing);
    }

    #[test]
    fn acknowledgements_come_in_quarters_of_the_window() {
        let mut follow = Follow::new(None);
        chunk(&mut follow, 5, &[0; 100]);
        assert_eq!(follow.ack(), None);
        chunk(&mut follow, 105, &vec![0; CHUNK]);
        assert_eq!(follow.ack(), Some(105 + ACK));
        assert_eq!(follow.ack(), None, "once");
    }

    #[test]
    fn only_a_draining_panel_is_worth_coming_back_to() {
        let mut follow = Follow::new(None);
        let mut closed = |why: Closed| follow.on(&ToReader::Closed(why).encode()).expect("a frame");
        assert_eq!(closed(Closed::Draining), Meaning::Nothing);
        assert_eq!(closed(Closed::Purged), Meaning::Over(Closed::Purged));
        assert!(matches!(closed(Closed::OffsetFromTheFuture { end: 3 }), Meaning::Over(_)));
        assert!(follow.on(&[9, 9]).is_err());
    }
}
