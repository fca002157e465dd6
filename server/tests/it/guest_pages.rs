//! Guests a page at a time: every one that somebody sees comes once, in the order that was asked for.

use std::collections::BTreeSet;

use umbel_app::shown::Role;
use umbel_client::{Client, GuestPage};
use umbel_guest::state::Badge;
use umbel_guest::{AccountId, Exit, GuestId, Seen, Shares, Until, Wanted};
use umbel_server::store::Db;
use umbel_server::store::guest_pages::{Promised, guest_count, guest_promised};
use umbel_server::store::guests::{Guest, guest_fetch, guest_insert};
use umbel_server::store::shares::share_put;
use uuid::Uuid;

use crate::harness::db::{alone, both};
use crate::harness::edge::Edge;
use crate::harness::panel::account;

/// Rows like one that is there; nothing of them is on the host.
async fn rows(db: &Db, like: GuestId, owner: AccountId, names: impl IntoIterator<Item = String>) -> Vec<GuestId> {
    let like = guest_fetch(db, like).await.expect("a read").expect("it was made");
    let mut made = Vec::new();
    for (at, name) in (1_000i64..).zip(names) {
        let mut guest = Guest { id: GuestId(Uuid::now_v7()), owner, number: None, created_at: at, ..like.clone() };
        guest.spec.name = name.parse().expect("a name");
        (guest.wanted, guest.seen) = (Wanted::Stopped, Seen::Gone);
        alone(db, async |tx| guest_insert(tx, &guest).await).await.expect("a row");
        made.push(guest.id);
    }
    made
}

async fn page(client: &Client, asked: &[(&str, &str)]) -> GuestPage {
    client.guest_page(asked).await.expect("a page")
}

/// All pages, a few guests each.
async fn walk(client: &Client, asked: &[(&str, &str)]) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let from = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let asked: Vec<_> = asked.iter().copied().chain(from).chain([("limit", "7")]).collect();
        let page = page(client, &asked).await;
        assert!(page.rows.len() <= 7);
        names.extend(page.rows.iter().map(|guest| guest.name.to_string()));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return names,
        }
    }
}

