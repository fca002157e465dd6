//! Images that people put in, as the panel has left them in its directory of uploads. What lies there was written by a
//! process without rights, out of what somebody sent. What counts is a copy, or the file itself once nobody else can write
//! to it ([`base::put`]); that is looked at, at its beginning:
//!
//! | | |
//! |---|---|
//! | a file system | becomes a base as it is |
//! | a disk that is divided | the partition of its root is copied |
//! | an archive, anything packed, a disk in QEMU's format | goes through the [`workshop`], then as above |
//!
//! Nothing here mounts, checks or resizes it: that is left to guests, and where a file system is to grow, to the workshop's.
//!
//! The base of its own size is made here, larger ones as disks of them are asked for.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use umbel_guest::{DiskSize, ImageId, UploadId};
use umbel_uml::cow::CowHeader;
use umbel_wire::Layout;
use umbel_wire::agent::{ImageSaid, Refusal};
use umbel_wire::launch::{Packing, Source, Task};

use super::{
    ImageError, Imported, Manifest, Origin, TINY, USED, base, make_directory, manifest, partitions, refusal, remove,
    turn, write_manifest,
};
use crate::host::check_room;
use crate::magic::Head;
use crate::shelf::Shelf;
use crate::state::{State, failed_at};
use crate::workshop::{self, WorkError};
use crate::{beneath, disk, hex, in_full, tree};

/// What an upload's file system is called.
const DISK: &str = "disk";
pub(super) const TOO_LARGE: &str = "it is larger than the largest disk, 16 GiB";
const UNKNOWN: &str = "it is nothing that is known here: a file system (ext2, ext3, ext4, xfs, btrfs, squashfs), a tar archive, a \
                       disk in the format qcow2; any of them packed with gzip, bzip2, xz or zstd";

/// An image that is being made.
pub(super) struct Import<'a> {
    pub state: &'a State,
    pub layout: &'a Layout,
    pub image: &'a ImageId,
    pub made_of: Origin,
    /// Where it is made.
    pub coming: &'a Path,
}

/// Makes an image of an upload. Repeating it does no harm; a failure leaves nothing.
pub fn import(state: &State, image: &ImageId, upload: UploadId, said: ImageSaid) -> Result<(), Refusal> {
    let making = state.making.begin(image);
    let _turn = turn();
    making.is_under_way()?;
    make(state, image, Origin::Upload(upload), |import| {
        let (file, part) = import.find(import.open(upload)?)?;
        import.keep(file, part, said)
    })
}

/// In a turn of the caller's.
pub(super) fn make(
    state: &State,
    image: &ImageId,
    made_of: Origin,
    make: impl FnOnce(&Import) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let layout = &state.layout;
    if image.as_str() == TINY || *image == tree::image() {
        return Err(bad(image, "Umbel's own has that name"));
    }
    if let Some(there) = manifest(layout, image).map_err(|error| refusal(layout, &error))? {
        let same = there.import.is_some_and(|import| import.made_of == made_of);
        return if same { Ok(()) } else { Err(bad(image, "another image has that name")) };
    }
    let coming = begin(layout, image.as_str())?;
    let made = make(&Import { state, layout, image, made_of, coming: &coming });
    // After a success it has its name already.
    let removed = remove(&coming).map_err(|error| refusal(layout, &error));
    made.and(removed)
}

/// A directory to make something of the image in; the next agent removes it if this one doesn't.
pub(super) fn begin(layout: &Layout, name: &str) -> Result<PathBuf, Refusal> {
    let images = layout.data().join("images");
    let coming = shelf(layout).begin(name).map_err(failed_at("making room in", &images))?;
    make_directory(&coming).map_err(|error| refusal(layout, &error))?;
    Ok(coming)
}

fn making(layout: &Layout, image: &ImageId, source: io::Error) -> Refusal {
    refusal(layout, &ImageError::Make { path: layout.image(image), source })
}

fn bad(image: &ImageId, reason: impl Into<String>) -> Refusal {
    Refusal::BadImage { image: image.clone(), reason: reason.into() }
}

