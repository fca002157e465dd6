//! `umbelctl`: the panel from a terminal. Everything goes through [`umbel_client`], as for any other program.
//!
//! [`options`] says what may be typed, [`access`] where the panel is and how one comes in, then a file per
//! noun; [`output`] prints, [`exit`] says what the shell is told.

mod access;
mod apply;
mod backups;
mod console;
mod error;
mod events;
mod exit;
mod files;
mod groups;
mod guests;
mod images;
mod machine;
mod operations;
mod options;
mod output;
mod parcels;
mod people;
mod quotas;
mod recipe;
mod saved;
mod shares;
mod snapshots;
mod storage;
mod usage;
mod volumes;
mod webhooks;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use options::{Command, Options};
use output::Output;

use error::Failure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(options).await {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("umbelctl: {}", failure.in_full());
            exit::of(&failure)
        }
    }
}

async fn run(options: Options) -> Result<ExitCode, Failure> {
    let output = Output::new(options.output);
    let panel = || access::panel(&options.at);
    match options.command {
        Command::SignIn(how) => access::sign_in(options.at, how).await?,
        Command::SignOut => access::sign_out()?,
        Command::WhoAmI => output.one(&panel()?.session_fetch().await?)?,
        Command::Guests(command) => guests::run(&panel()?, command, &output).await?,
        Command::Apply(command) => apply::run(&panel()?, command, &output).await?,
        Command::Backups(command) => backups::run(&panel()?, command, &output).await?,
        Command::Files(command) => parcels::run(&panel()?, command, &output).await?,
        Command::Snapshots(command) => snapshots::run(&panel()?, command, &output).await?,
        Command::Volumes(command) => volumes::run(&panel()?, command, &output).await?,
        Command::Shares(command) => shares::run(&panel()?, command, &output).await?,
        Command::Quota(command) => quotas::run(&panel()?, command, &output).await?,
        Command::Usage(options) => usage::run(&panel()?, options, &output).await?,
        Command::Console { guest, from } => return console::run(&panel()?, &guest, from).await,
        Command::Operations(command) => operations::run(&panel()?, command, &output).await?,
        Command::Events(options) => events::run(&panel()?, options, output.form()).await?,
        Command::Images(command) => images::run(panel, command, &output).await?,
        Command::Keys => machine::keys(&panel()?, &output).await?,
        Command::Kernels => machine::kernels(&panel()?, &output).await?,
        Command::Networks => machine::networks(&panel()?, &output).await?,
        Command::Host => output.one(&panel()?.host().await?)?,
        Command::Storage(command) => storage::run(&panel()?, command, &output).await?,
        Command::Groups(command) => groups::run(&panel()?, command, &output).await?,
        Command::Webhooks(command) => webhooks::run(&panel()?, command, &output).await?,
        Command::People(command) => people::run(&panel()?, command, &output).await?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Options::command(), "umbelctl", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}
