//! The command line against a panel on loopback: what it prints and what it tells the shell.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use umbel_app::shown::{AuditAction, AuditVia};
use umbel_client::Client;
use umbel_server::http::serve::Certificate;
use umbel_server::store::accounts::account_fetch;
use umbel_server::store::audit::audit_list_after;
use umbel_server::store::guests::guest_list;

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

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("our own directory");
        path.to_str().expect("text").to_owned()
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

/// As the button of the page to which a program sends its owner.
pub(crate) async fn agree(client: &Client, asked: &str) -> Response {
    let request = client.request(Method::POST, "/account/program").header(ACCEPT, "text/html");
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(asked.to_owned());
    request.send().await.expect("an answer")
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
        assert_eq!(shell.code(&["groups", "create", "Mine"]).await, 3, "not hers to do");
        assert_eq!(shell.code(&["guests", "purge", "web", "--confirm", "wen"]).await, 5);
        shell.says(&["guests", "purge", "web", "--confirm", "web"]).await;
        assert_eq!(shell.code(&["guests", "dance"]).await, 2, "no such word");
        shell.says(&["sign-out"]).await;
        assert_eq!(shell.code(&["guests", "list"]).await, 3);
    }

    async fn an_account_is_suspended_reinstated_given_an_end_and_deleted_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.test.made("web").await;
        let shell = Shell::at(&edge);
        let words = ["--panel", &shell.panel, "sign-in", "root", "--scopes", "read,manage"];
        assert!(shell.run(&words, &format!("{PASSWORD}\n")).await.status.success());
        shell.says(&["people", "suspend", "berta"]).await;
        assert!(shell.says(&["people", "list"]).await.contains("suspended"));
        shell.says(&["people", "reinstate", "berta"]).await;
        assert_eq!(shell.says(&["people", "registration"]).await.trim(), "off");
        assert_eq!(shell.code(&["people", "registration", "perhaps"]).await, 5, "no such word");
        shell.says(&["people", "registration", "approval"]).await;
        for name in ["dora", "emil"] {
            assert_eq!(edge.client().register(name, PASSWORD).await.expect("it is open").state, "waiting");
        }
        shell.says(&["people", "approve", "dora"]).await;
        shell.says(&["people", "refuse", "emil"]).await;
        let people = shell.says(&["people", "list"]).await;
        assert!(people.contains("dora") && !people.contains("emil") && !people.contains("waiting"), "{people}");
        shell.says(&["people", "expire", "berta", "2999-12-31"]).await;
        assert!(shell.says(&["people", "list"]).await.contains("2999-12-31"));
        shell.says(&["people", "expire", "berta"]).await;
        assert_eq!(shell.code(&["people", "delete", "anna", "--confirm", "anna"]).await, 5, "she has a guest");
        assert_eq!(shell.code(&["people", "delete", "anna", "--confirm", "ann", "--with-guests"]).await, 5, "another name");
        shell.says(&["people", "delete", "anna", "--confirm", "anna", "--with-guests"]).await;
        edge.test.eventually("she is gone with it", async |panel| {
            account_fetch(&panel.guests.parts.db, panel.anna.account.id).await.expect("a read").is_none()
        }).await;
    }

    async fn a_group_is_made_filled_and_removed_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let shell = Shell::at(&edge);
        let words = ["--panel", &shell.panel, "sign-in", "root", "--scopes", "read,manage"];
        assert!(shell.run(&words, &format!("{PASSWORD}\n")).await.status.success());
        shell.says(&["groups", "create", "Networks"]).await;
        shell.says(&["groups", "add", "Networks", "anna"]).await;
        shell.says(&["groups", "add", "Networks", "berta", "--as", "manager"]).await;
        let members = shell.says(&["groups", "members", "Networks"]).await;
        assert!(members.contains("berta  manager") && members.contains("anna"), "{members}");
        shell.says(&["groups", "drop", "Networks", "anna"]).await;
        assert!(!shell.says(&["groups", "members", "Networks"]).await.contains("anna"));
        let link = shell.says(&["people", "invite", "--group", "Networks", "--uses", "2", "--note", "second half"]).await;
        let token = link.trim().split_once("/invitation?token=").expect("a link").1;
        edge.client().invitation_accept(token, "dora", PASSWORD).await.expect("invited");
        assert!(shell.says(&["groups", "members", "Networks"]).await.contains("dora"));
        let listed = shell.says(&["people", "invitations"]).await;
        assert!(listed.contains("second half") && listed.contains("1 of 2"), "{listed}");
        let id = listed.lines().nth(1).and_then(|line| line.split(' ').next()).expect("an invitation");
        shell.says(&["people", "uninvite", id]).await;
        assert_eq!(edge.client().invitation_accept(token, "emil", PASSWORD).await.expect_err("over").status(), Some(StatusCode::FORBIDDEN));
        let lines = shell.home.path().join("people.csv");
        std::fs::write(&lines, "emil,user,Networks\n").expect("written");
        let lines = lines.to_str().expect("ASCII");
        assert!(shell.says(&["people", "import", lines, "--check"]).await.contains("emil"));
        let first = shell.says(&["people", "import", lines]).await;
        let first = first.lines().nth(1).and_then(|line| line.split_whitespace().last()).expect("a password");
        edge.client().sign_in("emil", first).await.expect("the first password");
        shell.says(&["groups", "rename", "Networks", "Nets"]).await;
        assert_eq!(shell.code(&["groups", "remove", "Networks"]).await, 4, "it is called otherwise now");
        shell.says(&["groups", "remove", "Nets"]).await;
        assert!(!shell.says(&["groups", "list"]).await.contains("Nets"));
    }

    async fn a_webhook_is_made_tried_and_removed_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let shell = Shell::at(&edge);
        let words = ["--panel", &shell.panel, "sign-in", "root", "--scopes", "read,manage"];
        assert!(shell.run(&words, &format!("{PASSWORD}\n")).await.status.success());
        assert_eq!(shell.code(&["webhooks", "create", "https://127.0.0.1/"]).await, 5, "into no inner network");
        assert!(shell.says(&["webhooks", "create", "https://example.com/hook"]).await.starts_with("umbel_wh_"));
        let list: serde_json::Value = serde_json::from_str(&shell.says(&["webhooks", "list", "-o", "json"]).await).expect("JSON");
        assert_eq!(list[0]["events"].as_array().map(Vec::len), Some(6), "all of them unless said");
        let id = list[0]["id"].as_str().expect("an id");
        shell.says(&["webhooks", "test", id]).await;
        let deliveries = shell.says(&["webhooks", "deliveries", id]).await;
        assert!(deliveries.contains("test") && deliveries.contains("waiting"), "{deliveries}");
        shell.says(&["webhooks", "delete", id]).await;
        assert!(!shell.says(&["webhooks", "list"]).await.contains(id));
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

    async fn a_file_says_how_guests_should_be(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let shell = Shell::at(&edge);
        shell.sign_in("anna").await;
        let file = shell.write("lab.yaml", "guests:\n- {name: web, memory_mib: 128, shares: {berta: [power]}}\n");
        let plan = shell.says(&["apply", "-f", &file, "--plan"]).await;
        assert!(plan.contains("+ web: make it and start it") && plan.contains("share it with berta (power)"), "{plan}");
        assert!(!shell.says(&["guests", "list"]).await.contains("web"), "a plan does nothing");
        assert_eq!(shell.code(&["apply", "-f", &file]).await, 5, "nobody agreed");
        shell.says(&["apply", "-f", &file, "--yes"]).await;
        assert_eq!(shell.says(&["apply", "-f", &file, "--yes"]).await, "All is as it should be.\n");
        assert!(shell.says(&["shares", "list", "web"]).await.contains("berta"));

        let file = shell.write("lab.yaml", "guests: [{name: web, memory_mib: 256, shares: {}}]");
        assert_eq!(shell.code(&["apply", "-f", &file, "--yes"]).await, 5, "it runs");
        shell.says(&["apply", "-f", &file, "--yes", "--restart"]).await;
        let list: serde_json::Value = serde_json::from_str(&shell.says(&["guests", "ls", "-o", "json"]).await).expect("JSON");
        assert_eq!((&list[0]["memory"], &list[0]["wanted"]["wanted"]), (&256.into(), &"running".into()));
        assert!(!shell.says(&["shares", "list", "web"]).await.contains("berta"));
        let gone = shell.write("gone.yaml", "guests: [{name: web, state: absent}]");
        shell.says(&["apply", "-f", &gone, "--yes"]).await;
        assert!(shell.says(&["guests", "list"]).await.contains("Deleted"));
        let wrong = shell.write("wrong.yaml", "guests: [{name: web, ram: 1}]");
        assert_eq!(shell.code(&["apply", "-f", &wrong, "--plan"]).await, 5, "no such field");
    }

    async fn snapshots_are_taken_restored_undone_and_removed_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let shell = Shell::at(&edge);
        shell.sign_in("anna").await;
        let written = || edge.test.host.disks(guest).expect("there").0;
        edge.test.host.write(guest, "one ");
        shell.says(&["snapshots", "take", "web", "--name", "before"]).await;
        edge.test.host.write(guest, "two ");
        assert!(shell.says(&["snapshots", "list", "web"]).await.contains("before"));
        shell.says(&["snapshot", "restore", "web", "before"]).await;
        assert_eq!(written(), "one ");
        shell.says(&["guests", "reset", "web"]).await;
        assert_eq!(written(), "");
        shell.says(&["snapshots", "restore", "web", "undo"]).await;
        assert_eq!(written(), "one ");
        assert_eq!(shell.code(&["snapshots", "restore", "web", "other"]).await, 4, "there is none");
        shell.says(&["snapshots", "rm", "web", "before"]).await;
        assert!(!shell.says(&["snapshots", "list", "web"]).await.contains("before "));
    }

    async fn backups_are_made_and_used_from_a_shell(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(place.path().join("backups")).expect("made");
        let layout = umbel_wire::Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout)).await;
        let guest = edge.test.made("web").await;
        let shell = Shell::at(&edge);
        shell.sign_in("anna").await;
        let written = |guest| edge.test.host.disks(guest).expect("there").0;
        edge.test.host.write(guest, "one ");
        shell.says(&["backups", "take", "web"]).await;
        edge.test.host.write(guest, "two ");
        let list = shell.says(&["backups", "list"]).await;
        assert!(list.contains("web") && list == shell.says(&["backup", "ls", "web"]).await, "{list}");
        let id = list.split_whitespace().last().expect("an id").to_owned();
        // Opened for it, which nobody has to say.
        let listed = shell.says(&["backups", "files", "web", "/etc"]).await;
        assert!(listed.contains("a%0Ab") && listed.contains("mtab -> ../proc/mounts"), "{listed}");
        let file = place.path().join("taken");
        let get = ["backups", "get", "web", "/root/written", "--to", file.to_str().expect("text")];
        shell.says(&get).await;
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "one ");
        assert_ne!(shell.code(&get).await, 0, "what is there is not written over");
        assert_eq!(shell.code(&["backups", "get", "web", "/nothing"]).await, 4, "there is none");
        shell.says(&["backups", "close", "web"]).await;
        shell.says(&["backups", "restore", "web"]).await;
        assert_eq!(written(guest), "one ");
        shell.says(&["backups", "clone", &id, "copy"]).await;
        let rows = guest_list(&fresh.db).await.expect("a list");
        let copy = rows.iter().find(|row| row.spec.name.as_str() == "copy").expect("it was made").id;
        assert_eq!(written(copy), "one ");
        assert_eq!(shell.code(&["backups", "restore", "other"]).await, 4, "there is none");
        assert_eq!(shell.code(&["backups", "remove", "web"]).await, 4, "by its id only");
        shell.says(&["backups", "rm", &id]).await;
        assert!(!shell.says(&["backups", "list"]).await.contains("web"));
    }

    async fn a_file_is_sent_into_a_guest_and_one_fetched_from_a_shell(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = umbel_wire::Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout.clone())).await;
        edge.test.host.share_uploads(layout);
        let guest = edge.test.made("web").await;
        let shell = Shell::at(&edge);
        let words = ["--panel", &shell.panel, "sign-in", "anna", "--scopes", "read,write,console"];
        assert!(shell.run(&words, &format!("{PASSWORD}\n")).await.status.success());
        shell.says(&["files", "send", "web", &shell.write("notes.txt", "words")]).await;
        assert_eq!(edge.test.host.disks(guest).expect("there").0, "file notes.txt ");
        let file = place.path().join("fetched");
        let fetch = ["files", "fetch", "web", "/etc/hosts", "--to", file.to_str().expect("text")];
        shell.says(&fetch).await;
        assert_eq!(std::fs::read_to_string(&file).expect("there"), "words of a guest\n");
        assert_ne!(shell.code(&fetch).await, 0, "what is there is not written over");
        let list = shell.says(&["files", "ls", "web"]).await;
        assert!(list.contains("notes.txt") && list.contains("/etc/hosts"), "{list}");
        assert_eq!(shell.code(&["files", "fetch", "web", "hosts"]).await, 5, "from / on");
        assert_eq!(shell.code(&["files", "send", "other", file.to_str().expect("text")]).await, 4, "there is none");
    }

    async fn volumes_are_made_given_taken_and_removed_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let shell = Shell::at(&edge);
        shell.sign_in("anna").await;
        let held = || edge.test.host.volumes_of(guest).len();
        assert!(shell.says(&["volumes", "create", "data", "--size", "64"]).await.contains("data"));
        assert_eq!(shell.code(&["volumes", "create", "data", "--size", "64"]).await, 5, "there is one");
        assert_eq!(shell.code(&["volumes", "create", "odd", "--size", "65"]).await, 5, "no such size");
        assert!(shell.says(&["volume", "attach", "data", "web", "--read-only"]).await.contains("web /dev/ubdc (ro)"));
        assert_eq!(held(), 1);
        assert_eq!(shell.code(&["volumes", "rm", "data"]).await, 5, "web has it");
        shell.says(&["volumes", "detach", "data", "web"]).await;
        assert_eq!(held(), 0);
        assert!(shell.says(&["volumes", "grow", "data", "--size", "128"]).await.contains("128"));
        let list: serde_json::Value = serde_json::from_str(&shell.says(&["volumes", "ls", "-o", "json"]).await).expect("JSON");
        assert_eq!((&list[0]["name"], &list[0]["state"]), (&"data".into(), &"kept".into()));
        assert_eq!(shell.code(&["volumes", "attach", "none", "web"]).await, 4, "there is none");
        shell.says(&["volumes", "rm", "data"]).await;
        assert!(!shell.says(&["volumes", "list"]).await.contains("data"));
    }

    async fn images_are_listed_and_deprecated_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (anna, root) = (Shell::at(&edge), Shell::at(&edge));
        anna.sign_in("anna").await;
        let words = ["--panel", &root.panel, "sign-in", "root", "--scopes", "read,manage"];
        assert!(root.run(&words, &format!("{PASSWORD}\n")).await.status.success());
        assert!(anna.says(&["images", "list"]).await.contains("built by Umbel"));
        root.says(&["images", "note", "tiny-5", "Old."]).await;
        root.says(&["image", "deprecate", "tiny-5"]).await;
        assert!(anna.says(&["images", "list"]).await.contains("deprecated"));
        assert!(anna.says(&["images", "show", "tiny-5"]).await.contains("Old."));
        assert_eq!(anna.code(&["images", "offer", "tiny-5"]).await, 3, "not hers to do");
        assert_eq!(anna.code(&["images", "show", "none-1"]).await, 4, "no such image");
        assert_eq!(anna.code(&["images", "show", "../x"]).await, 4, "no such image");
        root.says(&["images", "offer", "tiny-5"]).await;
    }

    async fn quotas_are_shown_asked_for_and_set_from_a_shell(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (anna, root) = (Shell::at(&edge), Shell::at(&edge));
        anna.sign_in("anna").await;
        let words = ["--panel", &root.panel, "sign-in", "root", "--scopes", "read,write,manage"];
        assert!(root.run(&words, &format!("{PASSWORD}\n")).await.status.success());
        root.says(&["quota", "set", "anna", "memory", "512"]).await;
        assert!(anna.says(&["quota", "show"]).await.contains("512 MiB"));
        let request = anna.says(&["quota", "ask", "memory", "1024", "--why", "a class"]).await;
        assert!(root.says(&["quota", "list"]).await.contains("a class"));
        root.says(&["quota", "decide", request.trim(), "grant"]).await;
        assert!(anna.says(&["quota", "show"]).await.contains("1 GiB"));
        assert_eq!(anna.code(&["quota", "set", "anna", "memory", "none"]).await, 3, "not hers to do");
        assert!(anna.says(&["usage", "--days", "7"]).await.contains("GUEST-HOURS"));
        assert_eq!(anna.code(&["usage", "--days", "400"]).await, 5, "no such range");
    }

    async fn somebody_agrees_in_a_browser_and_no_password_is_typed(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let shell = Shell::at(&edge);
        let mut child = shell.command(&["--panel", &shell.panel, "sign-in", "--browser", "--days", "7"]).spawn().expect("starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut next = async |word: &str| loop {
            let line = said.next_line().await.expect("text").expect("it waits");
            if let Some(at) = line.find(word) {
                return line[at..].to_owned();
            }
        };
        let address = next("http").await;
        let code = next("the code ").await["the code ".len()..][..9].to_owned();
        let (_, asked) = address.split_once('?').expect("what it asks for");
        let anna = edge.signed_in("anna").await;
        let page = anna.request(Method::GET, &format!("/account/program?{asked}")).send().await.expect("a page");
        let page = page.text().await.expect("text");
        assert!(page.contains(&code) && page.contains("as anna for 7 days"), "{page}");
        let given = agree(&anna, asked).await;
        assert_eq!(given.status(), 200);
        next("Signed in as anna.").await;
        assert!(child.wait().await.expect("it ends").success());
        assert!(shell.says(&["who-am-i"]).await.contains("anna"));
        assert_eq!(agree(&anna, asked).await.status(), 409, "it has one");
        assert_eq!(shell.run(&["--panel", &shell.panel, "sign-in", "--browser", "--scopes", "power"], "").await.status.code(), Some(5));
    }

    async fn a_panel_with_a_certificate_of_its_own_is_trusted_by_file_only(fresh) {
        let lies = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates").join(name);
        let files = Certificate { certificate: lies("one.pem"), key: lies("one.key") };
        let edge = Edge::start_tls(&fresh.db, &files).await;
        let shell = Shell::at(&edge);
        let (ca, typed) = (files.certificate.to_str().expect("text"), format!("{PASSWORD}\n"));
        let distrusted = shell.run(&["--panel", &edge.address, "sign-in", "anna"], &typed).await;
        assert_eq!(distrusted.status.code(), Some(6), "{distrusted:?}");
        let trusted = shell.run(&["--panel", &edge.address, "--ca", ca, "sign-in", "anna"], &typed).await;
        assert!(trusted.status.success(), "{trusted:?}");
        // The file is remembered with the panel; WebSockets trust it too.
        shell.says(&["guests", "list"]).await;
        let client = Client::trusting(&edge.address, &files.certificate).expect("an address");
        client.sign_in("anna", PASSWORD).await.expect("the right password");
        client.socket("/events").await.expect("a WebSocket over TLS");
        let rows = audit_list_after(&fresh.db, 0, 100).await.expect("a list");
        let made = rows.iter().find(|row| row.action == AuditAction::TokenCreate.word()).expect("a row");
        assert_eq!(made.via, AuditVia::CommandLine.word());
    }
}
