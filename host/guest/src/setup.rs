//! What a guest is told once, at its next start: who signs in, and a script of its own. docs/guest-setup.md has what
//! becomes of it inside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, FieldErrors};
use crate::name::GuestName;

/// The script that carries it out inside, where no cloud-init does.
pub const SCRIPT: &str = include_str!("setup.sh");
/// What a guest's lines about it begin with (kernel: arch/um/kernel/sysrq.c and mconsole_kern.c, /proc/mconsole).
pub const ANSWER: &str = "umbel-setup: ";

/// Keys of one guest.
const MOST_KEYS: usize = 32;
/// Bytes of a key's line; one of RSA with 16,384 bits has fewer.
const KEY_LENGTH: usize = 4096;
/// Bytes of a script.
const DATA_LENGTH: usize = 64 << 10;
/// Characters of a password.
const PASSWORD: std::ops::RangeInclusive<usize> = 8..=128;

/// As somebody asked for it, not yet checked. Field names are those of the form and the API. Nothing in it asks for
/// nothing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SetupDraft {
    /// Who signs in; made where there is none of the name. Empty: the image's own, or root.
    pub user: String,
    /// For that user. Only a hash of it goes to the host; the panel keeps nothing.
    pub password: String,
    /// Whether the keys of one's own account let that user in.
    pub account_keys: bool,
    /// Public keys for SSH, a line each, as in `authorized_keys` without options (sshd(8)).
    pub ssh_keys: String,
    /// Run once as root: a script that begins with `#!`, or a `#cloud-config` for an image with cloud-init.
    pub user_data: String,
}

impl SetupDraft {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Neither a password nor a script is for a log.
impl fmt::Debug for SetupDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupDraft").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What was asked for, each field checked by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Checked {
    pub user: UserName,
    /// In clear, to be hashed.
    pub password: Option<String>,
    pub keys: Vec<PublicKey>,
    pub user_data: UserData,
    pub identity: Identity,
}

/// Whether the guest is what its image made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    #[default]
    Own,
    /// Its disk is a copy of another guest's: host keys and machine id are made anew.
    Copied,
}

impl Checked {
    /// For a guest that is a copy of another.
    pub fn of_copy() -> Self {
        Self {
            user: UserName::root(),
            password: None,
            keys: Vec::new(),
            user_data: UserData::default(),
            identity: Identity::Copied,
        }
    }

    /// With further keys, those of an account. Nobody named is the `usual` user, or root. Every wrong field is named at
    /// once.
    pub fn of(draft: &SetupDraft, more: Vec<PublicKey>, usual: &str) -> Result<Self, FieldErrors> {
        let mut wrong = FieldErrors::default();
        let user = match draft.user.as_str() {
            "" => Some(usual.parse().unwrap_or_else(|_| UserName::root())),
            said => wrong.take(said.parse()),
        };
        let password = wrong.take(password(&draft.password));
        let keys = wrong.take(keys(&draft.ssh_keys, more));
        let user_data = wrong.take(draft.user_data.parse());
        match (user, password, keys, user_data) {
            (Some(user), Some(password), Some(keys), Some(user_data)) => {
                Ok(Self { user, password, keys, user_data, identity: Identity::Own })
            }
            _ => Err(wrong),
        }
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("user", &self.user).field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// What the host is told, and puts onto a disk that only this guest reads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Another one for each time: cloud-init takes a guest for a new one by it.
    pub id: uuid::Uuid,
    pub name: GuestName,
    pub user: UserName,
    pub password: Option<PasswordHash>,
    pub keys: Vec<PublicKey>,
    pub user_data: UserData,
    pub identity: Identity,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "setup", rename_all = "snake_case", deny_unknown_fields)]
pub enum SetupSeen {
    /// For the guest's next start, or for the end of what it does now.
    Waits,
    /// The guest has done it. µs since the epoch, UTC.
    Done { at: i64 },
    /// The guest says that it could not; its own words.
    Failed { at: i64, why: String },
}

impl SetupSeen {
    /// What a line of a guest's says came of it, if it says that.
    pub fn of(line: &str, at: i64) -> Option<Self> {
        let said = line.strip_prefix(ANSWER)?.trim();
        match said.split_once(": ") {
            _ if said == "done" => Some(Self::Done { at }),
            Some(("failed", why)) => Some(Self::Failed { at, why: why.to_owned() }),
            _ => None,
        }
    }
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = FieldError;

