use serde::{Deserialize, Serialize};
use umbel_guest::{DiskSize, GuestId, ImageId, ImageKind, Logins, Memory, SnapshotId, Visibility};

/// An image of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImageShown {
    pub id: ImageId,
    /// What its versions have in common.
    pub name: String,
    pub version: Option<String>,
    pub title: String,
    pub description: String,
    /// In words: how it came.
    pub origin: String,
    /// The address that it was fetched from.
    pub came_from: Option<String>,
    /// Of the smallest base, its length and what it holds; none of a host tree.
    pub sha256: Option<String>,
    pub kind: ImageKind,
    /// As the kernel calls it; none of a host tree.
    pub file_system: Option<String>,
    /// Whether it is as large as the disk, whichever size that has; otherwise it is as large as it came.
    pub fills_disk: bool,
    /// Who signs in to a new guest.
    pub default_user: String,
    /// What disks of it can be had.
    pub sizes: Vec<DiskSize>,
    /// What it takes of the host's disk; what is made of it shares that.
    pub taken_bytes: u64,
    pub suggested_memory: Memory,
    /// As whoever put it in says.
    pub tested_with: Option<String>,
    /// Whether somebody put it in, so that it can be removed.
    pub imported: bool,
    /// Offered last, and not suggested; guests that have it keep it.
    pub deprecated: bool,
    /// The newest version, if this isn't it.
    pub newer: Option<ImageId>,
    pub note: String,
    pub visibility: Visibility,
    /// The name of the group that sees it, where it is one's; none where that group is gone.
    pub group: Option<String>,
    /// How many guests have it, running or not; for administrators.
    pub used_by: Option<u64>,
}

impl ImageShown {
    /// In words: who sees it.
    pub fn seen_by(&self) -> String {
        match (self.visibility, &self.group) {
            (Visibility::Public, _) => "everybody".into(),
            (Visibility::Group(_), Some(name)) => format!("the group {name}"),
            (Visibility::Group(_), None) => "a group that is gone".into(),
            (Visibility::Private, _) => "who manages images".into(),
        }
    }
}

/// What is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ImageChange {
    pub note: Option<String>,
    pub deprecated: Option<bool>,
    pub visibility: Option<Visibility>,
}

impl ImageChange {
    /// What of it is told on; a note isn't.
    pub fn words(&self) -> String {
        let note = self.note.as_ref().map(|_| "note".to_owned());
        let words = [note, self.visibility.map(|visibility| visibility.to_string())];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// An image that is to be made: of what was uploaded, is fetched, or is on a guest's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ImageDraft {
    /// The file that was sent; or nothing, where it is fetched.
    pub upload: String,
    /// Where it is fetched from: `https://…`, in a public network.
    pub url: String,
    /// Of the file that is fetched, in hexadecimal; empty, any is taken.
    pub sha256: String,
    /// What it is built of, a file of TOML, where nothing is sent or fetched. What it says of name, version, title,
    /// description and memory counts where that isn't said here.
    pub recipe: String,
    /// The guest of whose snapshot it is made, where nothing is sent or fetched.
    pub guest: Option<GuestId>,
    pub snapshot: Option<SnapshotId>,
    /// What becomes of the keys and passwords that let people into that guest.
    pub logins: Logins,
    /// What its versions have in common, for example `debian`.
    pub name: String,
    /// Begins with a digit, for example `13.2`.
    pub version: String,
    /// As people call it; its name, unless it is said.
    pub title: String,
    pub description: String,
    /// Who signs in to a new guest; root, unless it is said.
    pub default_user: String,
    /// Suggested for a new guest, in MiB.
    pub memory_mib: Option<u32>,
    /// Kernels, programs, whatever somebody may want to know before they take it.
    pub tested_with: String,
    pub note: String,
    pub visibility: Visibility,
}

/// Which part of the catalogue somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct ImageFilter {
    /// Part of its id, title, description or origin.
    pub q: String,
    /// Where to go on: `next` of the page before, with the same `q`.
    pub cursor: String,
    pub limit: String,
}

/// Some images of the catalogue, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImagePage {
    pub rows: Vec<ImageShown>,
    /// `cursor` of the next page, if there is one.
    pub next: Option<String>,
}

/// An image as the form for a guest offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ImageChoice {
    pub id: ImageId,
    pub title: String,
    pub description: String,
    /// A host tree takes a disk in memory, a disk image any other.
    pub kind: ImageKind,
    pub sizes: Vec<DiskSize>,
    pub suggested_memory: Memory,
    /// What was said about it, where it should rather not be taken.
    pub deprecated: Option<String>,
}
