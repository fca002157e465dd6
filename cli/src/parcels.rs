//! Files that go into guests and come out of them, without a network.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use umbel_client::{Client, GuestFile};
use umbel_guest::OperationId;

use crate::error::Failure;
use crate::guests::{find, over};
use crate::operations;
use crate::options::Wait;
use crate::output::{Column, Output, moment};

#[derive(Debug, Subcommand)]
pub(crate) enum FileCommand {
    /// Those that go or went lately.
    #[command(visible_alias = "ls")]
    List { guest: String },
    /// Puts a file of at most 1 GiB into a guest that runs, as root's in /root/files.
    Send {
        guest: String,
        file: PathBuf,
        /// What it is called there; as here, unless said.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Gets a file out of a guest that runs; a directory comes as a tar archive.
    Fetch {
        guest: String,
        /// In the guest, from / on.
        path: String,
        /// It must not be there yet. As it is called there, unless said.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// How much it may be.
        #[arg(long, default_value_t = 64)]
        most_mib: u32,
        #[command(flatten)]
        wait: Wait,
    },
}

const COLUMNS: [Column<GuestFile>; 5] = [
    ("AT", |file| moment(file.at)),
    ("WAY", |file| file.way.clone()),
    ("NAME", |file| file.name.clone()),
    ("SAID", |file| file.said.clone()),
    ("OPERATION", |file| file.operation.to_string()),
];

pub(crate) async fn run(panel: &Client, command: FileCommand, output: &Output) -> Result<(), Failure> {
    match command {
        FileCommand::List { guest } => output.many(&panel.files(find(panel, &guest).await?.id).await?.rows, &COLUMNS),
        FileCommand::Send { guest, file, name, wait } => {
            let guest = find(panel, &guest).await?.id;
            let own = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let upload = panel.file_upload_begin(guest).await?;
            // Under a name that any upload has; what it is called there is said with it.
            panel.upload_send(upload, "file", &file).await?;
            match panel.file_send(guest, upload, name.as_deref().unwrap_or(&own)).await? {
                Some(operation) => over(panel, operation, wait, output).await,
                None => Ok(()),
            }
        }
        FileCommand::Fetch { guest, path, to, most_mib, wait } => {
            let guest = find(panel, &guest).await?.id;
            let to = to.unwrap_or_default();
            if !to.as_os_str().is_empty() && to.exists() {
                return Err(there_already(&to));
            }
            let Some(operation) = panel.file_fetch(guest, &path, most_mib).await? else { return Ok(()) };
            if wait.no_wait {
                println!("{operation}");
                return Ok(());
            }
            operations::watch(panel, operation, wait.patience(), output).await?;
            let name = panel.files(guest).await?.rows.into_iter().find(|row| row.operation == operation);
            let name = name.and_then(|row| row.here).map_or_else(|| "file".to_owned(), |here| here.name);
            // What a panel says is a name, never a path.
            let name = name.rsplit('/').next().filter(|name| !name.starts_with("..")).unwrap_or("file").to_owned();
            download(panel, operation, &if to.as_os_str().is_empty() { PathBuf::from(name) } else { to }).await
        }
    }
}

fn there_already(path: &Path) -> Failure {
    Failure::File { what: "writing", path: path.to_owned(), source: io::ErrorKind::AlreadyExists.into() }
}

/// There under its name only when it is whole.
async fn download(panel: &Client, operation: OperationId, path: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::File { what: "writing", path: path.to_owned(), source };
    if path.exists() {
        return Err(there_already(path));
    }
    let mut coming = panel.file_download(operation).await?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside it, for its owner alone, and gone unless it is named.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    let mut bytes = 0;
    while let Some(some) = coming.next().await? {
        file.write_all(&some).map_err(failed)?;
        bytes += some.len() as u64;
    }
    if bytes != coming.bytes {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path).map_err(|error| failed(error.error))?;
    Ok(())
}
