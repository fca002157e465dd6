//! What programs are told as server-sent events, how they go on after a cut, and how a stream ends.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::time::timeout;
use umbel_app::shown;
use umbel_client::{Client, Error, Events, Topic};
use umbel_guest::{Action, GuestId};

use crate::harness::db::both;
use crate::harness::edge::Edge;

const SOON: Duration = Duration::from_secs(2);

async fn listening(client: &Client) -> Events {
    client.events(None).await.expect("a stream")
}

/// What is told until nothing comes for a while.
async fn told(events: &mut Events) -> Vec<Topic> {
    let mut topics = Vec::new();
    while let Ok(event) = timeout(Duration::from_millis(500), events.next()).await {
        topics.push(event.expect("a change").topic);
    }
    topics
}

/// The status with which a stream is refused that has ended; within two seconds.
async fn refused(mut events: Events) -> Option<u16> {
    let ended = async {
        loop {
            if let Err(error) = events.next().await {
                return error.status().map(|status| status.as_u16());
            }
        }
    };
    timeout(SOON, ended).await.expect("within two seconds")
}

async fn purge(edge: &Edge, guest: GuestId) {
    let purge = edge.test.guests.act(&edge.test.anna, guest, Action::Purge).await.expect("always");
    edge.test.over(purge.expect("an operation")).await;
}

/// Until the panel holds so many open.
async fn open(edge: &Edge, number: usize) {
    let began = Instant::now();
    while edge.panel.connections.opened() != number {
        assert!(began.elapsed() < SOON, "{} are open, not {number}", edge.panel.connections.opened());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

both! {
    async fn programs_are_told_of_what_they_may_see(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let mut root = listening(&edge.signed_in("root").await).await;
        let mut anna = listening(&edge.signed_in("anna").await).await;
        let mut berta = listening(&edge.signed_in("berta").await).await;
        let guest = edge.test.made("web").await;
        edge.panel.events.publish(shown::Topic::People);
        let (root, anna, berta) = (told(&mut root).await, told(&mut anna).await, told(&mut berta).await);
        assert!(root.contains(&Topic::Guest(guest)) && anna.contains(&Topic::Guest(guest)));
        assert!(anna.iter().any(|topic| matches!(topic, Topic::Operation(_))));
        assert!(root.contains(&Topic::People) && !anna.contains(&Topic::People));
        assert!(berta.iter().all(|topic| *topic == Topic::Host), "{berta:?}");
    }

    async fn whoever_comes_back_has_missed_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let (anna, berta) = (edge.signed_in("anna").await, edge.signed_in("berta").await);
        let mut events = listening(&anna).await;
        let mut others = listening(&berta).await;
        told(&mut events).await;
        events.cut();
        others.cut();
        open(&edge, 0).await;
        for _ in 0..3 {
            edge.panel.events.guest(guest);
        }
        assert_eq!(told(&mut events).await, [Topic::Guest(guest)], "once");
        let last = events.last().expect("an id").to_owned();
        let mut later = anna.events(Some(&last)).await.expect("a stream");
        assert_eq!(told(&mut later).await, [], "nothing twice");
        assert!(told(&mut others).await.iter().all(|topic| *topic == Topic::Host), "nor what isn't hers");

        // Whose it was is not known any more.
        later.cut();
        purge(&edge, guest).await;
        assert!(told(&mut later).await.contains(&Topic::Everything));
    }

    async fn what_another_life_of_the_panel_told_may_be_everything(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        for last in ["00000000000000000000000000000000-1", "-", "ümlaut"] {
            let mut events = anna.events(Some(last)).await.expect("a stream");
            let first = timeout(SOON, events.next()).await.expect("at once").expect("a change");
            assert_eq!(first.topic, Topic::Everything, "{last}");
            assert_ne!(first.id, last);
        }
    }

    async fn a_stream_begins_with_the_id_of_now(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let asked = edge.signed_in("anna").await.request(Method::GET, "/api/v1/events");
        let mut answer = asked.send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let first = timeout(SOON, answer.chunk()).await.expect("at once").expect("a piece").expect("a piece");
        let text = String::from_utf8_lossy(&first).into_owned();
        assert!(text.contains(&format!("id: {}\n", edge.panel.events.moment().0)) && !text.contains("data"), "{text}");
    }

    async fn a_stream_ends_with_what_let_it_in(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (root, anna) = (edge.signed_in("root").await, edge.signed_in("anna").await);
        let events = listening(&anna).await;
        anna.sign_out().await.expect("signed in");
        assert_eq!(refused(events).await, Some(401));

        let anna = edge.signed_in("anna").await;
        let token = anna.token_create("read", &["read"], 1).await.expect("a token");
        let events = listening(&Client::with_token(&edge.address, &token.token).expect("a token")).await;
        let held = listening(&anna).await;
        let suspend = root.request(Method::POST, &format!("/api/v1/people/{}/suspend", edge.test.anna.account.id));
        let answer = suspend.json(&serde_json::json!({"guests": "go_on"})).send().await.expect("an answer");
        assert_eq!(answer.status(), 204);
        assert_eq!(refused(events).await, Some(401));
        // Nobody reads it, and it is over all the same.
        open(&edge, 0).await;
        drop(held);
    }

    async fn changed_rights_reach_a_stream(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let root = edge.signed_in("root").await;
        let mut events = listening(&edge.signed_in("berta").await).await;
        root.account_set_role(edge.berta.account.id, "operator").await.expect("an administrator");
        assert!(told(&mut events).await.contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert!(told(&mut events).await.contains(&Topic::Guest(guest)));
        // While nobody listens: what it was told of before may be more than is its to know now.
        events.cut();
        root.account_set_role(edge.berta.account.id, "user").await.expect("an administrator");
        assert!(told(&mut events).await.contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert!(!told(&mut events).await.contains(&Topic::Guest(guest)));
    }

    async fn a_panel_that_ends_ends_its_streams(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let mut events = listening(&edge.signed_in("anna").await).await.with_patience(Duration::from_millis(100));
        edge.panel.drain.cancel();
        let ended = timeout(SOON, events.next()).await.expect("within two seconds");
        assert!(matches!(ended, Err(Error::TimedOut { .. } | Error::Refused { .. })), "{ended:?}");
        assert_eq!(edge.panel.connections.opened(), 0);
    }
}
