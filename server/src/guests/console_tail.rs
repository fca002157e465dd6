//! The last lines of a console as plain text, out of its ring: no shim is needed.

use std::fs::File;
use std::io;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::ConsoleTail;
use umbel_guest::{GuestId, GuestRight};
use umbel_wire::ring::{Kept, RingError, RingReader};

use super::Guests;

/// Bytes read for the last lines, and lines given at most.
const BYTES: u64 = 64 * 1024;
const LINES: usize = 500;

impl Guests {
    /// Empty where the guest has never written anything.
    pub async fn console_tail(&self, caller: &Caller, guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError> {
        let guest = self.allowed(caller, guest, GuestRight::ReadConsole).await?.id;
        let Some(layout) = &self.parts.layout else { return Ok(ConsoleTail::default()) };
        let path = layout.ring(guest);
        let read = tokio::task::spawn_blocking(move || match File::open(path) {
            Ok(file) => tail(&RingReader::new(file)),
            Err(error) => Err(RingError::Read(error)),
        });
        match read.await.map_err(|error| crate::error::internal(&error))? {
            Ok((end, bytes)) => Ok(ConsoleTail { end, text: last_lines(&plain(&bytes), lines.min(LINES)) }),
            Err(RingError::Read(error)) if error.kind() == io::ErrorKind::NotFound => Ok(ConsoleTail::default()),
            // An empty file: its shim has not begun it yet.
            Err(RingError::Read(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(ConsoleTail::default()),
            Err(RingError::Header(_)) => Ok(ConsoleTail::default()),
            Err(error) => Err(crate::error::internal(&error)),
        }
    }
}

fn tail(ring: &RingReader) -> Result<(u64, Vec<u8>), RingError> {
    let end = ring.extent()?.end;
    let (mut at, mut bytes) = (end.saturating_sub(BYTES), Vec::new());
    while at < end {
        match ring.read(at, usize::try_from(end - at).unwrap_or(usize::MAX))? {
            Kept::Bytes { bytes: more, .. } => {
                at += more.len() as u64;
                bytes.extend(more);
            }
            Kept::Gap { to, .. } => {
                at = to;
                bytes.clear();
            }
            Kept::End | Kept::Beyond { .. } => break,
        }
    }
    Ok((end, bytes))
}

fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Text without control sequences (ECMA-48: CSI, OSC and the other strings, two-byte escapes) and
/// control characters but line feed and tab. A guest can write anything: no byte of it survives that
/// a terminal would obey.
pub fn plain(bytes: &[u8]) -> String {
    #[derive(Clone, Copy)]
    enum At {
        Text,
        Escape,
        Csi,
        /// Ends with BEL or ESC \.
        String,
        StringEscape,
    }
    let (mut at, mut kept) = (At::Text, String::new());
    for c in String::from_utf8_lossy(bytes).chars() {
        at = match (at, c) {
            (At::Text | At::Csi | At::Escape, '\x1b') => At::Escape,
            (At::Text, '\n' | '\t') => {
                kept.push(c);
                At::Text
            }
            (At::Text, c) => {
                if !c.is_control() {
                    kept.push(c);
                }
                At::Text
            }
            (At::Escape, '[') => At::Csi,
            (At::Escape, ']' | 'P' | 'X' | '^' | '_') => At::String,
            // Intermediate bytes: a final one follows.
            (At::Escape, ' '..='/') => At::Escape,
            (At::Escape, _) => At::Text,
            (At::Csi, '@'..='~') => At::Text,
            (At::Csi, _) => At::Csi,
            (At::String, '\x07') | (At::StringEscape, '\\') => At::Text,
            (At::String | At::StringEscape, '\x1b') => At::StringEscape,
            (At::String | At::StringEscape, _) => At::String,
        };
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_titles_and_cursors_are_gone() {
        let text = b"\x1b[1;31mroot\x1b[0m# \x1b]0;title\x07ls\x1b(B\r\n\x1b]8;;x\x1b\\a\tb\x08\x1bcc\n";
        assert_eq!(plain(text), "root# ls\na\tbc\n");
        assert_eq!(last_lines("a\nb\nc\n\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(plain(&bytes).chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
        }
    }
}
