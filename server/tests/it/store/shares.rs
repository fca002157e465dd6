use umbel_app::shown::Role;
use umbel_guest::GuestRight::{Power, TypeConsole};
use umbel_guest::Shares;
use umbel_server::store::accounts::{account_fetch, account_rights_changed};
use umbel_server::store::guests::guest_delete;
use umbel_server::store::shares::{share_delete, share_fetch, share_list, share_list_with, share_put};

use crate::harness::db::{alone, both};
use crate::harness::panel::{TestPanel, account};

both! {
    async fn a_share_is_one_row_that_goes_with_its_guest(fresh) {
        let db = &fresh.db;
        let panel = TestPanel::start(db).await;
        let (web, _own) = (panel.made("web").await, panel.made("own").await);
        let berta = account(db, "berta", Role::User).await.account.id;
        let of = |rights: &[_]| Shares::of(rights.iter().copied()).expect("they can be shared");
        assert_eq!(share_fetch(db, web, berta).await.expect("a read"), None);
        share_put(db, web, berta, of(&[TypeConsole]), 1).await.expect("written");
        share_put(db, web, berta, of(&[Power]), 2).await.expect("written again");
        assert_eq!(share_fetch(db, web, berta).await.expect("a read"), Some(of(&[Power])));
        assert_eq!(share_list_with(db, berta).await.expect("a list"), [(web, of(&[Power]))]);
        let list = share_list(db, web).await.expect("a list");
        assert_eq!((list.len(), list[0].account_name.as_str(), list[0].created_at), (1, "berta", 1));

        assert!(share_delete(db, web, berta).await.expect("gone"));
        assert!(!share_delete(db, web, berta).await.expect("gone already"));
        share_put(db, web, berta, of(&[]), 3).await.expect("written");
        alone(db, async |tx| guest_delete(tx, web).await).await.expect("gone");
        assert_eq!(share_list_with(db, berta).await.expect("a list"), []);
    }

    async fn changes_of_rights_are_counted(fresh) {
        let db = &fresh.db;
        let berta = account(db, "berta", Role::User).await.account.id;
        for n in 1..=2 {
            account_rights_changed(db, berta).await.expect("an update");
            assert_eq!(account_fetch(db, berta).await.expect("a read").expect("berta").rights, n);
        }
    }
}
