//! A request under a key is carried out once, however often it comes.

use std::sync::Arc;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use umbel_app::shown::Role;
use umbel_client::Client;
use umbel_server::clock::Clock;
use umbel_server::store::accounts::account_list;
use umbel_server::store::guests::guest_list;
use umbel_server::store::idempotency::{idempotency_fetch, idempotency_purge, idempotency_take};

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::draft;

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> (u16, bool, Value) {
    let request = client.request(Method::POST, path).header("idempotency-key", key).json(body);
    let answer = request.send().await.expect("an answer");
    let (status, replayed) = (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed"));
    (status, replayed, answer.json().await.unwrap_or_default())
}

fn web(name: &str) -> Value {
    serde_json::to_value(draft(name)).expect("JSON")
}

both! {
    async fn a_request_under_a_key_is_carried_out_once(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let first = post(&anna, "/api/v1/guests", "k-1", &web("web")).await;
        assert_eq!((first.0, first.1), (202, false), "{first:?}");
        let second = post(&anna, "/api/v1/guests", "\"k-1\"", &web("web")).await;
        assert_eq!((second.0, second.1, &second.2), (202, true, &first.2));
        let other = post(&anna, "/api/v1/guests", "k-1", &web("db")).await;
        assert_eq!((other.0, &other.2["errors"][0]["field"]), (422, &json!("idempotency-key")));
        // Keys are each account's own.
        let berta = edge.signed_in("berta").await;
        let hers = post(&berta, "/api/v1/guests", "k-1", &web("web")).await;
        assert_eq!((hers.0, hers.1), (202, false));
        assert_ne!(hers.2, first.2);
        assert_eq!(guest_list(&fresh.db).await.expect("a list").len(), 2);
        // A refusal is not kept: its reason may be gone.
        let mut wrong = web("x");
        wrong["memory_mib"] = json!(1);
        assert_eq!(post(&anna, "/api/v1/guests", "k-2", &wrong).await.0, 422);
        assert_eq!(post(&anna, "/api/v1/guests", "k-2", &web("x")).await.0, 202);
        for bad in ["", "a b", &"x".repeat(129)] {
            assert_eq!(post(&anna, "/api/v1/guests", bad, &web("y")).await.0, 422, "{bad:?}");
        }
    }

    async fn twenty_at_once_make_one(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = Arc::new(edge.signed_in("anna").await);
        let asked = (0..20).map(|_| {
            let anna = Arc::clone(&anna);
            async move { post(&anna, "/api/v1/guests", "race", &web("web")).await }
        });
        let answers = join_all(asked).await;
        let made: Vec<_> = answers.iter().filter(|(status, ..)| *status == 202).collect();
        assert!(!made.is_empty() && made.iter().all(|(.., body)| *body == made[0].2), "{answers:?}");
        assert_eq!(made.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
        assert!(answers.iter().all(|(status, ..)| [202, 409].contains(status)), "{answers:?}");
        assert_eq!(guest_list(&fresh.db).await.expect("a list").len(), 1);
    }

    async fn a_secret_is_told_once_all_the_same(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        let emil = json!({ "name": "emil", "role": Role::User.word() });
        let first = post(&root, "/api/v1/people", "p", &emil).await;
        assert_eq!(first.0, 201);
        let again = post(&root, "/api/v1/people", "p", &emil).await;
        assert_eq!((again.0, again.2.to_string().contains(first.2["password"].as_str().expect("a password"))), (409, false));
        let accounts = account_list(&fresh.db).await.expect("a list");
        assert_eq!(accounts.iter().filter(|account| account.name.as_str() == "emil").count(), 1);
    }

    async fn what_is_under_way_is_a_conflict_and_a_day_later_the_key_is_free(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (db, anna) = (&fresh.db, edge.test.anna.account.id);
        // Later than what the panel itself purges meanwhile.
        let at = Clock::System.now();
        assert!(idempotency_take(db, anna, "k", "hash", at).await.expect("written"));
        assert!(!idempotency_take(db, anna, "k", "hash", at + 1).await.expect("taken"));
        assert_eq!(idempotency_purge(db, at).await.expect("purged"), 0);
        assert_eq!(idempotency_purge(db, at + 1).await.expect("purged"), 1);
        assert_eq!(idempotency_fetch(db, anna, "k").await.expect("a read"), None);
    }
}
