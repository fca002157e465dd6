//! The program's commands.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::runtime;
use umbel_app::AppError;
use umbel_app::backend::Came;
use umbel_app::shown::{AuditAction, AuditKind, AuditVia};
use umbel_guest::{AccountId, AccountName, FieldError};
use umbel_wire::Layout;
use umbel_wire::layout::LayoutError;

use crate::accounts::passwords::{Password, Passwords};
use crate::accounts::{first_run_token, reset_password, reset_second_factor};
use crate::audit::commands::{self, AuditError, Known};
use crate::audit::{Audit, What, Who};
use crate::backup::{self, BackupError, Restored, Written};
use crate::clock::Clock;
use crate::config::{Config, ConfigErrors, Flags, LogFormat, Machine};
use crate::error::chain;
use crate::http::openapi;
use crate::identity::{self, IdentityError};
use crate::logs;
use crate::serve::{StartError, first_run_link, lock, serve};
use crate::store::accounts::{Account, account_fetch_by_name, account_list_counted};
use crate::store::db::Address;
use crate::store::{Db, OpenError, StoreError};

/// A hosting panel for User-Mode Linux.
#[derive(Debug, Parser)]
#[command(name = "umbel", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the panel in the foreground
    Serve(#[command(flatten)] Flags),
    /// About the settings
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Helps administrators who can't sign in; works beside a running panel
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// About the rows of who did what; works beside a running panel
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Prints what the API can be asked, as OpenAPI 3.1
    Openapi,
    /// Writes the panel's own state into a new file; works beside a running panel
    Backup {
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Makes the panel's state out of a backup, in an empty data directory or an empty database
    Restore {
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Prints what holds and who said it, or everything that is wrong
    Check(#[command(flatten)] Flags),
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Gives an account a first password, prints it, and ends the account's sign-ins
    ResetPassword {
        name: String,
        #[command(flatten)]
        flags: Flags,
    },
    /// Switches an account's second factor off, for who has lost it, and ends the account's sign-ins
    ResetSecondFactor {
        name: String,
        #[command(flatten)]
        flags: Flags,
    },
    /// Prints a link that makes the first administrator and works once
    FirstRunLink(#[command(flatten)] Flags),
    /// Lists all accounts
    List(#[command(flatten)] Flags),
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Names the first row that was changed, removed or put elsewhere, or says that there is none
    Verify {
        /// A row's number and hash that an earlier verify, an export or the log told
        #[arg(long, value_name = "NUMBER:HASH")]
        known: Option<Known>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Prints every row as a line of JSON
    Export(#[command(flatten)] Flags),
}

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("there is no database {}; start the panel first, or say where its data is with --data, --config or DATABASE_URL", path.display())]
    NoDatabase { path: PathBuf },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    App(#[from] AppError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("{0}")]
    BadName(FieldError),
    #[error("there is no account {0}; umbel admin list names them")]
    NoAccount(AccountName),
    #[error("there is an administrator already; umbel admin reset-password NAME gives one a new password")]
    NotFirst,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What the program does.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut err = io::stderr().lock();
            for line in chain(&error).lines() {
                // Nobody is left to be told if this fails.
                let _ = writeln!(err, "umbel: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve(flags) => {
            let config = Config::load(&flags, &Machine::this())?;
            logs::begin(&config.log, config.log_format);
            Ok(serve(&config)?)
        }
        Command::Config { command: ConfigCommand::Check(flags) } => {
            let config = Config::load(&flags, &Machine::this())?;
            write!(io::stdout().lock(), "{config}")?;
            Ok(())
        }
        Command::Admin { command } => admin(command),
        Command::Audit { command } => audit(command),
        Command::Openapi => {
            writeln!(io::stdout().lock(), "{}", openapi::text())?;
            Ok(())
        }
        Command::Backup { file, flags } => back_up(&file, &flags),
        Command::Restore { file, flags } => restore(&file, &flags),
    }
}

fn admin(command: AdminCommand) -> Result<(), CommandError> {
    let (AdminCommand::ResetPassword { flags, .. }
    | AdminCommand::ResetSecondFactor { flags, .. }
    | AdminCommand::FirstRunLink(flags)
    | AdminCommand::List(flags)) = &command;
    with_database(flags, async |db, config, who| match &command {
        AdminCommand::ResetPassword { name, .. } => reset(db, name, who).await,
        AdminCommand::ResetSecondFactor { name, .. } => release(db, name, who).await,
        AdminCommand::FirstRunLink(_) => link(db, config, who).await,
        AdminCommand::List(_) => list(db).await,
    })
}

fn audit(command: AuditCommand) -> Result<(), CommandError> {
    let (AuditCommand::Verify { flags, .. } | AuditCommand::Export(flags)) = &command;
    with_database(flags, async |db, _config, _who| match &command {
        AuditCommand::Verify { known, .. } => verify(db, known.clone()).await,
        AuditCommand::Export(_) => Ok(commands::export(db, &mut io::stdout().lock()).await?),
    })
}

async fn verify(db: &Db, known: Option<Known>) -> Result<(), CommandError> {
    let whole = commands::verify(db, known.map(|known| known.0)).await?;
    let mut out = io::stdout().lock();
    match whole.last {
        Some(last) => writeln!(out, "{} rows fit. The last is {}:{}", whole.rows, last.number, last.hash)?,
        None => writeln!(out, "There are no rows yet.")?,
    }
    Ok(())
}

fn back_up(path: &Path, flags: &Flags) -> Result<(), CommandError> {
    // Wrong settings leave no file behind.
    Config::load(flags, &Machine::this())?;
    let failed = |source| BackupError::Write { path: path.to_owned(), source };
    // By whoever calls: it may lie where the panel's account can't write. It holds password hashes.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let kept = file.try_clone().map_err(failed)?;
    let done = with_database(flags, async |db, _config, who| {
        let what = What::new(AuditAction::PanelBackup, AuditKind::Panel);
        let doing = async {
            let written = backup::write(db, file, path, Clock::System.now()).await;
            written.map_err(|error| AppError::Conflict { message: chain(&error) })
        };
        let Written { rows, sha256 } = Audit::new(db.clone(), Clock::System).change(who, what, doing).await?;
        writeln!(io::stdout().lock(), "{rows} rows, SHA-256 {sha256}")?;
        Ok(())
    });
    if done.is_err() {
        // The panel's account may not be allowed to take it away; nobody shall take it for a backup.
        let _ = kept.set_len(0).and_then(|()| std::fs::remove_file(path));
    }
    done
}

fn restore(path: &Path, flags: &Flags) -> Result<(), CommandError> {
    let config = Config::load(flags, &Machine::this())?;
    logs::begin("error", LogFormat::Text);
    let mut file = File::open(path).map_err(|source| BackupError::Read { path: path.to_owned(), source })?;
    // Before a directory is made for it.
    backup::look(&mut file, path)?;
    let who = Who::named(&identity::login_name(), Came { via: AuditVia::CommandLine, address: None });
    identity::settle(&config.data, &config.data.join("panel"), &config.user)?;
    let _lock = lock(&Layout::new(&config.data, &config.run)?)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let Restored { looked, warnings } = runtime.block_on(backup::restore(&mut file, path, &config.database, who))?;
    let mut err = io::stderr().lock();
    for warning in warnings {
        writeln!(err, "umbel: restored as it was, but: {warning}")?;
    }
    writeln!(io::stdout().lock(), "{} rows are back. Sign-ins of then have ended.", looked.rows)?;
    Ok(())
}

/// On the panel's own rows, as the panel's account.
fn with_database(
    flags: &Flags,
    work: impl AsyncFnOnce(&Db, &Config, Who) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let config = Config::load(flags, &Machine::this())?;
    logs::begin("error", LogFormat::Text);
    // A new one would be somebody else's: that the panel's own is elsewhere must be said.
    if let Address::Sqlite(path) = &config.database
        && !path.exists()
    {
        return Err(CommandError::NoDatabase { path: path.clone() });
    }
    // Before it becomes somebody else.
    let who = Who::named(&identity::login_name(), Came { via: AuditVia::CommandLine, address: None });
    // SQLite's companion files belong to the panel's account too.
    identity::settle(&config.data, &config.data.join("panel"), &config.user)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let db = Db::open(&config.database).await?;
        let done = work(&db, &config, who).await;
        db.close().await;
        done
    })
}

async fn reset(db: &Db, name: &str, who: Who) -> Result<(), CommandError> {
    let name: AccountName = name.parse().map_err(CommandError::BadName)?;
    let what = What::new(AuditAction::AccountResetPassword, AuditKind::Account).named(name.as_str());
    let doing = async {
        let missing = || AppError::Conflict { message: CommandError::NoAccount(name.clone()).to_string() };
        let account = account_fetch_by_name(db, &name).await?.ok_or_else(missing)?;
        let (first, ended) = reset_password(db, &Passwords::new(1), account.id).await?;
        Ok((account, first, ended))
    };
    let id = |done: &(Account, Password, Vec<String>)| Some(done.0.id.to_string());
    let (account, first, ended) = Audit::new(db.clone(), Clock::System).create(who, what, doing, id).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", first.reveal())?;
    let mut err = io::stderr().lock();
    writeln!(
        err,
        "This is the first password of {}; it must be changed. Sign-ins ended: {}.",
        account.name,
        ended.len()
    )?;
    let state = account.state(Clock::System.now());
    if !state.lets_in() {
        writeln!(err, "It lets nobody in: the account is {}. An administrator can change that.", state.word())?;
    }
    Ok(())
}

async fn release(db: &Db, name: &str, who: Who) -> Result<(), CommandError> {
    let name: AccountName = name.parse().map_err(CommandError::BadName)?;
    let what = What::new(AuditAction::AccountResetSecondFactor, AuditKind::Account).named(name.as_str());
    let doing = async {
        let missing = || AppError::Conflict { message: CommandError::NoAccount(name.clone()).to_string() };
        let account = account_fetch_by_name(db, &name).await?.ok_or_else(missing)?;
        Ok((account.id, reset_second_factor(db, account.id).await?))
    };
    let id = |done: &(AccountId, Vec<String>)| Some(done.0.to_string());
    let (_, ended) = Audit::new(db.clone(), Clock::System).create(who, what, doing, id).await?;
    writeln!(io::stderr().lock(), "{name} signs in with a password alone. Sign-ins ended: {}.", ended.len())?;
    Ok(())
}

async fn link(db: &Db, config: &Config, who: Who) -> Result<(), CommandError> {
    let what = What::new(AuditAction::FirstRunLink, AuditKind::Panel);
    let doing = async {
        let refused = || AppError::Conflict { message: CommandError::NotFirst.to_string() };
        first_run_token(db).await?.ok_or_else(refused)
    };
    let token = Audit::new(db.clone(), Clock::System).change(who, what, doing).await?;
    writeln!(io::stdout().lock(), "{}", first_run_link(&config.origins(config.listen).shown(), &token))?;
    Ok(())
}

async fn list(db: &Db) -> Result<(), CommandError> {
    let (accounts, now) = (account_list_counted(db).await?, Clock::System.now());
    let mut out = io::stdout().lock();
    writeln!(out, "{:<32}  {:<13}  {:<14}  {:>6}  last sign-in", "name", "role", "state", "guests")?;
    for (account, guests) in &accounts {
        let state = account.state(now).word();
        let (name, role) = (account.name.as_str(), account.role.word());
        writeln!(out, "{name:<32}  {role:<13}  {state:<14}  {guests:>6}  {}", last_sign_in(account))?;
    }
    Ok(())
}

fn last_sign_in(account: &Account) -> String {
    let Some(at) = account.last_sign_in_at else { return "never".into() };
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1000).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }
}
