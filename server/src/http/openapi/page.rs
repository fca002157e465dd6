//! `/api`: the document as a page. The server writes it out of the document, so it is as true as that and
//! costs no script; it tells nothing that the program's source doesn't, so it is for everybody.

use std::sync::LazyLock;

use axum::Extension;
use axum::response::Html;
use leptos::nonce::Nonce;
use serde_json::Value;
use umbel_app::paths;
use umbel_app::plain::api_page;

use super::text;

pub async fn shown(Extension(nonce): Extension<Nonce>) -> Html<String> {
    static API: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(text()).expect("it was written as JSON"));
    Html(api_page(&API, paths::API_DOCUMENT, &nonce))
}
