//! Images that disks are made of. The one that comes with Umbel is built here out of the machine's
//! busybox: a root file system in a directory, an ext4 of it for every size of the ladder. Nothing is
//! mounted and no right is needed. Others are [`import`]ed, or [`publish`]ed: made of what a guest has.

mod base;
mod files;
mod import;
mod making;
mod partitions;
mod publish;
mod root;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};
use umbel_guest::{DiskSize, GuestId, ImageId, ImageOrigin, Memory, SnapshotId, UploadId};
use umbel_wire::Layout;
use umbel_wire::agent::{ImageFacts, ImageKind, Refusal};

pub use files::read_files;
pub use import::{import, make_size, sweep, take_away};
pub use making::{Making, read_percent};
pub use publish::{publish, traces};

use crate::disk;
use crate::host::free_mib;
use crate::{in_full, shelf};

pub const TINY: &str = "tiny-5";
/// Every time inside of the image, 2000-01-01: the same content gives the same bytes.
const THEN: u64 = 946_684_800;
const UUID: &str = "756d6265-6c00-4000-8000-74696e792d35";
/// What a base of any size takes at most.
const ROOM_MIB: u64 = 16;

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("{path} is missing; the Debian package {package} has it")]
    Tool { path: &'static str, package: &'static str },
    #[error("making {path}")]
    Make { path: PathBuf, source: io::Error },
    #[error("running {program}")]
    Run { program: &'static str, source: io::Error },
    #[error("{program} failed: {said}")]
    Failed { program: &'static str, said: String },
    #[error("reading the manifest {path}")]
    Manifest { path: PathBuf, source: serde_json::Error },
}

/// What is written beside the bases, last of all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    title: String,
    description: String,
    /// Of the smallest base.
    sha256: String,
    suggested_memory: Memory,
    #[serde(default)]
    import: Option<Imported>,
}

/// What is known of an image that somebody put in.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Imported {
    /// So that nothing is made twice.
    #[serde(alias = "upload")]
    made_of: Origin,
    file_system: String,
    default_user: String,
    /// Whether the file system of each base is as large as the base: it was made to grow, or was already.
    #[serde(default)]
    fills: bool,
    /// As whoever put it in said it.
    #[serde(default)]
    origin: ImageOrigin,
    #[serde(default)]
    came_from: String,
    #[serde(default)]
    tested_with: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Origin {
    /// What somebody sent.
    Upload(UploadId),
    /// A guest's disk as it was.
    Snapshot { guest: GuestId, snapshot: SnapshotId },
}

/// Held while disks are made of images: none is taken away meanwhile.
static USED: RwLock<()> = RwLock::new(());

pub fn used() -> RwLockReadGuard<'static, ()> {
    USED.read().unwrap_or_else(PoisonError::into_inner)
}

/// One at a time makes what belongs to an image: two would build in the same place.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Images whose manifest is there.
pub fn all(layout: &Layout) -> Vec<ImageFacts> {
    let directories = fs::read_dir(layout.data().join("images")).into_iter().flatten().filter_map(Result::ok);
    let mut ids: Vec<ImageId> =
        directories.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    ids.sort();
    let facts = |id: ImageId| match facts(layout, &id) {
        Ok(facts) => facts,
        Err(error) => {
            tracing::warn!(image = %id, cause = in_full(&error), "an image can't be offered");
            None
        }
    };
    ids.into_iter().filter_map(facts).collect()
}

/// Makes what is missing of the image. Repeating it changes nothing that is there.
pub fn prepare(layout: &Layout, image: &ImageId) -> Result<ImageFacts, Refusal> {
    if image.as_str() != TINY {
        return match facts(layout, image) {
            Ok(Some(facts)) => Ok(facts),
            Ok(None) => Err(Refusal::UnknownImage { image: image.clone() }),
            Err(error) => Err(refusal(layout, &error)),
        };
    }
    prepare_tiny(layout, image).map_err(|error| refusal(layout, &error))
}

