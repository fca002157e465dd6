//! The distribution's kernel started by hand, as it would be without what the agent and the shim do.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{Resource, setrlimit};
use umbel_uml::xstate;

use crate::corpus::Den;
use crate::harness::tiny;

/// What it says until it ends by itself. It runs in this directory, and may leave its memory there.
#[expect(unsafe_code, reason = "code between fork(2) and execve(2)")]
pub(crate) fn run(den: &Den, directory: &Path, arguments: &[&str], dumps: bool) -> String {
    let base = den.house.layout.base(&tiny(), umbel_guest::DiskSize::from_mib(64).expect("a size"));
    let kernel = umbel_uml::kernel::ON_THE_MACHINE.iter().find(|path| Path::new(path).exists()).expect("a kernel");
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60", kernel, "mem=64M", "con=null", "con0=fd:0,fd:1", "panic=-1", "noreboot"]);
    command.arg(format!("ubd1r={}", base.display())).args(["root=/dev/ubdb", "ro"]);
    command.arg(format!("uml_dir={}", directory.display())).args(arguments);
    command
        .current_dir(directory)
        .env_clear()
        .env("TMPDIR", directory)
        .env("HOME", directory)
        .env("PATH", "/usr/bin:/bin");
    if xstate::is_needed() {
        let library = directory.join("preload.so");
        xstate::write(&library).expect("written");
        command.env(xstate::VARIABLE, library);
    }
    command.stdin(Stdio::null());
    if dumps {
        // SAFETY: one system call and no allocation.
        unsafe {
            command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_CORE, 1 << 20, 1 << 20)?));
        }
    }
    let output = command.output().expect("runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// A directory whose length is the guest's memory, gone afterwards.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("umbel-hand-").tempdir_in("/var/tmp").expect("made")
}

/// Files in which a process's memory was left.
pub(crate) fn cores(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("there").filter_map(Result::ok);
    entries.filter_map(|e| e.file_name().into_string().ok()).filter(|name| name.starts_with("core")).collect()
}
