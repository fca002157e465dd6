//! Accounts that are suspended, end, or are deleted, and what becomes of their guests.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use umbel_app::AppError;
use umbel_app::backend::{Backend as _, Caller};
use umbel_app::paths;
use umbel_app::shown::{
    AccountState, AuditAction, AuditShown, GroupDraft, GuestsLeft, GuestsThen, MemberDraft, PersonFilter, Role,
    ShareDraft, TokenDraft,
};
use umbel_guest::{AccountId, Action, GuestId, GuestRight};
use umbel_server::clock::Clock;
use umbel_server::http::events::tab::SIGNED_OUT;
use umbel_server::quotas::books;
use umbel_server::store::accounts::{
    Standing, account_count_administrators, account_fetch, account_set_expiry, account_set_standing,
};
use umbel_server::store::audit::audit_list_after;
use umbel_server::store::guests::guest_list;

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD, closed_with};
use crate::harness::panel::{about, account, draft};

const SOON: Duration = Duration::from_secs(2);

fn anna(edge: &Edge) -> AccountId {
    edge.test.anna.account.id
}

async fn off(edge: &Edge, caller: &Caller, guest: GuestId) {
    let stop = edge.panel.guest_act(caller, guest, Action::Kill).await.expect("it runs").expect("an operation");
    edge.test.over(stop).await;
}

