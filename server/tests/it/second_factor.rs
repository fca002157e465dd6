//! The second factor: switched on and off, asked for, used once, lost.

use reqwest::header::LOCATION;
use reqwest::{Method, Response};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AccountShown, Role, SecondFactorShown};
use umbel_client::Client;
use umbel_server::accounts::codes::Secret;
use umbel_server::accounts::passwords::{Password, Passwords};
use umbel_server::accounts::seal::Seal;
use umbel_server::accounts::{Accounts, HalfIn, SignedIn};
use umbel_server::clock::{Clock, MINUTE, SECOND};
use umbel_server::events::Events;
use umbel_server::store::Db;
use umbel_server::store::accounts::{Standing, account_set_password, account_set_standing};
use umbel_server::store::second_factors::second_factor_fetch;

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::account;

const START: i64 = 1_700_000_000_000_000;
const STEP: i64 = 30 * SECOND;

/// A panel on the database; all of them have one key.
fn accounts(db: &Db, clock: &Clock) -> Accounts {
    Accounts::new(db.clone(), Events::default(), clock.clone(), Passwords::new(2), Seal::new([7; 32]))
}

struct Fixture {
    db: Db,
    accounts: Accounts,
    clock: Clock,
    anna: Caller,
    secret: Secret,
    codes: Vec<String>,
}

/// Anna, with a second factor that is on; its first code is used.
async fn switched_on(db: &Db) -> Fixture {
    let clock = Clock::set_to(START);
    let accounts = accounts(db, &clock);
    let anna = account(db, "anna", Role::User).await;
    let hash = Passwords::new(1).hash(Password::given(PASSWORD.into()).expect("short")).await.expect("a hash");
    account_set_password(db, anna.account.id, &hash, false).await.expect("a write");
    accounts.second_factor_begin(&anna).await.expect("nothing is on");
    let secret = secret_of(db, &anna).await;
    let made = accounts.second_factor_confirm(&anna, &secret.code_at(START)).await.expect("the first code");
    let anna = accounts.again(&anna).await.expect("a read").expect("she is there");
    Fixture { db: db.clone(), accounts, clock, anna, secret, codes: made.codes }
}

async fn secret_of(db: &Db, who: &Caller) -> Secret {
    let row = second_factor_fetch(db, who.account.id).await.expect("a read").expect("it was begun");
    let opened = Seal::new([7; 32]).open(&who.account.id.to_string(), &row.sealed).expect("our key");
    assert!(!row.sealed.contains(&Secret::of(opened.clone()).expect("one").text()));
    Secret::of(opened).expect("a secret")
}

impl Fixture {
    async fn half(&self) -> HalfIn {
        match self.accounts.sign_in("anna", PASSWORD.into(), None).await.expect("the right password") {
            SignedIn::Half(half) => half,
            SignedIn::All(_) => panic!("no code was asked for"),
        }
    }

    async fn code(&self, code: &str) -> Result<AccountShown, AppError> {
        self.accounts.sign_in_code(&self.half().await, code, None).await
    }

    /// The same code from twenty panels on one database, at once.
    async fn race(&self, code: &str) -> usize {
        let half = self.half().await;
        let tries = (0..20).map(|_| {
            let (panel, half, code) = (accounts(&self.db, &self.clock), half.clone(), code.to_owned());
            tokio::spawn(async move { panel.sign_in_code(&half, &code, None).await.is_ok() })
        });
        futures::future::join_all(tries).await.into_iter().filter(|done| *done.as_ref().expect("no panic")).count()
    }
}

fn wrong(done: Result<AccountShown, AppError>) -> bool {
    matches!(done, Err(AppError::Invalid(errors)) if errors.of("code").count() == 1)
}

