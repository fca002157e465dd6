//! Operations, people and kernels a page at a time: every one comes once, in the order of its list.

use std::collections::BTreeSet;

use serde::Serialize;
use umbel_app::shown::{AccountState, OperationKind, OperationState, Role};
use umbel_client::{Client, Error, Page};
use umbel_guest::{AccountId, OperationId, Shares};
use umbel_server::host::simulated::debian;
use umbel_server::store::Db;
use umbel_server::store::account_pages::{Sought, account_page};
use umbel_server::store::accounts::{Account, Standing, account_insert, account_list};
use umbel_server::store::operations::{Operation, operation_insert};
use umbel_server::store::query::sql;
use umbel_server::store::shares::share_put;
use umbel_wire::agent::KernelFacts;
use uuid::Uuid;

use crate::harness::db::{alone, both};
use crate::harness::edge::Edge;
use crate::harness::panel::{account, operations};

/// Pages of a few rows until there is none; between two of them something happens.
async fn walk<T: Serialize>(
    page: impl AsyncFn(&[(&str, &str)]) -> Result<Page<T>, Error>,
    asked: &[(&str, &str)],
    of: fn(&T) -> String,
    between: impl AsyncFn(usize),
) -> Vec<String> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    for number in 0.. {
        let from = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let asked: Vec<_> = asked.iter().copied().chain(from).chain([("limit", "3")]).collect();
        let page = page(&asked).await.expect("a page");
        assert!(page.rows.len() <= 3);
        rows.extend(page.rows.iter().map(of));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        between(number).await;
    }
    rows
}

async fn nothing(_: usize) {}

async fn operations_of(client: &Client, asked: &[(&str, &str)]) -> Vec<String> {
    walk(async |asked| client.operation_page(asked).await, asked, |row| row.guest_name.clone(), nothing).await
}

async fn people_of(client: &Client, asked: &[(&str, &str)]) -> Vec<String> {
    walk(async |asked| client.account_page(asked).await, asked, |row| row.account.name.clone(), nothing).await
}

/// One like another, at a time and under a name.
async fn operation(db: &Db, like: &Operation, created_at: i64, name: &str) -> Operation {
    let operation =
        Operation { id: OperationId(Uuid::now_v7()), created_at, guest_name: name.to_owned(), ..like.clone() };
    insert(db, &operation).await;
    operation
}

async fn insert(db: &Db, operation: &Operation) {
    alone(db, async |tx| operation_insert(tx, operation).await).await.expect("a row");
}

/// The fields that a refusal names.
fn wrong<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Option<u16>, Vec<String>) {
    let error = answer.expect_err("wrong");
    (error.status().map(|status| status.as_u16()), error.fields().iter().map(|one| one.field.clone()).collect())
}

const NOW: i64 = 1_000;

const WRONG: [(&str, &str); 6] =
    [("limit", "0"), ("limit", "201"), ("limit", "x"), ("cursor", "x"), ("cursor", "x~x"), ("state", "happy")];

