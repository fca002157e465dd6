//! How people come in many at once: by invitations, and out of lines that somebody pastes.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::{Method, StatusCode};
use tokio::task::JoinSet;
use umbel_app::AppError;
use umbel_app::backend::{Backend as _, Caller};
use umbel_app::shown::{GroupDraft, ImportDraft, InvitationDraft, InvitedLimit, MemberDraft, NewInvitation, Role};
use umbel_guest::GroupId;
use umbel_guest::quota::{Kind, Said};
use umbel_server::accounts::invitations::Coming;
use umbel_server::store::accounts::{Standing, account_fetch_by_name, account_set_standing};
use umbel_server::store::groups::member_list;
use umbel_server::store::invitations::invitation_list;

use crate::harness::db::both;
use crate::harness::edge::{Edge, PASSWORD};
use crate::harness::panel::account;

const HERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));

fn draft(said: &str) -> InvitationDraft {
    serde_json::from_str(said).expect("a draft")
}

fn token(made: &NewInvitation) -> String {
    made.link.split_once("?token=").expect("a link").1.to_owned()
}

async fn invited(edge: &Edge, by: &Caller, said: &str) -> String {
    token(&edge.panel.invitation_create(by, draft(said)).await.expect("an invitation"))
}

fn coming(token: &str, name: &str) -> Coming {
    Coming { token: token.into(), name: name.into(), password: PASSWORD.into(), password_again: PASSWORD.into() }
}

async fn class(edge: &Edge, teacher: &str) -> GroupId {
    let group = GroupDraft { name: "Networks".into(), kind: "class".into() };
    let group = edge.panel.group_create(&edge.root, group).await.expect("a group").id;
    let member = MemberDraft { name: teacher.into(), role: "manager".into() };
    edge.panel.member_put(&edge.root, group, member).await.expect("put");
    group
}

fn is_over(done: Result<(), AppError>) -> bool {
    matches!(done, Err(AppError::Forbidden { .. }))
}

fn fields(error: AppError) -> Vec<String> {
    let AppError::Invalid(errors) = error else { panic!("{error:?}") };
    errors.0.into_iter().map(|error| error.field).collect()
}

