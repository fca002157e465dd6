//! One typed configuration out of a file, the environment and flags; later ones win. Unknown names
//! and bad values are refused, all of them at once, each with where it was said and what would be right.
//!
//! [`key`] lists every setting, [`layers`] finds what was said, [`value`] reads one value, and here
//! the values meet the rules that hold between them.

mod backups;
pub mod key;
pub mod layers;
pub mod value;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::SECOND;
use crate::http::address::{Network, Proxies};
use crate::http::origin::Origins;
use crate::http::serve::Certificate;
use crate::oidc;
use crate::parts::Patience;
use crate::store::db::Address;
use crate::vault::shelf::Where;
use crate::webhooks::mail::MailSettings;
pub use key::Key;
pub use layers::{Flags, Machine, Source};
use layers::{Layers, Said};
pub use value::{LogFormat, PublicUrl};

/// What may be chosen, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: PathBuf,
    pub run: PathBuf,
    pub listen: SocketAddr,
    pub public_url: Option<PublicUrl>,
    pub database: Address,
    pub tls: Option<Certificate>,
    pub proxies: Proxies,
    /// A filter that is known to be good.
    pub log: String,
    pub log_format: LogFormat,
    pub patience: Patience,
    /// Of the host's memory, how much may be promised.
    pub memory_percent: u32,
    /// Of the file system that disks lie in, the same.
    pub disk_percent: u32,
    /// How old a row of the audit becomes.
    pub audit_days: i64,
    /// Where Prometheus is answered without a token.
    pub metrics_listen: Option<SocketAddr>,
    /// Private networks that events may be sent into.
    pub webhook_networks: Vec<Network>,
    pub fetch_networks: Vec<Network>,
    /// How mail is sent, where it is.
    pub mail: Option<MailSettings>,
    /// Who else says who somebody is.
    pub oidc: Option<oidc::Settings>,
    /// Where backups of guests go, if anywhere.
    pub backups: Option<BackupPlace>,
    /// How many of one guest.
    pub backups_per_guest: u32,
    /// Whom the panel becomes when root starts it.
    pub user: String,
    /// What holds, without secrets, and who said it.
    effective: Vec<(Key, String, Source)>,
}

/// Where backups of guests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlace {
    pub at: Where,
    pub key: PathBuf,
}

/// What is wrong with the settings, everything at once.
#[derive(Debug, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{} can't be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line}: {message}", path.display())]
    NotToml { path: PathBuf, line: usize, message: String },
    #[error("{name} ({place}) is no setting{}", nearest.as_ref().map(|n| format!("; {n} is")).unwrap_or_default())]
    Unknown { name: String, place: Source, nearest: Option<String> },
    #[error("{key} = {value} ({place}): {why}")]
    Value { key: Key, value: String, place: Source, why: String },
}

impl Config {
    /// Out of what flags, environment and files say on this machine.
    pub fn load(flags: &Flags, machine: &Machine) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let layers = Layers::read(flags, machine, &mut errors);
        let mut read = Reader { layers: &layers, errors, effective: Vec::new() };
        let config = read.config();
        match config {
            Some(config) if read.errors.is_empty() => Ok(Self { effective: read.effective, ..config }),
            _ => Err(ConfigErrors(read.errors)),
        }
    }

    /// Under which addresses a panel answers that listens on `listen`.
    pub fn origins(&self, listen: SocketAddr) -> Origins {
        match &self.public_url {
            Some(url) => Origins::Public { origin: url.origin.clone(), authority: url.authority.clone() },
            None => Origins::Loopback { port: listen.port(), tls: self.tls.is_some() },
        }
    }
}

/// As a settings file that means the same, with who said what behind each line.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, shown, source) in &self.effective {
            writeln!(f, "{:<56} # {source}", format!("{key} = {shown}"))?;
        }
        Ok(())
    }
}

/// Reads values and remembers what was wrong with them.
struct Reader<'a> {
    layers: &'a Layers,
    errors: Vec<ConfigError>,
    effective: Vec<(Key, String, Source)>,
}

