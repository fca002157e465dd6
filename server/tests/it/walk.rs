//! Every route ([`table`]), asked by everybody: nobody, strangers, people with whom it is shared, an operator,
//! the owner, an administrator, and programs with tokens that are not good for it.

mod table;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use umbel_app::backend::Backend as _;
use umbel_app::paths;
use umbel_app::shown::{AttachDraft, GroupDraft, MemberDraft, Role, Scope, ShareDraft};
use umbel_client::Client;
use umbel_guest::{
    AccountId, DiskSize, GroupId, GroupKind, GuestId, GuestRight, OperationId, VolumeAccess, VolumeState,
};
use umbel_server::http::router::{Route, routes};
use umbel_server::quotas;
use umbel_server::store::groups::{Group, group_insert};
use umbel_server::store::volumes::{Volume, volume_insert};
use umbel_server::store::{Db, Tx};
use uuid::Uuid;

use Sent::{Form, Json, Nothing};
use table::GOING;
pub(crate) use table::{DRAFT, GROUP, Row, Sent, VOLUME, table};

use crate::harness::db::{alone, both};
use crate::harness::edge::Edge;
use crate::harness::panel::{account, operations};

pub(crate) fn fill(text: &str, guest: GuestId, operation: OperationId, account: AccountId) -> String {
    text.replace("{guest}", &guest.to_string())
        .replace("{operation}", &operation.to_string())
        .replace("{account}", &account.to_string())
        .replace("{token}", "none")
        .replace("{key}", &Uuid::nil().to_string())
        .replace("{image}", "tiny-5")
        .replace("{kernel}", "debian-6.1")
        .replace("{stray}", "root_fs")
        .replace("{upload}", &Uuid::nil().to_string())
        .replace("{file}", "linux")
        .replace("{port}", "20000")
        .replace("{role}", "user")
        .replace("{kind}", "guests")
        .replace("{webhook}", &Uuid::nil().to_string())
        .replace("{delivery}", &Uuid::nil().to_string())
        .replace("{group}", &GROUP.to_string())
        .replace("{invitation}", &Uuid::nil().to_string())
        .replace("{request}", &Uuid::nil().to_string())
        .replace("{snapshot}", &Uuid::nil().to_string())
        .replace("{backup}", &Uuid::nil().to_string())
        .replace("{volume}", &VOLUME.to_string())
        .replace("{verb}", "grant")
}

/// [`GROUP`], with nobody in it.
pub(crate) async fn group(db: &Db) {
    let name = "Red".parse().expect("a name");
    let group = Group { id: GROUP, name, kind: GroupKind::Team, created_at: 1, members: 0 };
    alone(db, async |tx: &mut Tx| group_insert(tx, &group).await).await.expect("a new group");
}

/// [`VOLUME`], which the owner's guest has.
async fn volume(edge: &Edge, guest: GuestId) {
    let (parts, anna) = (&edge.test.guests.parts, &edge.test.anna.account);
    let (size, state) = (DiskSize::DEFAULT, VolumeState::Kept);
    let (name, owner_name) = ("data".to_owned(), anna.name.clone());
    let volume = Volume { id: VOLUME, host: parts.host, owner: anna.id, owner_name, name, size, state, created_at: 1 };
    let mut tx = parts.db.begin().await.expect("a transaction");
    quotas::reserve_disk(&mut tx, anna.id, size.mib().into()).await.expect("there is room");
    volume_insert(&mut tx, &volume).await.expect("a new volume");
    tx.commit().await.expect("written");
    edge.test.host.put_volume(VOLUME, size);
    let draft = AttachDraft { access: VolumeAccess::ReadWrite };
    edge.test.volumes().attach(&edge.test.anna, guest, VOLUME, draft).await.expect("hers");
}

pub(crate) async fn send(
    client: &Client,
    method: &Method,
    path: &str,
    sent: Sent,
    fill: impl Fn(&str) -> String,
) -> reqwest::Response {
    let request = client.request(method.clone(), path);
    let request = match sent {
        Nothing => request,
        Json(json) => request.header("content-type", "application/json").body(fill(json)),
        Form(form) => request.header("content-type", "application/x-www-form-urlencoded").body(fill(form)),
    };
    request.send().await.expect("an answer")
}

/// The same of somebody who waits when told to: everybody's wrong passwords are now and then one more than the brakes of a
/// name and of an address let through.
async fn send_patiently(
    client: &Client,
    method: &Method,
    path: &str,
    sent: Sent,
    fill: impl Fn(&str) -> String,
) -> reqwest::Response {
    let answer = send(client, method, path, sent, &fill).await;
    if answer.status() != StatusCode::TOO_MANY_REQUESTS {
        return answer;
    }
    let wait = answer.headers()[RETRY_AFTER].to_str().expect("a number").parse().expect("seconds");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    send(client, method, path, sent, fill).await
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let walked: BTreeSet<String> = table().iter().map(|(method, path, ..)| format!("{method} {path}")).collect();
    let there: BTreeSet<String> = routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(there.difference(&walked).collect::<Vec<_>>(), Vec::<&String>::new(), "not walked");
    assert_eq!(walked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "walked, but not there");
}

