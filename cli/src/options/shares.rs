use clap::Subcommand;
use umbel_guest::GuestRight;

use super::word;

#[derive(Debug, Subcommand)]
pub(crate) enum ShareCommand {
    #[command(visible_alias = "ls")]
    List {
        guest: String,
    },
    /// Gives an account exactly these rights.
    Put {
        guest: String,
        /// The account's name.
        with: String,
        /// view, read_console, type_console, power or settings.
        #[arg(value_parser = word::<GuestRight>)]
        rights: Vec<GuestRight>,
    },
    Remove {
        guest: String,
        with: String,
    },
}
