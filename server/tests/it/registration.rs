//! Accounts that people make for themselves: closed, waiting for an administrator, and open.

use reqwest::{Method, Response, StatusCode};
use tokio::task::JoinSet;
use umbel_app::AppError;
use umbel_app::backend::Backend as _;
use umbel_app::shown::{
    AccountShown, AccountState, AuditShown, GroupDraft, GuestsLeft, GuestsThen, InvitationDraft, MemberDraft,
    PersonFilter, Registration, RegistrationSettings, Role, ShareDraft,
};
use umbel_client::Client;
use umbel_server::accounts::registration::{MOST_WAITING, Registering};
use umbel_server::clock::{Clock, DAY};
use umbel_server::store::Db;
use umbel_server::store::accounts::{
    Account, Standing, account_fetch, account_fetch_by_name, account_insert, account_set_standing,
};
use umbel_server::store::audit::audit_list_after;
use umbel_server::store::meta::{Key, panel_put};
use umbel_server::store::tokens::token_list;
use uuid::Uuid;

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::account;

async fn set(edge: &Edge, registration: Registration) {
    let settings = RegistrationSettings { registration };
    edge.panel.registration_set(&edge.root, settings).await.expect("an administrator may");
}

fn who(name: &str) -> Registering {
    Registering { name: name.into(), password: PASSWORD.into(), password_again: PASSWORD.into() }
}

async fn register(edge: &Edge, name: &str) -> Result<AccountShown, AppError> {
    edge.panel.accounts.register(who(name), None).await
}

/// An account that waits.
async fn waiting(edge: &Edge, name: &str) -> AccountShown {
    set(edge, Registration::Approval).await;
    register(edge, name).await.expect("there is room")
}

async fn waits_since(db: &Db, name: &str, created_at: i64) {
    let account = Account {
        id: umbel_guest::AccountId(Uuid::now_v7()),
        name: name.parse().expect("a name"),
        role: Role::User,
        standing: Standing::Waiting,
        expires_at: None,
        must_change_password: false,
        created_at,
        last_sign_in_at: None,
        second_factor: false,
        linked: false,
        rights: 0,
    };
    account_insert(db, &account, "hash").await.expect("a new account");
}

async fn is_there(db: &Db, name: &str) -> bool {
    account_fetch_by_name(db, &name.parse().expect("a name")).await.expect("a read").is_some()
}