            fn from_str(text: &str) -> Result<Self, FieldError> {
                $check(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldError;

            fn try_from(text: String) -> Result<Self, FieldError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}

checked_text!(
    /// Who is inside of a guest: 1 to 32 of `a-z`, `0-9`, `-` and `_`, beginning with a letter or `_` (useradd(8)).
    #[derive(Debug, PartialOrd, Ord, Hash)]
    UserName, user_name
);
checked_text!(
    /// One line of `authorized_keys` (sshd(8)): kind, key in Base64, and what it is called, if anything. No options.
    #[derive(Debug, PartialOrd, Ord, Hash)]
    PublicKey, public_key
);
checked_text!(
    /// As crypt(5) writes it: `$`, letters, digits, `.` and `/`.
    PasswordHash, password_hash
);
checked_text!(
    /// Nothing, a script that begins with `#!`, or a `#cloud-config`; at most 64 KiB, lines end in LF.
    #[derive(Default)]
    UserData, user_data
);

/// Neither is for a log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserData of {} bytes", self.0.len())
    }
}

impl UserName {
    pub fn root() -> Self {
        Self("root".into())
    }
}

impl UserData {
    /// What a guest can run without cloud-init.
    pub fn is_script(&self) -> bool {
        self.0.starts_with("#!")
    }
}

impl PublicKey {
    /// Kind, key in Base64, and what it is called.
    pub fn parts(&self) -> (&str, &str, &str) {
        let (kind, rest) = self.0.split_once(' ').unwrap_or((&self.0, ""));
        let (key, comment) = rest.split_once(' ').unwrap_or((rest, ""));
        (kind, key, comment)
    }
}

fn user_name(text: &str) -> Result<String, FieldError> {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && text.len() <= 32 && text.bytes().all(fine) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new(
        "user",
        "A user in a guest has 1 to 32 of a–z, 0–9, - and _, the first a letter or _, for example anna.",
    ))
}

/// Kinds that OpenSSH takes (ssh-keygen(1)), without DSA, which it takes no more.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

fn public_key(text: &str) -> Result<String, FieldError> {
    let wrong = |message: &str| Err(FieldError::new("ssh_keys", message));
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let line = words.join(" ");
    let (Some(kind), Some(key)) = (words.first(), words.get(1)) else {
        return wrong(
            "A public key is a line like “ssh-ed25519 AAAA… anna@laptop”, as in a file whose name ends in .pub.",
        );
    };
    if text.contains("PRIVATE KEY") {
        return wrong(
            "This is a private key, which nobody else should have. The public one is in the file that ends in .pub.",
        );
    }
    if !KINDS.contains(kind) {
        return wrong(
            "A public key begins with its kind, for example ssh-ed25519 or ssh-rsa; options before it are not taken.",
        );
    }
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    if line.len() > KEY_LENGTH || line.chars().any(char::is_control) || !key.bytes().all(is_base64) {
        return wrong("This key is no single line of Base64: it may be cut off, or broken over several lines.");
    }
    Ok(line)
}

fn keys(text: &str, more: Vec<PublicKey>) -> Result<Vec<PublicKey>, FieldError> {
    let mut keys = more;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let key: PublicKey = line.parse()?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.len() > MOST_KEYS {
        return Err(FieldError::new("ssh_keys", format!("A guest is told of at most {MOST_KEYS} keys.")));
    }
    Ok(keys)
}

fn password(text: &str) -> Result<Option<String>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    if !PASSWORD.contains(&text.chars().count()) || text.chars().any(char::is_control) {
        let message = format!("A password has {} to {} characters.", PASSWORD.start(), PASSWORD.end());
        return Err(FieldError::new("password", message));
    }
    Ok(Some(text.to_owned()))
}

fn password_hash(text: &str) -> Result<String, FieldError> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"$./=,".contains(&b);
    if text.starts_with('$') && text.len() <= 256 && text.bytes().all(fine) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new("password", "Must be a hash as crypt(5) has it."))
}

