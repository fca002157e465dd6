//! Files that go into guests and come out of them, without a network.

use std::path::PathBuf;

use clap::Subcommand;
use umbel_client::{Client, GuestFile};

use crate::error::Failure;
use crate::files::saved;
use crate::guests::{find, over};
use crate::operations;
use crate::options::Wait;
use crate::output::{Column, Output, moment};
use crate::saved::check_free;

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
            if !to.as_os_str().is_empty() {
                check_free(&to)?;
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
            let to = if to.as_os_str().is_empty() { PathBuf::from(name) } else { to };
            saved(&to, panel.file_download(operation).await?).await
        }
    }
}
