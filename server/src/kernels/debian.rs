//! What came in as files becomes `linux` and `lib/`: an ELF file as it is, or packages of Debian
//! (deb(5): an ar archive whose `data.tar.xz` holds the files), one with the kernel and others with the
//! C library that it needs. Nothing of them is run here and nothing is written but by names of ours.
//!
//! Packages may come from anywhere, so everything is counted: bytes after decompression, memory of the
//! decompressor, entries, libraries.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::Stream;

/// A package's files together, once they are unpacked, and the most memory that unpacking may take:
/// xz's largest preset needs 65 MiB.
const UNPACKED_MOST: u64 = 2 << 30;
const XZ_MEMORY_MOST: u64 = 256 << 20;
const ENTRIES_MOST: usize = 200_000;
const KERNEL_MOST: u64 = 256 << 20;
const LIBRARY_MOST: u64 = 64 << 20;
const LIBRARIES_MOST: usize = 64;

/// Why files are no kernel. What an administrator reads.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("{step} {path}")]
    Io {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{file} is neither an ELF file nor a Debian package")]
    Unknown { file: String },
    #[error("{file} is no whole Debian package")]
    Broken {
        file: String,
        #[source]
        source: io::Error,
    },
    #[error("{file} is packed in a way that is not read here ({member}); Debian's own packages have data.tar.xz")]
    Packed { file: String, member: String },
    #[error("{file} holds {what}")]
    TooMuch { file: String, what: &'static str },
    #[error("there is no kernel in it: an ELF file, or a package with usr/bin/linux.uml")]
    NoKernel,
    #[error("there are two kernels in it; add one at a time")]
    TwoKernels,
}

/// Where files go, and what went there so far.
struct Into {
    place: PathBuf,
    kernels: usize,
    libraries: usize,
    /// Names that are links to other libraries of the same package.
    links: Vec<(String, String)>,
}

/// Makes `linux` and `lib/` out of `files/`, both anew.
pub fn unpack(place: &Path) -> Result<(), UnpackError> {
    let mut into = Into { place: place.to_owned(), kernels: 0, libraries: 0, links: Vec::new() };
    into.begin()?;
    let files = place.join("files");
    let mut names = Vec::new();
    for entry in fs::read_dir(&files).map_err(io_at("reading", &files))? {
        let name = entry.map_err(io_at("reading", &files))?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    for name in &names {
        let path = files.join(name);
        let mut file = File::open(&path).map_err(io_at("opening", &path))?;
        let mut magic = Vec::new();
        (&mut file).take(8).read_to_end(&mut magic).map_err(io_at("reading", &path))?;
        file.rewind().map_err(io_at("reading", &path))?;
        if magic.starts_with(b"\x7fELF") {
            if is_library(name) { into.library(name, name, &mut file)? } else { into.kernel(name, &mut file)? }
        } else if magic == b"!<arch>\n" {
            package(name, &mut file, &mut into)?;
        } else {
            return Err(UnpackError::Unknown { file: name.clone() });
        }
    }
    into.follow_links()?;
    match into.kernels {
        0 => Err(UnpackError::NoKernel),
        1 => Ok(()),
        _ => Err(UnpackError::TwoKernels),
    }
}

fn io_at(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UnpackError + use<> {
    let path = path.to_owned();
    move |source| UnpackError::Io { step, path, source }
}

/// A name by which a loader looks for a library.
fn is_library(name: &str) -> bool {
    let so = name.contains(".so.") || name.ends_with(".so");
    so && (name.starts_with("lib") || name.starts_with("ld-") || name.starts_with("ld.")) && is_plain(name)
}

fn is_plain(name: &str) -> bool {
    name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
}

impl Into {
    fn begin(&self) -> Result<(), UnpackError> {
        let (linux, lib) = (self.place.join("linux"), self.place.join("lib"));
        let there = |done: io::Result<()>| match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        };
        there(fs::remove_file(&linux)).map_err(io_at("removing", &linux))?;
        there(fs::remove_dir_all(&lib)).map_err(io_at("removing", &lib))?;
        fs::create_dir(&lib).map_err(io_at("making", &lib))
    }

    fn kernel(&mut self, file: &str, content: &mut impl Read) -> Result<(), UnpackError> {
        self.kernels += 1;
        if self.kernels > 1 {
            return Err(UnpackError::TwoKernels);
        }
        write(&self.place.join("linux"), file, content, KERNEL_MOST)
    }

    fn library(&mut self, file: &str, name: &str, content: &mut impl Read) -> Result<(), UnpackError> {
        self.libraries += 1;
        if self.libraries > LIBRARIES_MOST {
            return Err(UnpackError::TooMuch { file: file.into(), what: "more libraries than a kernel needs" });
        }
        write(&self.place.join("lib").join(name), file, content, LIBRARY_MOST)
    }

    /// Links become copies: the agent takes plain files only.
    fn follow_links(&self) -> Result<(), UnpackError> {
        let lib = self.place.join("lib");
        for (name, to) in &self.links {
            let (name, to) = (lib.join(name), lib.join(to));
            if to.is_file() && !name.exists() {
                fs::copy(&to, &name).map_err(io_at("copying", &name))?;
            }
        }
        Ok(())
    }
}

fn write(path: &Path, file: &str, content: &mut impl Read, most: u64) -> Result<(), UnpackError> {
    let mut out = File::create(path).map_err(io_at("making", path))?;
    let broken = |source| UnpackError::Broken { file: file.into(), source };
    let length = io::copy(&mut content.take(most + 1), &mut out).map_err(broken)?;
    if length > most {
        return Err(UnpackError::TooMuch { file: file.into(), what: "a file that is too large" });
    }
    out.flush().and_then(|()| out.sync_all()).map_err(io_at("writing", path))
}

/// Finds `data.tar*` among the members of the ar archive (ar(5): headers of 60 bytes, members at even
/// offsets).
fn package(name: &str, file: &mut File, into: &mut Into) -> Result<(), UnpackError> {
    let broken = |source| UnpackError::Broken { file: name.to_owned(), source };
    let bad = |why: &str| broken(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    let length = file.metadata().map_err(broken)?.len();
    let mut at = 8;
    while at + 60 <= length {
        file.seek(SeekFrom::Start(at)).map_err(broken)?;
        let mut header = [0; 60];
        file.read_exact(&mut header).map_err(broken)?;
        if header[58..] != *b"`\n" {
            return Err(bad("a member's header can't be read"));
        }
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&header[range]).trim_end().to_owned();
        let member = text(0..16).trim_end_matches('/').to_owned();
        let size: u64 = text(48..58).parse().map_err(|_| bad("a member's size can't be read"))?;
        at += 60;
        if size > length - at {
            return Err(bad("a member is cut off"));
        }
        if member.starts_with("data.tar") {
            let content = BufReader::new(file.take(size));
            return match member.as_str() {
                "data.tar" => unpacked(name, content, into),
                "data.tar.gz" => unpacked(name, GzDecoder::new(content), into),
                "data.tar.xz" => {
                    let stream = Stream::new_stream_decoder(XZ_MEMORY_MOST, 0).map_err(|e| broken(e.into()))?;
                    unpacked(name, XzDecoder::new_stream(content, stream), into)
                }
                _ => Err(UnpackError::Packed { file: name.into(), member }),
            };
        }
        at += size + size % 2;
    }
    Err(bad("it has no data.tar"))
}

fn unpacked(name: &str, content: impl Read, into: &mut Into) -> Result<(), UnpackError> {
    let broken = |source| UnpackError::Broken { file: name.to_owned(), source };
    let too_much = |what| UnpackError::TooMuch { file: name.to_owned(), what };
    // An end of input at the limit is an archive that is cut off: refused as such.
    let mut archive = tar::Archive::new(content.take(UNPACKED_MOST));
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        if count >= ENTRIES_MOST {
            return Err(too_much("more files than a package has"));
        }
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let kind = entry.header().entry_type();
        match what(&path) {
            What::Kernel if kind.is_file() => into.kernel(name, &mut entry)?,
            What::Library(library) if kind.is_file() => into.library(name, &library, &mut entry)?,
            What::Library(library) if kind.is_symlink() && into.links.len() < LIBRARIES_MOST => {
                let to = entry.link_name().map_err(broken)?;
                let to = to.as_deref().and_then(Path::file_name).and_then(|to| to.to_str()).map(str::to_owned);
                if let Some(to) = to.filter(|to| is_library(to)) {
                    into.links.push((library, to));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Kernel,
    Library(String),
    Nothing,
}

/// What a path of a package is to us: `usr/bin/linux.uml`, or a library in one of the directories that
/// a loader looks into.
fn what(path: &Path) -> What {
    let parts: Option<Vec<&str>> = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let parts = parts.unwrap_or_default();
    let parts = parts.strip_prefix(&["usr"]).unwrap_or(&parts);
    match parts {
        ["bin", "linux.uml" | "linux"] => What::Kernel,
        ["lib" | "lib64", name] | ["lib", _, name] if is_library(name) => What::Library((*name).to_owned()),
        _ => What::Nothing,
    }
}

#[cfg(test)]
#[path = "debian_tests.rs"]
mod tests;
