//! Which shared libraries programs need, read out of the files and never by running them: `ldd` would
//! execute what somebody uploaded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadCache, ReadRef};
use serde::{Deserialize, Serialize};

/// Where the dynamic loader looks without being told (ld.so(8)), on distributions that have kernels.
const SEARCHED: [&str; 6] =
    ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
/// Loaded by libc itself when a thread ends; a kernel without it aborts on a clean exit (status 250).
const LATE: &str = "libgcc_s.so.1";
/// More than this is no program of ours.
const LIBRARIES_MAX: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("reading {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("understanding {path}")]
    Elf { path: PathBuf, source: object::Error },
    #[error("{path} needs {needed}, which is nowhere to be found")]
    Missing { path: PathBuf, needed: String },
    #[error("{path} needs more than {LIBRARIES_MAX} libraries")]
    TooMany { path: PathBuf },
}

/// A library, or the loader: where it lies, and where programs look for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    pub from: PathBuf,
    pub to: PathBuf,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    loader: Option<String>,
    libraries: Vec<String>,
}

/// Everything that the programs need to run, each once. What lies in `own` is taken from there: the C
/// library that a kernel of another release came with also serves programs that were built with an older
/// one (glibc's symbol versions), but not the other way round.
pub fn closure(programs: &[&Path], own: Option<&Path>) -> Result<Vec<Library>, LibraryError> {
    let mut found: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut to_read: Vec<PathBuf> = programs.iter().map(|&path| path.to_owned()).collect();
    let mut is_dynamic = false;
    while let Some(path) = to_read.pop() {
        let needs = needs(&path)?;
        if let Some(loader) = needs.loader {
            is_dynamic = true;
            let to = PathBuf::from(&loader);
            let ours = own.and_then(|own| Some(own.join(to.file_name()?))).filter(|path| path.exists());
            let from = resolved(&ours.unwrap_or_else(|| to.clone()))?;
            found.insert(to, from);
        }
        let late = is_dynamic.then(|| LATE.to_owned());
        for name in needs.libraries.into_iter().chain(late) {
            let is_known = |to: &PathBuf| to.file_name().is_some_and(|known| known == name.as_str());
            if found.keys().any(is_known) {
                continue;
            }
            let missing = || LibraryError::Missing { path: path.clone(), needed: name.clone() };
            let (from, to) = locate(&name, own).ok_or_else(missing)?;
            let from = resolved(&from)?;
            to_read.push(from.clone());
            found.insert(to, from);
            if found.len() > LIBRARIES_MAX {
                return Err(LibraryError::TooMany { path });
            }
        }
    }
    Ok(found.into_iter().map(|(to, from)| Library { from, to }).collect())
}

fn resolved(path: &Path) -> Result<PathBuf, LibraryError> {
    path.canonicalize().map_err(|source| LibraryError::Read { path: path.to_owned(), source })
}

/// A plain name only: what stands in the file is not to be trusted.
fn locate(name: &str, own: Option<&Path>) -> Option<(PathBuf, PathBuf)> {
    if name.is_empty() || name.contains('/') {
        return None;
    }
    let on_host = SEARCHED.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists());
    let to = on_host.clone().unwrap_or_else(|| Path::new(SEARCHED[0]).join(name));
    let ours = own.map(|own| own.join(name)).filter(|path| path.exists());
    Some((ours.or(on_host)?, to))
}

fn needs(path: &Path) -> Result<Needs, LibraryError> {
    let file = File::open(path).map_err(|source| LibraryError::Read { path: path.to_owned(), source })?;
    // Reads what is asked for and no more: a kernel has megabytes.
    let cache = ReadCache::new(file);
    read_needs(&cache).map_err(|source| LibraryError::Elf { path: path.to_owned(), source })
}

fn read_needs<'data, R: ReadRef<'data>>(data: R) -> object::Result<Needs> {
    let header = elf::FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let mut needs = Needs::default();
    let sections = header.sections(endian, data)?;
    for segment in header.program_headers(endian, data)? {
        if let Some(loader) = segment.interpreter(endian, data)? {
            needs.loader = Some(String::from_utf8_lossy(loader).into_owned());
        }
    }
    let Some((entries, strings)) = sections.dynamic(endian, data)? else { return Ok(needs) };
    let strings = sections.strings(endian, data, strings)?;
    for entry in entries.iter().filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED)) {
        let name = entry.val32(endian).and_then(|at| strings.get(at).ok()).unwrap_or_default();
        needs.libraries.push(String::from_utf8_lossy(name).into_owned());
    }
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_this_host_needs_the_loader_libc_and_what_libc_loads_late() {
        let own = std::env::current_exe().expect("we run");
        let found = closure(&[&own], None).expect("a program");
        let names: Vec<_> = found.iter().filter_map(|library| library.to.file_name()?.to_str()).collect();
        for name in ["libc.so.6", "ld-linux-x86-64.so.2", LATE] {
            assert_eq!(names.iter().filter(|found| **found == name).count(), 1, "{name} in {names:?}");
        }
        assert!(found.iter().all(|library| library.from.is_file()));
    }

    #[test]
    fn a_library_that_the_kernel_came_with_is_taken_before_the_hosts() {
        let dir = tempfile::tempdir().expect("tmp");
        let own = dir.path().canonicalize().expect("there");
        let libc = Path::new("/lib/x86_64-linux-gnu/libc.so.6");
        std::fs::copy(libc, own.join("libc.so.6")).expect("copied");
        let found = closure(&[&std::env::current_exe().expect("we run")], Some(&own)).expect("a program");
        let from = |name: &str| found.iter().find(|library| library.to.ends_with(name)).expect("there").from.clone();
        assert_eq!(from("libc.so.6"), own.join("libc.so.6"));
        assert!(from(LATE).starts_with("/usr") || from(LATE).starts_with("/lib"));
    }

    #[test]
    fn what_is_no_program_is_named() {
        assert!(matches!(closure(&[Path::new("/etc/os-release")], None), Err(LibraryError::Elf { .. })));
        assert!(matches!(closure(&[Path::new("/none")], None), Err(LibraryError::Read { .. })));
        assert!(locate("../x", None).is_none() && locate("", None).is_none());
    }
}
