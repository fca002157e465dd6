//! Guests that belong to a group: who makes, uses, owns and gives them, and in whose quota and network they are.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use tokio::time::timeout;
use umbel_app::AppError;
use umbel_app::backend::{Backend as _, Caller};
use umbel_app::paths;
use umbel_app::shown::{
    GroupDraft, GuestChange, GuestFilter, GuestShown, PersonFilter, QuotaChange, QuotaOf, QuotaWish, Role, UsageAsked,
};
use umbel_client::Client;
use umbel_guest::quota::{Kind, Rule, Said};
use umbel_guest::{Action, Attachment, GroupId, GuestDraft, GuestId, GuestRight, Relation};
use umbel_server::quotas::books;
use umbel_server::store::accounts::{account_list, owner_fetch_name};
use umbel_server::store::backup::{bring_up, open_at};
use umbel_server::store::db::Address;
use umbel_server::store::groups::group_list;
use umbel_server::store::query::sql;

use crate::groups::{made, put};
use crate::harness::db::both;
use crate::harness::edge::{Edge, closed_with};
use crate::harness::panel::{about, account, draft};
use crate::umbelctl::agree;

const SOON: Duration = Duration::from_secs(2);

/// A team that anna manages and berta is a member of.
async fn team(edge: &Edge) -> GroupId {
    made(edge, "Team", &[("anna", "manager"), ("berta", "member")]).await
}

fn of(group: GroupId, name: &str) -> GuestDraft {
    GuestDraft { group: Some(group), ..draft(name) }
}

/// A guest of the group's that runs.
async fn guest(edge: &Edge, group: GroupId, name: &str) -> GuestId {
    let created = edge.panel.guest_create(&edge.test.anna, of(group, name)).await.expect("she manages it");
    edge.test.over(created.operation).await;
    created.guest
}

async fn off(edge: &Edge, guest: GuestId) {
    let stop = edge.panel.guest_act(&edge.root, guest, Action::Kill).await.expect("it runs").expect("an operation");
    edge.test.over(stop).await;
}

async fn list(edge: &Edge, caller: &Caller, owner: &str) -> Vec<GuestShown> {
    let filter = GuestFilter { owner: owner.into(), ..GuestFilter::default() };
    edge.panel.guest_list(caller, filter).await.expect("a list").rows
}

fn wrong<T: std::fmt::Debug>(done: Result<T, AppError>) -> (String, String) {
    let Err(AppError::Invalid(errors)) = done else { panic!("{done:?}") };
    (errors.0[0].field.clone(), errors.0[0].message.clone())
}

async fn of_group(edge: &Edge, caller: &Caller, group: GroupId, kind: Kind) -> (u64, Option<u64>, Rule) {
    let quota = edge.panel.quota_of_group(caller, group).await.expect("a quota");
    let standing = quota.standings.into_iter().find(|standing| standing.kind == kind).expect("every kind");
    (standing.used, standing.limit.most, standing.limit.why)
}

