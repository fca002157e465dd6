//! Figures for Prometheus: whom they are shown to, that they are true, and that the dashboard asks for nothing
//! that isn't there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use umbel_app::shown::Role;
use umbel_client::Client;

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::account;
use crate::harness::program::Umbel;

/// Each series with its value.
fn series(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').expect(line)).map(|(name, n)| (name, n.parse().expect(name))).collect()
}

async fn with_token(edge: &Edge, of: &str) -> Client {
    let made = edge.signed_in(of).await.token_create("prometheus", &["read"], 30).await.expect("made");
    Client::with_token(&edge.address, &made.token).expect("a token")
}

both! {
    async fn what_is_counted_is_what_there_is(fresh) {
        let edge = Edge::start(&fresh.db).await;
        edge.give_password(&account(&fresh.db, "oda", Role::Operator).await, false).await;
        edge.test.made("web").await;
        edge.client().sign_in("anna", "wrong").await.expect_err("it is wrong");
        let program = with_token(&edge, "oda").await;
        program.request(reqwest::Method::GET, "/no/such/place").send().await.expect("an answer");
        let text = program.metrics().await.expect("an operator's");
        let series = series(&text);
        for (name, value) in [
            (r#"umbel_guests{state="running"}"#, 1.0),
            (r#"umbel_guests{state="crashed"}"#, 0.0),
            (r#"umbel_operations{kind="guest_create",state="done"}"#, 1.0),
            (r#"umbel_sign_ins_total{outcome="refused"}"#, 1.0),
            (r#"umbel_sign_ins_total{outcome="signed_in"}"#, 1.0),
            (r#"umbel_http_requests_total{method="POST",route="/api/v1/tokens",status="201"}"#, 1.0),
            (r#"umbel_http_requests_total{method="GET",route="none",status="404"}"#, 1.0),
            ("umbel_agent_up", 1.0),
            ("umbel_console_readers", 0.0),
        ] {
            assert_eq!(series.get(name), Some(&value), "{name} in {text}");
        }
        assert!(series["umbel_database_connections_open"] >= 1.0 && series["umbel_host_memory_total_bytes"] > 0.0);
        // Ids in paths would be series without end.
        let uuid = text.lines().find(|line| line.split('/').any(|part| part.len() == 36));
        assert_eq!(uuid, None);
        edge.test.host.set_away(true);
        let away = |text: &str| text.contains("umbel_agent_up 0") && !text.contains("umbel_host_memory_total_bytes");
        for _ in 0..100 {
            if away(&program.metrics().await.expect("without the agent too")) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("an agent that is away counts as here");
    }
}

#[tokio::test]
async fn they_have_an_address_of_their_own_if_one_is_set() {
    let address = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it listens");
    let umbel = Umbel::new();
    let mut command = umbel.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--metrics-listen").arg(address.to_string());
    let panel = crate::harness::program::Running::start(command);
    let at = async |path: &str| reqwest::get(path).await.expect("an answer");
    let own = at(&format!("http://{address}/metrics")).await;
    assert_eq!(own.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(own.text().await.expect("text").contains("umbel_agent_up 0"));
    assert_eq!(at(&format!("http://{address}/sign-in")).await.status(), 404, "nothing else is there");
    assert_eq!(at(&format!("{}/metrics", panel.origin())).await.status(), 401, "others need a token still");
}

fn expressions(of: &serde_json::Value, found: &mut Vec<String>) {
    match of {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            serde_json::Value::String(text) if name == "expr" || name == "query" => found.push(text.clone()),
            other => expressions(other, found),
        }),
        serde_json::Value::Array(list) => list.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("umbel_")).map(str::to_owned).collect()
}

both! {
    async fn the_dashboard_asks_for_what_is_there_and_leaves_nothing_out(fresh) {
        let dashboard: serde_json::Value =
            serde_json::from_str(include_str!("../../../deploy/grafana/umbel.json")).expect("JSON");
        let mut expressions_of_it = Vec::new();
        expressions(&dashboard, &mut expressions_of_it);
        let asked: BTreeSet<String> = expressions_of_it.iter().flat_map(|text| names(text)).collect();
        let edge = Edge::start(&fresh.db).await;
        // A request is counted once it is answered.
        let program = with_token(&edge, "root").await;
        let text = program.metrics().await.expect("an administrator's");
        let there: BTreeSet<String> =
            series(&text).keys().map(|name| name.split('{').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "asked for, not there: {text}");
        assert_eq!(there.difference(&asked).collect::<Vec<_>>(), Vec::<&String>::new(), "there, shown nowhere");
    }
}
