//! What asks a session for a fresh proof of who it is, how that is given, and whom nobody asks.

use std::collections::BTreeSet;

use reqwest::header::{ACCEPT, LOCATION, ORIGIN, REFERER};
use reqwest::{Method, Response};
use serde_json::Value;
use umbel_app::shown::Role;
use umbel_client::Client;
use umbel_guest::AccountId;
use umbel_server::accounts::codes::Secret;
use umbel_server::accounts::seal::Seal;
use umbel_server::accounts::sessions::CONFIRMED;
use umbel_server::clock::{Clock, MINUTE};
use umbel_server::store::Db;
use umbel_server::store::audit::audit_list_after;
use umbel_server::store::second_factors::second_factor_fetch;
use umbel_server::store::sessions::{session_list, session_update};

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::{account, operations};
use crate::umbelctl::agree;
use crate::walk;

/// Of all that the walk asks of an administrator; a purge by its page and one's own link follow below.
const ASKED: [&str; 47] = [
    "DELETE /api/v1/backups/{backup}",
    "DELETE /api/v1/guests/{guest}/snapshots/{snapshot}",
    "DELETE /api/v1/host/leftovers/{guest}",
    "DELETE /api/v1/host/leftovers/{guest}/snapshots/{snapshot}",
    "DELETE /api/v1/people/{account}",
    "DELETE /api/v1/people/{account}/second-factor",
    "DELETE /api/v1/session/link",
    "DELETE /api/v1/volumes/{volume}",
    "PATCH /api/v1/people/{account}",
    "GET /api/v1/backups/{backup}/content",
    "GET /api/v1/backups/{backup}/disk",
    "GET /api/v1/guests/{guest}/snapshots/{snapshot}/content",
    "POST /_sf/account_create",
    "POST /_sf/account_decide",
    "POST /_sf/account_import",
    "POST /_sf/account_reinstate",
    "POST /_sf/account_remove",
    "POST /_sf/account_reset_password",
    "POST /_sf/account_reset_second_factor",
    "POST /_sf/account_set_expiry",
    "POST /_sf/account_set_role",
    "POST /_sf/account_suspend",
    "POST /_sf/backup_remove",
    "POST /_sf/guest_give",
    "POST /_sf/invitation_create",
    "POST /_sf/key_add",
    "POST /_sf/leftover_remove",
    "POST /_sf/registration_set",
    "POST /_sf/snapshot_remove",
    "POST /_sf/token_create",
    "POST /_sf/volume_remove",
    "POST /_sf/webhook_create",
    "POST /api/v1/guests/{guest}/purge",
    "POST /api/v1/invitations",
    "POST /api/v1/keys",
    "POST /api/v1/people",
    "POST /api/v1/people/import",
    "POST /api/v1/people/{account}/approve",
    "POST /api/v1/people/{account}/password",
    "POST /api/v1/people/{account}/refuse",
    "POST /api/v1/people/{account}/reinstate",
    "POST /api/v1/people/{account}/suspend",
    "POST /api/v1/session/second-factor",
    "POST /api/v1/tokens",
    "POST /api/v1/webhooks",
    "PUT /api/v1/guests/{guest}/owner",
    "PUT /api/v1/settings/registration",
];

/// All sign-ins of the account were proved that many minutes ago.
pub(crate) async fn aged(db: &Db, who: AccountId, minutes: i64) {
    let now = Clock::System.now();
    for session in session_list(db, who, now).await.expect("a list") {
        let mut data: serde_json::Map<String, Value> = serde_json::from_str(&session.data).expect("an object");
        assert!(data.insert(CONFIRMED.into(), (now - minutes * MINUTE).into()).is_some(), "a sign-in is a proof");
        let data = Value::Object(data).to_string();
        assert!(session_update(db, &session.id, session.account, &data).await.expect("a write"));
    }
}

/// Whether that was the answer, for programs and for pages.
async fn asks(answer: Response) -> bool {
    let (status, body) = (answer.status(), answer.text().await.unwrap_or_default());
    let said: Value = serde_json::from_str(&body).unwrap_or_default();
    let asks = said["type"] == "urn:umbel:confirm-needed" || said["error"] == "confirm_needed";
    assert!(!asks || status == 403, "{status}: {body}");
    asks
}

async fn token(client: &Client, name: &str) -> Option<String> {
    let body = serde_json::json!({ "name": name, "scopes": ["read"], "days": 1 });
    let answer = client.request(Method::POST, "/api/v1/tokens").json(&body).send().await.expect("an answer");
    if answer.status() == 201 {
        return answer.json::<Value>().await.expect("a token")["token"].as_str().map(str::to_owned);
    }
    assert!(asks(answer).await);
    None
}

