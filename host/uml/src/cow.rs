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
        let align = u64::from(ALIGNMENT);
        let bitmap_at = (HEADER as u64).next_multiple_of(align);
        let bitmap = self.size.div_ceil(u64::from(SECTOR)).div_ceil(8);
        (bitmap_at + bitmap).next_multiple_of(align)
    }
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

    proptest! {
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
