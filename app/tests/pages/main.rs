//! Pages as the server sends them, over a backend of a few lines: what is there without scripts.

mod backups;
mod fake;
mod files;
mod machine;
mod parcels;
mod quotas;
mod volumes;

use std::sync::{Arc, Once};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use leptos::config::LeptosOptions;
use leptos::prelude::provide_context;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{
    AccountShown, AccountState, AnnouncementLevel, AnnouncementShown, GroupRoll, GroupShown, GuestShown, MemberShown,
    OperationKind, OperationShown, OperationState, PersonShown, Role, ShareShown, WebhookEvent, WebhookShown,
};
use umbel_app::{App, OUTPUT_NAME, paths, shell};
use umbel_guest::{
    Access, AccountId, Exit, GroupId, GroupKind, GroupRole, GuestRight, OperationId, Relation, Seen, Shares, Wanted,
    WebhookId,
};
use uuid::Uuid;

use fake::{Fake, caller, guest};

/// Status and HTML of a page.
pub(crate) async fn page(backend: Fake, caller: Option<Caller>, path: &str) -> (StatusCode, String) {
    // Sets up the executor too; once and before any page, as in the server.
    static ROUTES: Once = Once::new();
    ROUTES.call_once(|| drop(leptos_axum::generate_route_list(App)));
    let options = LeptosOptions::builder().output_name(OUTPUT_NAME).build();
    let backend: Arc<dyn Backend> = Arc::new(backend);
    let handler = leptos_axum::render_app_async_with_context(
        move || {
            provide_context(Arc::clone(&backend));
            provide_context(caller.clone());
        },
        move || shell(options.clone()),
    );
    let request = Request::get(path).body(Body::empty()).expect("a request");
    // A page that waits for itself would wait for ever.
    let response = tokio::time::timeout(Duration::from_secs(5), handler(request)).await.expect(path);
    let status = response.status();
    let html = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (status, String::from_utf8(html.to_vec()).expect("text"))
}

#[tokio::test]
async fn many_guests_come_in_pages_whose_links_keep_what_was_asked() {
    let guests: Vec<_> = (0..60).map(|n| guest(&format!("web-{n}"), Wanted::Stopped, Seen::Gone)).collect();
    let backend = || Fake { guests: guests.clone(), ..Fake::default() };
    let at = async |path: &str| page(backend(), Some(caller(Role::User)), path).await.1;
    let first = at("/guests?q=web&state=stopped").await;
    assert_eq!(first.matches("<tr data-guest").count(), 50);
    for part in ["Only guests that are stopped.", "q=web&amp;state=stopped&amp;cursor=web", "value=\"web\""] {
        assert!(first.contains(part), "{part} in {first}");
    }
    assert!(!first.contains("First page"), "{first}");
    assert!(at("/guests?cursor=web-1~").await.contains("First page"));
    assert!(at("/guests?q=nothing").await.contains("No guest fits “nothing”."));
    assert!(at("/").await.contains("All guests"), "the overview has the first of them");
}

#[tokio::test]
async fn many_people_come_in_pages_whose_links_keep_what_was_asked() {
    let own = caller(Role::Administrator).account;
    let person = |n| PersonShown {
        account: AccountShown { id: AccountId(Uuid::from_u128(n)), name: format!("bob-{n}"), ..own.clone() },
        guests: 0,
    };
    let backend = Fake { people: (1..=60).map(person).collect(), ..Fake::default() };
    let at = async |path: &str| page(backend.clone(), Some(caller(Role::Administrator)), path).await.1;
    let first = at("/people?name=bob&state=active").await;
    assert!(first.contains("name=bob&amp;state=active&amp;cursor=bob"), "{first}");
    assert!(first.contains(">bob-50<") && !first.contains(">bob-51<") && !first.contains("First page"), "{first}");
    assert!(first.contains("Only accounts that fit “bob” and whose state is active."), "{first}");
    assert!(at("/people?cursor=bob-1~").await.contains("First page"));
    assert!(at("/people?name=eve").await.contains("No account fits “eve”."));
}

