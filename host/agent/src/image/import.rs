//! Images that people put in: a file system, as the panel has left it in its directory of uploads. What lies there was
//! written by a process without rights, out of what somebody sent. It is copied, and only the copy is looked at, at its
//! beginning. Nothing here mounts, checks or resizes it: that is left to the guests that boot from it.
//!
//! The base of its own size is made here, larger ones as disks of them are asked for: the same bytes and a hole.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use umbel_guest::{DiskSize, ImageId, UploadId};
use umbel_uml::cow::CowHeader;
use umbel_wire::Layout;
use umbel_wire::agent::{ImageSaid, Refusal};

use super::{
    ImageError, Imported, Manifest, TINY, USED, make_directory, manifest, put, put_open, refusal, remove, turn,
    write_manifest,
};
use crate::host::check_room;
use crate::magic::Head;
use crate::shelf::Shelf;
use crate::state::failed_at;
use crate::{beneath, disk, hex, in_full, tree};

/// What an upload's file system is called.
const DISK: &str = "disk";
/// What is made of an upload.
struct Import<'a> {
    layout: &'a Layout,
    image: &'a ImageId,
    upload: UploadId,
}

/// Makes an image of an upload. Repeating it does no harm; a failure leaves nothing.
pub fn import(layout: &Layout, image: &ImageId, upload: UploadId, said: ImageSaid) -> Result<(), Refusal> {
    let _turn = turn();
    let import = Import { layout, image, upload };
    if image.as_str() == TINY || *image == tree::image() {
        return Err(import.bad("Umbel's own has that name"));
    }
    if let Some(there) = manifest(layout, image).map_err(|error| refusal(layout, &error))? {
        let same = there.import.is_some_and(|import| import.upload == upload);
        return if same { Ok(()) } else { Err(import.bad("another image has that name")) };
    }
    let (source, size) = import.open()?;
    let coming = shelf(layout).begin(image.as_str()).map_err(|source| import.making(source))?;
    let made = import.make(source, size, said, &coming);
    // After a success it has its name already.
    let removed = remove(&coming).map_err(|error| refusal(layout, &error));
    made.and(removed)
}

impl Import<'_> {
    fn bad(&self, reason: impl Into<String>) -> Refusal {
        Refusal::BadImage { image: self.image.clone(), reason: reason.into() }
    }

    fn making(&self, source: io::Error) -> Refusal {
        refusal(self.layout, &ImageError::Make { path: self.layout.image(self.image), source })
    }

    /// What was sent, and the least size that it fits in.
    fn open(&self) -> Result<(File, DiskSize), Refusal> {
        let path = self.layout.upload(self.upload).join(DISK);
        let (file, facts) = beneath::regular(self.layout.data(), &path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::UnknownUpload { upload: self.upload },
            _ => self.bad(format!("the upload can't be opened: {}", in_full(&error))),
        })?;
        if facts.len() == 0 {
            return Err(self.bad("it is empty"));
        }
        let fits = DiskSize::ladder().find(|size| size.bytes() >= facts.len());
        let size = fits.ok_or_else(|| self.bad("it is larger than the largest disk, 16 GiB"))?;
        check_room(self.layout, disk::taken(&facts))?;
        Ok((file, size))
    }

    fn make(&self, source: File, size: DiskSize, said: ImageSaid, coming: &Path) -> Result<(), Refusal> {
        let failed = |error: ImageError| refusal(self.layout, &error);
        make_directory(coming).map_err(failed)?;
        let base = coming.join(Layout::base_name(size));
        let digest = put_open(source, size.bytes(), &coming.join("base"), &base).map_err(failed)?;
        // The upload may be another by now: what counts is what was copied.
        let head = File::open(&base).and_then(|base| Head::of(&base)).map_err(failed_at("reading", &base))?;
        let import = self.look(&head, said.default_user)?;
        let manifest = Manifest {
            title: said.title,
            description: said.description,
            sha256: hex(&digest),
            suggested_memory: said.suggested_memory,
            import: Some(import),
        };
        write_manifest(coming, &manifest).map_err(failed)?;
        shelf(self.layout).put(coming, self.image.as_str()).map_err(|source| self.making(source))
    }

    fn look(&self, head: &Head, default_user: String) -> Result<Imported, Refusal> {
        if head.is_cow() {
            return Err(self.bad("it is a copy-on-write child: merge it with its base first (uml_moo)"));
        }
        let file_system = head.file_system().ok_or_else(|| match head.is_divided() {
            true => self.bad("it is divided into partitions: put in the file system of its root alone"),
            false => self.bad("it has no file system that is known here: ext2, ext3, ext4, xfs, btrfs or squashfs"),
        })?;
        Ok(Imported { upload: self.upload, file_system: file_system.to_owned(), default_user })
    }
}

fn shelf(layout: &Layout) -> Shelf {
    Shelf::new(layout.data().join("images"))
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
    let facts = fs::metadata(&smallest).map_err(failed_at("looking at", &smallest))?;
    check_room(layout, disk::taken(&facts))?;
    // Beside it: a name that no size has.
    let made = put(&smallest, size.bytes(), &layout.image(image).join("base"), &base);
    made.map(drop).map_err(|error| refusal(layout, &error))
}

/// Refused while a disk is a child of it, whatever the panel says.
pub fn take_away(layout: &Layout, image: &ImageId) -> Result<(), Refusal> {
    let _turn = turn();
    let _nobody_uses_it = USED.write().unwrap_or_else(PoisonError::into_inner);
    if layout.image(image).exists() {
        let its = manifest(layout, image).map_err(|error| refusal(layout, &error))?;
        if image.as_str() == TINY || its.is_none_or(|manifest| manifest.import.is_none()) {
            return Err(Refusal::NotHere { what: format!("take away {image}, which nobody put in") });
        }
        if has_children(layout, image) {
            return Err(Refusal::ImageInUse { image: image.clone() });
        }
    }
    shelf(layout).take_away(image.as_str()).map_err(failed_at("taking away", &layout.image(image)))
}

/// Whether the header of any guest's disk, or of a snapshot of it, names what one of its bases is known by.
fn has_children(layout: &Layout, image: &ImageId) -> bool {
    let bases = DiskSize::ladder().filter_map(|size| CowHeader::of_base(&layout.base(image, size)).ok());
    let bases: Vec<(i32, u64)> = bases.map(|header| (header.mtime, header.size)).collect();
    let guests = fs::read_dir(layout.guests()).into_iter().flatten().filter_map(Result::ok);
    let guests = guests.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let disks = guests.flat_map(|guest| {
        let snapshots = fs::read_dir(layout.snapshots(guest)).into_iter().flatten().filter_map(Result::ok);
        std::iter::once(layout.disk(guest)).chain(snapshots.map(|entry| entry.path()))
    });
    let mut headers = disks.filter_map(|disk| CowHeader::read(&mut beneath::read(layout.data(), &disk).ok()?).ok());
    headers.any(|header| bases.contains(&(header.mtime, header.size)))
}

/// What an agent left that was killed over an image.
pub fn sweep(layout: &Layout) {
    shelf(layout).sweep();
}
