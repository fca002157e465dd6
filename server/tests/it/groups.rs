//! Groups: what whoever manages one reaches, and how that ends.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use umbel_app::AppError;
use umbel_app::backend::{Backend as _, Caller};
use umbel_app::paths;
use umbel_app::shown::{GroupDraft, GuestChange, GuestFilter, LiveEvent, MemberDraft, OperationFilter, Role, Topic};
use umbel_client::Socket;
use umbel_guest::{Action, GroupId, GuestRight, Relation};
use umbel_server::store::accounts::account_rights_changed;
use umbel_server::store::groups::member_delete;

use crate::harness::db::both;
use crate::harness::edge::{Edge, closed_with};
use crate::harness::panel::{about, account, draft};

const SOON: Duration = Duration::from_secs(2);

fn class(name: &str) -> GroupDraft {
    GroupDraft { name: name.into(), kind: "class".into() }
}

/// A class with these in it.
pub(crate) async fn made(edge: &Edge, name: &str, members: &[(&str, &str)]) -> GroupId {
    let group = edge.panel.group_create(&edge.root, class(name)).await.expect("a new group").id;
    for (name, role) in members {
        put(edge, group, name, role).await.expect("there is such an account");
    }
    group
}

pub(crate) async fn put(edge: &Edge, group: GroupId, name: &str, role: &str) -> Result<(), AppError> {
    edge.panel.member_put(&edge.root, group, MemberDraft { name: name.into(), role: role.into() }).await
}

async fn lists(edge: &Edge, caller: &Caller) -> usize {
    edge.panel.guest_list(caller, GuestFilter::default()).await.expect("a list").rows.len()
}

/// The topics that come until nothing does for a while.
async fn topics(socket: &mut Socket) -> Vec<Topic> {
    let mut topics = Vec::new();
    while let Ok(Some(Ok(message))) = timeout(Duration::from_millis(500), socket.next()).await {
        if let Message::Text(text) = message {
            topics.push(serde_json::from_str::<LiveEvent>(&text).expect("an event").topic);
        }
    }
    topics
}

