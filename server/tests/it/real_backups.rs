//! A drill: what a real guest has written is backed up, destroyed, and had back, by it and by another one when it is gone,
//! through panel and agent as programs, each of which is killed over it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sha2::Digest as _;
use tempfile::TempDir;
use umbel_client::{Client, OperationState};
use umbel_guest::{Action, GuestDraft, GuestId, OperationId};

use crate::harness::postgres;
use crate::harness::program::Running as Program;
use crate::harness::s3::{Server as S3, files};
use crate::real_host::{Machine, PASSWORD, TAKES, home};

/// A directory that the panel's user may write to, on no account in the data directory.
pub(crate) fn elsewhere() -> TempDir {
    let place = tempfile::Builder::new().prefix("umbel-backups-").tempdir_in("/var/tmp").expect("a directory");
    if let Some(user) = postgres::owner() {
        chown(place.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("given");
    }
    place
}

/// Where the panel's backups go.
pub(crate) enum Target {
    Directory(TempDir),
    Bucket(S3, TempDir),
}

impl Target {
    fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Directory(place) => {
                vec![("UMBEL_BACKUP_DIRECTORY", place.path().join("vault").display().to_string())]
            }
            Self::Bucket(server, place) => {
                let credentials = place.path().join("credentials");
                let bucket = server.place(credentials.clone());
                if let Some(user) = postgres::owner() {
                    chown(&credentials, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("given");
                    fs::set_permissions(&credentials, fs::Permissions::from_mode(0o600)).expect("ours");
                }
                vec![
                    ("UMBEL_BACKUP_S3_URL", bucket.to_string()),
                    ("UMBEL_BACKUP_S3_CREDENTIALS_FILE", credentials.display().to_string()),
                ]
            }
        }
    }

    /// All that lies there.
    fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Directory(place) => files(place.path()),
            Self::Bucket(server, _) => server.files(),
        }
    }

    fn chunks(&self) -> usize {
        self.files().iter().filter(|path| path.components().any(|part| part.as_os_str() == "chunks")).count()
    }
}

fn panel(machine: &Machine, backups: &Target) -> Program {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_umbel"));
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env_clear().stdin(Stdio::null());
    serve.env("UMBEL_DATA", machine.data.path()).env("UMBEL_RUN", machine.run.path());
    serve.envs(backups.settings());
    if let Some(user) = postgres::owner() {
        serve.env("UMBEL_USER", user.name);
    }
    Program::start(serve)
}

pub(crate) async fn first_life(machine: &Machine, backups: &Target) -> (Program, Client) {
    let panel = panel(machine, backups);
    let client = Client::new(panel.origin()).expect("an address");
    let token = panel.ready.trim().rsplit("token=").next().expect("a link").to_owned();
    client.first_run(&token, "ada", PASSWORD).await.expect("nobody was first");
    client.sign_in("ada", PASSWORD).await.expect("the right password");
    (panel, client)
}

/// Its next life after SIGKILL.
pub(crate) async fn killed_and_back(machine: &Machine, backups: &Target, before: Program) -> (Program, Client) {
    // Dropped, it is killed by SIGKILL.
    drop(before);
    let panel = panel(machine, backups);
    let client = Client::new(panel.origin()).expect("an address");
    client.sign_in("ada", PASSWORD).await.expect("the right password");
    (panel, client)
}

pub(crate) async fn over(client: &Client, operation: OperationId) {
    let over = client.operation_over(operation, TAKES).await.expect("it is over");
    assert_eq!(over.state, OperationState::Done, "{over:?}");
}

/// `mark` is said afterwards, and was never said before.
pub(crate) async fn type_in(client: &Client, guest: GuestId, line: &str, mark: &str) {
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    console.take_keyboard().await.expect("ours");
    console.type_line(&format!("{line}; sync; echo d\"\"{mark}")).await.expect("ours is the keyboard");
    console.until(&format!("d{mark}"), TAKES).await.expect("an answer");
    console.until("# ", TAKES).await.expect("a prompt");
}

