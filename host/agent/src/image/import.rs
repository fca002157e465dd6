//! Images that people put in: a file system, as the panel has left it in its directory of uploads. What lies there was
//! written by a process without rights, out of what somebody sent. It is copied, and only the copy is looked at, at its
//! beginning. Nothing here mounts, checks or resizes it: that is left to the guests that boot from it.
//!
//! The base of its own size is made here, larger ones as disks of them are asked for: the same bytes and a hole.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::PoisonError;

use rustix::fs::{Mode, OFlags};
use umbel_guest::{DiskSize, ImageId, UploadId};
use umbel_uml::cow::CowHeader;
use umbel_wire::Layout;
use umbel_wire::agent::{ImageSaid, Refusal};

use super::{
    BLOCK, ImageError, Imported, Manifest, TINY, USED, hex, make_directory, manifest, put, put_open, refusal, remove,
    turn, write_manifest,
};
use crate::host::free_mib;
use crate::magic::Head;
use crate::state::failed_at;
use crate::{beneath, in_full, tree};

/// What an upload's file system is called.
const DISK: &str = "disk";
/// Images that are coming or going: no id begins with a dot.
const COMING: &str = ".coming-";
const GOING: &str = ".going-";

/// Makes an image of an upload. Repeating it does no harm; a failure leaves nothing.
pub fn import(layout: &Layout, image: &ImageId, upload: UploadId, said: ImageSaid) -> Result<(), Refusal> {
    let _turn = turn();
    let bad = |reason: String| Refusal::BadImage { image: image.clone(), reason };
    if image.as_str() == TINY || *image == tree::image() {
        return Err(bad("Umbel's own has that name".into()));
    }
    if let Some(there) = manifest(layout, image).map_err(|error| refusal(layout, &error))? {
        let same = there.import.is_some_and(|import| import.upload == upload);
        return if same { Ok(()) } else { Err(bad("another image has that name".into())) };
    }
    let source = open(layout, upload, &bad)?;
    let length = source.metadata().map_err(|error| bad(format!("the upload can't be looked at: {error}")))?.len();
    if length == 0 {
        return Err(bad("it is empty".into()));
    }
    let fits = DiskSize::ladder().find(|size| size.bytes() >= length);
    let size = fits.ok_or_else(|| bad("it is larger than the largest disk, 16 GiB".into()))?;
    check_room(layout, &source)?;

    let coming = layout.data().join("images").join(format!("{COMING}{image}"));
    let failed = |error: ImageError| refusal(layout, &error);
    remove(&coming).map_err(failed)?;
    make_directory(&coming).map_err(failed)?;
    let made = take_over(source, size, upload, said, &coming, &bad, &failed).and_then(|()| {
        let name = layout.image(image);
        // What an agent left that was killed over its removal.
        remove(&name).map_err(failed)?;
        fs::rename(&coming, &name).map_err(failed_at("naming", &name))?;
        let all = layout.data().join("images");
        File::open(&all).and_then(|all| all.sync_all()).map_err(failed_at("writing", &all))
    });
    // After a success it has its name already.
    let removed = remove(&coming).map_err(failed);
    made.and(removed)
}

fn take_over(
    source: File,
    size: DiskSize,
    upload: UploadId,
    said: ImageSaid,
    coming: &Path,
    bad: &dyn Fn(String) -> Refusal,
    failed: &dyn Fn(ImageError) -> Refusal,
) -> Result<(), Refusal> {
    let base = coming.join(Layout::base_name(size));
    let digest = put_open(source, size.bytes(), &coming.join("base"), &base).map_err(failed)?;
    // The upload may be another by now: what counts is what was copied.
    let head = File::open(&base).and_then(|base| Head::of(&base)).map_err(failed_at("reading", &base))?;
    if head.is_cow() {
        return Err(bad("it is a copy-on-write child: merge it with its base first (uml_moo)".into()));
    }
    let Some(file_system) = head.file_system() else {
        return Err(bad(match head.is_divided() {
            true => "it is divided into partitions: put in the file system of its root alone".into(),
            false => "it has no file system that is known here: ext2, ext3, ext4, xfs, btrfs or squashfs".into(),
        }));
    };
    let ImageSaid { title, description, default_user, suggested_memory } = said;
    let manifest = Manifest {
        title,
        description,
        sha256: hex(&digest),
        suggested_memory,
        import: Some(Imported { upload, file_system: file_system.to_owned(), default_user }),
    };
    write_manifest(coming, &manifest).map_err(failed)
}