both! {
    async fn a_teacher_reaches_the_guests_of_the_own_classes_and_nobody_elses(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let theo = account(&fresh.db, "theo", Role::Teacher).await;
        let (guest, anna) = (edge.test.made("web").await, &edge.test.anna);
        let other = edge.test.guests.create(&edge.berta, draft("other")).await.expect("a good draft").guest;
        let missing = Err(AppError::not_found("guest"));
        assert_eq!(edge.panel.guest_fetch(&theo, guest).await.map(drop), missing);
        let group = made(&edge, "Networks", &[("theo", "manager"), (" Anna ", "member")]).await;

        let seen = edge.panel.guest_list(&theo, GuestFilter::default()).await.expect("a list").rows;
        assert_eq!((seen.len(), seen[0].id, seen[0].access.relation), (1, guest, Relation::Managed(None)));
        assert!(!edge.panel.operation_list(&theo, OperationFilter::default()).await.expect("a list").rows.is_empty());
        assert!(!edge.panel.operation_list(&theo, about(guest)).await.expect("a list").rows.is_empty());
        edge.panel.guest_console_tail(&theo, guest, 5).await.expect("a teacher reads");
        let denied = |done: Result<(), AppError>| matches!(done, Err(AppError::Forbidden { .. }));
        let change = GuestChange { note: Some("mine".into()), ..GuestChange::default() };
        assert!(denied(edge.panel.guest_change(&theo, guest, change).await.map(drop)));
        assert!(denied(edge.panel.guest_act(&theo, guest, Action::Delete).await.map(drop)));
        assert!(denied(edge.panel.share_list(&theo, guest).await.map(drop)));
        let stop = edge.panel.guest_act(&theo, guest, Action::Kill).await.expect("power").expect("an operation");
        edge.test.over(stop).await;

        assert_eq!(edge.panel.guest_fetch(&theo, other).await.map(drop), missing, "berta is in no class");
        assert_eq!(lists(&edge, anna).await, 1, "a member reaches nobody");
        // Managers are no members: they don't reach one another.
        put(&edge, group, "berta", "manager").await.expect("another teacher");
        assert_eq!((lists(&edge, &theo).await, lists(&edge, &edge.berta).await), (1, 2));
        // Another class leads to nobody of this one.
        made(&edge, "Other", &[("theo", "member"), ("berta", "manager")]).await;
        assert_eq!(lists(&edge, &theo).await, 1);
        edge.panel.group_remove(&edge.root, group).await.expect("it was there");
        assert_eq!(edge.panel.guest_fetch(&theo, guest).await.map(drop), missing);
        assert_eq!(lists(&edge, &theo).await, 0);
    }

    async fn what_is_shared_adds_to_what_the_group_gives(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (guest, anna, berta) = (edge.test.made("web").await, &edge.test.anna, &edge.berta);
        made(&edge, "Team", &[("berta", "manager"), ("anna", "member")]).await;
        let share = umbel_app::shown::ShareDraft { name: "berta".into(), rights: vec![GuestRight::Settings] };
        edge.panel.share_put(anna, guest, share).await.expect("the owner shares");
        assert_eq!(lists(&edge, berta).await, 1, "once");
        let change = GuestChange { note: Some("ours".into()), ..GuestChange::default() };
        edge.panel.guest_change(berta, guest, change).await.expect("it was shared");
        edge.panel.guest_console_tail(berta, guest, 5).await.expect("by the group");
    }

    async fn members_see_their_managers_managers_everybody_and_others_nothing(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let theo = account(&fresh.db, "theo", Role::Teacher).await;
        let carl = account(&fresh.db, "carl", Role::User).await;
        let group = made(&edge, "Networks", &[("theo", "manager"), ("anna", "member"), ("berta", "member")]).await;
        let names = async |caller: &Caller| {
            let roll = edge.panel.group_fetch(caller, group).await?;
            Ok::<_, AppError>(roll.people.into_iter().map(|member| member.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&theo).await.expect("a roll"), ["theo", "anna", "berta"]);
        assert_eq!(names(&edge.root).await.expect("a roll").len(), 3);
        assert_eq!(names(&edge.berta).await.expect("a roll"), ["theo", "berta"]);
        assert_eq!(names(&carl).await, Err(AppError::not_found("group")));
        assert_eq!(edge.panel.group_list(&carl).await.expect("a list"), []);
        let own = edge.panel.group_list(&theo).await.expect("a list");
        assert_eq!((own.len(), own[0].members), (1, 3));
    }

    async fn what_is_wrong_stands_beside_its_field(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = made(&edge, "Networks", &[]).await;
        let field = |done: Result<(), AppError>| match done {
            Err(AppError::Invalid(errors)) => errors.0[0].field.clone(),
            other => panic!("{other:?}"),
        };
        for name in ["", " ", "Networks", "a\nb", &"x".repeat(65)] {
            assert_eq!(field(edge.panel.group_create(&edge.root, class(name)).await.map(drop)), "name", "{name:?}");
        }
        let gang = GroupDraft { name: "Gang".into(), kind: "gang".into() };
        assert_eq!(field(edge.panel.group_create(&edge.root, gang).await.map(drop)), "kind");
        assert_eq!(field(put(&edge, group, "nobody", "member").await), "name");
        assert_eq!(field(put(&edge, group, "anna", "king").await), "role");
        made(&edge, "Other", &[]).await;
        assert_eq!(field(edge.panel.group_change(&edge.root, group, class("Other")).await), "name");
        edge.panel.group_change(&edge.root, group, class(" Renamed ")).await.expect("a good name");
        let gone = edge.panel.member_remove(&edge.root, group, edge.berta.account.id).await;
        assert_eq!(gone, Err(AppError::not_found("member")));
    }

    async fn a_member_who_is_taken_out_leaves_open_tabs_and_consoles_within_two_seconds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let berta = edge.signed_in("berta").await;
        let mut events = berta.socket(paths::EVENTS).await.expect("a socket");
        let group = made(&edge, "Team", &[("berta", "manager"), ("anna", "member")]).await;
        assert!(topics(&mut events).await.contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert!(topics(&mut events).await.contains(&Topic::Guest(guest)), "without a new socket");
        let mut console = berta.socket(&paths::console_socket(guest)).await.expect("a socket");

        let began = Instant::now();
        edge.panel.member_remove(&edge.root, group, edge.test.anna.account.id).await.expect("she was in it");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert!(topics(&mut events).await.contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert_eq!(topics(&mut events).await, [], "nothing of it any more");
        assert!(berta.socket(&paths::console_socket(guest)).await.is_err());
    }

    async fn a_manager_whom_another_panel_took_out_leaves_too(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let group = made(&edge, "Team", &[("berta", "manager"), ("anna", "member")]).await;
        let mut console = edge.signed_in("berta").await.socket(&paths::console_socket(guest)).await.expect("a socket");
        let began = Instant::now();
        let mut tx = fresh.db.begin().await.expect("a transaction");
        member_delete(&mut tx, group, edge.berta.account.id).await.expect("gone");
        account_rights_changed(&mut tx, edge.berta.account.id).await.expect("an update");
        tx.commit().await.expect("a commit");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
}
