//! The kernel's command line, built from typed values only: whatever reaches it can run programs on
//! the host (`eth0=slirp,,/program`, `con1=xterm`), so no text of a tenant's ever does.
//!
//! Options are those of the kernel's Documentation/virt/uml/user_mode_linux_howto_v2.rst.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use umbel_guest::{GuestName, Memory};

/// A path that would mean something else on the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path {path:?} can't stand on a kernel command line: it must be absolute, without spaces, commas, colons, quotes or control characters"
)]
pub struct BadPath {
    pub path: PathBuf,
}

/// What the guest boots from, always `/dev/ubda`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootDisk {
    /// A copy-on-write child and the base it belongs to.
    Cow { child: PathBuf, base: PathBuf },
    /// A plain file. Always with the flag `d`: without it a file whose first bytes are a COW header
    /// is opened as a COW of whatever host file the header names, and the guest can write one.
    Plain { file: PathBuf },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub memory: Memory,
    pub root_disk: RootDisk,
    pub hostname: GuestName,
    /// Directory of the management console: `<uml_dir>/<umid>/mconsole`.
    pub uml_dir: PathBuf,
    /// Where the kernel announces itself, a Unix datagram socket that listens already.
    pub notify: PathBuf,
}

/// The name of the directory in `uml_dir`; one guest has one `uml_dir`.
pub const UMID: &str = "guest";

impl CommandLine {
    /// Arguments after the program's name.
    pub fn arguments(&self) -> Result<Vec<OsString>, BadPath> {
        let mut arguments: Vec<OsString> = vec![format!("mem={}M", self.memory.mib()).into()];
        arguments.push(match &self.root_disk {
            RootDisk::Cow { child, base } => joined("ubd0=", &[checked(child)?, checked(base)?]),
            RootDisk::Plain { file } => joined("ubd0d=", &[checked(file)?]),
        });
        for fixed in ["root=/dev/ubda", "rw", "con=null", "con0=fd:0,fd:1", "ssl=null"] {
            arguments.push(fixed.into());
        }
        // A reboot must go through the reconciler: linux.uml would execute itself again, with disks
        // whose first bytes the guest has just written. A panic must end the process at once.
        for fixed in ["noreboot", "panic=-1", "quiet"] {
            arguments.push(fixed.into());
        }
        arguments.push(format!("hostname={}", self.hostname).into());
        arguments.push(joined("uml_dir=", &[checked(&self.uml_dir)?]));
        arguments.push(format!("umid={UMID}").into());
        arguments.push(joined("mconsole=notify:", &[checked(&self.notify)?]));
        Ok(arguments)
    }

    /// Where the management console of this guest will listen.
    pub fn management_socket(&self) -> PathBuf {
        self.uml_dir.join(UMID).join("mconsole")
    }
}

fn checked(path: &Path) -> Result<&Path, BadPath> {
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
            root_disk: RootDisk::Plain { file: file.into() },
            hostname: name.parse().expect("a name"),
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
    fn paths_that_mean_more_than_a_path_are_refused() {
        for path in ["/a,/etc/shadow", "/a b", "/a\nb", "relative", "", "/a:b", "/a\"b", "/ä"] {
            assert!(line(path, "a").arguments().is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_keys_stay_the_same(path in "\\PC{0,40}", name in "[a-z0-9][a-z0-9-]{0,10}[a-z0-9]", mib in 64u32..=65536) {
            let mut line = line(&format!("/{path}"), &name);
            line.memory = Memory::from_mib(mib).expect("in bounds");
            if let Ok(arguments) = line.arguments() {
                prop_assert_eq!(keys(&arguments), ["mem", "ubd0d", "root", "rw", "con", "con0", "ssl", "noreboot", "panic", "quiet", "hostname", "uml_dir", "umid", "mconsole"]);
                prop_assert!(arguments.iter().all(|a| !a.to_string_lossy().contains([' ', '\n', '\0'])));
            }
        }
    }
}
