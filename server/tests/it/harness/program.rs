//! The program `umbel` as a process, with directories of its own and an environment that says nothing.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use umbel_server::store::db::Address;

use super::postgres;

/// Directories of one panel.
pub(crate) struct Umbel {
    directory: TempDir,
    database: Option<String>,
}

impl Umbel {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        open_to_all(directory.path());
        Self { directory, database: None }
    }

    /// On rows that the test holds too.
    pub(crate) fn on(address: &Address) -> Self {
        let url = match address {
            Address::Postgres(url) => url.clone(),
            Address::Sqlite(path) => {
                let directory = path.parent().expect("a file lies in a directory");
                open_to_all(directory);
                for entry in fs::read_dir(directory).expect("the database's directory") {
                    let file = entry.expect("an entry").path();
                    fs::set_permissions(file, Permissions::from_mode(0o666)).expect("our own file");
                }
                format!("sqlite:{}", path.display())
            }
        };
        Self { database: Some(url), ..Self::new() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// With the directories of this panel; root's tests let it become whom PostgreSQL is lent to.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umbel"));
        command.args(arguments).env_clear().current_dir(self.directory.path()).stdin(Stdio::null());
        command.env("UMBEL_DATA", self.data()).env("UMBEL_RUN", self.directory.path().join("run"));
        if let Some(user) = postgres::owner() {
            command.env("UMBEL_USER", user.name);
        }
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database);
        }
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("umbel can be run")
    }

    /// What it says on standard error when it refuses.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        refused(&self.output(arguments))
    }

    /// Runs the panel on a port that is free.
    pub(crate) fn serve(&self) -> Running {
        Running::start(self.command(&["serve", "--listen", "127.0.0.1:0"]))
    }
}

pub(crate) fn refused(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{:?}", String::from_utf8_lossy(&output.stdout));
    said
}

fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o777)).expect("our own directory");
}

/// A panel that has said that it is ready. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    pub(crate) ready: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("umbel can be run");
        let mut out = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut ready = String::new();
        out.read_line(&mut ready).expect("a pipe");
        if ready.is_empty() {
            let output = child.wait_with_output().expect("it has ended");
            panic!("the panel did not start: {}", String::from_utf8_lossy(&output.stderr));
        }
        Self { child, ready, out }
    }

    /// The address in its line.
    pub(crate) fn origin(&self) -> &str {
        let rest = self.ready.strip_prefix("Umbel is ready: ").expect(&self.ready);
        rest.split_whitespace().next().expect("an address")
    }

    /// A value of its /proc/PID/status.
    pub(crate) fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect(name);
        line.trim().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a process id")), signal).expect("it runs");
    }

    /// Waits for its end, and gives what else it printed.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                let mut rest = String::new();
                while self.out.read_line(&mut rest).expect("a pipe") > 0 {}
                return (status, rest);
            }
            assert!(Instant::now() < patience, "it still runs after 10 s");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails where it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