fn user_data(text: &str) -> Result<String, FieldError> {
    let wrong = |message: String| Err(FieldError::new("user_data", message));
    // Browsers send line ends of text areas as CR LF (HTML, 4.10.21.8).
    let mut text = text.replace("\r\n", "\n");
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    if text.len() > DATA_LENGTH || text.contains('\0') {
        return wrong(format!("It has at most {} KiB of text.", DATA_LENGTH >> 10));
    }
    if !text.starts_with("#!") && !text.starts_with("#cloud-config\n") {
        return wrong(
            "It begins with #! and the program that runs it, as #!/bin/sh, or with the line #cloud-config.".into(),
        );
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDUmbelUmbelUmbelUmbelUmbelUmbelUmbelUmbelUm anna@laptop";

    fn draft() -> SetupDraft {
        SetupDraft { user: "anna".into(), ssh_keys: KEY.into(), ..SetupDraft::default() }
    }

    #[test]
    fn a_draft_is_checked_field_by_field_and_nobody_is_root() {
        let checked = Checked::of(&SetupDraft { user: String::new(), ..draft() }, Vec::new(), "").expect("fine");
        assert_eq!((checked.user.as_str(), checked.keys.len(), checked.password), ("root", 1, None));
        let nobody = SetupDraft { user: String::new(), ..draft() };
        let usual = |usual| Checked::of(&nobody, Vec::new(), usual).expect("fine").user;
        assert_eq!([usual("debian").as_str(), usual("No Name").as_str()], ["debian", "root"]);
        let wrong = SetupDraft {
            user: "Anna!".into(),
            password: "short".into(),
            ssh_keys: "command=\"x\" ssh-rsa AAAA".into(),
            user_data: "echo".into(),
            account_keys: false,
        };
        let wrong = Checked::of(&wrong, Vec::new(), "").expect_err("all of it");
        let fields: Vec<&str> = wrong.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["user", "password", "ssh_keys", "user_data"]);
    }

    #[test]
    fn keys_are_lines_of_one_kind_once_each() {
        let text = format!("# mine\n{KEY}\r\n\n  {KEY}\nssh-rsa AAAA\n");
        let checked = Checked::of(&SetupDraft { ssh_keys: text, ..draft() }, vec![KEY.parse().expect("a key")], "");
        assert_eq!(checked.expect("fine").keys.len(), 2);
        for text in [
            "ssh-ed25519",
            "ssh-dss AAAA",
            "ssh-rsa A\u{1b}[0m",
            "ssh-rsa AA;AA",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
        let many = (0..33).map(|n| format!("ssh-rsa AAAA{n}\n")).collect();
        assert!(Checked::of(&SetupDraft { ssh_keys: many, ..draft() }, Vec::new(), "").is_err());
    }

    #[test]
    fn nothing_secret_is_in_what_is_logged() {
        let draft =
            SetupDraft { password: "correct horse".into(), user_data: "#!/bin/sh\necho horse".into(), ..draft() };
        let checked = Checked::of(&draft, Vec::new(), "").expect("fine");
        let setup = Setup {
            id: uuid::Uuid::nil(),
            name: "web".parse().expect("a name"),
            user: checked.user.clone(),
            password: Some("$6$horse".parse().expect("a hash")),
            keys: checked.keys.clone(),
            user_data: checked.user_data.clone(),
            identity: checked.identity,
        };
        for text in
            [format!("{draft:?}"), format!("{checked:?}"), format!("{setup:?}"), format!("{:?}", setup.user_data)]
        {
            assert!(!text.contains("horse"), "{text}");
        }
    }

    #[test]
    fn what_a_guest_says_is_an_outcome_or_it_is_not() {
        assert_eq!(SetupSeen::of("umbel-setup: done", 1), Some(SetupSeen::Done { at: 1 }));
        let failed = SetupSeen::Failed { at: 2, why: "it ended with 1: no".into() };
        assert_eq!(SetupSeen::of("umbel-setup: failed: it ended with 1: no", 2), Some(failed));
        for line in ["umbel-setup: begun", "done", "x umbel-setup: done", "umbel-setup: failed"] {
            assert_eq!(SetupSeen::of(line, 3), None, "{line}");
        }
    }
}
