//! Sign-in at a provider, which is a real one: npm's oidc-provider, asked as a browser asks it.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use umbel_app::shown::{AuditPage, Role};
use umbel_server::accounts::codes::Secret;
use umbel_server::accounts::seal::Seal;
use umbel_server::clock::Clock;
use umbel_server::oidc::{NewAccounts, Oidc, SecondFactorBy, Settings};
use umbel_server::store::accounts::{Standing, account_fetch_by_name, account_set_standing};
use umbel_server::store::oidc::oidc_link_fetch_of;
use umbel_server::store::second_factors::second_factor_fetch;

use crate::harness::db::{Fresh, both};
use crate::harness::edge::{Edge, PASSWORD};
use crate::step_up::aged;

/// Ends with the test.
struct Provider {
    issuer: String,
    redirect: String,
    child: Child,
    /// What else it says goes there; it would end if nobody held the other end.
    _says: Lines<BufReader<ChildStdout>>,
}

impl Provider {
    async fn start(port: u16, redirect: String) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let package = here.join("../node_modules/oidc-provider");
        assert!(package.exists(), "there is no {}; deploy/setup.sh test brings it", package.display());
        let mut child = Command::new("node")
            .arg(here.join("tests/it/oidc-provider.mjs"))
            .args([&port.to_string(), &redirect])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts");
        let out = child.stdout.take().expect("it is a pipe");
        let mut lines = BufReader::new(out).lines();
        let issuer = loop {
            let line = lines.next_line().await.expect("a line").expect("the provider has ended");
            if line.starts_with("http://") {
                break line;
            }
        };
        Self { issuer, redirect, child, _says: lines }
    }

    async fn stop(&mut self) {
        self.child.kill().await.expect("it was running");
    }

    /// At the same address with other keys.
    async fn start_anew(&mut self) {
        self.stop().await;
        let port = Url::parse(&self.issuer).expect("an address").port().expect("it has one");
        *self = Self::start(port, self.redirect.clone()).await;
    }
}

struct Fixture {
    edge: Edge,
    provider: Provider,
}

async fn begin(fresh: &Fresh, change: impl FnOnce(&mut Settings)) -> Fixture {
    let mut provider = None;
    let edge = Edge::start_with(&fresh.db, async |origin: &str| {
        let started = Provider::start(0, format!("{origin}/sign-in/provider/back")).await;
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writeln!(file, "secret-of-umbel").expect("a write");
        let mut settings = Settings {
            issuer: started.issuer.clone(),
            client_id: "umbel".into(),
            client_secret_file: file.path().to_owned(),
            label: "School".into(),
            name_claim: "preferred_username".into(),
            new_accounts: NewAccounts::Off,
            second_factor: SecondFactorBy::Panel,
        };
        change(&mut settings);
        provider = Some(started);
        Oidc::new(settings, origin, Seal::new([7; 32]), Clock::System).expect("settings that are right")
    })
    .await;
    Fixture { edge, provider: provider.expect("it was arranged") }
}

/// Follows nothing by itself, and keeps cookies of both.
struct Browser {
    http: reqwest::Client,
    panel: String,
}

fn leads(answer: &Response) -> String {
    let to = answer.headers().get(LOCATION).unwrap_or_else(|| panic!("{} leads nowhere", answer.status()));
    answer.url().join(to.to_str().expect("text")).expect("an address").to_string()
}

