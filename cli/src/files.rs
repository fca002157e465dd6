//! Single files out of backups and snapshots.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;
use umbel_client::{Client, File, FileTaken, Files, Opened};
use umbel_guest::BackupId;
use umbel_guest::files::{FileKind, FilePath};

use crate::error::Failure;
use crate::output::{Column, Output, moment};
use crate::saved::{Saving, failed};

/// How often it is looked at how far a backup is that is being opened.
const LOOK: Duration = Duration::from_millis(500);

/// A file, and where it is put.
#[derive(Debug, Args)]
pub(crate) struct GetFile {
    /// From the root of the disk on, as files shows it: /etc/hostname.
    pub(crate) path: String,
    /// Under its own name in this directory, unless it is said; it must not be there yet. - for standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// What lies beneath a directory, as an archive.
    #[arg(long)]
    tar: bool,
}

const COLUMNS: [Column<File>; 6] = [
    ("MODE", |file| file.mode.clone()),
    ("UID", |file| file.uid.to_string()),
    ("GID", |file| file.gid.to_string()),
    ("BYTES", |file| if file.kind == FileKind::File { file.bytes.to_string() } else { "-".into() }),
    ("CHANGED", |file| moment(file.changed_at)),
    ("NAME", |file| match (file.kind, &file.target) {
        (FileKind::Directory, _) => format!("{}/", file.name),
        (FileKind::Link, Some(target)) => format!("{} -> {target}", file.name),
        (FileKind::Special, _) => format!("{} (device, pipe or socket)", file.name),
        _ => file.name.clone(),
    }),
];

/// Who reads lines is told beside them that there are more.
pub(crate) fn list(files: &Files, output: &Output) -> Result<(), Failure> {
    if files.has_more {
        eprintln!("There are more than {}.", files.rows.len());
    }
    if files.is_damaged {
        eprintln!("Some of it can't be read: the file system is damaged.");
    }
    output.many(&files.rows, &COLUMNS)
}

/// What lies there, once it is open; opens it.
pub(crate) async fn of_backup(panel: &Client, backup: BackupId, path: &str) -> Result<Files, Failure> {
    let mut asked = false;
    loop {
        let shown = panel.backup_files(backup, path).await?;
        match (shown.opened, shown.files) {
            (Opened::Open, Some(files)) => return Ok(files),
            (Opened::Closed, _) if asked => {
                let reason = "somebody has closed it meanwhile".into();
                return Err(Failure::Failed { what: "opening the backup".into(), reason });
            }
            (Opened::Failed { reason }, _) if asked => {
                return Err(Failure::Failed { what: "opening the backup".into(), reason });
            }
            (Opened::Closed | Opened::Failed { .. }, _) => {
                panel.backup_open(backup).await?;
                asked = true;
            }
            (Opened::Opening { .. } | Opened::Open, _) => sleep(LOOK).await,
        }
    }
}

impl GetFile {
    pub(crate) fn pack(&self) -> &'static str {
        if self.tar { "tar" } else { "" }
    }

    /// There under its name only when it is whole.
    pub(crate) async fn put(&self, mut coming: FileTaken) -> Result<(), Failure> {
        let path = match &self.to {
            Some(path) if path.as_os_str() == "-" => {
                let mut out = io::stdout().lock();
                while let Some(bytes) = coming.next().await? {
                    out.write_all(&bytes)?;
                }
                return Ok(out.flush()?);
            }
            Some(path) => path.clone(),
            None => self.own_name()?,
        };
        saved(&path, coming).await
    }

    /// As it is shown: without what a terminal or a path would take for more.
    fn own_name(&self) -> Result<PathBuf, Failure> {
        let path: FilePath = self.path.parse().map_err(|error| Failure::Wrong(format!("{}: {error}", self.path)))?;
        let name = path.names().last().map_or_else(|| "disk".to_owned(), ToString::to_string);
        Ok(PathBuf::from(if self.tar { format!("{name}.tar") } else { name }))
    }
}

/// What comes, to its end.
pub(crate) async fn saved(path: &Path, mut coming: FileTaken) -> Result<(), Failure> {
    let (mut file, mut written) = (Saving::begin(path)?, 0);
    while let Some(bytes) = coming.next().await? {
        written += bytes.len() as u64;
        file.write(&bytes)?;
    }
    if written != coming.bytes {
        return Err(failed(path)(io::ErrorKind::UnexpectedEof.into()));
    }
    file.keep()
}