impl Import<'_> {
    pub(super) fn bad(&self, reason: impl Into<String>) -> Refusal {
        bad(self.image, reason)
    }

    /// The base of its own size, and what is known of it; then it has its name.
    pub(super) fn keep(&self, mut file: File, part: Range<u64>, said: ImageSaid) -> Result<(), Refusal> {
        let failed = |error: ImageError| refusal(self.layout, &error);
        let size = self.size(part.end - part.start)?;
        let facts = file.metadata().map_err(failed_at("reading the facts of", self.coming))?;
        check_room(self.layout, disk::taken(&facts))?;
        self.state.making.look(None)?;
        let base = self.coming.join(Layout::base_name(size));
        let beside = self.coming.join("base");
        let put = if part == (0..facts.len()) {
            base::put(file, size.bytes(), &beside, &base)
        } else {
            base::put_part(&mut file, part, size.bytes(), &beside, &base)
        };
        let mut digest = put.map_err(failed)?;
        // The upload may be another by now: what counts is what is the base.
        let head = File::open(&base).and_then(|base| Head::of(&base)).map_err(failed_at("reading", &base))?;
        let file_system = self.look(&head)?;
        let mut fills = head.ext_bytes() == Some(size.bytes());
        if file_system.starts_with("ext") && !fills {
            match grown(self.state, self.coming, &base, size) {
                Ok(grown) => {
                    digest = base::put(grown, size.bytes(), &beside, &base).map_err(failed)?;
                    fills = true;
                }
                // It is what somebody sent, and they may know why.
                Err(WorkError::Bad(reason)) => {
                    tracing::warn!(image = %self.image, reason, "a file system stays as large as it came");
                }
                Err(error) => return Err(self.refused(error)),
            }
        }
        let import = Imported {
            made_of: self.made_of,
            file_system,
            default_user: said.default_user,
            fills,
            origin: said.origin,
            came_from: said.came_from,
            tested_with: said.tested_with,
        };
        let manifest = Manifest {
            title: said.title,
            description: said.description,
            sha256: hex(&digest),
            suggested_memory: said.suggested_memory,
            import: Some(import),
        };
        write_manifest(self.coming, &manifest).map_err(failed)?;
        for tool in ["from", "to", "initrd"] {
            remove(&self.coming.join(tool)).map_err(failed)?;
        }
        shelf(self.layout).put(self.coming, self.image.as_str()).map_err(|e| making(self.layout, self.image, e))
    }

    /// What was sent.
    fn open(&self, upload: UploadId) -> Result<File, Refusal> {
        let path = self.layout.upload(upload).join(DISK);
        let (file, facts) = beneath::regular(self.layout.data(), &path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::UnknownUpload { upload },
            _ => self.bad(format!("the upload can't be opened: {}", in_full(&error))),
        })?;
        if facts.len() == 0 {
            return Err(self.bad("it is empty"));
        }
        self.size(facts.len())?;
        Ok(file)
    }

    /// The least size that has room for so many bytes.
    pub(super) fn size(&self, bytes: u64) -> Result<DiskSize, Refusal> {
        DiskSize::ladder().find(|size| size.bytes() >= bytes).ok_or_else(|| self.bad(TOO_LARGE))
    }

    /// Where the file system is: in which file, and in which part of it.
    fn find(&self, mut file: File) -> Result<(File, Range<u64>), Refusal> {
        if let Some(packing) = self.head(&file)?.packing() {
            file = self.unpacked(file, packing)?;
        }
        if let Some(disk) = self.head(&file)?.qcow2() {
            if !disk.is_whole {
                return Err(self.bad("it needs another file: make one of both first (qemu-img convert)"));
            }
            let size = self.size(disk.bytes)?;
            file = self.made(&mut file, Task::Convert, size).map_err(|error| self.refused(error))?;
        }
        let head = self.head(&file)?;
        if head.file_system().is_some() || !head.is_divided() {
            let whole = 0..self.length(&file)?;
            return Ok((file, whole));
        }
        let part = partitions::root(&file).map_err(failed_at("reading", self.coming))?;
        let part = part.ok_or_else(|| self.bad("none of its partitions has a file system that is known here"))?;
        Ok((file, part))
    }

    /// On the least disk that has room: how much that is, a packed file doesn't say.
    fn unpacked(&self, mut file: File, packing: Packing) -> Result<File, Refusal> {
        let bytes = self.length(&file)?;
        let guess = if packing == Packing::None { bytes + bytes / 8 } else { bytes.saturating_mul(3) };
        let largest = DiskSize::ladder().last().unwrap_or(DiskSize::DEFAULT);
        for size in DiskSize::ladder().filter(|size| size.bytes() >= guess || *size == largest) {
            match self.made(&mut file, Task::Unpack { packing, bytes }, size) {
                Err(WorkError::Full) => {}
                made => return made.map_err(|error| self.refused(error)),
            }
        }
        Err(self.bad(TOO_LARGE))
    }

    /// What the workshop makes of a copy of it, on a disk of that size.
    fn made(&self, file: &mut File, task: Task, size: DiskSize) -> Result<File, WorkError> {
        let from = self.coming.join("from");
        let bytes = self.length(file)?;
        check_room(self.layout, bytes.saturating_add(size.bytes()))?;
        let copied = crate::shelf::remove(&from).and_then(|()| {
            file.rewind()?;
            let mut copy = File::create_new(&from)?;
            // It may grow while it is read.
            let length = io::copy(&mut file.take(bytes), &mut copy)?;
            copy.set_len(workshop::sectors(length))
        });
        copied.map_err(failed_at("copying to", &from))?;
        self.worked(Source::File { file: from }, task, size)
    }

    /// What the workshop makes of it, on a disk of that size.
    pub(super) fn worked(&self, from: Source, task: Task, size: DiskSize) -> Result<File, WorkError> {
        let to = self.coming.join("to");
        let made = crate::shelf::remove(&to).and_then(|()| File::create_new(&to)?.set_len(size.bytes()));
        made.map_err(failed_at("making", &to))?;
        let bytes = workshop::work(self.state, self.coming, from, &to, task)?.bytes;
        // What the guest says is believed no further than its disk goes.
        let made = File::options().read(true).write(true).open(&to);
        let made = made.and_then(|made| made.set_len(bytes.min(size.bytes())).map(|()| made));
        Ok(made.map_err(failed_at("opening", &to))?)
    }

    fn look(&self, head: &Head) -> Result<String, Refusal> {
        if head.is_cow() {
            return Err(self.bad("it is a copy-on-write child: merge it with its base first (uml_moo)"));
        }
        head.file_system().map(str::to_owned).ok_or_else(|| self.bad(UNKNOWN))
    }

    fn head(&self, file: &File) -> Result<Head, Refusal> {
        Head::of(file).map_err(failed_at("reading", self.coming))
    }

    pub(super) fn length(&self, file: &File) -> Result<u64, Refusal> {
        Ok(file.metadata().map_err(failed_at("reading the facts of", self.coming))?.len())
    }

    pub(super) fn refused(&self, error: WorkError) -> Refusal {
        match error {
            WorkError::Full => self.bad(TOO_LARGE),
            WorkError::Bad(reason) => self.bad(reason),
            WorkError::Refused(refusal) => refusal,
        }
    }
}

