//! A further disk of a kernel, which it has from its start or is given while it runs.

use std::path::Path;

use umbel_guest::{Slot, VolumeAccess, parcel};

use crate::command_line::{BadPath, checked};

/// Where a kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Volume(Slot),
    /// Behind all volumes: a file on its way in or out.
    Parcel,
}

impl Place {
    fn number(self) -> u8 {
        match self {
            Self::Volume(slot) => slot.number(),
            Self::Parcel => parcel::NUMBER,
        }
    }
}

/// Always with the flag `d`: what the file begins with is never taken for the header of a copy-on-write disk, which names
/// another file of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    place: Place,
    file: String,
    access: VolumeAccess,
}

impl Disk {
    pub fn new(place: Place, file: &Path, access: VolumeAccess) -> Result<Self, BadPath> {
        let bad = || BadPath { path: file.to_owned() };
        let file = checked(file)?.to_str().ok_or_else(bad)?.to_owned();
        Ok(Self { place, file, access })
    }

    /// As it stands on a command line, and behind `config` on a management console.
    pub fn argument(&self) -> String {
        let flags = match self.access {
            VolumeAccess::ReadOnly => "rd",
            VolumeAccess::ReadWrite => "d",
        };
        format!("ubd{}{flags}={}", self.place.number(), self.file)
    }
}

/// What is behind `remove` on a management console.
pub(crate) fn name(place: Place) -> String {
    format!("ubd{}", place.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_never_taken_for_a_child_of_another_file() {
        let disk =
            |access| Disk::new(Place::Volume(Slot::D), Path::new("/volumes/w/d.1"), access).expect("a harmless path");
        assert_eq!(disk(VolumeAccess::ReadWrite).argument(), "ubd3d=/volumes/w/d.1");
        assert_eq!(disk(VolumeAccess::ReadOnly).argument(), "ubd3rd=/volumes/w/d.1");
        let parcel = Disk::new(Place::Parcel, Path::new("/volumes/r/p.1"), VolumeAccess::ReadOnly);
        assert_eq!(parcel.expect("a harmless path").argument(), "ubd15rd=/volumes/r/p.1");
        for path in ["/a,/etc/shadow", "/a b", "relative", "/a\nb", ""] {
            assert!(Disk::new(Place::Volume(Slot::C), Path::new(path), VolumeAccess::ReadOnly).is_err(), "{path:?}");
        }
    }
}
