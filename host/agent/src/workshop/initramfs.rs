//! The root in memory of a workshop's guest: programs of the host, their libraries, and the first program, in the format
//! "newc" (kernel: driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
/// What is mounted on, or filled by the first program.
const DIRECTORIES: [&str; 6] = ["bin", "dev", "mnt", "proc", "sys", "tmp"];
const END: &str = "TRAILER!!!";

/// An archive that is being written.
pub(super) struct Initramfs<W> {
    out: W,
    inode: u32,
    made: BTreeSet<String>,
}

impl<W: Write> Initramfs<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut archive = Self { out, inode: 0, made: BTreeSet::new() };
        DIRECTORIES.iter().try_for_each(|name| archive.directory(name))?;
        Ok(archive)
    }

    /// A file of the host, under a name in the archive, with the directories above it. One that is there stays.
    pub(super) fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.program(to, &fs::read(from)?)
    }

    pub(super) fn program(&mut self, to: &Path, content: &[u8]) -> io::Result<()> {
        let name = to.to_str().map(|name| name.trim_start_matches('/')).ok_or(io::ErrorKind::InvalidFilename)?;
        for (at, _) in name.match_indices('/') {
            self.directory(&name[..at])?;
        }
        if self.made.insert(name.to_owned()) { self.entry(name, PROGRAM, content) } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry(END, 0, &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn directory(&mut self, name: &str) -> io::Result<()> {
        if self.made.insert(name.to_owned()) { self.entry(name, DIRECTORY, &[]) } else { Ok(()) }
    }

    /// Thirteen numbers of eight digits, the name with its NUL, the content; name and content end at multiples of four.
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.inode += 1;
        let long = |length: usize| u32::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge);
        let (length, name_length) = (long(content.len())?, long(name.len() + 1)?);
        // inode, mode, uid, gid, links, time, length, devices (four), length of the name, checksum.
        let numbers = [self.inode, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, name_length, 0];
        let mut header = b"070701".to_vec();
        for number in numbers {
            write!(header, "{number:08X}")?;
        }
        header.extend_from_slice(name.as_bytes());
        header.push(0);
        header.resize(header.len().next_multiple_of(4), 0);
        self.out.write_all(&header)?;
        self.out.write_all(content)?;
        self.out.write_all(&[0; 3][..content.len().next_multiple_of(4) - content.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As busybox reads it.
    #[test]
    fn another_program_reads_what_was_written() {
        let dir = tempfile::tempdir().expect("tmp");
        let mut archive = Initramfs::new(Vec::new()).expect("begun");
        archive.program(Path::new("/init"), b"first").expect("put");
        archive.program(Path::new("/usr/lib/deep/one"), b"12345").expect("put");
        archive.program(Path::new("/usr/lib/two"), b"").expect("put");
        archive.program(Path::new("/init"), b"another").expect("there already");
        fs::write(dir.path().join("archive"), archive.finish().expect("ended")).expect("written");
        let into = dir.path().join("into");
        fs::create_dir(&into).expect("made");
        let read = std::process::Command::new("/bin/busybox")
            .args(["cpio", "-i", "-d", "-F", "../archive"])
            .current_dir(&into)
            .output()
            .expect("runs");
        assert!(read.status.success(), "{read:?}");
        let content = |name: &str| fs::read_to_string(into.join(name)).expect(name);
        assert_eq!([content("init"), content("usr/lib/deep/one"), content("usr/lib/two")], ["first", "12345", ""]);
        assert!(DIRECTORIES.iter().all(|name| into.join(name).is_dir()));
    }
}