impl Browser {
    fn new(fixture: &Fixture) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().cookie_store(true);
        Self { http: http.build().expect("a client"), panel: fixture.edge.address.clone() }
    }

    async fn get(&self, path: &str) -> Response {
        let url = if path.starts_with('/') { format!("{}{path}", self.panel) } else { path.to_owned() };
        self.http.get(url).send().await.expect("an answer")
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.http.post(format!("{}{path}", self.panel)).header(ORIGIN, &self.panel);
        request.form(fields).send().await.expect("an answer")
    }

    async fn sign_in(&self, name: &str) {
        let done = self.post("/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(done.status(), 303);
    }

    async fn is_in(&self) -> bool {
        self.get("/api/v1/session").await.status() == 200
    }

    /// Where the panel sends one, on the way to `next`.
    async fn sent(&self, next: &str) -> String {
        let answer = self.get(&format!("/sign-in/provider?next={next}")).await;
        assert_eq!(answer.status(), 303);
        leads(&answer)
    }

    /// Through the provider's own pages, up to the address that leads back.
    async fn through(&self, url: &str, name: &str) -> String {
        let mut at = url.to_owned();
        for _ in 0..12 {
            if at.starts_with(&self.panel) {
                return at;
            }
            let answer = self.http.get(&at).send().await.expect("an answer");
            if answer.status().is_redirection() {
                at = leads(&answer);
                continue;
            }
            let (url, page) = (answer.url().clone(), answer.text().await.expect("a page"));
            let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
            assert!(page.contains("name=\"prompt\""), "{url}: {page}");
            let fields = [("prompt", prompt), ("login", name), ("password", "anything")];
            let answer = self.http.post(url).form(&fields).send().await.expect("an answer");
            at = leads(&answer);
        }
        panic!("the provider goes round in circles at {at}");
    }

    async fn come(&self, name: &str) -> Response {
        let sent = self.sent("/guests").await;
        let back = self.through(&sent, name).await;
        self.get(&back).await
    }

    /// The account that is signed in, to whoever it is at the provider.
    async fn link(&self, name: &str) -> Response {
        let fields = [("step", "link"), ("password_old", PASSWORD)];
        let page = self.post("/account/sign-in-provider", &fields).await.text().await.expect("a page");
        let url = page.split("href=\"").map(|rest| rest.split('"').next().unwrap_or_default());
        let url = url.into_iter().find(|url| url.contains("code_challenge")).unwrap_or_else(|| panic!("{page}"));
        let back = self.through(&url.replace("&amp;", "&"), name).await;
        self.get(&back).await
    }
}

async fn linked(fixture: &Fixture, account: &str, name: &str) {
    let browser = Browser::new(fixture);
    browser.sign_in(account).await;
    assert_eq!(leads(&browser.link(name).await), format!("{}/account/sign-in-provider", fixture.edge.address));
}

/// Switched on; gives its recovery codes.
async fn second_factor_of_anna(fresh: &Fresh, fixture: &Fixture) -> Vec<String> {
    let anna = fixture.edge.signed_in("anna").await;
    anna.second_factor_begin().await.expect("nothing is on");
    let id = fixture.edge.test.anna.account.id;
    let row = second_factor_fetch(&fresh.db, id).await.expect("a read").expect("it was begun");
    let secret = Secret::of(Seal::new([7; 32]).open(&id.to_string(), &row.sealed).expect("our key")).expect("one");
    anna.second_factor_confirm(&secret.code_at(fixture.edge.panel.clock.now())).await.expect("a code")
}

/// What asks for a fresh proof.
async fn made_a_token(browser: &Browser) -> u16 {
    let request = browser.http.post(format!("{}/api/v1/tokens", browser.panel)).header(ORIGIN, &browser.panel);
    let draft = serde_json::json!({ "name": "ci", "scopes": ["read"], "days": 1 });
    request.json(&draft).send().await.expect("an answer").status().as_u16()
}

/// A page that refuses, with these words.
async fn refuses(answer: Response, words: &str) {
    let (status, page) = (answer.status(), answer.text().await.expect("a page"));
    assert!(status == 422 || status == 409, "{status}: {page}");
    assert!(page.contains(words), "{page}");
}

const NOT_BEGUN: &str = "was not begun in this browser";

fn with(url: &str, name: &str, value: &str) -> String {
    let mut url = Url::parse(url).expect("an address");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
    url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
    url.into()
}

