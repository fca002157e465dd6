//! Networks: numbers are given once, ports lead where they should, the host is told.

use std::collections::BTreeSet;

use futures::future::join_all;
use umbel_app::AppError;
use umbel_app::shown::{ForwardDraft, GuestChange, GuestFilter, OperationState, Role};
use umbel_guest::{Action, Attachment, GuestDraft, GuestId, Seen};
use umbel_server::host::simulated::Temper;
use umbel_server::store::Tx;
use umbel_server::store::guests::guest_insert;
use umbel_server::store::networks::network_list;
use umbel_wire::agent::{Profile, Refusal};

use crate::harness::db::{alone, both};
use crate::harness::panel::{TestPanel, account, draft, lift_limits};

fn plugged(name: &str, network: Attachment) -> GuestDraft {
    GuestDraft { network, ..draft(name) }
}

async fn made(panel: &TestPanel, name: &str, network: Attachment) -> GuestId {
    let made = panel.guests.create(&panel.anna, plugged(name, network)).await.expect("a good draft");
    assert_eq!(panel.over(made.operation).await.state, OperationState::Done);
    made.guest
}

fn fields(error: AppError) -> Vec<String> {
    let AppError::Invalid(wrong) = error else { panic!("{error:?}") };
    wrong.0.into_iter().map(|e| e.field).collect()
}

fn to(guest: GuestId, host_port: Option<u16>) -> ForwardDraft {
    ForwardDraft { guest, guest_port: 22, host_port }
}

