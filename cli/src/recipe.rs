//! How an image is made: a file that says of which packages, with which users, files and services. mmdebstrap(1) makes an
//! archive of it, on the machine where this runs and without its root; the panel makes an image of that.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::Failure;

const MMDEBSTRAP: &str = "mmdebstrap";
/// What every guest of a distribution with systemd needs here: an init, and what `place` calls.
const NEEDED: [&str; 3] = ["systemd-sysv", "net-tools", "iproute2"];
/// The script that reads name and address off the kernel's command line, as in the image that comes with Umbel.
const PLACE: &str = umbel_guest::network::PLACE;

const PLACE_SERVICE: &str = "[Unit]
Description=Name and address that Umbel gives
DefaultDependencies=no
After=systemd-remount-fs.service
Before=network-pre.target network.target sysinit.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/local/lib/umbel/place

[Install]
WantedBy=sysinit.target
";

/// After the place, since its script may want the network.
const SETUP_SERVICE: &str = "[Unit]
Description=Who signs in, and a script, as Umbel was told
ConditionPathExists=/dev/ubdb
After=local-fs.target umbel-place.service umbel-first-boot.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /usr/local/lib/umbel/setup

[Install]
WantedBy=multi-user.target
";

const FIRST_BOOT_SERVICE: &str = "[Unit]
Description=What is done once in a new guest
ConditionPathExists=!/var/lib/umbel/first-boot
After=local-fs.target
Before=ssh.service getty@tty0.service

[Service]
Type=oneshot
ExecStart=/bin/sh -e /usr/local/lib/umbel/first-boot
ExecStartPost=/bin/mkdir -p /var/lib/umbel
ExecStartPost=/bin/touch /var/lib/umbel/first-boot

[Install]
WantedBy=multi-user.target
";

/// The console is the panel's, which lets in whoever may type there.
const CONSOLE: &str = "[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear %I linux
";

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    /// Of Debian, or of what is made like it: `trixie`, `testing`.
    suite: String,
    /// Where packages are; otherwise mmdebstrap chooses.
    mirror: Option<String>,
    #[serde(default)]
    packages: Vec<String>,
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
    pub(crate) memory_mib: Option<u32>,
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
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|source| Failure::File {
            what: "reading",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|why| Failure::Wrong(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let recipe: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        recipe.check().map(|()| recipe)
    }

    /// What becomes a word of a command is one.
    fn check(&self) -> Result<(), String> {
        let is_word = |text: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+:@/~".contains(c);
            !text.is_empty() && !text.starts_with('-') && text.chars().all(fine)
        };
        let users = self.users.iter().flat_map(|user| {
            let groups = user.groups.iter().map(|group| ("users.groups", group));
            groups.chain([("users.name", &user.name), ("users.shell", &user.shell)])
        });
        let words = users
            .chain(self.packages.iter().map(|package| ("packages", package)))
            .chain(self.services.iter().map(|service| ("services", service)))
            .chain(self.files.iter().map(|file| ("files.path", &file.path)))
            .chain(self.mirror.iter().map(|mirror| ("mirror", mirror)))
            .chain([("suite", &self.suite)]);
        for (key, word) in words {
            if !is_word(word) {
                return Err(format!("{key}: {word:?} must be of letters, digits and -_.+:@/~"));
            }
        }
        for file in &self.files {
            if !file.path.starts_with('/') || file.path.split('/').any(|part| part == "..") {
                return Err(format!("files.path: {:?} must begin with / and lead nowhere else", file.path));
            }
            if !(3..=4).contains(&file.mode.len()) || !file.mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
                return Err(format!("files.mode: {:?} must be of three or four octal digits", file.mode));
            }
        }
        for key in self.users.iter().flat_map(|user| &user.keys) {
            if key.contains('\n') || !key.contains(' ') {
                return Err(format!("users.keys: {key:?} must be one line, its kind first"));
            }
        }
        Ok(())
    }

    /// Makes an archive there, with what is needed for it beside. What is said on the way goes to whoever watches.
    pub(crate) fn build(&self, place: &Path) -> Result<PathBuf, Failure> {
        let archive = place.join("root.tar");
        let hooks =
            self.hooks(place).map_err(|source| Failure::File { what: "preparing", path: place.to_owned(), source })?;
        let packages: Vec<&str> = NEEDED.iter().copied().chain(self.packages.iter().map(String::as_str)).collect();
        let mut command = Command::new(MMDEBSTRAP);
        command.args(["--variant=minbase", "--format=tar", "--include", &packages.join(",")]);
        for hook in hooks {
            command.args(["--customize-hook", &hook]);
        }
        command.arg(&self.suite).arg(&archive).args(&self.mirror);
        // Nothing is written that should be printed by us.
        let status = command.stdout(std::process::Stdio::null()).status().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => {
                Failure::Wrong("mmdebstrap is missing: the Debian package of that name has it".into())
            }
            _ => Failure::File { what: "running", path: MMDEBSTRAP.into(), source },
        })?;
        match status.success() {
            true => Ok(archive),
            false => Err(Failure::Failed { what: MMDEBSTRAP.into(), reason: status.to_string() }),
        }
    }

    /// What mmdebstrap does with the root when packages are there, in its words (mmdebstrap(1), HOOKS).
    fn hooks(&self, place: &Path) -> io::Result<Vec<String>> {
        let own = [
            ("/usr/local/lib/umbel/place", PLACE.to_owned(), "0644"),
            ("/usr/local/lib/umbel/setup", umbel_guest::setup::SCRIPT.to_owned(), "0644"),
            ("/usr/local/lib/umbel/first-boot", self.first_boot.join("\n") + "\n", "0644"),
            ("/etc/systemd/system/umbel-place.service", PLACE_SERVICE.to_owned(), "0644"),
            ("/etc/systemd/system/umbel-setup.service", SETUP_SERVICE.to_owned(), "0644"),
            ("/etc/systemd/system/umbel-first-boot.service", FIRST_BOOT_SERVICE.to_owned(), "0644"),
            ("/etc/systemd/system/getty@tty0.service.d/umbel.conf", CONSOLE.to_owned(), "0644"),
        ];
        let theirs = self.files.iter().map(|file| (file.path.as_str(), file.content.clone(), file.mode.as_str()));
        let mut hooks = Vec::new();
        for (number, (to, content, mode)) in own.into_iter().chain(theirs).enumerate() {
            let from = written(place, &format!("file-{number}"), &content)?;
            let above = Path::new(to).parent().unwrap_or(Path::new("/")).display();
            hooks.push(format!("mkdir -p \"$1{above}\""));
            hooks.push(format!("upload {from} {to}"));
            hooks.push(format!("chmod {mode} \"$1{to}\" && chown root:root \"$1{to}\""));
        }
        for (number, user) in self.users.iter().enumerate() {
            let User { name, groups, keys, shell } = user;
            let groups = if groups.is_empty() { String::new() } else { format!("--groups {} ", groups.join(",")) };
            hooks.push(format!("chroot \"$1\" useradd --create-home --shell {shell} {groups}{name}"));
            let from = written(place, &format!("keys-{number}"), &(keys.join("\n") + "\n"))?;
            hooks.push(format!("mkdir -p \"$1/home/{name}/.ssh\""));
            hooks.push(format!("upload {from} /home/{name}/.ssh/authorized_keys"));
            hooks.push(format!("chroot \"$1\" chown -R {name}: /home/{name}/.ssh"));
            hooks.push(format!("chmod -R go= \"$1/home/{name}/.ssh\""));
        }
        let services = ["umbel-place.service", "umbel-setup.service", "umbel-first-boot.service", "getty@tty0.service"];
        let services: Vec<&str> = services.into_iter().chain(self.services.iter().map(String::as_str)).collect();
        hooks.push(format!("chroot \"$1\" systemctl enable {}", services.join(" ")));
        // Kernels here have what they need built in.
        hooks.push("chroot \"$1\" systemctl mask systemd-modules-load.service".into());
        // Every guest has its own.
        hooks.push(
            "rm -f \"$1\"/etc/ssh/ssh_host_* \"$1\"/var/lib/systemd/random-seed && : >\"$1/etc/machine-id\"".into(),
        );
        Ok(hooks)
    }
}

