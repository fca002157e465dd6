//! Copies of guests' disks that are kept elsewhere: list, take, by plan, restore, clone, remove.

use clap::Subcommand;
use umbel_client::{Backup, Client};
use umbel_guest::BackupId;

use crate::error::Failure;
use crate::guests::{find, over};

use crate::options::{Act, Interval, Wait, interval};
use crate::output::{Column, Output, moment};

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
        BackupCommand::Remove { backup } => Ok(panel.backup_remove(sought(panel, &backup, false).await?).await?),
    }
}

async fn sought(panel: &Client, word: &str, by_name: bool) -> Result<BackupId, Failure> {
    let is = |row: &Backup| row.id.to_string() == word || (by_name && row.is_whole && row.guest_name == word);
    let found = panel.backups().await?.rows.into_iter().find(is);
    let unknown = || Failure::Unknown { what: "backup", name: word.to_owned(), list: "backups list" };
    Ok(found.ok_or_else(unknown)?.id)
}