both! {
    async fn every_guest_comes_once_in_the_order_that_was_asked_for(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let web = edge.test.made("web").await;
        let anna = edge.test.anna.account.id;
        rows(&fresh.db, web, anna, (0..20).rev().map(|n| format!("lab-{n:02}"))).await;
        let client = edge.signed_in("anna").await;
        let mut sorted: Vec<String> = (0..20).map(|n| format!("lab-{n:02}")).collect();
        let by_age: Vec<String> = sorted.iter().rev().cloned().chain(["web".to_owned()]).collect();
        sorted.push("web".into());
        assert_eq!(walk(&client, &[]).await, sorted);
        assert_eq!(walk(&client, &[("sort", "created_at")]).await, by_age);
        assert_eq!(walk(&client, &[("sort", "-created_at")]).await, by_age.into_iter().rev().collect::<Vec<_>>());
        assert_eq!(walk(&client, &[("sort", "-name")]).await, sorted.into_iter().rev().collect::<Vec<_>>());
        assert_eq!(client.guest_list().await.expect("all pages").len(), 21);
        // A page that is on its way neither repeats nor skips what was there before and after it.
        let first = page(&client, &[("limit", "2")]).await;
        rows(&fresh.db, web, anna, ["aaa".to_owned()]).await;
        let next = page(&client, &[("limit", "2"), ("cursor", first.next.as_deref().expect("there are more"))]).await;
        assert_eq!(next.rows.iter().map(|guest| guest.name.as_str()).collect::<Vec<_>>(), ["lab-02", "lab-03"]);
    }

    async fn what_is_looked_for_is_found_and_nothing_else(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let web = edge.test.made("web").await;
        let names = ["lab-1", "lab-2", "db"].map(str::to_owned);
        rows(&fresh.db, web, edge.berta.account.id, names).await;
        let root = edge.signed_in("root").await;
        let found = async |asked: &[(&str, &str)]| walk(&root, asked).await;
        assert_eq!(found(&[("owner", "berta")]).await, ["db", "lab-1", "lab-2"]);
        assert_eq!(found(&[("owner", &edge.berta.account.id.to_string()), ("name", "lab")]).await, ["lab-1", "lab-2"]);
        assert_eq!(found(&[("q", "BERTA")]).await, ["db", "lab-1", "lab-2"]);
        assert_eq!(found(&[("state", "stopped")]).await, ["db", "lab-1", "lab-2"]);
        assert_eq!(found(&[("state", "stopped"), ("sort", "-name"), ("q", "lab")]).await, ["lab-2", "lab-1"]);
        for nothing in [&[("name", "%")][..], &[("q", "_")], &[("q", "\\")], &[("owner", "nobody")], &[("state", "crashed")]] {
            assert_eq!(found(nothing).await, [""; 0], "{nothing:?}");
        }
        for (field, value) in [("state", "x"), ("sort", "x"), ("limit", "0"), ("cursor", "x"), ("cursor", "1~x"), ("x", "y")] {
            let error = root.guest_page(&[(field, value)]).await.expect_err(field);
            assert!(error.to_string().contains(if field == "x" { "query" } else { field }), "{field}: {error}");
        }
    }

    async fn a_page_holds_what_one_may_see(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let web = edge.test.made("web").await;
        let labs = rows(&fresh.db, web, edge.test.anna.account.id, (0..9).map(|n| format!("lab-{n}"))).await;
        rows(&fresh.db, web, edge.berta.account.id, ["own".to_owned()]).await;
        edge.give_password(&account(&fresh.db, "oda", Role::Operator).await, false).await;
        share_put(&fresh.db, labs[4], edge.berta.account.id, Shares::of([]).expect("to see"), 1).await.expect("shared");
        let seen = async |name: &str| walk(&edge.signed_in(name).await, &[]).await;
        assert_eq!(seen("berta").await, ["lab-4", "own"]);
        assert_eq!(seen("anna").await.len(), 10);
        assert_eq!((seen("oda").await.len(), seen("root").await.len()), (11, 11));
        let berta = edge.signed_in("berta").await;
        assert_eq!(walk(&berta, &[("owner", "anna")]).await, ["lab-4"]);
        assert_eq!(walk(&berta, &[("q", "lab-5")]).await, [""; 0]);
        let count = async |who| guest_count(&fresh.db, who).await.expect("counted").iter().map(|(_, n)| n).sum::<u32>();
        assert_eq!((count(None).await, count(Some(edge.berta.account.id)).await), (11, 2));
    }

    async fn a_state_that_was_there_before_the_column_is_the_one_that_people_see(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let like = guest_fetch(&fresh.db, edge.test.made("web").await).await.expect("a read").expect("made");
        let exits = [
            Exit::PoweredOff, Exit::Rebooted, Exit::Failed { status: 1 }, Exit::Crashed { signal: 6 }, Exit::Killed,
            Exit::OutOfMemory, Exit::ShimLost, Exit::HostRestarted,
            Exit::NotStarted { reason: "\"exit\":\"killed\"".into() },
        ];
        let ended = exits.into_iter().map(|exit| Seen::Ended { at: 1, exit });
        let alive = [Seen::Starting, Seen::Running { since: 1 }, Seen::Paused { since: 1, until: Until::Room }, Seen::Stopping];
        let all: Vec<Seen> = [Seen::Gone].into_iter().chain(alive).chain(ended).collect();
        let mut names = BTreeSet::new();
        for (n, seen) in all.iter().enumerate() {
            for (m, wanted) in [Wanted::Stopped, Wanted::Running, Wanted::Deleted { purge_at: i64::MAX }].iter().enumerate() {
                let mut guest = Guest { id: GuestId(Uuid::now_v7()), number: None, ..like.clone() };
                guest.spec.name = format!("g-{n}-{m}").parse().expect("a name");
                (guest.wanted, guest.seen) = (*wanted, seen.clone());
                alone(&fresh.db, async |tx| guest_insert(tx, &guest).await).await.expect("a row");
                names.insert(Badge::of(wanted, seen).name());
            }
        }
        assert_eq!(names.len(), Badge::ALL.len(), "each state is there");
        let before = guest_count(&fresh.db, None).await.expect("counted");
        let migration = include_str!("../../../migrations/sqlite/0009_guest_pages.sql");
        let update = migration.split(';').find(|text| text.contains("UPDATE guests")).expect("it is there");
        umbel_server::store::query::sql("test", update).run(&fresh.db).await.expect("an update");
        let sorted = |mut list: Vec<(Badge, u32)>| { list.sort_by_key(|(badge, _)| badge.name()); list };
        assert_eq!(sorted(guest_count(&fresh.db, None).await.expect("counted")), sorted(before));
        let Promised { alive, memory_mib } = guest_promised(&fresh.db).await.expect("summed");
        // Four alive in each of three; wanted to run are ten others; and web, where it runs by now.
        assert!((12..=13).contains(&alive), "{alive}");
        assert!((22 * 64..=23 * 64).contains(&memory_mib), "{memory_mib}");
    }
}