#[tokio::test]
async fn many_operations_come_in_pages_whose_links_keep_what_was_asked() {
    let guest = guest("web-1", Wanted::Running, Seen::Running { since: 0 });
    let operation = OperationShown {
        id: OperationId(Uuid::from_u128(1)),
        kind: OperationKind::GuestStart,
        guest: Some(guest.id),
        guest_name: guest.name.to_string(),
        requester: "ada".into(),
        state: OperationState::Done,
        steps: Vec::new(),
        log: Vec::new(),
        created_at: 0,
        ended_at: Some(1),
        can_cancel: false,
    };
    let backend = Fake { operations: vec![operation; 60], guests: vec![guest.clone()], ..Fake::default() };
    let at = async |path: &str| page(backend.clone(), Some(caller(Role::User)), path).await.1;
    let first = at("/operations?state=failed").await;
    assert!(first.contains("/operations?state=failed&amp;cursor=50"), "{first}");
    assert!(
        first.contains("aria-current=\"true\" class=\"button\">Failed<") && !first.contains("First page"),
        "{first}"
    );
    assert!(at("/operations?cursor=50~").await.contains("href=\"/operations\" class=\"button\">First page"));
    let of_guest = at(&paths::guest_activity(guest.id)).await;
    assert!(of_guest.contains("/activity?cursor=50"), "{of_guest}");
}

#[tokio::test]
async fn no_guests_is_one_sentence_and_one_button() {
    let (status, html) = page(Fake::default(), Some(caller(Role::User)), paths::GUESTS).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("class=\"empty\""), "{html}");
    assert!(html.contains("New guest"), "{html}");
}

#[tokio::test]
async fn a_list_has_everything_without_scripts() {
    let backend = Fake { guests: vec![guest("web-1", Wanted::Running, Seen::Running { since: 0 })], ..Fake::default() };
    let (_, html) = page(backend, Some(caller(Role::Administrator)), paths::GUESTS).await;
    for part in ["web-1", "Running", "●", "64 MiB", "Console", "/_sf/guest_act", "Owner", "People"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(html.contains("The guest is already running."), "the reason of a disabled button");
}

#[tokio::test]
async fn what_only_administrators_have_is_not_shown_to_others() {
    let backend = Fake { guests: vec![guest("web-1", Wanted::Running, Seen::Running { since: 0 })], ..Fake::default() };
    let (_, html) = page(backend, Some(caller(Role::User)), paths::GUESTS).await;
    assert!(!html.contains(">People<") && !html.contains(">Owner<"), "{html}");
    assert!(!html.contains("href=\"/host\"") && !html.contains("href=\"/doctor\""), "{html}");
    for path in [paths::HOST, paths::DOCTOR] {
        let (status, html) = page(Fake::default(), Some(caller(Role::User)), path).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(!html.contains(paths::ADOPT) && !html.contains("All guests together"), "{path}: {html}");
    }
}

#[tokio::test]
async fn of_the_host_everybody_is_told_that_its_agent_is_away_and_no_more() {
    let backend = Fake { agent_away_since: Some(0), ..Fake::default() };
    let (status, html) = page(backend.clone(), Some(caller(Role::User)), paths::OVERVIEW).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("The agent has been away") && !html.contains("Memory free"), "{html}");
    for (path, fact) in [(paths::OVERVIEW, "Memory free"), (paths::HOST, "Disk promised")] {
        let (_, html) = page(backend.clone(), Some(caller(Role::Administrator)), path).await;
        assert!(html.contains("The agent has been away") && html.contains(fact), "{path}: {html}");
    }
}

/// One that whoever looks manages.
fn own_class() -> GroupShown {
    GroupShown {
        id: GroupId(Uuid::from_u128(9)),
        name: "Networks".parse().expect("a name"),
        kind: GroupKind::Class,
        created_at: 0,
        members: 1,
        role: Some(GroupRole::Manager),
    }
}