impl Reader<'_> {
    fn config(&mut self) -> Option<Config> {
        let data = self.value(Key::Data, value::path);
        let run = self.value(Key::Run, value::path);
        let listen = self.value(Key::Listen, value::listen);
        let public_url = self.value(Key::PublicUrl, value::public_url);
        let database = self.database(data.as_ref());
        let certificate = self.value(Key::TlsCertificate, value::path);
        let key = self.value(Key::TlsKey, value::path);
        let proxies = self.value(Key::TrustedProxies, value::networks).unwrap_or_default();
        let log = self.value(Key::Log, value::filter);
        let log_format = self.value(Key::LogFormat, value::log_format);
        let shut_down = self.value(Key::ShutDownGraceS, |text| value::seconds(text, 1, 600));
        let undelete = self.value(Key::UndeleteS, |text| value::seconds(text, 1, 30 * 86_400));
        let boot = self.value(Key::BootS, |text| value::seconds(text, 1, 3600));
        let memory_percent = self.value(Key::MemoryPercent, |text| value::percent(text, 10, 1000));
        let disk_percent = self.value(Key::DiskPercent, |text| value::percent(text, 10, 100_000));
        let audit_days = self.value(Key::AuditDays, |text| value::days(text, 1, 36_500));
        let metrics_listen = self.value(Key::MetricsListen, value::listen);
        let webhook_networks = self.value(Key::WebhookNetworks, value::networks).unwrap_or_default();
        let fetch_networks = self.value(Key::FetchNetworks, value::networks).unwrap_or_default();
        let mail = self.mail();
        let oidc = self.oidc();
        let backups = self.backups(data.as_ref());
        let backups_per_guest = self.value(Key::BackupsPerGuest, |text| value::number(text, 1, 1000));
        let user = self.value(Key::User, value::user);

        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Certificate { certificate, key }),
            (Some(_), None) => self.refuse(Key::TlsCertificate, "it needs its key beside it: set tls_key too"),
            (None, Some(_)) => self.refuse(Key::TlsKey, "it needs its certificate beside it: set tls_certificate too"),
            (None, None) => None,
        };
        self.rules(listen, public_url.as_ref());
        Some(Config {
            data: data?,
            run: run?,
            listen: listen?,
            public_url,
            database: database?,
            tls,
            proxies: Proxies(proxies),
            log: log?,
            log_format: log_format?,
            patience: Patience { shut_down: shut_down? * SECOND, boot: boot? * SECOND, undelete: undelete? * SECOND },
            memory_percent: memory_percent?,
            disk_percent: disk_percent?,
            audit_days: audit_days?,
            metrics_listen,
            webhook_networks,
            fetch_networks,
            mail,
            oidc,
            backups,
            backups_per_guest: backups_per_guest?,
            user: user?,
            effective: Vec::new(),
        })
    }

    /// The three that say which provider go together; the others have their usual values.
    fn oidc(&mut self) -> Option<oidc::Settings> {
        let issuer = self.value(Key::OidcIssuer, value::issuer);
        let client_id = self.value(Key::OidcClientId, value::words);
        let client_secret_file = self.value(Key::OidcClientSecretFile, value::path);
        let label = self.value(Key::OidcLabel, value::words);
        let name_claim = self.value(Key::OidcNameClaim, value::words);
        let new_accounts = self.value(Key::OidcNewAccounts, value::new_accounts);
        let second_factor = self.value(Key::OidcSecondFactor, value::second_factor);
        let which = [Key::OidcIssuer, Key::OidcClientId, Key::OidcClientSecretFile];
        let said = which.into_iter().find(|key| self.layers.get(*key).is_some())?;
        for missing in which.into_iter().filter(|key| self.layers.get(*key).is_none()) {
            self.refuse::<()>(said, &format!("it needs {missing} beside it"));
        }
        if self.layers.get(Key::PublicUrl).is_none() {
            self.refuse::<()>(said, "it needs public_url beside it: the provider sends people back there");
        }
        Some(oidc::Settings {
            issuer: issuer?,
            client_id: client_id?,
            client_secret_file: client_secret_file?,
            label: label?,
            name_claim: name_claim?,
            new_accounts: new_accounts?,
            second_factor: second_factor?,
        })
    }

    /// Passwords cross no network in the clear, and the address that people use is known as soon as
    /// it is not plainly this machine's.
    fn rules(&mut self, listen: Option<SocketAddr>, public_url: Option<&PublicUrl>) {
        // Said is enough: whoever said it wrongly is told so, and not a second thing that follows.
        let tls = self.layers.get(Key::TlsCertificate).is_some() || self.layers.get(Key::TlsKey).is_some();
        let proxied = self.layers.get(Key::TrustedProxies).is_some();
        let is_open = listen.is_some_and(|listen| !listen.ip().is_loopback());
        if !tls && !proxied && is_open {
            self.refuse::<()>(
                Key::Listen,
                "without TLS of its own (tls_certificate and tls_key) and without trusted_proxies in front the panel \
                 listens on loopback only, as 127.0.0.1:8080, since passwords would cross the network in the clear",
            );
        }
        let Some(public_url) = public_url else {
            let because = if proxied { Key::TrustedProxies } else { Key::Listen };
            if ((tls && is_open) || proxied) && self.layers.get(Key::PublicUrl).is_none() {
                self.refuse::<()>(
                    because,
                    "set public_url too, the address that people open, as https://panel.example",
                );
            }
            return;
        };
        if public_url.is_https && !tls && !proxied {
            self.refuse::<()>(
                Key::PublicUrl,
                "https needs tls_certificate and tls_key, or a proxy that does it and is named in trusted_proxies",
            );
        }
        if !public_url.is_https && tls {
            self.refuse::<()>(
                Key::PublicUrl,
                "with tls_certificate the panel speaks https: let it begin with https://",
            );
        }
        if !public_url.is_https && !public_url.is_loopback() {
            self.refuse::<()>(
                Key::PublicUrl,
                "over http everybody on the way reads passwords, so only loopback may be named with it: use https",
            );
        }
    }

    fn mail(&mut self) -> Option<MailSettings> {
        let server = self.value(Key::MailServer, value::mail_server);
        let from = self.value(Key::MailFrom, value::mailbox);
        let password_file = self.value(Key::MailPasswordFile, value::path);
        let said = |key| self.layers.get(key).is_some();
        if !said(Key::MailServer) {
            let alone = [Key::MailFrom, Key::MailPasswordFile].into_iter().find(|key| said(*key));
            return alone.and_then(|key| self.refuse(key, "nothing is mailed without a server: set mail_server too"));
        }
        if !said(Key::MailFrom) {
            return self.refuse(Key::MailServer, "mail is from somebody: set mail_from too, as umbel@panel.example");
        }
        let server = server?;
        match (&server.user, said(Key::MailPasswordFile)) {
            (Some(_), false) => {
                return self.refuse(Key::MailServer, "its user has a password: set mail_password_file too");
            }
            (None, true) => {
                return self.refuse(Key::MailPasswordFile, "a password is somebody's: name the user in mail_server");
            }
            (Some(_), true) | (None, false) => {}
        }
        Some(MailSettings { server, from: from?, password_file })
    }

    fn database(&mut self, data: Option<&PathBuf>) -> Option<Address> {
        if let Some(said) = self.layers.get(Key::DatabaseUrl) {
            let (source, hidden) = (said.source.clone(), said.text.split("://").next().unwrap_or_default().to_owned());
            return match said.text.parse::<Address>() {
                Ok(address) => {
                    self.effective.push((Key::DatabaseUrl, quoted(&address.to_string()), source));
                    Some(address)
                }
                Err(_) => {
                    // Its text may hold a password, so only its kind is repeated.
                    let value = quoted(&format!("{hidden}…"));
                    let why = "a database is postgres://USER:PASSWORD@HOST/DATABASE or sqlite:PATH".into();
                    self.errors.push(ConfigError::Value { key: Key::DatabaseUrl, value, place: source, why });
                    None
                }
            };
        }
        let address = Address::within(&data?.join("panel"));
        self.effective.push((Key::DatabaseUrl, quoted(&address.to_string()), Source::BuiltIn));
        Some(address)
    }

    /// What was said about a setting, if that is anything and good.
    fn value<T>(&mut self, key: Key, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Said { text, source } = self.layers.get(key)?;
        match read(text) {
            Ok(value) => {
                self.effective.push((key, key.written(text), source.clone()));
                Some(value)
            }
            Err(why) => {
                let (value, source) = (quoted(text), source.clone());
                self.errors.push(ConfigError::Value { key, value, place: source, why });
                None
            }
        }
    }

    /// A value that is right by itself and wrong beside others.
    fn refuse<T>(&mut self, key: Key, why: &str) -> Option<T> {
        let said = self.layers.get(key);
        let (value, source) =
            said.map_or((String::new(), Source::BuiltIn), |s| (key.written(&s.text), s.source.clone()));
        self.errors.push(ConfigError::Value { key, value, place: source, why: why.to_owned() });
        None
    }
}

/// As TOML writes a text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
