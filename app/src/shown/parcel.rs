use serde::{Deserialize, Serialize};
use umbel_guest::OperationId;

use super::OperationState;

/// A file that goes into a guest, out of what was uploaded for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileSendDraft {
    /// What `POST /guests/{guest}/files/uploads` answered; one file was put into it.
    pub upload: String,
    /// What it is called in the guest: one part of a path.
    pub name: String,
}

/// A file or a directory that is wanted of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileFetchDraft {
    /// From `/` on.
    pub path: String,
    /// How much it may be: 1 to 1024.
    #[serde(default = "usual")]
    pub most_mib: u32,
}

fn usual() -> u32 {
    umbel_guest::ParcelSize::DEFAULT.mib()
}

/// Which way a file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileWay {
    In,
    Out,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ParcelShown {
    pub operation: OperationId,
    pub way: FileWay,
    /// What it is called in the guest, or the path that was asked for.
    pub name: String,
    pub requester: String,
    pub state: OperationState,
    /// The last that was said of it.
    pub said: String,
    pub at: i64,
    /// What can be downloaded now.
    pub here: Option<FileHere>,
}

/// What came out of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FileHere {
    /// What it is called as a file: a directory comes as a tar archive.
    pub name: String,
    pub bytes: u64,
    /// It is removed then. µs since the epoch, UTC.
    pub until: i64,
}

/// The newest first, not all that ever were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ParcelsShown {
    /// Whether the guest runs, so that a file can come or go.
    pub runs: bool,
    pub rows: Vec<ParcelShown>,
}
