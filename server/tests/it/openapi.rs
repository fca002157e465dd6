//! The API's document: it describes every route under /api/v1 and nothing else, and it hangs together.

use std::collections::BTreeSet;

use serde_json::Value;
use umbel_app::paths;
use umbel_server::http::openapi;
use umbel_server::http::router::own;

use crate::harness::db::both;
use crate::harness::edge::Edge;

fn document() -> Value {
    serde_json::from_str(openapi::text()).expect("JSON")
}

/// Every operation: method and path, and what is said of it.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item): (&String, &'static str)| (format!("{} {path}", item.to_uppercase()), path.clone(), item);
    let methods = ["get", "put", "post", "delete", "patch", "head", "options", "trace"];
    let all = paths.keys().flat_map(|path| methods.map(|method| of((path, method))));
    all.filter_map(|(name, path, method)| Some((name, document["paths"][&path].get(method)?))).collect()
}

#[test]
fn every_route_of_the_api_is_described_and_nothing_else() {
    let document = document();
    let described: BTreeSet<String> = operations(&document).into_iter().map(|(name, _)| name).collect();
    let of_api = own().into_iter().filter(|route| route.path.starts_with(paths::API));
    let there: BTreeSet<String> = of_api.map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(there.difference(&described).collect::<Vec<_>>(), Vec::<&String>::new(), "not described");
    assert_eq!(described.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "described, but not there");
}

#[test]
fn every_operation_says_what_it_does_who_may_and_what_comes_back() {
    let (document, mut wrong, mut names) = (document(), Vec::new(), BTreeSet::new());
    for (name, operation) in operations(&document) {
        let mut must = |holds: bool, what: &str| (!holds).then(|| wrong.push(format!("{name}: {what}")));
        must(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "its summary is no sentence");
        must(names.insert(operation["operationId"].to_string()), "its name is another's too");
        must(operation["security"].as_array().is_some_and(|ways| !ways.is_empty()), "it doesn't say who may");
        let statuses: Vec<&String> = operation["responses"].as_object().expect("answers").keys().collect();
        must(statuses.iter().any(|status| status.starts_with(['1', '2'])), "nothing comes of it");
        let named = name.matches('{').count();
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
        must(
            in_path
                .clone()
                .all(|parameter| name.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap_or_default()))),
            "a parameter isn't in its path",
        );
        must(in_path.count() == named, "a part of its path is no parameter");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scopes_are_those_of_the_routes() {
    let document = document();
    for route in own().into_iter().filter(|route| route.described.is_some()) {
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        let said = operation["security"].as_array().expect("ways in").iter().find_map(|way| way["token"][0].as_str());
        assert_eq!(said, route.scope.map(umbel_app::shown::Scope::word), "{} {}", route.method, route.path);
    }
}

/// Who makes something and hears nothing may ask again.
#[test]
fn whatever_makes_something_takes_a_key() {
    let document = document();
    let takes = |operation: &Value| {
        operation["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"))
    };
    let makes = |operation: &Value| operation["responses"].get("201").is_some();
    let mut lacking: Vec<String> = operations(&document)
        .into_iter()
        .filter(|(_, operation)| makes(operation) && !takes(operation))
        .map(|(name, _)| name)
        .collect();
    // Who comes in is nobody yet.
    let open = ["POST /api/v1/session", "POST /api/v1/invitations/accept", "POST /api/v1/registrations"];
    lacking.retain(|name| !open.contains(&name.as_str()));
    assert_eq!(lacking, Vec::<String>::new());
    assert!(takes(&document["paths"]["/api/v1/guests"]["post"]));
}

#[test]
fn every_reference_leads_somewhere() {
    fn look<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| look(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| look(item, found)),
            _ => {}
        }
    }
    let (document, mut found) = (document(), Vec::new());
    look(&document, &mut found);
    assert!(found.len() > 100, "{found:?}");
    let lost: Vec<_> = found.iter().filter(|to| document.pointer(&to[1..]).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

both! {
    async fn the_document_and_its_page_need_no_sign_in(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let get = async |path: &str| edge.bare(reqwest::Method::GET, path).send().await.expect("an answer");
        let document = get(paths::API_DOCUMENT).await;
        assert_eq!(document.headers()["content-type"], "application/json");
        assert_eq!(document.json::<Value>().await.expect("JSON")["openapi"], "3.1.0");
        let page = get(paths::API_PAGE).await.text().await.expect("a page");
        assert!(page.contains("id=\"guests_create\"") && page.contains("id=\"type-GuestDraft\""), "{page}");
    }
}