/// What the command line makes of a download, which it does once.
fn by_umbelctl(panel: &Program, backup: &str) -> Vec<u8> {
    let home = tempfile::tempdir().expect("tmp");
    let file = home.path().join("web.disk.zst");
    let run = |words: &[&str], typed: &str| {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_umbel")).with_file_name("umbelctl");
        let mut command = Command::new(program);
        command.args(words).env_clear().env("HOME", home.path()).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("cargo build --bins makes it");
        child.stdin.take().expect("a pipe").write_all(typed.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    let signed_in = run(&["--panel", panel.origin(), "sign-in", "ada"], &format!("{PASSWORD}\n"));
    assert!(signed_in.status.success(), "{signed_in:?}");
    let path = file.to_str().expect("text");
    let done = run(&["backups", "download", backup, path], "");
    assert!(done.status.success(), "{done:?}");
    let again = run(&["backups", "download", backup, path], "");
    assert!(!again.status.success(), "what is there is not written over");
    assert_eq!(
        fs::read_dir(home.path()).expect("ours").filter_map(Result::ok).filter(|at| at.path().is_file()).count(),
        1
    );
    let mode = fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "for nobody else");
    fs::read(&file).expect("there")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_has_written_is_had_back_from_a_backup_by_it_and_by_another() {
    drill(&Target::Directory(elsewhere())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_has_written_is_had_back_from_a_bucket() {
    drill(&Target::Bucket(S3::start().await, elsewhere())).await;
}

async fn drill(backups: &Target) {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine, backups).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let draft = GuestDraft { disk_mib: 64, ..form.suggested() };
    let guest = client.guest_create(&draft).await.expect("a good draft").guest;
    type_in(&client, guest, "echo dear-to-somebody >/root/dear", "one").await;

    // Whatever step it is at when its panel is killed, the next one goes on with it.
    let taken = client.backup_take(guest).await.expect("there is room");
    let (panel, client) = killed_and_back(&machine, backups, panel).await;
    over(&client, taken.operation).await;
    type_in(&client, guest, "echo later >/root/later", "two").await;
    let again = client.backup_take(guest).await.expect("there is room");
    over(&client, again.operation).await;
    let rows = client.backups().await.expect("a list").rows;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [again.backup, taken.backup]);
    let (held, more) = (rows[1].held_bytes, rows[0].stored_bytes);
    assert!(more * 2 < held, "what is the same is kept once: {more} of {held}");
    assert!(client.snapshots(guest).await.expect("a list").rows.is_empty(), "its passing copies are none of ours");
    let vault = backups.files();
    assert!(vault.len() > 4, "{vault:?}");
    for path in &vault {
        let bytes = fs::read(path).expect("root reads all");
        assert!(!bytes.windows(16).any(|part| part == b"dear-to-somebody"), "{}", path.display());
        let mode = fs::metadata(path).expect("there").permissions().mode();
        // How a server keeps them is its own affair.
        assert!(mode & 0o077 == 0 || matches!(backups, Target::Bucket(..)), "{}", path.display());
    }
    assert!(files(&machine.layout.panel().join("uploads")).is_empty());

    // Taken along, it is what the manifest says, and holds what the guest has written.
    let mut coming = client.backup_download(taken.backup).await.expect("ours");
    let mut file = Vec::new();
    while let Some(bytes) = coming.next().await.expect("it is not cut off") {
        file.extend(bytes);
    }
    let disk = zstd::stream::decode_all(&file[..]).expect("frames of zstd");
    assert_eq!((disk.len() as u64, disk.len()), (coming.disk_bytes, 64 << 20));
    let sha256 = sha2::Sha256::digest(&disk).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(sha256, coming.sha256);
    assert!(disk.windows(16).any(|part| part == b"dear-to-somebody"));
    assert!(file.len() < disk.len() / 2, "it is packed");

    assert!(by_umbelctl(&panel, &taken.backup.to_string()) == file, "the command line has the same");

    // All that it had is written over, while it runs.
    type_in(&client, guest, "dd if=/dev/zero of=/dev/ubda bs=64k count=200 2>/dev/null", "three").await;
    let from = client.console_log(guest, 0).await.expect("it is kept").end;
    let restore = client.backup_restore(taken.backup).await.expect("there").expect("an operation");
    let (panel, client) = killed_and_back(&machine, backups, panel).await;
    over(&client, restore).await;
    assert_eq!(home(&client, guest, from).await, "dear");

    // And when it is gone with its disk, another one has it.
    over(&client, client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation")).await;
    assert_eq!(machine.dump(), Vec::<String>::new());
    let made = client.backup_clone(again.backup, "another").await.expect("there is room");
    over(&client, made.operation).await;
    assert_eq!(home(&client, made.guest, 0).await, "dear later");
    over(&client, client.guest_act(made.guest, Action::Purge).await.expect("always").expect("an operation")).await;
    for backup in [taken.backup, again.backup] {
        client.backup_remove(backup).await.expect("nobody reads it");
    }
    let until = tokio::time::Instant::now() + TAKES;
    while backups.chunks() > 0 {
        assert!(tokio::time::Instant::now() < until, "what nobody needs stays");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(files(&machine.layout.panel().join("uploads")).is_empty());
    assert_eq!(machine.dump(), Vec::<String>::new());
    drop(panel);
}
