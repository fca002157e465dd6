use umbel_app::shown::Role;
use umbel_guest::{Attachment, GuestId, HostNumber};
use umbel_server::store::guests::{Guest, guest_delete, guest_free_number, guest_insert};
use umbel_server::store::networks::{
    forward_delete, forward_insert, forward_list, network_delete_unused, network_ensure, network_fetch_of, network_list,
};

use crate::harness::db::{alone, both};
use crate::harness::panel::{TestPanel, account, draft};

/// A guest of anna's that is plugged in, with a number.
async fn guest(panel: &TestPanel, name: &str, number: u8) -> Guest {
    let made = panel.guests.create(&panel.anna, draft(name)).await.expect("a good draft").guest;
    let mut row = panel.row(made).await.expect("there");
    row.id = GuestId(uuid::Uuid::now_v7());
    row.spec.name = format!("{name}-twin").parse().expect("a name");
    row.spec.network = Attachment::Bridge;
    row.number = HostNumber::new(number);
    row
}

both! {
    async fn an_account_has_one_network_on_a_host(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (db, host, owner) = (&fresh.db, panel.guests.parts.host, panel.anna.account.id);
        assert_eq!(network_fetch_of(db, host, owner).await.expect("a read"), None);
        let mut tx = db.begin().await.expect("a transaction");
        let first = network_ensure(&mut tx, host, owner, 1).await.expect("made");
        assert_eq!(network_ensure(&mut tx, host, owner, 2).await.expect("there"), first);
        tx.commit().await.expect("a commit");
        let berta = account(db, "berta", Role::User).await.account.id;
        let mut tx = db.begin().await.expect("a transaction");
        assert_ne!(network_ensure(&mut tx, host, berta, 1).await.expect("made"), first);
        tx.commit().await.expect("a commit");
        let list = network_list(db, host).await.expect("a list");
        let names: Vec<&str> = list.iter().map(|network| network.owner_name.as_str()).collect();
        assert_eq!((names, list[0].created_at), (vec!["anna", "berta"], 1));
    }

    async fn a_network_goes_when_nobody_else_is_in_it(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (db, host, owner) = (&fresh.db, panel.guests.parts.host, panel.anna.account.id);
        let row = guest(&panel, "a", 2).await;
        alone(db, async |tx| guest_insert(tx, &row).await).await.expect("a new guest");
        let mut tx = db.begin().await.expect("a transaction");
        let network = network_ensure(&mut tx, host, owner, 1).await.expect("made");
        tx.commit().await.expect("a commit");
        let other = GuestId(uuid::Uuid::nil());
        assert_eq!(network_delete_unused(db, host, owner, other).await.expect("kept"), None);
        assert_eq!(network_delete_unused(db, host, owner, row.id).await.expect("gone"), Some(network));
        assert_eq!(network_delete_unused(db, host, owner, row.id).await.expect("gone already"), None);
    }

    async fn a_number_and_a_port_are_given_once(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (db, host, owner) = (&fresh.db, panel.guests.parts.host, panel.anna.account.id);
        let (a, b) = (guest(&panel, "a", 2).await, guest(&panel, "b", 2).await);
        alone(db, async |tx| guest_insert(tx, &a).await).await.expect("a new guest");
        assert!(alone(db, async |tx| guest_insert(tx, &b).await).await.expect_err("the number is taken").is_duplicate());
        let mut tx = db.begin().await.expect("a transaction");
        assert_eq!(guest_free_number(&mut tx, host, owner).await.expect("a read"), HostNumber::new(3));
        drop(tx);
        let lead = async |host_port, port| alone(db, async |tx| forward_insert(tx, host, a.id, host_port, port, 5).await).await;
        lead(20_001, 80).await.expect("a free port");
        lead(20_000, 22).await.expect("a free port");
        assert!(lead(20_000, 23).await.expect_err("taken").is_duplicate());
        let list = forward_list(db, host).await.expect("a list");
        assert_eq!(list.iter().map(|f| (f.host_port, f.guest_port)).collect::<Vec<_>>(), [(20_000, 22), (20_001, 80)]);
        assert_eq!(list[0].leads().map(|f| f.to), HostNumber::new(2));
        assert!(alone(db, async |tx| forward_delete(tx, host, 20_001).await).await.expect("gone"));
        assert!(!alone(db, async |tx| forward_delete(tx, host, 20_001).await).await.expect("gone already"));
        alone(db, async |tx| guest_delete(tx, a.id).await).await.expect("gone");
        assert!(forward_list(db, host).await.expect("a list").is_empty(), "ports go with their guest");
    }
}