both! {
    async fn a_code_opens_once_and_no_older_one_after_it(fresh) {
        let panel = switched_on(&fresh.db).await;
        assert!(wrong(panel.code(&panel.secret.code_at(START)).await), "the first one was used to switch it on");
        panel.clock.advance(2 * STEP);
        let (before, now) = (panel.secret.code_at(START + STEP), panel.secret.code_at(START + 2 * STEP));
        assert_eq!(panel.code(&now).await.expect("the present one").name, "anna");
        assert!(wrong(panel.code(&now).await), "used");
        assert!(wrong(panel.code(&before).await), "older than one that was used");
        assert!(wrong(panel.code("000000").await) && wrong(panel.code("").await));
    }

    async fn of_twenty_who_use_a_code_at_once_one_is_in(fresh) {
        let panel = switched_on(&fresh.db).await;
        panel.clock.advance(STEP);
        assert_eq!(panel.race(&panel.secret.code_at(START + STEP)).await, 1);
        assert_eq!(panel.race(&panel.codes[0]).await, 1);
        let shown = panel.accounts.second_factor(&panel.anna).await.expect("a read");
        assert_eq!(shown, SecondFactorShown::On { since: START, codes_left: 9 });
    }

    async fn each_recovery_code_opens_once(fresh) {
        let panel = switched_on(&fresh.db).await;
        for code in &panel.codes {
            panel.clock.advance(MINUTE);
            panel.code(&code.to_uppercase()).await.expect("one of hers");
            assert!(wrong(panel.code(code).await), "used");
        }
        assert!(wrong(panel.code("aaaa-aaaa-aaaa-aaaa").await));
    }

    async fn ten_wrong_codes_and_then_one_in_five_minutes(fresh) {
        let panel = switched_on(&fresh.db).await;
        let half = panel.half().await;
        panel.clock.advance(2 * STEP);
        let good = panel.secret.code_at(START + 2 * STEP);
        for _ in 0..10 {
            assert!(wrong(panel.accounts.sign_in_code(&half, "aaaaaa", None).await));
        }
        let slowed = panel.accounts.sign_in_code(&half, &good, None).await;
        assert_eq!(slowed, Err(AppError::TooMany { retry_after_s: 300 }));
        panel.clock.advance(5 * MINUTE - 1);
        assert!(panel.accounts.sign_in_code(&half, &good, None).await.is_err(), "too early");
        panel.half().await;
        panel.clock.advance(1);
        let good = panel.secret.code_at(panel.clock.now());
        panel.accounts.sign_in_code(&half, &good, None).await.expect("one more, and it is right");
    }

    async fn half_a_sign_in_is_over_after_a_while_and_with_the_password(fresh) {
        let panel = switched_on(&fresh.db).await;
        let half = panel.half().await;
        panel.clock.advance(10 * MINUTE);
        let code = panel.secret.code_at(panel.clock.now());
        assert_eq!(panel.accounts.sign_in_code(&half, &code, None).await, Err(AppError::NotSignedIn));
        let half = panel.half().await;
        account_set_password(&fresh.db, panel.anna.account.id, "another hash", false).await.expect("a write");
        assert_eq!(panel.accounts.sign_in_code(&half, &code, None).await, Err(AppError::NotSignedIn));
    }

    async fn how_an_account_stands_is_told_after_the_code_not_before(fresh) {
        let panel = switched_on(&fresh.db).await;
        account_set_standing(&fresh.db, panel.anna.account.id, Standing::Suspended).await.expect("an update");
        assert!(wrong(panel.code("aaaaaa").await), "a password alone tells nothing");
        panel.clock.advance(STEP);
        let Err(AppError::Invalid(told)) = panel.code(&panel.secret.code_at(START + STEP)).await else {
            panic!("a suspended account let somebody in")
        };
        assert!(told.of("form").any(|why| why.contains("This account is suspended")), "{told:?}");
    }

    async fn it_is_on_with_a_first_code_and_off_with_another(fresh) {
        let panel = switched_on(&fresh.db).await;
        let (accounts, anna) = (&panel.accounts, &panel.anna);
        assert!(matches!(accounts.second_factor_begin(anna).await, Err(AppError::Conflict { .. })), "it is on");
        assert!(matches!(accounts.second_factor_confirm(anna, "123456").await, Err(AppError::Conflict { .. })));
        let used = panel.secret.code_at(START);
        assert!(accounts.second_factor_disable(anna, &used).await.is_err(), "its code was used");
        panel.clock.advance(STEP);
        accounts.second_factor_disable(anna, &panel.secret.code_at(START + STEP)).await.expect("a code");
        assert_eq!(accounts.second_factor(anna).await.expect("a read"), SecondFactorShown::Off);
        let done = accounts.sign_in("anna", PASSWORD.into(), None).await.expect("the right password");
        assert!(matches!(done, SignedIn::All(_)), "the password is enough");

        accounts.second_factor_begin(anna).await.expect("nothing is on");
        let first = secret_of(&fresh.db, anna).await;
        accounts.second_factor_begin(anna).await.expect("it was not confirmed");
        let code = first.code_at(panel.clock.now());
        assert!(accounts.second_factor_confirm(anna, &code).await.is_err(), "another secret is there");
        panel.clock.advance(61 * MINUTE);
        let late = secret_of(&fresh.db, anna).await.code_at(panel.clock.now());
        assert!(matches!(accounts.second_factor_confirm(anna, &late).await, Err(AppError::Conflict { .. })), "too late");
    }

    async fn the_tables_hold_neither_secret_nor_codes(fresh) {
        let panel = switched_on(&fresh.db).await;
        let row = second_factor_fetch(&fresh.db, panel.anna.account.id).await.expect("a read").expect("it is on");
        assert!(Seal::new([8; 32]).open(&panel.anna.account.id.to_string(), &row.sealed).is_err(), "another key");
        let other = Accounts::new(
            fresh.db.clone(), Events::default(), panel.clock.clone(), Passwords::new(1), Seal::new([8; 32]),
        );
        let half = panel.half().await;
        let lost = other.sign_in_code(&half, &panel.secret.code_at(START), None).await;
        assert!(matches!(lost, Err(AppError::Internal { .. })), "{lost:?}");
        other.sign_in_code(&half, &panel.codes[0], None).await.expect("recovery codes need no key");
    }
}

