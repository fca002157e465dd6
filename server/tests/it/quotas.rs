//! Quotas: what is asked for at once meets at one row, what a guest holds is what its row says, and a
//! kill of the panel leaves books that fit.

use std::time::Duration;

use futures::future::join_all;
use nix::sys::signal::Signal;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{
    ForwardDraft, GuestChange, OperationState, QuotaRequestState, QuotaShown, QuotaWish, Role, SnapshotDraft,
};
use umbel_client::{Client, Method};
use umbel_guest::quota::{Amounts, Kind, Limit, Rule, Said, held};
use umbel_guest::{Action, Attachment, Boot, GuestDraft, GuestId, GuestSpec, HostNumber, Seen, Wanted};
use umbel_server::accounts::passwords::{Password, Passwords};
use umbel_server::quotas::{Quotas, books};
use umbel_server::store::accounts::account_set_password;
use umbel_server::store::guests::{Guest, guest_insert};
use umbel_server::store::meta::host_local;
use umbel_server::store::query::sql;
use umbel_server::store::quotas::{host_promised_disk, quota_of, quota_set_own};
use umbel_server::store::{Db, Tx};

use crate::harness::db::{alone, both};
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::{TestPanel, account, draft, lift_limits};
use crate::harness::program::Umbel;

/// Requests at once.
const CROWD: usize = 64;

fn rounds() -> usize {
    if std::env::var_os("UMBEL_TEST_FULL").is_some() { 200 } else { 10 }
}

async fn set(db: &Db, who: &Caller, kind: Kind, said: Said) {
    quota_set_own(db, who.account.id, kind, Some(said)).await.expect("a write");
}

/// A person who has one limit and no other.
async fn with_one_limit(db: &Db, name: &str, kind: Kind, most: u64) -> Caller {
    let person = account(db, name, Role::User).await;
    lift_limits(db, &person).await;
    set(db, &person, kind, Said::AtMost(most)).await;
    person
}

async fn used(db: &Db, who: &Caller) -> Amounts {
    let standings = quota_of(db, who.account.id).await.expect("a read");
    standings.into_iter().fold(Amounts::default(), |sum, standing| sum.with(standing.kind, standing.used))
}

async fn books_fit(db: &Db) {
    assert_eq!(books::wrong(db).await.expect("a read"), Vec::<String>::new());
}

fn plugged(name: &str) -> GuestDraft {
    GuestDraft { network: Attachment::Bridge, ..draft(name) }
}

/// What one guest of the crowd holds while it runs.
fn one(kind: Kind) -> u64 {
    held(&GuestSpec::check(&plugged("web")).expect("sensible"), true).with(Kind::Ports, 1).of(kind)
}

fn conflict(error: &AppError) -> &str {
    let AppError::Conflict { message } = error else { panic!("{error:?}") };
    message
}

/// A guest's row that was made and never ran.
fn row(host: umbel_server::store::meta::HostId, owner: &Caller, number: usize, network: Attachment) -> Guest {
    let draft = GuestDraft { network, ..draft(&format!("g{number}")) };
    Guest {
        id: GuestId(uuid::Uuid::now_v7()),
        host,
        owner: owner.account.id,
        owner_name: owner.account.name.clone(),
        network: None,
        spec: GuestSpec::check(&draft).expect("sensible"),
        number: u8::try_from(number + 2).ok().and_then(HostNumber::new).filter(|_| network != Attachment::None),
        boot: Boot::Normal,
        limits_heard: true,
        disk_ready: true,
        wanted: Wanted::Stopped,
        generation: umbel_guest::Generation::FIRST,
        seen: Seen::Gone,
        seen_generation: umbel_guest::Generation::default(),
        failures: 0,
        next_try_at: None,
        kill_at: None,
        waiting: None,
        created_at: 1,
    }
}

/// As many as there are places in the crowd, all stopped.
async fn rows(db: &Db, owner: &Caller, network: Attachment) -> Vec<GuestId> {
    let host = host_local(db, 1).await.expect("a host");
    let rows: Vec<Guest> = (0..CROWD).map(|number| row(host, owner, number, network)).collect();
    let insert = async |tx: &mut Tx| {
        for row in &rows {
            guest_insert(tx, row).await?;
        }
        Ok(())
    };
    alone(db, insert).await.expect("new guests");
    rows.iter().map(|row| row.id).collect()
}

/// How many of the answers are a yes; every no is the quota's, and says so.
fn granted<T: std::fmt::Debug>(answers: Vec<Result<T, AppError>>, kind: Kind) -> usize {
    let (yes, no): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    for error in no {
        let words = conflict(&error.expect_err("parted")).to_owned();
        assert!(words.starts_with(&format!("{}: the quota is", kind.title())), "{words}");
    }
    yes.len()
}

