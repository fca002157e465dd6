//! What is said of a file on its way into a guest or out of it, and where its disk lies.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use umbel_guest::{FileName, Generation, GuestId, GuestPath, ParcelId, ParcelSeen, ParcelSize, UploadId, VolumeAccess};

use crate::launch::volumes_with;

/// What is to be done about one. Repeating it does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelOrder {
    pub guest: GuestId,
    pub generation: Generation,
    pub parcel: ParcelId,
    pub deed: ParcelDeed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParcelDeed {
    /// Gives a guest that runs a disk to read, with what the panel has put into its directory of uploads, as `disk`. One at
    /// a time.
    Send { upload: UploadId, name: FileName },
    /// Gives a guest that runs an empty disk to write to, and says on it what is wanted. One at a time.
    Fetch { path: GuestPath, most: ParcelSize },
    /// How far it is; changes nothing.
    See {},
    /// Takes the disk from a guest that has said that it is done, and puts what is on it into the panel's directory of that
    /// upload, as `disk`: a tar archive, if the guest has done what it said.
    Lend { upload: UploadId },
    /// Takes the disk away, and all that is of it. Refused while the guest has it open.
    End {},
}

/// One that a guest has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelFacts {
    pub seen: ParcelSeen,
    /// How much the guest has written, where it writes: what it reads nobody counts.
    pub written_bytes: Option<u64>,
}

/// Its disk, below the place of a guest's volumes: under a letter that no volume has.
pub fn parcel_file(place: &Path, parcel: ParcelId, access: VolumeAccess) -> PathBuf {
    volumes_with(place, access).join(format!("p.{parcel}"))
}

/// Which one a name is of.
pub fn parcel_of_name(name: &str) -> Option<ParcelId> {
    name.strip_prefix("p.")?.parse().ok()
}
