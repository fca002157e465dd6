//! Tokens of programs: what they let in to, and how they end.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, ORIGIN};
use tokio::time::timeout;
use umbel_app::paths;
use umbel_app::shown::Role;
use umbel_client::{Client, NewToken};
use umbel_server::accounts::Accounts;
use umbel_server::accounts::passwords::Passwords;
use umbel_server::accounts::seal::Seal;
use umbel_server::clock::{Clock, DAY};
use umbel_server::events::Events;
use umbel_server::store::accounts::{Standing, account_set_standing};
use umbel_server::store::tokens::token_list;

use crate::harness::db::both;
use crate::harness::edge::{Edge, closed_with};
use crate::harness::panel::account;

const SOON: Duration = Duration::from_secs(2);

async fn token(edge: &Edge, of: &str, scopes: &[&str]) -> (NewToken, Client) {
    let made = edge.signed_in(of).await.token_create("backup", scopes, 30).await.expect("made");
    let client = Client::with_token(&edge.address, &made.token).expect("a token");
    (made, client)
}

fn status<T: std::fmt::Debug>(answer: Result<T, umbel_client::Error>) -> u16 {
    answer.expect_err("refused").status().expect("by the panel").as_u16()
}

both! {
    async fn a_token_does_what_its_scopes_and_its_account_allow(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let (made, anna) = token(&edge, "anna", &["read", "console"]).await;
        assert!(made.token.starts_with("umbel_") && made.token.len() == 70, "recognisable, 256 bits");
        assert_eq!(anna.guest_fetch(guest).await.expect("hers").id, guest);
        anna.socket(&paths::console_socket(guest)).await.expect("a console");
        anna.socket(paths::EVENTS).await.expect("events");
        assert_eq!(status(anna.guest_act(guest, umbel_guest::Action::Kill).await), 403);
        let (_, berta) = token(&edge, "berta", &["read", "power", "console", "write"]).await;
        assert_eq!(status(berta.guest_fetch(guest).await), 404, "not hers, whatever the token");
        let listed = edge.signed_in("anna").await.token_list().await.expect("a list");
        assert_eq!(listed[0].scopes, ["read", "console"]);
        assert!(listed[0].last_used_at.is_some());
    }

    async fn the_table_does_not_hold_the_token(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (made, _) = token(&edge, "anna", &["read"]).await;
        let rows = token_list(&fresh.db, edge.test.anna.account.id).await.expect("a list");
        assert!(rows.len() == 1 && !made.token.contains(&rows[0].id) && !rows[0].id.contains(&made.token[6..]));
    }

    async fn a_removed_token_is_out_within_two_seconds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let (made, program) = token(&edge, "anna", &["read", "console"]).await;
        let mut events = program.socket(paths::EVENTS).await.expect("a socket");
        let mut console = program.socket(&paths::console_socket(guest)).await.expect("a socket");
        let began = Instant::now();
        edge.signed_in("anna").await.token_remove(&made.id).await.expect("removed");
        assert_eq!(timeout(SOON, closed_with(&mut events)).await, Ok(Some(4401)));
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert_eq!(status(program.guest_list().await), 401);
    }

    async fn a_token_ends_with_its_days_and_its_account(fresh) {
        let clock = Clock::set_to(1_700_000_000_000_000);
        let accounts = Accounts::new(fresh.db.clone(), Events::default(), clock.clone(), Passwords::new(1), Seal::new([7; 32]));
        let anna = account(&fresh.db, "anna", Role::User).await;
        let draft = |name: &str| umbel_app::shown::TokenDraft { name: name.into(), group: None, scopes: vec!["read".into()], days: 7 };
        let made = accounts.token_create(&anna, draft("a")).await.expect("made");
        let lets_in = async || accounts.token_caller(&made.token).await.expect("a database").is_some();
        assert!(lets_in().await);
        account_set_standing(&fresh.db, anna.account.id, Standing::Suspended).await.expect("a write");
        assert!(!lets_in().await, "disabled");
        account_set_standing(&fresh.db, anna.account.id, Standing::Active).await.expect("a write");
        clock.advance(7 * DAY);
        assert!(!lets_in().await, "expired");
        assert!(accounts.token_create(&anna, draft("a")).await.is_err(), "the name is taken until it is removed");
    }

    async fn what_a_new_token_lacks_is_named_by_field(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let wrong = async |name: &str, scopes: &[&str], days: u32| -> Vec<String> {
            let error = anna.token_create(name, scopes, days).await.expect_err("refused");
            error.fields().iter().map(|field| field.field.clone()).collect()
        };
        assert_eq!(wrong("", &[], 0).await, ["name", "scopes", "days"]);
        assert_eq!(wrong("a", &["everything"], 400).await, ["scopes", "days"]);
        assert_eq!(wrong("a", &["manage"], 1).await, ["scopes"], "she is no administrator");
    }

    async fn a_reset_password_ends_tokens_too(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (_, program) = token(&edge, "anna", &["read"]).await;
        edge.signed_in("root").await.account_reset_password(edge.test.anna.account.id).await.expect("reset");
        assert_eq!(status(program.guest_list().await), 401);
    }

    // Else a page of another's could use the cookie by sending some token or other.
    async fn cookies_do_not_help_a_token(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let sign_in = edge.bare(Method::POST, "/api/v1/session").header(ORIGIN, &edge.address);
        let body = serde_json::json!({ "name": "anna", "password": crate::harness::edge::PASSWORD });
        let answer = sign_in.json(&body).send().await.expect("an answer");
        let cookie = answer.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        for (path, expected) in [("/api/v1/example", 401), ("/_sf/example_create", 403)] {
            let foreign = edge.bare(Method::POST, path).header(COOKIE, &cookie).header(ORIGIN, "https://evil.example");
            let answer = foreign.header(AUTHORIZATION, "Bearer umbel_none").send().await.expect("an answer");
            assert_eq!(answer.status(), expected, "{path}");
        }
    }
}
