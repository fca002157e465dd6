use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::vault::shelf::Where;

/// A machine with nothing on it but a directory of our own.
struct Fixture {
    directory: TempDir,
    machine: Machine,
    flags: Flags,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let machine = Machine {
            environment: [("HOME".to_owned(), directory.path().display().to_string())].into(),
            uid: 1000,
            directory: directory.path().to_owned(),
            system_file: directory.path().join("etc.toml"),
        };
        Self { directory, machine, flags: Flags::default() }
    }

    fn with_file(self, text: &str) -> Self {
        let data = self.directory.path().join(".local/share/umbel");
        fs::create_dir_all(&data).expect("a directory");
        fs::write(data.join("umbel.toml"), text).expect("a file");
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.machine.environment.insert(name.into(), value.into());
        self
    }

    fn with_flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    fn config(&self) -> Config {
        Config::load(&self.flags, &self.machine).expect("good settings")
    }

    fn refused(&self) -> String {
        Config::load(&self.flags, &self.machine).expect_err("bad settings").to_string()
    }
}

fn listening(address: &str) -> Flags {
    Flags { listen: Some(address.into()), ..Flags::default() }
}

#[test]
fn nothing_said_is_a_panel_on_loopback() {
    let fixture = Fixture::new();
    let config = fixture.config();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, fixture.directory.path().join(".local/share/umbel"));
    assert_eq!(config.run, PathBuf::from("/tmp/umbel-1000/umbel"));
    assert_eq!(config.database, Address::within(&config.data.join("panel")));
    assert_eq!(config.patience, Patience::default());
    assert_eq!((config.memory_percent, config.disk_percent), (100, 1000));
}

#[test]
fn root_has_the_machines_own_directories() {
    let mut fixture = Fixture::new();
    fixture.machine.uid = 0;
    let config = fixture.config();
    assert_eq!((config.data, config.run), ("/var/lib/umbel".into(), "/run/umbel".into()));
}

#[test]
fn later_words_win() {
    let fixture = Fixture::new().with_file("listen = \"127.0.0.1:1\"\nboot_s = 5\nlog = \"debug\"");
    assert_eq!(fixture.config().listen.port(), 1);
    let fixture = fixture.with_variable("UMBEL_LISTEN", "127.0.0.1:2");
    assert_eq!(fixture.config().listen.port(), 2);
    let config = fixture.with_flags(listening("localhost:3")).config();
    assert_eq!((config.listen.port(), config.patience.boot, config.log.as_str()), (3, 5 * SECOND, "debug"));
}

#[test]
fn an_empty_variable_says_nothing() {
    assert_eq!(Fixture::new().with_variable("UMBEL_LISTEN", "").config().listen.port(), 8080);
}

#[test]
fn the_machines_file_is_for_the_machines_panel() {
    let mut fixture = Fixture::new();
    fs::write(&fixture.machine.system_file, "listen = \"127.0.0.1:7\"").expect("a file");
    assert_eq!(fixture.config().listen.port(), 8080);
    fixture.flags.data = Some("/var/lib/umbel".into());
    assert_eq!(fixture.config().listen.port(), 7);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let fixture = Fixture::new().with_flags(Flags { config: Some("absent.toml".into()), ..Flags::default() });
    assert!(fixture.refused().contains("absent.toml can't be read: No such file"), "{}", fixture.refused());
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let fixture = Fixture::new()
        .with_file("lisen = \"127.0.0.1:1\"\nboot_s = \"soon\"\ndata = \"here\"")
        .with_variable("UMBEL_PUBLIC_URI", "x")
        .with_flags(Flags {
            log_format: Some("xml".into()),
            undelete_s: Some("0".into()),
            memory_percent: Some("9".into()),
            ..Flags::default()
        });
    let refused = fixture.refused();
    let file = fixture.directory.path().join(".local/share/umbel/umbel.toml").display().to_string();
    for line in [
        format!("lisen ({file}) is no setting; listen is"),
        "UMBEL_PUBLIC_URI (environment UMBEL_PUBLIC_URI) is no setting; UMBEL_PUBLIC_URL is".to_owned(),
        format!("boot_s = \"soon\" ({file}): a number without quotation marks"),
        format!("data = \"here\" ({file}): a path in a file begins with /"),
        "log_format = \"xml\" (flag --log-format): text or json".to_owned(),
        "memory_percent = \"9\" (flag --memory-percent): percent without a sign, from 10 to 1000".to_owned(),
        "undelete_s = \"0\" (flag --undelete-s): seconds, from 1 to 2592000".to_owned(),
    ] {
        assert!(refused.lines().any(|said| said == line), "{line}\nis not in\n{refused}");
    }
}

