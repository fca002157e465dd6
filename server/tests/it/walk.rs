//! Every route, asked by everybody: nobody, strangers, people with whom it is shared, an operator,
//! the owner, an administrator, and programs with tokens that are not good for it.

use std::collections::{BTreeSet, HashMap};

use reqwest::Method;
use umbel_app::backend::Backend as _;
use umbel_app::paths;
use umbel_app::shown::{GroupDraft, MemberDraft, Role, Scope, ShareDraft};
use umbel_client::Client;
use umbel_guest::{AccountId, GroupId, GroupKind, GuestId, GuestRight, OperationId};
use umbel_server::http::router::{Route, routes};
use umbel_server::store::groups::{Group, group_insert};
use umbel_server::store::{Db, Tx};
use uuid::Uuid;

use crate::harness::db::{alone, both};
use crate::harness::edge::Edge;
use crate::harness::panel::{account, operations};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// What is sent along.
#[derive(Clone, Copy)]
pub(crate) enum Sent {
    Nothing,
    Json(&'static str),
    Form(&'static str),
}
use Sent::{Form, Json, Nothing};

pub(crate) const DRAFT: &str = r#"{"name":"old","image":"","kernel":"","memory_mib":64,"disk_mib":64}"#;

/// A group that only administrators see.
pub(crate) const GROUP: GroupId = GroupId(Uuid::from_u128(9));

/// Of what is being purged: 409, or 404 already.
const GOING: u16 = 0;

pub(crate) type Row = (Method, &'static str, Sent, [u16; 7]);

/// Status for nobody, a stranger, one who may see the guest, one with all rights that can be shared, an
/// operator or one who manages a group of the owner's, the owner, an administrator, in this order. `{guest}` is the owner's, `{operation}` one of it,
/// `{account}` another person's. A teacher is a stranger too.
pub(crate) fn table() -> Vec<Row> {
    let mut rows = vec![
        (GET, "/healthz", Nothing, [200, 200, 200, 200, 200, 200, 200]),
        (GET, "/readyz", Nothing, [200, 200, 200, 200, 200, 200, 200]),
        (GET, "/metrics", Nothing, [401, 403, 403, 403, 200, 403, 200]),
        (GET, "/sign-in", Nothing, [200, 303, 303, 303, 303, 303, 303]),
        (GET, "/first-run", Nothing, [404, 404, 404, 404, 404, 404, 404]),
        (POST, "/first-run", Form("token=x"), [404, 404, 404, 404, 404, 404, 404]),
        (GET, "/account/password", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (POST, "/account/password", Form(""), [303, 422, 422, 422, 422, 422, 422]),
        // Nobody owes a code.
        (GET, "/sign-in/code", Nothing, [303, 303, 303, 303, 303, 303, 303]),
        (POST, "/sign-in/code", Form("code=123456"), [303, 303, 303, 303, 303, 303, 303]),
        (GET, "/account/second-factor", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (POST, "/account/second-factor", Form("step=disable&code=123456"), [303, 409, 409, 409, 409, 409, 409]),
        (GET, "/account/confirm", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (POST, "/account/confirm", Form("password="), [303, 422, 422, 422, 422, 422, 422]),
        (GET, "/account/program", Nothing, [303, 422, 422, 422, 422, 422, 422]),
        (POST, "/account/program", Form("id=x"), [303, 422, 422, 422, 422, 422, 422]),
        (GET, "/account/confirm/provider", Nothing, [303, 404, 404, 404, 404, 404, 404]),
        // This panel has no sign-in provider, and nobody is linked.
        (GET, "/sign-in/provider", Nothing, [404, 404, 404, 404, 404, 404, 404]),
        (GET, "/sign-in/provider/back", Nothing, [404, 404, 404, 404, 404, 404, 404]),
        (GET, "/account/sign-in-provider", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (POST, "/account/sign-in-provider", Form("step=unlink"), [303, 409, 409, 409, 409, 409, 409]),
        // Asked without an upgrade.
        (GET, "/events", Nothing, [401, 426, 426, 426, 426, 426, 426]),
        (GET, "/api/v1/guests/{guest}/console", Nothing, [401, 404, 403, 426, 426, 426, 426]),
        (GET, "/api/v1/guests/{guest}/console/log", Nothing, [401, 404, 403, 200, 200, 200, 200]),
        (GET, "/api/v1/events", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api", Nothing, [200, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/openapi.json", Nothing, [200, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/session", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/session/confirm", Json(r#"{"password":""}"#), [401, 422, 422, 422, 422, 422, 422]),
        (
            POST,
            "/api/v1/session/password",
            Json(r#"{"password_old":"","password":"","password_again":""}"#),
            [401, 422, 422, 422, 422, 422, 422],
        ),
        (GET, "/api/v1/session/second-factor", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        // Nothing is begun, and nothing is on.
        (
            POST,
            "/api/v1/session/second-factor/confirm",
            Json(r#"{"code":"123456"}"#),
            [401, 409, 409, 409, 409, 409, 409],
        ),
        (
            POST,
            "/api/v1/session/second-factor/disable",
            Json(r#"{"code":"123456"}"#),
            [401, 409, 409, 409, 409, 409, 409],
        ),
        (POST, "/api/v1/session/second-factor", Nothing, [401, 201, 201, 201, 201, 201, 201]),
        (DELETE, "/api/v1/session/link", Nothing, [401, 409, 409, 409, 409, 409, 409]),
        (GET, "/api/v1/guests", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/guests", Json("{}"), [401, 422, 422, 422, 422, 422, 422]),
        (GET, "/api/v1/guests/form", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/guests/{guest}", Nothing, [401, 404, 200, 200, 200, 200, 200]),
        (PATCH, "/api/v1/guests/{guest}", Json("{}"), [401, 404, 403, 200, 403, 200, 200]),
        // Nothing is deleted yet.
        (POST, "/api/v1/guests/{guest}/undelete", Nothing, [401, 404, 403, 403, 403, 409, 409]),
        (POST, "/api/v1/guests/{guest}/start", Nothing, [401, 404, 403, 409, 409, 409, 409]),
        (POST, "/api/v1/guests/{guest}/start-shell", Nothing, [401, 404, 403, 409, 403, 409, 409]),
        (POST, "/api/v1/guests/{guest}/resume", Nothing, [401, 404, 403, 409, 409, 409, 409]),
        (GET, "/api/v1/guests/{guest}/shares", Nothing, [401, 404, 403, 403, 403, 200, 200]),
        (
            PUT,
            "/api/v1/guests/{guest}/shares",
            Json(r#"{"name":"carl","rights":["power"]}"#),
            [401, 404, 403, 403, 403, 200, 200],
        ),
        (PUT, "/api/v1/guests/{guest}/owner", Json(r#"{"to":""}"#), [401, 404, 403, 403, 403, 422, 422]),
        // Whoever comes first takes it away.
        (DELETE, "/api/v1/guests/{guest}/shares/{account}", Nothing, [401, 404, 403, 403, 403, 204, 404]),
        (GET, "/api/v1/operations", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/operations/{operation}", Nothing, [401, 404, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/operations/{operation}/cancel", Nothing, [401, 404, 403, 403, 403, 409, 409]),
        // Such a link is no invitation.
        (GET, "/invitation", Nothing, [404, 404, 404, 404, 404, 404, 404]),
        (POST, "/invitation", Form("token=x"), [404, 404, 404, 404, 404, 404, 404]),
        (GET, "/api/v1/settings/registration", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (
            PUT,
            "/api/v1/settings/registration",
            Json(r#"{"registration":"approval"}"#),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        // From here on it is open; whoever comes first has the name.
        (GET, "/register", Nothing, [200, 200, 200, 200, 200, 200, 200]),
        (POST, "/register", Form("name=ida&password=short"), [422, 422, 422, 422, 422, 422, 422]),
        (
            POST,
            "/api/v1/registrations",
            Json(r#"{"name":"ida","password":"a long password","password_again":"a long password"}"#),
            [201, 422, 422, 422, 422, 422, 422],
        ),
        // Carl doesn't wait.
        (POST, "/api/v1/people/{account}/approve", Nothing, [401, 403, 403, 403, 403, 403, 409]),
        (POST, "/api/v1/people/{account}/refuse", Nothing, [401, 403, 403, 403, 403, 403, 409]),
        (GET, "/api/v1/invitations", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/invitations", Json("{}"), [401, 403, 403, 403, 403, 403, 201]),
        (
            POST,
            "/api/v1/invitations/accept",
            Json(r#"{"token":"x","name":"dora","password":"","password_again":""}"#),
            [403, 403, 403, 403, 403, 403, 403],
        ),
        (DELETE, "/api/v1/invitations/{invitation}", Nothing, [401, 404, 404, 404, 404, 404, 404]),
        (GET, "/api/v1/people", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (GET, "/api/v1/people/{account}", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (POST, "/api/v1/people", Json(r#"{"name":"dora","role":"user"}"#), [401, 403, 403, 403, 403, 403, 201]),
        (
            POST,
            "/api/v1/people/import",
            Json(r#"{"lines":"ewald\nfritz,teacher"}"#),
            [401, 403, 403, 403, 403, 403, 200],
        ),
        (PATCH, "/api/v1/people/{account}", Json(r#"{"expires":""}"#), [401, 403, 403, 403, 403, 403, 204]),
        (
            POST,
            "/api/v1/people/{account}/suspend",
            Json(r#"{"guests":"shut_down"}"#),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        (POST, "/api/v1/people/{account}/reinstate", Nothing, [401, 403, 403, 403, 403, 403, 204]),
        (POST, "/api/v1/people/{account}/password", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        // It has none.
        (DELETE, "/api/v1/people/{account}/second-factor", Nothing, [401, 403, 403, 403, 403, 403, 409]),
        (GET, "/api/v1/tokens", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/tokens", Json(r#"{"name":"","days":0}"#), [401, 422, 422, 422, 422, 422, 422]),
        (DELETE, "/api/v1/tokens/{token}", Nothing, [401, 404, 404, 404, 404, 404, 404]),
        (GET, "/api/v1/host", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (GET, "/api/v1/host/metrics", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (POST, "/api/v1/guests/{guest}/sysrq", Json(r#"{"key":"sync"}"#), [401, 404, 403, 204, 403, 204, 204]),
        (GET, "/api/v1/guests/{guest}/metrics", Nothing, [401, 404, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/guests/{guest}/memory", Nothing, [401, 404, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/strays", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (POST, "/api/v1/strays/read", Json(r#"{"command_line":"mem=64M"}"#), [401, 403, 403, 403, 403, 403, 200]),
        // Of an image that isn't there.
        (POST, "/api/v1/strays/{stray}/adopt", Json(DRAFT), [401, 403, 403, 403, 403, 403, 404]),
        (GET, "/api/v1/networks", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        // The guest is plugged into nothing.
        (
            POST,
            "/api/v1/networks/forwards",
            Json(r#"{"guest":"{guest}","guest_port":22}"#),
            [401, 404, 403, 403, 403, 422, 422],
        ),
        (DELETE, "/api/v1/networks/forwards/{port}", Nothing, [401, 404, 404, 404, 404, 404, 404]),
        (GET, "/api/v1/images", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/images/{image}", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (
            POST,
            "/api/v1/images",
            Json(r#"{"upload":"x","name":"mine","version":"1"}"#),
            [401, 403, 403, 403, 403, 403, 422],
        ),
        (DELETE, "/api/v1/images/{image}", Nothing, [401, 403, 403, 403, 403, 403, 409]),
        (PATCH, "/api/v1/images/{image}", Json(r#"{"note":"ours"}"#), [401, 403, 403, 403, 403, 403, 204]),
        (GET, "/api/v1/kernels", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/kernels/{kernel}", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/settings/kernels", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/kernels", Json(r#"{"upload":"x","name":"mine"}"#), [401, 403, 403, 403, 403, 403, 422]),
        (
            PUT,
            "/api/v1/settings/kernels",
            Json(r#"{"choice":"everyone","upload":"administrators"}"#),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        (PATCH, "/api/v1/kernels/{kernel}", Json(r#"{"note":"ours"}"#), [401, 403, 403, 403, 403, 403, 204]),
        (DELETE, "/api/v1/kernels/{kernel}", Nothing, [401, 403, 403, 403, 403, 403, 409]),
        (POST, "/api/v1/uploads", Nothing, [401, 403, 403, 403, 403, 403, 201]),
        (PUT, "/api/v1/uploads/{upload}/{file}", Nothing, [401, 403, 403, 403, 403, 403, 404]),
        (DELETE, "/api/v1/uploads/{upload}", Nothing, [401, 404, 404, 404, 404, 404, 404]),
        (GET, "/api/v1/announcement", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (PUT, "/api/v1/announcement", Json(r#"{"text":"Down at noon"}"#), [401, 403, 403, 403, 403, 403, 204]),
        (DELETE, "/api/v1/announcement", Nothing, [401, 403, 403, 403, 403, 403, 204]),
        (GET, "/api/v1/groups", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (POST, "/api/v1/groups", Json(r#"{"name":"Green","kind":"team"}"#), [401, 403, 403, 403, 403, 403, 201]),
        // One that is another's.
        (GET, "/api/v1/groups/{group}", Nothing, [401, 404, 404, 404, 404, 404, 200]),
        (GET, "/api/v1/groups/{group}/quota", Nothing, [401, 404, 404, 404, 404, 404, 200]),
        (PUT, "/api/v1/groups/{group}", Json(r#"{"name":"Red","kind":"team"}"#), [401, 403, 403, 403, 403, 403, 204]),
        (
            PUT,
            "/api/v1/groups/{group}/members",
            Json(r#"{"name":"carl","role":"member"}"#),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        (DELETE, "/api/v1/groups/{group}/members/{account}", Nothing, [401, 403, 403, 403, 403, 403, 204]),
        (GET, "/api/v1/usage", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/usage/export", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (GET, "/usage", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/api/v1/webhooks", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (
            POST,
            "/api/v1/webhooks",
            Json(r#"{"url":"https://example.com/","events":["guest_crashed"]}"#),
            [401, 403, 403, 403, 403, 403, 201],
        ),
        (DELETE, "/api/v1/webhooks/{webhook}", Nothing, [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/api/v1/webhooks/{webhook}/test", Nothing, [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/api/v1/webhooks/deliveries/{delivery}/redeliver", Nothing, [401, 403, 403, 403, 403, 403, 404]),
        (GET, "/api/v1/quotas", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (GET, "/api/v1/quotas/mine", Nothing, [401, 200, 200, 200, 200, 200, 200]),
        (
            PUT,
            "/api/v1/quotas/roles/{role}/{kind}",
            Json(r#"{"limit":{"at_most":20}}"#),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        (
            PUT,
            "/api/v1/quotas/accounts/{account}/{kind}",
            Json(r#"{"limit":null}"#),
            [401, 403, 403, 403, 403, 403, 204],
        ),
        (PUT, "/api/v1/quotas/groups/{kind}", Json(r#"{"limit":{"at_most":20}}"#), [401, 403, 403, 403, 403, 403, 204]),
        (PUT, "/api/v1/quotas/groups/{group}/{kind}", Json(r#"{"limit":null}"#), [401, 403, 403, 403, 403, 403, 204]),
        // Administrators have no limit.
        (
            POST,
            "/api/v1/quotas/requests",
            Json(r#"{"kind":"guests","wanted":200,"why":"a class"}"#),
            [401, 201, 201, 201, 201, 201, 409],
        ),
        (POST, "/api/v1/quotas/requests/{request}/{verb}", Nothing, [401, 403, 403, 403, 403, 403, 404]),
        (GET, "/", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/guests", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/guests/new", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/guests/{guest}", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/guests/{guest}/console", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/guests/{guest}/activity", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/guests/{guest}/network", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/guests/{guest}/sharing", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/guests/{guest}/settings", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/guests/adopt", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/networks", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/images", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/images/{image}", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/kernels", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/host", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/doctor", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/operations", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/operations/{operation}", Nothing, [303, 404, 200, 200, 200, 200, 200]),
        (GET, "/audit", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/api/v1/audit", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (GET, "/api/v1/audit/export", Nothing, [401, 403, 403, 403, 403, 403, 200]),
        (GET, "/announcement", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/webhooks", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/people", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/people/{account}", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/groups", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/people/import", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/people/invitations", Nothing, [303, 200, 200, 200, 200, 200, 200]),
        (GET, "/groups/{group}", Nothing, [303, 404, 404, 404, 404, 404, 200]),
        (GET, "/quotas", Nothing, [303, 403, 403, 403, 403, 403, 200]),
        (GET, "/account", Nothing, [303, 200, 200, 200, 200, 200, 200]),
    ];
    let every_one = [401, 200, 200, 200, 200, 200, 200];
    let owners = [401, 404, 403, 200, 403, 200, 200];
    let seen = [401, 404, 200, 200, 200, 200, 200];
    let administrators = [401, 403, 403, 403, 403, 403, 200];
    rows.extend([
        (POST, "/_sf/account_me", Form(""), every_one),
        (POST, "/_sf/usage_fetch", Form(""), every_one),
        (POST, "/_sf/account_list", Form(""), administrators),
        (POST, "/_sf/audit_list", Form("who=ada"), administrators),
        (POST, "/_sf/account_create", Form("name=emil&role=user"), administrators),
        (POST, "/_sf/account_set_role", Form("account={account}&role=teacher"), administrators),
        (POST, "/_sf/account_suspend", Form("account={account}&guests=go_on"), administrators),
        (POST, "/_sf/account_reinstate", Form("account={account}"), administrators),
        (POST, "/_sf/account_decide", Form("account={account}&approved=true"), [401, 403, 403, 403, 403, 403, 409]),
        (POST, "/_sf/registration_fetch", Form(""), administrators),
        (POST, "/_sf/registration_set", Form("registration=open"), administrators),
        (POST, "/_sf/account_set_expiry", Form("account={account}&expires=2999-12-31"), administrators),
        (POST, "/_sf/account_reset_password", Form("account={account}"), administrators),
        (POST, "/_sf/announcement_fetch", Form(""), every_one),
        (POST, "/_sf/announcement_set", Form("text=Down+at+noon&level=info"), administrators),
        (POST, "/_sf/announcement_clear", Form(""), administrators),
        (POST, "/_sf/account_fetch", Form("account={account}"), administrators),
        (POST, "/_sf/account_import", Form("lines=gerd"), administrators),
        (POST, "/_sf/invitation_list", Form(""), every_one),
        (POST, "/_sf/invitation_create", Form("group=&uses=1&days=7&note="), administrators),
        (POST, "/_sf/invitation_remove", Form("invitation={invitation}"), [401, 404, 404, 404, 404, 404, 404]),
        (POST, "/_sf/group_list", Form(""), every_one),
        (POST, "/_sf/group_fetch", Form("group={group}"), [401, 404, 404, 404, 404, 404, 200]),
        (POST, "/_sf/group_create", Form("name=Blue&kind=class"), administrators),
        (POST, "/_sf/group_change", Form("group={group}&name=Red&kind=class"), administrators),
        (POST, "/_sf/member_put", Form("group={group}&name=carl&role=member"), administrators),
        (POST, "/_sf/member_remove", Form("group={group}&account={account}"), administrators),
        (POST, "/_sf/account_reset_second_factor", Form("account={account}"), [401, 403, 403, 403, 403, 403, 409]),
        (POST, "/_sf/webhook_list", Form(""), administrators),
        (
            POST,
            "/_sf/webhook_create",
            Form("url=https%3A%2F%2Fexample.com%2F&events%5B%5D=guest_crashed"),
            administrators,
        ),
        (POST, "/_sf/webhook_remove", Form("webhook={webhook}"), [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/_sf/webhook_test", Form("webhook={webhook}"), [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/_sf/webhook_redeliver", Form("delivery={delivery}"), [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/_sf/quota_mine", Form(""), every_one),
        (POST, "/_sf/quota_list", Form(""), administrators),
        (POST, "/_sf/quota_set", Form("of=user&kind=guests&limit=20"), administrators),
        (POST, "/_sf/quota_ask", Form("kind=memory&wanted=99999"), [401, 200, 200, 200, 200, 200, 409]),
        (POST, "/_sf/quota_decide", Form("request={request}&granted=false"), [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/_sf/session_list", Form(""), every_one),
        (POST, "/_sf/session_end", Form("session=none"), [401, 404, 404, 404, 404, 404, 404]),
        (POST, "/_sf/token_list", Form(""), every_one),
        (POST, "/_sf/token_create", Form("name=&days=0"), [401, 422, 422, 422, 422, 422, 422]),
        (POST, "/_sf/token_remove", Form("token=none"), [401, 404, 404, 404, 404, 404, 404]),
        (POST, "/_sf/overview", Form(""), every_one),
        (POST, "/_sf/guest_list", Form(""), every_one),
        (POST, "/_sf/guest_choices", Form(""), every_one),
        (POST, "/_sf/guest_create", Form("name="), [401, 422, 422, 422, 422, 422, 422]),
        (POST, "/_sf/guest_fetch", Form("guest={guest}"), seen),
        (POST, "/_sf/guest_rename", Form("guest={guest}&name=web"), owners),
        (
            POST,
            "/_sf/guest_reconfigure",
            Form("guest={guest}&kernel=debian-6.1&memory_mib=128&restart_policy=never"),
            [401, 404, 403, 409, 403, 409, 409],
        ),
        (POST, "/_sf/guest_act", Form("guest={guest}&action=undelete"), [401, 404, 403, 403, 403, 409, 409]),
        (POST, "/_sf/guest_purge", Form("guest={guest}&name=other"), [401, 404, 422, 422, 422, 422, 422]),
        (POST, "/_sf/guest_console_tail", Form("guest={guest}&lines=5"), [401, 404, 403, 200, 200, 200, 200]),
        (POST, "/_sf/guest_limit", Form("guest={guest}&cpu_percent=50"), owners),
        (POST, "/_sf/guest_set_autostart", Form("guest={guest}&autostart=false"), owners),
        (POST, "/_sf/guest_sysrq", Form("guest={guest}&key=sync"), owners),
        (POST, "/_sf/guest_metrics", Form("guest={guest}&span=hour"), seen),
        (POST, "/_sf/guest_memory_inside", Form("guest={guest}"), seen),
        (POST, "/_sf/share_list", Form("guest={guest}"), [401, 404, 403, 403, 403, 200, 200]),
        (POST, "/_sf/share_put", Form("guest={guest}&name=carl&power=true"), [401, 404, 403, 403, 403, 200, 200]),
        (POST, "/_sf/guest_give", Form("guest={guest}&to="), [401, 404, 403, 403, 403, 422, 422]),
        (POST, "/_sf/quota_of_group", Form("group={group}"), [401, 404, 404, 404, 404, 404, 200]),
        (POST, "/_sf/share_remove", Form("guest={guest}&account={account}"), [401, 404, 403, 403, 403, 200, 404]),
        (POST, "/_sf/host_fetch", Form(""), administrators),
        (POST, "/_sf/host_metrics", Form("span=day"), administrators),
        (POST, "/_sf/stray_list", Form(""), administrators),
        (POST, "/_sf/adopt_read", Form("command_line=mem"), administrators),
        (POST, "/_sf/guest_adopt", Form("stray=root_fs&name=old&memory_mib=64"), [401, 403, 403, 403, 403, 403, 404]),
        (POST, "/_sf/network_list", Form(""), every_one),
        (POST, "/_sf/forward_add", Form("guest={guest}&guest_port=22"), [401, 404, 403, 403, 403, 422, 422]),
        (POST, "/_sf/forward_remove", Form("host_port=20000"), [401, 404, 404, 404, 404, 404, 404]),
        (POST, "/_sf/image_list", Form(""), every_one),
        (POST, "/_sf/image_import", Form("upload=x&name=mine&version=1"), [401, 403, 403, 403, 403, 403, 422]),
        (POST, "/_sf/image_remove", Form("image={image}"), [401, 403, 403, 403, 403, 403, 409]),
        (POST, "/_sf/image_fetch", Form("image={image}"), every_one),
        (POST, "/_sf/image_set_deprecated", Form("image={image}&deprecated=false"), administrators),
        (POST, "/_sf/image_set_note", Form("image={image}&note=ours"), administrators),
        (POST, "/_sf/kernel_list", Form(""), every_one),
        (POST, "/_sf/upload_begin", Form(""), administrators),
        (POST, "/_sf/kernel_add", Form("upload=x&name=mine"), [401, 403, 403, 403, 403, 403, 422]),
        (POST, "/_sf/kernel_set_retired", Form("kernel={kernel}&retired=false"), administrators),
        (POST, "/_sf/kernel_set_note", Form("kernel={kernel}&note=ours"), administrators),
        (POST, "/_sf/kernel_remove", Form("kernel={kernel}"), [401, 403, 403, 403, 403, 403, 409]),
        (POST, "/_sf/kernel_set_settings", Form("choice=everyone&upload=administrators"), administrators),
        (POST, "/_sf/example_create", Form(""), every_one),
        (POST, "/api/v1/example", Nothing, [401, 202, 202, 202, 202, 202, 202]),
        (POST, "/_sf/operation_list", Form(""), every_one),
        (POST, "/_sf/operation_fetch", Form("operation={operation}"), seen),
        (POST, "/_sf/operation_cancel", Form("operation={operation}"), [401, 404, 403, 403, 403, 409, 409]),
        // These come last: they take away what the others ask for.
        (DELETE, "/api/v1/groups/{group}", Nothing, [401, 403, 403, 403, 403, 403, 204]),
        (POST, "/_sf/group_remove", Form("group={group}"), [401, 403, 403, 403, 403, 403, 404]),
        (DELETE, "/api/v1/people/{account}", Nothing, [401, 403, 403, 403, 403, 403, 204]),
        (
            POST,
            "/_sf/account_remove",
            Form("account={account}&guests=delete&to=&confirm=carl"),
            [401, 403, 403, 403, 403, 403, 404],
        ),
        (DELETE, "/api/v1/guests/{guest}", Nothing, [401, 404, 403, 403, 403, 202, 409]),
        (POST, "/api/v1/guests/{guest}/pause", Nothing, [401, 404, 403, 409, 409, 409, 409]),
        (POST, "/api/v1/guests/{guest}/restart", Nothing, [401, 404, 403, 409, 409, 409, 409]),
        (POST, "/api/v1/guests/{guest}/shut-down", Nothing, [401, 404, 403, 409, 409, 409, 409]),
        (POST, "/api/v1/guests/{guest}/kill", Nothing, [401, 404, 403, 409, 409, 409, 409]),
        (POST, "/api/v1/guests/{guest}/purge", Nothing, [401, 404, 403, 403, 403, 202, GOING]),
        (POST, "/api/v1/session", Json(r#"{"name":"nemo","password":"wrong"}"#), [422, 422, 422, 422, 422, 422, 422]),
        (DELETE, "/api/v1/session", Nothing, [401, 204, 204, 204, 204, 204, 204]),
        (POST, "/sign-in", Form("name=nobody&password=wrong"), [422, 422, 422, 422, 422, 422, 422]),
        (POST, "/sign-out", Nothing, [303, 303, 303, 303, 303, 303, 303]),
    ]);
    rows
}

pub(crate) fn fill(text: &str, guest: GuestId, operation: OperationId, account: AccountId) -> String {
    text.replace("{guest}", &guest.to_string())
        .replace("{operation}", &operation.to_string())
        .replace("{account}", &account.to_string())
        .replace("{token}", "none")
        .replace("{image}", "tiny-2")
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
        .replace("{verb}", "grant")
}

/// [`GROUP`], with nobody in it.
pub(crate) async fn group(db: &Db) {
    let name = "Red".parse().expect("a name");
    let group = Group { id: GROUP, name, kind: GroupKind::Team, created_at: 1, members: 0 };
    alone(db, async |tx: &mut Tx| group_insert(tx, &group).await).await.expect("a new group");
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
            let asked = async |client: &Client| send(client, &method, &fill(path), sent, &fill).await;
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
