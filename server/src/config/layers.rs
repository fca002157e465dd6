//! What was said, and by whom: built-in values, a settings file, the environment, flags. Later ones win.

use std::collections::HashMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::{ConfigError, Key};

/// Where a machine's own panel keeps its data, and where its settings may stand.
const SYSTEM_DATA: &str = "/var/lib/umbel";
const SYSTEM_RUN: &str = "/run/umbel";
const SYSTEM_FILE: &str = "/etc/umbel/umbel.toml";

/// Names the settings file, as `--config` does.
const CONFIG_VARIABLE: &str = "UMBEL_CONFIG";
/// Read by the build and by tests, so they may stand in the environment of `make run`.
const NOT_SETTINGS: [&str; 3] = ["UMBEL_SITE", "UMBEL_TEST_FULL", CONFIG_VARIABLE];
/// What hosters and frameworks call it.
const DATABASE_VARIABLE: &str = "DATABASE_URL";

/// Settings on the command line. A database's address is not among them, since it may hold a password
/// and everybody sees everybody's command lines.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Flags {
    /// Settings file [default: DATA/umbel.toml, else /etc/umbel/umbel.toml for a machine's own panel]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// Data directory
    #[arg(long, value_name = "DIRECTORY")]
    pub data: Option<String>,
    /// Directory of sockets; keep it short
    #[arg(long, value_name = "DIRECTORY")]
    pub run: Option<String>,
    /// Address and port, for example 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The address that people open, for example https://panel.example
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Certificate chain in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<String>,
    /// The certificate's key in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// Addresses or blocks of reverse proxies, separated by commas
    #[arg(long, value_name = "NETWORKS")]
    pub trusted_proxies: Option<String>,
    /// Log filter, for example info,umbel_server=debug
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// text or json
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Seconds from the request to shut down to the kill
    #[arg(long, value_name = "SECONDS")]
    pub shut_down_grace_s: Option<String>,
    /// Seconds for which a deletion can be taken back
    #[arg(long, value_name = "SECONDS")]
    pub undelete_s: Option<String>,
    /// Seconds for which an operation watches a guest boot
    #[arg(long, value_name = "SECONDS")]
    pub boot_s: Option<String>,
    /// How much of the host's memory may be promised to guests that run, in percent; above 100, guests that
    /// use all of theirs at once meet the host's own limit
    #[arg(long, value_name = "PERCENT")]
    pub memory_percent: Option<String>,
    /// How much of the file system of the data directory may be promised to guests' disks, in percent; disks are
    /// sparse, and one that finds no room when it is written to fails in its guest
    #[arg(long, value_name = "PERCENT")]
    pub disk_percent: Option<String>,
    /// Days after which a row of the audit is removed
    #[arg(long, value_name = "DAYS")]
    pub audit_days: Option<String>,
    /// Address and port where /metrics is answered without a token, for example 127.0.0.1:9101
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,
    /// Private addresses or blocks that webhooks may be sent to, separated by commas
    #[arg(long, value_name = "NETWORKS")]
    pub webhook_networks: Option<String>,
    /// Private addresses or blocks that images may be fetched from, separated by commas
    #[arg(long, value_name = "NETWORKS")]
    pub fetch_networks: Option<String>,
    /// Server that takes mail, as smtps://USER@HOST, smtp://USER@HOST (STARTTLS) or smtp://localhost
    #[arg(long, value_name = "URL")]
    pub mail_server: Option<String>,
    /// Address that mail is from
    #[arg(long, value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// File with the password of the mail server's user
    #[arg(long, value_name = "FILE")]
    pub mail_password_file: Option<String>,
    /// Sign-in provider (OpenID Connect), for example https://id.example
    #[arg(long, value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// What the provider calls this panel
    #[arg(long, value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// File with the secret that the provider knows this panel by
    #[arg(long, value_name = "FILE")]
    pub oidc_client_secret_file: Option<String>,
    /// What stands on the button of the sign-in page
    #[arg(long, value_name = "WORDS")]
    pub oidc_label: Option<String>,
    /// Which claim becomes the name of a new account
    #[arg(long, value_name = "CLAIM")]
    pub oidc_name_claim: Option<String>,
    /// What whoever has no account gets: off, or user for an account
    #[arg(long, value_name = "WHICH")]
    pub oidc_new_accounts: Option<String>,
    /// Who asks for a second factor: panel or provider
    #[arg(long, value_name = "WHO")]
    pub oidc_second_factor: Option<String>,
    /// Directory that backups of guests go to, on another disk than the data directory; the panel's user writes there
    #[arg(long, value_name = "DIRECTORY")]
    pub backup_directory: Option<String>,
    /// File with the key of those backups [default: DATA/panel/backup.key, made with the first of them]
    #[arg(long, value_name = "FILE")]
    pub backup_key_file: Option<String>,
    /// Bucket that backups of guests go to instead, and what their names begin with, as https://HOST/BUCKET/PREFIX
    #[arg(long, value_name = "URL")]
    pub backup_s3_url: Option<String>,
    /// Region that the bucket is in
    #[arg(long, value_name = "REGION")]
    pub backup_s3_region: Option<String>,
    /// File with the access key's id in one line and the secret key in the next
    #[arg(long, value_name = "FILE")]
    pub backup_s3_credentials_file: Option<String>,
    /// How many backups of one guest are kept
    #[arg(long, value_name = "NUMBER")]
    pub backups_per_guest: Option<String>,
    /// Account that the panel becomes when root starts it
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

