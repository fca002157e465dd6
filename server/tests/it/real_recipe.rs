//! A distribution with pacman, of a recipe: its packages are in a repository that a mirror of the test has, a panel and an
//! agent as programs build it, a real guest of it has name, user and key.

#[path = "../../../host/agent/tests/it/repository.rs"]
mod repository;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use umbel_client::{Client, ImageDraft, OperationState};
use umbel_guest::setup::SetupDraft;
use umbel_guest::{Action, GuestDraft};

use crate::harness::postgres;
use crate::harness::program::Running as Program;
use crate::real_host::{Machine, PASSWORD, TAKES};
use repository::{Key, Repository, root};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

async fn file(State(directory): State<PathBuf>, Path(name): Path<String>) -> Result<Vec<u8>, StatusCode> {
    std::fs::read(directory.join(name)).map_err(|_| StatusCode::NOT_FOUND)
}

/// Where a repository's files are answered for, while the test lives.
async fn mirror(repository: &Repository) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let files = axum::Router::new().route("/{name}", axum::routing::get(file));
    let files = files.with_state(repository.directory().to_owned());
    tokio::spawn(async move { axum::serve(listener, files).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_of_a_recipe_that_the_panel_built_has_its_name_user_and_key() {
    let (mut repository, key) = (Repository::new(), Key::new());
    let key_line = key.line();
    repository.sign_with(key);
    repository.package("tiny", "", root);
    let (machine, mirror) = (Machine::start(), mirror(&repository).await);
    let mut serve = Command::new(env!("CARGO_BIN_EXE_umbel"));
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env_clear().stdin(Stdio::null());
    serve.env("UMBEL_DATA", machine.data.path()).env("UMBEL_RUN", machine.run.path());
    serve.env("UMBEL_FETCH_NETWORKS", "127.0.0.0/8");
    if let Some(user) = postgres::owner() {
        serve.env("UMBEL_USER", user.name);
    }
    let panel = Program::start(serve);
    let client = Client::new(panel.origin()).expect("an address");
    let token = panel.ready.trim().rsplit("token=").next().expect("a link").to_owned();
    client.first_run(&token, "ada", PASSWORD).await.expect("nobody was first");
    client.sign_in("ada", PASSWORD).await.expect("the right password");
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");

    let recipe = repository.recipe_from(&mirror, &key_line);
    let begun = client.image_import(&ImageDraft { recipe, ..ImageDraft::default() }).await.expect("well said");
    let over = client.operation_over(begun.expect("an operation"), TAKES).await.expect("it is over");
    assert_eq!(over.state, OperationState::Done, "{over:?}");
    let image = client.image_fetch(&"small-1".parse().expect("a slug")).await.expect("it is there");
    assert_eq!((image.origin.as_str(), image.file_system.as_deref()), ("built of a recipe", Some("ext4")));

    let setup = SetupDraft { user: "anna".into(), ssh_keys: KEY.into(), ..SetupDraft::default() };
    let draft = GuestDraft { name: "arch".into(), image: "small-1".into(), disk_mib: 128, setup, ..form.suggested() };
    let guest = client.guest_create(&draft).await.expect("a good draft").guest;
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("root@arch", TAKES).await.expect("its prompt has its name");
    console.type_line("id anna; cat /home/anna/.ssh/authorized_keys").await.expect("ours is the keyboard");
    console.until("(anna) gid=", TAKES).await.expect("its user");
    console.until("IJdD7y3aLq454yWBdwLWbieU1ebz9", TAKES).await.expect("its key");
    let purge = client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
    assert_eq!(machine.dump(), Vec::<String>::new());
}
