use umbel_app::shown::Role;
use umbel_guest::AccountId;
use umbel_server::store::accounts::{
    Account, account_count_administrators, account_credentials, account_fetch, account_fetch_by_name, account_insert,
    account_list, account_set_enabled, account_set_password, account_signed_in,
};
use uuid::Uuid;

use crate::harness::db::both;

fn anna(name: &str) -> Account {
    Account {
        id: AccountId(Uuid::now_v7()),
        name: name.parse().expect("a name"),
        role: Role::User,
        enabled: true,
        must_change_password: true,
        created_at: 1_700_000_000_000_000,
        last_sign_in_at: None,
        second_factor: false,
        guests: 0,
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
        assert!(!account_set_enabled(db, stranger.id, false).await.expect("an update"));
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
        assert!(account_set_enabled(db, a.id, false).await.expect("an update"));
        assert!(account_set_password(db, a.id, "new", false).await.expect("an update"));
        account_signed_in(db, a.id, 42).await.expect("an update");
        let list = account_list(db).await.expect("a list");
        let changed = Account { enabled: false, must_change_password: false, last_sign_in_at: Some(42), ..a };
        assert_eq!(list, [changed, b]);
    }

    async fn only_administrators_who_can_sign_in_count(fresh) {
        let db = &fresh.db;
        let one = Account { role: Role::Administrator, ..anna("one") };
        let two = Account { role: Role::Administrator, enabled: false, ..anna("two") };
        for account in [&one, &two, &anna("three")] {
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
}
