//! What may be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use umbel_guest::{Attachment, Clock, KernelMode, RestartPolicy};

/// The panel from a terminal.
#[derive(Debug, Parser)]
#[command(name = "umbelctl", version, after_help = crate::exit::HELP)]
pub(crate) struct Options {
    /// Address of the panel; the one that was signed in to unless it is said.
    #[arg(long, global = true, env = "UMBEL_PANEL", value_name = "URL")]
    pub(crate) panel: Option<String>,
    #[arg(long, short, global = true, value_enum, default_value_t)]
    pub(crate) output: Form,
    #[command(subcommand)]
    pub(crate) command: Command,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Asks for name and password, makes a token and keeps it (mode 0600). UMBEL_TOKEN is used in its place.
    SignIn {
        name: Option<String>,
        /// What the token may do.
        #[arg(long, value_delimiter = ',', default_value = "read,power,console,write")]
        scopes: Vec<String>,
        /// How long it is good.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Forgets the token that sign-in has kept; on the account page it can be removed.
    SignOut,
    /// Whose token it is.
    WhoAmI,
    /// Lists, makes, changes and switches guests.
    #[command(subcommand, visible_alias = "guest")]
    Guests(GuestCommand),
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
    /// Kernels that guests run on.
    Kernels,
    /// Networks, their guests and the ports that lead there.
    Networks,
    /// The machine; for administrators.
    Host,
    /// Accounts; for administrators, with a token to manage.
    #[command(subcommand)]
    People(PeopleCommand),
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
    /// What its console has shown, as plain text.
    Log {
        guest: String,
    },
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
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// MiB.
    #[arg(long)]
    pub(crate) disk: Option<u32>,
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) wait: Wait,
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
    Disable {
        name: String,
    },
    Enable {
        name: String,
    },
    ResetPassword {
        name: String,
    },
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
