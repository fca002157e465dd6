//! As much of tar as a file on its way needs (POSIX.1-2017, pax, “ustar Interchange Format”): an archive with one file is
//! written, and of what a guest has written it is found where it ends. No name in that is read, and nothing is unpacked.

use std::io;

use umbel_guest::FileName;

pub const BLOCK: u64 = 512;
/// The same, as headers are long.
const HEADER: usize = 512;
/// Two blocks of zeros.
const END: u64 = 2 * BLOCK;
/// Bytes of a name that the header itself has room for.
const SHORT: usize = 100;
/// What a name or an attribute beside a header may take.
const BESIDE_MOST: u64 = 1 << 20;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// What comes before the content of the only file: root's, and everybody's to read.
pub fn head(name: &FileName, bytes: u64, mtime: u64) -> Vec<u8> {
    let name = name.as_str().as_bytes();
    let mut head = Vec::new();
    // Every tar knows this way of GNU's to have longer names; that of pax busybox passes over.
    if name.len() > SHORT {
        head.extend_from_slice(&header(b"././@LongLink", name.len() as u64 + 1, 0, b'L'));
        head.extend_from_slice(name);
        head.resize(head.len() + 1, 0);
        head.resize(head.len().next_multiple_of(HEADER), 0);
    }
    head.extend_from_slice(&header(&name[..name.len().min(SHORT)], bytes, mtime, b'0'));
    head
}

/// How long the whole archive is.
pub fn length(name: &FileName, bytes: u64) -> u64 {
    head(name, bytes, 0).len() as u64 + bytes.next_multiple_of(BLOCK) + END
}

fn header(name: &[u8], bytes: u64, mtime: u64, kind: u8) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let mut put = |at: usize, what: &[u8]| header[at..at + what.len()].copy_from_slice(what);
    put(0, name);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{bytes:011o}\0").as_bytes());
    put(136, format!("{:011o}\0", mtime.min(0o77_777_777_777)).as_bytes());
    put(CHECKSUM.start, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000root");
    put(297, b"root");
    let sum = format!("{:06o}\0 ", sum(&header));
    header[CHECKSUM].copy_from_slice(sum.as_bytes());
    header
}

/// With its own field as spaces.
fn sum(header: &[u8; HEADER]) -> u64 {
    let of = |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { u64::from(b' ') } else { u64::from(*byte) };
    header.iter().enumerate().map(of).sum()
}

/// What an archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// One regular file, whose content is there.
    File { at: u64, bytes: u64 },
    /// Anything else; so long is the archive.
    Archive { bytes: u64 },
}

#[derive(Debug, thiserror::Error)]
pub enum NoArchive {
    #[error("there is nothing in it")]
    Empty,
    #[error("at {at} is no header of tar")]
    NoHeader { at: u64 },
    #[error("what stands at {at} goes beyond the end")]
    Beyond { at: u64 },
    #[error("what stands at {at} is of a kind that is not known, or longer than it can be")]
    Unknown { at: u64 },
    #[error("reading it")]
    Read(#[from] io::Error),
}

/// Looks at one header after the other in a file of so many bytes, which are hostile.
pub fn contents(
    length: u64,
    mut read: impl FnMut(u64, &mut [u8; HEADER]) -> io::Result<()>,
) -> Result<Contents, NoArchive> {
    let (mut at, mut entries, mut first) = (0, 0_u64, None);
    loop {
        let beyond = NoArchive::Beyond { at };
        let content = at + BLOCK;
        if content > length {
            return Err(beyond);
        }
        let mut header = [0; HEADER];
        read(at, &mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            return match first {
                None => Err(NoArchive::Empty),
                Some((at, bytes)) if entries == 1 => Ok(Contents::File { at, bytes }),
                Some(_) => Ok(Contents::Archive { bytes: (at + END).min(length) }),
            };
        }
        if octal(&header[CHECKSUM]) != Some(sum(&header)) {
            return Err(NoArchive::NoHeader { at });
        }
        let bytes = octal(&header[124..136]).ok_or(NoArchive::Unknown { at })?;
        let next = bytes.checked_next_multiple_of(BLOCK).and_then(|bytes| content.checked_add(bytes));
        let next = next.filter(|next| *next <= length).ok_or(beyond)?;
        match header[156] {
            // A name or attributes of what follows.
            b'L' | b'K' | b'x' | b'g' if bytes <= BESIDE_MOST => {}
            b'0' | b'\0' | b'7' => {
                entries += 1;
                first.get_or_insert((content, bytes));
            }
            // Links, devices, directories, pipes have no content.
            b'1'..=b'6' if bytes == 0 => {
                // Never one file by itself.
                entries += 2;
                first.get_or_insert((content, 0));
            }
            _ => return Err(NoArchive::Unknown { at }),
        }
        at = next;
    }
}

/// A number as headers have it; `None` for what is none, and for those beyond 8 GiB, which are written otherwise.
fn octal(field: &[u8]) -> Option<u64> {
    let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    u64::from_str_radix(text, 8).ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bytes: &[u8]) -> Result<Contents, NoArchive> {
        contents(bytes.len() as u64, |at, header| {
            let at = usize::try_from(at).expect("small");
            header.copy_from_slice(&bytes[at..at + HEADER]);
            Ok(())
        })
    }

