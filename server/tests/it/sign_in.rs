//! Coming in and going out, as plain forms do it.

use std::collections::HashSet;

use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use tokio::task::JoinSet;
use umbel_app::shown::{GuestFilter, PersonFilter};
use umbel_client::Client;
use umbel_server::store::accounts::{Standing, account_set_standing};

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};

async fn submit(client: &Client, path: &str, fields: &[(&str, &str)]) -> Response {
    client.request(Method::POST, path).form(fields).send().await.expect("an answer")
}

async fn get(client: &Client, path: &str) -> Response {
    client.request(Method::GET, path).send().await.expect("an answer")
}

/// Status and where it leads.
fn leads(answer: &Response) -> (u16, &str) {
    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    (answer.status().as_u16(), to)
}

/// The cookie that an answer sets, and its value.
fn cookie(answer: &Response) -> (String, String) {
    let set = answer.headers().get(SET_COOKIE).expect("a cookie").to_str().expect("ASCII").to_owned();
    let value = set.split(['=', ';']).nth(1).expect("a value").to_owned();
    (set, value)
}

both! {
    async fn one_signs_in_is_led_on_and_out_again(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.client();
        assert_eq!(leads(&get(&client, "/guests/new?x=1").await), (303, "/sign-in?next=/guests/new%3Fx%3D1"));
        let page = get(&client, "/sign-in?next=/guests/new%3Fx%3D1").await;
        assert!(!page.headers().contains_key(SET_COOKIE), "looking makes no session");
        assert!(page.text().await.expect("a page").contains("value=\"/guests/new?x=1\""));
        let fields = [("name", "anna"), ("password", PASSWORD), ("next", "/guests/new?x=1")];
        let answer = submit(&client, "/sign-in", &fields).await;
        assert_eq!(leads(&answer), (303, "/guests/new?x=1"));
        let (set, first) = cookie(&answer);
        assert!(set.starts_with("umbel_session="), "{set}");
        for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
            assert!(set.contains(flag), "{flag} in {set}");
        }
        assert!(!set.contains("Secure"), "plain http on loopback: {set}");
        assert_eq!(leads(&get(&client, "/sign-in?next=/account").await), (303, "/account"));
        assert_eq!(get(&client, "/guests").await.status(), 200);

        let answer = submit(&client, "/sign-in", &[("name", "berta"), ("password", PASSWORD)]).await;
        assert_ne!(cookie(&answer).1, first, "a new sign-in has a new id");
        let old = edge.bare(Method::GET, "/api/v1/session").header("cookie", format!("umbel_session={first}"));
        assert_eq!(old.send().await.expect("an answer").status(), 401, "the old one lets nobody in");
        assert_eq!(leads(&submit(&client, "/sign-out", &[]).await), (303, "/sign-in?out=1"));
        assert!(get(&client, "/sign-in?out=1").await.text().await.expect("a page").contains("You are signed out."));
        assert_eq!(get(&client, "/guests").await.status(), 303);
    }

    async fn an_id_that_was_planted_is_worth_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let planted = "AAAAAAAAAAAAAAAAAAAAAA";
        let request = edge.bare(Method::POST, "/sign-in").header("cookie", format!("umbel_session={planted}"));
        let request = request.header("origin", &edge.address);
        let answer = request.form(&[("name", "anna"), ("password", PASSWORD)]).send().await.expect("an answer");
        assert_ne!(cookie(&answer).1, planted);
        let session = edge.bare(Method::GET, "/api/v1/session").header("cookie", format!("umbel_session={planted}"));
        assert_eq!(session.send().await.expect("an answer").status(), 401);
    }

    async fn over_https_the_cookie_is_bound_to_the_host(fresh) {
        let edge = Edge::start_public(&fresh.db).await;
        let request = edge.bare(Method::POST, "/sign-in").header("host", "panel.example");
        let request = request.header("origin", "https://panel.example");
        let answer = request.form(&[("name", "anna"), ("password", PASSWORD)]).send().await.expect("an answer");
        let (set, _) = cookie(&answer);
        assert!(set.starts_with("__Host-umbel=") && set.contains("Secure") && set.contains("Path=/"), "{set}");
        assert!(!set.contains("Domain"), "{set}");
    }

    async fn a_wrong_password_keeps_the_name_and_too_many_have_to_wait(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.client();
        for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
            let fields = [("name", "anna"), ("password", PASSWORD), ("next", next)];
            assert_eq!(leads(&submit(&edge.client(), "/sign-in", &fields).await), (303, "/"), "{next}");
        }
        let answer = submit(&client, "/sign-in", &[("name", "anna"), ("password", "wrong")]).await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.expect("a page");
        assert!(page.contains("Name or password is wrong.") && page.contains("value=\"anna\""), "{page}");
        let mut last = submit(&client, "/sign-in", &[]).await;
        for _ in 0..12 {
            last = submit(&client, "/sign-in", &[("name", "anna"), ("password", "wrong")]).await;
        }
        assert_eq!(last.status(), 429);
        let wait: u64 = last.headers()["retry-after"].to_str().expect("ASCII").parse().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");
        assert!(last.text().await.expect("a page").contains("Too many tries."));
        let json = client.sign_in("anna", "wrong").await.expect_err("too many");
        assert_eq!(json.status().map(|status| status.as_u16()), Some(429));
    }

    async fn two_hundred_at_once_are_told_to_come_again_and_everybody_else_is_answered(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let mut storm = JoinSet::new();
        for i in 0..200 {
            let client = edge.client();
            let name = if i % 2 == 0 { "berta".to_owned() } else { format!("nobody-{i}") };
            storm.spawn(async move { client.sign_in(&name, "wrong").await.expect_err("wrong").status() });
        }
        let (mut answered, mut statuses) = (0, HashSet::new());
        while let Some(ended) = storm.join_next().await {
            statuses.insert(ended.expect("no panic").expect("an answer").as_u16());
            assert_eq!(get(&edge.client(), "/healthz").await.status(), 200);
            assert_eq!(get(&anna, "/api/v1/session").await.status(), 200);
            answered += 1;
        }
        assert_eq!((answered, statuses), (200, HashSet::from([422, 429])));
    }

    async fn the_first_administrator_comes_by_a_link_that_works_once(fresh) {
        let edge = Edge::start(&fresh.db).await;
        account_set_standing(&fresh.db, edge.root.account.id, Standing::Suspended).await.expect("a write");
        let token = edge.panel.accounts.first_run_token().await.expect("a read").expect("nobody administrates");
        let (client, path) = (edge.client(), format!("/first-run?token={token}"));
        let page = get(&client, &path).await.text().await.expect("a page");
        assert!(page.contains(&format!("value=\"{token}\"")), "{page}");
        let fields = |again| [("token", token.as_str()), ("name", "ada"), ("password", PASSWORD), ("password_again", again)];
        let answer = submit(&client, "/first-run", &fields("other")).await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.expect("a page");
        assert!(page.contains("id=\"password_again-error\"") && page.contains("value=\"ada\""), "{page}");
        assert_eq!(leads(&submit(&client, "/first-run", &fields(PASSWORD)).await), (303, "/"));
        assert_eq!(get(&client, "/people").await.status(), 200, "an administrator is signed in");
        assert_eq!(get(&client, &path).await.status(), 404, "it worked once");
        assert_eq!(submit(&edge.client(), "/first-run", &fields(PASSWORD)).await.status(), 404);
    }

    async fn a_first_password_opens_nothing_but_its_own_change(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.give_password(&edge.test.anna, true).await;
        let guest = edge.test.made("web").await;
        let client = edge.client();
        let answer = submit(&client, "/sign-in", &[("name", "anna"), ("password", PASSWORD), ("next", "/guests")]).await;
        assert_eq!(leads(&answer), (303, "/account/password"));
        for path in ["/", "/guests", "/account", &format!("/guests/{guest}")] {
            assert_eq!(leads(&get(&client, path).await), (303, "/account/password"), "{path}");
        }
        for path in ["/api/v1/guests", "/events", &format!("/api/v1/guests/{guest}/console")] {
            assert_eq!(get(&client, path).await.status(), 403, "{path}");
        }
        let call = client.request(Method::POST, "/_sf/guest_list").send().await.expect("an answer");
        assert_eq!(call.status(), 403);
        assert_eq!(call.text().await.expect("an error"), r#"{"error":"must_change_password"}"#);
        assert_eq!(client.socket("/events").await.expect_err("not yet").status().map(|s| s.as_u16()), Some(403));

        let change = |old, new| [("password_old", old), ("password", new), ("password_again", new)];
        let answer = submit(&client, "/account/password", &change("wrong", "another good one")).await;
        assert_eq!(answer.status(), 422);
        assert!(answer.text().await.expect("a page").contains("id=\"password_old-error\""));
        let answer = submit(&client, "/account/password", &change(PASSWORD, "another good one")).await;
        assert_eq!(leads(&answer), (303, "/"));
        assert_eq!(get(&client, "/guests").await.status(), 200);
        assert!(edge.client().sign_in("anna", "another good one").await.is_ok());
    }

    async fn forms_of_pages_work_without_scripts(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.signed_in("anna").await;
        let form = async |client: &Client, path: &str, body: &'static str| {
            let request = client.request(Method::POST, path).header("accept", "text/html,*/*;q=0.8");
            let request = request.header("referer", format!("{}/guests/new", edge.address));
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
            request.send().await.expect("an answer")
        };
        let created = form(
            &client,
            "/_sf/guest_create",
            "name=web&image=tiny-5&kernel=debian-6.1&memory_mib=64&disk_mib=256",
        );
        let created = created.await;
        let guest = edge.panel.guests.list(&edge.test.anna, GuestFilter::default()).await.expect("a list").rows.remove(0);
        assert_eq!(leads(&created), (302, format!("/guests/{}/console", guest.id).as_str()));
        let again = form(&client, "/_sf/guest_create", "name=web&image=tiny-5&kernel=debian-6.1&memory_mib=64&disk_mib=256");
        let again = again.await;
        let (status, to) = leads(&again);
        assert!(status == 302 && to.contains("/guests/new?") && to.contains("__err="), "{status} {to}");
        assert_eq!(leads(&form(&edge.client(), "/_sf/guest_create", "name=x").await), (303, "/sign-in"));
    }

    async fn a_first_password_is_shown_once_without_scripts(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        let form = async |path: &str, body: String| {
            let request = root.request(Method::POST, path).header("accept", "text/html,*/*;q=0.8");
            let request = request.header("referer", format!("{}/people", edge.address));
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
            request.send().await.expect("an answer")
        };
        let password = async |answer: Response| {
            assert_eq!((answer.status(), answer.headers().get("location")), (StatusCode::OK, None));
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let page = answer.text().await.expect("a page");
            page.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next()).expect(&page).to_owned()
        };
        let first = password(form("/_sf/account_create", "name=carl&role=user".into()).await).await;
        assert!(edge.client().sign_in("carl", &first).await.is_ok());
        let people = edge.panel.accounts.people_list(&edge.root, PersonFilter::default()).await.expect("a list").rows;
        let carl = people.iter().find(|person| person.account.name == "carl").expect("made").account.id;
        let second = password(form("/_sf/account_reset_password", format!("account={carl}")).await).await;
        assert!(edge.client().sign_in("carl", &first).await.is_err());
        assert!(edge.client().sign_in("carl", &second).await.is_ok());
        let again = form("/_sf/account_create", "name=carl&role=user".into()).await;
        let (status, to) = leads(&again);
        assert!(status == 302 && to.contains("/people?") && to.contains("__err="), "{status} {to}");
    }
}