both! {
    async fn a_stranger_is_refused_until_the_account_is_linked(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        // The same name as an account's is nothing.
        let browser = Browser::new(&fixture);
        refuses(browser.come("berta").await, "No account here is linked").await;
        assert!(!browser.is_in().await);

        linked(&fixture, "berta", "b-4711").await;
        let fields = [("step", "link"), ("password_old", "wrong password")];
        let other = Browser::new(&fixture);
        other.sign_in("anna").await;
        refuses(other.post("/account/sign-in-provider", &fields).await, "password").await;
        refuses(other.link("b-4711").await, "linked already").await;

        let browser = Browser::new(&fixture);
        assert_eq!(leads(&browser.come("b-4711").await), format!("{}/guests", fixture.edge.address));
        let me: serde_json::Value = browser.get("/api/v1/session").await.json().await.expect("an account");
        assert_eq!((me["name"].as_str(), me["linked"].as_bool()), (Some("berta"), Some(true)));

        let root = fixture.edge.signed_in("root").await;
        let rows = root.request(Method::GET, "/api/v1/audit").send().await.expect("an answer");
        let rows = rows.json::<AuditPage>().await.expect("a page").rows;
        let of = |action: &str| rows.iter().filter(|row| row.action == action).map(|row| row.outcome.clone()).collect::<Vec<_>>();
        assert!(of("oidc_link").contains(&"allowed".to_owned()) && of("oidc_link").len() == 3, "{rows:?}");
        let by: Vec<_> = rows.iter().filter(|row| row.action == "sign_in" && row.detail.contains("subject b")).collect();
        assert!(by.iter().any(|row| row.outcome == "allowed" && row.name == "berta" && row.detail.contains("b-4711")), "{rows:?}");
        assert!(by.iter().any(|row| row.outcome != "allowed" && row.detail.ends_with("subject berta")), "{rows:?}");

        // Without the link it is as before, and so it is when an administrator gives a new password.
        assert_eq!(browser.post("/account/sign-in-provider", &[("step", "unlink")]).await.status(), 303);
        refuses(Browser::new(&fixture).come("b-4711").await, "No account here is linked").await;
        linked(&fixture, "berta", "b-4711").await;
        root.account_reset_password(fixture.edge.berta.account.id).await.expect("a new password");
        refuses(Browser::new(&fixture).come("b-4711").await, "No account here is linked").await;
    }

    async fn a_link_is_removed_by_a_program_too(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "berta", "berta").await;
        let berta = fixture.edge.signed_in("berta").await;
        berta.oidc_link_remove().await.expect("it was there");
        let again = berta.oidc_link_remove().await.expect_err("it is gone");
        assert_eq!(again.status().map(|status| status.as_u16()), Some(409));
        refuses(Browser::new(&fixture).come("berta").await, "No account here is linked").await;
    }

    async fn what_comes_back_is_good_once_and_where_it_was_begun(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "berta", "berta").await;

        let browser = Browser::new(&fixture);
        let sent = browser.sent("/guests").await;
        let back = browser.through(&sent, "berta").await;
        refuses(browser.get(&with(&back, "state", "another")).await, NOT_BEGUN).await;
        refuses(browser.get(&back).await, NOT_BEGUN).await;

        // Another browser has not begun it, and one that brings the cookie again comes too late.
        let began = browser.get("/sign-in/provider").await;
        let cookie = began.headers()[SET_COOKIE].to_str().expect("text").split(';').next().expect("one").to_owned();
        assert!(began.headers()[SET_COOKIE].to_str().expect("text").contains("HttpOnly; SameSite=Lax"));
        let back = browser.through(&leads(&began), "berta").await;
        refuses(Browser::new(&fixture).get(&back).await, NOT_BEGUN).await;
        assert_eq!(browser.get(&back).await.status(), 303);
        assert!(browser.is_in().await);
        let bare = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
        let again = bare.get(&back).header(COOKIE, cookie).send().await.expect("an answer");
        refuses(again, NOT_BEGUN).await;
    }

    async fn a_code_for_somebody_else_or_with_another_nonce_opens_nothing(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "berta", "berta").await;
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (name, value) in [("nonce", "another"), ("client_id", "other"), ("code_challenge", challenge)] {
            let browser = Browser::new(&fixture);
            let sent = with(&browser.sent("/").await, name, value);
            let back = browser.through(&sent, "berta").await;
            assert!(back.contains("code="), "{name}: {back}");
            refuses(browser.get(&back).await, "did not confirm who you are").await;
            assert!(!browser.is_in().await, "{name}");
        }
        let browser = Browser::new(&fixture);
        let back = browser.through(&with(&browser.sent("/").await, "prompt", "none"), "berta").await;
        refuses(browser.get(&back).await, "School did not sign you in (login_required)").await;
    }

    async fn how_the_account_stands_and_its_second_factor_count_as_with_a_password(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "berta", "berta").await;
        linked(&fixture, "anna", "anna").await;
        let berta = fixture.edge.berta.account.id;
        account_set_standing(&fresh.db, berta, Standing::Suspended).await.expect("an update");
        let browser = Browser::new(&fixture);
        refuses(browser.come("berta").await, "This account is suspended").await;
        assert!(!browser.is_in().await);

        let codes = second_factor_of_anna(&fresh, &fixture).await;
        let browser = Browser::new(&fixture);
        let half = leads(&browser.come("anna").await);
        assert!(half.ends_with("/sign-in/code?next=/guests"), "{half}");
        assert!(!browser.is_in().await, "half is nobody");
        assert_eq!(browser.post("/sign-in/code", &[("code", &codes[0])]).await.status(), 303);
        assert!(browser.is_in().await);
    }

    async fn new_accounts_come_where_that_is_allowed_and_take_nobodys_name(fresh) {
        let fixture = begin(&fresh, |settings| settings.new_accounts = NewAccounts::User).await;
        let browser = Browser::new(&fixture);
        assert_eq!(leads(&browser.come("dora").await), format!("{}/guests", fixture.edge.address));
        let dora = account_fetch_by_name(&fresh.db, &"dora".parse().expect("a name")).await.expect("a read").expect("she is there");
        assert_eq!((dora.role, dora.linked), (Role::User, true));
        refuses(browser.post("/account/sign-in-provider", &[("step", "unlink")]).await, "has no password").await;
        assert!(Browser::new(&fixture).come("dora").await.status() == 303, "the same one again");

        for (name, words) in [("root", "There is an account root already"), ("o/o", "can&#39;t be a name here")] {
            let browser = Browser::new(&fixture);
            refuses(browser.come(name).await, words).await;
            assert!(!browser.is_in().await);
        }
        let root = fixture.edge.signed_in("root").await;
        let opened = root.request(Method::GET, "/api/v1/audit?action=oidc_open").send().await.expect("an answer");
        let opened = opened.json::<AuditPage>().await.expect("a page").rows;
        let ends: Vec<_> = opened.iter().rev().map(|row| (row.name.as_str(), row.outcome.as_str())).collect();
        assert_eq!(ends, [("dora", "allowed"), ("root", "refused"), ("(not a name)", "refused")]);
        // With the account the link goes.
        root.account_remove(dora.id).await.expect("she owns nothing");
        assert_eq!(oidc_link_fetch_of(&fresh.db, dora.id).await.expect("a read"), None);
    }

    async fn who_has_no_password_proves_at_the_provider_who_they_are(fresh) {
        let fixture = begin(&fresh, |settings| settings.new_accounts = NewAccounts::User).await;
        let browser = Browser::new(&fixture);
        browser.come("dora").await;
        let dora = account_fetch_by_name(&fresh.db, &"dora".parse().expect("a name")).await.expect("a read").expect("she is there");
        aged(&fresh.db, dora.id, 20).await;
        let page = browser.get("/account/confirm?next=/account").await.text().await.expect("a page");
        assert!(page.contains("Confirm with School") && !page.contains("name=\"password\""), "{page}");
        let sent = leads(&browser.get("/account/confirm/provider?next=/account").await);
        assert!(sent.contains("prompt=login") && sent.contains("max_age=0"), "{sent}");

        // Whoever is signed in there still, and was not asked, proves nothing.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let url = leads(&browser.get("/account/confirm/provider?next=/account").await);
        let not_anew = with(&with(&url, "prompt", "none"), "max_age", "3600");
        let back = browser.through(&not_anew, "dora").await;
        refuses(browser.get(&back).await, "School did not ask you anew who you are").await;
        // Nor does somebody else.
        let other = Browser::new(&fixture);
        other.sign_in("berta").await;
        let back = other.through(&leads(&other.get("/account/confirm/provider").await), "dora").await;
        refuses(other.get(&back).await, "not whom your account here is linked to").await;
        assert_eq!(made_a_token(&browser).await, 403);

        let url = leads(&browser.get("/account/confirm/provider?next=/account").await);
        let back = browser.through(&url, "dora").await;
        assert_eq!(leads(&browser.get(&back).await), format!("{}/account", fixture.edge.address));
        assert_eq!(made_a_token(&browser).await, 201);
    }

    async fn after_the_provider_a_code_is_owed_here_too(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "anna", "anna").await;
        let codes = second_factor_of_anna(&fresh, &fixture).await;
        let browser = Browser::new(&fixture);
        browser.come("anna").await;
        browser.post("/sign-in/code", &[("code", &codes[0])]).await;
        aged(&fresh.db, fixture.edge.test.anna.account.id, 20).await;
        let url = leads(&browser.get("/account/confirm/provider?next=/guests").await);
        let back = browser.through(&url, "anna").await;
        let owes = leads(&browser.get(&back).await);
        assert!(owes.ends_with("/account/confirm?next=/guests"), "{owes}");
        assert_eq!(made_a_token(&browser).await, 403, "half is not enough");
        let page = browser.get(&owes).await.text().await.expect("a page");
        assert!(page.contains("name=\"code\"") && !page.contains("name=\"password\""), "{page}");
        assert_eq!(browser.post("/account/confirm", &[("code", "000000")]).await.status(), 422);
        let done = browser.post("/account/confirm", &[("code", &codes[1]), ("next", "/guests")]).await;
        assert_eq!(leads(&done), format!("{}/guests", fixture.edge.address));
        assert_eq!(made_a_token(&browser).await, 201);
    }

    async fn a_provider_that_is_away_or_has_new_keys_hinders_nobody(fresh) {
        let mut fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "berta", "berta").await;
        fixture.provider.start_anew().await;
        assert_eq!(Browser::new(&fixture).come("berta").await.status(), 303, "its new keys are looked for");

        let browser = Browser::new(&fixture);
        let sent = browser.sent("/").await;
        let back = browser.through(&sent, "berta").await;
        fixture.provider.stop().await;
        let answer = browser.get(&back).await;
        assert_eq!(answer.status(), 503);
        assert!(answer.text().await.expect("a page").contains("School can&#39;t be reached now"));
        browser.sign_in("berta").await;
        assert!(browser.is_in().await);
    }

    async fn nobody_is_led_elsewhere_and_tries_are_counted(fresh) {
        let fixture = begin(&fresh, |_| {}).await;
        linked(&fixture, "berta", "berta").await;
        let browser = Browser::new(&fixture);
        let sent = browser.sent("//evil.example").await;
        let back = browser.through(&sent, "berta").await;
        assert_eq!(leads(&browser.get(&back).await), format!("{}/", fixture.edge.address));
        let mut last = 0;
        for _ in 0..50 {
            last = Browser::new(&fixture).get("/sign-in/provider/back?state=x&code=y").await.status().as_u16();
        }
        assert_eq!(last, 429);
    }
}