async fn submit(client: &Client, path: &str, fields: &[(&str, &str)]) -> Response {
    let request = client.request(Method::POST, path).header(ACCEPT, "text/html").form(fields);
    request.header(REFERER, format!("{}/account", client_origin(client))).send().await.expect("an answer")
}

fn client_origin(client: &Client) -> String {
    let request = client.request(Method::GET, "/").build().expect("a request");
    request.url().origin().ascii_serialization()
}

fn leads(answer: &Response) -> (u16, &str) {
    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    (answer.status().as_u16(), to)
}

fn status<T: std::fmt::Debug>(answer: Result<T, umbel_client::Error>) -> u16 {
    answer.expect_err("refused").status().expect("by the panel").as_u16()
}

both! {
    async fn an_old_proof_is_not_enough_for_these_and_for_all_else(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let operation = operations(&fresh.db).await[0].id;
        walk::group(&fresh.db).await;
        let carl = account(&fresh.db, "carl", Role::User).await;
        let fill = |text: &str| walk::fill(text, guest, operation, carl.account.id);
        let root = edge.signed_in("root").await;
        aged(&fresh.db, edge.root.account.id, 15).await;
        let mut asked = BTreeSet::new();
        for (method, path, sent, _) in walk::table() {
            if path.starts_with("/sign-") || (path == "/api/v1/session" && method != Method::GET) {
                continue;
            }
            if asks(walk::send(&root, &method, &fill(path), sent, &fill).await).await {
                asked.insert(format!("{method} {path}"));
            }
        }
        assert_eq!(asked, ASKED.map(str::to_owned).into());

        let purge = [("guest", guest.to_string()), ("name", "web".into())];
        let answer = root.request(Method::POST, "/_sf/guest_purge").form(&purge).send().await.expect("an answer");
        assert!(asks(answer).await);
        let berta = edge.signed_in("berta").await;
        aged(&fresh.db, edge.berta.account.id, 15).await;
        let unlink = submit(&berta, "/account/sign-in-provider", &[("step", "unlink")]).await;
        assert_eq!(leads(&unlink), (303, "/account/confirm?next=/account/sign-in-provider"));
        let begin = submit(&berta, "/account/second-factor", &[("step", "begin")]).await;
        assert_eq!(leads(&begin), (303, "/account/confirm?next=/account/second-factor"));
        let asked = berta.token_ask("program", "read", 7, None);
        let (_, fields) = asked.address.split_once('?').expect("what it asks for");
        let agreed = agree(&berta, fields).await;
        assert!(leads(&agreed).1.starts_with("/account/confirm?next=/account/program"), "{agreed:?}");
        let body = serde_json::json!({ "name": "dora", "role": "user" });
        let answer = berta.request(Method::POST, "/api/v1/people").json(&body).send().await.expect("an answer");
        assert!(answer.status() == 403 && !asks(answer).await, "she may not anyway");
    }

    async fn a_proof_is_good_for_a_quarter_of_an_hour_in_its_session(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (anna, elsewhere) = (edge.signed_in("anna").await, edge.signed_in("anna").await);
        let who = edge.test.anna.account.id;
        aged(&fresh.db, who, 14).await;
        assert!(token(&anna, "a").await.is_some());
        aged(&fresh.db, who, 15).await;
        assert!(token(&anna, "b").await.is_none());
        assert_eq!(status(anna.confirm("wrong horse battery", None).await), 422);
        assert!(token(&anna, "b").await.is_none(), "a wrong password proves nothing");
        anna.confirm(PASSWORD, None).await.expect("the right one");
        assert!(token(&anna, "b").await.is_some());
        assert!(token(&elsewhere, "c").await.is_none(), "another session of hers");
        anna.sign_out().await.expect("she leaves");
        assert_eq!(status(anna.confirm(PASSWORD, None).await), 401);
        let again = edge.signed_in("anna").await;
        assert!(token(&again, "c").await.is_some(), "a sign-in is a proof");

        let rows = audit_list_after(&fresh.db, 0, 100).await.expect("a list");
        let of = |action: &str| {
            let rows = rows.iter().filter(|row| row.action == action && row.name == "anna");
            rows.map(|row| row.outcome.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of("session_confirm"), ["refused", "allowed"]);
        assert_eq!(of("token_create"), ["allowed", "refused", "refused", "allowed", "refused", "allowed"]);
    }

    async fn tries_are_counted_with_those_to_sign_in(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        for _ in 0..10 {
            assert_eq!(status(anna.confirm("wrong horse battery", None).await), 422);
        }
        assert_eq!(status(anna.confirm(PASSWORD, None).await), 429);
        assert_eq!(status(edge.client().sign_in("anna", PASSWORD).await), 429);
    }

    async fn a_token_is_not_asked_and_proves_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let made = edge.signed_in("root").await.token_create("all", &["read", "manage"], 1).await.expect("made");
        aged(&fresh.db, edge.root.account.id, 60).await;
        let program = Client::with_token(&edge.address, &made.token).expect("a token");
        program.account_reset_password(edge.berta.account.id).await.expect("it has the scope");
        assert_eq!(status(program.confirm(PASSWORD, None).await), 403);
    }

    async fn with_a_second_factor_a_code_belongs_to_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        anna.second_factor_begin().await.expect("nothing is on");
        let id = edge.test.anna.account.id;
        let row = second_factor_fetch(&fresh.db, id).await.expect("a read").expect("it was begun");
        let secret = Secret::of(Seal::new([7; 32]).open(&id.to_string(), &row.sealed).expect("our key")).expect("one");
        let codes = anna.second_factor_confirm(&secret.code_at(Clock::System.now())).await.expect("a code");
        aged(&fresh.db, edge.test.anna.account.id, 20).await;
        assert!(anna.confirm(PASSWORD, None).await.expect_err("half of it").needs_code());
        assert_eq!(status(anna.confirm(PASSWORD, Some("000000")).await), 422);
        assert_eq!(status(anna.confirm("wrong horse battery", Some(&codes[0])).await), 422);
        assert!(token(&anna, "a").await.is_none());
        anna.confirm(PASSWORD, Some(&codes[0])).await.expect("a wrong password used no code up");
        assert!(token(&anna, "a").await.is_some());

        aged(&fresh.db, edge.test.anna.account.id, 20).await;
        let page = anna.request(Method::GET, "/account/confirm").send().await.expect("an answer");
        let page = page.text().await.expect("a page");
        assert!(page.contains("name=\"password\"") && page.contains("name=\"code\""), "{page}");
        let fields = [("password", PASSWORD), ("code", &codes[1]), ("next", "/guests")];
        assert_eq!(leads(&submit(&anna, "/account/confirm", &fields).await), (303, "/guests"));
        assert!(token(&anna, "b").await.is_some());
    }

    async fn by_plain_pages_one_is_led_there_and_back(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        aged(&fresh.db, edge.test.anna.account.id, 20).await;
        let form = [("name", "a"), ("scopes[0]", "read"), ("days", "30")];
        let refused = submit(&anna, "/_sf/token_create", &form).await;
        assert!(refused.status().is_redirection(), "{}", refused.status());
        let back = leads(&refused).1.trim_start_matches(&edge.address).to_owned();
        let page = anna.request(Method::GET, &back).send().await.expect("an answer").text().await.expect("a page");
        let link = "href=\"/account/confirm?next=";
        let to = page.split_once(link).and_then(|(_, rest)| rest.split_once('"')).unwrap_or_else(|| panic!("{page}")).0;
        assert!(page.contains("Confirm that it is you"));
        let to = format!("/account/confirm?next={to}");
        let shown = anna.request(Method::GET, &to).send().await.expect("an answer").text().await.expect("a page");
        assert!(shown.contains("name=\"next\" value=\"/account\"") && !shown.contains("name=\"code\""), "{shown}");

        let wrong = submit(&anna, "/account/confirm", &[("password", "wrong horse"), ("next", "/account")]).await;
        assert_eq!(wrong.status(), 422);
        let wrong = wrong.text().await.expect("a page");
        assert!(wrong.contains("id=\"password-error\"") && wrong.contains("value=\"/account\""), "{wrong}");
        let done = submit(&anna, "/account/confirm", &[("password", PASSWORD), ("next", "/account")]).await;
        assert_eq!(leads(&done), (303, "/account"));
        assert_eq!(submit(&anna, "/_sf/token_create", &form).await.status(), 200, "a page with the token");
        let away = submit(&anna, "/account/confirm", &[("password", PASSWORD), ("next", "//evil.example")]).await;
        assert_eq!(leads(&away), (303, "/"));
    }

    async fn nobody_and_other_sites_prove_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let fields = [("password", PASSWORD), ("next", "/people?a=b")];
        let nobody = submit(&edge.client(), "/account/confirm", &fields).await;
        assert_eq!(leads(&nobody), (303, "/sign-in?next=/people%3Fa%3Db"));
        for path in ["/account/confirm", "/api/v1/session/confirm"] {
            let foreign = edge.bare(Method::POST, path).header(ORIGIN, "https://evil.example").form(&fields);
            assert_eq!(foreign.send().await.expect("an answer").status(), 403, "{path}");
        }
    }
}
