//! What happens is told elsewhere: signed, once, and in the end, whoever ends in between.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{any, post};
use ring::hmac;
use tokio::task::JoinSet;
use umbel_app::AppError;
use umbel_app::shown::{DeliveryShown, DeliveryState, NewWebhook, WebhookDraft, WebhookEvent};
use umbel_guest::{DeliveryId, Exit, GuestId, Seen, Wanted};
use umbel_server::accounts::seal::Seal;
use umbel_server::clock::{Clock, DAY, HOUR, MINUTE, SECOND};
use umbel_server::outward::Names;
use umbel_server::store::Db;
use umbel_server::store::guests::guest_fetch;
use umbel_server::store::webhooks::{delivery_claim, delivery_list, delivery_list_due, webhook_list};
use umbel_server::webhooks::{Happened, Webhooks, guest_ended, happened};

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::TestPanel;

/// Somebody who listens on loopback, and answers as it is told to; 204 when nothing is left to say. Dropped, it is away.
struct Listener {
    state: Heard,
    url: String,
    _serving: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Heard {
    heard: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

impl Listener {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("it listens"));
        let state = Heard::default();
        // Who is led elsewhere is heard, too.
        let router = Router::new().route("/hook", post(hear)).fallback(any(hear)).with_state(state.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { state, url, _serving: serving }
    }

    fn will_answer(&self, answers: &[u16]) {
        let answers = answers.iter().map(|status| StatusCode::from_u16(*status).expect("a status"));
        self.state.answers.lock().expect("whole").extend(answers);
    }

    fn heard(&self) -> Vec<(HeaderMap, String)> {
        self.state.heard.lock().expect("whole").clone()
    }
}

async fn hear(State(state): State<Heard>, headers: HeaderMap, body: String) -> Response {
    state.heard.lock().expect("whole").push((headers, body));
    match state.answers.lock().expect("whole").pop_front() {
        Some(StatusCode::TEMPORARY_REDIRECT) => Redirect::temporary("/elsewhere").into_response(),
        Some(status) => status.into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// As a receiver does it, with nothing of the panel's: whether it is from who knows the secret, and of now.
fn is_genuine(headers: &HeaderMap, body: &str, secret: &str, now_s: i64) -> bool {
    let header = headers["umbel-signature"].to_str().expect("text");
    let (seconds, tag) = header.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("two parts");
    let tag: Vec<u8> =
        (0..tag.len()).step_by(2).map(|i| u8::from_str_radix(&tag[i..i + 2], 16).expect("hexadecimal")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let is_now = (now_s - seconds.parse::<i64>().expect("a number")).abs() < 300;
    is_now && hmac::verify(&key, format!("{seconds}.{body}").as_bytes(), &tag).is_ok()
}

/// What docs/api.md tells a receiver to do, as it stands there.
async fn docs_believe(secret: &str, signature: &str, body: &str) -> bool {
    let docs = include_str!("../../../docs/api.md");
    let (_, rest) = docs.split_once("```python\n").expect("the example");
    let (example, _) = rest.split_once("```").expect("its end");
    let asks = "import sys\nsys.exit(0 if is_genuine(sys.argv[1], sys.argv[2], sys.argv[3].encode()) else 7)\n";
    let mut python = tokio::process::Command::new("python3");
    let done = python.arg("-c").arg(format!("{example}\n{asks}")).args([secret, signature, body]).output().await;
    let done = done.expect("python3");
    assert!(matches!(done.status.code(), Some(0 | 7)), "{done:?}");
    done.status.success()
}

/// A panel on the same database, which may send to loopback, at a time that stands still.
fn panel(edge: &Edge, clock: &Clock) -> Webhooks {
    let mut parts = edge.test.guests.parts.clone();
    parts.webhook_networks = vec!["127.0.0.0/8".parse().expect("a block")];
    parts.clock = clock.clone();
    Webhooks::new(parts, Seal::new([7; 32]))
}

fn permitted(edge: &Edge) -> (Webhooks, Clock) {
    let clock = Clock::set_to(1_764_000_000 * SECOND);
    (panel(edge, &clock), clock)
}

async fn made(edge: &Edge, webhooks: &Webhooks, url: &str) -> NewWebhook {
    let draft = WebhookDraft { url: url.into(), events: vec!["guest_crashed".into()] };
    webhooks.create(&edge.root, draft).await.expect("permitted")
}

fn secret(new: &NewWebhook) -> &str {
    new.secret.as_deref().expect("what is posted is signed")
}

fn crash(n: u32) -> Happened {
    Happened {
        event: WebhookEvent::GuestCrashed,
        subject: n.to_string(),
        text: format!("The guest {n} crashed."),
        about: serde_json::json!({ "guest": n }),
    }
}

async fn crashed(db: &Db, clock: &Clock, n: u32) {
    happened(db, clock.now(), crash(n)).await.expect("written");
}

async fn sent(webhooks: &Webhooks) -> usize {
    webhooks.deliver_due().await.expect("a database")
}

async fn newest(db: &Db) -> DeliveryShown {
    delivery_list(db).await.expect("a list").remove(0)
}

both! {
    async fn an_event_comes_signed_and_once(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let listener = Listener::start().await;
        let new = made(&edge, &webhooks, &listener.url).await;
        crashed(&fresh.db, &clock, 1).await;
        // Not chosen, and told a moment ago.
        let other = Happened { event: WebhookEvent::HostDiskShort, ..crash(1) };
        happened(&fresh.db, clock.now(), other).await.expect("written");
        happened(&fresh.db, clock.now() + MINUTE, crash(1)).await.expect("written");
        assert_eq!((sent(&webhooks).await, sent(&webhooks).await), (1, 0));

        let heard = listener.heard();
        let [(headers, body)] = heard.as_slice() else { panic!("{heard:?}") };
        let now_s = clock.now() / SECOND;
        assert!(is_genuine(headers, body, secret(&new), now_s));
        assert!(!is_genuine(headers, body, secret(&new), now_s + 301), "kept by somebody and sent later");
        assert!(!is_genuine(headers, &body.replace('1', "2"), secret(&new), now_s), "another body");
        assert!(!is_genuine(headers, body, "umbel_wh_guessed", now_s));
        assert_eq!((&headers["umbel-event"], &headers["content-type"]), (&"guest_crashed".parse().expect("text"), &"application/json".parse().expect("text")));
        let said: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!((said["event"].as_str(), said["about"]["guest"].as_i64()), (Some("guest_crashed"), Some(1)));
        assert_eq!(headers["umbel-delivery"].to_str().ok(), said["id"].as_str());

        clock.advance(11 * MINUTE);
        crashed(&fresh.db, &clock, 1).await;
        assert_eq!(sent(&webhooks).await, 1, "later it is news again");
    }

    async fn the_receiver_of_the_docs_believes_what_was_sent_and_nothing_else(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let webhooks = panel(&edge, &Clock::System);
        let listener = Listener::start().await;
        let new = made(&edge, &webhooks, &listener.url).await;
        crashed(&fresh.db, &Clock::System, 1).await;
        sent(&webhooks).await;
        let (headers, body) = listener.heard().remove(0);
        let header = headers["umbel-signature"].to_str().expect("text");
        assert!(docs_believe(secret(&new), header, &body).await);
        assert!(!docs_believe(secret(&new), header, &body.replace("crashed", "is well")).await);
        assert!(!docs_believe("umbel_wh_guessed", header, &body).await);
        let old = umbel_server::webhooks::secret::signature(secret(&new), Clock::System.now() / SECOND - 301, &body);
        assert!(!docs_believe(secret(&new), &old, &body).await, "it was kept by somebody");
    }

    async fn what_fails_is_tried_again_and_given_up_in_the_end(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let listener = Listener::start().await;
        made(&edge, &webhooks, &listener.url).await;
        listener.will_answer(&[500, 307]);
        crashed(&fresh.db, &clock, 1).await;
        assert_eq!((sent(&webhooks).await, sent(&webhooks).await), (1, 0), "not again at once");
        assert_eq!(newest(&fresh.db).await.answer, "answered 500 Internal Server Error");
        clock.advance(9 * SECOND);
        assert_eq!(sent(&webhooks).await, 0);
        clock.advance(SECOND);
        assert_eq!(sent(&webhooks).await, 1);
        let shown = newest(&fresh.db).await;
        assert_eq!((shown.state, shown.tries, shown.answer.as_str()), (DeliveryState::Waiting, 2, "answered 307 Temporary Redirect"));
        assert_eq!(listener.heard().len(), 2, "nobody is followed elsewhere");
        clock.advance(MINUTE);
        assert_eq!(sent(&webhooks).await, 1);
        let shown = newest(&fresh.db).await;
        assert_eq!((shown.state, shown.tries, shown.answer.as_str()), (DeliveryState::Delivered, 3, "204 No Content"));

        listener.will_answer(&[503; 9]);
        clock.advance(SECOND);
        crashed(&fresh.db, &clock, 2).await;
        for _ in 0..30 {
            sent(&webhooks).await;
            clock.advance(DAY / 2);
        }
        let shown = newest(&fresh.db).await;
        assert_eq!((shown.state, shown.tries), (DeliveryState::GivenUp, 9));
    }

    async fn what_was_given_up_is_sent_again_by_hand(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let listener = Listener::start().await;
        let new = made(&edge, &webhooks, &listener.url).await;
        listener.will_answer(&[410]);
        crashed(&fresh.db, &clock, 1).await;
        sent(&webhooks).await;
        let shown = newest(&fresh.db).await;
        assert_eq!((shown.state, shown.tries), (DeliveryState::GivenUp, 1), "gone is gone");
        assert_eq!(webhook_list(&fresh.db).await.expect("a list")[0].gone_at, Some(clock.now()));
        crashed(&fresh.db, &clock, 2).await;
        assert_eq!(delivery_list(&fresh.db).await.expect("a list").len(), 1, "nothing more is meant for it");

        webhooks.redeliver(&edge.root, shown.id).await.expect("it is in the list");
        assert_eq!(sent(&webhooks).await, 1);
        let again = newest(&fresh.db).await;
        assert_eq!((again.id, again.state), (shown.id, DeliveryState::Delivered));
        assert_eq!(webhook_list(&fresh.db).await.expect("a list")[0].gone_at, None, "it is back");
        let heard = listener.heard();
        assert_eq!(heard[0].1, heard[1].1, "the same, with its id");
        webhooks.redeliver(&edge.root, DeliveryId(uuid::Uuid::nil())).await.expect_err("there is no such one");
        webhooks.redeliver(&edge.berta, shown.id).await.expect_err("not hers to do");
        webhooks.remove(&edge.root, new.id).await.expect("it is there");
        webhooks.redeliver(&edge.root, shown.id).await.expect_err("it went with its webhook");
    }

    async fn a_panel_that_ends_before_or_while_it_sends_leaves_it_to_the_next(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let listener = Listener::start().await;
        let new = made(&edge, &webhooks, &listener.url).await;
        crashed(&fresh.db, &clock, 1).await;
        drop(webhooks);
        // Another began, and was killed after it had said so.
        let due = delivery_list_due(&fresh.db, new.id, clock.now()).await.expect("a list").remove(0);
        assert!(delivery_claim(&fresh.db, &due, clock.now() + MINUTE).await.expect("a write"));
        let next_life = panel(&edge, &clock);
        assert_eq!(sent(&next_life).await, 0, "it may still be at it");
        clock.advance(MINUTE);
        assert_eq!(sent(&next_life).await, 1);
        assert!(is_genuine(&listener.heard()[0].0, &listener.heard()[0].1, secret(&new), clock.now() / SECOND));
    }

    async fn several_panels_send_each_event_once(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (one, clock) = permitted(&edge);
        let [two, three] = [panel(&edge, &clock), panel(&edge, &clock)];
        let listeners = [Listener::start().await, Listener::start().await];
        for listener in &listeners {
            made(&edge, &one, &listener.url).await;
        }
        for n in 0..30 {
            crashed(&fresh.db, &clock, n).await;
        }
        let mut tried = 0;
        while let (a, b, c) = tokio::join!(sent(&one), sent(&two), sent(&three)) && a + b + c > 0 {
            tried += a + b + c;
        }
        assert_eq!(tried, 60);
        for listener in &listeners {
            let mut ids: Vec<String> = listener.heard().iter().map(|(headers, _)| headers["umbel-delivery"].to_str().expect("text").to_owned()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!((ids.len(), listener.heard().len()), (30, 30));
        }
    }

    async fn one_that_hangs_holds_up_no_other(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        // It takes the request and says nothing.
        let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", hanging.local_addr().expect("it listens"));
        let listener = Listener::start().await;
        let slow = made(&edge, &webhooks, &url).await;
        made(&edge, &webhooks, &listener.url).await;
        for n in 0..20 {
            crashed(&fresh.db, &clock, n).await;
        }
        let running = tokio::spawn(webhooks.clone().run());
        while listener.heard().len() < 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let of_slow = || async {
            let list = delivery_list(&fresh.db).await.expect("a list");
            list.into_iter().filter(|delivery| delivery.webhook == slow.id).collect::<Vec<_>>()
        };
        while of_slow().await.iter().all(|delivery| delivery.tries == 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        running.abort();
        let tried: Vec<DeliveryShown> = of_slow().await.into_iter().filter(|delivery| delivery.tries > 0).collect();
        assert_eq!((tried.len(), tried[0].state), (1, DeliveryState::Waiting), "one, and then it is left in peace");
        assert!(tried[0].answer.contains("timed out"), "{}", tried[0].answer);
    }

    async fn nothing_is_sent_where_the_settings_dont_permit_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        let listener = Listener::start().await;
        let error = root.webhook_create(&listener.url, &["guest_crashed"]).await.expect_err("it is loopback");
        assert_eq!(error.fields().iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["url"]);
        let error = root.webhook_create("https://example.com/", &["what"]).await.expect_err("no event");
        assert_eq!(error.fields().iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["events"]);

        // Permitted once and no more, and a name that leads here.
        let (permitting, clock) = permitted(&edge);
        made(&edge, &permitting, &listener.url).await;
        let name = listener.url.replace("http://127.0.0.1", "https://localhost");
        root.webhook_create(&name, &["guest_crashed"]).await.expect("names are looked up later");
        crashed(&fresh.db, &clock, 1).await;
        let mut parts = edge.test.guests.parts.clone();
        parts.clock = clock;
        assert_eq!(sent(&Webhooks::new(parts, Seal::new([7; 32]))).await, 2);
        let list = delivery_list(&fresh.db).await.expect("a list");
        assert!(list.iter().all(|delivery| delivery.answer.contains("no public network")), "{list:?}");
        assert_eq!(listener.heard().len(), 0);
    }

    async fn a_name_is_looked_at_each_time_that_it_is_connected_to(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (mut webhooks, clock) = permitted(&edge);
        let names: Arc<Mutex<HashMap<String, Vec<IpAddr>>>> = Arc::default();
        webhooks.names = Names::Told(Arc::clone(&names));
        let listener = Listener::start().await;
        made(&edge, &webhooks, &listener.url.replace("127.0.0.1", "hooks.example")).await;
        let leads_to = |address: &str| {
            names.lock().expect("whole").insert("hooks.example".into(), vec![address.parse().expect("an address")]);
        };
        leads_to("127.0.0.1");
        crashed(&fresh.db, &clock, 1).await;
        sent(&webhooks).await;
        assert_eq!(newest(&fresh.db).await.state, DeliveryState::Delivered);
        for (n, inner) in ["169.254.169.254", "::1", "10.0.0.1", "::ffff:192.168.0.1"].into_iter().enumerate() {
            leads_to(inner);
            clock.advance(HOUR);
            crashed(&fresh.db, &clock, 2 + u32::try_from(n).expect("few")).await;
            // One for each round, since each fails.
            while sent(&webhooks).await > 0 {}
            let shown = newest(&fresh.db).await;
            assert_eq!(shown.state, DeliveryState::Waiting);
            assert!(shown.answer.contains("no public network"), "{inner}: {}", shown.answer);
        }
        assert_eq!(listener.heard().len(), 1);
    }

    async fn administrators_make_try_and_remove_them(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        let url = "https://example.com/T0/a-secret-of-theirs";
        let new = root.webhook_create(url, &["guest_crashed", "quota_reached"]).await.expect("made");
        let secret = new.secret.expect("what is posted is signed");
        assert!(secret.starts_with("umbel_wh_") && secret.len() == 73, "256 bits");
        root.webhook_test(new.id).await.expect("asked");
        let shown = root.webhook_list().await.expect("a list");
        assert_eq!((shown.webhooks.len(), shown.deliveries.len(), shown.deliveries[0].event.as_str()), (1, 1, "test"));
        root.webhook_redeliver(shown.deliveries[0].id).await.expect("asked");
        let audit = umbel_server::store::audit::audit_list_after(&fresh.db, 0, 100).await.expect("rows");
        assert!(!format!("{shown:?} {audit:?}").contains(&secret), "told once");
        assert!(!format!("{audit:?}").contains("a-secret-of-theirs"), "and theirs is not told on");
        assert!(format!("{audit:?}").contains("https://example.com"));
        root.webhook_remove(new.id).await.expect("removed");
        let shown = root.webhook_list().await.expect("a list");
        assert_eq!((shown.webhooks.len(), shown.deliveries.len()), (0, 0), "with what waited for it");
        root.webhook_test(new.id).await.expect_err("it is gone");
    }

    async fn no_secret_is_in_the_database_and_a_copy_of_it_sends_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let listener = Listener::start().await;
        let new = made(&edge, &webhooks, &listener.url).await;
        crashed(&fresh.db, &clock, 1).await;
        let sealed = delivery_list_due(&fresh.db, new.id, clock.now()).await.expect("a list").remove(0).sealed;
        assert!(!sealed.contains(&secret(&new)[10..20]));
        let mut parts = edge.test.guests.parts.clone();
        parts.webhook_networks = vec!["127.0.0.0/8".parse().expect("a block")];
        parts.clock = clock;
        sent(&Webhooks::new(parts, Seal::new([8; 32]))).await;
        assert!(newest(&fresh.db).await.answer.contains("does not open"));
        assert_eq!(listener.heard().len(), 0);
    }

    async fn what_waits_and_what_is_over_stays_within_bounds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let draft = |n| WebhookDraft { url: format!("https://example.com/{n}"), events: vec!["guest_crashed".into()] };
        for n in 0..20 {
            webhooks.create(&edge.root, draft(n)).await.expect("there is room");
        }
        let error = webhooks.create(&edge.root, draft(20)).await.expect_err("enough");
        assert!(matches!(error, AppError::Conflict { .. }), "{error}");
        for webhook in webhook_list(&fresh.db).await.expect("a list").iter().skip(1) {
            webhooks.remove(&edge.root, webhook.id).await.expect("it is there");
        }
        for n in 0..1001 {
            crashed(&fresh.db, &clock, n).await;
        }
        let shown = newest(&fresh.db).await;
        assert_eq!((shown.state, shown.answer.as_str()), (DeliveryState::GivenUp, "not sent: 1000 others wait already"));
        clock.advance(31 * DAY);
        webhooks.trim().await.expect("a write");
        let left = delivery_list(&fresh.db).await.expect("a list");
        assert!(left.iter().all(|delivery| delivery.state == DeliveryState::Waiting), "what waits is never forgotten");
    }

    async fn a_guest_that_crashes_is_told_when_it_is_settled(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        root.webhook_create("https://example.com/hook", &["guest_crashed"]).await.expect("made");
        let guest = edge.test.made("web").await;
        edge.test.host.advance(guest, Seen::Ended { at: 1, exit: Exit::Crashed { signal: 6 } });
        let settled = async |panel: &TestPanel| panel.row(guest).await.expect("there").wanted == Wanted::Stopped;
        edge.test.eventually("it is settled", settled).await;
        let list = delivery_list(&fresh.db).await.expect("a list");
        assert_eq!(list.iter().map(|delivery| delivery.event.as_str()).collect::<Vec<_>>(), ["guest_crashed"]);
    }

    async fn crashes_quotas_and_sign_ins_are_noticed(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (webhooks, clock) = permitted(&edge);
        let draft = WebhookDraft {
            url: "https://example.com/".into(),
            events: WebhookEvent::ALL.map(|event| event.word().to_owned()).to_vec(),
        };
        webhooks.create(&edge.root, draft).await.expect("permitted");
        let guest: GuestId = edge.test.made("web").await;
        let mut row = guest_fetch(&fresh.db, guest).await.expect("a read").expect("it is there");
        row.seen = Seen::Ended { at: 1, exit: Exit::PoweredOff };
        guest_ended(&edge.test.guests.parts, &row).await;
        assert_eq!(delivery_list(&fresh.db).await.expect("a list"), [], "that is no crash");
        row.seen = Seen::Ended { at: 1, exit: Exit::Crashed { signal: 6 } };
        guest_ended(&edge.test.guests.parts, &row).await;
        let anna = edge.test.anna.account.id;
        let one = Some(umbel_guest::quota::Said::AtMost(1));
        umbel_server::store::quotas::quota_set_own(&fresh.db, anna, umbel_guest::quota::Kind::Guests, one).await.expect("a write");
        for _ in 0..10 {
            webhooks.sign_ins.failed(clock.now());
        }
        webhooks.look().await.expect("a look");
        webhooks.look().await.expect("nothing new");
        let list = delivery_list(&fresh.db).await.expect("a list");
        let mut events: Vec<&str> = list.iter().map(|delivery| delivery.event.as_str()).collect();
        events.sort_unstable();
        events.retain(|event| !event.starts_with("host_"));
        assert_eq!(events, ["guest_crashed", "quota_reached", "sign_ins_failing"]);
    }
}