fn prepare_tiny(layout: &Layout, image: &ImageId) -> Result<ImageFacts, ImageError> {
    let whole = || match missing(layout, image).is_empty() {
        true => facts(layout, image),
        false => Ok(None),
    };
    if let Some(facts) = whole()? {
        return Ok(facts);
    }
    let _turn = turn();
    if let Some(facts) = whole()? {
        return Ok(facts);
    }
    let (directory, missing) = (layout.image(image), missing(layout, image));
    make_directory(&directory)?;
    // A dot: no id of an image begins with one.
    let building = layout.data().join("images").join(".building");
    remove(&building)?;
    make_directory(&building)?;
    let built = build(layout, image, &missing, &building);
    let removed = remove(&building);
    built.and(removed)?;
    let sha256 = base::digest(&layout.base(image, DiskSize::ladder().next().unwrap_or(DiskSize::DEFAULT)))?;
    let manifest = Manifest {
        title: "Tiny".into(),
        description: "Busybox in a few MiB: boots at once, its console is signed in.".into(),
        sha256,
        suggested_memory: Memory::DEFAULT,
        import: None,
    };
    write_manifest(&directory, &manifest)?;
    Ok(facts_of(layout, image, manifest))
}

/// Sizes whose base isn't there.
fn missing(layout: &Layout, image: &ImageId) -> Vec<DiskSize> {
    DiskSize::ladder().filter(|size| !layout.base(image, *size).exists()).collect()
}

fn build(layout: &Layout, image: &ImageId, sizes: &[DiskSize], building: &Path) -> Result<(), ImageError> {
    let tree = building.join("root");
    let corrections = root::make(&tree)?;
    let commands = building.join("corrections");
    fs::write(&commands, corrections).map_err(|source| ImageError::Make { path: commands.clone(), source })?;
    for size in sizes {
        let raw = building.join("raw");
        make_file_system(&raw, &tree, *size)?;
        // Owners and times, which an ordinary user can't give to files outside of it.
        run("/sbin/debugfs", "e2fsprogs", |debugfs| {
            debugfs.args(["-w", "-f"]).arg(&commands).arg(&raw);
        })?;
        let whole = File::open(&raw).map_err(|source| ImageError::Make { path: raw.clone(), source })?;
        base::put(whole, size.bytes(), &building.join("base"), &layout.base(image, *size))?;
    }
    Ok(())
}

fn make_file_system(file: &Path, tree: &Path, size: DiskSize) -> Result<(), ImageError> {
    remove(file)?;
    // All inode tables are zero in a new file: a guest that wrote them again would fill its disk.
    let extended = format!("lazy_itable_init=0,lazy_journal_init=1,root_owner=0:0,hash_seed={UUID}");
    run("/sbin/mke2fs", "e2fsprogs", |mke2fs| {
        mke2fs.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "16384", "-m", "0", "-L", "tiny"]);
        mke2fs.args(["-U", UUID, "-E", &extended, "-d"]).arg(tree).arg(file).arg(format!("{}M", size.mib()));
    })
}

fn write_manifest(directory: &Path, manifest: &Manifest) -> Result<(), ImageError> {
    let (path, beside) = (directory.join("image.json"), directory.join("image.json.new"));
    let json = serde_json::to_vec(manifest).map_err(|source| ImageError::Manifest { path: path.clone(), source })?;
    let written = fs::write(&beside, json).and_then(|()| fs::rename(&beside, &path));
    written.map_err(|source| ImageError::Make { path, source })
}

fn facts(layout: &Layout, image: &ImageId) -> Result<Option<ImageFacts>, ImageError> {
    Ok(manifest(layout, image)?.map(|manifest| facts_of(layout, image, manifest)))
}

fn manifest(layout: &Layout, image: &ImageId) -> Result<Option<Manifest>, ImageError> {
    let path = layout.image(image).join("image.json");
    let json = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| ImageError::Make { path: path.clone(), source })?,
    };
    serde_json::from_slice(&json).map(Some).map_err(|source| ImageError::Manifest { path, source })
}