    fn archive(name: &str, content: &[u8]) -> Vec<u8> {
        let name: FileName = name.parse().expect("a name");
        let mut whole = head(&name, content.len() as u64, 1);
        whole.extend_from_slice(content);
        whole.resize(usize::try_from(length(&name, content.len() as u64)).expect("small"), 0);
        whole
    }

    /// With a header that says so, whose sum is right.
    fn saying(kind: u8, size: &[u8; 12]) -> Vec<u8> {
        let mut whole = archive("a", b"content");
        whole[156] = kind;
        whole[124..136].copy_from_slice(size);
        let header: &[u8; 512] = whole[..512].try_into().expect("a block");
        let sum = format!("{:06o}\0 ", sum(header));
        whole[CHECKSUM].copy_from_slice(sum.as_bytes());
        whole
    }

    proptest! {
        #[test]
        fn nothing_that_a_guest_writes_is_a_panic_or_leads_out(mut bytes in proptest::collection::vec(any::<u8>(), 0..2048), place in 0_usize..2048, byte in any::<u8>()) {
            let _ = of(&bytes);
            bytes = archive("a", &bytes);
            let place = place % bytes.len();
            bytes[place] = byte;
            match of(&bytes) {
                Ok(Contents::File { at, bytes: length }) => prop_assert!(at + length <= bytes.len() as u64),
                Ok(Contents::Archive { bytes: length }) => prop_assert!(length <= bytes.len() as u64),
                Err(_) => {}
            }
        }
    }

    #[test]
    fn what_is_written_is_what_tar_reads() {
        for name in ["a file", &"ü".repeat(90), &"n".repeat(255)] {
            let dir = tempfile::tempdir().expect("tmp");
            let archive = archive(name, b"words\n");
            std::fs::write(dir.path().join("tar"), &archive).expect("written");
            for program in [vec!["tar"], vec!["busybox", "tar"]] {
                let to = dir.path().join(format!("to-{}", program[0]));
                std::fs::create_dir(&to).expect("made");
                let mut command = std::process::Command::new(program[0]);
                command.args(&program[1..]).arg("-xf").arg(dir.path().join("tar")).arg("-C").arg(&to);
                assert!(command.status().expect("it is there").success(), "{program:?}");
                assert_eq!(std::fs::read(to.join(name)).expect("unpacked"), b"words\n", "{program:?}");
            }
            assert!(matches!(of(&archive).expect("one"), Contents::File { bytes: 6, .. }));
        }
    }

    #[test]
    fn what_is_no_archive_is_named_and_nothing_is_believed_beyond_the_end() {
        assert!(matches!(of(&[0; 1024]), Err(NoArchive::Empty)));
        assert!(matches!(of(&[0; 100]), Err(NoArchive::Beyond { at: 0 })));
        assert!(matches!(of(&[b'x'; 1024]), Err(NoArchive::NoHeader { at: 0 })));
        for size in [b"77777777777\0", b"00000010001\0"] {
            assert!(matches!(of(&saying(b'0', size)), Err(NoArchive::Beyond { at: 0 })));
        }
        // Beyond 8 GiB, as GNU writes it; a link with content; a sparse file; a name of megabytes.
        for (kind, size) in [(b'0', b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), (b'2', b"00000000007\0")] {
            assert!(matches!(of(&saying(kind, size)), Err(NoArchive::Unknown { at: 0 })));
        }
        assert!(matches!(of(&saying(b'S', b"00000000007\0")), Err(NoArchive::Unknown { at: 0 })));
        // Without its end: cut off.
        assert!(matches!(of(&archive("a", b"x")[..1024]), Err(NoArchive::Beyond { at: 1024 })));
    }

    #[test]
    fn a_directory_a_link_and_two_files_are_handed_out_as_they_are() {
        let mut link = saying(b'2', b"00000000000\0");
        link.drain(512..1024);
        assert!(matches!(of(&link).expect("one"), Contents::Archive { bytes: 1536 }));
        let mut two = archive("a", b"x");
        two.truncate(1024);
        two.extend(archive("b", b"y"));
        assert!(matches!(of(&two).expect("one"), Contents::Archive { bytes: 3072 }));
    }
}