impl Flags {
    fn get(&self, key: Key) -> Option<&String> {
        match key {
            Key::Data => self.data.as_ref(),
            Key::Run => self.run.as_ref(),
            Key::Listen => self.listen.as_ref(),
            Key::PublicUrl => self.public_url.as_ref(),
            Key::DatabaseUrl => None,
            Key::TlsCertificate => self.tls_certificate.as_ref(),
            Key::TlsKey => self.tls_key.as_ref(),
            Key::TrustedProxies => self.trusted_proxies.as_ref(),
            Key::Log => self.log.as_ref(),
            Key::LogFormat => self.log_format.as_ref(),
            Key::ShutDownGraceS => self.shut_down_grace_s.as_ref(),
            Key::UndeleteS => self.undelete_s.as_ref(),
            Key::BootS => self.boot_s.as_ref(),
            Key::MemoryPercent => self.memory_percent.as_ref(),
            Key::DiskPercent => self.disk_percent.as_ref(),
            Key::AuditDays => self.audit_days.as_ref(),
            Key::MetricsListen => self.metrics_listen.as_ref(),
            Key::WebhookNetworks => self.webhook_networks.as_ref(),
            Key::FetchNetworks => self.fetch_networks.as_ref(),
            Key::MailServer => self.mail_server.as_ref(),
            Key::MailFrom => self.mail_from.as_ref(),
            Key::MailPasswordFile => self.mail_password_file.as_ref(),
            Key::OidcIssuer => self.oidc_issuer.as_ref(),
            Key::OidcClientId => self.oidc_client_id.as_ref(),
            Key::OidcClientSecretFile => self.oidc_client_secret_file.as_ref(),
            Key::OidcLabel => self.oidc_label.as_ref(),
            Key::OidcNameClaim => self.oidc_name_claim.as_ref(),
            Key::OidcNewAccounts => self.oidc_new_accounts.as_ref(),
            Key::OidcSecondFactor => self.oidc_second_factor.as_ref(),
            Key::BackupDirectory => self.backup_directory.as_ref(),
            Key::BackupKeyFile => self.backup_key_file.as_ref(),
            Key::BackupS3Url => self.backup_s3_url.as_ref(),
            Key::BackupS3Region => self.backup_s3_region.as_ref(),
            Key::BackupS3CredentialsFile => self.backup_s3_credentials_file.as_ref(),
            Key::BackupsPerGuest => self.backups_per_guest.as_ref(),
            Key::User => self.user.as_ref(),
        }
    }
}

/// What else decides: the environment, who starts the program, and where.
#[derive(Clone, Debug)]
pub struct Machine {
    pub environment: HashMap<String, String>,
    pub uid: u32,
    /// Relative paths of flags and variables begin here.
    pub directory: PathBuf,
    pub system_file: PathBuf,
}