both! {
    async fn a_plugged_guest_has_an_address_and_is_started_with_its_card(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (a, b) = (made(&panel, "a", Attachment::Bridge).await, made(&panel, "b", Attachment::Switch).await);
        let alone = made(&panel, "alone", Attachment::None).await;
        let network = network_list(&fresh.db, panel.guests.parts.host).await.expect("a list")[0].id;
        for (guest, attachment, number) in [(a, Attachment::Bridge, 2), (b, Attachment::Switch, 3)] {
            let (_, _, card) = panel.host.given(guest).expect("it was started");
            let card = card.expect("a card");
            assert_eq!((card.attachment, card.network, card.number.get()), (attachment, network, number));
            let shown = panel.guests.fetch(&panel.anna, guest).await.expect("ours");
            assert_eq!(shown.address.expect("known").octets(), [10, 77, 0, number]);
        }
        assert_eq!(panel.host.given(alone).expect("it was started").2, None);
        let shown = panel.networks().list(&panel.anna).await.expect("a list");
        assert_eq!((shown.len(), shown[0].guests.len()), (1, 2));
        assert_eq!(shown[0].subnet.as_deref(), Some("10.77.0.0/24"));
        let listed = panel.guests.list(&panel.anna, GuestFilter::default()).await.expect("a list").rows;
        assert_eq!(listed.iter().filter(|guest| guest.address.is_some()).count(), 2, "in lists too");
        let berta = account(&fresh.db, "berta", Role::User).await;
        assert!(panel.networks().list(&berta).await.expect("none yet").is_empty());
    }

    async fn sixty_four_guests_at_once_get_sixty_four_numbers(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        lift_limits(&fresh.db, &panel.anna).await;
        panel.host.set_temper(Temper::Stubborn);
        panel.host.set_memory(64 * 64);
        let create = |i: usize| panel.guests.create(&panel.anna, plugged(&format!("g{i}"), Attachment::Switch));
        let made: Vec<_> = join_all((0..64).map(create)).await.into_iter().map(|m| m.expect("room for it").guest).collect();
        let mut numbers = BTreeSet::new();
        for guest in made {
            numbers.insert(panel.row(guest).await.expect("there").number.expect("plugged in"));
        }
        assert_eq!(numbers.len(), 64);
        assert_eq!(numbers.last().expect("some").get(), 65, "the first free one each");
    }

    async fn a_full_network_is_said_beside_its_field(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        lift_limits(&fresh.db, &panel.anna).await;
        let guest = made(&panel, "a", Attachment::Switch).await;
        let mut row = panel.row(guest).await.expect("there");
        for number in umbel_guest::HostNumber::all().skip(1) {
            row.id = GuestId(uuid::Uuid::now_v7());
            row.spec.name = format!("g{}", number.get()).parse().expect("a name");
            row.wanted = umbel_guest::Wanted::Stopped;
            row.number = Some(number);
            let insert = async |tx: &mut Tx| guest_insert(tx, &row).await;
            alone(&fresh.db, insert).await.expect("a free number");
        }
        let error = panel.guests.create(&panel.anna, plugged("more", Attachment::Switch)).await.expect_err("full");
        assert_eq!(fields(error), ["network"]);
        panel.guests.create(&panel.anna, plugged("more", Attachment::None)).await.expect("it needs no place");
    }

    async fn a_bridge_needs_an_agent_that_is_root(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.host.set_profile(Profile::Personal);
        let error = panel.guests.create(&panel.anna, plugged("a", Attachment::Bridge)).await.expect_err("no bridge");
        assert_eq!(fields(error), ["network"]);
        made(&panel, "b", Attachment::Switch).await;
    }

    async fn ports_lead_to_guests_and_are_told_anew_when_the_agent_comes(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = made(&panel, "a", Attachment::Bridge).await;
        let networks = panel.networks();
        let first = networks.forward_add(&panel.anna, to(guest, None)).await.expect("a free port");
        assert_eq!((first.host_port, first.leads), (20_000, true));
        networks.forward_add(&panel.anna, to(guest, Some(20_005))).await.expect("a free port");
        for (port, field) in [(Some(20_000), "host_port"), (Some(80), "host_port")] {
            let error = networks.forward_add(&panel.anna, to(guest, port)).await.expect_err("not that one");
            assert_eq!(fields(error), [field]);
        }
        let network = network_list(&fresh.db, panel.guests.parts.host).await.expect("a list")[0].id;
        let told = || panel.host.forwards(network).map(|all| all.iter().map(|f| f.host_port).collect::<Vec<_>>());
        assert_eq!(told(), Some(vec![20_000, 20_005]));

        // What the host won't lead is not kept.
        let reason = "another program listens there".into();
        panel.host.fail_next("network_forwards", Refusal::BadForward { host_port: 20_007, reason });
        let error = networks.forward_add(&panel.anna, to(guest, Some(20_007))).await.expect_err("taken on the host");
        assert_eq!(fields(error), ["host_port"]);
        assert_eq!(told(), Some(vec![20_000, 20_005]));

        // Nor asked for while the agent is away, but told when it comes.
        panel.host.set_away(true);
        panel.eventually("it is away", async |panel| !panel.guests.parts.link.heard().is_here()).await;
        networks.forward_remove(&panel.anna, 20_005).await.expect("it is told later");
        panel.host.set_away(false);
        panel.eventually("it is told", async |_| told() == Some(vec![20_000])).await;

        let berta = account(&fresh.db, "berta", Role::User).await;
        let missing = AppError::not_found("forwarded port");
        assert_eq!(networks.forward_remove(&berta, 20_000).await, Err(missing));
        let root = account(&fresh.db, "root", Role::Administrator).await;
        assert_eq!(networks.list(&root).await.expect("all")[0].forwards.len(), 1);
    }

    async fn one_port_asked_for_by_many_is_given_once(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = made(&panel, "a", Attachment::Bridge).await;
        let networks = panel.networks();
        let asked = join_all((0..8).map(|_| networks.forward_add(&panel.anna, to(guest, Some(20_100))))).await;
        assert_eq!(asked.iter().filter(|given| given.is_ok()).count(), 1, "{asked:?}");
        let any = join_all((0..8).map(|_| networks.forward_add(&panel.anna, to(guest, None)))).await;
        let ports: BTreeSet<u16> = any.into_iter().map(|given| given.expect("a free port").host_port).collect();
        assert_eq!(ports.len(), 8);
        let network = network_list(&fresh.db, panel.guests.parts.host).await.expect("a list")[0].id;
        assert_eq!(panel.host.forwards(network).expect("it stands").len(), 9, "the last word is the newest");
    }

    async fn the_last_guest_takes_its_network_along(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (a, b) = (made(&panel, "a", Attachment::Bridge).await, made(&panel, "b", Attachment::Switch).await);
        let network = network_list(&fresh.db, panel.guests.parts.host).await.expect("a list")[0].id;
        panel.networks().forward_add(&panel.anna, to(a, None)).await.expect("a free port");
        let purge = async |guest| {
            let purge = panel.guests.act(&panel.anna, guest, Action::Purge).await.expect("always").expect("one");
            assert_eq!(panel.over(purge).await.state, OperationState::Done);
        };
        purge(a).await;
        assert_eq!(panel.host.forwards(network), Some(vec![]), "its port leads nowhere");
        purge(b).await;
        assert_eq!(panel.host.forwards(network), None);
        assert!(network_list(&fresh.db, panel.guests.parts.host).await.expect("a list").is_empty());
    }

    async fn after_a_reboot_of_the_host_a_network_is_made_anew(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = made(&panel, "a", Attachment::Bridge).await;
        let before = panel.row(guest).await.expect("there").seen_generation;
        panel.host.reboot();
        panel.eventually("it runs again", async |panel| {
            let row = panel.row(guest).await.expect("there");
            matches!(row.seen, Seen::Running { .. }) && row.seen_generation > before
        }).await;
        assert!(panel.host.given(guest).expect("it was started").2.is_some());
    }

    async fn a_guest_keeps_its_number_whatever_it_is_plugged_into(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = made(&panel, "a", Attachment::Bridge).await;
        let change = |network| GuestChange { network: Some(network), ..GuestChange::default() };
        let refused = panel.guests.change(&panel.anna, guest, change(Attachment::None)).await.expect_err("it runs");
        assert_eq!(refused.status(), 409);
        let stop = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("one");
        panel.over(stop).await;
        for network in [Attachment::None, Attachment::Switch] {
            let shown = panel.guests.change(&panel.anna, guest, change(network)).await.expect("it is stopped");
            assert_eq!(shown.network, network);
            assert_eq!(panel.row(guest).await.expect("there").number.expect("kept").get(), 2);
        }
        let late = made(&panel, "late", Attachment::None).await;
        let stop = panel.guests.act(&panel.anna, late, Action::Kill).await.expect("it runs").expect("one");
        panel.over(stop).await;
        panel.guests.change(&panel.anna, late, change(Attachment::Bridge)).await.expect("it is stopped");
        assert_eq!(panel.row(late).await.expect("there").number.expect("given").get(), 3);
    }
}
