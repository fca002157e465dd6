//! Requests made out of the API's own document, thousands of them, by schemathesis: right ones, wrong ones and
//! chains of both. Nothing answers 5xx, and no status, header or body comes back that the document doesn't know.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use umbel_app::paths;
use umbel_app::shown::{Role, Scope};

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::account;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Everything that a token can be good for, as an account of that role.
async fn ask_as(edge: &Edge, role: Role, examples: u32) {
    let name = role.word();
    edge.give_password(&account(&edge.panel.store, name, role).await, false).await;
    // Only administrators can have the last.
    let scopes = Scope::ALL.into_iter().filter(|scope| *scope != Scope::Manage || role == Role::Administrator);
    let scopes: Vec<&str> = scopes.map(Scope::word).collect();
    let token = edge.signed_in(name).await.token_create("schemathesis", &scopes, 1).await.expect("a token").token;
    let program = root().join(".venv/bin/schemathesis");
    assert!(program.exists(), "there is no {}; deploy/setup.sh test makes it", program.display());
    let reports = tempfile::tempdir().expect("a directory");
    let asked = Command::new(program)
        .current_dir(reports.path())
        .env("UMBEL_TOKEN", token)
        .args(["--no-color", "--config-file"])
        .arg(root().join("end2end/api/schemathesis.toml"))
        .args(["run", &format!("{}{}", edge.address, paths::API_DOCUMENT)])
        .args(["--max-examples", &examples.to_string()])
        .kill_on_drop(true)
        .output()
        .await
        .expect("schemathesis starts");
    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(asked.status.success(), "as {name}:\n{said}\n{}", String::from_utf8_lossy(&asked.stderr));
    println!("as {name}:\n{said}");
}

both! {
    async fn no_answer_is_one_that_the_document_does_not_know(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.test.made("web").await;
        let (roles, examples) = match std::env::var_os("UMBEL_TEST_FULL") {
            Some(_) => (&[Role::Administrator, Role::Operator, Role::User][..], 40),
            None => (&[Role::Administrator][..], 3),
        };
        for role in roles {
            ask_as(&edge, *role, examples).await;
        }
    }
}
