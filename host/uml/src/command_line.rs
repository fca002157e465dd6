//! The kernel's command line, built from typed values only: whatever reaches it can run programs on
//! the host (`eth0=slirp,,/program`, `con1=xterm`), so no text of a tenant's ever does.
//!
//! Options are those of the kernel's Documentation/virt/uml/user_mode_linux_howto_v2.rst.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use umbel_guest::{Boot, Clock, GuestName, KernelMode, Memory};

use crate::card::Card;
use crate::disk::Disk;

/// A path that would mean something else on the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path {path:?} can't stand on a kernel command line: it must be absolute, without spaces, commas, colons, quotes or control characters"
)]
pub struct BadPath {
    pub path: PathBuf,
}

/// What the guest boots from: `/dev/ubda`, or a directory of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootDisk {
    /// A copy-on-write child and the base it belongs to.
    Cow { child: PathBuf, base: PathBuf },
    /// A plain file. Always with the flag `d`: without it a file whose first bytes are a COW header
    /// is opened as a COW of whatever host file the header names, and the guest can write one.
    Plain { file: PathBuf },
    /// A directory of the host, read-only. It holds nobody in (`..` leads out of it): the jail does.
    Tree { root: PathBuf },
    /// In memory, with tools for one task: its first program is told what to do, reads `/dev/ubda` and writes `/dev/ubdb`.
    Tools { initrd: PathBuf, from: Source, to: PathBuf, told: Vec<(&'static str, Told)> },
}

/// What is `/dev/ubda` of a guest with tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Only read.
    File {
        file: PathBuf,
    },
    /// A guest's disk, as in [`RootDisk`].
    Plain {
        file: PathBuf,
    },
    Cow {
        child: PathBuf,
        base: PathBuf,
    },
}

/// A value that the kernel hands to the first program in its environment. Never a tenant's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Word(&'static str),
    Number(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub memory: Memory,
    pub mode: KernelMode,
    pub clock: Clock,
    pub boot: Boot,
    pub root_disk: RootDisk,
    /// `/dev/ubdb`, which is only read; never beside [`RootDisk::Tools`].
    pub setup: Option<PathBuf>,
    /// Further ones.
    pub disks: Vec<Disk>,
    pub hostname: GuestName,
    pub card: Option<Card>,
    /// Directory of the management console: `<uml_dir>/<umid>/mconsole`.
    pub uml_dir: PathBuf,
    /// Where the kernel announces itself, a Unix datagram socket that listens already.
    pub notify: PathBuf,
}

/// Loops in a tick, which a kernel would count for more than 100 ms at each boot (kernel: init/calibrate.c).
/// More than any processor does, so that what is to wait a moment waits no shorter one.
const LOOPS: &str = "lpj=40000000";

/// The first program of a guest whose root is a directory of the host, and its shell where nothing is to
/// be started before it; both in that directory.
pub const TREE_INIT: &str = "/umbel/init";
pub const TREE_SHELL: &str = "/umbel/shell";

/// The name of the directory in `uml_dir`; one guest has one `uml_dir`.
pub const UMID: &str = "guest";

