//! The header of a copy-on-write disk, version 3 (kernel: arch/um/drivers/cow_user.c).
//!
//! ```text
//! 0 magic "OOOM"  4 version 3  8 mtime i32  12 size u64  20 sector u32  24 alignment u32
//! 28 format u32   32 backing file, 4096 bytes, zero-terminated          all big-endian
//! then, each at the next multiple of the alignment: a bitmap of one bit per sector, the data
//! ```

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// "OOOM", as cow.h has it; read with the wrong byte order it is "MOOO".
const MAGIC: u32 = 0x4f4f_4f4d;
const VERSION: u32 = 3;
const SECTOR: u32 = 512;
const ALIGNMENT: u32 = 4096;
const PATH: usize = 4096;
/// So much of a bitmap is read at once: what it speaks of are 16 MiB.
const BITS: usize = 4096;
/// Eight sectors: what a byte of the bitmap speaks of, and a page.
const BLOCK: usize = 8 * SECTOR as usize;
/// So much of a disk is held in memory at once.
const PART: usize = 256 << 10;
/// Length of a version 3 header in bytes.
pub const HEADER: usize = 32 + PATH;

#[derive(Debug, thiserror::Error)]
pub enum CowError {
    #[error("reading the facts of the base {path}")]
    Base { path: PathBuf, source: io::Error },
    #[error("the path of the base is longer than {PATH} bytes")]
    PathTooLong,
    #[error("writing the header of a copy-on-write disk")]
    Write(#[source] io::Error),
    #[error("reading the header of a copy-on-write disk")]
    Read(#[source] io::Error),
    #[error("copying what a copy-on-write disk holds")]
    Data(#[source] io::Error),
    #[error("not a copy-on-write disk of version 3")]
    NotCow,
    #[error("the disk belongs to {said}, not to {expected}")]
    OtherBase { said: PathBuf, expected: PathBuf },
    #[error("the base has changed: its {what} is {is}, the disk was made for {said}")]
    BaseChanged { what: &'static str, is: u64, said: u64 },
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CowHeader {
    pub backing: PathBuf,
    /// Modification time of the base, in seconds; the format has 32 bits for it.
    pub mtime: i32,
    /// Size of the base in bytes.
    pub size: u64,
}

impl CowHeader {
    /// The header of a child of this base as it is now.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the format keeps the low 32 bits of the time, as the kernel does"
    )]
    pub fn of_base(base: &Path) -> Result<Self, CowError> {
        let facts = std::fs::metadata(base).map_err(|source| CowError::Base { path: base.to_owned(), source })?;
        if base.as_os_str().len() >= PATH {
            return Err(CowError::PathTooLong);
        }
        Ok(Self { backing: base.to_owned(), mtime: facts.mtime() as i32, size: facts.size() })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC.to_be_bytes());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.mtime.to_be_bytes());
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(&SECTOR.to_be_bytes());
        bytes.extend_from_slice(&ALIGNMENT.to_be_bytes());
        bytes.extend_from_slice(&0u32.to_be_bytes());
        bytes.extend_from_slice(self.backing.as_os_str().as_bytes());
        bytes.resize(HEADER, 0);
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, CowError> {
        let header = bytes.get(..HEADER).ok_or(CowError::NotCow)?;
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if word(0) != MAGIC || word(4) != VERSION || word(20) != SECTOR || word(24) != ALIGNMENT {
            return Err(CowError::NotCow);
        }
        let path = &header[32..];
        let end = path.iter().position(|&b| b == 0).ok_or(CowError::NotCow)?;
        Ok(Self {
            backing: PathBuf::from(OsStr::from_bytes(&path[..end])),
            mtime: word(8).cast_signed(),
            size: u64::from(word(12)) << 32 | u64::from(word(16)),
        })
    }

    pub fn read(file: &mut File) -> Result<Self, CowError> {
        file.seek(SeekFrom::Start(0)).map_err(CowError::Read)?;
        let mut bytes = Vec::with_capacity(HEADER);
        file.take(HEADER as u64).read_to_end(&mut bytes).map_err(CowError::Read)?;
        Self::parse(&bytes)
    }

    /// Offset of the data, which is also the length of everything before it.
    pub fn data_offset(&self) -> u64 {
        (bitmap_offset() + self.bitmap_bytes()).next_multiple_of(u64::from(ALIGNMENT))
    }

    fn bitmap_bytes(&self) -> u64 {
        self.size.div_ceil(u64::from(SECTOR)).div_ceil(8)
    }
}

fn bitmap_offset() -> u64 {
    (HEADER as u64).next_multiple_of(u64::from(ALIGNMENT))
}

/// Makes `file`, which must be new and empty, a child of `base`: a header and a hole.
pub fn write_child(file: &mut File, base: &Path) -> Result<(), CowError> {
    let header = CowHeader::of_base(base)?;
    file.write_all(&header.to_bytes()).map_err(CowError::Write)?;
    file.set_len(header.data_offset() + header.size).map_err(CowError::Write)
}

/// Whether `file` still is a child of exactly this base, which it may call by any of `names`. The guest can
/// write to its whole disk but not to this header; that it was not changed by any other way is checked
/// before every start.
pub fn check_child(file: &mut File, base: &Path, names: &[&Path]) -> Result<(), CowError> {
    let said = CowHeader::read(file)?;
    let is = CowHeader::of_base(base)?;
    if !names.contains(&said.backing.as_path()) {
        return Err(CowError::OtherBase { said: said.backing, expected: is.backing });
    }
    if said.size != is.size {
        return Err(CowError::BaseChanged { what: "size", is: is.size, said: said.size });
    }
    if said.mtime != is.mtime {
        let (is, said) = (u64::from(is.mtime.cast_unsigned()), u64::from(said.mtime.cast_unsigned()));
        return Err(CowError::BaseChanged { what: "modification time", is, said });
    }
    Ok(())
}

/// Makes the header of a child call its base so. Nothing is written where it does already.
pub fn name_base(file: &mut File, name: &Path) -> Result<(), CowError> {
    let said = CowHeader::read(file)?;
    if said.backing == name {
        return Ok(());
    }
    if name.as_os_str().len() >= PATH {
        return Err(CowError::PathTooLong);
    }
    let header = CowHeader { backing: name.to_owned(), ..said };
    file.write_all_at(&header.to_bytes(), 0).map_err(CowError::Write)
}

/// Every part of the disk that the child has itself, with its place there, in order and in pieces. Its header is to be
/// checked before: how long the disk is, is read out of it.
pub fn each_own(
    child: &File,
    header: &CowHeader,
    mut act: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(), CowError> {
    let sector = u64::from(SECTOR);
    let (data_at, mut buffer, mut bits) = (header.data_offset(), vec![0; PART], vec![0; BITS]);
    let mut copy = |from: u64, end: u64| -> io::Result<()> {
        let mut at = from;
        while at < end {
            let piece = usize::try_from(end - at).unwrap_or(PART).min(PART);
            child.read_exact_at(&mut buffer[..piece], data_at + at)?;
            act(at, &buffer[..piece])?;
            at += piece as u64;
        }
        Ok(())
    };
    let mut run: Option<u64> = None;
    let mut read = 0;
    while read < header.bitmap_bytes() {
        let piece = usize::try_from(header.bitmap_bytes() - read).unwrap_or(BITS).min(BITS);
        child.read_exact_at(&mut bits[..piece], bitmap_offset() + read).map_err(CowError::Data)?;
        for (at, byte) in (read..).zip(&bits[..piece]) {
            for bit in 0..8 {
                let place = (at * 8 + bit) * sector;
                match (run, byte >> bit & 1 == 1 && place < header.size) {
                    (None, true) => run = Some(place),
                    (Some(from), false) => {
                        copy(from, place.min(header.size)).map_err(CowError::Data)?;
                        run = None;
                    }
                    _ => {}
                }
            }
        }
        read += piece as u64;
    }
    run.map_or(Ok(()), |from| copy(from, header.size)).map_err(CowError::Data)
}

/// Makes `file`, which must be new and empty, a child of `base` that holds what `whole` does: it has the blocks that differ.
/// `whole` is as long as the base.
///
/// Never a part of a block: a kernel that finds sectors of both files in one segment of a request reads the segments after it
/// from wrong places (arch/um/drivers/ubd_kern.c, do_io, adds the length of the last run alone). Segments end with a page,
/// and file systems write whole ones, so no child that a guest has made has such a block.
pub fn write_difference(file: &mut File, base: &Path, whole: &File) -> Result<(), CowError> {
    write_child(file, base)?;
    let header = CowHeader::of_base(base)?;
    let base = File::open(base).map_err(|source| CowError::Base { path: base.to_owned(), source })?;
    let (mut old, mut new) = (vec![0; PART], vec![0; PART]);
    // What one byte of the bitmap speaks of.
    let per_byte = 8 * u64::from(SECTOR);
    let mut at = 0;
    while at < header.size {
        let piece = usize::try_from(header.size - at).unwrap_or(PART).min(PART);
        base.read_exact_at(&mut old[..piece], at).map_err(CowError::Data)?;
        whole.read_exact_at(&mut new[..piece], at).map_err(CowError::Data)?;
        if old[..piece] != new[..piece] {
            let bits = put_blocks(file, header.data_offset() + at, &old[..piece], &new[..piece])?;
            file.write_all_at(&bits, bitmap_offset() + at / per_byte).map_err(CowError::Write)?;
        }
        at += piece as u64;
    }
    Ok(())
}

/// The blocks that differ, and the bits that say so; a block is what a byte of them speaks of.
fn put_blocks(file: &File, at: u64, old: &[u8], new: &[u8]) -> Result<Vec<u8>, CowError> {
    let mut bits = Vec::with_capacity(new.len() / BLOCK + 1);
    for ((was, is), place) in old.chunks(BLOCK).zip(new.chunks(BLOCK)).zip((at..).step_by(BLOCK)) {
        bits.push(if was == is { 0 } else { u8::MAX });
        // What is zero is a hole already.
        if was != is && is.iter().any(|&byte| byte != 0) {
            file.write_all_at(is, place).map_err(CowError::Write)?;
        }
    }
    Ok(bits)
}

/// Whether a disk begins like a COW file of any version or byte order: refused where a plain disk is
/// meant (security: such a disk reads whatever host file the header names).
pub fn looks_like_cow(first_bytes: &[u8]) -> bool {
    matches!(first_bytes.first_chunk(), Some(b"OOOM" | b"MOOO"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_child_is_a_header_and_a_hole() {
        let dir = tempfile::tempdir().expect("tmp");
        let base = dir.path().join("base");
        File::create(&base).expect("base").set_len(64 << 20).expect("size");
        let path = dir.path().join("child");
        write_child(&mut File::create(&path).expect("child"), &base).expect("written");
        let facts = std::fs::metadata(&path).expect("there");
        assert_eq!(facts.len(), (8192 + 16384) + (64 << 20));
        assert!(facts.blocks() * 512 <= 16384, "a child takes no room: {} blocks", facts.blocks());
        check_child(&mut File::open(&path).expect("opens"), &base, &[&base]).expect("its child");
    }

    #[test]
    fn a_child_of_something_else_is_refused() {
        let dir = tempfile::tempdir().expect("tmp");
        let (base, other) = (dir.path().join("base"), dir.path().join("other"));
        for path in [&base, &other] {
            File::create(path).expect("base").set_len(1 << 20).expect("size");
        }
        let path = dir.path().join("child");
        write_child(&mut File::create(&path).expect("child"), &base).expect("written");
        let mut child = File::options().read(true).write(true).open(&path).expect("opens");
        assert!(matches!(check_child(&mut child, &other, &[&other]), Err(CowError::OtherBase { .. })));
        name_base(&mut child, Path::new("/base")).expect("renamed");
        assert!(matches!(check_child(&mut child, &base, &[&base]), Err(CowError::OtherBase { .. })));
        check_child(&mut child, &base, &[&base, Path::new("/base")]).expect("still its child");
        File::options().write(true).open(&base).expect("base").set_len(2 << 20).expect("grows");
        let changed = check_child(&mut child, &base, &[Path::new("/base")]);
        assert!(matches!(changed, Err(CowError::BaseChanged { what: "size", .. })));
    }

    #[test]
    fn cow_headers_are_recognised_in_both_byte_orders() {
        assert!(looks_like_cow(b"OOOM\0\0\0\x03") && looks_like_cow(b"MOOO"));
        assert!(!looks_like_cow(b"MOO") && !looks_like_cow(&[0; 8]));
    }

    /// What a child and its base hold together.
    fn flat(child: &File, base: &Path) -> Vec<u8> {
        let mut whole = std::fs::read(base).expect("there");
        let header = CowHeader::read(&mut child.try_clone().expect("open")).expect("a header");
        let put = |at: u64, bytes: &[u8]| {
            let at = usize::try_from(at).expect("small");
            whole[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        };
        each_own(child, &header, put).expect("read");
        whole
    }

    #[test]
    fn what_a_kernel_sets_in_the_bitmap_is_found_where_the_kernel_puts_it() {
        let dir = tempfile::tempdir().expect("tmp");
        let (base, path) = (dir.path().join("base"), dir.path().join("child"));
        std::fs::write(&base, vec![7; 64 << 10]).expect("base");
        write_child(&mut File::create(&path).expect("child"), &base).expect("written");
        let child = File::options().read(true).write(true).open(&path).expect("opens");
        // arch/um/drivers/ubd_kern.c, ubd_set_bit: byte n / 8, bit n % 8, the least first. Sectors 1 and 127, the last.
        child.write_all_at(&[0b10], 8192).expect("written");
        child.write_all_at(&[0b1000_0000], 8192 + 15).expect("written");
        child.write_all_at(&[1; 512], 8192 + 4096 + 512).expect("written");
        child.write_all_at(&[2; 512], 8192 + 4096 + 127 * 512).expect("written");
        let mut expected = vec![7; 64 << 10];
        expected[512..1024].fill(1);
        expected[127 * 512..].fill(2);
        assert!(flat(&child, &base) == expected);
    }

    #[test]
    fn a_child_longer_than_a_piece_of_the_bitmap_is_whole_and_takes_what_differs() {
        let dir = tempfile::tempdir().expect("tmp");
        let (base, path, whole) = (dir.path().join("base"), dir.path().join("child"), dir.path().join("whole"));
        let length = 48 << 20;
        for file in [&base, &whole] {
            let file = File::create(file).expect("made");
            file.set_len(length).expect("long");
            file.write_all_at(&[3; 70_000], (16 << 20) - 35_000).expect("written");
        }
        let file = File::options().read(true).write(true).open(&whole).expect("opens");
        for (at, bytes) in [(0, [1; 600]), ((16 << 20) - 300, [0; 600]), (length - 600, [2; 600])] {
            file.write_all_at(&bytes, at).expect("written");
        }
        let mut child = File::options().read(true).write(true).create_new(true).open(&path).expect("child");
        write_difference(&mut child, &base, &file).expect("written");
        check_child(&mut child, &base, &[&base]).expect("its child");
        assert!(flat(&child, &base) == std::fs::read(&whole).expect("there"));
        let taken = child.metadata().expect("there").blocks() * 512;
        assert!(taken < 64 << 10, "{taken} bytes for a few blocks");
    }

    proptest! {
        #[test]
        fn what_differs_from_the_base_is_all_that_is_needed(
            base_bytes in proptest::collection::vec(0u8..3, 40),
            whole_bytes in proptest::collection::vec(0u8..3, 40),
            within in 0usize..BLOCK,
        ) {
            let dir = tempfile::tempdir().expect("tmp");
            let fill = |marks: &[u8]| {
                let mut bytes = vec![0; 40 * BLOCK];
                marks.iter().enumerate().for_each(|(block, &mark)| bytes[block * BLOCK + within] = mark);
                bytes
            };
            let (base, whole, child) = (dir.path().join("base"), dir.path().join("whole"), dir.path().join("child"));
            std::fs::write(&base, fill(&base_bytes)).expect("written");
            std::fs::write(&whole, fill(&whole_bytes)).expect("written");
            let mut file = File::options().read(true).write(true).create_new(true).open(&child).expect("made");
            write_difference(&mut file, &base, &File::open(&whole).expect("opens")).expect("written");
            prop_assert!(flat(&file, &base) == fill(&whole_bytes));
            let mut own = Vec::new();
            let header = CowHeader::read(&mut file).expect("a header");
            each_own(&file, &header, |at, bytes| { own.push((at, bytes.len())); Ok(()) }).expect("read");
            // Whole blocks, and those that differ.
            prop_assert!(own.iter().all(|(at, bytes)| at % BLOCK as u64 == 0 && bytes % BLOCK == 0), "{own:?}");
            let differ = base_bytes.iter().zip(&whole_bytes).filter(|(a, b)| a != b).count();
            prop_assert_eq!(own.iter().map(|(_, bytes)| bytes / BLOCK).sum::<usize>(), differ);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..HEADER + 10)) {
            let _ = CowHeader::parse(&bytes);
        }

        #[test]
        fn a_header_says_what_was_written(mtime in any::<i32>(), size in any::<u64>(), name in "[a-z/]{1,40}") {
            let header = CowHeader { backing: PathBuf::from(name), mtime, size };
            prop_assert_eq!(CowHeader::parse(&header.to_bytes()).expect("ours"), header);
        }
    }
}
