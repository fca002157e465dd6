//! Whether the host's own firewall lets guests' packets through. A verdict to drop is final whichever table
//! it falls in, so nothing in our own table could help; the administrator is told, for the page Doctor.

use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use umbel_guest::{InstanceId, WallState};
use umbel_wire::agent::Wall;

use super::program::find;
use super::{NetworkError, names};

/// For so long an answer is true: two programs are run for it, and it is asked for with every page.
const AGE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Firewall {
    last: Mutex<Option<(Instant, Wall)>>,
}

impl Firewall {
    pub fn wall(&self, instance: &InstanceId) -> Wall {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, wall)) = last.as_ref().filter(|(then, _)| then.elapsed() < AGE) {
            return wall.clone();
        }
        let wall = look(&names::veth_prefix(instance));
        *last = Some((Instant::now(), wall.clone()));
        wall
    }
}

fn look(prefix: &str) -> Wall {
    let found = nft_rules().map(|rules| {
        let legacy = legacy_rules().filter(|rules| legacy_drops(rules, prefix));
        nft_drops(&rules, prefix).or_else(|| legacy.map(|_| LEGACY.replace("PREFIX", prefix)))
    });
    let name = "forwarding".to_owned();
    let state = match found {
        Ok(None) => WallState::Stands {
            does: "No chain of the host's firewall keeps guests' packets from being forwarded.".into(),
        },
        Ok(Some(why)) => WallState::Missing { why },
        Err(error) => WallState::Missing { why: format!("Whether guests reach the net isn't known: {error}.") },
    };
    Wall { name, state }
}

const LEGACY: &str = "Guests may reach nothing: the chain FORWARD of iptables-legacy drops what no rule accepts, \
    and none names PREFIX+. What helps: iptables-legacy -I FORWARD -i PREFIX+ -j ACCEPT; \
    iptables-legacy -I FORWARD -o PREFIX+ -j ACCEPT";

/// nft(8) in JSON (libnftables-json(5)), without what sets hold.
fn nft_rules() -> Result<Value, NetworkError> {
    let failed = |source| NetworkError::Run { program: "nft", source };
    let mut command = Command::new(find("nft", "nftables")?);
    let output = command.args(["--json", "--terse", "list", "ruleset"]).env_clear().output().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
        return Err(NetworkError::Failed { program: "nft", said });
    }
    serde_json::from_slice(&output.stdout).map_err(|e| failed(e.into()))
}

/// Of the older kind, which nft doesn't show; looked at only where there are any, since looking makes some.
fn legacy_rules() -> Option<String> {
    let tables = fs::read_to_string("/proc/thread-self/net/ip_tables_names").ok()?;
    tables.lines().find(|table| *table == "filter")?;
    let program = find("iptables-legacy", "iptables").ok()?;
    let output = Command::new(program).arg("-S").env_clear().output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn legacy_drops(rules: &str, prefix: &str) -> bool {
    rules.lines().any(|line| line == "-P FORWARD DROP") && !rules.contains(prefix)
}

/// What would help, where a chain of another's drops forwarded packets by policy or by its last rule, and
/// no rule of its table names our interfaces.
fn nft_drops(ruleset: &Value, prefix: &str) -> Option<String> {
    let all = ruleset["nftables"].as_array()?;
    let chains = all.iter().filter_map(|object| object.get("chain"));
    let rules = || all.iter().filter_map(|object| object.get("rule"));
    let word = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let forwards = |chain: &&Value| {
        word(chain, "hook") == "forward"
            && ["ip", "inet"].contains(&&*word(chain, "family"))
            && !word(chain, "table").starts_with("umbel_")
    };
    for chain in chains.filter(forwards) {
        let (family, table, name) = (word(chain, "family"), word(chain, "table"), word(chain, "name"));
        let of_table = |rule: &&Value| word(rule, "family") == family && word(rule, "table") == table;
        let last = rules().filter(of_table).rfind(|rule| word(rule, "chain") == name);
        let drops = word(chain, "policy") == "drop" || last.is_some_and(drops_all);
        if drops && !rules().filter(of_table).any(|rule| rule["expr"].to_string().contains(prefix)) {
            let insert = format!("nft insert rule {family} {table} {name}");
            return Some(format!(
                "Guests may reach nothing: the chain {name} of the table {family} {table} drops what no rule \
                 accepts, and none names {prefix}*. What helps: {insert} iifname '\"{prefix}*\"' accept; \
                 {insert} oifname '\"{prefix}*\"' accept"
            ));
        }
    }
    None
}

/// A rule without any condition.
fn drops_all(rule: &Value) -> bool {
    let is = |word: &Value, names: &[&str]| names.iter().any(|name| word.get(name).is_some());
    let words = rule["expr"].as_array().map(Vec::as_slice).unwrap_or_default();
    words.last().is_some_and(|last| is(last, &["drop", "reject"]))
        && words.iter().all(|word| is(word, &["drop", "reject", "counter", "log"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(policy: &str, expr: &Value) -> Value {
        json!({ "nftables": [
            { "metainfo": {} },
            { "chain": { "family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": policy } },
            { "chain": { "family": "bridge", "table": "b", "name": "f", "hook": "forward", "policy": "drop" } },
            { "chain": { "family": "inet", "table": "umbel_1", "name": "f", "hook": "forward", "policy": "drop" } },
            { "rule": { "family": "ip", "table": "filter", "chain": "FORWARD", "expr": expr } },
        ]})
    }

    #[test]
    fn a_chain_that_drops_what_is_forwarded_is_found_and_one_that_lets_us_through_is_not() {
        let jump = json!([{ "jump": { "target": "DOCKER-USER" } }]);
        let found = |policy: &str, expr: &Value| nft_drops(&rules(policy, expr), "u0c7dce-");
        assert_eq!(found("accept", &jump), None);
        let help = found("drop", &jump).expect("found");
        assert!(help.contains("nft insert rule ip filter FORWARD iifname '\"u0c7dce-*\"' accept"), "{help}");
        assert!(found("accept", &json!([{ "counter": {} }, { "reject": {} }])).is_some());
        let ours = json!([{ "match": { "op": "==", "left": {}, "right": "u0c7dce-*" } }, { "accept": null }]);
        assert_eq!(found("drop", &ours), None);
        assert_eq!(found("accept", &json!([{ "match": {} }, { "drop": null }])), None);
    }

    #[test]
    fn the_older_kind_drops_by_policy() {
        assert!(legacy_drops("-P INPUT ACCEPT\n-P FORWARD DROP\n", "u0c7dce-"));
        assert!(!legacy_drops("-P FORWARD DROP\n-A FORWARD -i u0c7dce-+ -j ACCEPT\n", "u0c7dce-"));
        assert!(!legacy_drops("-P FORWARD ACCEPT\n", "u0c7dce-"));
    }
}
