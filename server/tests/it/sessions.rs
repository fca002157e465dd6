use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tower_sessions::cookie::time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Session, SessionStore};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GuestsThen, Role};
use umbel_server::accounts::Accounts;
use umbel_server::accounts::passwords::Passwords;
use umbel_server::accounts::seal::Seal;
use umbel_server::accounts::sessions::{ACCOUNT, ADDRESS, SessionRows, USER_AGENT, session_hash};
use umbel_server::clock::{Clock, DAY, MINUTE, SECOND};
use umbel_server::events::Events;
use umbel_server::store::Db;
use umbel_server::store::accounts::{Standing, account_set_standing};
use umbel_server::store::sessions::{session_delete_all, session_fetch, session_insert};

use crate::harness::db::both;
use crate::harness::panel::account;

const START: i64 = 1_700_000_000_000_000;

struct Fixture {
    accounts: Accounts,
    rows: SessionRows,
    clock: Clock,
    ada: Caller,
    bob: Caller,
}

async fn panel(db: &Db, clock: Clock) -> Fixture {
    let accounts = Accounts::new(db.clone(), Events::default(), clock.clone(), Passwords::new(1), Seal::new([7; 32]));
    let (ada, bob) = (account(db, "ada", Role::Administrator).await, account(db, "bob", Role::User).await);
    Fixture { rows: accounts.session_store(), accounts, clock, ada, bob }
}

impl Fixture {
    /// As a sign-in leaves it.
    async fn signed_in(&self, who: &Caller) -> (Id, Caller) {
        let session = Session::new(None, Arc::new(self.rows.clone()), None);
        session.insert(ACCOUNT, who.account.id).await.expect("plain data");
        session.insert(ADDRESS, "192.0.2.7").await.expect("plain data");
        session.insert(USER_AGENT, "Browser\u{7}/1").await.expect("plain data");
        session.save().await.expect("a database");
        let id = session.id().expect("it was saved");
        (id, Caller { session: session_hash(&id), ..who.clone() })
    }

    async fn lives(&self, id: &Id) -> bool {
        self.rows.load(id).await.expect("a database").is_some()
    }
}

fn record() -> Record {
    Record { id: Id::default(), data: [("k".to_owned(), "v".into())].into(), expiry_date: OffsetDateTime::UNIX_EPOCH }
}

async fn soon(over: impl Future<Output = ()>) {
    timeout(Duration::from_secs(1), over).await.expect("told within a second");
}