both! {
    async fn of_64_creations_at_once_one_gets_what_is_left(fresh) {
        let (mut panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        // Every round leaves a guest; the host's own limit is another test's.
        panel.guests.parts.disk_percent *= 1000;
        for kind in Kind::of_guests() {
            for round in 0..rounds() {
                let person = with_one_limit(db, &format!("{kind}-{round}"), kind, one(kind)).await;
                let create = |number: usize| panel.guests.create(&person, plugged(&format!("g{number}")));
                let granted = granted(join_all((0..CROWD).map(create)).await, kind);
                assert_eq!((granted, used(db, &person).await.of(kind)), (1, one(kind)), "{kind}, round {round}");
            }
            books_fit(db).await;
        }
    }

    async fn of_64_disks_at_once_one_gets_what_the_host_has_left(fresh) {
        let (mut panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let one = one(Kind::Disk);
        // The simulated host has 20 GiB.
        panel.guests.parts.disk_percent = 10;
        let most = 20_480 / 10;
        let person = panel.anna.clone();
        lift_limits(db, &person).await;
        while host_promised_disk(db, panel.guests.parts.host).await.expect("a read") + one < most {
            let name = format!("before-{}", uuid::Uuid::now_v7().simple());
            panel.guests.create(&person, plugged(&name)).await.expect("room");
        }
        for round in 0..rounds().min(40) {
            let create = |number: usize| panel.guests.create(&person, plugged(&format!("g{round}-{number}")));
            let (made, refused): (Vec<_>, Vec<_>) = join_all((0..CROWD).map(create)).await.into_iter().partition(Result::is_ok);
            let Some(Ok(made)) = made.first().filter(|_| made.len() == 1) else { panic!("{made:?}") };
            for error in refused.into_iter().flat_map(Result::err) {
                let AppError::Invalid(wrong) = &error else { panic!("{error:?}") };
                assert_eq!(wrong.0[0].field, "disk_mib");
            }
            panel.over(made.operation).await;
            for action in [Action::Kill, Action::Delete, Action::Purge] {
                if let Some(operation) = panel.guests.act(&person, made.guest, action).await.expect("possible") {
                    panel.over(operation).await;
                }
            }
            assert_eq!(host_promised_disk(db, panel.guests.parts.host).await.expect("a read"), most - one);
        }
        books_fit(db).await;
    }

    async fn of_64_starts_and_changes_at_once_one_gets_what_is_left(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        // Nothing is booted, so that nothing ends and makes room for another.
        panel.guests.parts.link.facts().await.expect("it is here");
        for round in 0..rounds() {
            let person = with_one_limit(db, &format!("taps-{round}"), Kind::Taps, 1).await;
            let guests = rows(db, &person, Attachment::None).await;
            let plug = || GuestChange { network: Some(Attachment::Bridge), ..GuestChange::default() };
            let change = |guest: &GuestId| panel.guests.change(&person, *guest, plug());
            assert_eq!(granted(join_all(guests.iter().map(change)).await, Kind::Taps), 1, "round {round}");
        }
        panel.host.set_away(true);
        for kind in [Kind::Running, Kind::Memory, Kind::CpuWeight, Kind::Bandwidth] {
            let network = if kind == Kind::Bandwidth { Attachment::Bridge } else { Attachment::None };
            for round in 0..rounds() {
                let person = with_one_limit(db, &format!("{kind}-{round}"), kind, one(kind)).await;
                let guests = rows(db, &person, network).await;
                let start = |guest: &GuestId| panel.guests.act(&person, *guest, Action::Start);
                let granted = granted(join_all(guests.iter().map(start)).await, kind);
                assert_eq!((granted, used(db, &person).await.of(kind)), (1, one(kind)), "{kind}, round {round}");
            }
        }
        books_fit(db).await;
    }

    async fn of_64_ports_at_once_one_gets_what_is_left(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let networks = panel.networks();
        for round in 0..rounds() {
            let person = with_one_limit(db, &format!("ports-{round}"), Kind::Ports, 1).await;
            let guests = rows(db, &person, Attachment::Bridge).await;
            let lead = |guest: &GuestId| {
                networks.forward_add(&person, ForwardDraft { guest: *guest, guest_port: 22, host_port: None })
            };
            let answers = join_all(guests.iter().map(lead)).await;
            let port = answers.iter().flatten().next().expect("one at least").host_port;
            assert_eq!(granted(answers, Kind::Ports), 1, "round {round}");
            networks.forward_remove(&person, port).await.expect("theirs");
            assert_eq!(used(db, &person).await.of(Kind::Ports), 0, "free again");
        }
        books_fit(db).await;
    }

    async fn of_64_snapshots_at_once_one_gets_what_is_left(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        // Nothing of them is made: they are counted from before that on.
        panel.host.set_away(true);
        for round in 0..rounds() {
            let person = with_one_limit(db, &format!("snapshots-{round}"), Kind::Snapshots, 1).await;
            let guests = rows(db, &person, Attachment::None).await;
            let take = |guest: &GuestId| panel.guests.snapshot_take(&person, *guest, SnapshotDraft::default());
            assert_eq!(granted(join_all(guests.iter().map(take)).await, Kind::Snapshots), 1, "round {round}");
            assert_eq!(used(db, &person).await.of(Kind::Snapshots), 1);
        }
        books_fit(db).await;
    }

    async fn a_guest_holds_what_runs_from_the_wish_to_its_end(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let holds = async || {
            books_fit(db).await;
            let used = used(db, &panel.anna).await;
            Kind::of_guests().map(|kind| used.of(kind)).collect::<Vec<_>>()
        };
        let (running, still) = ([1, 1, 64, 100, 256, 1, 40_000], [1, 0, 0, 0, 256, 1, 0]);
        let made = panel.guests.create(&panel.anna, plugged("web")).await.expect("a good draft");
        assert_eq!(holds().await, running, "before it runs");
        panel.over(made.operation).await;
        let done = async |action| {
            let operation = panel.guests.act(&panel.anna, made.guest, action).await.expect("possible").expect("one");
            assert_eq!(panel.over(operation).await.state, OperationState::Done);
        };
        for (action, held) in [
            (Action::Restart, running),
            (Action::ShutDown, still),
            (Action::Start, running),
            (Action::Kill, still),
            (Action::Delete, still),
        ] {
            done(action).await;
            assert_eq!(holds().await, held, "{action}");
        }
        panel.guests.act(&panel.anna, made.guest, Action::Undelete).await.expect("in time");
        let plug = |network| GuestChange { network: Some(network), ..GuestChange::default() };
        panel.guests.change(&panel.anna, made.guest, plug(Attachment::Switch)).await.expect("it is stopped");
        assert_eq!(holds().await, [1, 0, 0, 0, 256, 0, 0], "no tap any more");
        done(Action::Purge).await;
        assert_eq!(holds().await, [0; 7]);
    }

    async fn a_quota_lowered_below_use_stops_what_is_new_and_harms_nothing(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let (a, b) = (panel.made("a").await, panel.made("b").await);
        let act = async |guest, action| panel.guests.act(&panel.anna, guest, action).await;
        for kind in [Kind::Running, Kind::Memory] {
            set(db, &panel.anna, kind, Said::AtMost(one(kind))).await;
        }
        let before = panel.dump().await;
        let refused = panel.guests.create(&panel.anna, draft("c")).await.expect_err("no place");
        assert_eq!(
            conflict(&refused),
            "Running guests: the quota is 1 (its own), 2 used, and this asks for 1 more. Memory of running \
             guests: the quota is 64 MiB (its own), 128 MiB used, and this asks for 64 MiB more."
        );
        assert_eq!(panel.dump().await, before, "both run on, and nothing is left of the third");
        let restart = act(a, Action::Restart).await.expect("it asks for nothing new").expect("an operation");
        assert_eq!(panel.over(restart).await.state, OperationState::Done);
        for guest in [a, b] {
            let kill = act(guest, Action::Kill).await.expect("it runs").expect("an operation");
            panel.over(kill).await;
        }
        let start = act(b, Action::Start).await.expect("one has a place").expect("an operation");
        assert_eq!(act(a, Action::Start).await.expect_err("taken").status(), 409);
        assert_eq!(panel.over(start).await.state, OperationState::Done);
    }

    async fn what_was_kept_for_a_start_is_free_when_it_comes_to_nothing(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let guest = panel.made("a").await;
        let act = async |action| panel.guests.act(&panel.anna, guest, action).await.expect("possible").expect("one");
        panel.over(act(Action::Kill).await).await;
        panel.host.set_away(true);
        act(Action::Start).await;
        assert_eq!(used(db, &panel.anna).await.of(Kind::Running), 1);
        panel.eventually("it is asked for", async |panel| {
            panel.row(guest).await.expect("there").wanted == Wanted::Running
        }).await;
        let kill = act(Action::Kill).await;
        panel.eventually("nothing is kept", async |panel| used(db, &panel.anna).await.of(Kind::Running) == 0).await;
        panel.host.set_away(false);
        assert_eq!(panel.over(kill).await.state, OperationState::Done);
        books_fit(db).await;
    }

    async fn administrators_have_no_limits_and_users_their_roles(fresh) {
        let [root, berta] = [("root", Role::Administrator), ("berta", Role::User)];
        let root = account(&fresh.db, root.0, root.1).await;
        let berta = account(&fresh.db, berta.0, berta.1).await;
        let most = async |who: &Caller| {
            let standings = quota_of(&fresh.db, who.account.id).await.expect("a read");
            standings.into_iter().map(|standing| standing.limit.most).collect::<Vec<_>>()
        };
        assert_eq!(most(&root).await, [None; 9]);
        assert_eq!(most(&berta).await, [
            Some(20), Some(10), Some(4096), Some(1000), Some(65_536), Some(20), None, Some(32), Some(10),
        ]);
    }

    async fn a_wish_for_more_is_granted_once_and_never_lowers(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let quotas = Quotas::new(panel.guests.parts.clone());
        let root = account(db, "root", Role::Administrator).await;
        let wish = |wanted| QuotaWish { group: None, kind: Kind::Running, wanted, why: "a class".into() };
        assert_eq!(quotas.ask(&panel.anna, wish(10)).await.expect_err("no more than now").status(), 422);
        let request = quotas.ask(&panel.anna, wish(30)).await.expect("more than now");
        assert_eq!(quotas.ask(&panel.anna, wish(40)).await.expect_err("one at a time").status(), 409);
        assert_eq!(quotas.ask(&root, wish(40)).await.expect_err("no limit").status(), 409);
        assert_eq!(quotas.decide(&panel.anna, request, true).await.expect_err("not oneself").status(), 403);
        let listed = quotas.list(&root).await.expect("an administrator");
        assert_eq!((listed.requests.len(), listed.requests[0].why.as_str()), (1, "a class"));
        let decided = join_all((0..8).map(|_| quotas.decide(&root, request, true))).await;
        assert_eq!(decided.iter().filter(|done| done.is_ok()).count(), 1);
        let most = async || {
            let mine = quotas.mine(&panel.anna).await.expect("one's own");
            (mine.standings[1].limit, mine.requests[0].state)
        };
        let own = |most| Limit { most: Some(most), why: Rule::Account };
        assert_eq!(most().await, (own(30), QuotaRequestState::Granted));
        let request = quotas.ask(&panel.anna, wish(50)).await.expect("more again");
        set(db, &panel.anna, Kind::Running, Said::AtMost(100)).await;
        quotas.decide(&root, request, true).await.expect("open");
        assert_eq!(most().await.0, own(100));
        let request = quotas.ask(&panel.anna, wish(200)).await.expect("more again");
        quotas.decide(&root, request, false).await.expect("open");
        assert_eq!(most().await, (own(100), QuotaRequestState::Refused));
        assert!(quotas.list(&root).await.expect("an administrator").requests.is_empty());
    }

    async fn limits_are_set_for_a_role_and_for_an_account_by_administrators(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (root, anna) = (edge.signed_in("root").await, edge.signed_in("anna").await);
        let put = async |client: &Client, path: &str, body: &str| {
            let request = client.request(Method::PUT, &format!("/api/v1/quotas/{path}"));
            let answer = request.header("content-type", "application/json").body(body.to_owned()).send().await;
            answer.expect("an answer").status().as_u16()
        };
        let mine = async || {
            let answer = anna.request(Method::GET, "/api/v1/quotas/mine").send().await.expect("an answer");
            let shown: QuotaShown = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
            shown.standings[0].limit
        };
        let of_anna = format!("accounts/{}/guests", edge.test.anna.account.id);
        assert_eq!(put(&anna, &of_anna, r#"{"limit":"no_limit"}"#).await, 403);
        assert_eq!(put(&root, "roles/user/guests", r#"{"limit":{"at_most":3}}"#).await, 204);
        assert_eq!(mine().await, Limit { most: Some(3), why: Rule::Role });
        assert_eq!(put(&root, &of_anna, r#"{"limit":"no_limit"}"#).await, 204);
        assert_eq!(mine().await, Limit { most: None, why: Rule::Account });
        assert_eq!(put(&root, &of_anna, r#"{"limit":null}"#).await, 204);
        assert_eq!(put(&root, "roles/user/guests", r#"{"limit":null}"#).await, 204);
        assert_eq!(mine().await, Limit { most: None, why: Rule::Nobody });
        for (path, body, status) in [
            ("roles/user/vcpus", r#"{"limit":null}"#, 404),
            ("roles/user/guests", r#"{"limit":{"at_most":9999999999999}}"#, 422),
            ("roles/user/guests", r#"{"limit":{"at_most":-1}}"#, 422),
        ] {
            assert_eq!(put(&root, path, body).await, status, "{path} {body}");
        }
    }

    async fn the_migration_reserves_for_what_is_there_already(fresh) {
        let (panel, db) = (TestPanel::start(&fresh.db).await, &fresh.db);
        let made = panel.guests.create(&panel.anna, plugged("web")).await.expect("a good draft");
        panel.over(made.operation).await;
        let lead = ForwardDraft { guest: made.guest, guest_port: 22, host_port: None };
        panel.networks().forward_add(&panel.anna, lead).await.expect("a free port");
        panel.host.set_away(true);
        // One that runs, one that is stopped, one that an operation will ask to run.
        let guests = rows(db, &account(db, "berta", Role::User).await, Attachment::None).await;
        let berta = panel.row(guests[0]).await.expect("there");
        let root = account(db, "root", Role::Administrator).await;
        panel.guests.act(&root, berta.id, Action::Start).await.expect("stopped");
        let before = used(db, &panel.anna).await;
        let text = include_str!("../../../migrations/sqlite/0006_quotas.sql");
        let (_, fill) = text.split_once("-- Guests that are there already.").expect("its second half");
        let (_, fill) = fill.split_once('\n').expect("after a line");
        let fills = [fill, include_str!("../../../migrations/sqlite/0022_bandwidth.sql")];
        // At once: the panel goes on meanwhile.
        let again = async |tx: &mut Tx| {
            let forget = ["DELETE FROM reservations", "DELETE FROM quota_totals"];
            let fill = fills.iter().flat_map(|fill| fill.split(';')).map(str::trim);
            let fill = fill.filter(|statement| !statement.is_empty());
            for statement in forget.into_iter().chain(fill) {
                sql("fill", statement).run(&mut *tx).await?;
            }
            Ok(())
        };
        alone(db, again).await.expect("statements that both engines know");
        books_fit(db).await;
        assert_eq!((used(db, &panel.anna).await, before.of(Kind::Ports)), (before, 1));
    }

    async fn books_that_do_not_fit_are_written_anew_at_the_start(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        panel.made("web").await;
        let before = used(&fresh.db, &panel.anna).await;
        sql("spoil", "UPDATE quota_totals SET used = used + 5").run(&fresh.db).await.expect("a write");
        sql("spoil", "DELETE FROM reservations WHERE kind = 'memory'").run(&fresh.db).await.expect("a write");
        sql("spoil", "UPDATE hosts SET disk_mib = 7").run(&fresh.db).await.expect("a write");
        assert!(books::wrong(&fresh.db).await.expect("a read").len() > 5);
        umbel_server::quotas::put_right(&fresh.db).await.expect("a write");
        books_fit(&fresh.db).await;
        assert_eq!(used(&fresh.db, &panel.anna).await, before);
    }

    async fn a_panel_killed_in_the_middle_leaves_books_that_fit(fresh) {
        let db = &fresh.db;
        let person = with_one_limit(db, "anna", Kind::Running, 5).await;
        let hash = Passwords::new(1).hash(Password::given(PASSWORD.into()).expect("short")).await.expect("a hash");
        account_set_password(db, person.account.id, &hash, false).await.expect("a write");
        let guests = rows(db, &person, Attachment::Bridge).await;
        let umbel = Umbel::on(&fresh.address);
        let mut killed_in_the_middle = 0;
        for life in 0..rounds().min(40) as u64 {
            let panel = umbel.serve();
            let client = Client::new(panel.origin()).expect("an address");
            client.sign_in("anna", PASSWORD).await.expect("the right password");
            let storm = async {
                for verb in ["start", "kill", "start", "kill"] {
                    join_all(guests.iter().map(|guest| ask(&client, *guest, verb))).await;
                }
            };
            let patience = Duration::from_millis(20 + life * 37 % 300);
            killed_in_the_middle += usize::from(tokio::time::timeout(patience, storm).await.is_err());
            panel.signal(Signal::SIGKILL);
            drop(panel);
            books_fit(db).await;
            assert!(used(db, &person).await.of(Kind::Running) <= 5, "life {life}");
        }
        assert!(killed_in_the_middle > 0, "every storm was over");
    }
}

/// What is answered doesn't matter, nor whether the panel is there still.
async fn ask(client: &Client, guest: GuestId, verb: &str) {
    let path = format!("/api/v1/guests/{guest}/{verb}");
    let _ = client.request(Method::POST, &path).send().await;
}
