//! Copies of guests' disks that are kept elsewhere: list, take, by plan, restore, clone, remove.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use sha2::{Digest as _, Sha256};
use umbel_client::{Backup, Client};
use umbel_guest::BackupId;

use crate::error::Failure;
use crate::files::{GetFile, list, of_backup};
use crate::guests::{find, over};

use crate::options::{Act, Interval, Wait, interval};
use crate::output::{Column, Output, moment};
use crate::saved::{Saving, check_free, failed};

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Of a guest; without one, of all guests, those that are gone included.
    #[command(visible_alias = "ls")]
    List { guest: Option<String> },
    /// Keeps a copy of the disk elsewhere, whether the guest runs or not. Its memory is not in it.
    Take {
        #[command(flatten)]
        act: Act,
    },
    /// How often one is made by itself, and how many of those are kept.
    Plan {
        guest: String,
        /// hour, six_hours, day, week; never, for no more.
        #[arg(value_parser = interval)]
        every: Interval,
        #[arg(long, default_value_t = 7)]
        keep: u32,
    },
    /// Makes a backup its guest's disk again and starts it; undoable for an hour (snapshots restore GUEST undo).
    Restore {
        /// Its id; or a guest's name, for the newest of that.
        backup: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Makes another guest of one, of the same owner, and starts it; also of a guest that is gone.
    Clone {
        /// Its id; or a guest's name, for the newest of that.
        backup: String,
        /// Of the new guest.
        name: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// The disk as a file, packed with zstd and checked: all that is on it, secrets too.
    Download {
        /// Its id; or a guest's name, for the newest of that.
        backup: String,
        /// It must not be there yet.
        file: PathBuf,
    },
    /// What lies in a directory of its disk; opens it for that, until nobody has looked into it for an hour.
    Files {
        /// Its id; or a guest's name, for the newest of that.
        backup: String,
        #[arg(default_value = "/")]
        path: String,
    },
    /// A file of its disk, or with --tar what lies beneath a directory.
    Get {
        /// Its id; or a guest's name, for the newest of that.
        backup: String,
        #[command(flatten)]
        get: GetFile,
    },
    /// Before its hour is over.
    Close {
        /// Its id; or a guest's name, for the newest of that.
        backup: String,
    },
    /// For good.
    #[command(visible_alias = "rm")]
    Remove {
        /// Its id.
        backup: String,
    },
}

const COLUMNS: [Column<Backup>; 6] = [
    ("GUEST", |backup| backup.guest_name.clone()),
    ("MADE", |backup| if backup.is_whole { moment(backup.made_at) } else { "being made".into() }),
    ("DISK MIB", |backup| backup.disk_mib.to_string()),
    ("HELD MIB", |backup| backup.held_bytes.div_ceil(1 << 20).to_string()),
    ("STORED MIB", |backup| backup.stored_bytes.div_ceil(1 << 20).to_string()),
    ("ID", |backup| backup.id.to_string()),
];

pub(crate) async fn run(panel: &Client, command: BackupCommand, output: &Output) -> Result<(), Failure> {
    match command {
        BackupCommand::List { guest } => {
            let rows = match guest {
                Some(guest) => panel.backups_of(find(panel, &guest).await?.id).await?.rows,
                None => panel.backups().await?.rows,
            };
            output.many(&rows, &COLUMNS)
        }
        BackupCommand::Take { act } => {
            let guest = find(panel, &act.guest).await?.id;
            over(panel, panel.backup_take(guest).await?.operation, act.wait, output).await
        }
        BackupCommand::Plan { guest, every, keep } => {
            Ok(panel.backup_plan_set(find(panel, &guest).await?.id, every.0, keep).await?)
        }
        BackupCommand::Restore { backup, wait } => {
            match panel.backup_restore(sought(panel, &backup, true).await?).await? {
                Some(operation) => over(panel, operation, wait, output).await,
                None => Ok(()),
            }
        }
        BackupCommand::Clone { backup, name, wait } => {
            let made = panel.backup_clone(sought(panel, &backup, true).await?, &name).await?;
            over(panel, made.operation, wait, output).await
        }
        BackupCommand::Download { backup, file } => download(panel, sought(panel, &backup, true).await?, &file).await,
        BackupCommand::Files { backup, path } => {
            list(&of_backup(panel, sought(panel, &backup, true).await?, &path).await?, output)
        }
        BackupCommand::Get { backup, get } => {
            let backup = sought(panel, &backup, true).await?;
            of_backup(panel, backup, "").await?;
            get.put(panel.backup_file(backup, &get.path, get.pack()).await?).await
        }
        BackupCommand::Close { backup } => Ok(panel.backup_close(sought(panel, &backup, true).await?).await?),
        BackupCommand::Remove { backup } => Ok(panel.backup_remove(sought(panel, &backup, false).await?).await?),
    }
}

/// There under its name only when it is whole and what the panel says it is.
async fn download(panel: &Client, backup: BackupId, path: &Path) -> Result<(), Failure> {
    check_free(path)?;
    let (failed, mut coming) = (failed(path), panel.backup_download(backup).await?);
    let mut file = Saving::begin(path)?;
    let mut unpacked = zstd::stream::write::Decoder::new(Sum::default()).map_err(failed)?;
    while let Some(bytes) = coming.next().await? {
        file.write(&bytes)?;
        unpacked.write_all(&bytes).map_err(failed)?;
    }
    unpacked.flush().map_err(failed)?;
    let sum = unpacked.into_inner();
    let sha256: String = sum.sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if (sum.bytes, &sha256) != (coming.disk_bytes, &coming.sha256) {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "what has come is not what the backup holds")));
    }
    file.keep()
}

/// What goes through it, as a number and a sum.
#[derive(Default)]
struct Sum {
    bytes: u64,
    sha256: Sha256,
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        self.sha256.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn sought(panel: &Client, word: &str, by_name: bool) -> Result<BackupId, Failure> {
    let is = |row: &Backup| row.id.to_string() == word || (by_name && row.is_whole && row.guest_name == word);
    let found = panel.backups().await?.rows.into_iter().find(is);
    let unknown = || Failure::Unknown { what: "backup", name: word.to_owned(), list: "backups list" };
    Ok(found.ok_or_else(unknown)?.id)
}
