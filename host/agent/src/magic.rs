//! What a file is, by the numbers that stand at its beginning.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};

use umbel_uml::cow;

/// Enough of a file for every number that is looked for.
const LENGTH: usize = 0x1_0048;

/// A file's beginning.
#[derive(Debug)]
pub struct Head(Vec<u8>);

impl Head {
    pub fn of(mut file: &File) -> io::Result<Self> {
        file.rewind()?;
        let mut head = Vec::with_capacity(LENGTH);
        file.take(LENGTH as u64).read_to_end(&mut head)?;
        Ok(Self(head))
    }

    /// Whether a kernel would take it for a copy-on-write child of whatever file it names.
    pub fn is_cow(&self) -> bool {
        cow::looks_like_cow(&self.0)
    }

    /// Whether it is divided into partitions (UEFI specification, 5.2 and 5.3).
    pub fn is_divided(&self) -> bool {
        // A boot sector has the same last two bytes as a table; what begins with a file system is one.
        self.has(0x200, b"EFI PART") || (self.file_system().is_none() && self.has(0x1fe, &[0x55, 0xaa]))
    }

    /// By its magic number, as blkid(8) tells them.
    pub fn file_system(&self) -> Option<&'static str> {
        let word = |at: usize| self.0.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let has = |at, magic| self.has(at, magic);
        if has(0, b"XFSB") {
            return Some("xfs");
        }
        if has(0, b"hsqs") {
            return Some("squashfs");
        }
        if has(0x1_0040, b"_BHRfS_M") {
            return Some("btrfs");
        }
        if !has(0x438, &[0x53, 0xef]) {
            return None;
        }
        // Features that only ext4 has: extents, 64bit, flex_bg; huge_file and what came after it (kernel:
        // filesystems/ext4/super.rst). Of the others ext3 has a journal.
        let (compatible, incompatible, read_only) = (word(0x45c), word(0x460), word(0x464));
        if incompatible & 0x2c0 != 0 || read_only & 0x478 != 0 {
            Some("ext4")
        } else if compatible & 0x4 != 0 {
            Some("ext3")
        } else {
            Some("ext2")
        }
    }

    fn has(&self, at: usize, magic: &[u8]) -> bool {
        self.0.get(at..at + magic.len()) == Some(magic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(at: usize, magic: &[u8]) -> Head {
        let mut head = vec![0; LENGTH];
        head[at..at + magic.len()].copy_from_slice(magic);
        Head(head)
    }

    #[test]
    fn a_file_is_known_by_its_numbers_and_a_short_one_is_nothing() {
        for (at, magic, name) in
            [(0, b"XFSB".as_slice(), "xfs"), (0, b"hsqs", "squashfs"), (0x1_0040, b"_BHRfS_M", "btrfs")]
        {
            assert_eq!(with(at, magic).file_system(), Some(name));
        }
        for nothing in [Head(Vec::new()), with(0, b"")] {
            assert_eq!((nothing.file_system(), nothing.is_cow(), nothing.is_divided()), (None, false, false));
        }
        assert!(with(0, b"MOOO").is_cow() && with(0, b"OOOM").is_cow());
        assert!(with(0x1fe, &[0x55, 0xaa]).is_divided() && with(0x200, b"EFI PART").is_divided());
    }
}
