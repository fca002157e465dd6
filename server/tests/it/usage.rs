//! What guests use is counted once, whoever counts, and read by those whose it is.

use futures::future::join_all;
use umbel_app::AppError;
use umbel_app::shown::{Role, UsageAsked};
use umbel_client::Method;
use umbel_guest::{Action, GuestId};
use umbel_server::clock::{Clock, HOUR, SECOND};
use umbel_server::quotas::Quotas;
use umbel_wire::agent::Moved;

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::{TestPanel, account};

fn at(test: &TestPanel, clock: &Clock) -> Quotas {
    let mut parts = test.guests.parts.clone();
    parts.clock = clock.clone();
    Quotas::new(parts)
}

both! {
    async fn a_minute_is_counted_once_however_many_panels_count(fresh) {
        let test = TestPanel::start(&fresh.db).await;
        let guest = test.made("web").await;
        let clock = Clock::set_to(Clock::System.now() + HOUR);
        let panels: Vec<Quotas> = (0..8).map(|_| at(&test, &clock)).collect();
        let count = async || {
            for done in join_all(panels.iter().map(Quotas::count)).await {
                done.expect("a count");
            }
            panels[0].usage(&test.anna, UsageAsked::default()).await.expect("her own").total()
        };
        assert_eq!(count().await.guest_s, 0, "it begins here");
        clock.advance(600 * SECOND);
        let used = count().await;
        assert_eq!((used.guest_s, used.memory_mib_s, used.disk_mib_s), (600, 600 * 64, 600 * 256));

        test.guests.act(&test.anna, guest, Action::Kill).await.expect("it runs");
        test.eventually("it is gone", async |test| {
            test.row(guest).await.is_some_and(|row| !row.seen.is_alive())
        })
        .await;
        clock.advance(60 * SECOND);
        let used = count().await;
        assert_eq!((used.guest_s, used.disk_mib_s), (600, 660 * 256), "its disk is there still");
    }

    async fn what_guests_send_and_receive_is_counted_once_and_a_smaller_counter_begins_anew(fresh) {
        let test = TestPanel::start(&fresh.db).await;
        let guest = test.made("web").await;
        let clock = Clock::set_to(Clock::System.now() + HOUR);
        let panels: Vec<Quotas> = (0..4).map(|_| at(&test, &clock)).collect();
        let stranger = GuestId(uuid::Uuid::now_v7());
        let count = async |received, sent| {
            for guest in [guest, stranger] {
                test.host.set_moved(guest, Moved { received, sent });
            }
            clock.advance(60 * SECOND);
            for done in join_all(panels.iter().map(Quotas::count)).await {
                done.expect("a count");
            }
            let used = panels[0].usage(&test.anna, UsageAsked::default()).await.expect("her own").total();
            (used.received, used.sent)
        };
        panels[0].count().await.expect("it begins here");
        assert_eq!(count(1, 1).await, (1, 1));
        assert_eq!(count(700, 40).await, (700, 40));
        assert_eq!(count(1000, 40).await, (1000, 40));
        assert_eq!(count(10, 50).await, (1000, 50), "the host has lost its end");
        assert_eq!(count(15, 50).await, (1005, 50));
        test.host.set_away(true);
        assert_eq!(count(25, 50).await, (1005, 50), "nobody says");
        test.host.set_away(false);
        assert_eq!(count(30, 51).await, (1020, 51), "the next count includes it");
    }

    async fn each_sees_their_own_and_who_manages_quotas_sees_all(fresh) {
        let test = TestPanel::start(&fresh.db).await;
        test.made("web").await;
        let clock = Clock::set_to(Clock::System.now() + HOUR);
        let quotas = at(&test, &clock);
        quotas.count().await.expect("a count");
        clock.advance(60 * SECOND);
        quotas.count().await.expect("a count");
        let root = account(&fresh.db, "root", Role::Administrator).await;
        let berta = account(&fresh.db, "berta", Role::User).await;
        let of_anna = UsageAsked { account: Some(test.anna.account.id), ..UsageAsked::default() };

        let all = quotas.usage(&root, UsageAsked::default()).await.expect("an administrator");
        assert_eq!((all.of, all.accounts[0].name.as_str(), all.accounts[0].used.guest_s), (None, "anna", 60));
        let hers = quotas.usage(&root, of_anna).await.expect("an administrator");
        assert_eq!((hers.of.as_deref(), hers.total().guest_s, hers.days.len()), (Some("anna"), 60, 30));
        let own = quotas.usage(&berta, UsageAsked::default()).await.expect("her own");
        assert_eq!((own.total().disk_mib_s, own.accounts.len()), (0, 0));
        let refused = quotas.usage(&berta, of_anna).await.expect_err("not hers");
        assert!(matches!(refused, AppError::Forbidden { .. }), "{refused:?}");
    }

    async fn a_wrong_range_is_named(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = edge.signed_in("anna").await;
        let answer = anna.request(Method::GET, "/api/v1/usage?days=0").send().await.expect("an answer");
        assert_eq!(answer.status(), 422);
        assert!(answer.text().await.expect("text").contains("\"days\""));
        let file = anna.request(Method::GET, "/api/v1/usage/export").send().await.expect("an answer");
        assert!(file.text().await.expect("text").starts_with("date,guest_hours,"));
    }
}