/// The administrator's, one for each scope.
async fn tokens_of(edge: &Edge) -> Vec<(Scope, Client)> {
    let (root, mut tokens) = (edge.signed_in("root").await, Vec::new());
    for scope in Scope::ALL {
        let made = root.token_create(scope.word(), &[scope.word()], 1).await.expect("made");
        tokens.push((scope, Client::with_token(&edge.address, &made.token).expect("a token")));
    }
    tokens
}

/// The administrator's, good for whatever a token can be good for, but of a group that they manage.
async fn bound_to(edge: &Edge, group: GroupId) -> Client {
    let scopes = ["read", "power", "console", "write"];
    let made = edge.signed_in("root").await.token_create_for(Some(group), "bound", &scopes, 1).await.expect("made");
    Client::with_token(&edge.address, &made.token).expect("a token")
}

both! {
    async fn everybody_gets_what_is_theirs_and_nothing_else(fresh) {
        let place = tempfile::tempdir().expect("a directory");
        let layout = umbel_wire::Layout::new(place.path(), place.path()).expect("a short path");
        let edge = Edge::start_in(&fresh.db, Some(layout)).await;
        let carl = account(&fresh.db, "carl", Role::User).await;
        let guest = edge.test.made("web").await;
        let operations = operations(&fresh.db).await;
        let operation = operations.first().expect("it was created").id;
        group(&fresh.db).await;
        volume(&edge, guest).await;
        let fill = |text: &str| fill(text, guest, operation, carl.account.id);
        for (name, role) in
            [("oda", Role::Operator), ("theo", Role::Teacher), ("vera", Role::User), ("mona", Role::User), ("mara", Role::User)]
        {
            edge.give_password(&account(&fresh.db, name, role).await, false).await;
        }
        for (name, rights) in [("vera", &[][..]), ("mona", &GuestRight::SHAREABLE[..])] {
            let draft = ShareDraft { name: name.into(), rights: rights.to_vec() };
            edge.test.guests.share_put(&edge.test.anna, guest, draft).await.expect("the owner shares");
        }
        // Whoever manages a group of the owner's may with the guest what an operator may.
        let class = edge.panel.group_create(&edge.root, GroupDraft { name: "Class".into(), kind: "class".into() }).await;
        let class = class.expect("a new group").id;
        for (name, role) in [("anna", "member"), ("mara", "manager"), ("root", "manager")] {
            let draft = MemberDraft { name: name.into(), role: role.into() };
            edge.panel.member_put(&edge.root, class, draft).await.expect("there is such an account");
        }
        let mut everybody: Vec<(&str, Client, usize)> = vec![("nobody", edge.client(), 0)];
        for (name, column) in [("berta", 1), ("theo", 1), ("vera", 2), ("mona", 3), ("oda", 4), ("mara", 4), ("anna", 5), ("root", 6)] {
            everybody.push((name, edge.signed_in(name).await, column));
        }
        let tokens = tokens_of(&edge).await;
        let bound = bound_to(&edge, class).await;
        let known: HashMap<String, Route> =
            routes().into_iter().map(|route| (format!("{} {}", route.method, route.path), route)).collect();
        let mut wrong = Vec::new();
        for (method, path, sent, expected) in table() {
            let asked = async |client: &Client| send_patiently(client, &method, &fill(path), sent, &fill).await;
            // What a token is not good for is refused before anything is done, so these go first.
            let route = &known[&format!("{method} {path}")];
            let needed = route.scope;
            // Pages know no tokens; who needs no sign-in needs none either.
            let refused = if path.starts_with("/api/") || ["/events", "/metrics"].contains(&path) { 403 } else { expected[0] };
            let lacking = tokens.iter().filter(|(scope, _)| Some(*scope) != needed && [401, 303].contains(&expected[0]));
            for (scope, client) in lacking {
                let status = asked(client).await.status().as_u16();
                if status != refused {
                    wrong.push(format!("{method} {path} with a token to {}: {status}", scope.word()));
                }
            }
            // Even an administrator's, which sees this guest: it is no group's.
            let hidden = match route.of_groups {
                false => [401, 303].contains(&expected[0]).then_some(refused),
                true => ["{guest}", "{operation}"].into_iter().any(|of| path.contains(of)).then_some(404),
            };
            if let Some(hidden) = hidden {
                let status = asked(&bound).await.status().as_u16();
                if status != hidden {
                    wrong.push(format!("{method} {path} with a bound token: {status}, not {hidden}"));
                }
            }
            for (name, client, column) in &everybody {
                // What an operator may with the panel and not with a guest.
                let of_panel = *name == "mara" && path == paths::METRICS;
                let expected = expected[if of_panel { 1 } else { *column }];
                let answer = asked(client).await;
                let status = answer.status().as_u16();
                if status != expected && !(expected == GOING && [404, 409].contains(&status)) {
                    let text = answer.text().await.unwrap_or_default();
                    let text: String = text.chars().take(300).collect();
                    wrong.push(format!("{name}: {method} {path}: {status}, not {expected}: {text}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
