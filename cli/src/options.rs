//! What may be typed: here what is for all, guests, people; images, snapshots and shares in [`disks`] and [`shares`].

mod disks;
mod shares;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use umbel_guest::{Attachment, Clock, DeliveryId, InvitationId, KernelMode, RestartPolicy, WebhookId};

use crate::backups::BackupCommand;
use crate::parcels::FileCommand;
pub(crate) use disks::{
    ImageBuild, ImageCommand, ImageImport, ImagePublish, ImageWords, Interval, SnapshotCommand, StorageCommand,
    VolumeCommand, interval,
};
pub(crate) use shares::ShareCommand;

/// The panel from a terminal.
#[derive(Debug, Parser)]
#[command(name = "umbelctl", version, after_help = crate::exit::HELP)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) at: At,
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(crate) output: Form,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct EventOptions {
    /// Goes on after the event with this id; from now on unless it is said.
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
    /// Ends after so many.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<u64>,
    /// Seconds for which a panel that is away is waited for.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) patience: u64,
}

/// Where the panel is; what is not said is as it was at sign-in.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// Address of the panel; the one that was signed in to unless it is said.
    #[arg(long, global = true, env = "UMBEL_PANEL", value_name = "URL")]
    pub(crate) panel: Option<String>,
    /// Certificates (PEM) to trust besides the system's: a private authority's, or the panel's own.
    #[arg(long, global = true, env = "UMBEL_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    #[default]
    Table,
    /// As the panel answers.
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct SignIn {
    pub(crate) name: Option<String>,
    /// Agree in a browser that is signed in, on whatever machine; no password is asked for here.
    #[arg(long, conflicts_with = "name")]
    pub(crate) browser: bool,
    /// What the token may do.
    #[arg(long, value_delimiter = ',', default_value = "read,power,console,write")]
    pub(crate) scopes: Vec<String>,
    /// How long it is good.
    #[arg(long, default_value_t = 90)]
    pub(crate) days: u32,
    /// Good for the guests of this group only, which one is in.
    #[arg(long)]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Asks for name and password, or a browser, makes a token and keeps it (mode 0600). UMBEL_TOKEN is used in its place.
    SignIn(SignIn),
    /// Forgets the token that sign-in has kept; on the account page it can be removed.
    SignOut,
    /// Whose token it is.
    WhoAmI,
    /// Lists, makes, changes and switches guests.
    #[command(subcommand, visible_alias = "guest")]
    Guests(GuestCommand),
    /// Makes, changes, switches and shares guests until they are as a file says: shows a plan, asks, does it.
    Apply(Apply),
    /// Copies of a guest's disk that are kept.
    #[command(subcommand, visible_alias = "snapshot")]
    Snapshots(SnapshotCommand),
    /// Copies of guests' disks that are kept elsewhere.
    #[command(subcommand, visible_alias = "backup")]
    Backups(BackupCommand),
    /// Files that go into guests and come out of them, without a network.
    #[command(subcommand, visible_alias = "file")]
    Files(FileCommand),
    /// Disks that guests have beside their own.
    #[command(subcommand, visible_alias = "volume")]
    Volumes(VolumeCommand),
    /// With whom a guest is shared.
    #[command(subcommand)]
    Shares(ShareCommand),
    /// What one may have, and how much of it is used.
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// What was used: guest-hours, and GiB-hours of memory and disk.
    Usage(UsageOptions),
    /// A guest's console in this terminal. Ctrl-] and then q leaves it.
    Console {
        /// Name or id.
        guest: String,
        /// Begins at this byte; where it ends now unless it is said, less 4 KiB.
        #[arg(long)]
        from: Option<u64>,
    },
    /// What the panel is doing and has done.
    #[command(subcommand, visible_alias = "operation")]
    Operations(OperationCommand),
    /// What changes, a line each, until it is interrupted.
    Events(EventOptions),
    /// What guests' disks are made of; changing what is said of them needs a token to manage.
    #[command(subcommand, visible_alias = "image")]
    Images(ImageCommand),
    /// Public keys of one's own account.
    Keys,
    /// Kernels that guests run on.
    Kernels,
    /// Networks, their guests and the ports that lead there.
    Networks,
    /// The machine; for administrators.
    Host,
    /// What takes how much of the host's disk; for administrators.
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Accounts; for administrators, with a token to manage.
    #[command(subcommand)]
    People(PeopleCommand),
    /// Classes, teams and tenants; changing them needs a token to manage.
    #[command(subcommand)]
    Groups(GroupCommand),
    /// Where events are sent; for administrators, changing them needs a token to manage.
    #[command(subcommand, visible_alias = "webhook")]
    Webhooks(WebhookCommand),
    /// Completions for a shell, on standard output.
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuestCommand {
    #[command(visible_alias = "ls")]
    List,
    Show {
        guest: String,
    },
    /// What is not said is as the page suggests it.
    Create(NewGuest),
    /// Changes what is said and nothing else.
    Set {
        guest: String,
        #[command(flatten)]
        change: Change,
    },
    Start(Act),
    ShutDown(Act),
    Kill(Act),
    Restart(Act),
    Pause(Act),
    Resume(Act),
    /// Into a shell of root's, where the password is lost.
    StartShell(Act),
    /// Its disk becomes its image's again, and it is started; undoable for an hour (snapshots restore).
    Reset(Act),
    /// Makes its disk another image's and starts it; undoable for an hour. Its volumes stay.
    Rebuild {
        #[command(flatten)]
        act: Act,
        /// The newest version of its own, unless it is said.
        #[arg(long)]
        image: Option<String>,
    },
    /// Undoable for a while.
    Delete(Act),
    Undelete(Act),
    /// At once and for good.
    Purge {
        guest: String,
        /// Its name once more.
        #[arg(long, value_name = "NAME")]
        confirm: String,
    },
    /// To somebody else, while it is off: a group that one manages, or oneself again; administrators give to anybody.
    Give {
        guest: String,
        /// An account's name, or a group's with an @ before it.
        to: String,
    },
    /// Tells one that is off who signs in, or what to run, at its next start.
    SetUp {
        guest: String,
        #[command(flatten)]
        setup: Told,
    },
    /// What its console has shown, as plain text.
    Log {
        guest: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// YAML: a list `guests`, each with a name and whatever else is wanted of it. - is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Shows what would be done, and does nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Does it without asking.
    #[arg(long, conflicts_with = "plan")]
    pub(crate) yes: bool,
    /// Where a change needs it, a guest that runs is shut down and started again.
    #[arg(long)]
    pub(crate) restart: bool,
    /// Seconds for each step.
    #[arg(long, default_value_t = 120)]
    pub(crate) patience: u64,
}

impl Apply {
    pub(crate) fn patience(&self) -> Wait {
        Wait { no_wait: false, patience: self.patience }
    }
}

#[derive(Debug, Args)]
pub(crate) struct UsageOptions {
    /// Today among them.
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u16,
    /// Of this account; for administrators.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Of a group that one is in.
    #[arg(long, value_name = "NAME", conflicts_with = "account")]
    pub(crate) group: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// One's own, or with --group that of a group one is in.
    Show {
        #[arg(long)]
        group: Option<String>,
    },
    /// Everybody's; for administrators.
    List,
    /// A wish for more, about which an administrator decides.
    Ask {
        /// For a group that one manages.
        #[arg(long)]
        group: Option<String>,
        /// As quota show says it.
        kind: String,
        wanted: u64,
        #[arg(long)]
        why: String,
    },
    /// Of an account, with --role of everybody in it, with --group of a group; for administrators.
    Set {
        /// An account's, a role's or a group's name; with --group, all is every group without a limit of its own.
        whose: String,
        kind: String,
        /// A number, none for as much as there is, or default for the role's again.
        limit: String,
        #[command(flatten)]
        of: QuotaOwner,
    },
    /// Wishes are granted or refused; for administrators.
    Decide { request: String, verdict: Verdict },
}

/// An account unless one of them is said.
#[derive(Clone, Copy, Debug, Args)]
#[group(multiple = false)]
pub(crate) struct QuotaOwner {
    #[arg(long)]
    pub(crate) role: bool,
    #[arg(long)]
    pub(crate) group: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verdict {
    Grant,
    Refuse,
}

#[derive(Debug, Args)]
pub(crate) struct Act {
    /// Name or id.
    pub(crate) guest: String,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Wait {
    /// Comes back at once, and prints the operation's id.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Seconds.
    #[arg(long, default_value_t = 120)]
    pub(crate) patience: u64,
}

#[derive(Debug, Args)]
pub(crate) struct NewGuest {
    pub(crate) name: Option<String>,
    /// Whose it is to be: a group that one manages.
    #[arg(long)]
    pub(crate) group: Option<String>,
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// MiB.
    #[arg(long)]
    pub(crate) disk: Option<u32>,
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) setup: Told,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// What a guest is told once.
#[derive(Debug, Default, Args)]
pub(crate) struct Told {
    /// Who signs in; the image's own user unless it is said.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Asks for that user's password, or reads a line of standard input.
    #[arg(long)]
    pub(crate) password: bool,
    /// A file of public keys, as ~/.ssh/id_ed25519.pub.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    /// Those of one's own account.
    #[arg(long)]
    pub(crate) account_keys: bool,
    /// A file with a script, or a #cloud-config where the image has cloud-init.
    #[arg(long, value_name = "FILE")]
    pub(crate) user_data: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Change {
    #[arg(long)]
    pub(crate) rename: Option<String>,
    #[arg(long)]
    pub(crate) note: Option<String>,
    #[arg(long)]
    pub(crate) kernel: Option<String>,
    /// MiB.
    #[arg(long)]
    pub(crate) memory: Option<u32>,
    /// never, on_failure or always.
    #[arg(long, value_parser = word::<RestartPolicy>)]
    pub(crate) restart_policy: Option<RestartPolicy>,
    /// Started with the host, if it ran.
    #[arg(long)]
    pub(crate) autostart: Option<bool>,
    /// strict or fast.
    #[arg(long, value_parser = word::<KernelMode>)]
    pub(crate) mode: Option<KernelMode>,
    /// real or time_travel.
    #[arg(long, value_parser = word::<Clock>)]
    pub(crate) clock: Option<Clock>,
    /// none, bridge or switch.
    #[arg(long, value_parser = word::<Attachment>)]
    pub(crate) network: Option<Attachment>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OperationCommand {
    #[command(visible_alias = "ls")]
    List {
        /// Of this guest only.
        #[arg(long)]
        guest: Option<String>,
        /// Only the newest so many, at most 200.
        #[arg(long)]
        limit: Option<u8>,
    },
    Show {
        operation: String,
    },
    /// Shows how far it is until it is over.
    Watch {
        operation: String,
        /// Seconds.
        #[arg(long, default_value_t = 600)]
        patience: u64,
    },
    Cancel {
        operation: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    #[command(visible_alias = "ls")]
    List,
    /// Prints the first password, this once.
    Create {
        name: String,
        #[arg(long, default_value = "user")]
        role: String,
    },
    /// Makes an account of each line of a file (CSV: name, role, group), all or none; prints first passwords, this once.
    Import {
        /// `-` is standard input.
        file: PathBuf,
        /// Make nothing.
        #[arg(long)]
        check: bool,
    },
    /// Prints a link by which people make accounts of their own, this once: one user for a week unless it is said.
    Invite {
        /// Into which group.
        #[arg(long)]
        group: Option<String>,
        #[arg(long)]
        role: Option<String>,
        /// How many may come by it.
        #[arg(long)]
        uses: Option<u32>,
        #[arg(long)]
        days: Option<u32>,
        /// Whom it is for.
        #[arg(long)]
        note: Option<String>,
    },
    Invitations,
    /// Nobody comes by it any more; who has come stays.
    Uninvite {
        invitation: InvitationId,
    },
    /// Nobody comes in with it until it is reinstated; everything of it stays.
    Suspend {
        name: String,
        /// Shuts its guests down, too.
        #[arg(long)]
        shut_down: bool,
    },
    /// It may sign in again.
    #[command(visible_alias = "resume")]
    Reinstate {
        name: String,
    },
    /// Lets an account in that waits for approval.
    Approve {
        name: String,
    },
    /// Deletes an account that waits for approval.
    Refuse {
        name: String,
    },
    /// Whether people make accounts of their own: off, approval or open; left out, tells how it is.
    Registration {
        registration: Option<String>,
    },
    /// Its last day, as 2027-07-31; left out, it has none.
    Expire {
        name: String,
        day: Option<String>,
    },
    /// Refused while it has guests, unless it is said what becomes of them.
    #[command(visible_alias = "remove")]
    Delete {
        name: String,
        /// Its name once more.
        #[arg(long, value_name = "NAME")]
        confirm: String,
        /// They go too, for good.
        #[arg(long)]
        with_guests: bool,
        /// They are that account's then; all must be off.
        #[arg(long, value_name = "NAME", conflicts_with = "with_guests")]
        guests_to: Option<String>,
    },
    ResetPassword {
        name: String,
    },
    /// For who has lost telephone and recovery codes.
    ResetSecondFactor {
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    #[command(visible_alias = "ls")]
    List,
    Members {
        group: String,
    },
    Create {
        name: String,
        /// class, team or tenant.
        #[arg(long, default_value = "class")]
        kind: String,
    },
    Rename {
        group: String,
        name: String,
    },
    /// Its members keep their accounts and their guests.
    Remove {
        group: String,
    },
    /// Also makes another thing of one who is in it already.
    Add {
        group: String,
        account: String,
        /// member or manager.
        #[arg(long = "as", default_value = "member")]
        role: String,
    },
    /// Takes an account out of a group.
    Drop {
        group: String,
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    #[command(visible_alias = "ls")]
    List,
    /// Prints what signs its events, this once.
    Create {
        url: String,
        /// guest_crashed, backup_failed, quota_reached, host_memory_short, host_disk_short, sign_ins_failing; all of them unless said.
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
    },
    /// With what waits to be sent there.
    #[command(visible_alias = "remove")]
    Delete { webhook: WebhookId },
    /// Sends it an event that nobody else gets.
    Test { webhook: WebhookId },
    /// What was sent, the newest first.
    Deliveries {
        /// To this one only.
        webhook: Option<WebhookId>,
    },
    /// Sends the same once more.
    Redeliver { delivery: DeliveryId },
}

/// A word as the API spells it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn words_are_those_of_the_api() {
        assert_eq!(word::<KernelMode>("fast"), Ok(KernelMode::Fast));
        assert!(word::<KernelMode>("faster").expect_err("no such word").contains("strict"));
    }
}
