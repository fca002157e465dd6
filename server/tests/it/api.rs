//! Bad input over the API: each wrong field is named, and nothing is left behind.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use umbel_client::Client;

use crate::harness::db::both;
use crate::harness::edge::Edge;

/// Status, and the fields that the answer names.
async fn send(client: &Client, method: Method, path: &str, body: impl Into<reqwest::Body>) -> (u16, Vec<String>) {
    let request = client.request(method, path).header("content-type", "application/json").body(body);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.expect("problem details");
    assert_eq!(problem["status"], status);
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    (status, errors.iter().map(|e| e["field"].as_str().expect("a name").to_owned()).collect())
}

fn draft(change: &Value) -> String {
    let mut draft = json!({
        "name": "db", "note": "", "image": "tiny-5", "kernel": "debian-6.1", "memory_mib": 64, "disk_mib": 256
    });
    for (field, value) in change.as_object().expect("an object") {
        draft[field] = value.clone();
    }
    draft.to_string()
}

both! {
    async fn every_wrong_field_is_named_and_nothing_is_left(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.test.made("web").await;
        let anna = edge.signed_in("anna").await;
        let before = edge.test.dump().await;
        let long = "x".repeat(5000);
        for (change, fields) in [
            (json!({"name": ""}), vec!["name"]),
            (json!({"name": long}), vec!["name"]),
            (json!({"name": "a\u{7}b"}), vec!["name"]),
            (json!({"name": "web"}), vec!["name"]),
            (json!({"name": "../x"}), vec!["name"]),
            (json!({"note": long}), vec!["note"]),
            (json!({"memory_mib": 0}), vec!["memory_mib"]),
            (json!({"memory_mib": 4_000_000_000_u32}), vec!["memory_mib"]),
            (json!({"memory_mib": 4096}), vec!["memory_mib"]),
            (json!({"disk_mib": 1}), vec!["disk_mib"]),
            (json!({"disk_mib": 257}), vec!["disk_mib"]),
            (json!({"image": "none"}), vec!["image"]),
            (json!({"image": "../etc"}), vec!["image"]),
            (json!({"kernel": "none"}), vec!["kernel"]),
            (json!({"name": "", "memory_mib": 1, "disk_mib": 1}), vec!["name", "memory_mib", "disk_mib"]),
            // What can't even be read.
            (json!({"memory_mib": -1}), vec!["body"]),
            (json!({"memory_mib": "64"}), vec!["body"]),
            (json!({"disk_kind": "tape"}), vec!["body"]),
            (json!({"owner": "root"}), vec!["body"]),
        ] {
            let (status, named) = send(&anna, Method::POST, "/api/v1/guests", draft(&change)).await;
            assert_eq!((status, named), (422, fields.iter().map(ToString::to_string).collect()), "{change}");
        }
        for body in ["", "{", "[]", "null", "\u{0}"] {
            let (status, named) = send(&anna, Method::POST, "/api/v1/guests", body).await;
            assert_eq!((status, named), (422, vec!["body".to_owned()]), "{body:?}");
        }
        let deep = "[".repeat(20_000);
        assert_eq!(send(&anna, Method::POST, "/api/v1/guests", deep).await.0, 422);
        let plain = anna.request(Method::POST, "/api/v1/guests").header("content-type", "text/plain").body("{}");
        assert_eq!(plain.send().await.expect("an answer").status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(edge.test.dump().await, before);
    }

    async fn people_are_checked_too(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        for (body, fields) in [
            (json!({"name": "", "role": "user"}), vec!["name"]),
            (json!({"name": "anna", "role": "user"}), vec!["name"]),
            (json!({"name": "x y", "role": "king"}), vec!["name", "role"]),
            (json!({"name": "x"}), vec!["body"]),
        ] {
            let (status, named) = send(&root, Method::POST, "/api/v1/people", body.to_string()).await;
            assert_eq!((status, named), (422, fields.iter().map(ToString::to_string).collect()), "{body}");
        }
        let anna = format!("/api/v1/people/{}", edge.test.anna.account.id);
        let past = send(&root, Method::PATCH, &anna, r#"{"expires":"2020-01-01"}"#).await;
        assert_eq!(past, (422, vec!["expires".to_owned()]));
        let to = send(&root, Method::DELETE, &format!("{anna}?guests=give&to=nobody"), "").await;
        assert_eq!(to, (422, vec!["to".to_owned()]));
        let nobody = "/api/v1/people/0190a000-0000-7000-8000-000000000001";
        assert_eq!(send(&root, Method::PATCH, nobody, r#"{"expires":""}"#).await.0, 404);
        let own = format!("/api/v1/people/{}", edge.root.account.id);
        assert_eq!(send(&root, Method::PATCH, &own, r#"{"expires":""}"#).await.0, 409);
        let (status, named) = send(&root, Method::POST, "/api/v1/session", r#"{"name":"a"}"#).await;
        assert_eq!((status, named), (422, vec!["body".to_owned()]));
        let answer = root.request(Method::GET, "/api/v1/operations?guest=none").send().await.expect("an answer");
        assert_eq!(answer.status(), 422);
    }

    async fn a_guest_lives_its_life_over_the_api(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let request = anna.request(Method::POST, "/api/v1/guests").header("content-type", "application/json");
        let answer = request.body(draft(&json!({}))).send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
        let made: Value = answer.json().await.expect("JSON");
        let path = format!("/api/v1/guests/{}", made["guest"].as_str().expect("an id"));
        edge.test.over(made["operation"].as_str().expect("an id").parse().expect("an id")).await;
        let shown: Value = anna.request(Method::GET, &path).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!((&shown["name"], &shown["seen"]["seen"]), (&json!("db"), &json!("running")));
        let act = async |action: &str| {
            let answer = anna.request(Method::POST, &format!("{path}/{action}")).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let acted: Value = answer.json().await.expect("JSON");
            if let Some(operation) = acted["operation"].as_str() {
                edge.test.over(operation.parse().expect("an id")).await;
            }
            status
        };
        assert_eq!(act("start").await, 409, "it runs");
        assert_eq!(act("dance").await, 404);
        assert_eq!(act("shut-down").await, 202);
        let change = anna.request(Method::PATCH, &path).json(&json!({"memory_mib": 128, "name": "big"}));
        let changed: Value = change.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!((&changed["name"], &changed["memory"]), (&json!("big"), &json!(128)));
        let (status, named) = send(&anna, Method::PATCH, &path, r#"{"memory_mib": 1}"#).await;
        assert_eq!((status, named), (422, vec!["memory_mib".to_owned()]));
        assert_eq!(act("start").await, 202);
        assert_eq!(act("purge").await, 202);
        assert_eq!(anna.request(Method::GET, &path).send().await.expect("an answer").status(), 404);
    }
}
