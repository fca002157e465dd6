//! Recipes: files that say of which packages an image is made, with which users, files and services. What may stand in
//! one is checked here, and what makes it so is written here as [`build`], a script for a place where it can do no
//! harm; [`home`] has the words for mmdebstrap(1) on somebody's own machine.
//!
//! Nothing here runs anything.

pub mod build;
mod debian;
pub mod home;
mod made;

use serde::Deserialize;
use umbel_guest::{FieldError, FieldErrors};

/// Of a recipe's text.
pub const MOST: usize = 64 << 10;
/// Of each list in one.
const LIST_MOST: usize = 500;
const WORD_MOST: usize = 500;

/// Recipes that come with Umbel, by what their files are called.
pub const SHIPPED: [(&str, &str); 3] = [
    ("debian-13", include_str!("../../../deploy/recipes/debian-13.toml")),
    ("debian-testing", include_str!("../../../deploy/recipes/debian-testing.toml")),
    ("arch", include_str!("../../../deploy/recipes/arch.toml")),
];

/// Whose packages it is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Debian,
    Arch,
}

impl Kind {
    /// What the host needs for it, and the Debian package that has it.
    pub fn tool(self) -> (&'static str, &'static str) {
        match self {
            Self::Debian => ("/usr/bin/mmdebstrap", "mmdebstrap"),
            Self::Arch => ("/usr/bin/pacman", "pacman-package-manager"),
        }
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub name: String,
    pub version: String,
    pub title: Option<String>,
    pub description: Option<String>,
    #[serde(default)]
    pub kind: Kind,
    /// Of Debian, or of what is made like it: `trixie`, `testing`.
    suite: Option<String>,
    #[serde(default)]
    components: Vec<String>,
    /// Where packages are; Debian's own where nothing is said.
    pub mirror: Option<String>,
    /// Of a distribution with pacman.
    #[serde(default)]
    repositories: Vec<String>,
    /// An armored OpenPGP key that packages are signed with.
    key: Option<String>,
    /// Whether packages may come from whoever says that they are these.
    #[serde(default)]
    unsigned: bool,
    /// Seconds since 1970: nothing in the image is younger. Otherwise the packages say it.
    epoch: Option<u32>,
    #[serde(default)]
    packages: Vec<String>,
    /// Whether its init is systemd. Another one must call what Umbel puts into /usr/local/lib/umbel by itself.
    #[serde(default = "yes")]
    systemd: bool,
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    files: Vec<Written>,
    /// Units of systemd that are started at boot.
    #[serde(default)]
    services: Vec<String>,
    /// Commands of a shell, run once as root.
    #[serde(default)]
    first_boot: Vec<String>,
    pub memory_mib: Option<u32>,
    /// What whoever wrote it has tried it with.
    pub tested_with: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    #[serde(default)]
    groups: Vec<String>,
    /// For SSH, as they stand in `authorized_keys` (sshd(8)). There are no passwords in a recipe.
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default = "bash")]
    shell: String,
}