both! {
    async fn operations_come_newest_first_once_each_while_others_come_and_go(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.test.made("web").await;
        let like = operations(&fresh.db).await.remove(0);
        // Three of them at a time.
        for n in 0..20 {
            operation(&fresh.db, &like, n / 3, &format!("o-{n:02}")).await;
        }
        let root = edge.signed_in("root").await;
        let all: Vec<String> = operations(&fresh.db).await.into_iter().map(|row| row.guest_name).collect();
        assert_eq!((all.len(), all[0].as_str(), &all[18..]), (21, "web", ["o-02", "o-01", "o-00"].map(str::to_owned).as_slice()));
        assert_eq!(operations_of(&root, &[]).await, all);
        assert_eq!(root.operation_list(None).await.expect("all pages").len(), 21);
        assert_eq!(root.operation_page(&[("limit", "5")]).await.expect("a page").rows.len(), 5);
        let page = async |asked: &[(&str, &str)]| root.operation_page(asked).await;
        let between = async |number: usize| {
            operation(&fresh.db, &like, i64::MAX - 1, &format!("new-{number}")).await;
            let gone = sql("test", "DELETE FROM operations WHERE guest_name = $1").bind(all[3 * number + 2].as_str());
            gone.run(&fresh.db).await.expect("the row that the next page begins behind");
        };
        assert_eq!(walk(page, &[], |row| row.guest_name.clone(), between).await, all);
    }

    async fn operations_are_found_by_guest_kind_and_state(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let guest = edge.test.made("web").await.to_string();
        let like = operations(&fresh.db).await.remove(0);
        let about = |kind, state: OperationState, name: &str| Operation {
            id: OperationId(Uuid::now_v7()), kind, state, guest: None, guest_name: name.into(), created_at: 1, ..like.clone()
        };
        let reason = || "it was \"state\":\"done\"".to_owned();
        insert(&fresh.db, &about(OperationKind::GuestStart, OperationState::Failed { reason: reason() }, "failed")).await;
        insert(&fresh.db, &about(OperationKind::KernelAdd, OperationState::Undoing { reason: reason() }, "undoing")).await;
        insert(&fresh.db, &about(OperationKind::GuestStart, OperationState::Running, "running")).await;
        let root = edge.signed_in("root").await;
        let found = async |asked: &[(&str, &str)]| BTreeSet::from_iter(operations_of(&root, asked).await);
        let set = |names: &[&str]| BTreeSet::from_iter(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(found(&[("guest", &guest)]).await, set(&["web"]));
        assert_eq!(found(&[("kind", "guest_start")]).await, set(&["failed", "running"]));
        assert_eq!(found(&[("state", "under_way")]).await, set(&["undoing", "running"]));
        assert_eq!(found(&[("state", "over")]).await, set(&["web", "failed"]));
        assert_eq!(found(&[("state", "undoing")]).await, set(&["undoing"]));
        assert_eq!(found(&[("state", "failed"), ("kind", "guest_start")]).await, set(&["failed"]));
        assert_eq!(found(&[("state", "done"), ("guest", &guest)]).await, set(&["web"]));
        assert_eq!(found(&[("state", "failed"), ("guest", &guest)]).await, set(&[]), "its guest is there");
        assert_eq!(found(&[("state", "cancelled")]).await, set(&[]));
    }

    async fn a_user_sees_operations_of_what_one_may_see(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let web = edge.test.made("web").await;
        let like = operations(&fresh.db).await.remove(0);
        let berta = edge.berta.account.id;
        for n in 0..9 {
            operation(&fresh.db, &like, n, &format!("anna-{n}")).await;
            operation(&fresh.db, &Operation { owner: berta, guest: None, ..like.clone() }, n, &format!("berta-{n}")).await;
        }
        edge.give_password(&account(&fresh.db, "oda", Role::Operator).await, false).await;
        let seen = async |name: &str, asked: &[(&str, &str)]| operations_of(&edge.signed_in(name).await, asked).await;
        assert_eq!((seen("anna", &[]).await.len(), seen("oda", &[]).await.len()), (10, 19));
        let own: Vec<String> = (0..9).rev().map(|n| format!("berta-{n}")).collect();
        assert_eq!(seen("berta", &[]).await, own);
        assert_eq!(seen("berta", &[("state", "over")]).await, own);
        assert_eq!(seen("berta", &[("state", "under_way")]).await, [""; 0]);
        let stranger = edge.signed_in("berta").await.operation_page(&[("guest", &web.to_string())]).await;
        assert_eq!(wrong(stranger), (Some(404), Vec::new()));
        share_put(&fresh.db, web, berta, Shares::of([]).expect("to see"), 1).await.expect("shared");
        assert_eq!(seen("berta", &[]).await.len(), 19);
        assert_eq!(seen("berta", &[("guest", &web.to_string())]).await.len(), 10);
        let twice = Operation { owner: berta, ..like };
        operation(&fresh.db, &twice, 5, "both").await;
        assert_eq!(seen("berta", &[]).await.iter().filter(|name| *name == "both").count(), 1);
    }

    async fn people_come_by_name_once_each_while_others_come_and_go(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for n in 0..20 {
            account(&fresh.db, &format!("pupil-{n:02}"), Role::User).await;
        }
        let root = edge.signed_in("root").await;
        let all: Vec<String> = account_list(&fresh.db).await.expect("a list").into_iter().map(|one| one.name.into()).collect();
        assert_eq!(people_of(&root, &[]).await, all);
        assert_eq!(root.account_list().await.expect("all pages").len(), all.len());
        assert_eq!(root.account_find("pupil-07").await.expect("asked").map(|one| one.name), Some("pupil-07".to_owned()));
        assert_eq!(root.account_find("pupil").await.expect("asked"), None);
        let page = async |asked: &[(&str, &str)]| root.account_page(asked).await;
        let between = async |number: usize| {
            account(&fresh.db, &format!("pupil-00-{number}"), Role::User).await;
            let gone = sql("test", "DELETE FROM accounts WHERE name = $1 AND name LIKE 'pupil%'");
            gone.bind(all[3 * number + 4].as_str()).run(&fresh.db).await.expect("the row that the next page begins behind");
        };
        assert_eq!(walk(page, &[("name", "pupil")], |row| row.account.name.clone(), between).await, all[all.len() - 21..all.len() - 1]);
    }

    async fn people_are_found_by_how_they_stand(fresh) {
        // Without a panel, which would settle those who leave.
        let db = &fresh.db;
        account(db, "anna", Role::User).await;
        let like = account_list(db).await.expect("a list").remove(0);
        let all = [Standing::Waiting, Standing::Active, Standing::Stopping, Standing::Suspended, Standing::Ended, Standing::Leaving];
        for (n, standing) in all.into_iter().enumerate() {
            for (m, expires_at) in [None, Some(NOW), Some(NOW + 1)].into_iter().enumerate() {
                for must_change_password in [false, true] {
                    let name = format!("t-{n}-{m}-{must_change_password}").parse().expect("a name");
                    let id = AccountId(Uuid::now_v7());
                    let one = Account { id, name, standing, expires_at, must_change_password, ..like.clone() };
                    account_insert(db, &one, "hash").await.expect("a name that is free");
                }
            }
        }
        let listed = account_list(db).await.expect("a list");
        for state in AccountState::ALL {
            let is: Vec<Account> = listed.iter().filter(|one| one.state(NOW) == state).cloned().collect();
            let sought = Sought { name: String::new(), role: None, state: Some(state), now: NOW, last: None };
            let found: Vec<Account> = account_page(db, &sought, 200).await.expect("a page").into_iter().map(|one| one.0).collect();
            assert!(!is.is_empty() && found == is, "{state:?}: {found:#?}");
        }
    }

    async fn people_are_found_by_name_and_role(fresh) {
        let edge = Edge::start(&fresh.db).await;
        for (name, role) in [("t_1", Role::Teacher), ("t_2", Role::User), ("tx1", Role::Teacher)] {
            account(&fresh.db, name, role).await;
        }
        let root = edge.signed_in("root").await;
        assert_eq!(people_of(&root, &[("role", "teacher")]).await, ["t_1", "tx1"]);
        assert_eq!(people_of(&root, &[("name", " T_ ")]).await, ["t_1", "t_2"], "it is no pattern");
        assert_eq!(people_of(&root, &[("name", "t_"), ("role", "user"), ("state", "active")]).await, ["t_2"]);
        assert_eq!(people_of(&root, &[("state", "expired")]).await, [""; 0]);
    }

    async fn kernels_come_by_id_once_each_while_others_come(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let put = |id: String| edge.test.host.put_kernel(KernelFacts { id: id.parse().expect("a slug"), is_default: false, ..debian() });
        (0..9).rev().for_each(|n| put(format!("old-{n}")));
        let anna = edge.signed_in("anna").await;
        let all: Vec<String> = std::iter::once(debian().id.to_string()).chain((0..9).map(|n| format!("old-{n}"))).collect();
        let page = async |asked: &[(&str, &str)]| anna.kernel_page(asked).await.map(|kernels| kernels.page);
        assert_eq!(walk(page, &[], |row| row.id.to_string(), async |number| put(format!("a-{number}"))).await, all);
        assert_eq!(anna.kernel_list().await.expect("all pages").len(), 13);
        assert!(!anna.kernel_page(&[]).await.expect("a page").may_upload);
    }

    async fn what_is_wrong_is_named(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let root = edge.signed_in("root").await;
        let named = |field: &str| (Some(422), vec![field.to_owned()]);
        for (field, value) in WRONG.into_iter().chain([("guest", "x"), ("kind", "x"), ("cursor", "1~x")]) {
            assert_eq!(wrong(root.operation_page(&[(field, value)]).await), named(field), "{field}={value}");
        }
        for (field, value) in WRONG.into_iter().chain([("role", "king"), ("cursor", &format!("A!~{}", Uuid::nil()))]) {
            assert_eq!(wrong(root.account_page(&[(field, value)]).await), named(field), "{field}={value}");
        }
        for (field, value) in [("limit", "0"), ("limit", "201"), ("cursor", "A b")] {
            assert_eq!(wrong(root.kernel_page(&[(field, value)]).await), named(field), "{field}={value}");
        }
        assert_eq!(wrong(root.account_page(&[("x", "y")]).await), named("query"));
        assert_eq!(wrong(root.account_page(&[("name", "\0")]).await), named("name"));
        for (field, value) in [("q", "\0"), ("owner", "\0"), ("cursor", &format!("\0~{}", Uuid::nil()))] {
            assert_eq!(wrong(root.guest_page(&[(field, value)]).await), named(field), "{field}");
        }
    }
}
