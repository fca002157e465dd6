use umbel_app::shown::Role;
use umbel_guest::AccountId;
use umbel_server::store::accounts::{
    Account, Standing, account_count_administrators, account_credentials, account_delete, account_fetch,
    account_fetch_by_name, account_insert, account_list, account_list_unsettled, account_set_password,
    account_set_standing, account_signed_in,
};
use uuid::Uuid;

use crate::harness::db::both;

fn anna(name: &str) -> Account {
    Account {
        id: AccountId(Uuid::now_v7()),
        name: name.parse().expect("a name"),
        role: Role::User,
        standing: Standing::Active,
        expires_at: None,
        must_change_password: true,
        created_at: 1_700_000_000_000_000,
        last_sign_in_at: None,
        second_factor: false,
        linked: false,
        rights: 0,
    }
}

both! {
    async fn what_is_written_is_read(fresh) {
        let db = &fresh.db;
        let account = anna("anna");
        account_insert(db, &account, "hash").await.expect("a new account");
        assert_eq!(account_fetch(db, account.id).await.expect("a read").as_ref(), Some(&account));
        assert_eq!(account_fetch_by_name(db, &account.name).await.expect("a read").as_ref(), Some(&account));
        let found = account_credentials(db, &account.name).await.expect("a read").expect("anna");
        assert_eq!((found.password_hash.as_str(), &found.account), ("hash", &account));
        assert!(!format!("{found:?}").contains("\"hash\""), "a hash is in a debug text");
    }

    async fn what_is_not_there_is_none(fresh) {
        let db = &fresh.db;
        let stranger = anna("stranger");
        assert_eq!(account_fetch(db, stranger.id).await.expect("a read"), None);
        assert!(account_credentials(db, &stranger.name).await.expect("a read").is_none());
        assert!(!account_set_standing(db, stranger.id, Standing::Suspended).await.expect("an update"));
        assert!(!account_set_password(db, stranger.id, "x", false).await.expect("an update"));
    }

    async fn a_name_is_given_once(fresh) {
        let db = &fresh.db;
        account_insert(db, &anna("anna"), "hash").await.expect("a new account");
        let again = account_insert(db, &anna("anna"), "hash").await.expect_err("the name is taken");
        assert!(again.is_duplicate(), "{again:?}");
        assert_eq!(account_list(db).await.expect("a list").len(), 1);
    }

    async fn changes_reach_one_row(fresh) {
        let db = &fresh.db;
        let (a, b) = (anna("anna"), anna("berta"));
        account_insert(db, &b, "b").await.expect("a new account");
        account_insert(db, &a, "a").await.expect("a new account");
        assert!(account_set_standing(db, a.id, Standing::Suspended).await.expect("an update"));
        assert!(account_set_password(db, a.id, "new", false).await.expect("an update"));
        account_signed_in(db, a.id, 42).await.expect("an update");
        let list = account_list(db).await.expect("a list");
        let changed = Account { standing: Standing::Suspended, must_change_password: false, last_sign_in_at: Some(42), ..a };
        assert_eq!(list, [changed, b]);
    }

    async fn only_administrators_who_can_sign_in_count(fresh) {
        let db = &fresh.db;
        let one = Account { role: Role::Administrator, ..anna("one") };
        let two = Account { role: Role::Administrator, standing: Standing::Suspended, ..anna("two") };
        let ends = Account { role: Role::Administrator, expires_at: Some(i64::MAX), ..anna("ends") };
        for account in [&one, &two, &ends, &anna("three")] {
            account_insert(db, account, "hash").await.expect("a new account");
        }
        assert_eq!(account_count_administrators(db).await.expect("a count"), 1);
    }

    async fn a_transaction_that_is_dropped_leaves_nothing(fresh) {
        let db = &fresh.db;
        let mut tx = db.begin().await.expect("a transaction");
        account_insert(&mut tx, &anna("anna"), "hash").await.expect("a new account");
        assert_eq!(account_list(&mut tx).await.expect("a list").len(), 1);
        assert_eq!(account_list(db).await.expect("a list").len(), 0, "seen from outside too early");
        drop(tx);
        assert_eq!(account_list(db).await.expect("a list").len(), 0);
        let mut tx = db.begin().await.expect("a transaction");
        account_insert(&mut tx, &anna("anna"), "hash").await.expect("a new account");
        tx.commit().await.expect("a commit");
        assert_eq!(account_list(db).await.expect("a list").len(), 1);
    }

    async fn what_is_owed_to_guests_is_found_by_the_row(fresh) {
        let db = &fresh.db;
        let now = 1_000;
        for (name, standing, expires_at) in [
            ("active", Standing::Active, None), ("later", Standing::Active, Some(now + 1)),
            ("over", Standing::Active, Some(now)), ("stopping", Standing::Stopping, None),
            ("suspended", Standing::Suspended, Some(now)), ("ended", Standing::Ended, Some(now)),
            ("leaving", Standing::Leaving, None),
        ] {
            let account = Account { standing, expires_at, ..anna(name) };
            account_insert(db, &account, "hash").await.expect("a new account");
        }
        let found = account_list_unsettled(db, now).await.expect("a list");
        assert_eq!(found.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["leaving", "over", "stopping"]);
    }

    async fn an_account_that_owns_a_guest_is_not_forgotten(fresh) {
        let panel = crate::harness::panel::TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        let mut tx = fresh.db.begin().await.expect("a transaction");
        assert!(account_delete(&mut tx, panel.anna.account.id).await.is_err_and(|error| error.is_orphan()));
        drop(tx);
        assert!(panel.row(guest).await.is_some());
        let berta = anna("berta");
        account_insert(&fresh.db, &berta, "hash").await.expect("a new account");
        let mut tx = fresh.db.begin().await.expect("a transaction");
        assert!(account_delete(&mut tx, berta.id).await.expect("nothing is hers"));
        assert!(!account_delete(&mut tx, berta.id).await.expect("gone"));
        tx.commit().await.expect("committed");
        assert_eq!(account_fetch(&fresh.db, berta.id).await.expect("a read"), None);
    }
}
