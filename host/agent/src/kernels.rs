//! Kernels that guests can be started with: the distribution's, and what an administrator puts into
//! DATA/kernels. They are looked at, never run.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use umbel_guest::KernelId;
use umbel_uml::kernel::{ON_THE_MACHINE, probe};
use umbel_wire::Layout;
use umbel_wire::agent::{KernelFacts, Refusal};

use crate::in_full;

/// What was found out about a file; again only when it has changed.
type Known = HashMap<PathBuf, (Identity, Result<Looked, String>)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    size: u64,
    changed: (i64, i64),
    mode: u32,
}

#[derive(Clone, Debug)]
struct Looked {
    version: String,
    sha256: String,
    size_bytes: u64,
}

#[derive(Debug)]
pub struct Kernels {
    layout: Layout,
    known: Mutex<Known>,
}

impl Kernels {
    pub fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), known: Mutex::default() }
    }

    /// Every kernel that can be started now; the others are told to the log.
    pub fn all(&self) -> Vec<KernelFacts> {
        let mut all: Vec<KernelFacts> = self.of_the_machine().map(|(facts, _)| facts).into_iter().collect();
        let dropped = fs::read_dir(self.layout.data().join("kernels")).into_iter().flatten().filter_map(Result::ok);
        let mut ids: Vec<KernelId> =
            dropped.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
        ids.sort();
        for id in ids {
            match self.look(&self.layout.kernel(&id)) {
                Ok(looked) => all.push(facts(id, looked, "added by an administrator")),
                Err(reason) => tracing::warn!(kernel = %id, reason, "a file among the kernels can't be used"),
            }
        }
        all
    }

    /// The file of a kernel that can be started.
    pub fn path(&self, kernel: &KernelId) -> Result<PathBuf, Refusal> {
        let dropped = self.layout.kernel(kernel);
        if dropped.exists() {
            let bad = |reason| Refusal::BadKernel { kernel: kernel.clone(), reason };
            return self.look(&dropped).map(|_| dropped.clone()).map_err(bad);
        }
        match self.of_the_machine() {
            Some((facts, path)) if facts.id == *kernel => Ok(path),
            _ => Err(Refusal::UnknownKernel { kernel: kernel.clone() }),
        }
    }

    fn of_the_machine(&self) -> Option<(KernelFacts, PathBuf)> {
        let path = ON_THE_MACHINE.iter().map(Path::new).find(|path| path.exists())?;
        let looked = self.look(path).inspect_err(|reason| tracing::warn!(reason, "the distribution's kernel")).ok()?;
        let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let name = distribution(&os);
        let id = format!("{name}-{}", looked.version.to_lowercase()).parse().ok()?;
        Some((facts(id, looked, "the distribution's package user-mode-linux"), path.to_owned()))
    }

    fn look(&self, path: &Path) -> Result<Looked, String> {
        let identity = fs::metadata(path).map(|facts| identity(&facts)).map_err(|e| in_full(&e))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, looked)) = known.get(path)
            && *then == identity
        {
            return looked.clone();
        }
        let looked = look_anew(path, identity);
        known.insert(path.to_owned(), (identity, looked.clone()));
        looked
    }
}

fn look_anew(path: &Path, identity: Identity) -> Result<Looked, String> {
    let file = probe(path).map_err(|e| in_full(&e))?;
    if fs::Permissions::from_mode(identity.mode).mode() & 0o005 != 0o005 {
        return Err("guests may not read and run it: it needs mode 0755".into());
    }
    let sha256 = digest(path).map_err(|e| in_full(&e))?;
    Ok(Looked { version: file.version, sha256, size_bytes: file.size_bytes })
}

fn digest(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut digest)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn identity(facts: &Metadata) -> Identity {
    let changed = (facts.ctime(), facts.ctime_nsec());
    Identity { inode: facts.ino(), size: facts.size(), changed, mode: facts.mode() }
}

fn facts(id: KernelId, looked: Looked, origin: &str) -> KernelFacts {
    let Looked { version, sha256, size_bytes } = looked;
    KernelFacts { id, version, origin: origin.into(), sha256, size_bytes }
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

    #[test]
    fn a_file_that_is_no_kernel_is_refused_with_the_reason_and_again_looked_at_when_it_changes() {
        let dir = tempfile::tempdir().expect("tmp");
        let layout = Layout::new(dir.path(), Path::new("/run/umbel")).expect("exists");
        let kernels = Kernels::new(&layout);
        let id: KernelId = "mine-1".parse().expect("a slug");
        assert!(matches!(kernels.path(&id), Err(Refusal::UnknownKernel { .. })));
        fs::create_dir(dir.path().join("kernels")).expect("made");
        fs::write(layout.kernel(&id), "#!/bin/sh\n").expect("written");
        let refused = kernels.path(&id).expect_err("no kernel").to_string();
        assert!(refused.contains("not an ELF program"), "{refused}");
        fs::copy("/usr/bin/linux.uml", layout.kernel(&id)).expect("copied");
        assert_eq!(kernels.path(&id).expect("a kernel"), layout.kernel(&id));
        let facts = kernels.all().into_iter().find(|k| k.id == id).expect("listed");
        assert_eq!(facts.sha256, digest(Path::new("/usr/bin/linux.uml")).expect("readable"));
    }
}
