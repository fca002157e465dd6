//! Help for kernels on a processor that has more registers than they know.
//!
//! Kernels before 6.13, the distribution's among them, panic over their first program where the processor has AMX:
//! “ptrace set fp regs failed, errno = 14”. A library that is loaded before the C library (`LD_PRELOAD`, ld.so(8)) stands in
//! front of their ptrace(2) there; `preload/xstate.rs` says what it does. A kernel that is linked statically can't be
//! helped.

use std::arch::x86_64::__cpuid_count;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

static LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/xstate.so"));

/// Bytes of extended registers that those kernels have room for (`HOST_FP_SIZE`, kernel:
/// arch/x86/um/user-offsets.c).
const KNOWN: u32 = 2696;
/// Leaf of CPUID that tells their size, in its register EBX for what the host's kernel has enabled (Intel SDM, volume 1,
/// 13.2).
const LEAF: u32 = 0xd;

/// The variable that names the library for whoever starts a kernel.
pub const VARIABLE: &str = "LD_PRELOAD";

/// Whether kernels need it on this processor.
pub fn is_needed() -> bool {
    __cpuid_count(LEAF, 0).ebx > KNOWN
}

/// Whether a kernel of that version (`6.1.176`) knows no more registers than [`KNOWN`].
pub fn is_older(version: &str) -> bool {
    let mut numbers =
        version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) < (6, 13)
}

/// Puts the library there, for everybody to read. What is there already stays: somebody may be about to mount it.
pub fn write(path: &Path) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == LIBRARY) {
        return Ok(());
    }
    let beside = path.with_extension("new");
    fs::write(&beside, LIBRARY)?;
    fs::set_permissions(&beside, Permissions::from_mode(0o755))?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn kernels_since_6_13_know_all_registers() {
        for (version, older) in [("6.1.176", true), ("6.12.9", true), ("6.13", false), ("7.2.13-umbel", false)] {
            assert_eq!(is_older(version), older, "{version}");
        }
    }

    /// Whether it is needed or not: a program that it is loaded into does what it did before.
    #[test]
    fn a_program_runs_with_it_and_is_told_nothing_of_it() {
        let dir = tempfile::tempdir().expect("tmp");
        let library = dir.path().join("xstate.so");
        write(&library).expect("written");
        let output = Command::new("/bin/echo").arg("as before").env(VARIABLE, &library).output().expect("runs");
        assert_eq!((&*output.stdout, &*output.stderr), (&b"as before\n"[..], &b""[..]), "{output:?}");
    }
}
