//! The command line against a panel on loopback: what it prints and what it tells the shell.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::shim::{FakeShim, Rooms};

/// A user's own directory and the panel's address.
struct Shell {
    home: TempDir,
    panel: String,
}

impl Shell {
    fn at(edge: &Edge) -> Self {
        Self { home: tempfile::tempdir().expect("a directory"), panel: edge.address.clone() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_umbel")).with_file_name("umbelctl");
        assert!(program.exists(), "{} is missing: cargo build --bins makes it", program.display());
        let mut command = Command::new(program);
        command.args(words).env_clear().env("HOME", self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, words: &[&str], typed: &str) -> Output {
        let mut child = self.command(words).spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(typed.as_bytes()).await.expect("it reads");
        child.wait_with_output().await.expect("it ends")
    }

    async fn sign_in(&self, name: &str) {
        let done = self.run(&["--panel", &self.panel, "sign-in", name], &format!("{PASSWORD}\n")).await;
        assert!(done.status.success(), "{done:?}");
    }

    /// What it prints, where it must succeed.
    async fn says(&self, words: &[&str]) -> String {
        let done = self.run(words, "").await;
        assert!(done.status.success(), "{words:?}: {done:?}");
        String::from_utf8(done.stdout).expect("text")
    }

    async fn code(&self, words: &[&str]) -> i32 {
        self.run(words, "").await.status.code().expect("no signal")
    }
}

both! {
    async fn guests_are_made_listed_and_switched_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let shell = Shell::at(&edge);
        assert_eq!(shell.code(&["guests", "list"]).await, 3, "not signed in");
        shell.sign_in("anna").await;
        shell.says(&["guests", "create", "web", "--memory", "128"]).await;
        let list: serde_json::Value = serde_json::from_str(&shell.says(&["guests", "ls", "-o", "json"]).await).expect("JSON");
        assert_eq!((&list[0]["name"], &list[0]["memory"]), (&"web".into(), &128.into()));
        assert!(shell.says(&["guests", "list"]).await.contains("web"));
        shell.says(&["guests", "shut-down", "web"]).await;
        assert!(shell.says(&["guests", "list"]).await.contains("Stopped"));
        assert_eq!(shell.code(&["guests", "shut-down", "web"]).await, 5, "as things are");
        assert_eq!(shell.code(&["guests", "start", "mail"]).await, 4, "no such guest");
        assert_eq!(shell.code(&["people", "create", "eve"]).await, 3, "not hers to do");
        assert_eq!(shell.code(&["guests", "purge", "web", "--confirm", "wen"]).await, 5);
        shell.says(&["guests", "purge", "web", "--confirm", "web"]).await;
        assert_eq!(shell.code(&["guests", "dance"]).await, 2, "no such word");
        shell.says(&["sign-out"]).await;
        assert_eq!(shell.code(&["guests", "list"]).await, 3);
    }

    async fn a_console_is_read_typed_into_and_left(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let guest = edge.test.made("web").await;
        let shim = FakeShim::start(&rooms.layout, guest);
        shim.write(b"login: ");
        let shell = Shell::at(&edge);
        shell.sign_in("anna").await;
        let mut console = shell.command(&["console", "web"]).spawn().expect("it starts");
        let (mut stdin, mut stdout) = (console.stdin.take().expect("a pipe"), console.stdout.take().expect("a pipe"));
        let mut read = [0; 7];
        stdout.read_exact(&mut read).await.expect("what was there");
        assert_eq!(&read, b"login: ");
        stdin.write_all(b"root\r").await.expect("it reads");
        edge.test.eventually("it is typed", async |_| shim.typed().ends_with(b"root\r")).await;
        stdin.write_all(b"\x1dq").await.expect("it reads");
        assert!(console.wait().await.expect("it ends").success());
    }
}
