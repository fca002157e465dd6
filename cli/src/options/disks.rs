use std::path::PathBuf;

use clap::{Args, Subcommand};
use umbel_guest::{Every, UploadId};

use super::{Act, Wait, word};
use crate::files::GetFile;

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    #[command(visible_alias = "ls")]
    List,
    Show {
        image: String,
    },
    /// Sends the root of a system and makes it an image: a tar archive of it, an image of containers, its file system or a whole
    /// disk, also in the format qcow2, any of them packed; needs a token to manage.
    Import(ImageImport),
    /// Makes an image of what a guest's snapshot has, without what is that guest's own; needs a token to manage.
    Publish(ImagePublish),
    /// Makes an image of a recipe: packages, users, files and services. The panel builds it; needs a token to manage.
    Build(ImageBuild),
    /// Recipes that come with this program, to be copied and changed; with a name, that one.
    Recipes {
        name: Option<String>,
    },
    /// One that was put in and that nobody has.
    #[command(visible_alias = "rm")]
    Remove {
        image: String,
    },
    /// It is offered last, with its note; guests that have it keep it.
    Deprecate {
        image: String,
    },
    /// As before it was deprecated.
    Offer {
        image: String,
    },
    /// Who may make guests of it: public, private (who manages images), or group:NAME.
    Visibility {
        image: String,
        who: String,
    },
    /// What whoever chooses it should know; empty, it has none.
    Note {
        image: String,
        note: String,
    },
}

/// What is said of an image.
#[derive(Debug, Args)]
pub(crate) struct ImageWords {
    /// What its versions have in common, for example debian.
    #[arg(long)]
    pub(crate) name: String,
    /// Begins with a digit, for example 13.2.
    #[arg(long)]
    pub(crate) version: String,
    /// Its name, unless it is said.
    #[arg(long)]
    pub(crate) title: Option<String>,
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Who signs in to a new guest; root, unless it is said.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Suggested for a new guest, in MiB.
    #[arg(long)]
    pub(crate) memory: Option<u32>,
    /// Whatever somebody may want to know before they take it, for example kernels.
    #[arg(long, value_name = "TEXT")]
    pub(crate) tested_with: Option<String>,
    #[arg(long)]
    pub(crate) note: Option<String>,
    /// Who may make guests of it: public (unless it is said), private (who manages images), or group:NAME.
    #[arg(long, value_name = "WHO", default_value = "public")]
    pub(crate) visibility: String,
}

#[derive(Debug, Args)]
pub(crate) struct ImageImport {
    /// Or a directory, which is packed first; or https://… or docker://HOST/NAME:TAG, which the panel gets it from.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) words: ImageWords,
    /// Of the file; another one is refused.
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    /// Goes on with one that was cut, as its error says.
    #[arg(long, value_name = "ID")]
    pub(crate) upload: Option<UploadId>,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct ImagePublish {
    pub(crate) guest: String,
    /// Its name or id.
    pub(crate) snapshot: String,
    #[command(flatten)]
    pub(crate) words: ImageWords,
    /// Keys and passwords that let people into the guest let them into every guest of the image.
    #[arg(long)]
    pub(crate) keep_logins: bool,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct ImageBuild {
    pub(crate) recipe: PathBuf,
    /// Another version than the recipe says.
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Build it on this machine, with mmdebstrap, and send it. Of Debian only.
    #[arg(long)]
    pub(crate) here: bool,
    /// Build it here, leave the archive there and send nothing.
    #[arg(long, value_name = "FILE")]
    pub(crate) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval(pub(crate) Option<Every>);

pub(crate) fn interval(text: &str) -> Result<Interval, String> {
    match text {
        "never" => Ok(Interval(None)),
        _ => word(text).map(|every| Interval(Some(every))),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    #[command(visible_alias = "ls")]
    List { guest: String },
    /// Keeps a copy of the disk, whether the guest runs or not. Its memory is not in it.
    Take {
        #[command(flatten)]
        act: Act,
        /// Numbered, unless it is said.
        #[arg(long)]
        name: Option<String>,
    },
    /// Makes a snapshot the guest's disk and starts it; undoable for an hour.
    Restore {
        #[command(flatten)]
        act: Act,
        /// Its name or id; undo is what the last reset or restore has put aside.
        snapshot: String,
    },
    /// What of it would not be in an image that is made of it.
    Traces {
        guest: String,
        /// Its name or id.
        snapshot: String,
    },
    /// What lies in a directory of its disk; takes a few seconds.
    Files {
        guest: String,
        /// Its name or id.
        snapshot: String,
        #[arg(default_value = "/")]
        path: String,
    },
    /// A file of its disk, or with --tar what lies beneath a directory.
    Get {
        guest: String,
        /// Its name or id.
        snapshot: String,
        #[command(flatten)]
        get: GetFile,
    },
    /// Takes them by itself, and keeps the newest of those.
    Plan {
        guest: String,
        /// hour, six_hours, day, week; never, for no more.
        #[arg(value_parser = interval)]
        every: Interval,
        #[arg(long, default_value_t = 7)]
        keep: u32,
    },
    /// Makes another guest of one, of the same owner, and starts it.
    Clone {
        #[command(flatten)]
        act: Act,
        /// Its name or id.
        snapshot: String,
        /// Of the new guest.
        name: String,
    },
    /// For good.
    #[command(visible_alias = "rm")]
    Remove {
        guest: String,
        /// Its name or id.
        snapshot: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Guests, those that take most first.
    Guests,
    /// Images, and what sharing them saves.
    Images,
    /// What lies on the host that the panel knows nothing of.
    Leftovers,
    /// Such a thing, for good; needs a token to manage.
    #[command(visible_alias = "rm")]
    Remove {
        /// The id of the snapshot, or of the guest.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum VolumeCommand {
    #[command(visible_alias = "ls")]
    List,
    /// Empty; a guest makes a file system on it, for example with mkfs.ext4 /dev/ubdc.
    Create {
        name: String,
        /// In MiB: 64, 128 and so on to 16384.
        #[arg(long, value_name = "MIB")]
        size: u32,
        /// A group's, which one manages.
        #[arg(long)]
        group: Option<String>,
    },
    /// Gives it to a guest of the same owner, at once where the guest runs.
    Attach {
        /// Its name or id.
        volume: String,
        guest: String,
        /// Any number of guests may read it then; else one has it alone.
        #[arg(long)]
        read_only: bool,
    },
    /// Takes it from a guest; of one that runs once it is unmounted there.
    Detach {
        /// Its name or id.
        volume: String,
        guest: String,
    },
    /// Makes it larger, while no guest that runs has it.
    Grow {
        /// Its name or id.
        volume: String,
        /// In MiB.
        #[arg(long, value_name = "MIB")]
        size: u32,
    },
    /// For good.
    #[command(visible_alias = "rm")]
    Remove {
        /// Its name or id.
        volume: String,
    },
}