/// Without following a link, and without waiting for the other end of a pipe.
fn open(layout: &Layout, upload: UploadId, bad: &dyn Fn(String) -> Refusal) -> Result<File, Refusal> {
    let path = layout.upload(upload).join(DISK);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match beneath::open(layout.data(), &path, flags, Mode::empty()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Refusal::UnknownUpload { upload }),
        opened => File::from(opened.map_err(|error| bad(format!("the upload can't be opened: {}", in_full(&error))))?),
    };
    match file.metadata() {
        Ok(facts) if facts.is_file() => Ok(file),
        Ok(_) => Err(bad("the upload is no regular file".into())),
        Err(error) => Err(bad(format!("the upload can't be looked at: {error}"))),
    }
}

/// For as much again as it takes now.
fn check_room(layout: &Layout, file: &File) -> Result<(), Refusal> {
    let free_mib = free_mib(layout.data())?;
    let taken = file.metadata().map_err(failed_at("looking at", layout.data()))?.blocks() * BLOCK;
    if taken >> 20 >= free_mib { Err(Refusal::DiskFull { free_mib }) } else { Ok(()) }
}

/// Makes the base of that size, if the image is somebody's and has a smaller one only.
pub fn make_size(layout: &Layout, image: &ImageId, size: DiskSize) -> Result<(), Refusal> {
    let base = layout.base(image, size);
    if base.exists() {
        return Ok(());
    }
    let _turn = turn();
    let its = manifest(layout, image).map_err(|error| refusal(layout, &error))?;
    if base.exists() || its.is_none_or(|manifest| manifest.import.is_none()) {
        return Ok(());
    }
    let smaller =
        DiskSize::ladder().take_while(|other| *other < size).find(|other| layout.base(image, *other).exists());
    let Some(smallest) = smaller.map(|size| layout.base(image, size)) else { return Ok(()) };
    check_room(layout, &File::open(&smallest).map_err(failed_at("opening", &smallest))?)?;
    // Beside it: a name that no size has.
    let made = put(&smallest, size.bytes(), &layout.image(image).join("base"), &base);
    made.map(drop).map_err(|error| refusal(layout, &error))
}

/// Refused while a disk is a child of it, whatever the panel says.
pub fn take_away(layout: &Layout, image: &ImageId) -> Result<(), Refusal> {
    let _turn = turn();
    let _nobody_uses_it = USED.write().unwrap_or_else(PoisonError::into_inner);
    let failed = |error: ImageError| refusal(layout, &error);
    let going = layout.data().join("images").join(format!("{GOING}{image}"));
    let there = layout.image(image);
    if there.exists() {
        let its = manifest(layout, image).map_err(failed)?;
        if image.as_str() == TINY || its.is_none_or(|manifest| manifest.import.is_none()) {
            return Err(Refusal::NotHere { what: format!("take away {image}, which nobody put in") });
        }
        if has_children(layout, image) {
            return Err(Refusal::ImageInUse { image: image.clone() });
        }
        // At once gone for everybody, whatever becomes of the removal.
        remove(&going).map_err(failed)?;
        fs::rename(&there, &going).map_err(failed_at("taking away", &there))?;
    }
    remove(&going).map_err(failed)
}

/// Whether the header of any guest's disk names what one of its bases is known by.
fn has_children(layout: &Layout, image: &ImageId) -> bool {
    let bases = DiskSize::ladder().filter_map(|size| CowHeader::of_base(&layout.base(image, size)).ok());
    let bases: Vec<(i32, u64)> = bases.map(|header| (header.mtime, header.size)).collect();
    let guests = fs::read_dir(layout.guests()).into_iter().flatten().filter_map(Result::ok);
    let mut disks = guests.filter_map(|entry| {
        let disk = layout.disk(entry.file_name().to_str()?.parse().ok()?);
        let mut file = beneath::read(layout.data(), &disk).ok()?;
        CowHeader::read(&mut file).ok()
    });
    disks.any(|header| bases.contains(&(header.mtime, header.size)))
}

/// What an agent left that was killed over an image.
pub fn sweep(layout: &Layout) {
    let all = layout.data().join("images");
    let names = fs::read_dir(&all).into_iter().flatten().filter_map(Result::ok);
    for entry in names {
        let name = entry.file_name().to_string_lossy().into_owned();
        if (name.starts_with(COMING) || name.starts_with(GOING))
            && let Err(error) = remove(&entry.path())
        {
            tracing::warn!(path = %entry.path().display(), cause = in_full(&error), "half an image stays");
        }
    }
}
