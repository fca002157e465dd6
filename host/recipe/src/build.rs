//! A recipe as files for a place where it is built, one of them the script that does it.
//!
//! The place has programs of the host under `/usr`, `/work` to write to with these files in `/work/in`, no network but
//! [`PORT`] of its own loopback, where the recipe's mirrors answer as `/m0`, `/m1` and so on, and nothing that is
//! anybody's. What comes of it is [`DISK`]: a file system, and the same one each time for the same recipe and packages.

use std::fmt::Write as _;

use super::made::{Deed, KEY, Made};
use super::{Kind, Recipe, debian, mirror_base};

pub const PORT: u16 = 8080;
pub const IN: &str = "/work/in";
pub const DISK: &str = "/work/disk";
/// What is run.
pub const SCRIPT: &str = "/work/in/build";

const FINISH: &str = include_str!("finish.sh");
/// What every guest with systemd needs here: an init, and what its place is set with.
const NEEDED_DEBIAN: [&str; 3] = ["systemd-sysv", "net-tools", "iproute2"];
const NEEDED_ARCH: [&str; 1] = ["net-tools"];
const GNUPG: &str = "gpg --homedir /work/gnupg --batch --yes --quiet --no-permission-warning";
/// As pacman-key(8) populates a keyring: master keys are believed, and those that they have signed; revoked ones are not.
const ARCH_KEYS: &str = "keyring=/usr/share/keyrings/archlinux
[ -e \"$keyring.gpg\" ] || {
    say 'the keys of Arch are missing on the host: the Debian package archlinux-keyring has them'
    exit 1
}
GNUPG --import \"$keyring.gpg\"
sed -n 's/^\\([0-9A-F]*\\):[0-9]*:$/\\1:6:/p' \"$keyring-trusted\" | GNUPG --import-ownertrust
for revoked in $(sed -n 's/^\\([0-9A-F]*\\).*$/\\1/p' \"$keyring-revoked\"); do
    GNUPG --delete-keys \"$revoked\" 2>/dev/null || :
done
";

/// Names in [`IN`] and what they hold.
pub fn files(recipe: &Recipe) -> Vec<(String, String)> {
    let sources = (recipe.kind == Kind::Debian)
        .then(|| debian::lines(recipe, KEY, |_, mirror| mirror.to_owned()).join("\n") + "\n");
    let made = Made::of(recipe, sources);
    let mut files = vec![
        ("build".to_owned(), script(recipe)),
        ("made".to_owned(), deeds(&made)),
        ("finish".to_owned(), FINISH.to_owned()),
    ];
    files.extend(recipe.key.iter().map(|key| ("key.asc".to_owned(), key.clone())));
    if let (Kind::Arch, Some(mirror)) = (recipe.kind, &recipe.mirror) {
        files.push(("pacman.conf".to_owned(), pacman_conf(recipe, mirror)));
        files.push(("mirrorlist".to_owned(), format!("Server = {mirror}\n")));
    }
    files.extend(made.files.into_iter().enumerate().map(|(number, file)| (format!("file-{number}"), file)));
    files
}

pub(crate) fn include(recipe: &Recipe) -> String {
    let needed = NEEDED_DEBIAN.iter().copied().filter(|_| recipe.systemd);
    needed.chain(recipe.packages.iter().map(String::as_str)).collect::<Vec<_>>().join(",")
}

fn deeds(made: &Made) -> String {
    let mut script = String::new();
    for deed in &made.deeds {
        let _ = match deed {
            Deed::Run(line) => writeln!(script, "{line}"),
            Deed::Put { number, to } => writeln!(script, "cp --remove-destination {IN}/file-{number} \"$1{to}\""),
        };
    }
    script
}

fn script(recipe: &Recipe) -> String {
    let epoch = recipe.epoch.map_or_else(String::new, |epoch| epoch.to_string());
    let head = format!(
        "set -eu\nroot=/work/root\nepoch={epoch}\n\
         say() {{ echo \"umbel: $*\"; }}\n"
    );
    let body = match recipe.kind {
        Kind::Debian => debian_script(recipe),
        Kind::Arch => arch_script(recipe),
    };
    format!("{head}{body}. {IN}/finish\n")
}

fn debian_script(recipe: &Recipe) -> String {
    let suite = recipe.suite.clone().unwrap_or_default();
    let here = |place: usize, _: &str| format!("http://127.0.0.1:{PORT}/m{place}");
    let mut script = format!(
        "if [ -z \"$epoch\" ]; then\n    \
             say 'how old packages are, the release says'\n    \
             helper=/usr/lib/apt/apt-helper from=http://127.0.0.1:{PORT}/m0/dists/{suite}\n    \
             \"$helper\" -q download-file \"$from/InRelease\" /work/release >/work/said 2>&1 ||\n        \
                 \"$helper\" -q download-file \"$from/Release\" /work/release || {{ cat /work/said; exit 1; }}\n    \
             epoch=$(date -u -d \"$(sed -n 's/^Date: //p' /work/release | head -n 1)\" +%s)\nfi\n\
         export SOURCE_DATE_EPOCH=\"$epoch\"\n\
         say 'packages'\n\
         mmdebstrap --mode=root --variant=minbase --format=directory --skip=output/dev,output/mknod,chroot/mount/sys,check/qemu \\\n    \
             --aptopt='APT::Sandbox::User \"root\"' --aptopt='Acquire::Retries \"2\"' --aptopt='Acquire::Languages \"none\"' \\\n"
    );
    let include = include(recipe);
    if !include.is_empty() {
        let _ = writeln!(script, "    --include='{include}' \\");
    }
    let _ = writeln!(script, "    --customize-hook='sh -eu {IN}/made \"$1\"' \\");
    let _ = write!(script, "    '{suite}' \"$root\"");
    for line in debian::lines(recipe, &format!("{IN}/key.asc"), here) {
        let _ = write!(script, " '{line}'");
    }
    script.push('\n');
    script
}

fn arch_script(recipe: &Recipe) -> String {
    let needed = NEEDED_ARCH.iter().copied().filter(|_| recipe.systemd);
    let packages: Vec<&str> = needed.chain(recipe.packages.iter().map(String::as_str)).collect();
    let keys = match (recipe.unsigned, &recipe.key) {
        (true, _) => String::new(),
        (false, Some(_)) => format!("{GNUPG} --import {IN}/key.asc\n"),
        (false, None) => ARCH_KEYS.replace("GNUPG", GNUPG),
    };
    // What pacman looks for.
    let keys = format!(": >/work/gnupg/pubring.gpg\n{keys}{GNUPG} --check-trustdb\n");
    let pacman = format!(
        "pacman --root \"$root\" --config {IN}/pacman.conf --cachedir /work/cache --gpgdir /work/gnupg \
         --logfile /work/pacman.log --noconfirm --noprogressbar"
    );
    format!(
        "umask 022\nmkdir -p \"$root/var/lib/pacman\" \"$root/dev\" \"$root/proc\" /work/cache\nmkdir -m 700 -p /work/gnupg\n\
         {keys}say 'databases'\n{pacman} --sync --refresh\n\
         if [ -z \"$epoch\" ]; then\n    \
             epoch=$(for db in \"$root\"/var/lib/pacman/sync/*.db; do tar -xOf \"$db\"; done | sed -n '/^%BUILDDATE%$/{{n;p}}' | sort -n | tail -n 1)\nfi\n\
         export SOURCE_DATE_EPOCH=\"$epoch\"\n\
         mount --rbind /dev \"$root/dev\"\nmount -t proc proc \"$root/proc\"\n\
         say 'packages'\n{pacman} --sync {packages}\n\
         mkdir -p \"$root/etc/pacman.d\"\ncp {IN}/mirrorlist \"$root/etc/pacman.d/mirrorlist\"\n\
         say 'files, users and services'\nsh -eu {IN}/made \"$root\"\n\
         gpgconf --homedir /work/gnupg --kill all 2>/dev/null || :\n\
         umount -l \"$root/proc\" \"$root/dev\"\n\
         for desc in \"$root\"/var/lib/pacman/local/*/desc; do\n    \
             sed -i \"/^%INSTALLDATE%\\$/{{n;s/.*/$epoch/}}\" \"$desc\"\ndone\n\
         rm -rf \"$root\"/var/lib/pacman/sync \"$root\"/var/cache/pacman/pkg/* \"$root\"/etc/pacman.d/gnupg\n",
        packages = packages.join(" "),
    )
}

fn pacman_conf(recipe: &Recipe, mirror: &str) -> String {
    let rest = mirror_base(mirror).map_or("", |(_, rest)| rest);
    let signed = match (recipe.unsigned, &recipe.key) {
        (true, _) => "Never",
        // There is no other key than that one.
        (false, Some(_)) => "Required DatabaseOptional TrustAll",
        (false, None) => "Required DatabaseOptional",
    };
    let mut conf = format!("[options]\nArchitecture = auto\nSigLevel = {signed}\n");
    let usual = ["core".to_owned(), "extra".to_owned()];
    let repositories = if recipe.repositories.is_empty() { &usual[..] } else { &recipe.repositories[..] };
    for repository in repositories {
        let _ = write!(conf, "[{repository}]\nServer = http://127.0.0.1:{PORT}/m0{rest}\n");
    }
    conf
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String)> {
        files(&Recipe::parse(text).expect("fine"))
    }

    fn named<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
        files.iter().find(|(its, _)| its == name).map(|(_, text)| text.as_str()).expect(name)
    }

    #[test]
    fn packages_are_fetched_from_loopback_and_the_image_has_the_mirrors_themselves() {
        let key = "key = '''-----BEGIN PGP PUBLIC KEY BLOCK-----\nx\n'''\n";
        let files = of(&format!("name='d'\nversion='1'\nsuite='trixie'\nmirror='https://m.example/debian'\n{key}"));
        let script = named(&files, "build");
        assert!(script.contains("'deb [signed-by=/work/in/key.asc] http://127.0.0.1:8080/m0 trixie main'"), "{script}");
        assert!(!script.contains("m.example"), "{script}");
        assert!(
            files.iter().any(|(_, text)| text.starts_with("deb [signed-by=/etc/umbel/packages.asc] https://m.example"))
        );
        let arch =
            "name='a'\nversion='1'\nkind='arch'\nmirror='https://m.example/x/$repo/os/$arch'\npackages=['base']\n";
        let files = of(arch);
        assert!(named(&files, "pacman.conf").contains("[extra]\nServer = http://127.0.0.1:8080/m0/$repo/os/$arch\n"));
        assert_eq!(named(&files, "mirrorlist"), "Server = https://m.example/x/$repo/os/$arch\n");
    }

    #[test]
    fn packages_are_signed_unless_it_is_said_that_they_are_not() {
        let arch = "name='a'\nversion='1'\nkind='arch'\nmirror='https://m.example/$repo'\npackages=['base']\n";
        assert!(named(&of(arch), "pacman.conf").contains("SigLevel = Required DatabaseOptional\n"));
        assert!(named(&of(&format!("{arch}unsigned = true")), "pacman.conf").contains("SigLevel = Never\n"));
        let debian = "name='d'\nversion='1'\nsuite='sid'\n";
        assert!(named(&of(debian), "build").contains("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"));
        assert!(named(&of(&format!("{debian}unsigned = true")), "build").contains("[trusted=yes]"));
    }

    /// Also by a shell's own eyes.
    #[test]
    fn what_is_run_is_a_script() {
        let arch = "name='a'\nversion='1'\nkind='arch'\nmirror='https://m.example/$repo'\npackages=['base']\n";
        for text in ["name='d'\nversion='1'\nsuite='sid'\n[[users]]\nname='anna'\n", arch] {
            for (name, script) in of(text).into_iter().filter(|(name, _)| ["build", "made"].contains(&name.as_str())) {
                let checked = std::process::Command::new("sh").args(["-n", "-c", &script]).output().expect("runs");
                assert!(checked.status.success(), "{name}: {}\n{script}", String::from_utf8_lossy(&checked.stderr));
            }
        }
    }
}