both! {
    async fn a_session_is_found_by_its_cookie_and_known_by_a_hash(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (id, ada) = panel.signed_in(&panel.ada).await;
        let loaded = panel.rows.load(&id).await.expect("a database").expect("it lives");
        assert_eq!((loaded.id, &loaded.data[ADDRESS]), (id, &"192.0.2.7".into()));
        let row = session_fetch(&fresh.db, &ada.session, START).await.expect("a read").expect("it lives");
        assert!(!format!("{}{}", row.id, row.data).contains(&id.to_string()), "the cookie's id is in the table");
        let list = panel.accounts.session_list(&ada).await.expect("a read");
        assert_eq!(list.len(), 1);
        assert_eq!((list[0].address.as_str(), list[0].user_agent.as_str(), list[0].current), ("192.0.2.7", "Browser/1", true));
    }

    async fn a_taken_id_is_replaced(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let mut first = record();
        panel.rows.create(&mut first).await.expect("a database");
        let mut second = Record { id: first.id, ..record() };
        panel.rows.create(&mut second).await.expect("a database");
        assert_ne!(first.id, second.id);
        assert!(panel.lives(&first.id).await && panel.lives(&second.id).await);
    }

    async fn what_was_ended_is_not_brought_back_by_a_late_save(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (id, ada) = panel.signed_in(&panel.ada).await;
        let mut late = panel.rows.load(&id).await.expect("a database").expect("it lives");
        panel.accounts.session_end(&ada, ada.session.clone()).await.expect("her own");
        late.data.insert("k".into(), "v".into());
        panel.rows.save(&late).await.expect("a database");
        assert!(!panel.lives(&id).await);
    }

    async fn a_change_is_kept(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let mut kept = record();
        panel.rows.create(&mut kept).await.expect("a database");
        kept.data.insert("k".into(), "w".into());
        panel.rows.save(&kept).await.expect("a database");
        assert_eq!(panel.rows.load(&kept.id).await.expect("a database").expect("it lives").data, kept.data);
        panel.rows.delete(&kept.id).await.expect("a database");
        assert!(!panel.lives(&kept.id).await);
    }

    async fn use_keeps_a_sign_in_alive_for_a_month_at_most(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (used, ada) = panel.signed_in(&panel.ada).await;
        let (unused, _) = panel.signed_in(&panel.ada).await;
        panel.clock.advance(30 * SECOND);
        assert!(panel.lives(&used).await);
        let seen = async || session_fetch(&fresh.db, &ada.session, panel.clock.now()).await.expect("a read").map(|s| s.last_seen_at);
        assert_eq!(seen().await, Some(START), "it was written within the minute");
        panel.clock.advance(MINUTE);
        assert!(panel.lives(&used).await);
        assert_eq!(seen().await, Some(panel.clock.now()));
        for _ in 0..29 {
            panel.clock.advance(DAY);
            assert!(panel.lives(&used).await);
        }
        assert!(!panel.lives(&unused).await, "a month unused");
        panel.clock.advance(DAY);
        assert!(!panel.lives(&used).await, "a month");
    }

    async fn nobody_ends_the_sign_in_of_somebody_else(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let ((_, ada), (id, bob)) = (panel.signed_in(&panel.ada).await, panel.signed_in(&panel.bob).await);
        assert_eq!(panel.accounts.session_end(&ada, bob.session.clone()).await, Err(AppError::not_found("sign-in")));
        assert!(panel.lives(&id).await);
        assert_eq!(panel.accounts.session_list(&ada).await.expect("a read").len(), 1);
    }

    async fn an_end_is_told_at_once(fresh) {
        // Nothing looks into the database here: what is told is told by whoever ended it.
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (_, out) = panel.signed_in(&panel.bob).await;
        let over = panel.accounts.session_over(&out);
        panel.accounts.signed_out(&out.session).await;
        soon(over).await;

        let ((_, one), (id, other)) = (panel.signed_in(&panel.bob).await, panel.signed_in(&panel.bob).await);
        let over = panel.accounts.session_over(&one);
        panel.accounts.session_end(&other, one.session.clone()).await.expect("his own");
        soon(over).await;
        assert!(panel.lives(&id).await);

        let over = panel.accounts.session_over(&other);
        panel.accounts.people_suspend(&panel.ada, other.account.id, GuestsThen::GoOn).await.expect("an administrator");
        soon(over).await;
        assert!(!panel.lives(&id).await);
    }

    async fn a_reset_ends_every_sign_in(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (id, bob) = panel.signed_in(&panel.bob).await;
        let over = panel.accounts.session_over(&bob);
        panel.accounts.people_reset_password(&panel.ada, bob.account.id).await.expect("an administrator");
        soon(over).await;
        assert!(!panel.lives(&id).await);
    }

    async fn a_new_password_ends_the_other_sign_ins(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let first = panel.accounts.people_reset_password(&panel.ada, panel.bob.account.id).await.expect("an administrator");
        let ((here, bob), (there, other)) = (panel.signed_in(&panel.bob).await, panel.signed_in(&panel.bob).await);
        let over = panel.accounts.session_over(&other);
        let new = "a good new one".to_owned();
        panel.accounts.password_change(&bob, first.password, new.clone(), new).await.expect("a good form");
        soon(over).await;
        assert!(panel.lives(&here).await && !panel.lives(&there).await);
    }

    async fn an_end_elsewhere_is_told_within_a_second(fresh) {
        let panel = panel(&fresh.db, Clock::System).await;
        let keeping = tokio::spawn(panel.accounts.keep());
        let another = Db::open(&fresh.address).await.expect("the same database");
        let ((_, ada), (_, bob)) = (panel.signed_in(&panel.ada).await, panel.signed_in(&panel.bob).await);
        let (stays, ended) = (panel.accounts.session_over(&ada), panel.accounts.session_over(&bob));
        session_delete_all(&another, bob.account.id, None).await.expect("a delete");
        soon(ended).await;

        let (_, bob) = panel.signed_in(&panel.bob).await;
        let disabled = panel.accounts.session_over(&bob);
        account_set_standing(&another, bob.account.id, Standing::Suspended).await.expect("an update");
        soon(disabled).await;
        assert!(timeout(Duration::from_millis(1500), stays).await.is_err(), "ada's goes on");
        keeping.abort();
        another.close().await;
    }

    async fn what_has_expired_is_forgotten_and_told(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (id, bob) = panel.signed_in(&panel.bob).await;
        let over = panel.accounts.session_over(&bob);
        panel.clock.advance(8 * DAY);
        let keeping = tokio::spawn(panel.accounts.keep());
        soon(over).await;
        assert!(!panel.lives(&id).await);
        assert!(session_fetch(&fresh.db, &bob.session, START).await.expect("a read").is_none(), "its row is still there");
        keeping.abort();
    }

    async fn a_sign_in_that_meets_its_disabling_stays_outside(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        account_set_standing(&fresh.db, panel.bob.account.id, Standing::Suspended).await.expect("an update");
        let mut late = record();
        let bob = serde_json::to_value(panel.bob.account.id).expect("plain data");
        late.data.insert(ACCOUNT.into(), bob);
        panel.rows.create(&mut late).await.expect_err("he was disabled meanwhile");
        assert!(!panel.lives(&late.id).await);
    }

    async fn a_row_that_cant_be_read_is_an_error_and_no_session(fresh) {
        let panel = panel(&fresh.db, Clock::set_to(START)).await;
        let (id, bob) = panel.signed_in(&panel.bob).await;
        let mut row = session_fetch(&fresh.db, &bob.session, START).await.expect("a read").expect("it lives");
        panel.rows.delete(&id).await.expect("a database");
        row.data = "{".into();
        session_insert(&fresh.db, &row).await.expect("a new row");
        panel.rows.load(&id).await.expect_err("half a row");
    }
}
