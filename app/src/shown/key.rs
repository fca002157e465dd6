use serde::{Deserialize, Serialize};
use umbel_guest::KeyId;

/// A public key of one's own account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct KeyShown {
    pub id: KeyId,
    pub name: String,
    /// As OpenSSH calls it, for example `ssh-ed25519`.
    pub kind: String,
    /// As ssh-keygen(1) shows it.
    pub fingerprint: String,
    pub created_at: i64,
}

/// A key to be added; checked by the panel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyDraft {
    /// Empty: what the key itself says at its end.
    #[serde(default)]
    pub name: String,
    /// A line of `authorized_keys` without options (sshd(8)).
    pub key: String,
}