impl CommandLine {
    /// Arguments after the program's name.
    pub fn arguments(&self) -> Result<Vec<OsString>, BadPath> {
        let mut arguments: Vec<OsString> = vec![format!("mem={}M", self.memory.mib()).into()];
        match &self.root_disk {
            RootDisk::Cow { child, base } => {
                arguments.push(joined("ubd0=", &[checked(child)?, checked(base)?]));
                arguments.extend(["root=/dev/ubda".into(), "rw".into()]);
            }
            RootDisk::Plain { file } => {
                arguments.push(joined("ubd0d=", &[checked(file)?]));
                arguments.extend(["root=/dev/ubda".into(), "rw".into()]);
            }
            RootDisk::Tree { root } => {
                arguments.extend(["rootfstype=hostfs".into(), joined("rootflags=", &[checked(root)?]), "ro".into()]);
            }
            RootDisk::Tools { initrd, from, to, told } => {
                arguments.push(joined("initrd=", &[checked(initrd)?]));
                arguments.push(match from {
                    Source::File { file } => joined("ubd0rd=", &[checked(file)?]),
                    Source::Plain { file } => joined("ubd0d=", &[checked(file)?]),
                    Source::Cow { child, base } => joined("ubd0=", &[checked(child)?, checked(base)?]),
                });
                arguments.push(joined("ubd1d=", &[checked(to)?]));
                arguments.extend(told.iter().map(|(name, value)| match value {
                    Told::Word(word) => format!("{name}={word}").into(),
                    Told::Number(number) => format!("{name}={number}").into(),
                }));
            }
        }
        if let Some(setup) = &self.setup {
            arguments.push(joined("ubd1rd=", &[checked(setup)?]));
        }
        arguments.extend(self.disks.iter().map(|disk| disk.argument().into()));
        for fixed in ["con=null", "con0=fd:0,fd:1", "ssl=null"] {
            arguments.push(fixed.into());
        }
        // A reboot must go through the reconciler: linux.uml would execute itself again, with disks
        // whose first bytes the guest has just written. A panic must end the process at once.
        for fixed in ["noreboot", "panic=-1", "quiet", LOOPS] {
            arguments.push(fixed.into());
        }
        // Only what differs from what every kernel does unasked: an option that a kernel doesn't know is
        // handed to the guest's init.
        if self.mode == KernelMode::Fast {
            arguments.push("seccomp=on".into());
        }
        if self.clock == Clock::TimeTravel {
            arguments.push("time-travel".into());
        }
        let first = match (&self.root_disk, self.boot) {
            (RootDisk::Tree { .. }, Boot::Normal) => Some(TREE_INIT),
            (RootDisk::Tree { .. }, Boot::Shell) => Some(TREE_SHELL),
            (_, Boot::Shell) => Some("/bin/sh"),
            (_, Boot::Normal) => None,
        };
        if let Some(first) = first {
            arguments.push(format!("init={first}").into());
        }
        arguments.push(format!("hostname={}", self.hostname).into());
        arguments.push(joined("uml_dir=", &[checked(&self.uml_dir)?]));
        arguments.push(format!("umid={UMID}").into());
        arguments.push(joined("mconsole=notify:", &[checked(&self.notify)?]));
        if let Some(card) = &self.card {
            arguments.extend(card.arguments(&self.hostname));
        }
        Ok(arguments)
    }

    /// Where the management console of this guest will listen.
    pub fn management_socket(&self) -> PathBuf {
        self.uml_dir.join(UMID).join("mconsole")
    }
}

pub(crate) fn checked(path: &Path) -> Result<&Path, BadPath> {
    let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"/._-+@%".contains(b);
    let fine = path.is_absolute() && path.as_os_str().as_bytes().iter().all(harmless);
    if fine { Ok(path) } else { Err(BadPath { path: path.to_owned() }) }
}