both! {
    async fn members_use_what_is_the_groups_and_who_manages_it_owns_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (anna, berta) = (&edge.test.anna, &edge.berta);
        let carl = account(&fresh.db, "carl", Role::User).await;
        let group = team(&edge).await;
        let guest = guest(&edge, group, "web").await;

        let seen = edge.panel.guest_fetch(berta, guest).await.expect("a member sees it");
        assert_eq!((seen.owner, seen.owner_name.as_str()), (group.as_owner(), "@Team"));
        assert_eq!(seen.access.relation, Relation::Member(None));
        assert_eq!(edge.panel.guest_fetch(anna, guest).await.expect("hers too").access.relation, Relation::Owner);
        for right in GuestRight::ALL {
            let uses = [GuestRight::View, GuestRight::ReadConsole, GuestRight::TypeConsole, GuestRight::Power];
            assert_eq!(seen.access.may(right).is_ok(), uses.contains(&right), "{right:?}");
        }
        for owner in ["", "@Team", &group.to_string()] {
            assert_eq!(list(&edge, berta, owner).await.len(), 1, "{owner:?}");
        }
        assert_eq!(list(&edge, berta, "@team").await.len(), 0, "groups have capitals");
        assert!(!edge.panel.operation_list(berta, about(guest)).await.expect("a list").rows.is_empty());
        assert_eq!(edge.panel.guest_fetch(&carl, guest).await.map(drop), Err(AppError::not_found("guest")));
        assert!(list(&edge, &carl, "").await.is_empty());

        let note = || GuestChange { note: Some("ours".into()), ..GuestChange::default() };
        let denied = edge.panel.guest_change(berta, guest, note()).await;
        assert!(matches!(denied, Err(AppError::Forbidden { .. })), "{denied:?}");
        edge.panel.guest_change(anna, guest, note()).await.expect("she manages it");
        off(&edge, guest).await;
        let start = edge.panel.guest_act(berta, guest, Action::Start).await.expect("a member starts it");
        edge.test.over(start.expect("an operation")).await;
        edge.panel.group_change(&edge.root, group, GroupDraft { name: "Crew".into(), kind: "team".into() }).await.expect("a name");
        assert_eq!(list(&edge, berta, "@Crew").await[0].owner_name, "@Crew");
    }

    async fn only_those_who_manage_a_group_make_guests_for_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let carl = account(&fresh.db, "carl", Role::User).await;
        let group = team(&edge).await;
        let field = |(field, _): (String, String)| field;
        let (name, words) = wrong(edge.panel.guest_create(&edge.berta, of(group, "web")).await);
        assert_eq!((name.as_str(), words.contains("manage")), ("group", true), "{words}");
        assert!(wrong(edge.panel.guest_create(&carl, of(group, "web")).await).1.contains("no such group"));
        let nobodys = GroupId(uuid::Uuid::nil());
        assert_eq!(field(wrong(edge.panel.guest_create(&edge.root, of(nobodys, "web")).await)), "group");
        edge.panel.guest_create(&edge.root, of(group, "web")).await.expect("an administrator does");
        assert_eq!(wrong(edge.panel.guest_create(&edge.test.anna, of(group, "web")).await).0, "name", "once in a group");
        edge.panel.guest_create(&edge.test.anna, draft("web")).await.expect("another owner");
        let form = edge.panel.guest_form(&edge.test.anna).await.expect("a form");
        assert_eq!(form.groups.iter().map(|group| group.id).collect::<Vec<_>>(), [group]);
        assert!(edge.panel.guest_form(&edge.berta).await.expect("a form").groups.is_empty());
    }

    async fn what_is_a_groups_counts_in_its_quota_and_nobody_elses(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = &edge.test.anna;
        let group = team(&edge).await;
        let used = async || {
            let own = edge.panel.quota_mine(anna).await.expect("a quota").standings;
            own.iter().map(|standing| standing.used).sum::<u64>()
        };
        let before = used().await;
        guest(&edge, group, "web").await;
        assert_eq!(used().await, before, "none of it is hers");
        assert_eq!(of_group(&edge, &edge.berta, group, Kind::Guests).await, (1, Some(40), Rule::Groups));

        let set = async |of, said| {
            edge.panel.quota_set(&edge.root, QuotaChange { of, kind: Kind::Guests, said }).await.expect("a limit");
        };
        set(QuotaOf::Group(group), Some(Said::AtMost(1))).await;
        assert_eq!(of_group(&edge, anna, group, Kind::Guests).await, (1, Some(1), Rule::Account));
        let full = edge.panel.guest_create(anna, of(group, "more")).await;
        assert!(matches!(&full, Err(AppError::Conflict { message }) if message.contains("the quota is 1")), "{full:?}");
        let wish = |group| QuotaWish { group, kind: Kind::Guests, wanted: 2, why: "two".into() };
        assert_eq!(wrong(edge.panel.quota_ask(&edge.berta, wish(Some(group))).await).0, "group");
        let request = edge.panel.quota_ask(anna, wish(Some(group))).await.expect("a wish");
        let open = edge.panel.quota_list(&edge.root).await.expect("a list");
        assert_eq!(open.requests[0].account_name, "@Team");
        assert_eq!((open.groups.len(), open.groups[0].group), (1, group));
        edge.panel.quota_decide(&edge.root, request, true).await.expect("granted");
        edge.panel.guest_create(anna, of(group, "more")).await.expect("there is room");
        set(QuotaOf::Group(group), None).await;
        set(QuotaOf::Groups, Some(Said::AtMost(7))).await;
        assert_eq!(of_group(&edge, anna, group, Kind::Guests).await, (2, Some(7), Rule::Groups));
        assert_eq!(books::wrong(&fresh.db).await.expect("a read"), Vec::<String>::new());

        let usage = |of: GroupId| UsageAsked { account: Some(of.as_owner()), ..UsageAsked::default() };
        assert_eq!(edge.panel.usage_fetch(&edge.berta, usage(group)).await.expect("hers too").of.as_deref(), Some("@Team"));
        let carl = account(&fresh.db, "carl", Role::User).await;
        assert!(edge.panel.usage_fetch(&carl, usage(group)).await.is_err());
        assert!(edge.panel.quota_of_group(&carl, group).await.is_err());
    }

    async fn of_64_creations_for_a_group_at_once_one_gets_what_is_left(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = team(&edge).await;
        let change = QuotaChange { of: QuotaOf::Group(group), kind: Kind::Guests, said: Some(Said::AtMost(1)) };
        edge.panel.quota_set(&edge.root, change).await.expect("a limit");
        // By two people: what they share is the group's total.
        let create = |number: usize| {
            let who = if number.is_multiple_of(2) { &edge.test.anna } else { &edge.root };
            edge.panel.guest_create(who, of(group, &format!("g{number}")))
        };
        let made = join_all((0..64).map(create)).await.into_iter().filter(Result::is_ok).count();
        assert_eq!((made, of_group(&edge, &edge.berta, group, Kind::Guests).await.0), (1, 1));
        assert_eq!(books::wrong(&fresh.db).await.expect("a read"), Vec::<String>::new());
    }

    async fn a_group_that_is_removed_while_a_guest_is_made_for_it_is_there_with_it_or_gone_without(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for round in 0..10 {
            let group = made(&edge, &format!("Team {round}"), &[("anna", "manager")]).await;
            let create = |number: usize| edge.panel.guest_create(&edge.test.anna, of(group, &format!("g{number}")));
            let (made, removed) =
                tokio::join!(join_all((0..4).map(create)), edge.panel.group_remove(&edge.root, group));
            let all: Vec<Option<&AppError>> =
                made.iter().map(|made| made.as_ref().err()).chain([removed.as_ref().err()]).collect();
            assert!(!all.iter().any(|e| matches!(e, Some(AppError::Internal { .. }))), "round {round}: {all:?}");
            assert_eq!(made.iter().any(Result::is_ok), removed.is_err(), "round {round}: {all:?}");
        }
        assert_eq!(books::wrong(&fresh.db).await.expect("a read"), Vec::<String>::new());
    }

    async fn a_groups_network_is_its_own_and_its_members_see_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = team(&edge).await;
        let plugged = |draft| GuestDraft { network: Attachment::Bridge, ..draft };
        for draft in [plugged(of(group, "web")), plugged(draft("own"))] {
            let created = edge.panel.guest_create(&edge.test.anna, draft).await.expect("a good draft");
            edge.test.over(created.operation).await;
        }
        let seen = async |caller: &Caller| {
            let networks = edge.panel.network_list(caller).await.expect("a list");
            let shown = networks.into_iter().map(|network| (network.owner_name, network.guests.len(), network.access.relation));
            shown.collect::<Vec<_>>()
        };
        let owner = Relation::Owner;
        assert_eq!(seen(&edge.test.anna).await, [("@Team".to_owned(), 1, owner), ("anna".to_owned(), 1, owner)]);
        assert_eq!(seen(&edge.berta).await, [("@Team".to_owned(), 1, Relation::Member(None))]);
    }

    async fn a_guest_changes_hands_with_all_that_it_holds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let anna = &edge.test.anna;
        let group = team(&edge).await;
        made(&edge, "Other", &[("berta", "manager")]).await;
        let guest = edge.test.made("web").await;
        let give = async |caller: &Caller, to: &str| edge.panel.guest_give(caller, guest, to.into()).await;
        assert!(matches!(give(anna, "@Team").await, Err(AppError::Conflict { .. })), "it runs");
        off(&edge, guest).await;
        for to in ["", "berta", "@Nobody", "@", "anna", "@Other"] {
            assert_eq!(wrong(give(anna, to).await).0, "to", "{to:?}");
        }
        assert_eq!(edge.panel.guest_fetch(&edge.berta, guest).await.map(drop), Err(AppError::not_found("guest")));
        give(anna, "@Team").await.expect("she manages it");
        assert_eq!(edge.panel.guest_fetch(&edge.berta, guest).await.expect("hers to use").owner_name, "@Team");
        assert_eq!(of_group(&edge, anna, group, Kind::Guests).await.0, 1);
        assert!(matches!(give(&edge.berta, "berta").await, Err(AppError::Forbidden { .. })));

        let stays = edge.panel.group_remove(&edge.root, group).await;
        assert!(matches!(&stays, Err(AppError::Conflict { message }) if message.contains("a guest")), "{stays:?}");
        give(&edge.root, " Berta ").await.expect("administrators give to anybody");
        let access = edge.panel.guest_fetch(anna, guest).await.expect("of one whom she manages").access;
        assert_eq!(access.relation, Relation::Managed(None));
        assert_eq!(edge.panel.guest_fetch(&edge.berta, guest).await.expect("hers").access.relation, Relation::Owner);
        assert_eq!(books::wrong(&fresh.db).await.expect("a read"), Vec::<String>::new());
        edge.panel.group_remove(&edge.root, group).await.expect("it owns nothing");
        assert_eq!(owner_fetch_name(&fresh.db, group.as_owner()).await.expect("a read"), None, "nothing stays behind");
    }

    async fn who_is_taken_out_leaves_the_groups_consoles_within_two_seconds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = team(&edge).await;
        let guest = guest(&edge, group, "web").await;
        let mut console = edge.signed_in("berta").await.socket(&paths::console_socket(guest)).await.expect("a socket");
        let began = Instant::now();
        edge.panel.member_remove(&edge.root, group, edge.berta.account.id).await.expect("she was in it");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert!(list(&edge, &edge.berta, "").await.is_empty());
    }

    async fn a_token_that_is_bound_to_a_group_reaches_nothing_else(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (group, other) = (team(&edge).await, made(&edge, "Other", &[("anna", "manager")]).await);
        let (ours, theirs) = (guest(&edge, group, "ours").await, guest(&edge, other, "theirs").await);
        let own = edge.test.made("own").await;
        let anna = edge.signed_in("anna").await;
        let all = ["read", "power", "console", "write"];
        let made = anna.token_create_for(Some(group), "ci", &all, 1).await.expect("she is in it");
        let shown = anna.token_list().await.expect("a list");
        assert_eq!(shown[0].group_name.as_deref(), Some("Team"));
        let bound = edge.client().bearing(&made.token).expect("a token");

        let seen = bound.guest_list().await.expect("a list");
        assert_eq!(seen.iter().map(|guest| guest.id).collect::<Vec<_>>(), [ours]);
        bound.guest_act(ours, Action::Kill).await.expect("power over the group's");
        for hidden in [theirs, own] {
            assert_eq!(bound.guest_fetch(hidden).await.expect_err("not its group's").status().map(|s| s.as_u16()), Some(404));
        }
        let operations = bound.operation_list(None).await.expect("a list");
        assert!(!operations.is_empty() && operations.iter().all(|operation| operation.guest == Some(ours)));
        let made = bound.guest_create(&draft("more")).await.expect("the group's, unless it is said");
        assert_eq!(edge.test.row(made.guest).await.expect("a row").owner, group.as_owner());
        let wrong = bound.guest_create(&of(other, "wrong")).await.expect_err("another group's");
        assert_eq!(wrong.fields()[0].field, "group", "{wrong}");
        assert_eq!(bound.network_list().await.expect("a list").len(), 0);
        assert_eq!(bound.group_list().await.expect_err("not of guests").status().map(|s| s.as_u16()), Some(403));
        assert_eq!(bound.quota_mine().await.expect_err("not the group's").status().map(|s| s.as_u16()), Some(403));
        assert_eq!(bound.share_list(ours).await.expect_err("not of the group").status().map(|s| s.as_u16()), Some(403));
        assert!(bound.socket(&paths::console_socket(own)).await.is_err());

        // An administrator's is no administrator's.
        put(&edge, group, "root", "member").await.expect("an account");
        let root = edge.signed_in("root").await;
        let made = root.token_create_for(Some(group), "ci", &all, 1).await.expect("in it");
        let bound_root = edge.client().bearing(&made.token).expect("a token");
        assert_eq!(bound_root.guest_list().await.expect("a list").len(), 2);
        assert_eq!(bound_root.guest_fetch(own).await.expect_err("not its group's").status().map(|s| s.as_u16()), Some(404));
        assert_eq!(bound_root.guest_act(ours, Action::Delete).await.expect_err("a member's").status().map(|s| s.as_u16()), Some(403));
        assert!(root.token_create_for(Some(group), "all", &["manage"], 1).await.is_err());
        assert!(edge.signed_in("berta").await.token_create_for(Some(other), "x", &all, 1).await.is_err(), "not in it");

        // Who leaves the group leaves with the token, open consoles too.
        let start = bound.guest_act(ours, Action::Start).await.expect("power");
        edge.test.over(start.expect("an operation")).await;
        let mut console = bound.socket(&paths::console_socket(ours)).await.expect("a socket");
        edge.panel.member_remove(&edge.root, group, edge.test.anna.account.id).await.expect("she was in it");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert_eq!(bound.guest_list().await.expect_err("good for nothing").status().map(|s| s.as_u16()), Some(401));
    }

    async fn a_program_s_token_is_bound_to_the_group_that_its_link_names(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = team(&edge).await;
        let ours = guest(&edge, group, "ours").await;
        edge.test.made("own").await;
        let asks = |client: &Client, name: &str, group: &str| {
            let asked = client.token_ask(name, "read", 7, Some(group));
            let fields = asked.address.split_once('?').expect("what it asks for").1.to_owned();
            (asked.token, fields)
        };
        let (anna, root) = (edge.signed_in("anna").await, edge.signed_in("root").await);
        let (token, fields) = asks(&anna, "ci", "Team");
        let page = anna.request(Method::GET, &format!("/account/program?{fields}")).send().await.expect("a page");
        assert!(page.text().await.expect("text").contains("the group Team only"));
        assert_eq!(agree(&anna, &fields).await.status(), 200);
        let bound = edge.client().bearing(&token).expect("a token");
        assert_eq!(bound.token_agreed(SOON).await.expect("she has").name, "anna");
        let seen = bound.guest_list().await.expect("a list");
        assert_eq!(seen.iter().map(|guest| guest.id).collect::<Vec<_>>(), [ours]);
        for (who, name) in [(&root, "Team"), (&anna, "No team"), (&anna, "<")] {
            let (_, fields) = asks(who, "more", name);
            assert_eq!(agree(who, &fields).await.status(), 422, "{name}");
        }
        let (_, fields) = asks(&anna, "", "No team");
        let refused = agree(&anna, &fields).await.text().await.expect("text");
        assert!(refused.contains("A name has") && refused.contains("in no such group"), "{refused}");
    }

    async fn what_a_group_owns_by_is_nobodys_account(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = team(&edge).await;
        let people = edge.panel.account_list(&edge.root, PersonFilter::default()).await.expect("a list").rows;
        assert!(people.iter().all(|person| !person.account.name.contains('@')), "{people:?}");
        let missing = Err(AppError::not_found("account"));
        let id = group.as_owner();
        assert_eq!(edge.panel.account_fetch(&edge.root, id).await.map(drop), missing);
        assert_eq!(edge.panel.account_set_role(&edge.root, id, "administrator".into()).await, missing);
        assert_eq!(edge.panel.account_reset_password(&edge.root, id).await.map(drop), missing);
        for name in ["@Team", "@team", "Team"] {
            assert!(edge.client().sign_in(name, "").await.is_err(), "{name}");
        }
        assert_eq!(wrong(put(&edge, group, "@Team", "member").await).0, "name");
    }
}

#[tokio::test]
async fn groups_of_before_own_from_now_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let address = Address::within(directory.path());
    let db = open_at(&address, 17).await.expect("a database of before");
    let insert = "INSERT INTO account_groups (id, name, kind, created_at) VALUES ($1, $2, 'team', 1)";
    let id = GroupId(uuid::Uuid::now_v7());
    sql("test", insert).bind(id).bind("anna").run(&db).await.expect("a group named as somebody is");
    account(&db, "anna", Role::User).await;
    bring_up(&db, &address).await.expect("the present schema");
    assert_eq!(group_list(&db).await.expect("a list").len(), 1);
    assert_eq!(owner_fetch_name(&db, id.as_owner()).await.expect("a read").as_deref(), Some("@anna"));
    assert_eq!(account_list(&db).await.expect("a list").len(), 1);
    db.close().await;
}
