//! What is done to a root when its packages are there: files, users, services, and what every guest here needs.

use super::{Recipe, User};

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

/// As soon as the disk is there that a file is on, and until it is gone again.
const FILES_PATH: &str = "[Unit]
Description=Files that Umbel sends and fetches

[Path]
PathExists=/dev/ubdp

[Install]
WantedBy=multi-user.target
";

const FILES_SERVICE: &str = "[Unit]
Description=A file that Umbel sends or fetches

[Service]
Type=oneshot
ExecStart=/bin/sh /usr/local/lib/umbel/files wait
TimeoutStartSec=infinity
";

const FIRST_BOOT_SERVICE: &str = "[Unit]
Description=What is done once in a new guest
ConditionPathExists=!/var/lib/umbel/first-boot
After=local-fs.target
Before=ssh.service sshd.service getty@tty0.service

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

/// One thing that is done; the root is `$1`.
pub(crate) enum Deed {
    /// A line of a shell, of checked words.
    Run(String),
    /// A file to be put in, by its place in the list of files.
    Put { number: usize, to: String },
}

pub(crate) struct Made {
    pub files: Vec<String>,
    pub deeds: Vec<Deed>,
}

impl Made {
    pub(crate) fn of(recipe: &Recipe, sources: Option<String>) -> Self {
        let mut made = Self { files: Vec::new(), deeds: Vec::new() };
        let scripts = [
            ("/usr/local/lib/umbel/place", PLACE.to_owned()),
            ("/usr/local/lib/umbel/setup", umbel_guest::setup::SCRIPT.to_owned()),
            ("/usr/local/lib/umbel/files", umbel_guest::parcel::SCRIPT.to_owned()),
        ];
        let units = [
            ("/usr/local/lib/umbel/first-boot", recipe.first_boot.join("\n") + "\n"),
            ("/etc/systemd/system/umbel-place.service", PLACE_SERVICE.to_owned()),
            ("/etc/systemd/system/umbel-setup.service", SETUP_SERVICE.to_owned()),
            ("/etc/systemd/system/umbel-first-boot.service", FIRST_BOOT_SERVICE.to_owned()),
            ("/etc/systemd/system/umbel-files.path", FILES_PATH.to_owned()),
            ("/etc/systemd/system/umbel-files.service", FILES_SERVICE.to_owned()),
            ("/etc/systemd/system/getty@tty0.service.d/umbel.conf", CONSOLE.to_owned()),
        ];
        let units = units.into_iter().filter(|_| recipe.systemd);
        let key = recipe.key.iter().map(|key| (KEY, key.clone()));
        let sources = sources.into_iter().map(|sources| ("/etc/apt/sources.list", sources));
        for (to, content) in scripts.into_iter().chain(units).chain(key).chain(sources) {
            made.put(to, content, "0644");
        }
        for file in &recipe.files {
            made.put(&file.path, file.content.clone(), &file.mode);
        }
        recipe.users.iter().for_each(|user| made.user(user));
        if recipe.systemd {
            let own = [
                "umbel-place.service",
                "umbel-setup.service",
                "umbel-first-boot.service",
                "umbel-files.path",
                "getty@tty0.service",
            ];
            let all: Vec<&str> = own.into_iter().chain(recipe.services.iter().map(String::as_str)).collect();
            made.run(format!("chroot \"$1\" systemctl enable {}", all.join(" ")));
            // Kernels here have what they need built in.
            made.run("chroot \"$1\" systemctl mask systemd-modules-load.service");
        }
        // Every guest has its own.
        made.run("rm -f \"$1\"/etc/ssh/ssh_host_* \"$1\"/var/lib/systemd/random-seed && : >\"$1/etc/machine-id\"");
        made
    }

    fn run(&mut self, line: impl Into<String>) {
        self.deeds.push(Deed::Run(line.into()));
    }

    fn put(&mut self, to: &str, content: String, mode: &str) {
        let above = to.rsplit_once('/').map_or("", |(above, _)| above);
        self.run(format!("mkdir -p \"$1{above}\""));
        self.deeds.push(Deed::Put { number: self.files.len(), to: to.to_owned() });
        self.files.push(content);
        self.run(format!("chmod {mode} \"$1{to}\" && chown root:root \"$1{to}\""));
    }

    fn user(&mut self, user: &User) {
        let User { name, groups, keys, shell } = user;
        let groups = if groups.is_empty() { String::new() } else { format!("--groups {} ", groups.join(",")) };
        let words = format!("--create-home --shell {shell} {groups}{name}");
        // A small distribution may not have the program; the one beside it knows another's root.
        self.run(format!(
            "if chroot \"$1\" sh -c 'command -v useradd' >/dev/null; then chroot \"$1\" useradd {words}; \
             else useradd --prefix \"$1\" {words}; fi"
        ));
        self.run(format!("mkdir -p \"$1/home/{name}/.ssh\""));
        self.deeds.push(Deed::Put { number: self.files.len(), to: format!("/home/{name}/.ssh/authorized_keys") });
        self.files.push(keys.join("\n") + "\n");
        self.run(format!("chroot \"$1\" chown -R {name}: /home/{name}"));
        self.run(format!("chmod -R go= \"$1/home/{name}/.ssh\""));
    }
}

/// Where a key of one's own lies in the image.
pub(crate) const KEY: &str = "/etc/umbel/packages.asc";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recipe_says_becomes_files_users_and_services() {
        let text = "name = 'd'\nversion = '1'\nsuite = 'trixie'\nservices = ['ssh.service']\nfirst_boot = ['one', 'two']\n\
            [[users]]\nname = 'anna'\ngroups = ['sudo']\nkeys = ['ssh-ed25519 A a']\n\
            [[files]]\npath = '/etc/x'\ncontent = 'y'\nmode = '0600'";
        let made = Made::of(&Recipe::parse(text).expect("fine"), None);
        let lines = made.deeds.iter().map(|deed| match deed {
            Deed::Run(line) => line.clone(),
            Deed::Put { number, to } => format!("{number} {to}"),
        });
        let lines = lines.collect::<Vec<_>>().join("\n");
        for said in [
            "useradd --create-home --shell /bin/bash --groups sudo anna",
            "11 /home/anna/.ssh/authorized_keys",
            "chmod 0600 \"$1/etc/x\"",
            "getty@tty0.service ssh.service",
        ] {
            assert!(lines.contains(said), "{said} in {lines}");
        }
        assert_eq!([3, 10, 11].map(|number| made.files[number].as_str()), ["one\ntwo\n", "y", "ssh-ed25519 A a\n"]);
    }
}