#[test]
fn what_is_no_toml_is_found_by_its_line() {
    let refused = Fixture::new().with_file("boot_s = 5\nlisten = 127.0.0.1").refused();
    assert!(refused.contains("umbel.toml, line 2: "), "{refused}");
}

#[test]
fn other_networks_need_tls_or_a_proxy() {
    let refused = Fixture::new().with_flags(listening("0.0.0.0:8080")).refused();
    assert!(refused.starts_with("listen = \"0.0.0.0:8080\" (flag --listen): without TLS of its own"), "{refused}");
    let proxied = "listen = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n";
    let refused = Fixture::new().with_file(proxied).refused();
    assert!(refused.contains("set public_url too"), "{refused}");
    let config = Fixture::new().with_file(&format!("{proxied}public_url = \"https://panel.example\"")).config();
    assert!(config.proxies.trust([10, 1, 2, 3].into()) && !config.proxies.trust([11, 1, 2, 3].into()));
}

#[test]
fn https_is_promised_only_where_it_is_kept() {
    for (file, why) in [
        ("public_url = \"https://panel.example\"", "https needs tls_certificate and tls_key"),
        ("public_url = \"http://panel.example\"", "only loopback may be named"),
        ("public_url = \"https://p.example\"\ntls_certificate = \"/c\"", "set tls_key too"),
        ("public_url = \"https://p.example\"\ntls_key = \"/k\"", "set tls_certificate too"),
        ("public_url = \"http://localhost\"\ntls_certificate = \"/c\"\ntls_key = \"/k\"", "let it begin with https://"),
        ("tls_certificate = \"/c\"\ntls_key = \"/k\"\nlisten = \"[::]:443\"", "set public_url too"),
    ] {
        let refused = Fixture::new().with_file(file).refused();
        assert!(refused.contains(why), "{file}\n{refused}");
        assert_eq!(refused.lines().count(), 1, "{file}\n{refused}");
    }
    let tls = "public_url = \"https://p.example\"\ntls_certificate = \"/c\"\ntls_key = \"/k\"\nlisten = \"[::]:443\"";
    assert!(Fixture::new().with_file(tls).config().tls.is_some());
}

