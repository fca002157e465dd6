//! Damages bytes: what a fuzzer does between its corpus and its target. What is fed with them stands in
//! `tests/it`, and where they begin in `corpus/`.
//!
//! Everything follows from one number, so that a failure is the same the next time.

/// A xorshift generator (Marsaglia, Xorshift RNGs, 2003): good enough to damage bytes with.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Nothing comes out of a zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number of `0..below`; 0 where there is none.
    pub fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let wide = usize::try_from(self.0 >> 16).unwrap_or_default();
        wide.checked_rem(below).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }
}

/// Numbers at the edges of what lengths, offsets and versions are kept in.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fff0,
    u64::MAX,
];
/// What means something to one of our readers.
const WORDS: [&[u8]; 16] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"null",
    b"-1",
    b"1e999",
    b"\\ud800",
    b"\0",
    b"OOOM",
    b"MOOO",
    b"\x7fELF",
    b"=y\n",
    b"../",
    b"\xff\xff\xff\xff",
    b"Linux version ",
];
/// Inputs don't grow beyond this.
const LENGTH_MAX: usize = 16 * 1024;

/// One input of the corpus, damaged in one to six ways; `other` is another one to take parts of.
pub fn damaged(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(6) {
        damage(&mut bytes, other, random);
    }
    bytes.truncate(LENGTH_MAX);
    bytes
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = random.byte(),
        2 => bytes.insert(at, random.byte()),
        3 => bytes.truncate(at),
        4 => {
            let end = (at + 1 + random.below(16)).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        5 => {
            // A number in either byte order, over what is there.
            let edge = EDGES[random.below(EDGES.len())];
            let number = if random.below(2) == 0 { edge.to_le_bytes() } else { edge.to_be_bytes() };
            let width = [1, 2, 4, 8][random.below(4)];
            let number = if random.below(2) == 0 { &number[..width] } else { &number[8 - width..] };
            for (to, from) in bytes.iter_mut().skip(at).zip(number) {
                *to = *from;
            }
        }
        6 => {
            let word = WORDS[random.below(WORDS.len())];
            bytes.splice(at..at, word.iter().copied());
        }
        7 => {
            let from = random.below(other.len());
            let part = &other[from..(from + random.below(64)).min(other.len())];
            bytes.splice(at..at, part.iter().copied());
        }
        _ => {
            let end = (at + 1 + random.below(32)).min(bytes.len());
            let part = bytes[at.min(end)..end].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_damages_alike_and_another_otherwise() {
        let all = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| damaged(b"some bytes", b"others", &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
        assert!(all(3).iter().filter(|bytes| bytes.as_slice() != b"some bytes").count() > 90);
        assert!(all(4).iter().all(|bytes| bytes.len() <= LENGTH_MAX));
    }

    #[test]
    fn nothing_is_damaged_too() {
        let mut random = Random::new(7);
        assert!((0..1000).map(|_| damaged(b"", b"", &mut random)).any(|bytes| !bytes.is_empty()));
    }
}
