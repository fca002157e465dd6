//! What open tabs are told, and how they end.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::Method;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use umbel_app::paths;
use umbel_app::shown::{LiveEvent, Role, Topic};
use umbel_client::Socket;
use umbel_server::store::accounts::account_set_role;

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD, closed_with};

const SOON: Duration = Duration::from_secs(2);

/// What is told until nothing comes for a while.
async fn told(socket: &mut Socket) -> Vec<LiveEvent> {
    let (mut events, began) = (Vec::new(), Instant::now());
    while let Ok(Some(Ok(message))) = timeout(Duration::from_millis(500), socket.next()).await
        && began.elapsed() < 2 * SOON
    {
        if let Message::Text(text) = message {
            events.push(serde_json::from_str(&text).expect("an event"));
        }
    }
    events
}

fn topics(events: &[LiveEvent]) -> Vec<Topic> {
    events.iter().map(|event| event.topic).collect()
}

both! {
    async fn everybody_is_told_of_what_they_may_see(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let mut root = edge.signed_in("root").await.socket(paths::EVENTS).await.expect("a socket");
        let mut anna = edge.signed_in("anna").await.socket(paths::EVENTS).await.expect("a socket");
        let mut berta = edge.signed_in("berta").await.socket(paths::EVENTS).await.expect("a socket");
        let guest = edge.test.made("web").await;
        let purge = edge.test.guests.act(&edge.test.anna, guest, umbel_guest::Action::Purge).await.expect("always");
        let purge = purge.expect("an operation");
        edge.test.over(purge).await;
        edge.panel.events.publish(Topic::People);
        let (root, anna, berta) = (told(&mut root).await, told(&mut anna).await, told(&mut berta).await);
        for events in [&root, &anna, &berta] {
            let numbers: Vec<u64> = events.iter().map(|event| event.number).collect();
            assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
        }
        assert!(topics(&root).contains(&Topic::People));
        for topic in [Topic::Guest(guest), Topic::Operation(purge)] {
            assert!(topics(&root).contains(&topic) && topics(&anna).contains(&topic), "{topic:?}");
        }
        let last = anna.iter().rev().find(|event| matches!(event.topic, Topic::Guest(_)));
        assert!(last.is_some_and(|event| event.topic == Topic::Guest(guest)), "also that it is gone");
        for topic in topics(&berta) {
            assert!(matches!(topic, Topic::Host | Topic::Everything), "{topic:?} is not hers to know");
        }
        assert!(!topics(&anna).contains(&Topic::People));
    }

    async fn a_suspended_account_is_out_within_two_seconds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let anna = edge.signed_in("anna").await;
        let mut events = anna.socket(paths::EVENTS).await.expect("a socket");
        let mut console = anna.socket(&paths::console_socket(guest)).await.expect("a socket");
        let root = edge.signed_in("root").await;
        let disable = root.request(Method::POST, &format!("/api/v1/people/{}/suspend", edge.test.anna.account.id));
        let began = Instant::now();
        let answer = disable.json(&serde_json::json!({"guests": "go_on"})).send().await.expect("an answer");
        assert_eq!(answer.status(), 204);
        assert_eq!(timeout(SOON, closed_with(&mut events)).await, Ok(Some(4401)));
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert_eq!(anna.request(Method::GET, "/api/v1/session").send().await.expect("an answer").status(), 401);
        assert!(edge.client().sign_in("anna", PASSWORD).await.is_err());
    }

    async fn a_changed_role_reaches_open_tabs_and_consoles_within_two_seconds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let (root, berta) = (edge.signed_in("root").await, edge.signed_in("berta").await);
        let id = edge.berta.account.id;
        let mut events = berta.socket(paths::EVENTS).await.expect("a socket");
        assert!(berta.socket(&paths::console_socket(guest)).await.is_err(), "it isn't hers to see");
        root.account_set_role(id, "operator").await.expect("an administrator");
        assert!(topics(&told(&mut events).await).contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert!(topics(&told(&mut events).await).contains(&Topic::Guest(guest)), "without a new socket");
        let mut console = berta.socket(&paths::console_socket(guest)).await.expect("a socket");

        let began = Instant::now();
        root.account_set_role(id, "teacher").await.expect("an administrator");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert!(topics(&told(&mut events).await).contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert_eq!(topics(&told(&mut events).await), [], "nothing of it any more");
        assert_eq!(berta.guest_list().await.expect("her own"), []);
    }

    async fn a_role_that_another_panel_changed_is_noticed_too(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let mut events = edge.signed_in("berta").await.socket(paths::EVENTS).await.expect("a socket");
        let began = Instant::now();
        account_set_role(&fresh.db, edge.berta.account.id, Role::Operator).await.expect("an update");
        let first = timeout(SOON, events.next()).await.expect("within two seconds");
        let Some(Ok(Message::Text(text))) = first else { panic!("{first:?}") };
        assert_eq!(serde_json::from_str::<LiveEvent>(&text).expect("an event").topic, Topic::Everything);
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }

    async fn signing_out_ends_its_own_tabs_only_and_a_drain_all(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (one, other) = (edge.signed_in("anna").await, edge.signed_in("anna").await);
        let mut ends = one.socket(paths::EVENTS).await.expect("a socket");
        let mut stays = other.socket(paths::EVENTS).await.expect("a socket");
        one.sign_out().await.expect("signed in");
        assert_eq!(timeout(SOON, closed_with(&mut ends)).await, Ok(Some(4401)));
        edge.panel.events.publish(Topic::Host);
        assert!(topics(&told(&mut stays).await).contains(&Topic::Host));
        edge.panel.drain.cancel();
        assert_eq!(timeout(SOON, closed_with(&mut stays)).await, Ok(Some(1012)));
    }

    async fn foreign_pages_open_no_socket(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let anna = edge.signed_in("anna").await;
        let session = anna.request(Method::GET, "/api/v1/session").send().await.expect("an answer");
        assert_eq!(session.status(), 200);
        for path in [paths::EVENTS.to_owned(), paths::console_socket(guest)] {
            for origin in [None, Some("null"), Some("http://evil.example"), Some("http://127.0.0.1:1")] {
                let request = edge.bare(Method::GET, &path).headers(upgrade());
                let request = match origin {
                    Some(origin) => request.header("origin", origin),
                    None => request,
                };
                let status = request.send().await.expect("an answer").status();
                assert_eq!(status, 403, "{origin:?} at {path}");
            }
        }
    }
}

fn upgrade() -> reqwest::header::HeaderMap {
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let pair = |(name, value): (&'static str, &'static str)| {
        (reqwest::header::HeaderName::from_static(name), reqwest::header::HeaderValue::from_static(value))
    };
    headers.into_iter().map(pair).collect()
}
