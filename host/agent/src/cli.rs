//! The command line of the agent.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use nix::unistd::{Gid, Uid};
use umbel_wire::Layout;

use crate::kernels::ask;
use crate::processors::Processors;
use crate::state::PanelIds;
use crate::walls::{WallName, Without};
use crate::{clean, in_full, launcher, recipe, serve};

#[derive(Debug, Parser)]
#[command(name = "umbel-agent", version, about = "Umbel's privileged half: disks, walls and starting guests")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer the panel until told to end; guests go on running.
    Serve {
        #[command(flatten)]
        places: Places,
        /// The panel's user: besides root and the agent's own user nobody else is heard.
        #[arg(long)]
        panel_uid: Option<u32>,
        /// The panel's group: sockets and console histories are readable by it.
        #[arg(long)]
        panel_gid: Option<u32>,
        /// Do not raise this wall around guests: for a host that can't have it, and for tests that show what
        /// it holds. May be given several times. Guests may then reach what the wall kept from them.
        #[arg(long, value_name = "NAME")]
        without_wall: Vec<WallName>,
        /// Where guests' questions for names are led; otherwise the first nameserver of /etc/resolv.conf that is
        /// not on this host itself.
        #[arg(long, value_name = "ADDRESS")]
        dns: Option<Ipv4Addr>,
        /// Directory of kernels of our own build, each in a directory of its own as `linux`. May be given
        /// several times; without it, the one that an installation has.
        #[arg(long, value_name = "DIRECTORY")]
        kernels: Vec<PathBuf>,
        /// Directory of this host that guests with the host's own files as their root see besides /usr, read-only.
        /// May be given several times. /home, /root, passwords and Umbel's own data are never shown.
        #[arg(long, value_name = "DIRECTORY")]
        show_host: Vec<PathBuf>,
        /// Freeze guests whose disks grow when the file system of the data directory has less room than that, and let
        /// them go on when it has half as much again; otherwise a fiftieth of it, 64 MiB to 2 GiB.
        #[arg(long, value_name = "MIB")]
        hold_below: Option<u64>,
        /// Let the host's scheduler choose for every single process of a guest where it runs. Otherwise they are kept
        /// together on one processor for as long as there is room, which makes guests several times faster.
        #[arg(long)]
        roam: bool,
        /// So much may be written while a recipe is built.
        #[arg(long, value_name = "MIB", default_value_t = recipe::MOST_MIB)]
        build_mib: u64,
    },
    /// Print the short id that every name of this instance on the host carries.
    Instance {
        #[command(flatten)]
        places: Places,
    },
    /// End every guest of this instance at once.
    StopGuests {
        #[command(flatten)]
        places: Places,
    },
    /// Remove what this instance named on the host: cgroups, sockets, run directory.
    Clean {
        #[command(flatten)]
        places: Places,
    },
    /// Started by the agent itself for each guest.
    #[command(hide = true)]
    Launch,
    /// Started by the agent itself for each recipe.
    #[command(hide = true)]
    Build,
    /// Started by the agent itself for each kernel that it meets.
    #[command(hide = true)]
    Ask,
}

#[derive(Debug, Args)]
struct Places {
    /// Directory of disks, images and the agent's ledger.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Directory of sockets; keep it short.
    #[arg(long)]
    run: Option<PathBuf>,
}

impl Places {
    fn layout(self) -> Result<Layout, Box<dyn std::error::Error>> {
        let data = self.data.unwrap_or_else(default_data);
        std::fs::create_dir_all(&data).map_err(|e| format!("making the data directory {}: {e}", data.display()))?;
        Ok(Layout::new(&data, &self.run.unwrap_or_else(default_run))?)
    }
}

fn default_data() -> PathBuf {
    if Uid::effective().is_root() {
        return "/var/lib/umbel".into();
    }
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share");
    std::env::var_os("XDG_DATA_HOME").map_or_else(home, PathBuf::from).join("umbel")
}

fn default_run() -> PathBuf {
    if Uid::effective().is_root() {
        return "/run/umbel".into();
    }
    let fallback = || format!("/tmp/umbel-{}", Uid::effective()).into();
    std::env::var_os("XDG_RUNTIME_DIR").map_or_else(fallback, PathBuf::from).join("umbel")
}

/// Where an installation puts the kernels that it has: PREFIX/lib/umbel/kernels, seen from PREFIX/bin.
fn installed_kernels() -> Vec<PathBuf> {
    let program = std::env::current_exe().ok();
    let prefix = program.as_deref().and_then(|program| program.parent()?.parent());
    prefix.map(|prefix| prefix.join("lib/umbel/kernels")).into_iter().collect()
}

pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve {
            places,
            panel_uid,
            panel_gid,
            without_wall,
            dns,
            kernels,
            show_host,
            hold_below,
            roam,
            build_mib,
        } => places.layout().and_then(|layout| {
            let panel = PanelIds {
                uid: panel_uid.map_or_else(Uid::effective, Uid::from_raw),
                gid: panel_gid.map_or_else(Gid::effective, Gid::from_raw),
            };
            let kernels = if kernels.is_empty() { installed_kernels() } else { kernels };
            let processors = if roam { Processors::unchosen() } else { Processors::own() };
            let without = Without::new(&without_wall);
            serve::run(layout, panel, without, dns, kernels, &show_host, hold_below, processors, build_mib)
                .map_err(Into::into)
        }),
        Command::Instance { places } => places.layout().map(|layout| println!("{}", layout.instance())),
        Command::StopGuests { places } => {
            places.layout().and_then(|layout| clean::stop_guests(&layout).map_err(Into::into))
        }
        Command::Clean { places } => places.layout().and_then(|layout| clean::clean(&layout).map_err(Into::into)),
        Command::Launch => launcher::main().map_err(Into::into),
        Command::Build => return ExitCode::from(u8::try_from(recipe::launcher::main()).unwrap_or(1)),
        Command::Ask => return ask::main(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("umbel-agent: {}", in_full(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
