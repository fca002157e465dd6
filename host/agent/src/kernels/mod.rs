//! Kernels that guests can be started with: the distribution's, our own builds, and what an
//! administrator uploaded. What each can do is asked of it once, in a jail, and remembered.
//!
//! Reading order: here the catalogue, [`look`] (what is found out about a file), [`ask`] (running what
//! is foreign), [`add`] (taking over an upload, and removing it).

mod add;
pub mod ask;
mod look;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use umbel_guest::{KernelFeatures, KernelId, KernelOrigin};
use umbel_uml::kernel::ON_THE_MACHINE;
use umbel_wire::Layout;
use umbel_wire::agent::{KernelFacts, Refusal};

use crate::in_full;
use ask::Asker;
use look::{Looked, Looks};

/// The file of a kernel in its directory, and the directory of the libraries that it came with.
const FILE: &str = "linux";
const LIBRARIES: &str = "lib";

/// A kernel that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub id: KernelId,
    pub file: PathBuf,
    /// The C library and its loader, where the kernel was built for another release than this machine's.
    pub libraries: Option<PathBuf>,
    pub features: KernelFeatures,
}

#[derive(Debug)]
pub struct Kernels {
    layout: Layout,
    /// Directories of our own builds, each with a directory per kernel.
    built: Vec<PathBuf>,
    looks: Looks,
    /// One comes or goes at a time.
    turn: Mutex<()>,
    used: RwLock<()>,
}

/// A kernel that was found, before anybody has looked at it closely.
#[derive(Debug)]
struct Place {
    file: PathBuf,
    libraries: Option<PathBuf>,
    origin: KernelOrigin,
}

impl Kernels {
    pub fn new(layout: &Layout, built: Vec<PathBuf>, asker: Asker) -> Self {
        let looks = Looks::new(layout.ledger().join("kernels"), asker);
        Self { layout: layout.clone(), built, looks, turn: Mutex::default(), used: RwLock::default() }
    }

    /// To be held from finding a kernel until it is written down that it is used.
    pub fn use_one(&self) -> RwLockReadGuard<'_, ()> {
        self.used.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every kernel that can be started now, the default one first; the others are told to the log.
    pub fn all(&self) -> Vec<KernelFacts> {
        let mut all = self.found();
        all.sort_by_key(|(place, id, _)| {
            (place.origin != KernelOrigin::Built, place.origin != KernelOrigin::Machine, id.clone())
        });
        let facts = |(i, (place, id, looked)): (usize, (Place, KernelId, Looked))| {
            let Looked { version, sha256, size_bytes, features } = looked;
            // An upload is nobody's default: its administrator may have it for one guest alone.
            let is_default = i == 0 && place.origin != KernelOrigin::Uploaded;
            KernelFacts { id, version, origin: place.origin, sha256, size_bytes, features, is_default }
        };
        all.into_iter().enumerate().map(facts).collect()
    }

    /// A kernel that can be started.
    pub fn find(&self, id: &KernelId) -> Result<Kernel, Refusal> {
        let bad = |reason| Refusal::BadKernel { kernel: id.clone(), reason };
        let uploaded = self.uploaded(id);
        let (place, looked) = if self.layout.kernel(id).exists() {
            let looked = self.looks.look(&uploaded.file, uploaded.libraries.as_deref()).map_err(bad)?;
            (uploaded, looked)
        } else {
            let found = self.of_the_host().into_iter().find(|(_, found, _)| found == id);
            let (place, _, looked) = found.ok_or_else(|| Refusal::UnknownKernel { kernel: id.clone() })?;
            (place, looked)
        };
        Ok(Kernel { id: id.clone(), file: place.file, libraries: place.libraries, features: looked.features })
    }

    fn found(&self) -> Vec<(Place, KernelId, Looked)> {
        let mut all = self.of_the_host();
        for id in names_in(&self.layout.kernels()).iter().filter_map(|name| name.parse::<KernelId>().ok()) {
            let place = self.uploaded(&id);
            if all.iter().all(|(_, other, _)| *other != id)
                && let Some(looked) = self.told(&place)
            {
                all.push((place, id, looked));
            }
        }
        all
    }

    /// What nobody uploaded: its name comes from the version that the file says.
    fn of_the_host(&self) -> Vec<(Place, KernelId, Looked)> {
        let mut all: Vec<(Place, KernelId, Looked)> = Vec::new();
        for place in self.built_places().into_iter().chain(of_the_machine()) {
            let Some(looked) = self.told(&place) else { continue };
            let name = match place.origin {
                KernelOrigin::Machine => {
                    distribution(&fs::read_to_string("/etc/os-release").unwrap_or_default()).to_owned()
                }
                KernelOrigin::Built | KernelOrigin::Uploaded => "umbel".to_owned(),
            };
            let version = looked.version.trim_end_matches("-umbel").to_lowercase();
            match format!("{name}-{version}").parse::<KernelId>() {
                // The newer of two builds of one version has its name.
                Ok(id) if all.iter().all(|(_, other, _)| *other != id) => all.push((place, id, looked)),
                Ok(_) => {}
                Err(error) => tracing::warn!(cause = in_full(&error), "a kernel's version is no name"),
            }
        }
        all
    }

    fn told(&self, place: &Place) -> Option<Looked> {
        let looked = self.looks.look(&place.file, place.libraries.as_deref());
        let told = |reason: &String| tracing::warn!(kernel = %place.file.display(), reason, "a kernel can't be used");
        looked.inspect_err(told).ok()
    }

    /// Our own builds, the newest first.
    fn built_places(&self) -> Vec<Place> {
        let files =
            self.built.iter().flat_map(|dir| names_in(dir).into_iter().map(move |name| dir.join(name).join(FILE)));
        let mut files: Vec<_> =
            files.filter_map(|file| Some((fs::metadata(&file).ok()?.modified().ok()?, file))).collect();
        files.sort();
        let place = |(_, file)| Place { file, libraries: None, origin: KernelOrigin::Built };
        files.into_iter().rev().map(place).collect()
    }

    fn uploaded(&self, id: &KernelId) -> Place {
        let directory = self.layout.kernel(id);
        let libraries = Some(directory.join(LIBRARIES)).filter(|path| path.exists());
        Place { file: directory.join(FILE), libraries, origin: KernelOrigin::Uploaded }
    }
}

fn of_the_machine() -> Option<Place> {
    let file = ON_THE_MACHINE.iter().map(Path::new).find(|path| path.exists())?.to_owned();
    Some(Place { file, libraries: None, origin: KernelOrigin::Machine })
}

/// Names of what a directory has; of one that isn't there, none.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// `ID=` of os-release(5); it may be quoted.
fn distribution(os_release: &str) -> &str {
    let id = os_release.lines().find_map(|line| line.strip_prefix("ID="));
    id.map_or("linux", |id| id.trim_matches(|c| c == '"' || c == '\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_read_as_it_is_written() {
        assert_eq!(distribution("NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n"), "debian");
        assert_eq!(distribution("ID=\"rhel\"\n"), "rhel");
        assert_eq!(distribution(""), "linux");
    }
}
