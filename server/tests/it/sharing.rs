//! Guests that are shared: what somebody else may do then, and how it ends.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use umbel_app::AppError;
use umbel_app::paths;
use umbel_app::shown::{GuestChange, GuestFilter, LiveEvent, OperationFilter, Role, ShareDraft, Topic};
use umbel_client::Socket;
use umbel_guest::GuestRight::{Power, ReadConsole, Settings, TypeConsole, View};
use umbel_guest::console::{ConsoleState, ToReader};
use umbel_guest::{Action, GuestRight, Relation, Shares};
use umbel_server::store::accounts::account_rights_changed;
use umbel_server::store::shares::share_delete;

use crate::harness::db::both;
use crate::harness::edge::{Edge, closed_with};
use crate::harness::panel::account;

const SOON: Duration = Duration::from_secs(2);

fn draft(name: &str, rights: &[GuestRight]) -> ShareDraft {
    ShareDraft { name: name.into(), rights: rights.to_vec() }
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

/// Waits for a state of the console, as long as a change may take.
async fn state(socket: &mut Socket, is: impl Fn(&ConsoleState) -> bool) {
    let found = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Binary(frame) = message
                && let Ok(ToReader::State(state)) = ToReader::decode(&frame)
                && is(&state)
            {
                return;
            }
        }
        panic!("the console ended");
    };
    timeout(SOON, found).await.expect("the state comes within two seconds");
}

both! {
    async fn single_rights_allow_what_they_say_and_no_more(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guests = &edge.test.guests;
        let (guest, anna, berta) = (edge.test.made("web").await, &edge.test.anna, &edge.berta);
        let missing = Err(AppError::not_found("guest"));
        assert_eq!(guests.fetch(berta, guest).await.map(drop), missing);
        guests.share_put(anna, guest, draft(" Berta ", &[Power])).await.expect("the owner shares");
        let seen = guests.list(berta, GuestFilter::default()).await.expect("a list").rows;
        let rights = Shares::of([Power]).expect("it can be shared");
        assert_eq!((seen.len(), seen[0].owner_name.as_str()), (1, "anna"));
        assert_eq!(seen[0].access.relation, Relation::Shared(rights));
        assert!(!guests.operation_list(berta, OperationFilter::default()).await.expect("a list").rows.is_empty(), "what was done to it is seen");

        let denied = |done: Result<(), AppError>| matches!(done, Err(AppError::Forbidden { .. }));
        let change = || GuestChange { note: Some("mine".into()), ..GuestChange::default() };
        assert!(denied(guests.change(berta, guest, change()).await.map(drop)));
        assert!(denied(guests.console_tail(berta, guest, 5).await.map(drop)));
        assert!(denied(guests.act(berta, guest, Action::Delete).await.map(drop)));
        assert!(denied(guests.act(berta, guest, Action::StartShell).await.map(drop)), "a shell is a setting");
        assert!(denied(guests.share_list(berta, guest).await.map(drop)));
        let stop = guests.act(berta, guest, Action::Kill).await.expect("it was shared").expect("an operation");
        edge.test.over(stop).await;

        guests.share_put(anna, guest, draft("berta", &[Settings, TypeConsole])).await.expect("others instead");
        guests.change(berta, guest, change()).await.expect("it was shared");
        guests.console_tail(berta, guest, 5).await.expect("whoever types reads");
        assert!(denied(guests.act(berta, guest, Action::Start).await.map(drop)));
        guests.share_remove(berta, guest, berta.account.id).await.expect("it may be given back");
        assert_eq!(guests.fetch(berta, guest).await.map(drop), missing);
        assert_eq!(guests.list(berta, GuestFilter::default()).await.expect("a list").rows.len(), 0);
    }

    async fn what_cant_be_shared_is_refused_beside_its_field(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (guests, anna) = (&edge.test.guests, &edge.test.anna);
        let guest = edge.test.made("web").await;
        for (draft, field) in [
            (draft("nobody", &[View]), "name"),
            (draft("anna", &[View]), "name"),
            (draft("", &[View]), "name"),
            (draft("berta", &[GuestRight::Delete]), "rights"),
            (draft("berta", &[GuestRight::Share]), "rights"),
        ] {
            match guests.share_put(anna, guest, draft.clone()).await {
                Err(AppError::Invalid(errors)) => assert_eq!(errors.0[0].field, field, "{draft:?}"),
                other => panic!("{draft:?}: {other:?}"),
            }
        }
        assert_eq!(guests.share_list(anna, guest).await.expect("a list"), []);
        let gone = guests.share_remove(anna, guest, edge.berta.account.id).await;
        assert_eq!(gone, Err(AppError::not_found("share")));
        for n in 0..64 {
            let name = format!("friend{n}");
            account(&fresh.db, &name, Role::User).await;
            guests.share_put(anna, guest, draft(&name, &[])).await.expect("there is room");
        }
        assert!(matches!(guests.share_put(anna, guest, draft("berta", &[])).await, Err(AppError::Invalid(_))));
        guests.share_put(anna, guest, draft("friend0", &[Power])).await.expect("it is among them");
    }

    async fn a_share_reaches_and_leaves_open_tabs_and_consoles_within_two_seconds(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (guests, anna) = (&edge.test.guests, &edge.test.anna);
        let guest = edge.test.made("web").await;
        let berta = edge.signed_in("berta").await;
        let mut events = berta.socket(paths::EVENTS).await.expect("a socket");
        guests.share_put(anna, guest, draft("berta", &[TypeConsole])).await.expect("the owner shares");
        assert!(topics(&mut events).await.contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert!(topics(&mut events).await.contains(&Topic::Guest(guest)), "without a new socket");
        let mut console = berta.socket(&paths::console_socket(guest)).await.expect("a socket");
        state(&mut console, |state| state.keyboard).await;

        guests.share_put(anna, guest, draft("berta", &[ReadConsole])).await.expect("the owner shares less");
        state(&mut console, |state| !state.keyboard && state.typing_denied.is_some()).await;
        assert!(topics(&mut events).await.contains(&Topic::Everything));

        let began = Instant::now();
        guests.share_remove(anna, guest, edge.berta.account.id).await.expect("the owner takes it back");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert!(topics(&mut events).await.contains(&Topic::Everything));
        edge.panel.events.guest(guest);
        assert_eq!(topics(&mut events).await, [], "nothing of it any more");
        assert!(berta.socket(&paths::console_socket(guest)).await.is_err());
    }

    async fn a_share_that_another_panel_took_away_ends_too(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await;
        let share = edge.test.guests.share_put(&edge.test.anna, guest, draft("berta", &[ReadConsole])).await;
        let berta = share.expect("the owner shares").account;
        let mut console = edge.signed_in("berta").await.socket(&paths::console_socket(guest)).await.expect("a socket");
        let began = Instant::now();
        let mut tx = fresh.db.begin().await.expect("a transaction");
        share_delete(&mut tx, guest, berta).await.expect("gone");
        account_rights_changed(&mut tx, berta).await.expect("an update");
        tx.commit().await.expect("a commit");
        assert_eq!(timeout(SOON, closed_with(&mut console)).await, Ok(Some(1000)));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
}