#[test]
fn no_secret_is_shown() {
    let fixture = Fixture::new().with_variable("DATABASE_URL", "postgres://umbel:hunter2@db.example/umbel");
    let shown = fixture.config().to_string();
    assert!(shown.contains("database_url = \"postgres://umbel@db.example:5432/umbel\""), "{shown}");
    assert!(!shown.contains("hunter2") && !format!("{:?}", fixture.config()).contains("hunter2"), "{shown}");
    let refused = Fixture::new().with_variable("UMBEL_DATABASE_URL", "mysql://umbel:hunter2@db.example").refused();
    assert!(refused.contains("database_url = \"mysql…\"") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let fixture =
        Fixture::new().with_file("trusted_proxies = [\"10.0.0.0/8\"]\npublic_url = \"https://p.example\"\nboot_s = 7");
    let shown = fixture.config().to_string();
    // Of what is left out nothing holds.
    let silent = [
        Key::TlsCertificate,
        Key::TlsKey,
        Key::MetricsListen,
        Key::WebhookNetworks,
        Key::FetchNetworks,
        Key::MailServer,
        Key::MailFrom,
        Key::MailPasswordFile,
        Key::OidcIssuer,
        Key::OidcClientId,
        Key::OidcClientSecretFile,
        Key::BackupDirectory,
        Key::BackupKeyFile,
        Key::BackupS3Url,
        Key::BackupS3CredentialsFile,
    ];
    for key in Key::ALL {
        let is_shown = shown.lines().any(|line| line.starts_with(&format!("{key} = ")));
        assert_eq!(is_shown, !silent.contains(&key), "{key}: {shown}");
    }
    let again = Fixture::new().with_file(&shown).config();
    assert_eq!(again.patience, fixture.config().patience);
    assert_eq!(again.proxies, fixture.config().proxies);
    assert_eq!(again.data, fixture.config().data);
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(text in "[a-z_ =\"\\[\\]0-9.:/\n,]{0,80}") {
        let fixture = Fixture::new().with_file(&text);
        let _ = Config::load(&fixture.flags, &fixture.machine);
    }
}

#[test]
fn a_provider_is_named_whole_and_its_errors_by_their_keys() {
    let whole = "public_url = \"http://localhost:8080\"\noidc_issuer = \"https://id.example\"\noidc_client_id = \"umbel\"\n\
                 oidc_client_secret_file = \"/etc/umbel/secret\"\n";
    let oidc = Fixture::new().with_file(whole).config().oidc.expect("a provider");
    assert_eq!((oidc.issuer.as_str(), oidc.new_accounts), ("https://id.example", oidc::NewAccounts::Off));
    assert_eq!(oidc.second_factor, oidc::SecondFactorBy::Panel);
    assert!(Fixture::new().config().oidc.is_none());

    let alone = Fixture::new().with_file("oidc_issuer = \"https://id.example\"\n").refused();
    for key in ["oidc_client_id", "oidc_client_secret_file", "public_url"] {
        assert!(alone.contains(&format!("it needs {key} beside it")), "{alone}");
    }
    for (key, value) in [
        ("oidc_issuer", "http://id.example"),
        ("oidc_new_accounts", "administrator"),
        ("oidc_second_factor", "nobody"),
        ("oidc_client_secret_file", "secret"),
    ] {
        let text = Fixture::new().with_file(&format!("{key} = {value:?}\n")).refused();
        assert!(text.contains(&format!("{key} = ")), "{text}");
    }
}

#[test]
fn backups_go_elsewhere_than_what_they_are_made_of_and_their_key_apart_from_them() {
    let wrong = |text: &str| {
        let fixture = Fixture::new().with_file(text);
        Config::load(&fixture.flags, &fixture.machine).expect_err(text).to_string()
    };
    let fixture = Fixture::new().with_file("backup_directory = \"/mnt/backups\"");
    let place = fixture.config().backups.expect("said");
    assert_eq!(place.at, Where::Directory("/mnt/backups".into()));
    assert!(place.key.ends_with("panel/backup.key"), "{place:?}");
    assert!(wrong("data = \"/srv/u\"\nbackup_directory = \"/srv/u/backups\"").contains("data directory"));
    assert!(wrong("backup_key_file = \"/etc/key\"").contains("backup_directory"));
    let beside = "backup_directory = \"/mnt/backups\"\nbackup_key_file = \"/mnt/backups/key\"";
    assert!(wrong(beside).contains("who has them has the key"));
    assert!(wrong("backup_directory = \"backups\"").contains("begins with /"));
    let url = "backup_s3_url = \"https://s3.example.org/backups/umbel\"";
    let credentials = "backup_s3_credentials_file = \"/etc/umbel/s3\"";
    let place = Fixture::new().with_file(&format!("{url}\n{credentials}")).config().backups.expect("said");
    assert_eq!(place.at.to_string(), "https://s3.example.org/backups/umbel");
    assert!(matches!(&place.at, Where::Bucket(bucket) if bucket.region == "us-east-1"), "{place:?}");
    let both = format!("{url}\n{credentials}\nbackup_directory = \"/mnt/backups\"");
    assert!(wrong(&both).contains("set one of them"));
    assert!(wrong(url).contains("backup_s3_credentials_file"));
    assert!(wrong(credentials).contains("backup_s3_url"));
    assert!(wrong(&format!("{url}\n{credentials}\nbackup_s3_region = \"a b\"")).contains("region"));
}
