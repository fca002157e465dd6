//! `ETag` and `If-Match`: nobody changes what they haven't seen.

use futures::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use umbel_app::backend::Backend as _;
use umbel_app::shown::GroupDraft;
use umbel_client::Client;
use umbel_guest::Action;

use crate::harness::db::both;
use crate::harness::edge::Edge;

/// Something that can be read and changed at one address, each time to something else.
struct Thing {
    path: String,
    method: Method,
    to: fn(u32) -> Value,
}

async fn things(edge: &Edge) -> Vec<Thing> {
    let guest = edge.test.made("web").await;
    let group = edge.panel.group_create(&edge.root, GroupDraft { name: "Red".into(), kind: "team".into() }).await;
    let (group, berta) = (group.expect("a new group").id, edge.berta.account.id);
    let thing = |path: String, method, to| Thing { path: format!("/api/v1{path}"), method, to };
    vec![
        thing(format!("/guests/{guest}"), Method::PATCH, |i| json!({"note": format!("note {i}")})),
        thing(format!("/people/{berta}"), Method::PATCH, |i| json!({"expires": format!("{}-12-31", 2900 + i)})),
        thing(format!("/groups/{group}"), Method::PUT, |i| json!({"name": format!("Red {i}"), "kind": "class"})),
        thing("/images/tiny-5".into(), Method::PATCH, |i| json!({"note": format!("note {i}")})),
        thing("/kernels/debian-6.1".into(), Method::PATCH, |i| json!({"note": format!("note {i}")})),
        thing(
            "/settings/kernels".into(),
            Method::PUT,
            |i| json!({"choice": if i % 2 == 0 { "administrators" } else { "everyone" }, "upload": "everyone"}),
        ),
        thing("/announcement".into(), Method::PUT, |i| json!({"text": format!("Down at {i}"), "level": "info"})),
    ]
}

async fn read(client: &Client, path: &str) -> (String, Value) {
    let answer = client.request(Method::GET, path).send().await.expect("an answer");
    let tag = answer.headers()["etag"].to_str().expect("visible").to_owned();
    (tag, answer.json().await.expect("JSON"))
}

impl Thing {
    async fn change(&self, client: &Client, seen: &str, to: u32) -> Response {
        let request = client.request(self.method.clone(), &self.path).header("if-match", seen);
        request.json(&(self.to)(to)).send().await.expect("an answer")
    }
}

both! {
    async fn only_what_was_seen_is_changed(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        for thing in things(&edge).await {
            let (tag, before) = read(&root, &thing.path).await;
            for strange in ["\"5e\"", &format!("W/{tag}")] {
                let refused = thing.change(&root, strange, 1).await;
                assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED, "{} {strange}", thing.path);
                assert_eq!(refused.headers()["content-type"], "application/problem+json");
            }
            assert_eq!(thing.change(&root, "5e", 1).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{}", thing.path);
            assert_eq!(read(&root, &thing.path).await, (tag.clone(), before), "{}", thing.path);
            let done = thing.change(&root, &format!("\"5e\", {tag}"), 1).await;
            assert!(done.status().is_success(), "{}: {}", thing.path, done.status());
            assert_ne!(read(&root, &thing.path).await.0, tag, "{}", thing.path);
            assert_eq!(thing.change(&root, &tag, 2).await.status(), StatusCode::PRECONDITION_FAILED, "{}", thing.path);
            assert!(thing.change(&root, "*", 2).await.status().is_success(), "{}", thing.path);
        }
        let (tag, _) = read(&root, "/api/v1/announcement").await;
        let clear = async |tag: &str| {
            let request = root.request(Method::DELETE, "/api/v1/announcement").header("if-match", tag);
            request.send().await.expect("an answer").status()
        };
        assert_eq!(clear("\"5e\"").await, StatusCode::PRECONDITION_FAILED);
        assert_eq!(clear(&tag).await, StatusCode::NO_CONTENT);
    }

    async fn of_twenty_who_saw_the_same_one_changes_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        for thing in things(&edge).await {
            let (tag, _) = read(&root, &thing.path).await;
            let answers = join_all((0..20).map(|i| thing.change(&root, &tag, 2 * i))).await;
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
            let done = statuses.iter().filter(|status| (200..300).contains(*status)).count();
            let changed = statuses.iter().filter(|status| **status == 412).count();
            assert_eq!((done, changed), (1, 19), "{}: {statuses:?}", thing.path);
        }
    }

    async fn what_a_guest_does_is_no_change_of_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let anna = edge.signed_in("anna").await;
        let path = format!("/api/v1/guests/{guest}");
        let (tag, before) = read(&anna, &path).await;
        assert_eq!(before["etag"], json!(tag.trim_matches('"')));
        let stop = edge.test.guests.act(&edge.test.anna, guest, Action::ShutDown).await.expect("it runs");
        edge.test.over(stop.expect("an operation")).await;
        assert_eq!(read(&anna, &path).await.0, tag);
        let change = umbel_client::GuestChange { note: Some("mine".into()), ..Default::default() };
        let changed = anna.guest_change_seen(guest, tag.trim_matches('"'), &change).await.expect("as it was seen");
        let late = anna.guest_change_seen(guest, tag.trim_matches('"'), &change).await.expect_err("it has changed");
        assert_eq!(late.status(), Some(StatusCode::PRECONDITION_FAILED));
        anna.guest_change_seen(guest, &changed.etag, &change).await.expect("as it was answered");
    }

    async fn a_condition_is_never_passed_over(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let anna = edge.signed_in("anna").await;
        for name in ["if-match", "if-none-match", "if-unmodified-since"] {
            let asked = anna.request(Method::POST, &format!("/api/v1/guests/{guest}/kill")).header(name, "\"5e\"");
            let answer = asked.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let problem: Value = answer.json().await.expect("JSON");
            assert_eq!(problem["errors"][0]["field"], json!(name));
        }
        assert!(anna.guest_fetch(guest).await.expect("hers").is_running());
    }
}