impl Machine {
    pub fn this() -> Self {
        // What is no text can be no setting of ours.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            environment: environment.collect(),
            uid: Uid::effective().as_raw(),
            directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
            system_file: SYSTEM_FILE.into(),
        }
    }

    fn variable(&self, name: &str) -> Option<&String> {
        // An empty one is how units and shells say nothing.
        self.environment.get(name).filter(|value| !value.is_empty())
    }

    /// As deploy/paths.sh has them.
    fn built_in(&self, key: Key) -> Option<String> {
        let within = |variable: &str, otherwise: &dyn Fn() -> Option<String>| {
            self.variable(variable).cloned().or_else(otherwise).map(|directory| format!("{directory}/umbel"))
        };
        let home = || self.variable("HOME").map(|home| format!("{home}/.local/share"));
        match key {
            Key::Data if self.uid == 0 => Some(SYSTEM_DATA.into()),
            Key::Data => within("XDG_DATA_HOME", &home),
            Key::Run if self.uid == 0 => Some(SYSTEM_RUN.into()),
            Key::Run => within("XDG_RUNTIME_DIR", &|| Some(format!("/tmp/umbel-{}", self.uid))),
            Key::Listen => Some("127.0.0.1:8080".into()),
            // The two report as news what is none: a table that is there, a cookie whose sign-in has ended.
            Key::Log => Some("info,sqlx=warn,tower_sessions_core=error".into()),
            Key::LogFormat => Some("text".into()),
            Key::ShutDownGraceS => Some("60".into()),
            Key::UndeleteS => Some("3600".into()),
            Key::BootS => Some("60".into()),
            Key::MemoryPercent => Some("100".into()),
            Key::DiskPercent => Some("1000".into()),
            Key::AuditDays => Some("365".into()),
            Key::OidcLabel => Some("single sign-on".into()),
            Key::OidcNameClaim => Some("preferred_username".into()),
            Key::OidcNewAccounts => Some("off".into()),
            Key::OidcSecondFactor => Some("panel".into()),
            // What servers that have no regions take.
            Key::BackupS3Region => Some("us-east-1".into()),
            Key::BackupsPerGuest => Some("16".into()),
            Key::User => Some("umbel".into()),
            Key::PublicUrl
            | Key::DatabaseUrl
            | Key::TlsCertificate
            | Key::TlsKey
            | Key::TrustedProxies
            | Key::MetricsListen
            | Key::WebhookNetworks
            | Key::FetchNetworks
            | Key::MailServer
            | Key::MailFrom
            | Key::MailPasswordFile
            | Key::OidcIssuer
            | Key::OidcClientId
            | Key::OidcClientSecretFile
            | Key::BackupDirectory
            | Key::BackupKeyFile
            | Key::BackupS3Url
            | Key::BackupS3CredentialsFile => None,
        }
    }
}

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    BuiltIn,
    File(PathBuf),
    Environment(String),
    Flag(Key),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(key) => write!(f, "flag --{}", key.name().replace('_', "-")),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) source: Source,
}

/// The last word on each setting.
#[derive(Debug, Default)]
pub(super) struct Layers {
    said: Vec<(Key, Said)>,
}

impl Layers {
    pub(super) fn read(flags: &Flags, machine: &Machine, errors: &mut Vec<ConfigError>) -> Self {
        let mut layers = Self::default();
        for key in Key::ALL {
            if let Some(text) = machine.built_in(key) {
                layers.say(key, text, Source::BuiltIn);
            }
        }
        if let Some((path, text)) = settings_file(flags, machine, errors) {
            layers.file(&path, &text, errors);
        }
        layers.environment(machine, errors);
        for key in Key::ALL {
            if let Some(text) = flags.get(key) {
                layers.say(key, absolute(machine, key, text), Source::Flag(key));
            }
        }
        if layers.get(Key::Data).is_none() {
            let why = "there is no HOME to keep it in: name a directory with --data".into();
            errors.push(ConfigError::Value { key: Key::Data, value: String::new(), place: Source::BuiltIn, why });
        }
        layers
    }

    pub(super) fn get(&self, key: Key) -> Option<&Said> {
        self.said.iter().rev().find(|(k, _)| *k == key).map(|(_, said)| said)
    }

    fn say(&mut self, key: Key, text: String, source: Source) {
        self.said.push((key, Said { text, source }));
    }