fn bash() -> String {
    "/bin/bash".into()
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Written {
    path: String,
    content: String,
    /// In octal digits.
    #[serde(default = "readable")]
    mode: String,
}

fn readable() -> String {
    "0644".into()
}

impl Recipe {
    /// Each error is called by the key that is wrong.
    pub fn parse(text: &str) -> Result<Self, FieldErrors> {
        if text.len() > MOST {
            return Err(FieldErrors::one("recipe", format!("A recipe has at most {} KiB.", MOST >> 10)));
        }
        let recipe: Self = toml::from_str(text)
            .map_err(|error| FieldErrors::one("recipe", error.to_string().trim_end().to_owned()))?;
        recipe.check().map(|()| recipe)
    }

    fn check(&self) -> Result<(), FieldErrors> {
        let mut wrong = FieldErrors::default();
        self.check_words(&mut wrong);
        self.check_lists(&mut wrong);
        self.check_kind(&mut wrong);
        let mut bad = |key: &str, why: String| wrong.0.push(FieldError::new(key, why));
        for file in &self.files {
            if !file.path.starts_with('/') || file.path.split('/').any(|part| part == "..") {
                bad("files.path", format!("{:?} must begin with / and lead nowhere else", file.path));
            }
            if !(3..=4).contains(&file.mode.len()) || !file.mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
                bad("files.mode", format!("{:?} must be of three or four octal digits", file.mode));
            }
        }
        for user in &self.users {
            let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            if user.name.len() > 32 || !user.name.chars().all(fine) {
                bad("users.name", format!("{:?} must be of small letters, digits and -_, at most 32", user.name));
            }
            for key in &user.keys {
                if key.contains('\n') || !key.contains(' ') {
                    bad("users.keys", format!("{key:?} must be one line, its kind first"));
                }
            }
        }
        if !self.systemd && !self.services.is_empty() {
            bad("services", "units are systemd's, and systemd = false".into());
        }
        if !self.systemd && !self.first_boot.is_empty() {
            bad("first_boot", "a unit of systemd runs them, and systemd = false".into());
        }
        if self.key.as_ref().is_some_and(|key| !key.trim_start().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
            bad("key", "it must be an armored public key: gpg --export --armor".into());
        }
        if self.key.is_some() && self.unsigned {
            bad("unsigned", "either there is a key, or packages are not signed".into());
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// What becomes a word of a command is one.
    fn check_words(&self, wrong: &mut FieldErrors) {
        let is_word = |text: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+:@/~".contains(c);
            (1..=WORD_MOST).contains(&text.len()) && !text.starts_with('-') && text.chars().all(fine)
        };
        let users = self.users.iter().flat_map(|user| {
            let groups = user.groups.iter().map(|group| ("users.groups", group));
            groups.chain([("users.name", &user.name), ("users.shell", &user.shell)])
        });
        let words = users
            .chain(self.packages.iter().map(|package| ("packages", package)))
            .chain(self.services.iter().map(|service| ("services", service)))
            .chain(self.components.iter().map(|component| ("components", component)))
            .chain(self.repositories.iter().map(|repository| ("repositories", repository)))
            .chain(self.files.iter().map(|file| ("files.path", &file.path)))
            .chain(self.suite.iter().map(|suite| ("suite", suite)));
        for (key, word) in words {
            if !is_word(word) {
                wrong.0.push(FieldError::new(key, format!("{word:?} must be of letters, digits and -_.+:@/~")));
            }
        }
        // Pacman fills in what begins with a dollar sign.
        let mirror = self.mirror.as_deref().unwrap_or("http://localhost");
        let plain = mirror.replace("$repo", "r").replace("$arch", "a");
        let scheme = plain.starts_with("https://") || plain.starts_with("http://");
        if !is_word(&plain)
            || !scheme
            || (self.kind == Kind::Debian && plain != mirror)
            || mirror_base(mirror).is_none()
        {
            let why = format!("{mirror:?} must be http:// or https:// and a path, of letters, digits and -_.+:@/~");
            wrong.0.push(FieldError::new("mirror", why));
        }
    }

    fn check_lists(&self, wrong: &mut FieldErrors) {
        let lists = [
            ("packages", self.packages.len()),
            ("components", self.components.len()),
            ("repositories", self.repositories.len()),
            ("services", self.services.len()),
            ("users", self.users.len()),
            ("files", self.files.len()),
            ("first_boot", self.first_boot.len()),
        ];
        for (key, _) in lists.into_iter().filter(|(_, length)| *length > LIST_MOST) {
            wrong.0.push(FieldError::new(key, format!("there are more than {LIST_MOST}")));
        }
    }

    fn check_kind(&self, wrong: &mut FieldErrors) {
        let mut bad = |key: &str, why: &str| wrong.0.push(FieldError::new(key, why));
        match self.kind {
            Kind::Debian => {
                if self.suite.is_none() {
                    bad("suite", "a Debian has one: trixie, testing");
                }
                if !self.repositories.is_empty() {
                    bad("repositories", "those are of kind = \"arch\"; a Debian has components");
                }
            }
            Kind::Arch => {
                if self.suite.is_some() {
                    bad("suite", "that is of kind = \"debian\"");
                }
                if !self.components.is_empty() {
                    bad("components", "those are of kind = \"debian\"; here it is repositories");
                }
                if self.packages.is_empty() {
                    bad("packages", "an image is made of some: base");
                }
                if self.mirror.is_none() {
                    bad("mirror", "say where packages are: https://HOST/$repo/os/$arch");
                }
            }
        }
    }

    /// Whether whoever stands between a mirror and here can't make other packages of them.
    pub fn is_signed(&self) -> bool {
        !self.unsigned
    }

    /// Where packages are fetched from, each by its place in the list: addresses that what is asked for is put behind.
    pub fn mirrors(&self) -> Vec<String> {
        match self.kind {
            Kind::Debian => debian::sources(self).into_iter().map(|source| source.mirror).collect(),
            Kind::Arch => self.mirror.iter().filter_map(|mirror| Some(mirror_base(mirror)?.0.to_owned())).collect(),
        }
    }
}

/// What of it never changes, without a slash at its end, and the rest.
fn mirror_base(mirror: &str) -> Option<(&str, &str)> {
    let (base, rest) = match mirror.find("/$") {
        Some(at) => mirror.split_at(at),
        None => (mirror, ""),
    };
    let base = base.trim_end_matches('/');
    let host = base.split_once("://")?.1.split('/').next()?;
    let up = base.split('/').any(|part| part == "..") || rest.contains("..");
    (!host.is_empty() && !host.contains('@') && !base.contains('$') && !up).then_some((base, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = 'd'\nversion = '1'\nsuite = 'trixie'\n";
    const ARCH: &str =
        "name = 'a'\nversion = '1'\nkind = 'arch'\nmirror = 'https://m.example/$repo/os/$arch'\npackages = ['base']\n";

    #[test]
    fn recipes_of_the_tree_can_be_read_and_all_are_here() {
        let recipes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/recipes");
        let mut all: Vec<_> = std::fs::read_dir(recipes)
            .expect("there")
            .map(|entry| entry.expect("read").file_name().into_string().expect("a name"))
            .collect();
        all.sort();
        let mut shipped = SHIPPED.map(|(name, _)| format!("{name}.toml"));
        shipped.sort();
        assert_eq!(all, shipped);
        SHIPPED.iter().for_each(|(name, text)| drop(Recipe::parse(text).expect(name)));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key_and_no_word_is_more_than_one() {
        assert!(Recipe::parse(LEAST).is_ok() && Recipe::parse(ARCH).is_ok());
        for (key, more) in [
            ("users.name", "[[users]]\nname = 'a; reboot'"),
            ("users.name", "[[users]]\nname = '-D'"),
            ("users.name", "[[users]]\nname = '../a'"),
            ("users.groups", "[[users]]\nname = 'a'\ngroups = ['$(id)']"),
            ("users.keys", "[[users]]\nname = 'a'\nkeys = [\"ssh-ed25519 A\\nssh-ed25519 B\"]"),
            ("packages", "packages = ['a,b c']"),
            ("services", "services = ['--now']"),
            ("services", "services = ['a.service']\nsystemd = false"),
            ("first_boot", "first_boot = ['true']\nsystemd = false"),
            ("files.path", "[[files]]\npath = 'etc/motd'\ncontent = ''"),
            ("files.path", "[[files]]\npath = '/etc/../x'\ncontent = ''"),
            ("files.path", "[[files]]\npath = '/etc/a b'\ncontent = ''"),
            ("files.mode", "[[files]]\npath = '/etc/x'\ncontent = ''\nmode = '888'"),
            ("mirror", "mirror = 'file:///etc'"),
            ("mirror", "mirror = 'http://m.example/a b'"),
            ("mirror", "mirror = 'http://name@m.example/x'"),
            ("mirror", "mirror = 'http://m.example/../x'"),
            ("mirror", "mirror = 'http://m.example/$repo'"),
            ("components", "components = ['main] ']"),
            ("repositories", "repositories = ['core']"),
            ("key", "key = 'mine'"),
            ("recipe", "image = 'x'"),
        ] {
            let wrong = Recipe::parse(&format!("{LEAST}{more}")).expect_err(more);
            assert!(wrong.of(key).next().is_some(), "{key}: {wrong}");
        }
        for (key, text) in [
            ("suite", LEAST.replace("suite", "title")),
            ("suite", format!("suite = 'trixie'\n{ARCH}")),
            ("packages", ARCH.replace("['base']", "[]")),
            ("mirror", ARCH.replace("mirror", "title")),
            ("mirror", ARCH.replace("$repo", "$home")),
            ("recipe", "x".repeat(MOST + 1)),
        ] {
            let wrong = Recipe::parse(&text).expect_err(key);
            assert!(wrong.of(key).next().is_some(), "{key}: {wrong}");
        }
    }

    #[test]
    fn mirrors_are_what_stands_before_what_pacman_fills_in() {
        let of = |text: &str| Recipe::parse(text).expect("fine").mirrors();
        assert_eq!(of(ARCH), ["https://m.example"]);
        assert_eq!(of(&format!("{LEAST}mirror = 'http://m.example/debian/'")), ["http://m.example/debian"]);
        let both = ["http://deb.debian.org/debian", "http://deb.debian.org/debian-security"];
        assert_eq!(of(LEAST), both);
        assert_eq!(of(&LEAST.replace("trixie", "testing")), both[..1]);
    }
}
