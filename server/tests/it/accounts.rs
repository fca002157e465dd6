use std::net::{IpAddr, Ipv4Addr};

use umbel_app::AppError;
use umbel_app::backend::{Caller, Came, Expects};
use umbel_app::proof::Proof;
use umbel_app::shown::{AccountShown, GuestsThen, PersonFilter, PersonShown, Role};
use umbel_guest::AccountId;
use umbel_server::accounts::passwords::Passwords;
use umbel_server::accounts::seal::Seal;
use umbel_server::accounts::{Accounts, SignedIn};
use umbel_server::clock::{Clock, MINUTE};
use umbel_server::events::Events;
use umbel_server::store::Db;
use uuid::Uuid;

use crate::harness::db::both;

const RIGHT: &str = "correct horse battery";
const HOME: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));

struct Fixture {
    accounts: Accounts,
    passwords: Passwords,
    clock: Clock,
    ada: Caller,
}

/// A panel with its first administrator.
async fn panel(db: &Db) -> Fixture {
    let (passwords, clock) = (Passwords::new(4), Clock::set_to(1_700_000_000_000_000));
    let accounts = Accounts::new(db.clone(), Events::default(), clock.clone(), passwords.clone(), Seal::new([7; 32]));
    let token = accounts.first_run_token().await.expect("a database").expect("nobody is there");
    let ada = accounts.first_run(&token, "ada", RIGHT.into(), RIGHT.into()).await.expect("a good form");
    Fixture { accounts, passwords, clock, ada: caller(ada) }
}

fn caller(account: AccountShown) -> Caller {
    Caller {
        account,
        session: "its own".into(),
        came: Came::default(),
        proof: Proof::OfProgram,
        rights: 0,
        expects: Expects::Anything,
        bound: None,
    }
}

impl Fixture {
    async fn made(&self, name: &str, role: &str) -> (Caller, String) {
        let first = self.accounts.people_create(&self.ada, name.into(), role.into()).await.expect("a new account");
        let caller = self.accounts.caller(first.account, "its own").await.expect("a read").expect("it is enabled");
        (caller, first.password)
    }

    async fn sign_in(&self, name: &str, password: &str) -> Result<AccountShown, AppError> {
        match self.accounts.sign_in(name, password.into(), HOME).await? {
            SignedIn::All(account) => Ok(account),
            SignedIn::Half(_) => Err(AppError::CodeNeeded),
        }
    }
}

/// The messages of a refused form, by field.
fn said(error: AppError) -> Vec<(String, String)> {
    let AppError::Invalid(errors) = error else { panic!("not a refused form: {error:?}") };
    errors.0.into_iter().map(|e| (e.field, e.message)).collect()
}

fn fields(error: AppError) -> Vec<String> {
    said(error).into_iter().map(|(field, _)| field).collect()
}