    fn file(&mut self, path: &Path, text: &str, errors: &mut Vec<ConfigError>) {
        let source = Source::File(path.to_owned());
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let message = error.message().to_owned();
                errors.push(ConfigError::NotToml { path: path.to_owned(), line, message });
                return;
            }
        };
        for (name, value) in table {
            let Some(key) = Key::by_name(&name) else {
                let nearest = Key::nearest(&name).map(|key| key.name().to_owned());
                errors.push(ConfigError::Unknown { name, place: source.clone(), nearest });
                continue;
            };
            match plain(key, &value) {
                Some(text) => self.say(key, text, source.clone()),
                None => errors.push(ConfigError::Value {
                    key,
                    value: if key == Key::DatabaseUrl { "…".into() } else { value.to_string() },
                    place: source.clone(),
                    why: kind(key).into(),
                }),
            }
        }
    }

    fn environment(&mut self, machine: &Machine, errors: &mut Vec<ConfigError>) {
        if let Some(url) = machine.variable(DATABASE_VARIABLE) {
            self.say(Key::DatabaseUrl, url.clone(), Source::Environment(DATABASE_VARIABLE.into()));
        }
        let mut names: Vec<&String> = machine.environment.keys().filter(|name| name.starts_with("UMBEL_")).collect();
        names.sort_unstable();
        for name in names {
            if NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            let source = Source::Environment(name.clone());
            let Some(key) = Key::ALL.into_iter().find(|key| key.variable() == *name) else {
                let meant = name.trim_start_matches("UMBEL_").to_ascii_lowercase();
                let nearest = Key::nearest(&meant).map(Key::variable);
                errors.push(ConfigError::Unknown { name: name.clone(), place: source, nearest });
                continue;
            };
            if let Some(text) = machine.variable(name) {
                self.say(key, absolute(machine, key, text), source);
            }
        }
    }
}

/// The one settings file and its text. One that was named must be there; others may be.
fn settings_file(flags: &Flags, machine: &Machine, errors: &mut Vec<ConfigError>) -> Option<(PathBuf, String)> {
    let named = flags.config.as_ref().or_else(|| machine.variable(CONFIG_VARIABLE));
    let candidates = match named {
        Some(path) => vec![machine.directory.join(path)],
        None => {
            let variable = Key::Data.variable();
            let said = flags.data.as_ref().or_else(|| machine.variable(&variable));
            let data = said
                .map(|data| machine.directory.join(data))
                .or_else(|| machine.built_in(Key::Data).map(PathBuf::from));
            let own = data.as_ref().map(|data| data.join("umbel.toml"));
            // Another panel on this machine has settings of its own.
            let system = (data.as_deref() == Some(Path::new(SYSTEM_DATA))).then(|| machine.system_file.clone());
            own.into_iter().chain(system).collect()
        }
    };
    for path in candidates {
        match std::fs::read_to_string(&path) {
            Ok(text) => return Some((path, text)),
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {}
            Err(source) => {
                errors.push(ConfigError::Unreadable { path, source });
                return None;
            }
        }
    }
    None
}

/// Paths on the command line and in variables begin where the program was started.
fn absolute(machine: &Machine, key: Key, text: &str) -> String {
    let is_path =
        [Key::Data, Key::Run, Key::TlsCertificate, Key::TlsKey, Key::MailPasswordFile, Key::OidcClientSecretFile];
    let of_backups = [Key::BackupDirectory, Key::BackupKeyFile, Key::BackupS3CredentialsFile];
    let is_path = is_path.into_iter().chain(of_backups).any(|path| path == key);
    if is_path {
        return machine.directory.join(text).display().to_string();
    }
    text.to_owned()
}

/// A value of a file as the text that a flag would have.
fn plain(key: Key, value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) if !key.is_number() => Some(text.clone()),
        toml::Value::Integer(number) if key.is_number() => Some(number.to_string()),
        toml::Value::Array(list) if key.is_list() => {
            let texts: Option<Vec<&str>> = list.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

fn kind(key: Key) -> &'static str {
    if key.is_number() {
        "a number without quotation marks"
    } else if key.is_list() {
        r#"a list of texts, as ["10.0.0.7", "10.1.0.0/16"]"#
    } else {
        "a text in quotation marks"
    }
}