fn refused(done: Result<(), AppError>) -> String {
    match done {
        Err(error @ (AppError::Conflict { .. } | AppError::Invalid(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn fits(edge: &Edge) {
    assert_eq!(books::wrong(&edge.panel.store).await.expect("a read"), Vec::<String>::new(), "books are right");
}

async fn is_gone(edge: &Edge, account: AccountId) {
    edge.test
        .eventually("the account is gone", async |panel| {
            account_fetch(&panel.guests.parts.db, account).await.expect("a read").is_none()
        })
        .await;
}

async fn is_off(edge: &Edge, guest: GuestId) {
    edge.test
        .eventually("it is off", async |panel| !panel.row(guest).await.expect("it is there").seen.is_alive())
        .await;
}

async fn stands(edge: &Edge, standing: Standing) {
    edge.test
        .eventually("it stands so", async |panel| {
            let found = account_fetch(&panel.guests.parts.db, panel.anna.account.id).await.expect("a read");
            found.is_some_and(|found| found.standing == standing)
        })
        .await;
}

/// Both at once, so that either may be the first.
async fn at_once<A: Send + 'static, B: Send + 'static>(
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B) {
    let (one, other) = (tokio::spawn(one), tokio::spawn(other));
    (one.await.expect("no panic"), other.await.expect("no panic"))
}

both! {
    async fn after_the_last_day_guests_are_shut_down_once(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        account_set_expiry(&fresh.db, anna(&edge), Some(Clock::System.now())).await.expect("an update");
        is_off(&edge, guest).await;
        stands(&edge, Standing::Ended).await;
        let told = refused(edge.panel.account_reinstate(&edge.root, anna(&edge)).await);
        assert!(told.contains("Its last day is over"), "{told}");
        let start = edge.panel.guest_act(&edge.root, guest, Action::Start).await.expect("hers to start").expect("one");
        edge.test.eventually("it runs", async |panel| panel.row(guest).await.expect("there").seen.is_alive()).await;
        assert!(edge.panel.operation_fetch(&edge.root, start).await.is_ok());
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(edge.test.row(guest).await.expect("there").seen.is_alive(), "an administrator wants it so");
        edge.panel.account_set_expiry(&edge.root, anna(&edge), String::new()).await.expect("more time");
        stands(&edge, Standing::Active).await;
    }

    async fn an_account_that_ends_closes_what_is_open_and_says_so_to_whoever_knows_its_password(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let client = edge.signed_in("berta").await;
        let mut events = client.socket(paths::EVENTS).await.expect("a socket");
        let began = Instant::now();
        let now = Clock::System.now();
        account_set_expiry(&fresh.db, edge.berta.account.id, Some(now)).await.expect("an update");
        assert_eq!(timeout(SOON, closed_with(&mut events)).await, Ok(Some(SIGNED_OUT)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        client.guest_list().await.expect_err("no more");
        let told = edge.client().sign_in("berta", PASSWORD).await.expect_err("no more");
        assert!(told.fields()[0].message.contains("This account has ended"), "{told}");
        let guessed = edge.client().sign_in("berta", "wrong").await.expect_err("no more");
        assert!(guessed.fields()[0].message.contains("Name or password is wrong"), "{guessed}");
        edge.panel.account_set_expiry(&edge.root, edge.berta.account.id, "2999-12-31".into()).await.expect("more time");
        edge.signed_in("berta").await;
    }

    async fn an_end_is_a_day_to_come_and_not_ones_own_nor_the_last_administrators(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let set = async |account, day: &str| edge.panel.account_set_expiry(&edge.root, account, day.into()).await;
        for day in ["yesterday", "2020-01-01", "2999-02-30"] {
            assert!(matches!(set(anna(&edge), day).await, Err(AppError::Invalid(_))), "{day}");
        }
        refused(set(edge.root.account.id, "2999-12-31").await);
        set(anna(&edge), "2999-12-31").await.expect("a day to come");
        set(anna(&edge), "").await.expect("none again");
        let denied = edge.panel.account_set_expiry(&edge.berta, anna(&edge), String::new()).await;
        assert!(matches!(denied, Err(AppError::Forbidden { .. })));
    }

    async fn a_suspended_account_keeps_its_guests_running_or_not_as_was_chosen(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let suspend = async |guests| edge.panel.account_suspend(&edge.root, anna(&edge), guests).await;
        suspend(GuestsThen::GoOn).await.expect("an administrator");
        assert!(edge.test.row(guest).await.expect("it is there").seen.is_alive());
        assert!(edge.client().sign_in("anna", PASSWORD).await.is_err());
        suspend(GuestsThen::ShutDown).await.expect("it may be repeated");
        is_off(&edge, guest).await;
        stands(&edge, Standing::Suspended).await;
        edge.panel.account_reinstate(&edge.root, anna(&edge)).await.expect("an administrator");
        edge.signed_in("anna").await;
        refused(edge.panel.account_suspend(&edge.root, edge.root.account.id, GuestsThen::GoOn).await);
    }

    async fn an_account_with_guests_is_not_deleted_by_the_way(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.test.made("web").await;
        let told = refused(edge.panel.account_remove(&edge.root, anna(&edge), GuestsLeft::None).await);
        assert!(told.contains("anna has a guest"), "{told}");
        refused(edge.panel.account_remove(&edge.root, edge.root.account.id, GuestsLeft::None).await);
        let denied = edge.panel.account_remove(&edge.berta, anna(&edge), GuestsLeft::Delete).await;
        assert!(matches!(denied, Err(AppError::Forbidden { .. })));
        edge.signed_in("anna").await;
        let berta = edge.signed_in("berta").await;
        let mut events = berta.socket(paths::EVENTS).await.expect("a socket");
        let gone = edge.berta.account.id;
        edge.panel.account_remove(&edge.root, gone, GuestsLeft::None).await.expect("she has none");
        assert_eq!(timeout(SOON, closed_with(&mut events)).await, Ok(Some(SIGNED_OUT)));
        assert_eq!(account_fetch(&fresh.db, gone).await.expect("a read"), None);
        let again = edge.panel.account_remove(&edge.root, gone, GuestsLeft::None).await;
        assert_eq!(again, Err(AppError::not_found("account")));
    }

    async fn guests_are_given_to_somebody_else_with_all_that_they_hold(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let give = async |to: &str| {
            edge.panel.account_remove(&edge.root, anna(&edge), GuestsLeft::Give(to.into())).await
        };
        let share = ShareDraft { name: "berta".into(), rights: Vec::new() };
        edge.panel.share_put(&edge.test.anna, guest, share).await.expect("the owner shares");
        assert!(refused(give("berta").await).contains("web runs"));
        off(&edge, &edge.test.anna, guest).await;
        for to in ["", "nobody", "anna"] {
            assert!(matches!(give(to).await, Err(AppError::Invalid(_))), "{to:?}");
        }
        let other = edge.panel.guest_create(&edge.berta, draft("web")).await.expect("a good draft");
        edge.test.eventually("it runs", async |panel| panel.row(other.guest).await.expect("there").seen.is_alive()).await;
        assert!(refused(give("berta").await).contains("has a guest web already"));
        let change = umbel_app::shown::GuestChange { name: Some("mail".into()), ..Default::default() };
        edge.panel.guest_change(&edge.berta, other.guest, change).await.expect("it is hers");
        fits(&edge).await;

        give(" Berta ").await.expect("it is off, and there is room");
        fits(&edge).await;
        assert_eq!(account_fetch(&fresh.db, anna(&edge)).await.expect("a read"), None);
        let row = edge.test.row(guest).await.expect("it is there");
        assert_eq!(row.owner, edge.berta.account.id);
        assert!(!edge.panel.operation_list(&edge.berta, about(guest)).await.expect("a list").rows.is_empty());
        let start = edge.panel.guest_act(&edge.berta, guest, Action::Start).await.expect("hers").expect("an operation");
        edge.test
            .eventually("it runs again", async |panel| panel.row(guest).await.expect("there").seen.is_alive())
            .await;
        edge.panel.operation_fetch(&edge.berta, start).await.expect("hers");
        fits(&edge).await;
    }

    async fn whoever_has_no_room_is_given_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        off(&edge, &edge.test.anna, guest).await;
        let none = Some(umbel_guest::quota::Said::AtMost(0));
        let (berta, kind) = (edge.berta.account.id, umbel_guest::quota::Kind::Guests);
        umbel_server::store::quotas::quota_set_own(&fresh.db, berta, kind, none).await.expect("a write");
        refused(edge.panel.account_remove(&edge.root, anna(&edge), GuestsLeft::Give("berta".into())).await);
        assert_eq!(edge.test.row(guest).await.expect("it is there").owner, anna(&edge));
        fits(&edge).await;
    }

    async fn an_account_goes_after_the_last_of_its_guests(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (web, mail) = (edge.test.made("web").await, edge.test.made("mail").await);
        let group = GroupDraft { name: "Team".into(), kind: "team".into() };
        let group = edge.panel.group_create(&edge.root, group).await.expect("a new group").id;
        for (name, role) in [("anna", "member"), ("berta", "manager")] {
            let draft = MemberDraft { name: name.into(), role: role.into() };
            edge.panel.member_put(&edge.root, group, draft).await.expect("there is such an account");
        }
        edge.panel.account_remove(&edge.root, anna(&edge), GuestsLeft::Delete).await.expect("an administrator");
        assert!(edge.client().sign_in("anna", PASSWORD).await.is_err());
        refused(edge.panel.account_reinstate(&edge.root, anna(&edge)).await);
        is_gone(&edge, anna(&edge)).await;
        assert_eq!((edge.test.row(web).await, edge.test.row(mail).await), (None, None));
        assert_eq!(edge.panel.group_fetch(&edge.root, group).await.expect("a roll").people.len(), 1);
        fits(&edge).await;
        edge.panel.account_create(&edge.root, "anna".into(), "user".into()).await.expect("the name is free again");
    }

    async fn a_deletion_that_another_life_of_the_panel_began_is_ended(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.test.made("web").await;
        account_set_standing(&fresh.db, anna(&edge), Standing::Leaving).await.expect("an update");
        let people = edge.panel.account_list(&edge.root, PersonFilter::default()).await.expect("a list").rows;
        assert!(people.iter().map(|person| &person.account).all(|account| account.id != anna(&edge) || account.state == AccountState::Leaving));
        is_gone(&edge, anna(&edge)).await;
        fits(&edge).await;
    }

    async fn a_suspension_that_another_life_of_the_panel_began_stops_its_guests(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        account_set_standing(&fresh.db, anna(&edge), Standing::Stopping).await.expect("an update");
        is_off(&edge, guest).await;
        stands(&edge, Standing::Suspended).await;
        fits(&edge).await;
    }

    async fn a_guest_that_is_just_being_made_is_shut_down_or_never_made(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let made = edge.panel.guest_create(&edge.test.anna, draft("web")).await.expect("a good draft");
        edge.panel.account_suspend(&edge.root, anna(&edge), GuestsThen::ShutDown).await.expect("an administrator");
        let late = edge.panel.guest_create(&edge.test.anna, draft("late")).await;
        assert_eq!(late, Err(AppError::NotSignedIn), "her page was still open");
        stands(&edge, Standing::Suspended).await;
        is_off(&edge, made.guest).await;
        let under_way = edge.panel.operation_list(&edge.root, about(made.guest)).await.expect("a list").rows;
        assert!(under_way.iter().all(|operation| operation.state.is_over()), "{under_way:?}");
    }

    async fn of_two_administrators_who_end_each_other_at_once_one_stays(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for round in 0..20 {
            let eve = account(&fresh.db, &format!("eve-{round}"), Role::Administrator).await;
            let ends = |by: &Caller, whom: &Caller| {
                let (panel, by, whom) = (edge.panel.clone(), by.clone(), whom.account.id);
                async move {
                    match round % 3 {
                        0 => panel.account_suspend(&by, whom, GuestsThen::GoOn).await,
                        1 => panel.account_set_expiry(&by, whom, "2999-12-31".into()).await,
                        _ => panel.account_suspend(&by, whom, GuestsThen::ShutDown).await,
                    }
                }
            };
            let (one, other) = at_once(ends(&edge.root, &eve), ends(&eve, &edge.root)).await;
            assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1, "{round}: {one:?} {other:?}");
            assert_eq!(account_count_administrators(&fresh.db).await.expect("a count"), 1, "{round}");
            for account in [eve.account.id, edge.root.account.id] {
                account_set_standing(&fresh.db, account, Standing::Active).await.expect("an update");
                account_set_expiry(&fresh.db, account, None).await.expect("an update");
            }
            edge.panel.account_remove(&edge.root, eve.account.id, GuestsLeft::None).await.expect("root stays");
        }
        let eve = account(&fresh.db, "eve", Role::Administrator).await;
        let remove = |by: &Caller, whom: &Caller| {
            let (panel, by, whom) = (edge.panel.clone(), by.clone(), whom.account.id);
            async move { panel.account_remove(&by, whom, GuestsLeft::None).await }
        };
        let (one, other) = at_once(remove(&edge.root, &eve), remove(&eve, &edge.root)).await;
        assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1, "{one:?} {other:?}");
    }

    async fn a_guest_that_is_made_while_its_account_is_deleted_is_there_with_it_or_not_at_all(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (mut deleted, mut refused) = (0, 0);
        for round in 0..20 {
            let who = account(&fresh.db, &format!("dora-{round}"), Role::User).await;
            let (id, panel, root, left) = (who.account.id, edge.panel.clone(), edge.root.clone(), match round % 2 {
                0 => GuestsLeft::None,
                _ => GuestsLeft::Delete,
            });
            let goes = left == GuestsLeft::Delete;
            let maker = edge.panel.clone();
            let make = async move { maker.guest_create(&who, draft("web")).await };
            let (made, gone) = at_once(make, async move { panel.account_remove(&root, id, left).await }).await;
            match (&made, &gone) {
                (Ok(_), Err(AppError::Conflict { .. })) if !goes => refused += 1,
                (Err(AppError::NotSignedIn), Ok(())) => deleted += 1,
                (Ok(_), Ok(())) if goes => deleted += 1,
                other => panic!("{round}: {other:?}"),
            }
            if gone.is_ok() {
                is_gone(&edge, id).await;
                let owners = guest_list(&fresh.db).await.expect("a list").into_iter().map(|guest| guest.owner);
                assert!(owners.into_iter().all(|owner| owner != id), "{round}");
            }
        }
        assert!(deleted >= 10, "{deleted} deleted, {refused} refused");
        fits(&edge).await;
    }

    async fn what_hung_on_an_account_goes_and_what_it_gave_stays_where_its_guest_does(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let carl = account(&fresh.db, "carl", Role::User).await;
        let guest = edge.test.made("web").await;
        let share = |name: &str| ShareDraft { name: name.into(), rights: vec![GuestRight::ReadConsole] };
        for name in ["berta", "carl"] {
            edge.panel.share_put(&edge.test.anna, guest, share(name)).await.expect("the owner shares");
        }
        let group = GroupDraft { name: "Team".into(), kind: "team".into() };
        let group = edge.panel.group_create(&edge.root, group).await.expect("a new group").id;
        for (name, role) in [("carl", "manager"), ("anna", "member")] {
            let draft = MemberDraft { name: name.into(), role: role.into() };
            edge.panel.member_put(&edge.root, group, draft).await.expect("there is such an account");
        }
        let token = TokenDraft { name: "a".into(), group: None, scopes: vec!["read".into()], days: 1 };
        let token = edge.panel.token_create(&carl, token).await.expect("made").token;

        edge.panel.account_remove(&edge.root, carl.account.id, GuestsLeft::None).await.expect("it has no guests");
        assert!(edge.panel.accounts.token_caller(&token).await.expect("a read").is_none());
        let shares = edge.panel.share_list(&edge.test.anna, guest).await.expect("hers");
        assert_eq!(shares.iter().map(|share| share.name.as_str()).collect::<Vec<_>>(), ["berta"]);
        let roll = edge.panel.group_fetch(&edge.root, group).await.expect("it is there without a manager");
        assert_eq!(roll.people.iter().map(|who| who.name.as_str()).collect::<Vec<_>>(), ["anna"]);

        off(&edge, &edge.test.anna, guest).await;
        let dora = account(&fresh.db, "dora", Role::User).await;
        let give = GuestsLeft::Give("dora".into());
        edge.panel.account_remove(&edge.root, anna(&edge), give).await.expect("it is off");
        let shares = edge.panel.share_list(&dora, guest).await.expect("hers now");
        assert_eq!(shares.iter().map(|share| share.name.as_str()).collect::<Vec<_>>(), ["berta"]);
        let rows = audit_list_after(&fresh.db, 0, 1000).await.expect("a list");
        let named = |row: &AuditShown, name: &str| row.action == AuditAction::AccountRemove.word() && row.object_name == name;
        for name in ["anna", "carl"] {
            assert!(rows.iter().any(|row| named(row, name)), "the audit keeps {name}: {rows:?}");
        }
    }
}
