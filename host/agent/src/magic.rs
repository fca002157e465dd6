//! What a file is, by the numbers that stand at its beginning.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use umbel_uml::cow;
use umbel_wire::launch::Packing;

/// Enough of a file for every number that is looked for.
const LENGTH: usize = 0x1_0048;

/// A file's beginning.
#[derive(Debug)]
pub struct Head(Vec<u8>);

/// What the header of a disk in QEMU's format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qcow2 {
    /// Of the disk that it stands for.
    pub bytes: u64,
    /// Whether all of it is in this file.
    pub is_whole: bool,
}

impl Head {
    pub fn of(file: &File) -> io::Result<Self> {
        Self::at(file, 0)
    }

    /// The beginning of what begins there.
    pub fn at(mut file: &File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        let mut head = Vec::with_capacity(LENGTH);
        file.take(LENGTH as u64).read_to_end(&mut head)?;
        Ok(Self(head))
    }

    /// How it is packed; a tar archive that isn't is not packed at all (POSIX.1-2017, pax, "ustar Interchange Format").
    pub fn packing(&self) -> Option<Packing> {
        let magics: [(usize, &[u8], Packing); 5] = [
            (0, &[0x1f, 0x8b], Packing::Gzip),
            (0, b"BZh", Packing::Bzip2),
            (0, &[0xfd, b'7', b'z', b'X', b'Z', 0], Packing::Xz),
            (0, &[0x28, 0xb5, 0x2f, 0xfd], Packing::Zstd),
            (257, b"ustar", Packing::None),
        ];
        magics.iter().find(|(at, magic, _)| self.has(*at, magic)).map(|(.., packing)| *packing)
    }

    /// A disk in QEMU's format (docs/interop/qcow2.rst of QEMU).
    pub fn qcow2(&self) -> Option<Qcow2> {
        let number = |at: usize| self.0.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let version = self.0.get(4..8)?;
        if !self.has(0, b"QFI\xfb") || !(version == [0, 0, 0, 2] || version == [0, 0, 0, 3]) {
            return None;
        }
        // Incompatible features are told since version 3: bit 2 is a file of data beside it.
        let beside = version[3] == 3 && number(72)? & 4 != 0;
        Some(Qcow2 { bytes: number(24)?, is_whole: number(8)? == 0 && !beside })
    }

    /// How long the ext2, ext3 or ext4 says that it is, in bytes.
    pub fn ext_bytes(&self) -> Option<u64> {
        self.file_system().filter(|name| name.starts_with("ext"))?;
        let word = |at: usize| u64::from(self.word(at));
        let high = if word(0x460) & 0x80 != 0 { word(0x550) << 32 } else { 0 };
        (high | word(0x404)).checked_mul(1024u64.checked_shl(self.word(0x418)).unwrap_or_default())
    }

    fn word(&self, at: usize) -> u32 {
        word(&self.0, at)
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
        let (compatible, incompatible, read_only) = (self.word(0x45c), self.word(0x460), self.word(0x464));
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

/// Four bytes, the lowest first; 0 where they are not there.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_of_qemu_says_how_long_it_is_and_what_it_lacks() {
        let header = |version: u8, backing: u8, features: u8| {
            let mut head = with(0, &[b'Q', b'F', b'I', 0xfb, 0, 0, 0, version]);
            (head.0[15], head.0[29], head.0[79]) = (backing, 2, features);
            head.qcow2()
        };
        assert_eq!(header(3, 0, 0), Some(Qcow2 { bytes: 2 << 16, is_whole: true }));
        assert_eq!(header(2, 0, 4).map(|disk| disk.is_whole), Some(true), "no feature yet");
        assert!([header(3, 9, 0), header(3, 0, 4)].iter().all(|disk| disk.is_some_and(|disk| !disk.is_whole)));
        assert_eq!((header(1, 0, 0), Head(b"QFI\xfb\0\0\0\x03".to_vec()).qcow2()), (None, None));
    }

    #[test]
    fn an_ext_says_how_long_it_is_and_nonsense_is_no_length() {
        let mut head = with(0x438, &[0x53, 0xef]);
        (head.0[0x405], head.0[0x418]) = (1, 2);
        assert_eq!(head.ext_bytes(), Some(256 << 12));
        head.0[0x418] = 255;
        assert_eq!(head.ext_bytes(), Some(0));
        assert_eq!(with(0, b"XFSB").ext_bytes(), None);
    }

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
        let packed = [(0, b"\x1f\x8b".as_slice(), Packing::Gzip), (0, b"\x28\xb5\x2f\xfd", Packing::Zstd)];
        for (at, magic, packing) in packed.into_iter().chain([(257, b"ustar".as_slice(), Packing::None)]) {
            assert_eq!(with(at, magic).packing(), Some(packing));
        }
        assert!(with(0, b"MOOO").is_cow() && with(0, b"OOOM").is_cow());
        assert!(with(0x1fe, &[0x55, 0xaa]).is_divided() && with(0x200, b"EFI PART").is_divided());
    }
}
