//! One real PostgreSQL per test binary, in a temporary directory, reached by a Unix socket only.
//!
//! A small shell watches over it: it waits on a pipe whose other end the test binary holds, so that
//! server and directory go however the binary ends, by a panic or by SIGKILL too.

use std::io::Write as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use umbel_server::store::Db;
use umbel_server::store::db::Address;

const WATCH: &str = r#"
"$@" >"$DIR/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf "$DIR"
"#;

const TEMPLATE: &str = "umbel_template";

/// The server, once started. Never dropped: the pipe closes when the process ends.
struct Server {
    socket: PathBuf,
    next: AtomicU32,
    _watch: ChildStdin,
}

static SERVER: OnceLock<Server> = OnceLock::new();

/// A database of its own with the newest schema, copied from a template.
pub(crate) async fn create() -> (Address, String) {
    let server = SERVER.get_or_init(start);
    let name = format!("umbel_{}", server.next.fetch_add(1, Ordering::Relaxed));
    admin(server, format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await;
    (Address::Postgres(url(&server.socket, &name)), name)
}

/// A database of its own without any table.
pub(crate) async fn create_empty() -> (Address, String) {
    let server = SERVER.get_or_init(start);
    let name = format!("umbel_{}", server.next.fetch_add(1, Ordering::Relaxed));
    admin(server, format!("CREATE DATABASE {name}")).await;
    (Address::Postgres(url(&server.socket, &name)), name)
}

pub(crate) async fn remove(name: &str) {
    let server = SERVER.get().expect("whoever has a database started the server");
    admin(server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

async fn admin(server: &Server, statement: String) {
    let mut connection = PgConnection::connect(&url(&server.socket, "postgres")).await.expect("PostgreSQL is running");
    connection.execute(AssertSqlSafe(statement)).await.expect("an administrator's statement");
    connection.close().await.expect("a quiet end");
}

fn url(socket: &Path, database: &str) -> String {
    format!("postgres://umbel@localhost/{database}?host={}", socket.display())
}

#[expect(clippy::zombie_processes, reason = "it watches until this binary ends, so nobody is left to wait for it")]
fn start() -> Server {
    let programs = programs();
    let directory = tempfile::Builder::new().prefix("umbel-pg-").tempdir().expect("a temporary directory").keep();
    let owner = owner();
    if let Some(user) = &owner {
        chown(&directory, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root may give directories away");
    }

    let data = directory.join("data");
    let mut initdb = as_owner(owner.as_ref(), &programs.join("initdb"));
    initdb.args(["--no-sync", "--auth=trust", "--username=umbel", "--encoding=UTF8", "--locale=C.UTF-8", "-D"]);
    succeeded("initdb", &initdb.arg(&data).current_dir(&directory).output().expect("initdb can be run"));

    let postgres = as_owner(owner.as_ref(), &programs.join("postgres"));
    let mut watch = Command::new("setsid");
    watch.args(["sh", "-c", WATCH, "sh"]).arg(postgres.get_program()).args(postgres.get_args());
    watch.arg("-D").arg(&data).arg("-k").arg(&directory);
    for setting in [
        "listen_addresses=",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "shared_buffers=32MB",
        "max_connections=200",
    ] {
        watch.args(["-c", setting]);
    }
    watch.env("DIR", &directory).current_dir(&directory);
    let mut watch = watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("setsid");
    let pipe = watch.stdin.take().expect("it was asked for");

    let server = Server { socket: directory.clone(), next: AtomicU32::new(1), _watch: pipe };
    // The callers are in runtimes of their own.
    let made = std::thread::spawn({
        let socket = directory.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(make_template(&socket));
        }
    });
    if made.join().is_err() {
        let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "{log}");
        panic!("PostgreSQL did not start; its log stands above");
    }
    server
}

async fn make_template(socket: &Path) {
    let patience = Instant::now() + Duration::from_secs(30);
    let mut connection = loop {
        match PgConnection::connect(&url(socket, "postgres")).await {
            Ok(connection) => break connection,
            Err(error) if Instant::now() > patience => panic!("no PostgreSQL after 30 s: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {TEMPLATE}"))).await.expect("a template");
    connection.close().await.expect("a quiet end");
    let address = Address::Postgres(url(socket, TEMPLATE));
    Db::open(&address).await.expect("the schema").close().await;
}

/// Debian keeps the server's programs out of PATH.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max();
    let on_path =
        || std::env::split_paths(&std::env::var_os("PATH")?).find(|directory| directory.join("initdb").exists());
    newest
        .map(|(_, bin)| bin)
        .or_else(on_path)
        .expect("PostgreSQL's server programs are needed for these tests: apt-get install postgresql")
}

/// PostgreSQL refuses root, so root lends it to another user.
pub(crate) fn owner() -> Option<User> {
    if !Uid::effective().is_root() {
        return None;
    }
    let find = |name| User::from_name(name).ok().flatten();
    Some(find("postgres").or_else(|| find("nobody")).expect("Debian has a user nobody"))
}

fn as_owner(owner: Option<&User>, program: &Path) -> Command {
    let Some(user) = owner else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid)).arg("--clear-groups");
    command.arg(program);
    command
}

fn succeeded(what: &str, output: &Output) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}