async fn get(client: &Client, path: &str) -> (u16, String) {
    let answer = client.request(Method::GET, path).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

async fn submit(client: &Client, name: &str, again: &str) -> Response {
    let fields = [("name", name), ("password", PASSWORD), ("password_again", again)];
    client.request(Method::POST, "/register").form(&fields).send().await.expect("an answer")
}

async fn rows(db: &Db) -> Vec<AuditShown> {
    audit_list_after(db, 0, 100_000).await.expect("a list")
}

/// Action, who, outcome and detail of the last.
async fn last_row(db: &Db) -> [String; 4] {
    let row = rows(db).await.pop().expect("a row");
    [row.action, row.name, row.outcome, row.detail]
}

fn refused<T: std::fmt::Debug>(done: Result<T, AppError>) -> String {
    match done {
        Err(error @ (AppError::Conflict { .. } | AppError::Invalid(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

both! {
    async fn it_is_off_until_an_administrator_opens_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.client();
        assert!(!get(&client, "/sign-in").await.1.contains("/register"));
        let (status, page) = get(&client, "/register").await;
        assert!(status == 404 && page.contains("not open"), "{page}");
        let before = rows(&fresh.db).await;
        assert_eq!(submit(&client, "dora", PASSWORD).await.status(), 404);
        let error = client.register("dora", PASSWORD).await.expect_err("it is off");
        assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
        assert_eq!(rows(&fresh.db).await, before, "nothing was tried");
        assert!(!is_there(&fresh.db, "dora").await);
        // A word of a newer panel is none of this one's.
        panel_put(&fresh.db, Key::Registration, "lottery").await.expect("a write");
        assert_eq!(edge.panel.accounts.registration().await, Ok(Registration::Off));
    }

    async fn where_it_is_open_whoever_registers_is_in(fresh) {
        let edge = Edge::start(&fresh.db).await;
        set(&edge, Registration::Open).await;
        let client = edge.client();
        assert!(get(&client, "/sign-in").await.1.contains("href=\"/register\""));
        let (status, page) = get(&client, "/register").await;
        assert!(status == 200 && !page.contains("approves"), "{page}");
        let answer = submit(&client, "dora", "other").await;
        assert_eq!(answer.status(), 422);
        let page = answer.text().await.expect("a page");
        assert!(page.contains("id=\"password_again-error\"") && page.contains("value=\"dora\""), "{page}");
        let taken = submit(&client, "anna", PASSWORD).await.text().await.expect("a page");
        assert!(taken.contains("id=\"name-error\">There is an account anna already."), "{taken}");
        assert_eq!(submit(&client, "dora", PASSWORD).await.headers()["location"], "/");
        let me = client.session_fetch().await.expect("signed in");
        assert_eq!((me.name.as_str(), me.role.as_str(), me.state.as_str()), ("dora", "user", "active"));
        assert_eq!(last_row(&fresh.db).await, ["account_register", "dora", "allowed", ""]);
        let program = edge.client();
        assert_eq!(program.register("emil", PASSWORD).await.expect("open").state, "active");
        assert_eq!(program.session_fetch().await.expect("signed in").name, "emil");
    }

    async fn who_waits_is_told_so_by_the_right_password_only_and_comes_in_once_approved(fresh) {
        let edge = Edge::start(&fresh.db).await;
        set(&edge, Registration::Approval).await;
        let client = edge.client();
        assert!(get(&client, "/register").await.1.contains("approves"));
        assert_eq!(submit(&client, "dora", PASSWORD).await.headers()["location"], "/sign-in?waits=1");
        assert!(get(&client, "/sign-in?waits=1").await.1.contains("waits for the approval"));
        assert_eq!(client.session_fetch().await.expect_err("not in").status(), Some(StatusCode::UNAUTHORIZED));
        let told = async |password| client.sign_in("dora", password).await.expect_err("not in").to_string();
        assert!(told(PASSWORD).await.contains("waits for the approval"));
        assert!(told("a wrong password").await.contains("Name or password is wrong"));

        let people = edge.panel.account_list(&edge.root, PersonFilter::default()).await.expect("a list").rows;
        let dora = people.into_iter().find(|person| person.account.name == "dora").expect("there").account;
        assert_eq!(dora.state, AccountState::Waiting);
        edge.panel.account_decide(&edge.root, dora.id, true).await.expect("it waits");
        assert_eq!(last_row(&fresh.db).await, ["account_approve", "root", "allowed", ""]);
        assert_eq!(client.sign_in("dora", PASSWORD).await.expect("approved").state, "active");
        let twice = refused(edge.panel.account_decide(&edge.root, dora.id, false).await);
        assert_eq!(twice, "dora doesn't wait for approval.", "the other administrator was faster");
        assert!(is_there(&fresh.db, "dora").await);
    }

    async fn who_is_refused_is_gone_and_the_name_is_free(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let dora = waiting(&edge, "dora").await;
        edge.panel.account_decide(&edge.root, dora.id, false).await.expect("it waits");
        let row = rows(&fresh.db).await.pop().expect("a row");
        assert_eq!((row.action.as_str(), row.object_name.as_str()), ("account_refuse", "dora"));
        let told = edge.client().sign_in("dora", PASSWORD).await.expect_err("gone").to_string();
        assert!(told.contains("Name or password is wrong"), "{told}");
        let again = register(&edge, "dora").await.expect("the name is free");
        edge.panel.account_remove(&edge.root, again.id, GuestsLeft::None).await.expect("deleted as any other");
        assert!(!is_there(&fresh.db, "dora").await);
    }

    async fn an_account_that_waits_is_nobody_yet(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let dora = waiting(&edge, "dora").await;
        let guest = edge.test.made("web").await;
        let unknown = "There is no account dora.";
        let share = ShareDraft { name: "dora".into(), rights: vec![] };
        assert!(refused(edge.test.guests.share_put(&edge.test.anna, guest, share).await).contains(unknown));
        let group = GroupDraft { name: "Class".into(), kind: "class".into() };
        let group = edge.panel.group_create(&edge.root, group).await.expect("a group").id;
        let member = MemberDraft { name: "dora".into(), role: "member".into() };
        assert!(refused(edge.panel.member_put(&edge.root, group, member).await).contains(unknown));
        let heir = GuestsLeft::Give("dora".into());
        assert!(refused(edge.panel.account_remove(&edge.root, edge.test.anna.account.id, heir).await).contains(unknown));
        let quotas = edge.panel.quota_list(&edge.root).await.expect("a list").accounts;
        assert!(quotas.iter().all(|account| account.account != dora.id));
        // The name is taken all the same.
        let made = edge.panel.account_create(&edge.root, "dora".into(), "user".into()).await;
        assert!(refused(made).contains("already"));
        let draft: InvitationDraft = serde_json::from_str("{}").expect("a draft");
        let link = edge.panel.invitation_create(&edge.root, draft).await.expect("an invitation").link;
        let token = link.split_once("?token=").expect("a link").1;
        let come = edge.client().invitation_accept(token, "dora", PASSWORD).await;
        assert_eq!(come.expect_err("taken").status(), Some(StatusCode::UNPROCESSABLE_ENTITY));
    }

    async fn nothing_else_is_made_of_an_account_that_waits(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (root, panel, id) = (&edge.root, &edge.panel, waiting(&edge, "dora").await.id);
        let waits = "dora waits for approval. Approve it first.";
        assert_eq!(refused(panel.account_suspend(root, id, GuestsThen::GoOn).await), waits);
        assert_eq!(refused(panel.account_reinstate(root, id).await), waits);
        assert_eq!(refused(panel.account_set_expiry(root, id, "2999-12-31".into()).await), waits);
        assert_eq!(refused(panel.account_set_role(root, id, "administrator".into()).await), waits);
        assert_eq!(refused(panel.account_reset_password(root, id).await), waits);
        let found = account_fetch(&fresh.db, id).await.expect("a read").expect("there");
        assert_eq!((found.standing, found.role, found.must_change_password), (Standing::Waiting, Role::User, false));
    }

    async fn neither_a_session_nor_a_token_lets_in_whoever_waits(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let made = anna.token_create("program", &["read"], 1).await.expect("made");
        let program = Client::with_token(&edge.address, &made.token).expect("a token");
        assert_eq!(program.session_fetch().await.expect("in").name, "anna");
        account_set_standing(&fresh.db, edge.test.anna.account.id, Standing::Waiting).await.expect("a write");
        for client in [&anna, &program] {
            assert_eq!(client.session_fetch().await.expect_err("out").status(), Some(StatusCode::UNAUTHORIZED));
        }
        assert_eq!(token_list(&fresh.db, edge.test.anna.account.id).await.expect("a list").len(), 1);
    }

    async fn forty_tries_are_an_addresss_and_more_have_to_wait(fresh) {
        let edge = Edge::start(&fresh.db).await;
        set(&edge, Registration::Open).await;
        let client = edge.client();
        for _ in 0..40 {
            assert_eq!(submit(&client, "anna", "other").await.status(), 422);
        }
        let told = rows(&fresh.db).await.len();
        for _ in 0..3 {
            let late = submit(&client, "dora", PASSWORD).await;
            assert_eq!(late.status(), 429);
            let wait: u64 = late.headers()["retry-after"].to_str().expect("ASCII").parse().expect("seconds");
            assert!((1..=60).contains(&wait), "{wait}");
        }
        let late = client.register("dora", PASSWORD).await.expect_err("too many");
        assert_eq!(late.status(), Some(StatusCode::TOO_MANY_REQUESTS));
        assert!((1..=2).contains(&(rows(&fresh.db).await.len() - told)), "a row a minute");
        assert!(!is_there(&fresh.db, "dora").await);
        client.sign_in("anna", PASSWORD).await.expect("sign-ins are counted apart");
    }

    async fn of_twenty_at_once_one_has_the_name(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for registration in [Registration::Open, Registration::Approval] {
            set(&edge, registration).await;
            let (name, mut tries) = (format!("dora-{}", registration.word()), JoinSet::new());
            for _ in 0..20 {
                let (accounts, who) = (edge.panel.accounts.clone(), who(&name));
                tries.spawn(async move { accounts.register(who, None).await.map(drop) });
            }
            let done = tries.join_all().await;
            assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
            assert!(done.iter().all(|done| matches!(done, Ok(()) | Err(AppError::Invalid(_)))), "{done:?}");
        }
    }

    async fn two_hundred_wait_at_most_and_not_for_ever(fresh) {
        let now = Clock::System.now();
        waits_since(&fresh.db, "old", now - 31 * DAY).await;
        waits_since(&fresh.db, "new", now - 29 * DAY).await;
        let edge = Edge::start(&fresh.db).await;
        edge.test.eventually("the old one is gone", async |panel| !is_there(&panel.guests.parts.db, "old").await).await;
        assert!(is_there(&fresh.db, "new").await);
        for i in 1..MOST_WAITING {
            waits_since(&fresh.db, &format!("waits-{i}"), now).await;
        }
        set(&edge, Registration::Approval).await;
        assert!(refused(register(&edge, "dora").await).contains("Too many accounts wait"));
        let new = account_fetch_by_name(&fresh.db, &"new".parse().expect("a name")).await.expect("a read").expect("there");
        edge.panel.account_decide(&edge.root, new.id, true).await.expect("it waits");
        register(&edge, "dora").await.expect("one has room");
        set(&edge, Registration::Open).await;
        assert_eq!(register(&edge, "emil").await.expect("nobody waits here").state, AccountState::Active);
    }

    async fn only_administrators_decide_about_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let dora = waiting(&edge, "dora").await;
        let oda = account(&fresh.db, "oda", Role::Operator).await;
        for caller in [&edge.berta, &oda] {
            let settings = RegistrationSettings { registration: Registration::Open };
            assert_eq!(edge.panel.registration_fetch(caller).await.expect_err("not theirs").status(), 403);
            assert_eq!(edge.panel.registration_set(caller, settings).await.expect_err("not theirs").status(), 403);
            assert_eq!(edge.panel.account_decide(caller, dora.id, true).await.expect_err("not theirs").status(), 403);
        }
        let row = rows(&fresh.db).await.into_iter().find(|row| row.action == "registration_settings");
        assert_eq!(row.map(|row| (row.detail, row.outcome)), Some(("from off to approval".into(), "allowed".into())));
    }

    async fn another_site_makes_no_accounts(fresh) {
        let edge = Edge::start(&fresh.db).await;
        set(&edge, Registration::Open).await;
        let fields = [("name", "dora"), ("password", PASSWORD), ("password_again", PASSWORD)];
        let foreign = edge.bare(Method::POST, "/register").header("origin", "https://evil.example").form(&fields);
        assert_eq!(foreign.send().await.expect("an answer").status(), 403);
        let unsaid = edge.bare(Method::POST, "/register").form(&fields);
        assert_eq!(unsaid.send().await.expect("an answer").status(), 403);
        assert!(!is_there(&fresh.db, "dora").await);
    }
}
