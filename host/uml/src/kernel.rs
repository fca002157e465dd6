//! Recognising a kernel file without running it: `--version` is running foreign code.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Where distributions put their UML kernel.
pub const ON_THE_MACHINE: [&str; 2] = ["/usr/bin/linux.uml", "/usr/bin/linux"];

/// Why a file is no kernel that can be started here.
#[derive(Debug, thiserror::Error)]
pub enum NotAKernel {
    #[error("reading {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("it is not an ELF program for x86-64")]
    Foreign,
    #[error("it is cut short: {has} of {needs} bytes")]
    Truncated { has: u64, needs: u64 },
    #[error("it is no User-Mode Linux kernel: it names no Linux version for ARCH=um")]
    NotUml,
}

/// What a kernel file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelFile {
    /// For example `6.1.176`.
    pub version: String,
    pub size_bytes: u64,
}

/// Reads the headers and the version string.
pub fn probe(path: &Path) -> Result<KernelFile, NotAKernel> {
    let read = |source| NotAKernel::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(read)?;
    let size_bytes = file.metadata().map_err(read)?.len();
    let mut header = Vec::with_capacity(64);
    (&mut file).take(64).read_to_end(&mut header).map_err(read)?;
    let needs = least_length(&header)?;
    if size_bytes < needs {
        return Err(NotAKernel::Truncated { has: size_bytes, needs });
    }
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    let mut content = Vec::new();
    file.take(256 << 20).read_to_end(&mut content).map_err(read)?;
    let version = version(&content).ok_or(NotAKernel::NotUml)?;
    Ok(KernelFile { version, size_bytes })
}

/// The end of the section headers, which linkers put last (ELF-64 object file format, figure 2).
fn least_length(header: &[u8]) -> Result<u64, NotAKernel> {
    const EXECUTABLE: u16 = 2;
    const SHARED: u16 = 3;
    const X86_64: u16 = 62;
    let header: &[u8; 64] = header.try_into().map_err(|_| NotAKernel::Foreign)?;
    let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let is_ours =
        header.starts_with(b"\x7fELF\x02\x01") && matches!(half(16), EXECUTABLE | SHARED) && half(18) == X86_64;
    if !is_ours {
        return Err(NotAKernel::Foreign);
    }
    let sections_at = u64::from_le_bytes(header[40..48].try_into().map_err(|_| NotAKernel::Foreign)?);
    Ok(sections_at.saturating_add(u64::from(half(58)) * u64::from(half(60))))
}

/// `Linux version 6.1.176 (builder) …` of a file that is also a UML kernel.
fn version(content: &[u8]) -> Option<String> {
    let uml = find(content, b"User Mode Linux").is_some() || find(content, b"mconsole").is_some();
    let mut rest = content;
    while uml && let Some(at) = find(rest, b"Linux version ") {
        let text = &rest[at + b"Linux version ".len()..];
        let end = text.iter().take(64).position(|&b| b == b' ' || b == 0)?;
        let version = std::str::from_utf8(&text[..end]).ok().filter(|v| v.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(version) = version {
            return Some(version.to_owned());
        }
        rest = text;
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_and_short_files_are_refused_by_name() {
        let dir = tempfile::tempdir().expect("tmp");
        let path = dir.path().join("kernel");
        std::fs::write(&path, b"#!/bin/sh\n").expect("written");
        assert!(matches!(probe(&path), Err(NotAKernel::Foreign)));
        let own = std::fs::read("/proc/self/exe").expect("own program");
        std::fs::write(&path, &own[..own.len() / 2]).expect("written");
        assert!(matches!(probe(&path), Err(NotAKernel::Truncated { .. })));
        std::fs::copy("/bin/true", &path).expect("copied");
        assert!(matches!(probe(&path), Err(NotAKernel::NotUml)));
        assert!(matches!(probe(&dir.path().join("none")), Err(NotAKernel::Read { .. })));
    }

    #[test]
    fn the_distributions_kernel_is_known() {
        let kernel = ON_THE_MACHINE.iter().map(Path::new).find(|p| p.exists());
        let kernel = kernel.expect("the tests need the Debian package user-mode-linux");
        let facts = probe(kernel).expect("a kernel");
        assert!(facts.version.starts_with(|c: char| c.is_ascii_digit()), "{facts:?}");
    }
}
