//! How much of a guest's talk is passed on: [`BURST`] lines at once and one a second after that. The
//! shim looks at its guest's, and the agent at the shim's, since that is inside of the guest's walls.

const BURST: u64 = 10;
const SECOND: i64 = 1_000_000;
/// Longest line in bytes; the kernel's own limit as well (arch/um/drivers/mconsole.h).
pub const LINE_MAX: usize = 512;

/// A token bucket. Times are µs since the epoch.
#[derive(Debug)]
pub struct Talk {
    tokens: u64,
    last: i64,
    missed: u32,
}

impl Talk {
    pub fn new(now: i64) -> Self {
        Self { tokens: BURST, last: now, missed: 0 }
    }

    /// Whether the next line is passed on, and how many before it were not.
    pub fn passes(&mut self, now: i64) -> Option<u32> {
        // A clock that was set back gives nothing and takes nothing.
        let seconds = now.saturating_sub(self.last).max(0) / SECOND;
        self.tokens = self.tokens.saturating_add(seconds.cast_unsigned()).min(BURST);
        self.last = if now < self.last { now } else { self.last + seconds * SECOND };
        if self.tokens == 0 {
            self.missed = self.missed.saturating_add(1);
            return None;
        }
        self.tokens -= 1;
        Some(std::mem::take(&mut self.missed))
    }
}

/// As text: what is none is replaced, what is too long is cut.
pub fn line(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(LINE_MAX)];
    let mut text = String::from_utf8_lossy(bytes).trim_end_matches(['\0', '\n', '\r']).to_owned();
    // A byte that is no text takes three as the sign for it.
    while text.len() > LINE_MAX {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut talk = Talk::new(0);
        assert_eq!((0..100).filter_map(|_| talk.passes(1)).count(), 10);
        assert_eq!(talk.passes(SECOND), Some(90));
        assert_eq!(talk.passes(SECOND + 1), None);
        assert_eq!(talk.passes(100 * SECOND), Some(1));
        assert_eq!((0..100).filter_map(|_| talk.passes(100 * SECOND)).count(), 9, "silence saves no more than a burst");
        assert_eq!(talk.passes(i64::MIN), None);
        assert_eq!(talk.passes(i64::MAX), Some(92));
    }

    #[test]
    fn a_line_is_text_of_512_bytes() {
        assert_eq!(line(b"lab step3 ok\n\0"), "lab step3 ok");
        assert_eq!(line(&[0xff; 2000]).len(), 510);
        assert_eq!(line(&[b'a'; 2000]).len(), 512);
    }
}