async fn submit(client: &Client, path: &str, fields: &[(&str, &str)]) -> Response {
    client.request(Method::POST, path).form(fields).send().await.expect("an answer")
}

async fn text(answer: Response) -> String {
    answer.text().await.expect("a page")
}

fn leads(answer: &Response) -> (u16, &str) {
    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    (answer.status().as_u16(), to)
}

/// What stands between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    page.split_once(from).and_then(|(_, rest)| rest.split_once(to)).expect(page).0
}

both! {
    async fn by_plain_pages_it_is_switched_on_asked_for_and_switched_off(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (client, elsewhere) = (edge.signed_in("anna").await, edge.signed_in("anna").await);
        let page = "/account/second-factor";
        let begun = text(submit(&client, page, &[("step", "begin")]).await).await;
        let typed = between(&begun, "<code class=\"secret\">", "</code>").replace(' ', "");
        assert!(begun.contains("<svg") && !begun.contains("<?xml"), "{begun}");
        let secret = secret_of(&fresh.db, &edge.test.anna).await;
        assert_eq!(secret.text(), typed);
        let now = || Clock::System.now();
        let wrong = submit(&client, page, &[("step", "confirm"), ("code", "000000")]).await;
        assert_eq!(wrong.status(), 422);
        let wrong = text(wrong).await;
        assert!(wrong.contains("id=\"code-error\"") && !wrong.contains(&typed), "{wrong}");
        let on = text(submit(&client, page, &[("step", "confirm"), ("code", &secret.code_at(now() - STEP))]).await).await;
        let codes: Vec<&str> = between(&on, "<pre class=\"secret\">", "</pre>").lines().collect();
        assert_eq!(codes.len(), 10);
        assert_eq!(elsewhere.request(Method::GET, "/guests").send().await.expect("an answer").status(), 303);
        assert_eq!(client.request(Method::GET, "/guests").send().await.expect("an answer").status(), 200);
        let account = text(client.request(Method::GET, "/account").send().await.expect("an answer")).await;
        assert!(account.contains("on: a sign-in asks for a code"));

        let again = edge.client();
        let fields = [("name", "anna"), ("password", PASSWORD), ("next", "/guests/new?x=1&y=2")];
        let half = submit(&again, "/sign-in", &fields).await;
        assert_eq!(leads(&half), (303, "/sign-in/code?next=/guests/new%3Fx%3D1%26y%3D2"));
        assert_eq!(again.request(Method::GET, "/guests").send().await.expect("an answer").status(), 303, "half is nobody");
        assert_eq!(again.session_fetch().await.expect_err("half is nobody").status().map(|s| s.as_u16()), Some(401));
        let asked = text(again.request(Method::GET, leads(&half).1).send().await.expect("an answer")).await;
        assert!(asked.contains("value=\"/guests/new?x=1&amp;y=2\""), "{asked}");
        assert_eq!(submit(&again, "/sign-in/code", &[("code", "000000")]).await.status(), 422);
        let done = submit(&again, "/sign-in/code", &[("code", codes[0]), ("next", "/guests/new?x=1&y=2")]).await;
        assert_eq!(leads(&done), (303, "/guests/new?x=1&y=2"));
        assert_eq!(again.session_fetch().await.expect("signed in").name, "anna");
        assert_eq!(leads(&submit(&again, "/sign-in/code", &[("code", codes[1])]).await), (303, "/sign-in"), "no half is left");

        assert_eq!(submit(&again, page, &[("step", "disable"), ("code", codes[0])]).await.status(), 422, "used");
        assert_eq!(leads(&submit(&again, page, &[("step", "disable"), ("code", codes[2])]).await), (303, "/account"));
        edge.signed_in("anna").await;
    }

    async fn the_api_says_that_a_code_is_needed_and_takes_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.signed_in("anna").await;
        let start = client.second_factor_begin().await.expect("nothing is on");
        assert_eq!(start.uri, format!("otpauth://totp/Umbel:anna?secret={}&issuer=Umbel", start.secret));
        let secret = secret_of(&fresh.db, &edge.test.anna).await;
        let codes = client.second_factor_confirm(&secret.code_at(Clock::System.now())).await.expect("the first code");
        let needed = edge.client().sign_in("anna", PASSWORD).await.expect_err("half of it");
        assert!(needed.needs_code() && needed.status().is_some_and(|status| status == 401), "{needed}");
        let wrong = edge.client().sign_in("anna", "wrong").await.expect_err("not the password");
        assert!(!wrong.needs_code());
        edge.client().sign_in_with_code("anna", "wrong", &codes[0]).await.expect_err("the code alone opens nothing");
        let again = edge.client();
        assert!(again.sign_in_with_code("anna", PASSWORD, &codes[0]).await.expect("a recovery code").second_factor);
        again.sign_in_with_code("anna", PASSWORD, &codes[0]).await.expect_err("used");
        client.second_factor_disable(&codes[1]).await.expect("another one");
        edge.client().sign_in_with_code("anna", PASSWORD, "").await.expect("nobody asks for one now");
    }

    async fn an_administrator_takes_away_what_somebody_has_lost(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.signed_in("anna").await;
        client.second_factor_begin().await.expect("nothing is on");
        let code = secret_of(&fresh.db, &edge.test.anna).await.code_at(Clock::System.now());
        client.second_factor_confirm(&code).await.expect("the first code");
        let (root, anna) = (edge.signed_in("root").await, edge.test.anna.account.id);
        let page = text(root.request(Method::GET, "/people").send().await.expect("an answer")).await;
        assert_eq!(page.matches("Reset second factor").count(), 1, "only where there is one");
        root.account_reset_second_factor(anna).await.expect("an administrator");
        client.session_fetch().await.expect_err("her sign-ins are over");
        edge.signed_in("anna").await;
        assert_eq!(root.account_reset_second_factor(anna).await.expect_err("none").status().map(|s| s.as_u16()), Some(409));
        let own = root.account_reset_second_factor(edge.root.account.id).await.expect_err("her own");
        assert_eq!(own.status().map(|status| status.as_u16()), Some(409));
    }
}