both! {
    async fn whoever_was_invited_has_an_account_and_is_in(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = class(&edge, "anna").await;
        let limits = vec![InvitedLimit { kind: Kind::Guests, limit: Said::AtMost(3) }];
        let wanted = InvitationDraft { group: Some(group), limits, ..draft("{}") };
        let made = edge.panel.invitation_create(&edge.root, wanted).await.expect("an invitation");
        let client = edge.client();
        let page = client.request(Method::GET, made.link.strip_prefix(&edge.address).expect("of the panel's")).send().await;
        let page = page.expect("an answer").text().await.expect("a page");
        assert!(page.contains(&format!("value=\"{}\"", token(&made))), "{page}");

        let token = token(&made);
        let form = |again| [("token", token.as_str()), ("name", "dora"), ("password", PASSWORD), ("password_again", again)];
        let send = async |again| client.request(Method::POST, "/invitation").form(&form(again)).send().await.expect("an answer");
        let answer = send("other").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.expect("a page").contains("id=\"password_again-error\">The two"));
        assert_eq!(send(PASSWORD).await.headers()["location"], "/");
        let me = client.session_fetch().await.expect("signed in");
        assert_eq!((me.name.as_str(), me.role.as_str(), me.state.as_str()), ("dora", "user", "active"));
        let quota = client.quota_mine().await.expect("a quota");
        let guests = quota.standings.iter().find(|standing| standing.kind == Kind::Guests).expect("counted");
        assert_eq!(guests.limit.most, Some(3));
        let members = member_list(&fresh.db, group).await.expect("a list");
        assert!(members.iter().any(|member| member.account == me.id), "{members:?}");
        assert_eq!(send(PASSWORD).await.status(), StatusCode::NOT_FOUND, "it was for one");
    }

    async fn of_twenty_at_once_as_many_come_as_may(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let token = invited(&edge, &edge.root, r#"{"uses":3}"#).await;
        let mut tries = JoinSet::new();
        for i in 0..20 {
            let (accounts, coming) = (edge.panel.accounts.clone(), coming(&token, &format!("guest-{i}")));
            tries.spawn(async move { accounts.invitation_accept(coming, HERE).await.map(drop) });
        }
        let done = tries.join_all().await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 3, "{done:?}");
        assert_eq!(done.into_iter().filter(|done| is_over(done.clone())).count(), 17);
        assert_eq!(invitation_list(&fresh.db).await.expect("a list")[0].invitation.used, 3);
    }

    async fn one_name_is_taken_once_and_costs_no_use(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let token = invited(&edge, &edge.root, "{}").await;
        let come = async |name| edge.panel.accounts.invitation_accept(coming(&token, name), HERE).await;
        assert_eq!(fields(come("anna").await.expect_err("there is one")), ["name"]);
        assert_eq!(fields(come("a!").await.expect_err("no name")), ["name"]);
        come("dora").await.expect("the use is still there");
    }

    async fn a_teacher_invites_into_the_own_class_and_nowhere_else(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let theo = account(&fresh.db, "theo", Role::Teacher).await;
        let group = class(&edge, "theo").await;
        let into = |more: &str| draft(&format!(r#"{{"group":"{group}"{more}}}"#));
        let made = edge.panel.invitation_create(&theo, into("")).await.expect("the own class");
        for more in [r#","role":"operator""#, r#","group_role":"manager""#, r#","limits":[{"kind":"guests","limit":"no_limit"}]"#] {
            let done = edge.panel.invitation_create(&theo, into(more)).await.map(drop);
            assert!(is_over(done), "{more}");
        }
        assert!(is_over(edge.panel.invitation_create(&theo, draft("{}")).await.map(drop)), "onto the panel");
        let nowhere = edge.panel.invitation_create(&edge.berta, into("")).await.map(drop);
        assert_eq!(nowhere, Err(AppError::not_found("group")), "who isn't in it isn't told of it");

        edge.panel.invitation_create(&edge.root, draft("{}")).await.expect("an administrator may");
        let seen = edge.panel.invitation_list(&theo).await.expect("a list");
        assert_eq!(seen.iter().map(|seen| seen.id).collect::<Vec<_>>(), [made.id]);
        assert_eq!(edge.panel.invitation_list(&edge.root).await.expect("a list").len(), 2);
        assert_eq!(edge.panel.invitation_list(&edge.berta).await, Ok(vec![]));
        let theirs = edge.panel.invitation_remove(&edge.berta, made.id).await;
        assert_eq!(theirs, Err(AppError::not_found("invitation")));

        edge.panel.member_remove(&edge.root, group, theo.account.id).await.expect("out");
        let done = edge.panel.accounts.invitation_accept(coming(&token(&made), "dora"), HERE).await.map(drop);
        assert!(is_over(done), "theo invites nobody any more");
    }

    async fn a_link_ends_with_its_day_with_who_made_it_and_when_it_is_taken_back(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let come = async |token: &str| edge.panel.accounts.invitation_accept(coming(token, "dora"), HERE).await.map(drop);
        let back = edge.panel.invitation_create(&edge.root, draft("{}")).await.expect("an invitation");
        edge.panel.invitation_remove(&edge.root, back.id).await.expect("there");
        assert!(is_over(come(&token(&back)).await), "taken back");

        let other = account(&fresh.db, "other", Role::Administrator).await;
        let of_other = invited(&edge, &other, "{}").await;
        account_set_standing(&fresh.db, other.account.id, Standing::Suspended).await.expect("a write");
        assert!(!edge.panel.accounts.invitation_is_open(&of_other).await.expect("a read"));
        assert!(is_over(come(&of_other).await), "who made it is suspended");

        let late = edge.panel.invitation_create(&edge.root, draft(r#"{"days":1}"#)).await.expect("an invitation");
        let listed = invitation_list(&fresh.db).await.expect("a list").into_iter().find(|one| one.invitation.id == late.id);
        let expires = listed.expect("there").invitation.expires_at;
        let used = umbel_server::store::invitations::invitation_use(&fresh.db, late.id, expires).await.expect("a write");
        assert!(!used, "its day has come");
        assert_eq!(account_fetch_by_name(&fresh.db, &"dora".parse().expect("a name")).await.expect("a read"), None);
    }

    async fn every_wrong_field_is_named(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let long = "x".repeat(201);
        let limit = r#"{"kind":"guests","limit":{"at_most":1}}"#;
        let wrong = format!(
            r#"{{"role":"king","group_role":"king","uses":0,"days":91,"note":"{long}","limits":[{limit},{limit}]}}"#
        );
        let error = edge.panel.invitation_create(&edge.root, draft(&wrong)).await.expect_err("nothing is right");
        assert_eq!(fields(error), ["role", "group_role", "note", "uses", "days", "limits"]);
        let many = edge.panel.invitation_create(&edge.root, draft(r#"{"role":"administrator","uses":2}"#)).await;
        assert_eq!(fields(many.expect_err("one at a time")), ["uses"]);
    }

    async fn a_class_is_pasted_all_of_it_or_nobody(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let group = class(&edge, "anna").await;
        let import = async |lines: &str, only_check| {
            edge.panel.account_import(&edge.root, ImportDraft { lines: lines.into(), only_check }).await
        };
        let wrong = import("dora,,Networks\nanna\nemil,,Nowhere", false).await.expect_err("two lines are wrong");
        let AppError::Invalid(errors) = wrong else { panic!("{wrong:?}") };
        let said: Vec<&str> = errors.of("lines").collect();
        assert_eq!(said, ["Line 2: There is an account anna already.", "Line 3: There is no group Nowhere."]);
        let lines = "name;role;group\ndora;;Networks\nemil;teacher;";
        let checked = import(lines, true).await.expect("right");
        assert!(checked.accounts.iter().all(|account| account.password.is_none()), "{checked:?}");
        let dora = "dora".parse().expect("a name");
        assert_eq!(account_fetch_by_name(&fresh.db, &dora).await.expect("a read"), None, "nothing was made");

        let made = import(lines, false).await.expect("right").accounts;
        let first = made[0].password.clone().expect("a first password");
        let client = edge.client();
        assert!(client.sign_in("dora", &first).await.expect("the right one").state == "first_password");
        let members = member_list(&fresh.db, group).await.expect("a list");
        assert!(members.iter().any(|member| member.account_name == "dora"), "{members:?}");
        assert_eq!((made[1].name.as_str(), made[1].role), ("emil", Role::Teacher));
        let bertas = edge.panel.account_import(&edge.berta, ImportDraft::default()).await.map(drop);
        assert!(is_over(bertas), "not hers to do");
    }
}
