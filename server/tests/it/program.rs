//! The program's commands, as processes.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use umbel_app::shown::Role;
use umbel_server::accounts::passwords::Passwords;
use umbel_server::accounts::seal::Seal;
use umbel_server::accounts::{Accounts, SignedIn};
use umbel_server::clock::Clock;
use umbel_server::events::Events;
use umbel_server::store::accounts::account_fetch;
use umbel_server::store::query::sql;
use umbel_server::store::sessions::{Session, session_insert, session_list};

use crate::harness::db::both;
use crate::harness::panel::account;
use crate::harness::postgres::owner;
use crate::harness::program::{Running, Umbel, refused};

#[test]
fn good_settings_are_shown_with_who_said_them() {
    let umbel = Umbel::new();
    let output = umbel.output(&["config", "check", "--boot-s", "7"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for (start, end) in [
        ("boot_s = 7 ", "# flag --boot-s"),
        ("listen = \"127.0.0.1:8080\" ", "# built in"),
        ("data = ", "# environment UMBEL_DATA"),
    ] {
        assert!(shown.lines().any(|line| line.starts_with(start) && line.ends_with(end)), "{start} in {shown}");
    }
}

#[test]
fn bad_settings_are_all_told_and_fail() {
    let umbel = Umbel::new();
    let file = umbel.data().parent().expect("a directory").join("bad.toml");
    fs::write(&file, "lisen = \"127.0.0.1:80\"\nboot_s = 0\n").expect("a file");
    let said = umbel.refused(&["config", "check", "--config", "bad.toml", "--log-format", "xml"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.contains("lisen (") && said.contains("is no setting; listen is"), "{said}");
    assert!(umbel.refused(&["serve", "--config", "bad.toml"]).contains("boot_s = \"0\""));
    assert!(!umbel.data().exists(), "something was made");
}

#[test]
fn a_flag_that_does_not_exist_is_refused() {
    let output = Umbel::new().output(&["serve", "--lisen", "127.0.0.1:80"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--listen"), "{output:?}");
}

#[test]
fn no_database_is_made_for_an_administrator() {
    let umbel = Umbel::new();
    for command in
        [["admin", "list", "--user=x"], ["admin", "first-run-link", "--user=x"], ["admin", "reset-password", "ada"]]
    {
        let said = umbel.refused(&command);
        assert!(said.contains("there is no database") && said.contains("--data"), "{said}");
    }
    assert!(!umbel.data().exists(), "something was made");
}

both! {
    async fn a_password_is_reset_from_the_shell_beside_a_running_panel(fresh) {
        let accounts = Accounts::new(fresh.db.clone(), Events::default(), Clock::System, Passwords::new(2), Seal::new([7; 32]));
        let keeping = tokio::spawn(accounts.keep());
        let caller = account(&fresh.db, "bob", Role::User).await;
        let bob = caller.account.clone();
        let now = Clock::System.now();
        let session = Session {
            id: "s".into(), account: Some(bob.id), data: "{}".into(), address: String::new(), user_agent: String::new(),
            created_at: now, last_seen_at: now, expires_at: i64::MAX,
        };
        session_insert(&fresh.db, &session).await.expect("a new session");
        let over = accounts.session_over(&caller);
        let umbel = Umbel::on(&fresh.address);
        let output = tokio::task::spawn_blocking(move || umbel.output(&["admin", "reset-password", "bob"])).await.expect("no panic");
        assert!(output.status.success(), "{output:?}");
        tokio::time::timeout(Duration::from_secs(1), over).await.expect("the sign-in ends within a second");
        assert_eq!(session_list(&fresh.db, bob.id, 0).await.expect("a list"), []);
        let password = String::from_utf8(output.stdout).expect("text");
        let shown = accounts.sign_in("bob", password.trim_end().into(), None).await.expect("the first password");
        assert!(matches!(shown, SignedIn::All(bob) if bob.must_change_password()));
        keeping.abort();
    }

    async fn whom_nobody_knows_cant_be_reset(fresh) {
        let umbel = Umbel::on(&fresh.address);
        assert!(umbel.refused(&["admin", "reset-password", "eve"]).contains("there is no account eve"));
        assert!(umbel.refused(&["admin", "reset-password", "No Name"]).contains("a–z"));
    }

    async fn a_link_makes_the_first_administrator_and_no_second(fresh) {
        let accounts = Accounts::new(fresh.db.clone(), Events::default(), Clock::System, Passwords::new(2), Seal::new([7; 32]));
        let umbel = Umbel::on(&fresh.address);
        let output = umbel.output(&["admin", "first-run-link"]);
        let link = String::from_utf8(output.stdout).expect("text");
        let token = link.trim_end().strip_prefix("http://127.0.0.1:8080/first-run?token=").expect(&link);
        let password = || "correct horse battery".to_owned();
        let ada = accounts.first_run(token, "ada", password(), password()).await.expect("it opens the panel");
        assert!(account_fetch(&fresh.db, ada.id).await.expect("a read").is_some());
        assert!(umbel.refused(&["admin", "first-run-link"]).contains("there is an administrator already"));
        let output = umbel.output(&["admin", "list"]);
        let list = String::from_utf8_lossy(&output.stdout);
        assert!(list.lines().any(|line| line.starts_with("ada ") && line.contains("administrator") && line.ends_with("never")), "{list}");
    }

    async fn a_newer_database_is_refused_at_the_start(fresh) {
        let row = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   SELECT 9001, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        sql("from the future", row).run(&fresh.db).await.expect("a row");
        let said = Umbel::on(&fresh.address).refused(&["serve", "--listen", "127.0.0.1:0"]);
        assert!(said.contains("is newer than this program") && said.contains(&fresh.address.to_string()), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    async fn a_panel_says_where_it_is_serves_and_drains(fresh) {
        let panel = Umbel::on(&fresh.address).serve();
        let (origin, link) = panel.ready.trim_end().strip_prefix("Umbel is ready: ").expect(&panel.ready)
            .split_once(" – make the first administrator: ").expect(&panel.ready);
        for path in ["/healthz", "/readyz", "/sign-in"] {
            assert_eq!(reqwest::get(format!("{origin}{path}")).await.expect(path).status(), 200, "{path}");
        }
        assert_eq!(reqwest::get(link).await.expect("the link").status(), 200);
        if let Some(user) = owner() {
            assert_eq!(panel.status("Uid"), vec![user.uid.to_string(); 4].join("\t"));
            assert_eq!(panel.status("Groups"), user.gid.to_string());
            assert_eq!(panel.status("CapEff"), "0000000000000000");
        }
        assert_eq!(panel.status("NoNewPrivs"), "1");
        let start = Instant::now();
        panel.signal(Signal::SIGTERM);
        let (status, rest) = panel.ended();
        assert!(status.success() && rest.is_empty(), "{status} {rest}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it listens").to_string();
    let said = Umbel::new().refused(&["serve", "--listen", &address]);
    assert!(said.contains(&format!("{address} is taken by another program; choose another with --listen")), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_data_directory_that_cant_be_written_is_named() {
    // Nobody writes there, root neither.
    let said = Umbel::new().refused(&["serve", "--data", "/proc/umbel", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("the data directory /proc/umbel can't be written") && said.contains("--data"), "{said}");
}

#[test]
fn a_run_directory_too_deep_for_sockets_is_named() {
    let said =
        Umbel::new().refused(&["serve", "--run", &format!("/tmp/{}", "x".repeat(90)), "--listen", "127.0.0.1:0"]);
    assert!(said.contains("--run"), "{said}");
}

#[test]
fn two_panels_never_share_a_data_directory() {
    let umbel = Umbel::new();
    let panel = umbel.serve();
    let said = umbel.refused(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("a panel already runs on"), "{said}");
    panel.signal(Signal::SIGINT);
    assert!(panel.ended().0.success());
    drop(umbel.serve());
}

#[test]
fn root_becomes_somebody_who_exists_and_is_not_root() {
    if owner().is_none() {
        let panel = Umbel::new().serve();
        assert_ne!(panel.status("Uid").split('\t').next(), Some("0"));
        return;
    }
    let umbel = Umbel::new();
    let said = umbel.refused(&["serve", "--user", "umbel-nobody-has-this"]);
    assert!(said.contains("there is no account umbel-nobody-has-this"), "{said}");
    let said = umbel.refused(&["serve", "--user", "root"]);
    assert!(said.contains("choose one without privileges"), "{said}");
    assert!(!umbel.data().exists(), "something was made");
}

#[test]
fn a_hang_up_ends_nothing() {
    let panel = Umbel::new().serve();
    panel.signal(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(100));
    panel.signal(Signal::SIGTERM);
    assert!(panel.ended().0.success());
}

/// Hands a listening socket in as systemd does.
fn handed_in(umbel: &Umbel, fds: &str) -> (std::process::Command, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    let inner = umbel.command(&["serve"]);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &format!("LISTEN_PID=$$ LISTEN_FDS={fds} exec \"$0\" \"$@\" 3<&0 </dev/null")]);
    command.arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    (command, port)
}

#[test]
fn a_socket_that_was_handed_in_is_used() {
    let umbel = Umbel::new();
    let (command, port) = handed_in(&umbel, "1");
    let panel = Running::start(command);
    assert_eq!(panel.origin(), format!("http://127.0.0.1:{port}"));
    drop(panel);
    let (mut command, _) = handed_in(&umbel, "2");
    assert!(refused(&command.output().expect("sh")).contains("2 sockets were handed in"));
}