/// A file to be sent in; whoever mmdebstrap becomes must read it.
fn written(place: &Path, name: &str, content: &str) -> io::Result<String> {
    let path = place.join(name);
    fs::write(&path, content)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = 'd'\nversion = '1'\nsuite = 'trixie'\n";

    #[test]
    fn recipes_of_the_tree_can_be_read() {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/recipes");
        let all: Vec<_> = fs::read_dir(recipes).expect("there").map(|entry| entry.expect("read").path()).collect();
        assert!(all.len() >= 2);
        all.iter().for_each(|path| drop(Recipe::read(path).expect("fine")));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key_and_no_word_is_more_than_one() {
        assert!(Recipe::parse(LEAST).is_ok());
        for (key, more) in [
            ("users.name", "[[users]]\nname = 'a; reboot'"),
            ("users.name", "[[users]]\nname = '-D'"),
            ("users.groups", "[[users]]\nname = 'a'\ngroups = ['$(id)']"),
            ("users.keys", "[[users]]\nname = 'a'\nkeys = [\"ssh-ed25519 A\\nssh-ed25519 B\"]"),
            ("packages", "packages = ['a,b c']"),
            ("services", "services = ['--now']"),
            ("files.path", "[[files]]\npath = 'etc/motd'\ncontent = ''"),
            ("files.path", "[[files]]\npath = '/etc/../x'\ncontent = ''"),
            ("files.path", "[[files]]\npath = '/etc/a b'\ncontent = ''"),
            ("files.mode", "[[files]]\npath = '/etc/x'\ncontent = ''\nmode = '888'"),
            ("unknown field `image`", "image = 'x'"),
        ] {
            let why = Recipe::parse(&format!("{LEAST}{more}")).expect_err(more);
            assert!(why.contains(key), "{key}: {why}");
        }
    }

    #[test]
    fn what_a_recipe_says_becomes_files_users_and_services() {
        let place = tempfile::tempdir().expect("tmp");
        let more = "services = ['ssh.service']\nfirst_boot = ['one', 'two']\n[[users]]\nname = 'anna'\ngroups = ['sudo']\nkeys = ['ssh-ed25519 A a']\n[[files]]\npath = '/etc/x'\ncontent = 'y'\nmode = '0600'";
        let recipe = Recipe::parse(&format!("{LEAST}{more}")).expect("fine");
        let hooks = recipe.hooks(place.path()).expect("written").join("\n");
        for said in [
            "useradd --create-home --shell /bin/bash --groups sudo anna",
            " /home/anna/.ssh/authorized_keys",
            "chmod 0600 \"$1/etc/x\"",
            "getty@tty0.service ssh.service",
        ] {
            assert!(hooks.contains(said), "{said} in {hooks}");
        }
        let text = |name: &str| fs::read_to_string(place.path().join(name)).expect("written");
        assert_eq!([text("file-2"), text("file-7"), text("keys-0")], ["one\ntwo\n", "y", "ssh-ed25519 A a\n"]);
    }
}
