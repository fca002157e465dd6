//! The host's own files as a guest's root, read-only: what of them is seen, and the little that is made
//! for it. `/usr` and the links into it are the host's; `/etc` and the first program are ours; everything
//! that a guest writes lies in its memory.

mod skeleton;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use umbel_guest::{DiskSize, ImageId, ImageOrigin, Memory};
use umbel_wire::Layout;
use umbel_wire::agent::{ImageFacts, ImageKind, KernelFacts};

use crate::in_full;

/// The image that is no disk.
pub const IMAGE: &str = "host";

/// Seen in any case: programs and their libraries.
const USR: &str = "/usr";
/// Links into /usr where the distribution has merged them (hier(7)), else directories.
const BESIDE_USR: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/// Never seen: people's files, passwords, and what is not a file but the running system.
const NEVER: [&str; 10] =
    ["/home", "/root", "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/proc", "/sys", "/dev", "/run"];

#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("--show-host {path}: it must be an absolute path without . and ..")]
    Plain { path: PathBuf },
    #[error("--show-host {path}: {never} is never shown to guests")]
    Never { path: PathBuf, never: PathBuf },
    #[error("--show-host {path}: it must be a directory")]
    Kind { path: PathBuf },
    #[error("--show-host {path}: it is a link or lies behind one; show {target} instead")]
    Link { path: PathBuf, target: PathBuf },
    #[error("--show-host {path}")]
    Look { path: PathBuf, source: io::Error },
}

/// What a guest with this root sees, all of it by path on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Our part: directories to mount on, /etc, the first program. Complete, and never changed again.
    pub skeleton: PathBuf,
    /// Directories of the host, each seen at its own place in the skeleton.
    pub shown: Vec<PathBuf>,
}

/// The tree of this host, made ready; why there is none is told to the log. `may_clean` where no guest has
/// an older one.
pub fn make(layout: &Layout, shown: Vec<PathBuf>, may_clean: bool) -> Option<Tree> {
    // /usr is shown unasked, so a panel that has put its data there is no reason to end.
    if let Some(path) = shown.iter().find(|path| own(layout).iter().any(|own| own.starts_with(path))) {
        tracing::warn!(shown = %path.display(), "the host's files can't be a guest's root: Umbel's data lies in them");
        return None;
    }
    match skeleton::make(&layout.image(&image()), &shown, may_clean) {
        Ok(skeleton) => Some(Tree { skeleton, shown }),
        Err(error) => {
            tracing::warn!(cause = in_full(&error), "the host's files can't be a guest's root");
            None
        }
    }
}

/// Directories of this panel, under every name that they have.
fn own(layout: &Layout) -> Vec<PathBuf> {
    let (data, run) = (layout.data(), layout.run());
    [data, run].into_iter().flat_map(|path| [Some(path.to_owned()), path.canonicalize().ok()]).flatten().collect()
}

/// Directories that are seen: /usr and what belongs to it, and what the administrator named.
pub fn shown(layout: &Layout, named: &[PathBuf]) -> Result<Vec<PathBuf>, TreeError> {
    let mut shown = vec![PathBuf::from(USR)];
    let is_directory = |path: &&&str| fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir());
    shown.extend(BESIDE_USR.iter().filter(is_directory).map(PathBuf::from));
    // A home directory may be a link to where it really lies.
    let mut never = own(layout);
    never.extend(NEVER.iter().map(PathBuf::from));
    never.extend(NEVER.iter().filter_map(|path| Path::new(path).canonicalize().ok()));
    for path in named {
        check(path, &never)?;
        let look = |source| TreeError::Look { path: path.clone(), source };
        let target = path.canonicalize().map_err(look)?;
        if target != *path {
            return Err(TreeError::Link { path: path.clone(), target });
        }
        if !fs::metadata(path).map_err(look)?.is_dir() {
            return Err(TreeError::Kind { path: path.clone() });
        }
        // What is inside of something that is seen is seen with it.
        if !shown.iter().any(|other| path.starts_with(other)) {
            shown.push(path.clone());
        }
    }
    shown.sort();
    Ok(shown)
}

/// Neither what is never shown, nor what lies in it or has it inside.
fn check(path: &Path, never: &[PathBuf]) -> Result<(), TreeError> {
    let plain = path.is_absolute()
        && path.components().skip(1).all(|part| matches!(part, Component::Normal(_)))
        && path.components().collect::<PathBuf>().as_os_str() == path.as_os_str();
    if !plain {
        return Err(TreeError::Plain { path: path.to_owned() });
    }
    match never.iter().find(|never| path.starts_with(never) || never.starts_with(path)) {
        Some(never) => Err(TreeError::Never { path: path.to_owned(), never: never.clone() }),
        None => Ok(()),
    }
}

/// Offered where a kernel can have it.
pub fn facts(kernels: &[KernelFacts]) -> Option<ImageFacts> {
    kernels.iter().any(|kernel| kernel.features.hostfs).then(|| ImageFacts {
        id: image(),
        title: "This host's files".into(),
        description: "The host's own programs, read-only; what the guest writes lies in its memory.".into(),
        origin: ImageOrigin::Host,
        sha256: String::new(),
        kind: ImageKind::HostTree,
        file_system: None,
        fills_disk: false,
        default_user: "root".into(),
        // It has none; what is asked for is not looked at.
        sizes: vec![DiskSize::DEFAULT],
        taken_bytes: 0,
        suggested_memory: Memory::DEFAULT,
        came_from: String::new(),
        tested_with: String::new(),
    })
}

pub fn image() -> ImageId {
    IMAGE.parse().expect("four letters are a slug")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_shown_is_refused_with_everything_around_it() {
        let own = ["/var/lib/umbel", "/run/umbel/abcdef"];
        let never: Vec<PathBuf> = NEVER.into_iter().chain(own).map(PathBuf::from).collect();
        for path in [
            "/home",
            "/home/ada",
            "/root/.ssh",
            "/etc",
            "/etc/shadow",
            "/",
            "/var",
            "/var/lib/umbel/guests",
            "/proc/1",
            "/run",
        ] {
            assert!(matches!(check(Path::new(path), &never), Err(TreeError::Never { .. })), "{path}");
        }
        for path in ["usr", "/opt/../home", "/opt/./x", "/opt/", ""] {
            assert!(matches!(check(Path::new(path), &never), Err(TreeError::Plain { .. })), "{path:?}");
        }
        for path in ["/opt", "/srv/www", "/etc/ssl", "/var/lib/other"] {
            assert!(check(Path::new(path), &never).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_link_is_not_followed_and_what_is_seen_already_is_not_seen_twice() {
        let data = tempfile::tempdir_in("/var/tmp").expect("tmp");
        let (inside, elsewhere) = (data.path().join("data"), data.path().join("shown"));
        fs::create_dir(&inside).expect("made");
        fs::create_dir(&elsewhere).expect("made");
        let layout = Layout::new(&inside, Path::new("/run/umbel")).expect("exists");
        std::os::unix::fs::symlink("/root", elsewhere.join("link")).expect("linked");
        assert!(matches!(shown(&layout, &[elsewhere.join("link")]), Err(TreeError::Link { .. })));
        assert!(matches!(shown(&layout, &[elsewhere.join("none")]), Err(TreeError::Look { .. })));
        let all = shown(&layout, &["/usr/share".into(), elsewhere.clone(), elsewhere.clone()]).expect("fine");
        assert_eq!(all.iter().filter(|path| path.starts_with("/usr")).count(), 1, "{all:?}");
        assert_eq!(all.iter().filter(|path| **path == elsewhere).count(), 1, "{all:?}");
    }
}
