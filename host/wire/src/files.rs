//! Reading single files off disks.

use serde::{Deserialize, Serialize};
use umbel_guest::files::{FileAsk, FilePath};
use umbel_guest::{DiskSize, UploadId};

use crate::disks::DiskOf;

/// A disk that is read and that nobody writes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disk", rename_all = "snake_case", deny_unknown_fields)]
pub enum FilesOf {
    Snapshot(DiskOf),
    /// A whole one that the panel has put into its directory of uploads, as `disk`.
    Upload {
        upload: UploadId,
        size: DiskSize,
    },
}

/// What is to be read. The path is one on that disk, and means nothing on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesRead {
    pub of: FilesOf,
    pub ask: FileAsk,
    pub path: FilePath,
    /// Where it is put, as `disk`: the panel's own to read.
    pub to: UploadId,
}
