//! Every route, asked by everybody: nobody, a stranger, the owner, an administrator.

use std::collections::BTreeSet;

use reqwest::Method;
use umbel_client::Client;
use umbel_server::http::router::routes;
use umbel_server::store::operations::operation_list;

use crate::harness::db::both;
use crate::harness::edge::Edge;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// What is sent along.
#[derive(Clone, Copy)]
enum Sent {
    Nothing,
    Json(&'static str),
    Form(&'static str),
}
use Sent::{Form, Json, Nothing};

type Row = (Method, &'static str, Sent, [u16; 4]);

/// Status for nobody, a stranger, the owner, an administrator, in this order. `{guest}` is the
/// owner's, `{operation}` one of it, `{account}` a fourth person's.
fn table() -> Vec<Row> {
    let mut rows = vec![
        (GET, "/healthz", Nothing, [200, 200, 200, 200]),
        (GET, "/readyz", Nothing, [200, 200, 200, 200]),
        (GET, "/sign-in", Nothing, [200, 303, 303, 303]),
        (GET, "/first-run", Nothing, [404, 404, 404, 404]),
        (POST, "/first-run", Form("token=x"), [404, 404, 404, 404]),
        (GET, "/account/password", Nothing, [303, 200, 200, 200]),
        (POST, "/account/password", Form(""), [303, 422, 422, 422]),
        // Asked without an upgrade.
        (GET, "/events", Nothing, [401, 426, 426, 426]),
        (GET, "/api/v1/guests/{guest}/console", Nothing, [401, 404, 426, 426]),
        (GET, "/api/v1/guests/{guest}/console/log", Nothing, [401, 404, 200, 200]),
        (GET, "/api/v1/session", Nothing, [401, 200, 200, 200]),
        (
            POST,
            "/api/v1/session/password",
            Json(r#"{"password_old":"","password":"","password_again":""}"#),
            [401, 422, 422, 422],
        ),
        (GET, "/api/v1/guests", Nothing, [401, 200, 200, 200]),
        (POST, "/api/v1/guests", Json("{}"), [401, 422, 422, 422]),
        (GET, "/api/v1/guests/form", Nothing, [401, 200, 200, 200]),
        (GET, "/api/v1/guests/{guest}", Nothing, [401, 404, 200, 200]),
        (PATCH, "/api/v1/guests/{guest}", Json("{}"), [401, 404, 200, 200]),
        // Undelete, of what is not deleted.
        (POST, "/api/v1/guests/{guest}/{action}", Nothing, [401, 404, 409, 409]),
        (GET, "/api/v1/operations", Nothing, [401, 200, 200, 200]),
        (GET, "/api/v1/operations/{operation}", Nothing, [401, 404, 200, 200]),
        (POST, "/api/v1/operations/{operation}/cancel", Nothing, [401, 404, 409, 409]),
        (GET, "/api/v1/people", Nothing, [401, 403, 403, 200]),
        (POST, "/api/v1/people", Json(r#"{"name":"dora","role":"user"}"#), [401, 403, 403, 201]),
        (PATCH, "/api/v1/people/{account}", Json(r#"{"enabled":true}"#), [401, 403, 403, 204]),
        (POST, "/api/v1/people/{account}/password", Nothing, [401, 403, 403, 200]),
        (GET, "/api/v1/host", Nothing, [401, 200, 200, 200]),
        (GET, "/", Nothing, [303, 200, 200, 200]),
        (GET, "/guests", Nothing, [303, 200, 200, 200]),
        (GET, "/guests/new", Nothing, [303, 200, 200, 200]),
        (GET, "/guests/{guest}", Nothing, [303, 404, 200, 200]),
        (GET, "/guests/{guest}/console", Nothing, [303, 404, 200, 200]),
        (GET, "/guests/{guest}/activity", Nothing, [303, 404, 200, 200]),
        (GET, "/guests/{guest}/settings", Nothing, [303, 404, 200, 200]),
        (GET, "/operations", Nothing, [303, 200, 200, 200]),
        (GET, "/operations/{operation}", Nothing, [303, 404, 200, 200]),
        (GET, "/people", Nothing, [303, 403, 403, 200]),
        (GET, "/account", Nothing, [303, 200, 200, 200]),
    ];
    let every_one = [401, 200, 200, 200];
    let owners = [401, 404, 200, 200];
    let administrators = [401, 403, 403, 200];
    rows.extend([
        (POST, "/_sf/account_me", Form(""), every_one),
        (POST, "/_sf/account_list", Form(""), administrators),
        (POST, "/_sf/account_create", Form("name=emil&role=user"), administrators),
        (POST, "/_sf/account_set_enabled", Form("account={account}&enabled=true"), administrators),
        (POST, "/_sf/account_reset_password", Form("account={account}"), administrators),
        (POST, "/_sf/session_list", Form(""), every_one),
        (POST, "/_sf/session_end", Form("session=none"), [401, 404, 404, 404]),
        (POST, "/_sf/overview", Form(""), every_one),
        (POST, "/_sf/guest_list", Form(""), every_one),
        (POST, "/_sf/guest_choices", Form(""), every_one),
        (POST, "/_sf/guest_create", Form("name="), [401, 422, 422, 422]),
        (POST, "/_sf/guest_fetch", Form("guest={guest}"), owners),
        (POST, "/_sf/guest_rename", Form("guest={guest}&name=web"), owners),
        (
            POST,
            "/_sf/guest_reconfigure",
            Form("guest={guest}&kernel=debian-6.1&memory_mib=128&restart_policy=never"),
            [401, 404, 409, 409],
        ),
        (POST, "/_sf/guest_act", Form("guest={guest}&action=undelete"), [401, 404, 409, 409]),
        (POST, "/_sf/guest_purge", Form("guest={guest}&name=other"), [401, 404, 422, 422]),
        (POST, "/_sf/guest_console_tail", Form("guest={guest}&lines=5"), owners),
        (POST, "/_sf/operation_list", Form(""), every_one),
        (POST, "/_sf/operation_fetch", Form("operation={operation}"), owners),
        (POST, "/_sf/operation_cancel", Form("operation={operation}"), [401, 404, 409, 409]),
        // These come last: they take away what the others ask for.
        (DELETE, "/api/v1/guests/{guest}", Nothing, [401, 404, 202, 409]),
        (POST, "/api/v1/session", Json(r#"{"name":"nobody","password":"wrong"}"#), [422, 422, 422, 422]),
        (DELETE, "/api/v1/session", Nothing, [401, 204, 204, 204]),
        (POST, "/sign-in", Form("name=nobody&password=wrong"), [422, 422, 422, 422]),
        (POST, "/sign-out", Nothing, [303, 303, 303, 303]),
    ]);
    rows
}

#[tokio::test]
async fn every_route_is_in_the_table() {
    let walked: BTreeSet<String> = table().iter().map(|(method, path, ..)| format!("{method} {path}")).collect();
    let there: BTreeSet<String> = routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(there.difference(&walked).collect::<Vec<_>>(), Vec::<&String>::new(), "not walked");
    assert_eq!(walked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "walked, but not there");
}

both! {
    async fn everybody_gets_what_is_theirs_and_nothing_else(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let carl = crate::harness::panel::account(&fresh.db, "carl", umbel_app::shown::Role::User).await;
        let guest = edge.test.made("web").await;
        let operations = operation_list(&fresh.db).await.expect("a list");
        let operation = operations.first().expect("it was created").id;
        let fill = |text: &str| {
            text.replace("{guest}", &guest.to_string())
                .replace("{operation}", &operation.to_string())
                .replace("{account}", &carl.account.id.to_string())
                .replace("{action}", "undelete")
        };
        let everybody: [Client; 4] = [
            edge.client(),
            edge.signed_in("berta").await,
            edge.signed_in("anna").await,
            edge.signed_in("root").await,
        ];
        let mut wrong = Vec::new();
        for (method, path, sent, expected) in table() {
            for (client, expected) in everybody.iter().zip(expected) {
                let request = client.request(method.clone(), &fill(path));
                let request = match sent {
                    Nothing => request,
                    Json(json) => request.header("content-type", "application/json").body(fill(json)),
                    Form(form) => request.header("content-type", "application/x-www-form-urlencoded").body(fill(form)),
                };
                let answer = request.send().await.expect("an answer");
                let status = answer.status().as_u16();
                if status != expected {
                    let text = answer.text().await.unwrap_or_default();
                    let text: String = text.chars().take(300).collect();
                    wrong.push(format!("{method} {path}: {status}, not {expected}: {text}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