/// A copy of a base on a disk of that size, and its file system as large as that. The same makes the same.
fn grown(state: &State, coming: &Path, base: &Path, size: DiskSize) -> Result<File, WorkError> {
    let (from, to) = (coming.join("from"), coming.join("to"));
    let copied = crate::shelf::remove(&to).and_then(|()| {
        let copy = File::create_new(&to)?;
        disk::sparse_copy(&mut File::open(base)?, &copy)?;
        copy.set_len(size.bytes())?;
        // Nothing is read.
        crate::shelf::remove(&from)?;
        File::create_new(&from)?.set_len(workshop::sectors(1))
    });
    copied.map_err(failed_at("copying to", &to))?;
    workshop::work(state, coming, Source::File { file: from }, &to, Task::Grow)?;
    Ok(File::open(&to).map_err(failed_at("opening", &to))?)
}

fn shelf(layout: &Layout) -> Shelf {
    Shelf::new(layout.data().join("images"))
}

/// Makes the base of that size, if the image is somebody's and has a smaller one only.
pub fn make_size(state: &State, image: &ImageId, size: DiskSize) -> Result<(), Refusal> {
    let layout = &state.layout;
    let base = layout.base(image, size);
    if base.exists() {
        return Ok(());
    }
    let _turn = turn();
    let its = manifest(layout, image).map_err(|error| refusal(layout, &error))?;
    let Some(import) = its.and_then(|manifest| manifest.import).filter(|_| !base.exists()) else { return Ok(()) };
    let smaller =
        DiskSize::ladder().take_while(|other| *other < size).find(|other| layout.base(image, *other).exists());
    let Some(smallest) = smaller.map(|size| layout.base(image, size)) else { return Ok(()) };
    let facts = fs::metadata(&smallest).map_err(failed_at("looking at", &smallest))?;
    check_room(layout, disk::taken(&facts))?;
    let coming = begin(layout, image.as_str())?;
    // Beside it: a name that no size has.
    let (beside, failed) = (layout.image(image).join("base"), |error| refusal(layout, &error));
    let put = if import.fills {
        let grown = grown(state, &coming, &smallest, size).map_err(|error| match error {
            WorkError::Refused(refusal) => refusal,
            WorkError::Full => bad(image, "its file system can't be made as large as the disk"),
            WorkError::Bad(reason) => {
                bad(image, format!("its file system can't be made as large as the disk: {reason}"))
            }
        });
        grown.and_then(|grown| base::put(grown, size.bytes(), &beside, &base).map_err(failed))
    } else {
        let opened = File::open(&smallest).map_err(failed_at("opening", &smallest));
        opened.and_then(|mut file| {
            base::put_part(&mut file, 0..facts.len(), size.bytes(), &beside, &base).map_err(failed)
        })
    };
    let removed = remove(&coming).map_err(|error| refusal(layout, &error));
    put.map(drop).and(removed)
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