both! {
    async fn the_first_administrator_can_sign_in(fresh) {
        let panel = panel(&fresh.db).await;
        assert_eq!((panel.ada.account.role, panel.ada.account.must_change_password()), (Role::Administrator, false));
        let ada = panel.sign_in(" Ada ", RIGHT).await.expect("the right password");
        assert_eq!((ada.id, ada.last_sign_in_at), (panel.ada.account.id, Some(panel.clock.now())));
        let list = panel.accounts.people_list(&panel.ada, PersonFilter::default()).await.expect("an administrator").rows;
        assert_eq!(list, [PersonShown { account: ada, guests: 0 }]);
        assert_eq!(panel.accounts.first_run_token().await.expect("a read"), None);
    }

    async fn whatever_is_wrong_is_answered_alike_after_the_same_work(fresh) {
        let panel = panel(&fresh.db).await;
        let (bob, _) = panel.made("bob", "user").await;
        panel.accounts.people_suspend(&panel.ada, bob.account.id, GuestsThen::GoOn).await.expect("bob is suspended");
        for (name, password) in [
            ("ada", "wrong password"), ("nobody", RIGHT), ("bob", "wrong password"), ("no name at all!", RIGHT),
            ("", RIGHT), ("ada", ""),
        ] {
            let before = panel.passwords.computed();
            let error = panel.sign_in(name, password).await.expect_err(name);
            let wrong = ("form".to_owned(), "Name or password is wrong.".to_owned());
            assert_eq!(said(error), [wrong], "{name:?}");
            assert_eq!(panel.passwords.computed() - before, 1, "{name:?}");
        }
    }

    async fn a_very_long_password_is_not_hashed(fresh) {
        let panel = panel(&fresh.db).await;
        let before = panel.passwords.computed();
        assert_eq!(fields(panel.sign_in("ada", &"x".repeat(1025)).await.expect_err("too long")), ["password"]);
        assert_eq!(panel.passwords.computed(), before);
    }

    async fn guesses_are_slowed_by_name_and_by_address(fresh) {
        let panel = panel(&fresh.db).await;
        for _ in 0..10 {
            panel.sign_in("ada", "a wrong one").await.expect_err("it is wrong");
        }
        let before = panel.passwords.computed();
        let error = panel.sign_in("ada", RIGHT).await.expect_err("too many tries");
        assert_eq!(error, AppError::TooMany { retry_after_s: 30 });
        let elsewhere = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)));
        panel.accounts.sign_in("ada", RIGHT.into(), elsewhere).await.expect_err("the name counts, wherever it comes from");
        assert_eq!(panel.passwords.computed(), before);
        for i in 0..30 {
            panel.sign_in(&format!("guess{i}"), RIGHT).await.expect_err("nobody");
        }
        assert!(matches!(panel.sign_in("another", RIGHT).await, Err(AppError::TooMany { .. })));
        panel.clock.advance(MINUTE);
        panel.sign_in("ada", RIGHT).await.expect("a minute later it is let in");
    }

    async fn of_twenty_first_administrators_one_is_made(fresh) {
        let accounts = Accounts::new(fresh.db.clone(), Events::default(), Clock::System, Passwords::new(4), Seal::new([7; 32]));
        let token = accounts.first_run_token().await.expect("a database").expect("nobody is there");
        let tries = (0..20).map(|i| {
            let (accounts, token) = (accounts.clone(), token.clone());
            tokio::spawn(async move {
                accounts.first_run(&token, &format!("ada{i}"), RIGHT.into(), RIGHT.into()).await
            })
        });
        let done = futures::future::join_all(tries).await;
        let (won, lost): (Vec<_>, Vec<_>) = done.into_iter().map(|done| done.expect("no panic")).partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.iter().all(|lost| matches!(lost, Err(AppError::Forbidden { .. }))), "{lost:?}");
        let ada = won.into_iter().next().expect("one").expect("it won");
        assert_eq!(accounts.people_list(&caller(ada), PersonFilter::default()).await.expect("an administrator").rows.len(), 1);
    }

    async fn a_wrong_form_does_not_use_up_the_link(fresh) {
        let accounts = Accounts::new(fresh.db.clone(), Events::default(), Clock::System, Passwords::new(4), Seal::new([7; 32]));
        let token = accounts.first_run_token().await.expect("a database").expect("nobody is there");
        let first_run = async |token: &str, name: &str, password: &str, again: &str| {
            accounts.first_run(token, name, password.into(), again.into()).await
        };
        assert_eq!(fields(first_run(&token, "A da", "short", "other").await.expect_err("all wrong")),
            ["name", "password_again", "password"]);
        assert!(matches!(first_run("another token", "ada", RIGHT, RIGHT).await, Err(AppError::Forbidden { .. })));
        assert!(accounts.first_run_is_open(&token).await.expect("a read"));
        let newer = accounts.first_run_token().await.expect("a database").expect("still nobody");
        assert!(!accounts.first_run_is_open(&token).await.expect("a read"), "the older link still works");
        first_run(&newer, "ada", RIGHT, RIGHT).await.expect("a good form");
        assert!(!accounts.first_run_is_open(&newer).await.expect("a read"));
        assert!(matches!(first_run(&newer, "eve", RIGHT, RIGHT).await, Err(AppError::Forbidden { .. })));
    }

    async fn a_first_password_opens_the_account_and_must_be_changed(fresh) {
        let panel = panel(&fresh.db).await;
        let (bob, first) = panel.made("bob", "user").await;
        assert!(panel.sign_in("bob", &first).await.expect("the first password").must_change_password());
        let change = async |old: &str, new: &str, again: &str| {
            panel.accounts.password_change(&bob, old.into(), new.into(), again.into()).await
        };
        assert_eq!(fields(change("wrong", RIGHT, RIGHT).await.expect_err("not the present one")), ["password_old"]);
        assert_eq!(fields(change(&first, "short", "short").await.expect_err("too short")), ["password"]);
        assert_eq!(fields(change(&first, RIGHT, "other").await.expect_err("they differ")), ["password_again"]);
        assert_eq!(fields(change(&first, &first, &first).await.expect_err("the same")), ["password"]);
        change(&first, RIGHT, RIGHT).await.expect("a good form");
        panel.sign_in("bob", &first).await.expect_err("it was changed");
        assert!(!panel.sign_in("bob", RIGHT).await.expect("the new one").must_change_password());
    }

    async fn a_password_is_not_guessed_at_an_open_browser(fresh) {
        let panel = panel(&fresh.db).await;
        for _ in 0..10 {
            let wrong = panel.accounts.password_change(&panel.ada, "no".into(), "long enough 1".into(), "long enough 1".into());
            assert_eq!(fields(wrong.await.expect_err("it is wrong")), ["password_old"]);
        }
        let tried = panel.accounts.password_change(&panel.ada, RIGHT.into(), "long enough 1".into(), "long enough 1".into());
        assert_eq!(tried.await, Err(AppError::TooMany { retry_after_s: 30 }));
    }

    async fn people_are_for_administrators(fresh) {
        let panel = panel(&fresh.db).await;
        let (bob, _) = panel.made("bob", "user").await;
        let ada = panel.ada.account.id;
        let refused = [
            panel.accounts.people_list(&bob, PersonFilter::default()).await.map(drop),
            panel.accounts.people_create(&bob, "eve".into(), "administrator".into()).await.map(drop),
            panel.accounts.people_suspend(&bob, ada, GuestsThen::GoOn).await,
            panel.accounts.people_set_role(&bob, ada, "user".into()).await,
            panel.accounts.people_reset_password(&bob, ada).await.map(drop),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(AppError::Forbidden { .. })), "{refused:?}");
        }
        assert_eq!(panel.accounts.people_list(&panel.ada, PersonFilter::default()).await.expect("an administrator").rows.len(), 2);
    }

    async fn a_new_account_needs_a_good_name_and_a_role(fresh) {
        let panel = panel(&fresh.db).await;
        let create = async |name: &str, role: &str| {
            panel.accounts.people_create(&panel.ada, name.into(), role.into()).await
        };
        assert_eq!(fields(create("", "king").await.expect_err("both wrong")), ["name", "role"]);
        assert_eq!(fields(create("ada", "user").await.expect_err("taken")), ["name"]);
        assert_eq!(panel.accounts.people_list(&panel.ada, PersonFilter::default()).await.expect("an administrator").rows.len(), 1);
    }

    async fn one_administrator_always_stays(fresh) {
        let panel = panel(&fresh.db).await;
        let ada = panel.ada.account.id;
        let own = panel.accounts.people_suspend(&panel.ada, ada, GuestsThen::GoOn).await;
        assert!(matches!(own, Err(AppError::Conflict { .. })), "{own:?}");
        let (eve, _) = panel.made("eve", "administrator").await;
        panel.accounts.people_suspend(&panel.ada, eve.account.id, GuestsThen::GoOn).await.expect("ada stays");
        // Eve's page was still open when she was disabled.
        let last = panel.accounts.people_suspend(&eve, ada, GuestsThen::GoOn).await;
        assert!(matches!(last, Err(AppError::Conflict { .. })), "{last:?}");
        assert!(panel.accounts.caller(ada, "s").await.expect("a read").is_some());
    }

    async fn roles_are_changed_by_others_and_one_administrator_stays(fresh) {
        let panel = panel(&fresh.db).await;
        let (ada, role) = (panel.ada.account.id, |role: &str| role.to_owned());
        let own = panel.accounts.people_set_role(&panel.ada, ada, role("user")).await;
        assert!(matches!(own, Err(AppError::Conflict { .. })), "{own:?}");
        let (eve, _) = panel.made("eve", "user").await;
        assert_eq!(fields(panel.accounts.people_set_role(&panel.ada, eve.account.id, role("king")).await.expect_err("none")), ["role"]);
        for word in ["teacher", "operator", "administrator"] {
            panel.accounts.people_set_role(&panel.ada, eve.account.id, role(word)).await.expect("an administrator");
            let now = panel.accounts.again(&eve).await.expect("a read").expect("she is there");
            assert_eq!(now.account.role.word(), word);
            assert!(now.rights > eve.rights);
        }
        let eve = panel.accounts.again(&eve).await.expect("a read").expect("she is there");
        panel.accounts.people_set_role(&panel.ada, eve.account.id, role("user")).await.expect("ada stays");
        // Eve's page was still open when her role was taken.
        let last = panel.accounts.people_set_role(&eve, ada, role("user")).await;
        assert!(matches!(last, Err(AppError::Conflict { .. })), "{last:?}");
        let missing = panel.accounts.people_set_role(&panel.ada, AccountId(Uuid::now_v7()), role("user")).await;
        assert_eq!(missing, Err(AppError::not_found("account")));
    }

    async fn a_suspended_account_lets_nobody_in_until_it_is_reinstated(fresh) {
        let panel = panel(&fresh.db).await;
        let (bob, first) = panel.made("bob", "user").await;
        let id = bob.account.id;
        panel.accounts.people_suspend(&panel.ada, id, GuestsThen::GoOn).await.expect("an administrator");
        assert_eq!(panel.accounts.caller(id, "s").await.expect("a read"), None);
        let why = said(panel.sign_in("bob", &first).await.expect_err("he is suspended"));
        assert!(why[0].1.contains("This account is suspended"), "whoever knows the password is told: {why:?}");
        panel.accounts.people_reinstate(&panel.ada, id).await.expect("an administrator");
        panel.sign_in("bob", &first).await.expect("he is reinstated");
    }

    async fn a_reset_replaces_the_password(fresh) {
        let panel = panel(&fresh.db).await;
        let (bob, first) = panel.made("bob", "user").await;
        let reset = panel.accounts.people_reset_password(&panel.ada, bob.account.id).await.expect("an administrator");
        assert_eq!((reset.name.as_str(), reset.account), ("bob", bob.account.id));
        panel.sign_in("bob", &first).await.expect_err("it was replaced");
        assert!(panel.sign_in("bob", &reset.password).await.expect("the new one").must_change_password());
        let own = panel.accounts.people_reset_password(&panel.ada, panel.ada.account.id).await;
        assert!(matches!(own, Err(AppError::Conflict { .. })), "{own:?}");
    }

    async fn what_is_not_there_is_not_found(fresh) {
        let panel = panel(&fresh.db).await;
        let nobody = AccountId(Uuid::now_v7());
        let missing = Err(AppError::not_found("account"));
        assert_eq!(panel.accounts.people_suspend(&panel.ada, nobody, GuestsThen::GoOn).await, missing);
        assert_eq!(panel.accounts.people_reset_password(&panel.ada, nobody).await.map(drop), missing);
        assert_eq!(panel.accounts.caller(nobody, "s").await.expect("a read"), None);
    }
}
