//! Every setting by its name.

use std::fmt;

/// A setting. Its name is the key in a file; `UMBEL_` and the name in capitals is the variable, `--`
/// and the name with hyphens is the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Data,
    Run,
    Listen,
    PublicUrl,
    DatabaseUrl,
    TlsCertificate,
    TlsKey,
    TrustedProxies,
    Log,
    LogFormat,
    ShutDownGraceS,
    UndeleteS,
    BootS,
    MemoryPercent,
    DiskPercent,
    AuditDays,
    MetricsListen,
    WebhookNetworks,
    FetchNetworks,
    MailServer,
    MailFrom,
    MailPasswordFile,
    OidcIssuer,
    OidcClientId,
    OidcClientSecretFile,
    OidcLabel,
    OidcNameClaim,
    OidcNewAccounts,
    OidcSecondFactor,
    BackupDirectory,
    BackupKeyFile,
    BackupS3Url,
    BackupS3Region,
    BackupS3CredentialsFile,
    BackupsPerGuest,
    User,
}

impl Key {
    pub const ALL: [Self; 36] = [
        Self::Data,
        Self::Run,
        Self::Listen,
        Self::PublicUrl,
        Self::DatabaseUrl,
        Self::TlsCertificate,
        Self::TlsKey,
        Self::TrustedProxies,
        Self::Log,
        Self::LogFormat,
        Self::ShutDownGraceS,
        Self::UndeleteS,
        Self::BootS,
        Self::MemoryPercent,
        Self::DiskPercent,
        Self::AuditDays,
        Self::MetricsListen,
        Self::WebhookNetworks,
        Self::FetchNetworks,
        Self::MailServer,
        Self::MailFrom,
        Self::MailPasswordFile,
        Self::OidcIssuer,
        Self::OidcClientId,
        Self::OidcClientSecretFile,
        Self::OidcLabel,
        Self::OidcNameClaim,
        Self::OidcNewAccounts,
        Self::OidcSecondFactor,
        Self::BackupDirectory,
        Self::BackupKeyFile,
        Self::BackupS3Url,
        Self::BackupS3Region,
        Self::BackupS3CredentialsFile,
        Self::BackupsPerGuest,
        Self::User,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Run => "run",
            Self::Listen => "listen",
            Self::PublicUrl => "public_url",
            Self::DatabaseUrl => "database_url",
            Self::TlsCertificate => "tls_certificate",
            Self::TlsKey => "tls_key",
            Self::TrustedProxies => "trusted_proxies",
            Self::Log => "log",
            Self::LogFormat => "log_format",
            Self::ShutDownGraceS => "shut_down_grace_s",
            Self::UndeleteS => "undelete_s",
            Self::BootS => "boot_s",
            Self::MemoryPercent => "memory_percent",
            Self::DiskPercent => "disk_percent",
            Self::AuditDays => "audit_days",
            Self::MetricsListen => "metrics_listen",
            Self::WebhookNetworks => "webhook_networks",
            Self::FetchNetworks => "fetch_networks",
            Self::MailServer => "mail_server",
            Self::MailFrom => "mail_from",
            Self::MailPasswordFile => "mail_password_file",
            Self::OidcIssuer => "oidc_issuer",
            Self::OidcClientId => "oidc_client_id",
            Self::OidcClientSecretFile => "oidc_client_secret_file",
            Self::OidcLabel => "oidc_label",
            Self::OidcNameClaim => "oidc_name_claim",
            Self::OidcNewAccounts => "oidc_new_accounts",
            Self::OidcSecondFactor => "oidc_second_factor",
            Self::BackupDirectory => "backup_directory",
            Self::BackupKeyFile => "backup_key_file",
            Self::BackupS3Url => "backup_s3_url",
            Self::BackupS3Region => "backup_s3_region",
            Self::BackupS3CredentialsFile => "backup_s3_credentials_file",
            Self::BackupsPerGuest => "backups_per_guest",
            Self::User => "user",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// The one that was perhaps meant.
    pub fn nearest(name: &str) -> Option<Self> {
        let likeness = |key: &Self| strsim::jaro_winkler(key.name(), name);
        let best = Self::ALL.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(&best) > 0.8).then_some(best)
    }

    pub fn variable(self) -> String {
        format!("UMBEL_{}", self.name().to_ascii_uppercase())
    }

    pub fn is_list(self) -> bool {
        matches!(self, Self::TrustedProxies | Self::WebhookNetworks | Self::FetchNetworks)
    }

    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::ShutDownGraceS
                | Self::UndeleteS
                | Self::BootS
                | Self::MemoryPercent
                | Self::DiskPercent
                | Self::AuditDays
                | Self::BackupsPerGuest
        )
    }

    /// A value as a file would have it.
    pub fn written(self, text: &str) -> String {
        if self.is_number() {
            return text.to_owned();
        }
        if self.is_list() {
            return toml::Value::from(text.split(',').map(str::trim).collect::<Vec<_>>()).to_string();
        }
        super::quoted(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_key() {
        for key in Key::ALL {
            assert_eq!(Key::by_name(key.name()), Some(key));
        }
        assert_eq!(Key::by_name("Listen"), None);
    }

    #[test]
    fn a_slip_finds_what_was_meant() {
        assert_eq!(Key::nearest("lisen"), Some(Key::Listen));
        assert_eq!(Key::nearest("public-url"), Some(Key::PublicUrl));
        assert_eq!(Key::nearest("trusted_proxy"), Some(Key::TrustedProxies));
        assert_eq!(Key::nearest("tls_cert"), Some(Key::TlsCertificate));
        assert_eq!(Key::nearest("zzz"), None);
    }
}