fn joined(key: &str, paths: &[&Path]) -> OsString {
    let mut text = OsString::from(key);
    for (i, path) in paths.iter().enumerate() {
        if i > 0 {
            text.push(",");
        }
        text.push(path);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(file: &str, name: &str) -> CommandLine {
        CommandLine {
            memory: Memory::DEFAULT,
            mode: KernelMode::Strict,
            clock: Clock::Real,
            boot: Boot::Normal,
            root_disk: RootDisk::Plain { file: file.into() },
            setup: None,
            disks: Vec::new(),
            hostname: name.parse().expect("a name"),
            card: None,
            uml_dir: "/w/uml".into(),
            notify: "/w/notify".into(),
        }
    }

    fn keys(arguments: &[OsString]) -> Vec<String> {
        arguments.iter().map(|a| a.to_string_lossy().split('=').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_plain_disk_always_has_the_flag_d() {
        let arguments = line("/d/disk0", "a").arguments().expect("fine");
        assert!(arguments.contains(&"ubd0d=/d/disk0".into()));
        let cow = RootDisk::Cow { child: "/d/disk0".into(), base: "/i/base".into() };
        let arguments = CommandLine { root_disk: cow, ..line("/x", "a") }.arguments().expect("fine");
        assert!(arguments.contains(&"ubd0=/d/disk0,/i/base".into()));
    }

    #[test]
    fn what_a_guest_is_told_is_a_second_disk_that_is_only_read() {
        let line = CommandLine { setup: Some("/setup".into()), ..line("/d/disk0", "a") };
        assert!(line.arguments().expect("fine").contains(&"ubd1rd=/setup".into()));
        assert!(CommandLine { setup: Some("/a,/b".into()), ..line }.arguments().is_err());
    }

    #[test]
    fn paths_that_mean_more_than_a_path_are_refused() {
        for path in ["/a,/etc/shadow", "/a b", "/a\nb", "relative", "", "/a:b", "/a\"b", "/ä"] {
            assert!(line(path, "a").arguments().is_err(), "{path:?}");
        }
    }

    #[test]
    fn mode_clock_and_boot_are_said_only_where_they_differ() {
        let usual = line("/d/disk0", "a");
        let other = CommandLine {
            mode: KernelMode::Fast,
            clock: Clock::TimeTravel,
            boot: Boot::Shell,
            ..line("/d/disk0", "a")
        };
        let (usual, other) = (usual.arguments().expect("fine"), other.arguments().expect("fine"));
        let more: Vec<_> = other.iter().filter(|argument| !usual.contains(argument)).collect();
        assert_eq!(more, ["seccomp=on", "time-travel", "init=/bin/sh"]);
        assert!(usual.iter().all(|argument| other.contains(argument)));
    }

    #[test]
    fn a_directory_of_the_host_is_a_root_that_is_only_read() {
        let tree = |boot| CommandLine { root_disk: RootDisk::Tree { root: "/tree".into() }, boot, ..line("/x", "a") };
        let arguments = tree(Boot::Normal).arguments().expect("fine");
        for wanted in ["rootfstype=hostfs", "rootflags=/tree", "ro", "init=/umbel/init"] {
            assert!(arguments.contains(&wanted.into()), "{wanted}");
        }
        assert!(!arguments.iter().any(|a| a == "rw" || a.to_string_lossy().starts_with("ubd")));
        assert!(tree(Boot::Shell).arguments().expect("fine").contains(&"init=/umbel/shell".into()));
        let more = RootDisk::Tree { root: "/tree,x".into() };
        assert!(CommandLine { root_disk: more, ..line("/x", "a") }.arguments().is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_keys_stay_the_same(path in "\\PC{0,40}", name in "[a-z0-9][a-z0-9-]{0,10}[a-z0-9]", mib in 64u32..=65536) {
            let mut line = line(&format!("/{path}"), &name);
            line.memory = Memory::from_mib(mib).expect("in bounds");
            if let Ok(arguments) = line.arguments() {
                prop_assert_eq!(keys(&arguments), ["mem", "ubd0d", "root", "rw", "con", "con0", "ssl", "noreboot", "panic", "quiet", "lpj", "hostname", "uml_dir", "umid", "mconsole"]);
                prop_assert!(arguments.iter().all(|a| !a.to_string_lossy().contains([' ', '\n', '\0'])));
            }
            line.root_disk = RootDisk::Tree { root: format!("/{path}").into() };
            if let Ok(arguments) = line.arguments() {
                prop_assert_eq!(keys(&arguments), ["mem", "rootfstype", "rootflags", "ro", "con", "con0", "ssl", "noreboot", "panic", "quiet", "lpj", "init", "hostname", "uml_dir", "umid", "mconsole"]);
            }
        }
    }
}