fn facts_of(layout: &Layout, image: &ImageId, manifest: Manifest) -> ImageFacts {
    let Manifest { title, description, sha256, suggested_memory, import } = manifest;
    let bases = DiskSize::ladder().filter_map(|size| Some((size, fs::metadata(layout.base(image, size)).ok()?)));
    let (there, taken): (Vec<_>, Vec<_>) = bases.map(|(size, base)| (size, disk::taken(&base))).unzip();
    // Of an import, every size from its own on is made when it is asked for.
    let (came_from, tested_with) =
        import.as_ref().map(|its| (its.came_from.clone(), its.tested_with.clone())).unwrap_or_default();
    let (origin, file_system, default_user, fills_disk, sizes) = match import {
        Some(import) => {
            let larger = |size: &DiskSize| there.first().is_some_and(|least| size >= least);
            let sizes = DiskSize::ladder().filter(larger).collect();
            let origin = match import.made_of {
                Origin::Upload(_) => import.origin,
                Origin::Snapshot { .. } => ImageOrigin::Published,
            };
            (origin, import.file_system, import.default_user, import.fills, sizes)
        }
        None => (ImageOrigin::Built, "ext4".to_owned(), "root".to_owned(), true, there),
    };
    ImageFacts {
        id: image.clone(),
        title,
        description,
        origin,
        sha256,
        kind: ImageKind::Disk,
        file_system: Some(file_system),
        fills_disk,
        default_user,
        sizes,
        taken_bytes: taken.iter().sum(),
        suggested_memory,
        came_from,
        tested_with,
    }
}

fn run(program: &'static str, package: &'static str, arguments: impl FnOnce(&mut Command)) -> Result<(), ImageError> {
    if !Path::new(program).exists() {
        return Err(ImageError::Tool { path: program, package });
    }
    let mut command = Command::new(program);
    // Both names: SOURCE_DATE_EPOCH is known from e2fsprogs 1.47.1 on.
    let then = THEN.to_string();
    command.env_clear().env("E2FSPROGS_FAKE_TIME", &then).env("SOURCE_DATE_EPOCH", &then).env("TZ", "UTC");
    command.stdin(Stdio::null());
    arguments(&mut command);
    let output = command.output().map_err(|source| ImageError::Run { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
    Err(ImageError::Failed { program, said })
}

fn make_directory(path: &Path) -> Result<(), ImageError> {
    let made = fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    made.map_err(|source| ImageError::Make { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), ImageError> {
    shelf::remove(path).map_err(|source| ImageError::Make { path: path.to_owned(), source })
}

fn refusal(layout: &Layout, error: &ImageError) -> Refusal {
    let free_mib = free_mib(layout.data()).unwrap_or_default();
    let full = matches!(error, ImageError::Make { source, .. } if source.kind() == io::ErrorKind::StorageFull);
    // mke2fs says it in its own words.
    if full || (matches!(error, ImageError::Failed { .. }) && free_mib < ROOM_MIB) {
        return Refusal::DiskFull { free_mib };
    }
    Refusal::Failed { step: "making the image".into(), error: in_full(error) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// What children of a base know it by, and what it holds.
    fn identity(layout: &Layout, size: DiskSize) -> (u64, i64, String) {
        let base = layout.base(&TINY.parse().expect("a slug"), size);
        let facts = fs::metadata(&base).expect("there");
        (facts.len(), facts.mtime(), base::digest(&base).expect("readable"))
    }

    #[test]
    fn a_base_that_is_made_again_is_the_same_to_its_children() {
        let dir = tempfile::tempdir().expect("tmp");
        let layout = Layout::new(dir.path(), Path::new("/run/umbel")).expect("exists");
        let tiny: ImageId = TINY.parse().expect("a slug");
        let facts = prepare(&layout, &tiny).expect("made");
        assert_eq!(facts.sizes, DiskSize::ladder().collect::<Vec<_>>());
        assert_eq!(all(&layout), std::slice::from_ref(&facts));
        let (small, large) = (facts.sizes[0], facts.sizes[8]);
        let before = (identity(&layout, small), identity(&layout, large));
        for size in [small, large] {
            fs::remove_file(layout.base(&tiny, size)).expect("removed");
        }
        assert_eq!(all(&layout)[0].sizes.len(), 7);
        assert_eq!(prepare(&layout, &tiny).expect("made again"), facts);
        assert_eq!((identity(&layout, small), identity(&layout, large)), before);
        assert!(!dir.path().join("images/.building").exists());
        let used = facts.taken_bytes;
        assert!((1 << 20..64 << 20).contains(&used), "the ladder takes {used} bytes");
    }

    #[test]
    fn an_unknown_image_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("tmp");
        let layout = Layout::new(dir.path(), Path::new("/run/umbel")).expect("exists");
        let other: ImageId = "other-1".parse().expect("a slug");
        assert_eq!(prepare(&layout, &other), Err(Refusal::UnknownImage { image: other }));
    }
}
