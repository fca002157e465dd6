//! Where the panel is, and how one comes in: a token, out of UMBEL_TOKEN or out of the file that sign-in wrote.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::{Deserialize, Serialize};
use umbel_client::Client;

use crate::error::Failure;
use crate::options::{At, SignIn};

/// How long somebody may take to agree in a browser.
const PATIENCE: Duration = Duration::from_secs(600);

/// What sign-in keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    panel: String,
    token: String,
    /// Trusted besides what the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<PathBuf>,
}

fn client(address: &str, ca: Option<&Path>) -> Result<Client, umbel_client::Error> {
    let client = match ca {
        Some(ca) => Client::trusting(address, ca),
        None => Client::new(address),
    };
    Ok(client?.called(concat!("umbelctl/", env!("CARGO_PKG_VERSION"))))
}

/// In the user's own configuration (XDG Base Directory Specification).
fn place() -> Result<PathBuf, Failure> {
    let own = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let base = own.or_else(home).ok_or_else(|| Failure::Wrong("HOME is not set, so nothing can be kept".into()))?;
    Ok(base.join("umbelctl/access.json"))
}

fn kept() -> Result<Option<Kept>, Failure> {
    let path = place()?;
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Failure::File { what: "reading", path, source }),
    }
}

/// The panel, as whoever the token is.
pub(crate) fn panel(at: &At) -> Result<Client, Failure> {
    if let Ok(token) = std::env::var("UMBEL_TOKEN") {
        let kept = if at.panel.is_none() { kept()? } else { None };
        let (address, ca) = kept.map(|kept| (kept.panel, kept.ca)).unzip();
        let address = at.panel.clone().or(address).ok_or(Failure::NoPanel)?;
        let ca = at.ca.clone().or(ca.flatten());
        return Ok(client(&address, ca.as_deref())?.bearing(&token)?);
    }
    let kept = kept()?.ok_or(Failure::NoPanel)?;
    // A token is for the panel that gave it, and no other is shown it.
    match &at.panel {
        Some(address) if address.trim_end_matches('/') != kept.panel => {
            Err(Failure::Wrong(format!("the token that is kept is of {}; sign in to {address} first", kept.panel)))
        }
        _ => Ok(client(&kept.panel, at.ca.as_deref().or(kept.ca.as_deref()))?.bearing(&kept.token)?),
    }
}

pub(crate) async fn sign_in(at: At, how: SignIn) -> Result<(), Failure> {
    let (address, ca) = match at.panel {
        Some(address) => (address, at.ca),
        None => kept()?.map(|kept| (kept.panel, at.ca.or(kept.ca))).ok_or(Failure::NoPanel)?,
    };
    let address = address.trim_end_matches('/').to_owned();
    // From wherever it is read later.
    let ca = match ca {
        Some(path) => {
            Some(fs::canonicalize(&path).map_err(|source| Failure::File { what: "finding", path, source })?)
        }
        None => None,
    };
    let client = client(&address, ca.as_deref())?;
    let (name, token) = if how.browser { by_browser(client, &how).await? } else { by_password(&client, how).await? };
    let path = write(&Kept { panel: address, token, ca })?;
    eprintln!("Signed in as {name}. The token is kept in {}.", path.display());
    Ok(())
}

async fn by_password(client: &Client, how: SignIn) -> Result<(String, String), Failure> {
    let name = how.name.as_ref().map_or_else(|| ask("Name: "), |name| Ok(name.clone()))?;
    let password = ask_unseen("Password: ")?;
    match client.sign_in(&name, &password).await {
        Err(error) if error.needs_code() => {
            client.sign_in_with_code(&name, &password, &ask("Code: ")?).await?;
        }
        done => drop(done?),
    }
    let scopes: Vec<&str> = how.scopes.iter().map(String::as_str).collect();
    let group = crate::groups::named(client, how.group.as_deref()).await?;
    let made = client.token_create_for(group, &called(), &scopes, how.days).await;
    // The sign-in was for the token only.
    client.sign_out().await?;
    Ok((name, made?.token))
}

/// Whoever opens the address agrees, wherever that is; the token never leaves this machine.
async fn by_browser(client: Client, how: &SignIn) -> Result<(String, String), Failure> {
    if !how.scopes.iter().any(|scope| scope == "read") {
        return Err(Failure::Wrong(
            "with --browser, read is among the scopes: by it the program sees that you agreed".into(),
        ));
    }
    let asked = client.token_ask(&called(), &how.scopes.join(","), how.days, how.group.as_deref());
    eprintln!("Open this where you are signed in, or can sign in:\n\n  {}\n", asked.address);
    eprintln!("It shows the code {}. Waiting for you to agree there; Ctrl-C gives up.", asked.code);
    let account = client.bearing(&asked.token)?.token_agreed(PATIENCE).await?;
    Ok((account.name, asked.token))
}

/// As what the token is known: with the moment, since a name is taken but once.
fn called() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_micros()).unwrap_or_default();
    format!("umbelctl on {host}, {}", crate::output::moment(now)).chars().take(64).collect()
}

pub(crate) fn sign_out() -> Result<(), Failure> {
    let path = place()?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Failure::File { what: "removing", path, source }),
    }
}

/// Beside its place and then into it: nobody finds half of it, and nobody else reads it.
fn write(kept: &Kept) -> Result<PathBuf, Failure> {
    let path = place()?;
    let failed = |what| {
        let path = path.clone();
        move |source| Failure::File { what, path, source }
    };
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed("making the directory of"))?;
    }
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed("writing"))?;
    file.write_all(&serde_json::to_vec(kept)?).map_err(failed("writing"))?;
    fs::rename(&new, &path).map_err(failed("writing"))?;
    Ok(path)
}

pub(crate) fn ask(what: &str) -> Result<String, Failure> {
    let failed = |source| Failure::Terminal { what: "asking", source };
    eprint!("{what}");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Without echo where it is a terminal; a script may send it down a pipe.
pub(crate) fn ask_unseen(what: &str) -> Result<String, Failure> {
    let Ok(before) = tcgetattr(io::stdin()) else { return ask("") };
    let mut unseen = before.clone();
    unseen.local_modes.remove(LocalModes::ECHO);
    let set = |to| tcsetattr(io::stdin(), OptionalActions::Flush, to).map_err(io::Error::from);
    set(&unseen).map_err(|source| Failure::Terminal { what: "switching the echo off", source })?;
    let asked = ask(what);
    let restored = set(&before).map_err(|source| Failure::Terminal { what: "switching the echo on", source });
    eprintln!();
    asked.and_then(|text| restored.map(|()| text))
}
