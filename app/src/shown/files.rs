use serde::{Deserialize, Serialize};
use umbel_guest::BackupId;
use umbel_guest::files::FileKind;

/// A file, a directory or what else lies in one. Names are the guest's: what could deceive stands as `%` and two digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FileShown {
    pub name: String,
    /// From the root of the disk on, to ask for it.
    pub path: String,
    pub kind: FileKind,
    pub bytes: u64,
    /// In octal, as chmod(1) takes it.
    pub mode: String,
    pub uid: u32,
    pub gid: u32,
    /// When its content changed last.
    pub changed_at: i64,
    /// Where a link leads; it is not followed.
    pub target: Option<String>,
}

/// What lies in a directory, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FilesShown {
    pub path: String,
    pub rows: Vec<FileShown>,
    /// Whether there are more than these.
    pub has_more: bool,
    /// Whether some of it could not be read.
    pub is_damaged: bool,
}

/// Whether the disk of a backup lies on the host, to be looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum OpenState {
    #[default]
    Closed,
    /// It is fetched from where backups are, and checked.
    Opening {
        percent: u8,
    },
    /// Until nobody has looked into it for an hour.
    Open,
    Failed {
        reason: String,
    },
}

/// A backup that is looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct BackupFilesShown {
    pub backup: BackupId,
    pub guest_name: String,
    pub made_at: i64,
    pub opened: OpenState,
    /// Once it is open.
    pub files: Option<FilesShown>,
}

/// A directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct PathAsked {
    /// From the root of the disk on, as `path` of a row; the root itself where it is left out.
    pub path: String,
}

/// A file, or more as an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::IntoParams))]
#[serde(default, deny_unknown_fields)]
pub struct FileAsked {
    /// From the root of the disk on, as `path` of a row.
    pub path: String,
    /// `tar` for an archive, which a directory needs; else what the file holds.
    pub pack: String,
}