#[tokio::test]
async fn a_teacher_is_asked_less_of_an_invitation_than_an_administrator() {
    let group = own_class();
    let backend = Fake { groups: vec![GroupRoll { group, people: Vec::new() }], ..Fake::default() };
    let (_, html) = page(backend.clone(), Some(caller(Role::Administrator)), paths::INVITATIONS).await;
    for part in ["Nobody is invited.", "no group", "name=\"role\"", "limits[guests]"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let (_, html) = page(backend, Some(caller(Role::Teacher)), paths::INVITATIONS).await;
    assert!(html.contains("Networks") && !html.contains("no group") && !html.contains("name=\"role\""), "{html}");
    let (_, html) = page(Fake::default(), Some(caller(Role::User)), paths::INVITATIONS).await;
    assert!(html.contains("Only administrators may manage people.") && !html.contains("invitation_create"), "{html}");
}

#[tokio::test]
async fn who_manages_a_group_makes_guests_and_tokens_for_it() {
    let groups = vec![GroupRoll { group: own_class(), people: Vec::new() }];
    let backend = Fake { groups, quota: Some((3, 10)), ..Fake::default() };
    for path in [paths::GUEST_NEW, paths::ACCOUNT] {
        let (_, html) = page(backend.clone(), Some(caller(Role::Teacher)), path).await;
        assert!(html.contains("name=\"group\"") && html.contains("Networks"), "{path}: {html}");
        let (_, html) = page(Fake::default(), Some(caller(Role::Teacher)), path).await;
        assert!(!html.contains("name=\"group\""), "nothing to choose: {path}: {html}");
    }
    let (_, html) = page(backend, Some(caller(Role::Teacher)), &paths::group(own_class().id)).await;
    for part in ["What belongs to the group", "Memory of running guests", "/_sf/quota_ask", "%40Networks"] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[tokio::test]
async fn a_group_is_changed_by_administrators_and_seen_by_its_teacher() {
    let group = own_class();
    let account = AccountId(Uuid::from_u128(2));
    let bob = MemberShown { account, name: "bob".into(), role: GroupRole::Member, since: 0, guests: 3 };
    let backend = Fake { groups: vec![GroupRoll { group: group.clone(), people: vec![bob] }], ..Fake::default() };
    let path = paths::group(group.id);
    let (status, html) = page(backend.clone(), Some(caller(Role::Administrator)), &path).await;
    assert_eq!(status, StatusCode::OK);
    for part in ["bob", "student", "/_sf/member_put", "/_sf/member_remove", "/_sf/group_change", "/_sf/group_remove"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let (_, html) = page(backend.clone(), Some(caller(Role::Teacher)), &path).await;
    assert!(html.contains("bob") && !html.contains("/_sf/member_") && !html.contains("/_sf/group_"), "{html}");
    let (_, html) = page(backend.clone(), Some(caller(Role::Teacher)), paths::GROUPS).await;
    assert!(html.contains("teacher") && !html.contains("/_sf/group_create"), "{html}");
    let (status, _) = page(Fake::default(), Some(caller(Role::Teacher)), &path).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_an_operator_may_not_is_disabled_with_its_reason() {
    let access = Access { role: Role::Operator, relation: Relation::Stranger };
    let one = GuestShown { access, ..guest("web-1", Wanted::Running, Seen::Running { since: 0 }) };
    let seen = async |path: &str| {
        let backend = Fake { guests: vec![one.clone()], ..Fake::default() };
        page(backend, Some(caller(Role::Operator)), path).await
    };
    for (path, words) in [
        (paths::guest(one.id), "Only its owner and administrators may delete it."),
        (paths::guest_settings(one.id), "may change its settings."),
        (paths::guest_network(one.id), "Only its owner and administrators may lead ports to it."),
    ] {
        let (status, html) = seen(&path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(html.contains(words), "{words} in {path}: {html}");
    }
    let (_, html) = seen(paths::GUESTS).await;
    assert!(html.contains(">Owner<") && !html.contains(">People<") && !html.contains("href=\"/host\""), "{html}");
}

#[tokio::test]
async fn a_guest_is_shared_by_its_owner_and_given_back_by_the_other() {
    let own = guest("web-1", Wanted::Stopped, Seen::Gone);
    let rights = Shares::of([GuestRight::Power]).expect("it can be shared");
    let share = ShareShown { account: AccountId(Uuid::from_u128(2)), name: "bob".into(), rights, created_at: 0 };
    let path = paths::guest_sharing(own.id);
    let backend = Fake { guests: vec![own.clone()], shares: vec![share], ..Fake::default() };
    let (_, html) = page(backend, Some(caller(Role::User)), &path).await;
    for part in ["see this guest, start and stop it", "/_sf/share_remove", "/_sf/share_put", "name=\"type_console\""] {
        assert!(html.contains(part), "{part} in {html}");
    }

    let shared = GuestShown { access: Access { role: Role::User, relation: Relation::Shared(rights) }, ..own };
    let seen = async |path: &str| {
        let backend = Fake { guests: vec![shared.clone()], ..Fake::default() };
        page(backend, Some(caller(Role::User)), path).await
    };
    let (status, html) = seen(&path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("ada shares it with you") && html.contains("/_sf/share_remove"), "{html}");
    assert!(
        !html.contains("/_sf/share_put") && html.contains("Only its owner and administrators may share it."),
        "{html}"
    );
    let (status, html) = seen(&paths::guest_console(shared.id)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("may read its console.") && !html.contains("console-text"), "{html}");
    let (_, html) = seen(paths::GUESTS).await;
    assert!(html.contains(">Owner<"), "{html}");
}

#[tokio::test]
async fn an_account_is_suspended_ended_and_deleted_on_its_page_but_not_ones_own() {
    let own = caller(Role::Administrator).account;
    let bob = AccountShown { id: AccountId(Uuid::from_u128(2)), name: "bob".into(), ..own.clone() };
    let shown = async |bob: AccountShown, guests| {
        let path = paths::person(bob.id);
        let backend = Fake { people: vec![PersonShown { account: bob, guests }], ..Fake::default() };
        page(backend, Some(caller(Role::Administrator)), &path).await.1
    };
    let html = shown(bob.clone(), 2).await;
    for part in ["Active", "/_sf/account_suspend", "/_sf/account_set_expiry", "/_sf/account_remove", "It has 2 guests."]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    let suspended = shown(AccountShown { state: AccountState::Suspended, ..bob.clone() }, 0).await;
    assert!(suspended.contains("/_sf/account_reinstate") && suspended.contains("It has no guests."), "{suspended}");
    let leaving = shown(AccountShown { state: AccountState::Leaving, ..bob.clone() }, 2).await;
    assert!(leaving.contains("Being deleted") && !leaving.contains("/_sf/account_"), "{leaving}");
    let waiting = shown(AccountShown { state: AccountState::Waiting, ..bob.clone() }, 0).await;
    assert!(waiting.contains("Waits for approval") && waiting.contains("/_sf/account_decide"), "{waiting}");
    assert!(!waiting.contains("/_sf/account_suspend") && !waiting.contains("/_sf/account_remove"), "{waiting}");
    let ends = shown(AccountShown { expires_at: Some(86_400_000_000), ..bob.clone() }, 2).await;
    assert!(ends.contains("until 1970-01-01"), "{ends}");
    let backend = Fake { people: vec![PersonShown { account: bob, guests: 2 }], ..Fake::default() };
    let (_, html) = page(backend.clone(), Some(caller(Role::Administrator)), &paths::person(own.id)).await;
    assert!(html.contains("another administrator decides") && !html.contains("/_sf/account_remove"), "{html}");
    let (status, _) = page(backend, Some(caller(Role::Administrator)), &format!("{}/none", paths::PEOPLE)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_waits_stands_first_and_is_approved_or_refused_among_people() {
    let own = caller(Role::Administrator).account;
    let person = |number, name: &str, state| PersonShown {
        account: AccountShown { id: AccountId(Uuid::from_u128(number)), name: name.into(), state, ..own.clone() },
        guests: 0,
    };
    let people = vec![person(2, "bob", AccountState::Active), person(3, "zoe", AccountState::Waiting)];
    let backend = Fake { people, ..Fake::default() };
    let (_, html) = page(backend, Some(caller(Role::Administrator)), paths::PEOPLE).await;
    assert!(html.contains("An account waits for approval.") && html.contains("/_sf/account_decide"), "{html}");
    assert!(html.find(">zoe<").expect("there") < html.find(">bob<").expect("there"), "{html}");
    assert!(html.contains("/_sf/registration_set") && html.contains("value=\"approval\" selected"), "{html}");
    let (_, html) = page(Fake::default(), Some(caller(Role::Administrator)), paths::PEOPLE).await;
    assert!(!html.contains("for approval.") && !html.contains("/_sf/account_decide"), "{html}");
}

#[tokio::test]
async fn a_role_is_changed_beside_its_name_but_not_ones_own() {
    let other =
        AccountShown { id: AccountId(Uuid::from_u128(2)), name: "bob".into(), ..caller(Role::Operator).account };
    let backend = Fake { people: vec![PersonShown { account: other, guests: 0 }], ..Fake::default() };
    let (_, html) = page(backend, Some(caller(Role::Administrator)), paths::PEOPLE).await;
    assert_eq!(html.matches("/_sf/account_set_role").count(), 1, "{html}");
    assert!(
        html.contains("You can&#x27;t change your own role") || html.contains("You can't change your own role"),
        "{html}"
    );
    for role in Role::ALL {
        assert!(html.contains(&format!("<option value=\"{}\"", role.word())), "{role:?} in {html}");
    }
}

#[tokio::test]
async fn a_crash_is_explained() {
    let crashed = guest("db-old", Wanted::Stopped, Seen::Ended { at: 0, exit: Exit::Crashed { signal: 6 } });
    let path = paths::guest(crashed.id);
    let (status, html) = page(Fake { guests: vec![crashed], ..Fake::default() }, Some(caller(Role::User)), &path).await;
    assert_eq!(status, StatusCode::OK);
    for part in ["Crashed", "crashed (134)", "Kernel panic &lt;b&gt;"] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[tokio::test]
async fn every_tab_of_a_guest_is_a_page() {
    let one = guest("web-1", Wanted::Stopped, Seen::Gone);
    for path in [
        paths::guest_console(one.id),
        paths::guest_network(one.id),
        paths::guest_activity(one.id),
        paths::guest_sharing(one.id),
        paths::guest_settings(one.id),
    ] {
        let (status, html) =
            page(Fake { guests: vec![one.clone()], ..Fake::default() }, Some(caller(Role::User)), &path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(html.contains("<h1>web-1</h1>"), "{path}: {html}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let other = guest("other", Wanted::Stopped, Seen::Gone);
    for path in [paths::guest(other.id), "/guests/not-an-id".into(), "/nowhere".into()] {
        let (status, html) = page(Fake::default(), Some(caller(Role::User)), &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(html.contains("Not found"), "{path}: {html}");
    }
}

#[tokio::test]
async fn a_new_guest_is_filled_in_sensibly() {
    let (_, html) = page(Fake::default(), Some(caller(Role::User)), paths::GUEST_NEW).await;
    for part in ["value=\"calm-fern\"", "tiny-1", "name=\"memory_mib\"", "debian-6.1.176", "/_sf/guest_create"] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[tokio::test]
async fn an_error_of_a_form_comes_back_beside_its_field() {
    let error = umbel_app::AppError::Invalid(umbel_guest::FieldErrors::one("name", "Taken <i>already</i>."));
    let url = leptos::server_fn::error::ServerFnUrlError::new("/_sf/guest_create", error)
        .to_url(&format!("http://panel{}", paths::GUEST_NEW))
        .expect("an address");
    let path = format!("{}?{}", url.path(), url.query().expect("the error"));
    let (_, html) = page(Fake::default(), Some(caller(Role::User)), &path).await;
    assert!(html.contains("Taken &lt;i&gt;already"), "{html}");
}

#[tokio::test]
async fn every_other_page_answers() {
    for path in [paths::OVERVIEW, paths::OPERATIONS, paths::PEOPLE, paths::ACCOUNT] {
        let (status, html) = page(Fake::default(), Some(caller(Role::Administrator)), path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(html.contains("<h1>"), "{path}: {html}");
    }
}

#[tokio::test]
async fn nobody_is_told_to_sign_in() {
    let (status, html) = page(Fake::default(), None, paths::GUESTS).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(html.contains(paths::SIGN_IN), "{html}");
}

#[tokio::test]
async fn the_audit_can_be_filtered_and_paged_without_scripts() {
    let row = umbel_app::shown::AuditShown {
        number: 8,
        name: "ada".into(),
        action: "guest_delete".into(),
        kind: "guest".into(),
        object_name: "web-1".into(),
        outcome: "refused".into(),
        reason: "There is no such guest.".into(),
        via: "api".into(),
        address: "192.0.2.7".into(),
        ..Default::default()
    };
    let backend = Fake { audit: vec![row], ..Fake::default() };
    let path = "/audit?who=ada&action=guest_delete";
    let (status, html) = page(backend.clone(), Some(caller(Role::Administrator)), path).await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "Delete guest",
        "guest web-1",
        "Refused",
        "There is no such guest.",
        "API, 192.0.2.7",
        "value=\"ada\"",
        "action=guest%5Fdelete&amp;before=7",
        "/api/v1/audit/export?format=csv&amp;who=ada",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (status, html) = page(backend.clone(), Some(caller(Role::Administrator)), "/audit?from=never").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("A day is written otherwise."), "{html}");
    let (status, _) = page(backend, Some(caller(Role::User)), paths::AUDIT).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_a_token_can_not_do_is_said_beside_it() {
    let (_, html) = page(Fake::default(), Some(caller(Role::User)), paths::ACCOUNT).await;
    assert!(html.contains("You have no token.") && html.contains("Only administrators have this."), "{html}");
    let (_, html) = page(Fake::default(), Some(caller(Role::Administrator)), paths::ACCOUNT).await;
    assert!(html.contains("scopes[]") && !html.contains("Only administrators have this."), "{html}");
}

#[tokio::test]
async fn what_is_announced_is_text_above_every_page() {
    let said = AnnouncementShown { text: "Down at <noon>".into(), level: AnnouncementLevel::Warning, until: None };
    let backend = Fake { announcement: Some(said), ..Fake::default() };
    for path in [paths::OVERVIEW, paths::GUESTS, paths::ACCOUNT] {
        let (_, html) = page(backend.clone(), Some(caller(Role::User)), path).await;
        assert!(
            html.contains("Down at &lt;noon&gt;") && html.contains("notice announcement attention"),
            "{path}: {html}"
        );
    }
    let (_, html) = page(backend, Some(caller(Role::Administrator)), paths::ANNOUNCEMENT).await;
    for part in ["/_sf/announcement_set", "/_sf/announcement_clear", "Take it back"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (status, html) = page(Fake::default(), Some(caller(Role::User)), paths::ANNOUNCEMENT).await;
    assert_eq!((status, html.contains("/_sf/announcement_set")), (StatusCode::FORBIDDEN, false));
}

#[tokio::test]
async fn administrators_see_where_events_are_sent() {
    let webhook = WebhookShown {
        id: WebhookId(Uuid::from_u128(15)),
        url: "https://alerts.example/<hook>".into(),
        events: vec![WebhookEvent::GuestCrashed],
        created_at: 0,
        gone_at: Some(1),
    };
    let backend = Fake { webhooks: vec![webhook], ..Fake::default() };
    let (_, html) = page(backend.clone(), Some(caller(Role::Administrator)), paths::WEBHOOKS).await;
    for part in [
        "alerts.example/&lt;hook&gt;",
        "A guest crashed",
        "/_sf/webhook_test",
        "/_sf/webhook_create",
        "Nothing was sent",
        "It answered 410",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (status, html) = page(backend, Some(caller(Role::User)), paths::WEBHOOKS).await;
    assert_eq!((status, html.contains("alerts.example")), (StatusCode::FORBIDDEN, false));
}
